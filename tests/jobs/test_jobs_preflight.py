"""Before anything is sent: what the vendor would drop without a word is named, and values go in its types."""

from __future__ import annotations

import asyncio

import attrs
import pytest
import pytest_asyncio
from job_runs import ID, applied, counts, rejects, run
from job_runs import make_job as job_of

from netaudience import NetmeraClient
from netaudience.errors import GuardRefused
from netaudience.jobs.extract.page import SourceRow
from netaudience.jobs.map.items import make_items
from netaudience.jobs.plan.plan import plan_job
from netaudience.jobs.plan.preflight import ask_vendor
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Expression, Guards, Source, Step
from netaudience.sandbox import Sandbox
from netaudience.sandbox.fynd.state import Definition, FyndUser
from netaudience.sandbox.netmera.definitions import Attribute, Event

#: Types by the vendor's words. Source: the reference's example of AttributeDefinition.
DEFINED = (
    Attribute("city"), Attribute("age", "INT"), Attribute("score", "DOUBLE"), Attribute("vip", "BOOLEAN"),
    Attribute("birthday", "DATE"), Attribute("seen", "TIME_STAMP"), Attribute("likes", "STRING", array=True),
    Attribute("sizes", "INT", array=True),
)  # fmt: skip
HEAD = "user_id,city,age,score,vip,birthday,seen,likes,sizes"


def make_job(beside, *steps, **guards):
    return job_of(beside, *steps, guards=Guards(**guards))


def column(name: str) -> Expression:
    return Expression(column=name)


def step(**fields: Expression) -> Step:
    named = {f"profile.{name}": expression for name, expression in fields.items()}
    return Step(
        name="set", vendor="netmera", operation="set_profile_attributes", rate=1000,
        fields={"ext_id": ID, **named},
    )  # fmt: skip


def lines(folder, *rows: str) -> None:
    (folder / "users.csv").write_text("\n".join(rows) + "\n")


@pytest_asyncio.fixture
async def sandbox():
    async with Sandbox() as running:
        running.netmera.attributes = {one.code: one for one in DEFINED}
        yield running


def profile(sandbox, user: str = "a"):
    return dict(sandbox.netmera.users[user].profile)


@pytest.mark.asyncio
async def test_texts_of_a_csv_become_the_types_that_are_defined(tmp_path, sandbox):
    row = "a,Ankara,31,19.90,true,1990-05-17,2026-01-31T12:00:00Z,a;b,1;2"
    lines(tmp_path, HEAD, row)
    told = await run(
        make_job(tmp_path, step(**{name: column(name) for name in HEAD.split(",")[1:]})), sandbox
    )
    assert counts(told)["set"][1] == 1
    # Midnight of the day in UTC, as values.md has it.
    assert profile(sandbox) == {
        "city": "Ankara", "age": 31, "score": 19.9, "vip": True, "birthday": 642902400000,
        "seen": 1769860800000, "likes": ["a", "b"], "sizes": [1, 2],
    }  # fmt: skip


@pytest.mark.asyncio
async def test_without_it_they_are_lost_without_a_word(tmp_path, sandbox):
    lines(tmp_path, HEAD, "a,Ankara,31,19.90,true,1990-05-17,2026-01-31T12:00:00Z,a;b,1;2")
    job = make_job(tmp_path, step(city=column("city"), age=column("age"), birthday=column("birthday")))
    job = attrs.evolve(job, guards=attrs.evolve(job.guards, preflight=False))
    told = await run(job, sandbox)
    assert told.ok
    assert profile(sandbox) == {"city": "Ankara"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("City", "'City' but 'city', which differs in its case, and leaves it out without a word"),
        ("cities", "'cities' and leaves it out without a word: did you mean 'city'? Nothing was sent"),
        ("qqq", "'qqq' and leaves it out without a word. Nothing was sent"),
    ],
)
async def test_a_name_that_is_not_defined_stops_a_run_and_its_plan(
    tmp_path, sandbox, monkeypatch, name, sentence
):
    lines(tmp_path, HEAD, "a,Ankara,31,19.90,true,1990-05-17,,,")
    job = make_job(tmp_path, step(**{name: column("city")}))
    with pytest.raises(GuardRefused, match="--no-preflight") as refused:
        await run(job, sandbox)
    sentence = f"profile.{name}: Netmera has no profile attribute {sentence}"
    assert sentence in str(refused.value)
    assert applied(sandbox, "netmera", "set_profile_attributes") == (0, 0)
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
    monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
    (stop,) = (await asyncio.to_thread(job.plan)).stops
    assert sentence in stop


