"""A file through the real command to each vendor's sandbox: columns become its rows, and flags its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience.sandbox import BackgroundSandbox
from netaudience.vendors import clients

Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("vendor", "told_by"), [(one.slug, schema.told_by) for one in clients() for schema in one.schemas]
)
def test_who_explores_the_sandbox_is_told_what_a_run_is_held_to(
    at_sandbox, vendor: str, told_by: str
) -> None:
    told = at_sandbox(vendor, told_by.replace("_", "-"))
    assert (told.code, bool(told.out)) == (0, True), told.err


def test_a_column_that_the_panel_has_not_is_told_with_what_a_command_can_do(at_sandbox, file: Write) -> None:
    path = file("u.csv", "ext_id,city,joined\nid1,Izmir,2020-01-01\n")
    refused = at_sandbox("netmera", "set-profile-attributes", path)
    assert refused.code == 5
    assert "Netmera has no profile attribute 'joined'" in refused.err
    for flags in (("--skip", "joined"), ("--column", "profile.birthday=joined"), ("--no-preflight",)):
        assert at_sandbox("netmera", "set-profile-attributes", path, *flags).code == 0, flags


# Iterable: several key fields, the rest of the columns, lists of numbers, flags that may be left out.


def test_columns_that_no_field_takes_are_the_users_data(at_sandbox, sandbox, file: Write) -> None:
    path = file("u.csv", "E-Mail,first name,points,vip\nAnn@example.com,Ann,12,true\nbob@example.com,,7,\n")
    result = at_sandbox("iterable", "bulk-update-users", path, "--typed", "--create-new-fields")
    assert (result.code, result.counts["accepted"]) == (0, 2), result.err
    users = sandbox.iterable.by_email
    assert users["ann@example.com"].data_fields == {"first name": "Ann", "points": 12, "vip": True}
    assert users["bob@example.com"].data_fields == {"points": 7}
    assert "data_fields from 'first name', 'points', 'vip'" in result.err


def test_either_identifier_names_the_user(at_sandbox, sandbox, file: Write) -> None:
    path = file("u.csv", "email,customer_id,city\nann@example.com,,Rome\n,u-7,Oslo\n,,Nowhere\n")
    result = at_sandbox("iterable", "bulk-update-users", path, "--create-new-fields")
    assert result.code == 3
    assert [line["position"] for line in result.lines] == [3]
    assert sandbox.iterable.by_email["ann@example.com"].data_fields == {"city": "Rome"}
    assert sandbox.iterable.by_user_id["u-7"][0].data_fields == {"city": "Oslo"}


def test_a_file_without_any_identifier_is_told_before_anything_is_sent(
    at_sandbox, sandbox, file: Write
) -> None:
    result = at_sandbox("iterable", "bulk-update-users", file("u.csv", "name,city\nAnn,Rome\n"))
    assert result.code == 2
    assert "No column is plainly email or user_id: say --column email=NAME" in result.err
    assert not sandbox.ledger.requests


def test_a_column_can_be_kept_back(at_sandbox, sandbox, file: Write) -> None:
    path = file("u.csv", "email,city,note\nann@example.com,Rome,owes us money\n")
    flags = ("--skip", "note", "--create-new-fields")
    result = at_sandbox("iterable", "bulk-update-users", path, *flags)
    assert result.code == 0
    assert sandbox.iterable.by_email["ann@example.com"].data_fields == {"city": "Rome"}
    assert "not used: 'note'" in result.err


def test_a_column_that_is_kept_back_is_no_identifier_either(at_sandbox, sandbox, file: Write) -> None:
    path = file("u.csv", "email,customer_id,user_id\nann@example.com,1,a\n")
    flags = ("--skip", "customer_id", "--skip", "User ID")
    result = at_sandbox("iterable", "bulk-update-users", path, *flags)
    assert result.code == 0, result.err
    assert not sandbox.iterable.by_email["ann@example.com"].user_id
    assert "not used: 'customer_id', 'user_id'" in result.err
    assert at_sandbox("netmera", "tag-users", "--tag", "T", path, "--skip", "customer_id").code == 0
    assert sandbox.check("netmera", "tag_users", ["a"]).ok


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--skip", "nte"), "There is no column 'nte': it has 'email', 'note'"),
        (("--skip", "note", "--column", "data_fields.n=note"), "--column sends 'note', and --skip does not"),
    ],
)
def test_what_is_to_be_kept_back_is_a_column_that_nothing_else_sends(
    at_sandbox, sandbox, file: Write, flags, sentence
) -> None:
    path = file("u.csv", "email,note\nann@example.com,owes us money\n")
    result = at_sandbox("iterable", "bulk-update-users", path, *flags)
    assert result.code == 2
    assert sentence in result.err
    assert not sandbox.ledger.requests


def test_what_ends_later_says_how_its_end_is_told(
    at_sandbox, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETAUDIENCE_MOENGAGE_DB_NAME", "db")
    row = "VIPs,uid,string,https://a.example/f.csv,30,https://a.example/hook"
    path = file("s.csv", f"name,attribute_name,attribute_type,file_url,expiry_time,callback_url\n{row}\n")
    told = at_sandbox("moengage", "create-file-segment", path)
    assert told.code == 0, told.err
    assert "MoEngage calls your callback_url" in told.err
    assert "ask get_user_job" in at_sandbox("fynd", "start-user-export", "--file-format", "csv").err


def test_an_empty_cell_takes_an_attribute_away_where_that_is_said(at_sandbox, sandbox, file: Write) -> None:
    flags = ("--create-new-fields", "--unset", "Tier")
    full = file("u.csv", "email,tier,city\nann@example.com,gold,Rome\nbob@example.com,gold,Oslo\n")
    assert at_sandbox("iterable", "bulk-update-users", full, *flags).code == 0
    emptied = file("v.csv", "email,tier,city\nann@example.com,,\nbob@example.com,silver,Oslo\n")
    assert at_sandbox("iterable", "bulk-update-users", emptied, *flags).code == 0
    users = sandbox.iterable.by_email
    assert users["ann@example.com"].data_fields.get("tier") is None
    assert users["ann@example.com"].data_fields["city"] == "Rome"
    assert users["bob@example.com"].data_fields == {"tier": "silver", "city": "Oslo"}
    profiles = file("c.csv", "identity,Tier,City\nu1,gold,Rome\n")
    assert at_sandbox("clevertap", "upload-profiles", profiles, "--unset", "Tier").code == 0
    assert sandbox.clevertap.profiles["u1"].data == {"Tier": "gold", "City": "Rome"}
    profiles = file("d.csv", "identity,Tier,City\nu1,,\n")
    assert at_sandbox("clevertap", "upload-profiles", profiles, "--unset", "Tier").code == 0
    assert sandbox.clevertap.profiles["u1"].data == {"City": "Rome"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("iterable", "bulk-update-users", "--unset", "teir"),
            "no column of that name goes into data_fields",
        ),
        (("iterable", "bulk-update-users", "--unset", "email"), "goes into data_fields: it has tier"),
        (
            ("netmera", "set-profile-attributes", "--column", "ext_id=email", "--unset", "tier"),
            "is not taken away",
        ),
    ],
)
def test_what_cannot_be_taken_away_is_told_before_anything_is_sent(
    at_sandbox, sandbox, file: Write, words: tuple[str, ...], told: str
) -> None:
    result = at_sandbox(*words, file("u.csv", "email,tier\nann@example.com,\n"))
    assert result.code == 2
    assert told in result.err
    assert not sandbox.ledger.requests


def test_what_the_vendor_drops_is_a_warning_in_the_summary_and_in_the_report(
    at_sandbox, sandbox, file: Write, tmp_path: Path
) -> None:
    path = file("u.csv", "email,unheard_of\nann@example.com,x\n")
    report = tmp_path / "report.json"
    flags = ("--no-create-new-fields", "--no-preflight", "--report", report)
    result = at_sandbox("iterable", "bulk-update-users", path, *flags)
    assert result.code == 0
    told = json.loads(report.read_bytes())
    (step,) = told["steps"]
    (warning,) = step["warnings"]
    assert "warning, 1 x " in result.err
    assert warning in result.err
    assert (step["total"], step["delivered"], told["exit_code"]) == (1, 1, 0)
    assert "ann@" not in report.read_text()


def test_lists_of_numbers(at_sandbox, sandbox, file: Write) -> None:
    path = file(
        "s.csv",
        "email,email_list_ids,unsubscribedChannelIds,subscribed_message_type_ids\n"
        "ann@example.com,1;2,[],\nbob@example.com,x,,\n",
    )
    result = at_sandbox("iterable", "bulk-update-subscriptions", path)
    assert [line["position"] for line in result.lines] == [2]
    assert "'email_list_ids' is not a whole number" in result.lines[0]["reason"]
    profile = sandbox.iterable.by_email["ann@example.com"]
    assert (profile.lists, profile.subscriptions) == ({1, 2}, {"unsubscribedChannelIds": []})


def test_a_list_is_named_by_a_flag(at_sandbox, sandbox, file: Write) -> None:
    path = file("l.csv", "email\nann@example.com\nno address\n")
    result = at_sandbox("iterable", "subscribe-to-list", path, "--list-id", "58508")
    assert (result.code, result.counts["rejected"]) == (3, 1), result.err
    assert sandbox.iterable.by_email["ann@example.com"].lists == {58508}
    missing = at_sandbox("iterable", "subscribe-to-list", path)
    assert missing.code == 2
    assert "--list-id" in missing.err


def test_a_device_that_is_nested_on_the_wire(at_sandbox, sandbox, file: Write) -> None:
    path = file("d.csv", "token,platform,application_name,email\nt-1,GCM,app,ann@example.com\n")
    assert at_sandbox("iterable", "register-device-token", path).code == 0
    assert set(sandbox.iterable.by_email["ann@example.com"].devices) == {"t-1"}
    everywhere = file("t.csv", "token\nt-1\n")
    refused = at_sandbox("iterable", "disable-device", everywhere)
    assert refused.code in {2, 3}
    assert sandbox.iterable.by_email["ann@example.com"].devices["t-1"].endpoint_enabled
    assert at_sandbox("iterable", "disable-device", everywhere, "--everywhere").code == 0
    assert not sandbox.iterable.by_email["ann@example.com"].devices["t-1"].endpoint_enabled


def test_a_deletion_wants_consent(at_sandbox, sandbox, file: Write) -> None:
    path = file("d.txt", "ann+x@example.com\n")
    at_sandbox("iterable", "update-user", file("u.csv", "email\nann+x@example.com\n"))
    assert at_sandbox("iterable", "delete-user", path).code == 5
    assert "ann+x@example.com" in sandbox.iterable.by_email
    assert at_sandbox("iterable", "delete-user", path, "--yes").code == 0
    assert "ann+x@example.com" not in sandbox.iterable.by_email


def test_reads_are_json_lines(at_sandbox, sandbox, file: Write) -> None:
    at_sandbox("iterable", "update-user", file("u.csv", "email,city\nann@example.com,Rome\n"))
    result = at_sandbox("iterable", "get-user", "--item", "ann@example.com")
    (line,) = result.lines
    assert line["result"]["user"]["email"] == "ann@example.com"


# CleverTap: one of four identifiers, events, literals, a dead line of consent, pages with required flags.


def test_profiles_and_events(at_sandbox, sandbox, file: Write) -> None:
    path = file("p.csv", "identity,Name,Age,ts\nc-1,Ann,34,1700000000\nc-2,Bob,,\n")
    assert at_sandbox("clevertap", "upload-profiles", path, "--typed").code == 0
    assert sandbox.clevertap.profiles["c-1"].data == {"Name": "Ann", "Age": 34}
    events = file("e.csv", "identity,evtName,Amount\nc-1,Charged,12.5\n")
    assert at_sandbox("clevertap", "upload-events", events, "--typed").code == 0
    assert sandbox.clevertap.profiles["c-1"].events["Charged"].count == 1


def test_the_record_that_the_vendor_blames_is_the_one_that_is_told(at_sandbox, sandbox, file: Write) -> None:
    path = file("p.csv", "identity,Email\nc-1,ann@example.com\nc-2,no address\nc-3,bob@example.com\n")
    result = at_sandbox("clevertap", "upload-profiles", path)
    assert (result.code, [line["position"] for line in result.lines]) == (3, [2])
    assert set(sandbox.clevertap.profiles) >= {"c-1", "c-3"}


def test_a_literal_flag_and_a_typed_count(at_sandbox, sandbox, file: Write) -> None:
    path = file("x.txt", "c-1\nc-2\n")
    assert at_sandbox("clevertap", "delete-profiles", path, "--by", "guid").code == 5
    assert at_sandbox("clevertap", "delete-profiles", path, "--by", "nobody").code == 2
    assert at_sandbox("clevertap", "delete-profiles", path, "--by", "guid", "--yes-delete", "2").code == 0
    assert sandbox.clevertap.deleted == {"c-1", "c-2"}


def test_pages_are_rows_whatever_the_page_says_beside_them(at_sandbox, sandbox, file: Write) -> None:
    at_sandbox("clevertap", "upload-events", file("e.csv", "identity,evtName\nc-1,Charged\n"))
    incomplete = at_sandbox("clevertap", "get-profiles", "--event-name", "Charged")
    assert incomplete.code == 2
    dates = ("--from-date", "20200101", "--to-date", "20991231")
    result = at_sandbox("clevertap", "get-profiles", "--event-name", "Charged", *dates)
    assert result.code == 0, result.err
    assert [row["identity"] for row in result.lines] == ["c-1"]


# MoEngage: a mapping for the rest, JSON in a cell, bulk and single, a flag for everybody.


def test_attributes_and_arrays(at_sandbox, sandbox, file: Write) -> None:
    path = file("u.csv", 'customer_id,u_n,points,seen\nm-1,Ann,12,"[""a"",""b""]"\nm-2,Bob,,\n')
    for operation in ("import-users", "track-user"):
        result = at_sandbox("moengage", operation, path, "--typed")
        assert (result.code, result.counts["accepted"]) == (0, 2), result.err
    assert sandbox.moengage.customers["m-1"].attributes == {"u_n": "Ann", "points": 12, "seen": ["a", "b"]}
    assert sandbox.moengage.customers["m-2"].attributes == {"u_n": "Bob"}


def test_events_and_devices(at_sandbox, sandbox, file: Write) -> None:
    at_sandbox("moengage", "import-users", file("u.csv", "customer_id,u_n\nm-1,Ann\n"))
    events = file("e.csv", "customer_id,action,product,platform\nm-1,Bought,Shirt,iOS\n")
    assert at_sandbox("moengage", "import-events", events).code == 0
    assert len(sandbox.moengage.events["m-1"]) == 1
    devices = file("d.csv", "customer_id,device_id,platform,push_id,moe_push_opted\nm-1,d-1,ANDROID,t-1,no\n")
    result = at_sandbox("moengage", "import-devices", devices)
    assert result.code == 0, result.err
    assert set(sandbox.moengage.customers["m-1"].devices) == {"d-1"}
    whom = file("m.csv", "user_identifier_value\nm-1\n")
    assert at_sandbox("moengage", "manage-devices", whom, "--action", "block").code in {2, 3}
    assert not sandbox.moengage.customers["m-1"].blocked
    done = at_sandbox("moengage", "manage-devices", whom, "--action", "block", "--all-devices")
    assert done.code == 0, done.err
    assert sandbox.moengage.customers["m-1"].blocked == {"d-1"}


# Fynd: a token first, JSON in cells, questions with required flags, pages.


def test_a_value_of_any_kind(at_sandbox, sandbox, file: Write) -> None:
    (city,) = (name for name, found in sandbox.fynd.definitions.items() if found.slug == "city")
    user = "64f222222222222222222223"
    path = file("v.csv", f"user_id,definition_id,value\n{user},{city},007\n")
    result = at_sandbox("fynd", "set-user-attribute", path)
    assert result.code == 0, result.err
    assert sandbox.fynd.users[user].attributes[city].value == "007"


def test_pages_and_questions(at_sandbox, sandbox) -> None:
    user = "64f222222222222222222222"
    definitions = at_sandbox("fynd", "list-attribute-definitions", "--page-size", "1", "--no-encrypted")
    assert (definitions.code, len(definitions.lines)) == (0, 2), definitions.err
    attributes = at_sandbox("fynd", "list-user-attributes", "--user-id", user)
    assert {row["user_id"] for row in attributes.lines} == {user}
    assert at_sandbox("fynd", "list-user-attributes").code == 2
    found = at_sandbox("fynd", "search-customers", "--q", "john.brown@example.com")
    assert found.code == 0, found.err
    assert len(found.lines) == 1


def test_a_group_of_a_file_elsewhere(at_sandbox, sandbox, file: Write) -> None:
    url = "https://files.example/members.csv"
    path = file("g.csv", f"name,description,category,file_url\nNew,People,l1,{url}\n")
    result = at_sandbox("fynd", "create-group", path, "--answers")
    assert (result.code, result.counts["applied"]) == (0, 1), result.err
    (made,) = (group for group in sandbox.fynd.groups.values() if group.name == "New")
    (line,) = result.lines
    assert (line["position"], line["result"]["_id"]) == (1, made.id)


def test_the_receipts_of_writes_are_not_printed_unless_asked_for(at_sandbox, file: Write) -> None:
    path = file("u.csv", "email\nann@example.com\nbob@example.com\n")
    assert at_sandbox("iterable", "bulk-update-users", path).lines == []
    (line,) = at_sandbox("iterable", "bulk-update-users", path, "--answers").lines
    assert (line["positions"], line["result"]["successCount"]) == ([1, 2], 2)


def test_what_a_batch_reads_is_printed_with_the_rows_that_it_answers(at_sandbox, file: Write) -> None:
    at_sandbox("moengage", "import-users", file("u.csv", "customer_id,u_n\nm-1,Ann\nm-2,Bob\n"))
    result = at_sandbox("moengage", "export-users", file("x.txt", "m-1\nm-2\n"))
    (line,) = result.lines
    assert (result.code, line["positions"]) == (0, [1, 2])
    assert len(line["result"]["data"]["users"]) == 2


@pytest.mark.parametrize("vendor", ["iterable", "clevertap", "moengage", "fynd"])
def test_credentials_that_are_not_accepted_have_an_exit_code_of_their_own(
    at_sandbox, sandbox: BackgroundSandbox, file: Write, monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    secrets = {
        "iterable": "API_KEY", "clevertap": "PASSCODE", "moengage": "DATA_API_KEY", "fynd": "CLIENT_SECRET"
    }  # fmt: skip
    operations = {
        "iterable": "update-user", "clevertap": "demerge", "moengage": "track-user", "fynd": "get-group"
    }  # fmt: skip
    monkeypatch.setenv(f"NETAUDIENCE_{vendor.upper()}_{secrets[vendor]}", "wrong-77")
    items = {
        "iterable": "email\na@example.com\n", "clevertap": "identity\ni-1\n",
        "moengage": "customer_id\nm-1\n", "fynd": "group_id\ng-1\n",
    }  # fmt: skip
    result = at_sandbox(vendor, operations[vendor], file("x.csv", items[vendor]))
    assert result.code == 4, result.err
    assert "wrong-77" not in result.err + result.out.decode()


def test_a_column_whose_name_the_vendor_forbids_is_named(at_sandbox, sandbox, file: Write) -> None:
    # As an export of the Department of Veterans Affairs has it.
    columns = "identity,State Name,Dependents' Educational Assistance,ann@example.com & co"
    path = file("u.csv", f"{columns}\nu1,Ohio,7,\nu2,Iowa,,8\n")
    result = at_sandbox("clevertap", "upload-profiles", path)
    assert result.code == 3
    assert 'has the name "Dependents\' Educational Assistance" with one of' in result.lines[0]["reason"]
    assert "ann@" not in result.lines[1]["reason"]
    assert not sandbox.ledger.requests
