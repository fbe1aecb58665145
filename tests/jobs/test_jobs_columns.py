"""Columns to items: found by name, never guessed; text becomes a value only where the field is no text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience import CleverTapClient, Client, IterableClient, MoEngageClient, NetmeraClient
from netaudience.errors import ConfigurationError
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.map.aliases import OBVIOUS
from netaudience.jobs.map.columns import find_columns
from netaudience.jobs.map.items import make_items
from netaudience.jobs.spec.model import Source, Step
from netaudience.model.rows import Rows
from netaudience.vendors import clients

Write = Callable[[str, str | bytes], Path]
OPERATIONS = {
    name: operation
    for vendor in (IterableClient, MoEngageClient, CleverTapClient, NetmeraClient)
    for name, operation in vendor.operations().items()
}


def items(
    path: Path,
    operation: str,
    *chosen: str,
    by: str | None = None,
    typed: bool = False,
    skipped: tuple[str, ...] = (),
) -> list[object]:
    """Map a file's records; a record that does not map becomes its reason."""
    asked = OPERATIONS[operation]
    with open_source(Source(files=(str(path),), typed=typed), path.parent) as table:
        columns = find_columns(asked, list(table.columns), chosen=chosen, by=by, skipped=skipped)
        step = Step(name="s", vendor="v", operation=operation, fields=columns.fields())
        found: dict[int, object] = {}
        for page in table.rows(step.fields):
            made, rejected = make_items(page, step, asked)
            found |= {row.row: row.item for row in made} | {row.row: f"! {row.reason}" for row in rejected}
        return [found[number] for number in sorted(found)]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    ("operation", "header", "by", "index"),
    [
        ("tag_users", "name,ext_id", None, 1),
        ("tag_users", "name,extId", None, 1),
        ("tag_users", "name,External-ID", None, 1),
        ("tag_users", "id,name", None, 0),
        ("tag_users", "name,user_id", None, 1),
        ("tag_users", "whatever", None, 0),
        ("enable_mail", "id,email", "email", 1),
        ("enable_mail", "id,email", "ext_id", 0),
        ("enable_sms", "id,phone", "msisdn", 1),
        ("enable_push", "id,token", "device_token", 1),
        ("enable_whats_app", "id,wpNumber", "wp_number", 1),
        ("demerge", "name,identity", None, 1),
        ("get_category_preferences", "ext_id,name", None, 0),
        ("delete_profile_attributes_of_all_users", "key,name", None, 0),
    ],
)
def test_the_obvious_column_is_found(
    file: Write, operation: str, header: str, by: str | None, index: int
) -> None:
    row = ["x"] * len(header.split(","))
    row[index] = "007"
    assert items(file("x.csv", f"{header}\n{','.join(row)}\n"), operation, by=by) == ["007"]