@pytest.mark.asyncio
async def test_a_row_whose_value_has_no_form_in_the_type_is_rejected(tmp_path, sandbox):
    lines(tmp_path, HEAD, "a,Ankara,31.5,,,,,,", "b,Izmir,x,,,,,,", "c,Bursa,7,,maybe,,,,", "d,Adana,8,,,,,,")
    job = make_job(tmp_path, step(city=column("city"), age=column("age"), vip=column("vip")))
    job = attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None))
    told = await run(job, sandbox)
    assert [one["position"] for one in rejects(told)] == [1, 2, 3]
    assert rejects(told)[0]["reason"] == (
        "The field 'profile.age' has no form in the type that the vendor has defined, INT"
    )
    assert profile(sandbox, "d") == {"city": "Adana", "age": 8}


@pytest.mark.asyncio
async def test_a_column_of_another_type_stops_the_run(tmp_path, sandbox):
    job = make_job(tmp_path, step(vip=column("day"), birthday=column("day")))
    source = Source(sql="SELECT 'a' AS user_id, DATE '1990-05-17' AS day", key=("user_id",))
    with pytest.raises(GuardRefused) as refused:
        await run(attrs.evolve(job, source=source), sandbox)
    assert "profile.vip (DATE) is BOOLEAN at Netmera" in str(refused.value)
    assert "birthday" not in str(refused.value)


@pytest.mark.asyncio
async def test_typed_columns_go_as_they_are(tmp_path, sandbox):
    sql = "SELECT 'a' AS user_id, DATE '1990-05-17' AS birthday, 31 AS age, 7::BIGINT AS city, 2.5 AS score"
    names = ("birthday", "age", "city", "score")
    job = make_job(tmp_path, step(**{name: column(name) for name in names}))
    told = await run(attrs.evolve(job, source=Source(sql=sql, key=("user_id",))), sandbox)
    assert told.ok
    assert profile(sandbox) == {"birthday": 642902400000, "age": 31, "city": "7", "score": 2.5}


@pytest.mark.asyncio
async def test_a_whole_profile_of_a_row_is_held_to_the_definitions(tmp_path, sandbox):
    (tmp_path / "users.ndjson").write_text(
        '{"user_id": "a", "profile": {"age": "31"}}\n{"user_id": "b", "profile": {"Age": 31}}\n'
    )
    one = attrs.evolve(step(), fields={"ext_id": ID, "profile": column("profile")})
    job = attrs.evolve(make_job(tmp_path, one), source=Source(files=("users.ndjson",), key=("user_id",)))
    told = await run(attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None)), sandbox)
    (reject,) = rejects(told)
    assert reject["position"] == 2
    assert "holds an entry that is no profile attribute of the account's" in reject["reason"]
    assert profile(sandbox) == {"age": 31}


@pytest.mark.asyncio
async def test_a_vendor_that_does_not_tell_is_no_hindrance(tmp_path):
    lines(tmp_path, HEAD, "a,Ankara,31,19.90,true,1990-05-17,,,")
    async with Sandbox() as anything:
        told = await run(make_job(tmp_path, step(city=column("city"))), anything)
        assert told.ok
        (note,) = told.steps[0].notes
        assert note == (
            "No profile attribute was compared, for get_attribute_definitions was not answered: "
            "Netmera does not tell it here (HTTP 404)"
        )


