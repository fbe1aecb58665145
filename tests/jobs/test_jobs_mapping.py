"""From a row's fields to an item: types are kept, and what does not map is rejected with a reason."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from netaudience.jobs.columns.projection import projector
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.map.items import kept_fields, make_items, make_removals
from netaudience.jobs.spec.model import Expression, Step
from netaudience.jobs.spec.validate import check_fields
from netaudience.model.kinds import Identifiers, WholeNumbers
from netaudience.model.rows import Rows
from netaudience.model.validators import identifier
from netaudience.model.value_forms import written_as
from netaudience.model.wire import wire_name
from netaudience.vendors.clevertap import CleverTapClient
from netaudience.vendors.clevertap.values import SECONDS
from netaudience.vendors.iterable import IterableClient
from netaudience.vendors.moengage import MoEngageClient
from netaudience.vendors.netmera import NetmeraClient

OPERATIONS = NetmeraClient.operations()
SET, UNSET = OPERATIONS["set_profile_attributes"], OPERATIONS["unset_profile_attributes"]


def step_of(*names):
    return Step(name="s", vendor="v", operation="o", fields={name: Expression(column=name) for name in names})


def rows_of(*fields):
    return [{"row": at, "key": f"k{at}", "hash": "h", "fields": one} for at, one in enumerate(fields, 1)]


def mapped(fields, operation=SET, kind=None):
    items, rejected = make_items(rows_of(fields), step_of(*fields), operation, kind)
    return [row.item for row in items] or [row.reason for row in rejected]


@attrs.frozen
class Everything:
    """A row with a field of every type."""

    text: str = attrs.field(validator=identifier("text"), metadata=wire_name("theText"))
    whole: int | None = None
    number: float | None = None
    truth: bool | None = None
    several: list[str] | None = None
    names: dict[str, object] | None = None
    seen: int | None = attrs.field(default=None, metadata=written_as(SECONDS))


KIND = Rows(Everything, key="text")


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        ("text", "007", "007"),
        ("text", 7, "7"),
        ("text", 99999999999999999999, "99999999999999999999"),
        ("text", Decimal(99999999999999999999), "99999999999999999999"),
        ("text", Decimal("1E+3"), "1000"),
        ("text", 12.0, "12"),
        ("text", 0.1, "0.1"),
        ("text", 1e-7, "0.0000001"),
        ("whole", "007", 7),
        ("whole", " 42 ", 42),
        ("whole", 42.0, 42),
        ("whole", "-9223372036854775808", -(2**63)),
        ("number", "1.5", 1.5),
        ("number", 3, 3),
        ("truth", "Yes", True),
        ("truth", 0, False),
        ("several", "a; b;;c", ["a", "b", "c"]),
        ("several", '["a", 1]', ["a", 1]),
        ("several", [1, 2], [1, 2]),
        ("names", '{"a": 1}', {"a": 1}),
        ("seen", "1769860800", 1769860800),
        ("seen", "2026-01-31T12:00:00Z", 1769860800),
        ("seen", "2026-01-31T15:00:00.5+03:00", 1769860800),
        ("seen", "2026-01-31 12:00:00", 1769860800),
        ("seen", "2026-01-31", 1769817600),
    ],
)
def test_values_become_what_the_field_holds(field, value, sent):
    (item,) = mapped({"text": "x"} | {field: value}, kind=KIND)
    assert item["theText" if field == "text" else field] == sent
    assert type(item["theText" if field == "text" else field]) is type(sent)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("text", True, "is true or false, and the vendor wants text"),
        ("text", 1e20, "is a floating number too large to be exact"),
        ("text", ["a"], "is no text"),
        ("text", BadValue("holds bytes"), "holds bytes"),
        ("whole", "1.5", "is not a whole number"),
        ("whole", 1.5, "is not a whole number"),
        ("whole", "ann@example.com", "is not a whole number"),
        ("whole", True, "is true or false, and the vendor wants a whole number"),
        ("whole", 2**64, "has more digits than a number of JSON keeps"),
        ("seen", "31.01.2026", "is no time such as 2026-01-31T12:00:00Z, and no epoch seconds"),
        ("number", "ten", "is not a number"),
        ("number", Decimal("1.00000000000000000001"), "has more digits than a number of JSON keeps"),
        ("truth", "maybe", "is not true or false"),
        ("several", "[1", "begins like a JSON array and is none"),
        ("several", 5, "is no list"),
        ("names", "[1]", "is no JSON object"),
        ("names", 5, "is no JSON object"),
    ],
)
def test_what_does_not_fit_is_rejected_with_the_reason(field, value, words):
    fields = {"text": "x"} | {field: value}
    items, rejected = make_items(rows_of(fields), step_of(*fields), SET, KIND)
    assert items == []
    ((source, key, reason, _),) = rejected
    assert (source["row"], key, source["fields"]) == (1, "k1", fields)
    assert reason.startswith(f"The field {field!r} {words}")
    assert "ann" not in reason


def test_names_are_those_of_python_or_of_the_vendor():
    for name in ("ext_id", "extId"):
        assert mapped({name: "007", "profile.age": 5}) == [{"extId": "007", "profile": {"age": 5}}]


def test_entries_go_into_the_mapping_and_an_empty_one_is_left_out():
    step = step_of("ext_id", "profile", "profile.age", "profile.home.city")
    rows = rows_of(
        {"ext_id": "1", "profile": {"a": 1, "age": 2}, "profile.age": 3, "profile.home.city": "Izmir"},
        {"ext_id": "2", "profile.age": 3},
        {"ext_id": "3"},
    )
    items, rejected = make_items(rows, step, SET)
    assert [(row.row, row.item) for row in items] == [
        (1, {"extId": "1", "profile": {"a": 1, "age": 3, "home.city": "Izmir"}}),
        (2, {"extId": "2", "profile": {"age": 3}}),
    ]
    ((source, _, reason, _),) = rejected
    assert source["row"] == 3
    assert reason.startswith("None of the fields profile.age, profile.home.city has a value in this row")


def test_entries_of_lists_become_lists():
    push = OPERATIONS["push_profile_attributes"]
    assert mapped({"ext_id": "1", "profile.tags": "a;b"}, push) == [
        {"extId": "1", "profile": {"tags": ["a", "b"]}}
    ]


@pytest.mark.parametrize("value", [Decimal("1.00000000000000000001"), Decimal(10**20), 2**64])
def test_an_entry_keeps_its_digits_or_is_rejected(value):
    (reason,) = mapped({"ext_id": "1", "profile.n": value})
    assert reason.startswith("The field 'profile.n' has more digits than a number of JSON keeps")


@pytest.mark.parametrize("name", ["ext_id", "extId", "ext id", "user"])
def test_a_bare_identifier_is_the_field_by_its_noun_or_the_only_one(name):
    assert mapped({name: 7}, kind=Identifiers("ext id")) == ["7"]


def test_the_identifier_among_other_fields_is_the_one_by_its_noun():
    assert mapped({"age": 3, "ext_id": "7"}, kind=Identifiers("ext id")) == ["7"]


def test_whole_numbers_stay_numbers():
    assert mapped({"message_id": "42"}, kind=WholeNumbers("message id")) == [42]


def test_an_empty_identifier_is_rejected():
    items, rejected = make_items(rows_of({}), step_of("ext_id"), SET, Identifiers("ext id"))
    assert items == []
    assert rejected[0].reason.startswith("The field 'ext_id' is empty")


def test_a_problem_of_the_source_is_a_rejection():
    row = {"row": 9, "key": "", "hash": "", "fields": {}, "problem": "line 3 of u.csv is no row"}
    items, rejected = make_items([row], step_of("ext_id"), SET)
    assert items == []
    assert (rejected[0].row, rejected[0].reason) == (9, "Line 3 of u.csv is no row")


def test_what_is_missing_is_left_to_the_operation():
    (item,) = mapped({"profile.age": 5})
    (problem,) = SET.kind.check([item]).values()
    assert "The row has no 'extId'" in str(problem)


def test_a_removal_names_what_the_step_has_set():
    step = step_of("ext_id", "profile.age", "profile.city")
    assert kept_fields(step, UNSET) == ("ext_id",)
    items, rejected = make_removals(rows_of({"ext_id": "007", "profile": ["age", "city"]}), step, UNSET)
    assert rejected == []
    assert [row.item for row in items] == [{"extId": "007", "profile": ["age", "city"]}]
    assert UNSET.kind.check([row.item for row in items]) == {}


def test_a_removal_of_bare_identifiers():
    untag = OPERATIONS["untag_users"]
    step = step_of("ext_id")
    assert kept_fields(step, untag) == ("ext_id",)
    items, _ = make_removals(rows_of({"ext_id": "007"}, {"ext_id": "8"}), step, untag)
    assert [row.item for row in items] == ["007", "8"]


@pytest.mark.parametrize(
    ("client", "operation", "user", "mapping", "sent"),
    [
        (
            CleverTapClient,
            "upload_profiles",
            "identity",
            "profile_data",
            {"identity": "u1", "profileData": {"kept": "x", "tier": {"$delete": 1}}},
        ),
        (
            IterableClient,
            "bulk_update_users",
            "user_id",
            "data_fields",
            {"userId": "u1", "dataFields": {"kept": "x", "tier": None}},
        ),
        (
            MoEngageClient,
            "import_users",
            "customer_id",
            "attributes",
            {
                "customer_id": "u1",
                "attributes": {"kept": "x"},
                "unset_attributes": [{"type": "equals", "attr": "tier"}],
            },
        ),
    ],
)
def test_an_empty_value_takes_an_attribute_away_where_that_is_said(client, operation, user, mapping, sent):
    chosen = client.operations()[operation]
    tier = f"{mapping}.tier"
    fields = {user: Expression(column="id"), f"{mapping}.kept": Expression(column="kept")}
    about = {"name": "s", "vendor": "v", "operation": "o"}
    meant = Step(**about, fields={**fields, tier: Expression(column="t", unset=True)})
    careful = Step(**about, fields={**fields, tier: Expression(column="t")})
    rows = rows_of({user: "u1", f"{mapping}.kept": "x", tier: None})
    assert [row.item for row in make_items(rows, meant, chosen)[0]] == [sent]
    (left,) = [row.item for row in make_items(rows, careful, chosen)[0]]
    assert "tier" not in str(left)
    full = rows_of({user: "u1", f"{mapping}.kept": "x", tier: "gold"})
    assert make_items(full, meant, chosen)[0][0].item == make_items(full, careful, chosen)[0][0].item
    # A row of which something is only taken away is a row, too.
    alone = Step(**about, fields={user: fields[user], tier: meant.fields[tier]})
    ((made,), rejected) = make_items(rows_of({user: "u1"}), alone, chosen)
    assert not rejected
    assert "tier" in str(made.item)
    assert projector(meant, chosen.kind) is None
    assert projector(careful, chosen.kind) is not None


def test_what_cannot_be_taken_away_is_told():
    told = []
    profile = {"ext_id": Expression(column="a"), "profile.tier": Expression(column="b", unset=True)}
    check_fields(SET, profile.items(), {}, lambda name, sentence: told.append((name, sentence)))
    assert [name for name, _ in told] == ["profile.tier"]
    assert "leave unset out" in told[0][1]