@pytest.mark.parametrize(
    ("header", "chosen", "sentence"),
    [
        ("name,city", (), "No column is plainly the ext id.*'name', 'city'"),
        ("id,user_id", (), "More than one column could be the ext id"),
        ("name,city", ("customer",), "no column 'customer': it has 'name', 'city'"),
        ("name,city", ("name", "city"), "one column"),
    ],
)
def test_a_column_is_not_guessed(file: Write, header: str, chosen: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        items(file("x.csv", f"{header}\n1,2\n"), "tag_users", *chosen)


@pytest.mark.parametrize(
    ("operation", "header", "expected"),
    [
        ("set_profile_attributes", "ext_id,profile.age", {"extId": "1", "profile": {"age": "2"}}),
        ("set_profile_attributes", "ext_id,Profile.Age,b", {"extId": "1", "profile": {"Age": "2", "b": "3"}}),
        ("bulk_update_users", "email,dataFields.a.b", {"email": "1", "dataFields": {"a.b": "2"}}),
        # What begins with no field's name is a name of its own.
        ("bulk_update_users", "email,address.city", {"email": "1", "dataFields": {"address.city": "2"}}),
        ("bulk_update_users", "email,email.x", {"email": "1", "dataFields": {"email.x": "2"}}),
    ],
)
def test_a_column_that_is_called_as_in_a_job_is_an_entry(file: Write, operation, header, expected) -> None:
    row = ",".join("123"[: len(header.split(","))])
    assert items(file("x.csv", f"{header}\n{row}\n"), operation) == [expected]


def test_two_columns_of_one_entry_are_refused(file: Write) -> None:
    with pytest.raises(ConfigurationError, match=r"More than one column could be profile\.age: rename one"):
        items(file("x.csv", "ext_id,profile.age,age\n1,2,3\n"), "set_profile_attributes")


@pytest.mark.parametrize("vendor", clients(), ids=lambda vendor: vendor.slug)
def test_no_column_is_two_fields(vendor: type[Client]) -> None:
    """An id that goes out as another identifier as well would change, or erase, somebody else."""
    called = {name for names in OBVIOUS.values() for name in names}
    for operation in vendor.operations().values():
        if isinstance(operation.kind, Rows):
            named = {name for field in operation.kind.fields for name in (field.name, field.wire)}
            for column in called | named:
                places = find_columns(operation, [column]).places
                taken = [place.name for place in places if place.column == column]
                assert len(taken) <= 1, (operation.name, column, taken)


def test_a_column_can_be_named(file: Write) -> None:
    path = file("x.csv", "Customer No,id\n007,1\n")
    assert items(path, "tag_users", "Customer No") == ["007"]
    assert items(path, "tag_users", "customer_no") == ["007"]


def test_json_lines_give_identifiers_by_name(file: Write) -> None:
    path = file("x.jsonl", '"007"\n{"ext_id": "a", "x": 1}\n{"x": 1, "y": 2}\n')
    first, second, third = items(path, "tag_users")
    assert (first, second) == ("! The line is no JSON object", "a")
    assert "is empty" in str(third)


def test_whole_numbers_are_made_of_text(file: Write) -> None:
    assert items(file("x.txt", "17\n1.5\n"), "send_push_approval") == [
        17,
        "! The field 'message_id' is not a whole number",
    ]


@pytest.mark.parametrize(
    "header", ["extId,category,enable", "EXT_ID,Category,enable", "customer-id,category,enable"]
)
def test_rows_find_their_fields_by_either_name(file: Write, header: str) -> None:
    path = file("x.csv", f"{header}\n007,News,yes\nb,News,maybe\nc,News,0\n")
    first, second, third = items(path, "set_category_preferences")
    assert first == {"extId": "007", "category": "News", "enable": True}
    assert "not true or false" in str(second)
    assert third == {"extId": "c", "category": "News", "enable": False}


def test_an_empty_cell_leaves_out_what_may_be_left_out(file: Write) -> None:
    path = file("x.csv", "extId,category,enable,channel\na,N,1,\nb,N,1,SMS\n")
    first, second = items(path, "set_category_preferences")
    assert first == {"extId": "a", "category": "N", "enable": True}
    assert second == {"extId": "b", "category": "N", "enable": True, "channel": "SMS"}


def test_fields_can_be_renamed(file: Write) -> None:
    path = file("x.csv", "who,what,on\na,N,1\n")
    chosen = ("ext_id=who", "category=what", "enable=on")
    assert items(path, "set_category_preferences", *chosen) == [
        {"extId": "a", "category": "N", "enable": True}
    ]
    with pytest.raises(ConfigurationError, match=r"No column is plainly category.*--column category=NAME"):
        items(path, "set_category_preferences", "ext_id=who", "enable=on")
    with pytest.raises(ConfigurationError, match="field=COLUMN"):
        items(path, "set_category_preferences", "who")
    with pytest.raises(ConfigurationError, match="they have ext_id, category"):
        items(path, "set_category_preferences", "nothing=who")


def test_the_remaining_columns_are_the_profile(file: Write) -> None:
    path = file("x.csv", "extId,name,zip,points,ok\n1,Ada,01234,34,true\n2,,,5.5,\n")
    assert items(path, "set_profile_attributes") == [
        {"extId": "1", "profile": {"name": "Ada", "zip": "01234", "points": "34", "ok": "true"}},
        {"extId": "2", "profile": {"points": "5.5"}},
    ]
    assert items(path, "set_profile_attributes", typed=True) == [
        {"extId": "1", "profile": {"name": "Ada", "zip": "01234", "points": 34, "ok": True}},
        {"extId": "2", "profile": {"points": 5.5}},
    ]


def test_a_profile_column_holds_json(file: Write) -> None:
    path = file("x.csv", 'extId,profile,other\n1,"{""a"": [1]}",x\n2,nope,x\n')
    first, second = items(path, "set_profile_attributes")
    assert first == {"extId": "1", "profile": {"a": [1]}}
    assert "no JSON object" in str(second)


def test_lists_are_json_or_separated_by_semicolons(file: Write) -> None:
    path = file("x.csv", 'extId,profile\n1,a; b\n2,"[""a"", ""b;c""]"\n3,[nope\n')
    first, second, third = items(path, "unset_profile_attributes")
    assert first == {"extId": "1", "profile": ["a", "b"]}
    assert second == {"extId": "2", "profile": ["a", "b;c"]}
    assert "JSON array" in str(third)
    assert items(file("y.csv", "extId,seen\n1,a;b\n"), "push_profile_attributes") == [
        {"extId": "1", "profile": {"seen": ["a", "b"]}}
    ]


def test_json_rows_may_be_the_vendors_own(file: Write) -> None:
    path = file("x.jsonl", '{"extId": "1", "profile": {"a": 1}}\n{"profile": {"b": [1]}}\n[1]\n')
    first, second, third = items(path, "set_profile_attributes")
    assert first == {"extId": "1", "profile": {"a": 1}}
    assert second == {"profile": {"b": [1]}}  # refused by the operation's own rule
    assert "no JSON object" in str(third)


def test_a_mapping_that_may_be_left_out_is_left_out_where_nothing_is_left_for_it(file: Write) -> None:
    path = file("x.csv", "token,platform,application_name,email\nt,GCM,app,a@example.com\n")
    row = {"token": "t", "platform": "GCM", "applicationName": "app", "email": "a@example.com"}
    assert items(path, "register_device_token") == [row]
    path = file("y.csv", "email,model\na@example.com,\nb@example.com,X\n")
    assert items(path, "bulk_update_users") == [
        {"email": "a@example.com"},
        {"email": "b@example.com", "dataFields": {"model": "X"}},
    ]


def test_only_the_first_mapping_takes_what_is_left(file: Write) -> None:
    """What is left is never taken for a second mapping, such as the identifiers of a user."""
    path = file("x.csv", 'customer_id,action,attributes,note\nm-1,Bought,"{""a"": 1}",x\n')
    assert items(path, "import_events") == [
        {"customer_id": "m-1", "action": "Bought", "attributes": {"a": 1}}
    ]


def test_columns_can_be_kept_out_of_a_mapping(file: Write) -> None:
    path = file("x.csv", "extId,city,Note\n1,Rome,x\n")
    assert items(path, "set_profile_attributes", skipped=("note",)) == [
        {"extId": "1", "profile": {"city": "Rome"}}
    ]


def test_one_of_several_keys_must_have_a_column(file: Write) -> None:
    with pytest.raises(ConfigurationError, match="No column is plainly email or user_id"):
        items(file("x.csv", "name\nAnn\n"), "bulk_update_users")
    assert items(file("y.csv", "Mail\na@example.com\n"), "bulk_update_users") == [{"email": "a@example.com"}]
    assert items(file("z.csv", "who\nu-1\n"), "bulk_update_users", "user_id=who") == [{"userId": "u-1"}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1;2", [1, 2]),
        ("7", [7]),
        ("[]", []),
        ('"[3, 4]"', [3, 4]),
        ("x", "! The field 'email_list_ids' is not a whole number"),
    ],
)
def test_a_list_of_numbers(file: Write, cell: str, value: object) -> None:
    (item,) = items(file("x.csv", f"email,email_list_ids\na@x.com,{cell}\n"), "bulk_update_subscriptions")
    assert item == (value if isinstance(value, str) else {"email": "a@x.com", "emailListIds": value})


def test_an_empty_list_is_not_an_empty_cell(file: Write) -> None:
    path = file("x.csv", "email,email_list_ids\na@x.com,\n")
    assert items(path, "bulk_update_subscriptions") == [{"email": "a@x.com"}]


def test_a_profile_needs_columns(file: Write) -> None:
    with pytest.raises(ConfigurationError, match="No column is left"):
        items(file("x.csv", "extId\n"), "set_profile_attributes")


def test_a_lone_column_that_says_that_it_is_something_else_is_not_taken(file: Write) -> None:
    path = file("x.csv", "email\nann@example.com\n")
    with pytest.raises(ConfigurationError, match="No column is plainly the ext id"):
        items(path, "tag_users")
    assert items(path, "enable_mail", by="email") == ["ann@example.com"]
    assert items(path, "tag_users", "email") == ["ann@example.com"]


def test_what_pandas_writes_for_itself_is_no_attribute() -> None:
    found = find_columns(OPERATIONS["set_profile_attributes"], ["ext_id", "city", "__index_level_0__"])
    assert (found.rest, found.unused) == (("city",), ("__index_level_0__",))