@pytest.mark.asyncio
async def test_an_account_is_asked_once_for_all_its_steps(tmp_path, sandbox):
    lines(tmp_path, HEAD, "a,Ankara,31,,,,,,")
    steps = [attrs.evolve(step(age=column("age")), name=f"step{at}") for at in range(3)]
    assert (await run(make_job(tmp_path, *steps), sandbox)).ok
    asked = [one for one in sandbox.ledger.requests if one.operation == "app/profile-attributes"]
    assert len(asked) == 1


@pytest.mark.asyncio
async def test_names_that_are_values_are_held_to_what_there_is(tmp_path):
    lines(tmp_path, "user_id,category", "a,Sport", "b,sport", "c,Sport")
    one = Step(
        name="prefer", vendor="netmera", operation="set_category_preferences",
        fields={"ext_id": ID, "category": column("category"), "enable": Expression(value=True)},
    )  # fmt: skip
    constant = attrs.evolve(one, fields={**one.fields, "category": Expression(value="sport")})
    async with Sandbox(known_categories=["Sport"]) as box:
        job = make_job(tmp_path, one)
        told = await run(attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None)), box)
        assert [(one["position"], one["by"]) for one in rejects(told)] == [(2, "source")]
        assert rejects(told)[0]["reason"] == (
            "The field 'category' is no category that Netmera has: it passes over the row without a word"
        )
        with pytest.raises(GuardRefused, match="no category 'sport' but 'Sport'"):
            await run(make_job(tmp_path, constant), box)


@pytest.mark.asyncio
async def test_an_events_own_attributes_are_known_by_its_name(tmp_path):
    lines(tmp_path, "user_id,price", "a,19.90")
    fields = {"ext_id": ID, "name": Expression(value="Bought"), "attributes.price": column("price")}
    one = Step(name="fire", vendor="netmera", operation="fire_events", fields=fields)
    other = attrs.evolve(one, fields={**fields, "attributes.Price": column("price")})
    async with Sandbox() as box:
        box.netmera.event_definitions = {
            "Bought": Event("Bought", attributes=(Attribute("price", "DOUBLE"),))
        }
        assert (await run(make_job(tmp_path, one), box)).ok
        with pytest.raises(GuardRefused, match="has no attribute of the event 'Price' but 'price'"):
            await run(make_job(tmp_path, other), box)
        with pytest.raises(GuardRefused, match="has no event 'bought' but 'Bought'"):
            await run(
                make_job(tmp_path, attrs.evolve(one, fields={**fields, "name": Expression(value="bought")})),
                box,
            )


@pytest.mark.asyncio
async def test_each_event_has_the_attributes_of_its_own_name(tmp_path):
    lines(tmp_path, "user_id,event,price,vip", "a,Bought,19.90,", "b,Seen,,yes", "c,Seen,1.5,", "d,Lost,,")
    fields = {"ext_id": ID, "name": column("event"), "attributes.price": column("price")}
    one = Step(
        name="fire", vendor="netmera", operation="fire_events",
        fields={**fields, "attributes.vip": column("vip")},
    )  # fmt: skip
    async with Sandbox() as box:
        box.netmera.event_definitions = {
            "Bought": Event("Bought", attributes=(Attribute("price", "DOUBLE"),)),
            "Seen": Event("Seen", attributes=(Attribute("vip", "BOOLEAN"),)),
        }
        job = make_job(tmp_path, one)
        told = await run(attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None)), box)
        assert [(one["position"], one["reason"]) for one in rejects(told)] == [
            (
                3,
                (
                    "The field 'attributes.price' holds an entry that is no attribute of the event of the "
                    "account's: Netmera leaves it out without a word"
                ),
            ),
            (4, "The field 'name' is no event that Netmera has: it does not keep it"),
        ]
        assert box.netmera.events == {"a": {"Bought": 1}, "b": {"Seen": 1}}
        async with NetmeraClient("sandbox", base_url=box.url("netmera")) as client:
            asked = await ask_vendor(client, one, {})
            kind = asked.kind(client.kind(NetmeraClient.fire_events, {}))
        given = [
            {"ext_id": "a", "name": "Bought", "attributes.price": "19.90"},
            {"ext_id": "b", "name": "Seen", "attributes.vip": "yes"},
        ]
        rows = [SourceRow(row=at, key="", hash="", fields=row) for at, row in enumerate(given)]
        made, _ = make_items(rows, one, NetmeraClient.fire_events, kind)
        assert [row.item["attributes"] for row in made] == [{"price": 19.9}, {"vip": True}]


