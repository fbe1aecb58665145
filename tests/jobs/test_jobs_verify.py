"""A look afterwards: what the vendor has taken and not kept is reported, and sent again on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from job_runs import ID, SET, TAG, clients, make_job, people, run, write_rows

from netaudience.errors import GuardRefused
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.deliver.verify import verify_run
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Expression, Guards, Quotas, Share, Step
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.operations.readback import ReadBack
from netaudience.quotas import SqliteQuotas
from netaudience.sandbox import Fault, Sandbox
from netaudience.sandbox.fynd.state import Definition, FyndUser
from netaudience.sandbox.netmera.definitions import Attribute
from netaudience.vendors import clients as all_clients

pytest.importorskip("duckdb")

LATER = timedelta(days=3)


async def look(job, sandbox, summary, **how):
    """Look at a run when all that it has sent has settled."""
    now = how.pop("now", datetime.now(UTC) + LATER)
    how = {"share": 1.0, "client_factory": clients(sandbox), "now": now, **how}
    return await verify_run(job, RunFolder(Path(summary.folder)), **how)


def seen(verified, step=0):
    found = verified.steps[step]
    return {
        name: getattr(found, name)
        for name in ("landed", "not_yet", "different", "gone", "unreadable")
        if getattr(found, name)
    }


def lines(summary):
    path = Path(summary.folder) / "verify.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.mark.asyncio
async def test_what_was_delivered_has_landed(tmp_path):
    write_rows(tmp_path, people(120))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET)
        told = await run(job, box)
        verified = await look(job, box, told)
        assert seen(verified) == {"landed": 120}
        assert verified.exit_code == ExitCode.DELIVERED
        assert not lines(told)
        assert json.loads((Path(told.folder) / "verify.json").read_bytes())["steps"][0]["landed"] == 120


@pytest.mark.asyncio
async def test_a_value_that_the_vendor_dropped_is_different_and_one_that_may_come_is_not_yet(tmp_path):
    write_rows(tmp_path, people(30))
    async with Sandbox() as box:
        # Of another type than the rows have: dropped without a word.
        box.netmera.attributes = {"age": Attribute("age", "STRING")}
        job = make_job(tmp_path, SET)
        told = await run(job, box)
        assert told.ok
        soon = await look(job, box, told, now=datetime.now(UTC))
        assert seen(soon) == {"not_yet": 30}
        assert soon.exit_code == ExitCode.DELIVERED
        assert "may still come: look again in 1 min" in soon.sentences()[1]
        verified = await look(job, box, told)
        assert seen(verified) == {"different": 30}
        assert verified.exit_code == ExitCode.UNDELIVERED
        first = lines(told)[0]
        assert (first["outcome"], first["position"], first["row"]["user_id"]) == ("different", 1, "id00000")


@pytest.mark.asyncio
async def test_a_user_who_is_not_there_is_gone_and_what_cannot_be_read_is_told(tmp_path):
    write_rows(tmp_path, people(20))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET, TAG)
        told = await run(job, box)
        for name in ("id00003", "id00004"):
            box.netmera.remove_user(name)
        verified = await look(job, box, told)
        assert seen(verified) == {"landed": 18, "gone": 2}
        assert seen(verified, 1) == {"unreadable": 20}
        assert verified.steps[1].reasons == {"no operation of Netmera reads the tags of a user": 20}


@pytest.mark.asyncio
async def test_the_limits_that_processes_share_hold_for_looks_and_repairs(tmp_path):
    write_rows(tmp_path, people(12))
    where = tmp_path / "quotas.db"
    async with Sandbox() as box:
        job = make_job(tmp_path, SET, quotas=Quotas(where=str(where), account="shop-tr"))
        told = await run(job, box)
        asked = []
        make = clients(box)

        def watched(vendor, settings):
            asked.append((settings.quotas, settings.account, settings.rate))
            return make(vendor, settings)

        box.netmera.users["id00003"].profile = {}
        verified = await look(job, box, told, client_factory=watched)
        assert seen(verified) == {"landed": 11, "different": 1}
        assert (await job.repair(verified, client_factory=watched, signals=False)).ok
        assert asked == [(SqliteQuotas(where), "shop-tr", SET.rate)] * 2


@pytest.mark.asyncio
async def test_what_differs_is_sent_again_from_python_and_what_fails_then_is_kept(tmp_path):
    write_rows(tmp_path, people(40))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET, guards=Guards(preflight=False, max_rejected=Share(share=0.2)))
        told = await run(job, box)
        await run(job, box)  # a newer run: it is the one that was looked at which is mended
        users = box.netmera.users
        for name in ("id00003", "id00004"):
            users[name].profile = {"age": 99}
        verified = await look(job, box, told)
        assert seen(verified) == {"landed": 38, "different": 2}
        box.set_faults([Fault("poison", ids=frozenset({"id00004"}))])
        how = {"client_factory": clients(box), "signals": False}
        repaired = await job.repair(verified, **how)
        assert (repaired.steps[0].delivered, repaired.steps[0].rejected) == (1, 1)
        assert (users["id00003"].profile["age"], users["id00004"].profile["age"]) == (3, 99)
        kept = Path(told.folder) / "repair.jsonl"
        assert kept.stat().st_mode & 0o777 == 0o600
        (line,) = [json.loads(line) for line in kept.read_bytes().splitlines()]
        assert (line["source_position"], line["outcome"], line["key"]) == (5, "rejected", "id00004")
        with pytest.raises(GuardRefused, match="again"):
            await job.repair(verified, **how)
        box.set_faults([])
        verified = await look(job, box, told)
        assert (await job.repair(verified, **how)).ok
        assert not kept.exists()
        assert seen(await look(job, box, told)) == {"landed": 40}
        for name in list(users)[:9]:
            users[name].profile = {}
        verified = await look(job, box, told)
        with pytest.raises(GuardRefused, match="9 of 40 rows are something else"):
            await job.repair(verified, **how)


@pytest.mark.asyncio
async def test_what_the_run_did_not_deliver_is_not_looked_at(tmp_path):
    write_rows(tmp_path, {**people(10), "bad": 7, "NULL": 8})
    async with Sandbox(faults=[Fault("poison", ids=frozenset({"bad"}))]) as box:
        job = make_job(tmp_path, SET, guards=Guards(preflight=False, max_rejected=None))
        told = await run(job, box)
        assert told.steps[0].delivered == 10
        verified = await look(job, box, told)
        assert (verified.steps[0].chosen, seen(verified)) == (10, {"landed": 10})


@pytest.mark.asyncio
async def test_a_share_is_the_same_rows_at_each_look_and_a_few_at_least(tmp_path):
    write_rows(tmp_path, people(400))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET)
        told = await run(job, box)
        first = await look(job, box, told, share=0.1)
        again = await look(job, box, told, share=0.1)
        few = await look(job, box, told, share=0.0001)
        assert first.steps[0].chosen == again.steps[0].chosen
        assert 15 < first.steps[0].chosen < 80
        assert 0 < few.steps[0].chosen < 40


@pytest.mark.asyncio
async def test_of_changed_rows_those_that_were_sent_are_looked_at(tmp_path):
    step = attrs.evolve(SET, mode="changed-only")
    async with Sandbox() as box:
        job = make_job(tmp_path, step)
        write_rows(tmp_path, people(20))
        first = await run(job, box)
        write_rows(tmp_path, {**people(20), "id00005": 99, "new": 1})
        second = await run(job, box)
        verified = await look(job, box, second)
        assert (verified.steps[0].chosen, seen(verified)) == (2, {"landed": 2})
        old = await look(job, box, first)
        assert old.steps[0].problem is not None


@pytest.mark.asyncio
async def test_a_step_that_remembers_is_looked_at_though_its_source_has_changed(tmp_path):
    step = attrs.evolve(SET, mode="changed-only")
    async with Sandbox() as box:
        job = make_job(tmp_path, step)
        write_rows(tmp_path, people(20))
        told = await run(job, box)
        box.netmera.users["id00007"].profile = {}
        # Sorted otherwise, with people who came since, others who went, and one whose age is another now.
        now = {**dict(reversed(people(20).items())), "new": 3, "id00005": 99}
        del now["id00009"], now["id00002"]
        write_rows(tmp_path, now)
        verified = await look(job, box, told)
        assert (verified.steps[0].delivered, verified.steps[0].chosen) == (20, 20)
        assert seen(verified) == {"landed": 16, "different": 1, "unreadable": 3}
        assert verified.steps[0].reasons == {
            "the source has changed since the run, and does not have the row any more as it was sent": 3
        }
        assert [line["key"] for line in lines(told)] == ["id00007"]
        assert seen(await look(job, box, told)) == seen(verified)
        assert (await job.repair(verified, client_factory=clients(box), signals=False)).ok
        assert box.netmera.users["id00007"].profile["age"] == 7
        assert box.netmera.users["id00005"].profile["age"] == 5  # what was not sent is none of its business


@pytest.mark.asyncio
async def test_rows_that_a_step_remembers_and_a_retry_has_delivered_are_looked_at(tmp_path):
    step = attrs.evolve(SET, mode="changed-only")
    write_rows(tmp_path, people(12))
    async with Sandbox(faults=[Fault("poison", ids=frozenset({"id00004"}))]) as box:
        job = make_job(tmp_path, step, guards=Guards(preflight=False, max_rejected=None))
        told = await run(job, box)
        assert seen(await look(job, box, told)) == {"landed": 11}
        box.set_faults([])
        assert (await run(job, box, retry=told.run)).ok
        assert seen(await look(job, box, told)) == {"landed": 12}


SLUG = "64f000000000000000000001"
ON_LIST = {
    "operation": "subscribe_to_list", "arguments": {"list_id": 1}, "mode": "mirror",
    "removal": "unsubscribe_from_list", "removal_arguments": {"list_id": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("step", "still", "by"),
    [
        (
            attrs.evolve(SET, mode="mirror", removal="unset_profile_attributes"),
            lambda box: box.netmera.users["id00001"].profile.update(age=1),
            "get_profile_attributes",
        ),
        (
            Step(name="set", vendor="iterable", fields={"user_id": ID}, **ON_LIST),
            lambda box: box.iterable.by_user_id["id00001"][0].lists.add(1),
            "get_user_by_user_id",
        ),
        (
            Step(
                name="set", vendor="clevertap", operation="upload_profiles", mode="mirror",
                removal="delete_profiles",
                fields={"identity": ID, "profile_data.age": Expression(column="age")},
            ),
            lambda box: box.clevertap.seed(
                {"profiles": [{"type": "profile", "identity": "id00001", "profileData": {"age": 1}}]}
            ),
            "get_profile",
        ),
        (
            Step(
                name="set", vendor="moengage", operation="import_users", mode="mirror",
                removal="delete_user",
                fields={"customer_id": ID, "attributes.age": Expression(column="age")},
            ),
            lambda box: box.moengage.seed({"users": [{"customer_id": "id00001"}]}),
            "export_users",
        ),
        (
            Step(
                name="set", vendor="fynd", operation="set_user_attribute", mode="mirror",
                removal="delete_user_attribute",
                fields={
                    "user_id": ID, "definition_id": Expression(value=SLUG), "value": Expression(column="age")
                },
            ),
            lambda box: box.fynd.set_attribute("id00001", SLUG, "1"),
            "list_user_attributes",
        ),
    ],
    ids=["netmera", "iterable", "clevertap", "moengage", "fynd"],
)  # fmt: skip
@pytest.mark.asyncio
async def test_what_a_mirror_took_back_is_looked_at_and_taken_back_again(tmp_path, step, still, by):
    async with Sandbox() as box:
        box.fynd.definitions[SLUG] = Definition(SLUG, "Age", "age", "", "string", "", "")
        box.fynd.users.update({name: FyndUser() for name in people(12)})
        job = make_job(tmp_path, step, guards=Guards(preflight=False, max_removals=None, max_rejected=None))
        write_rows(tmp_path, people(12))
        await run(job, box)
        left = people(12)
        for gone in ("id00001", "id00002", "id00003"):
            del left[gone]
        write_rows(tmp_path, left)
        consent = Consent(yes=True, yes_delete=3)
        told = await run(job, box, consent=consent)
        box.advance(LATER.total_seconds())
        verified = await look(job, box, told)
        assert [one.name for one in verified.steps] == ["set", "set removal"]
        assert (seen(verified), seen(verified, 1)) == ({}, {"landed": 3})
        still(box)
        verified = await look(job, box, told)
        assert (verified.steps[1].delivered, seen(verified, 1)) == (3, {"landed": 2, "different": 1})
        assert f"of 3 of 3 removals (by {by}): 2 taken back, 1 still there" in verified.sentences()[-1]
        (line,) = lines(told)
        assert line["reason"] == "The vendor has taken it, and still shows what was to be taken back"
        consent = Consent(yes=True, yes_delete=1)
        await job.repair(verified, client_factory=clients(box), consent=consent, signals=False)
        box.advance(LATER.total_seconds())
        assert seen(await look(job, box, told), 1) == {"landed": 3}


@pytest.mark.asyncio
async def test_a_source_that_has_changed_cannot_be_compared(tmp_path):
    write_rows(tmp_path, people(5))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET)
        told = await run(job, box)
        write_rows(tmp_path, people(6))
        (step,) = (await look(job, box, told)).steps
        assert step.problem == (
            "the source has changed since the run, so what was sent is not known any more; a step that is "
            "changed-only or mirror remembers it"
        )
        other = make_job(tmp_path, attrs.evolve(SET, fields={**SET.fields, "profile.x": Expression(value=1)}))
        (step,) = (await look(other, box, told)).steps
        assert step.problem == "the step has changed since the run: put it back as it was"


@pytest.mark.asyncio
async def test_a_step_that_wants_it_is_looked_at_at_the_end_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("netaudience.jobs.deliver.verify._age", lambda *_: 1e9)
    write_rows(tmp_path, people(20))
    async with Sandbox() as box:
        box.netmera.attributes = {"age": Attribute("age", "STRING")}
        job = make_job(tmp_path, attrs.evolve(SET, verify=1.0))
        told = await run(job, box, verify_after=0.0)
        assert told.exit_code == ExitCode.UNDELIVERED
        assert (
            "Read back: set (netmera set_profile_attributes): of 20 of 20 delivered rows (by "
            in "\n".join(told.sentences())
        )
        kept = json.loads((Path(told.folder) / "summary.json").read_bytes())
        assert kept["verified"][0]["different"] == 20


@pytest.mark.parametrize(("first", "count"), [(30, 30), (0.1, 20)])
@pytest.mark.asyncio
async def test_a_canary_goes_on_where_its_rows_have_landed(tmp_path, first, count):
    write_rows(tmp_path, people(200))
    async with Sandbox() as box:
        job = make_job(tmp_path, SET)
        told = await run(job, box, first=first, verify_after=0.0)
        assert told.ok
        assert told.attempts == 2
        assert told.steps[0].delivered == 200
        assert box.check("netmera", "set_profile_attributes").applications == 200
        looked = [one for one in box.ledger.requests if one.operation == "getProfileAttributes"]
        assert len(looked) == count


@pytest.mark.asyncio
async def test_a_canary_stops_where_its_rows_are_something_else_and_can_be_gone_on_with(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("netaudience.jobs.deliver.verify._age", lambda *_: 1e9)
    write_rows(tmp_path, people(200))
    async with Sandbox() as box:
        box.netmera.attributes = {"age": Attribute("age", "STRING")}
        job = make_job(tmp_path, SET)
        told = await run_job(
            job, client_factory=clients(box), signals=False, report=False, first=30, verify_after=0.0
        )
        assert told.exit_code == ExitCode.GUARDED
        assert "of the first 30 rows 30 are something else" in (told.steps[0].stopped or "")
        assert told.steps[0].delivered == 30
        assert box.check("netmera", "set_profile_attributes").applications == 30
        box.netmera.attributes = None
        more = await run(job, box, resume=told.run)
        assert more.steps[0].delivered == 200
        assert box.check("netmera", "set_profile_attributes").applications == 200


def test_what_is_said_about_reading_back_is_about_operations_that_write_and_has_a_source():
    for client in all_clients():
        writes = {
            name
            for name, operation in client.operations().items()
            if operation.shape in {"batch", "call"} and operation.facts.acknowledges != "answered"
        }
        # Each has a row: a look-up, or the reason why there is none.
        assert client.read_backs.keys() == writes, client.slug
        assert any(isinstance(fact, ReadBack) for fact in client.read_backs.values())
        for fact in client.read_backs.values():
            assert fact.docs.startswith("https://")


def iterable(operation, fields, **more):
    return Step(name="step", vendor="iterable", operation=operation, fields={"user_id": ID, **fields}, **more)


@pytest.mark.parametrize(
    ("step", "spoil", "expected"),
    [
        (
            iterable("bulk_update_users", {"data_fields.age": Expression(column="age")}),
            lambda box: box.iterable.by_user_id["user-b"][0].data_fields.update(age="other"),
            {"landed": 1, "different": 1},
        ),
        (
            iterable("update_subscriptions", {"email_list_ids": Expression(value=[1])}),
            lambda box: box.iterable.by_user_id["user-b"][0].lists.clear(),
            {"landed": 1, "different": 1},
        ),
        (
            Step(name="step", vendor="iterable", operation="delete_user_by_user_id", fields={"user_id": ID}),
            lambda _: None,
            {"landed": 2},
        ),
        (
            Step(
                name="step", vendor="clevertap", operation="upload_profiles",
                fields={"identity": ID, "profile_data.age": Expression(column="age")},
            ),
            lambda box: box.clevertap.find("user-b").data.update(age="other"),
            {"landed": 1, "different": 1},
        ),
        (
            Step(
                name="step", vendor="clevertap", operation="upload_device_tokens",
                fields={
                    "object_id": ID, "id": Expression(sql="'token of ' || user_id"),
                    "type": Expression(value="fcm"),
                },
            ),
            lambda box: box.clevertap.find("user-b").tokens.update({"another": "fcm"}),
            {"landed": 1, "different": 1},
        ),
        (
            Step(
                name="step", vendor="moengage", operation="import_users",
                fields={"customer_id": ID, "attributes.age": Expression(column="age")},
            ),
            lambda _: None,
            {"landed": 2},
        ),
        (
            Step(
                name="step", vendor="fynd", operation="set_user_attribute",
                fields={
                    "user_id": ID, "definition_id": Expression(value=SLUG), "value": Expression(column="age")
                },
            ),
            lambda box: box.fynd.users["user-b"].attributes.clear(),
            {"landed": 1, "different": 1},
        ),
        (
            Step(
                name="step", vendor="netmera", operation="set_category_preferences",
                fields={
                    "ext_id": ID, "category": Expression(value="Sport"), "enable": Expression(value=True)
                },
            ),
            lambda _: None,
            {"landed": 2},
        ),
    ],
    ids=[
        "iterable", "subscriptions", "deletion", "clevertap", "clevertap-tokens", "moengage", "fynd",
        "netmera-categories",
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_each_vendor_is_read_back_by_its_own_look_up(tmp_path, step, spoil, expected):
    write_rows(tmp_path, {"user-a": "x", "user-b": "y"})
    async with Sandbox() as box:
        box.fynd.definitions[SLUG] = Definition(SLUG, "Age", "age", "", "string", "", "")
        box.fynd.users.update({"user-a": FyndUser(), "user-b": FyndUser()})
        if step.operation.startswith("delete"):
            update = iterable("bulk_update_users", {"data_fields.age": Expression(column="age")}, verify=None)
            await run(make_job(tmp_path, attrs.evolve(update, name="before")), box)
        job = make_job(tmp_path, step)
        told = await run(job, box, consent=Consent(yes=True, yes_delete=2))
        assert told.ok, told.sentences()
        spoil(box)
        assert seen(await look(job, box, told)) == expected


AGE, NAME = Expression(column="age"), Expression(sql="CASE WHEN age = 1 THEN 'Ann' END", unset=True)
BORN = Expression(sql="DATE '1990-05-17'")
LIKES = Expression(sql="['tea', 'rice']")


@pytest.mark.parametrize(
    ("step", "named", "expected"),
    [
        (
            Step(
                name="step", vendor="clevertap", operation="upload_profiles",
                fields={
                    "identity": ID, "profile_data.age": Expression(column="age"),
                    "profile_data.born": BORN, "profile_data.likes": LIKES,
                },
            ),
            ["born (a date)", "likes (a list)"], {"landed": 2},
        ),
        (
            Step(
                name="step", vendor="moengage", operation="import_users",
                fields={
                    "customer_id": ID, "attributes.age": Expression(column="age"),
                    "attributes.born": BORN, "attributes.likes": LIKES,
                },
            ),
            ["born (a date)", "likes (a list)"], {"landed": 2},
        ),
        (
            Step(
                name="step", vendor="moengage", operation="import_users",
                fields={"customer_id": ID, "attributes.born": BORN},
            ),
            ["born (a date)"], {"unreadable": 2},
        ),
        (
            Step(
                name="step", vendor="fynd", operation="set_user_attributes",
                fields={"user_id": ID, f"attributes.{SLUG}": LIKES},
            ),
            [f"{SLUG} (a list)"], {"unreadable": 2},
        ),
    ],
    ids=["clevertap", "moengage", "moengage-nothing-else", "fynd"],
)  # fmt: skip
@pytest.mark.asyncio
async def test_what_no_page_says_how_to_read_is_told_by_its_column(tmp_path, step, named, expected):
    write_rows(tmp_path, {"user-a": "x", "user-b": "y"})
    async with Sandbox() as box:
        box.fynd.definitions[SLUG] = Definition(SLUG, "Likes", "likes", "", "string_array", "", "")
        box.fynd.users.update({"user-a": FyndUser(), "user-b": FyndUser()})
        job = make_job(tmp_path, step)
        summary = await run(job, box)
        assert summary.ok, summary.sentences()
        verified = await look(job, box, summary)
        assert seen(verified) == expected
        assert verified.steps[0].passed_over == dict.fromkeys(named, 2)
        shown = ", ".join(f"{name} in 2 rows" for name in named)
        line = f"  not compared, for no page says how the vendor shows it: {shown}"
        assert line in verified.sentences()


@pytest.mark.parametrize(
    ("step", "put_back"),
    [
        (
            Step(
                name="step", vendor="clevertap", operation="upload_profiles",
                fields={"identity": ID, "profile_data.age": AGE, "profile_data.Name": NAME},
            ),
            lambda box: box.clevertap.find("user-b").data.update(Name="Bob"),
        ),
        (
            Step(
                name="step", vendor="moengage", operation="import_users",
                fields={"customer_id": ID, "attributes.age": AGE, "attributes.u_n": NAME},
            ),
            lambda box: box.moengage.customers["user-b"].attributes.update(u_n="Bob"),
        ),
    ],
    ids=["clevertap", "moengage"],
)  # fmt: skip
@pytest.mark.asyncio
async def test_an_attribute_that_was_to_be_taken_away_and_is_there_is_different(tmp_path, step, put_back):
    write_rows(tmp_path, {"user-a": "1", "user-b": "2"})
    async with Sandbox() as box:
        box.moengage.unset_attributes = True
        make = clients(box)

        def enabled(vendor, settings):
            if vendor.slug != "moengage":
                return make(vendor, settings)
            how = {"base_url": box.url("moengage"), "unset_attributes": True, "settings": settings}
            return vendor("sandbox", "sandbox", **how)

        job = make_job(tmp_path, step)
        summary = await run(job, box, client_factory=enabled)
        assert summary.ok, summary.sentences()
        assert seen(await look(job, box, summary, client_factory=enabled)) == {"landed": 2}
        put_back(box)
        verified = await look(job, box, summary, client_factory=enabled)
        assert seen(verified) == {"landed": 1, "different": 1}


@pytest.mark.asyncio
async def test_a_text_that_moengage_takes_for_the_number_that_its_attribute_is_has_landed(tmp_path):
    write_rows(tmp_path, {"user-a": "31", "user-b": "1.50", "user-c": "x"})
    step = Step(
        name="step", vendor="moengage", operation="import_users",
        fields={"customer_id": ID, "attributes.age": Expression(column="age")},
    )  # fmt: skip
    async with Sandbox() as box:
        box.moengage.types["age"] = "number"
        job = make_job(tmp_path, step)
        told = await run(job, box)
        assert seen(await look(job, box, told)) == {"landed": 2, "different": 1}
        assert box.moengage.customers["user-b"].attributes["age"] == 1.5


def enable_push():
    return Step(name="step", vendor="netmera", operation="enable_push", fields={"ext_id": ID})


#: What each vendor takes with success and does not do, by its documents, and what a look shows of it.
SILENT = {
    # "Unknown id or token: 200, nothing changes." enable-push-permission
    "push of an unknown user": (enable_push(), lambda box: None, {"gone": 2}),
    # "Undefined keys … are dropped silently." set-profile-attributes
    "an attribute in another case": (
        attrs.evolve(SET, fields={"ext_id": ID, "profile.Age": Expression(column="age")}),
        lambda box: setattr(box.netmera, "attributes", {"age": Attribute("age")}),
        {"different": 2},
    ),
    # "Not activated: the call is deleteUsers", which leaves the record. delete-users-permanently
    "an erasure that is not activated": (
        Step(name="step", vendor="netmera", operation="delete_users_permanently", fields={"ext_id": ID}),
        lambda box: (
            setattr(box.netmera.app, "erases", False),
            [box.netmera.add_user(name, profile={"age": 1}) for name in ("user-a", "user-b")],
        ),
        {"different": 2},
    ),
    # An unknown category is skipped as a whole, 200 and not a word. set-category-preferences
    "a category that is not there": (
        Step(
            name="step", vendor="netmera", operation="set_category_preferences",
            fields={"ext_id": ID, "category": Expression(value="Sprot"), "enable": Expression(value=True)},
        ),
        lambda box: [box.netmera.add_user(name) for name in ("user-a", "user-b")],
        {"different": 2},
    ),
    # "A value whose type is another than the property has is dropped." platform-considerations
    "a property of another type": (
        Step(
            name="step", vendor="clevertap", operation="upload_profiles",
            fields={"identity": ID, "profile_data.age": Expression(column="age")},
        ),
        lambda box: box.clevertap.types.update(age=int),
        {"different": 2},
    ),
    # What cannot be cast to the type of a pinned attribute is dropped. data-tracking-policies
    "an attribute that is pinned to another type": (
        Step(
            name="step", vendor="moengage", operation="import_users",
            fields={"customer_id": ID, "attributes.age": Expression(column="age")},
        ),
        lambda box: box.moengage.types.update(age="number"),
        {"different": 2},
    ),
    # What cannot be queued was answered with 200. The reference, events/fire-events
    "an update that is lost in the queue": (
        Step(
            name="step", vendor="netmera", operation="set_profile_attributes",
            fields={"ext_id": ID, "profile.age": Expression(column="age")},
        ),
        lambda box: box.set_faults([Fault("lost")]),
        {"gone": 2},
    ),
    # Fields that a project lacks are left out where none are to be made. The specification of bulkUpdate
    "an update of users who are not there": (
        Step(
            name="step", vendor="moengage", operation="track_user", arguments={"update_existing_only": True},
            fields={"customer_id": ID, "attributes.age": Expression(column="age")},
        ),
        lambda box: None,
        {"gone": 2},
    ),
    # Fields that are not created are dropped, and are named as filteredOutFields: the specification
    "a field that a project does not have": (
        iterable(
            "bulk_update_users", {"data_fields.nick": Expression(column="age")},
            arguments={"create_new_fields": False},
        ),
        lambda box: None,
        {"different": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("step", "prepare", "expected"), SILENT.values(), ids=SILENT)
@pytest.mark.asyncio
async def test_what_a_vendor_does_not_do_without_a_word_is_told_by_a_look(tmp_path, step, prepare, expected):
    write_rows(tmp_path, {"user-a": "x", "user-b": "y"})
    async with Sandbox(known_categories=["Sport"]) as box:
        prepare(box)
        job = make_job(tmp_path, step)
        told = await run(job, box, consent=Consent(yes=True, yes_delete=2))
        assert told.ok, told.sentences()
        assert seen(await look(job, box, told)) == expected