@pytest.mark.asyncio
async def test_a_misspelt_key_for_all_users_is_no_success(tmp_path, sandbox):
    lines(tmp_path, "user_id", "City")
    one = Step(
        name="drop", vendor="netmera", operation="delete_profile_attributes_of_all_users",
        fields={"attribute_key": ID},
    )  # fmt: skip
    told = await run(make_job(tmp_path, one), sandbox, consent=Consent(yes=True))
    assert told.steps[0].rejected == 1


def test_a_plan_without_an_account_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("NETAUDIENCE_NETMERA_API_KEY", raising=False)
    lines(tmp_path, HEAD, "a,Ankara,31,,,,,,")
    plan = plan_job(make_job(tmp_path, step(City=column("city"))))
    assert not plan.stops
    assert any("planned without an account" in note for note in plan.steps[0].notes)


def iterable(**fields: Expression) -> Step:
    named = {f"data_fields.{name}": expression for name, expression in fields.items()}
    return Step(
        name="update", vendor="iterable", operation="bulk_update_users",
        fields={"user_id": ID, **named}, max_rows=50,
    )  # fmt: skip


@pytest.mark.asyncio
async def test_iterables_fields_are_made_for_ever_or_have_their_type(tmp_path):
    lines(tmp_path, "user_id,age,born,town", "a,31,1990-05-17,Ankara")
    async with Sandbox() as box:
        box.iterable.schema.update({"age": "long", "born": "date", "Town": "string"})
        one = iterable(age=column("age"), born=column("born"), nick=column("town"))
        told = await run(make_job(tmp_path, one), box)
        # What the vendor's answer says of its schema is a warning as well.
        assert told.ok
        assert any("nick" in words for words in told.steps[0].warnings)
        assert any(
            "Iterable has no user field 'nick' yet and makes it, with the type of its first value for ever"
            in note
            for note in told.steps[0].notes
        )
        (user,) = box.iterable.by_user_id["a"]
        assert user.data_fields == {"age": 31, "born": "1990-05-17", "nick": "Ankara"}
        more = iterable(home=column("town"), birth=column("born"), nick=column("town"))
        (note,) = (await run(make_job(tmp_path, more), box)).steps[0].notes
        assert note.startswith(
            "data_fields.home, data_fields.birth: Iterable has no such user field yet and "
        )
        with pytest.raises(GuardRefused, match="no user field 'town' but 'Town', which differs in its case"):
            await run(make_job(tmp_path, iterable(town=column("town"))), box)


@pytest.mark.asyncio
async def test_iterables_fields_that_the_step_wants_left_out_stop_it(tmp_path):
    lines(tmp_path, "user_id,nick", "a,Ann")
    one = attrs.evolve(iterable(nick=column("nick")), arguments={"create_new_fields": False})
    async with Sandbox() as box:
        with pytest.raises(GuardRefused, match="'nick' and leaves it out, as the step asks for"):
            await run(make_job(tmp_path, one), box)


@pytest.mark.asyncio
async def test_iterables_channels_are_known_by_their_numbers(tmp_path):
    (tmp_path / "users.ndjson").write_text(
        '{"user_id": "a", "channels": [1]}\n{"user_id": "b", "channels": [1, 99]}\n'
    )
    one = Step(
        name="subscribe", vendor="iterable", operation="bulk_update_subscriptions",
        fields={"user_id": ID, "unsubscribed_channel_ids": column("channels")},
    )  # fmt: skip
    job = attrs.evolve(make_job(tmp_path, one), source=Source(files=("users.ndjson",), key=("user_id",)))
    job = attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None))
    async with Sandbox() as box:
        told = await run(job, box)
        assert [(one["position"], one["reason"]) for one in rejects(told) if one["by"] == "source"] == [
            (
                2,
                (
                    "The field 'unsubscribed_channel_ids' is no channel that Iterable has: it does not "
                    "document what becomes of it"
                ),
            )
        ]


@pytest.mark.asyncio
async def test_what_a_list_is_told_of_its_users_is_held_to_iterables_fields(tmp_path):
    lines(tmp_path, "user_id,age", "a,31")
    one = attrs.evolve(iterable(age=column("age")), operation="subscribe_to_list", arguments={"list_id": 1})
    async with Sandbox() as box:
        box.iterable.schema["age"] = "long"
        await run(make_job(tmp_path, one), box)
        (user,) = box.iterable.by_user_id["a"]
        assert user.data_fields == {"age": 31}
        other = attrs.evolve(one, fields={"user_id": ID, "data_fields.Age": column("age")})
        with pytest.raises(GuardRefused, match="no user field 'Age' but 'age'"):
            await run(make_job(tmp_path, other), box)


SLUG = "64f000000000000000000001"


@pytest.mark.asyncio
async def test_fynds_attributes_are_known_by_their_ids_and_have_types(tmp_path):
    lines(tmp_path, "user_id,visits", "64f0000000000000000000aa,7")
    fields = {"user_id": ID, "definition_id": Expression(value=SLUG), "value": column("visits")}
    one = Step(name="set", vendor="fynd", operation="set_user_attribute", fields=fields)
    several = attrs.evolve(
        one, operation="set_user_attributes", fields={"user_id": ID, f"attributes.{SLUG}": column("visits")}
    )
    wrong = attrs.evolve(
        one, fields={**fields, "definition_id": Expression(value="64f000000000000000000002")}
    )
    async with Sandbox() as box:
        box.fynd.definitions[SLUG] = Definition(SLUG, "Visits", "visits", "", "number", "", "")
        box.fynd.users["64f0000000000000000000aa"] = FyndUser()
        for step in (one, several):
            assert (await run(make_job(tmp_path, step), box)).ok
            assert box.fynd.users["64f0000000000000000000aa"].attributes[SLUG].value == 7
        with pytest.raises(GuardRefused, match="Fynd has no attribute definition"):
            await run(make_job(tmp_path, wrong), box)


@pytest.mark.asyncio
async def test_fynds_values_have_the_type_of_the_definition_in_their_own_row(tmp_path):
    user, types = "64f0000000000000000000aa", ("number", "boolean", "string", "number_array")
    ids = [f"64f00000000000000000000{at}" for at in range(5)]
    texts = ["7", "true", "7", "1;2", "7"]
    rows = [f"{user},{one},{text}" for one, text in zip(ids, texts, strict=True)]
    lines(tmp_path, "user_id,definition,value", *rows)
    fields = {"user_id": ID, "definition_id": column("definition"), "value": column("value")}
    one = Step(name="set", vendor="fynd", operation="set_user_attribute", fields=fields)
    async with Sandbox() as box:
        for name, word in zip(ids, types, strict=False):
            box.fynd.definitions[name] = Definition(name, word, word, "", word, "", "")
        box.fynd.users[user] = FyndUser()
        job = make_job(tmp_path, one)
        told = await run(attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None)), box)
        assert [one["position"] for one in rejects(told)] == [5]
        stored = {name: one.value for name, one in box.fynd.users[user].attributes.items()}
        assert stored == dict(zip(ids, [7, True, "7", [1, 2]], strict=False))
