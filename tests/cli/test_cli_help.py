"""The help, the version and the reference: all of it comes from the descriptors."""

from __future__ import annotations

import inspect
import json

import pytest

from netaudience.reference import reference
from netaudience.vendors import clients

OPERATIONS = [(vendor, operation) for vendor in clients() for operation in vendor.operations().values()]
KEYS = {
    "vendor", "operation", "summary", "command", "method", "path", "item", "fields", "arguments", "limit",
    "allowance", "quota", "idempotent", "destructive", "irreversible", "app_wide", "acknowledges",
    "provenance", "docs", "shape", "note",
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS, ids=lambda part: getattr(part, "name", None))
def test_every_operation_is_a_command_with_its_words_its_page_and_its_limits(run, vendor, operation) -> None:
    result = run(vendor.slug, operation.name.replace("_", "-"), "--help")
    assert result.code == 0
    shown = " ".join(result.out.decode().split())
    first_line = inspect.cleandoc(operation.__doc__).splitlines()[0]
    for words in (first_line, operation.facts.note):
        assert words.replace("*", "").replace("`", "") in shown
    assert operation.facts.docs in shown
    for name, figure in operation.facts.figures().items():
        assert f"{name}: {figure.describe().partition(':')[0]}:" in shown
    for name, parameter in operation.signature.parameters.items():
        is_flag = parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "confirm"
        assert (f"--{name.replace('_', '-')}" in shown) is is_flag
    assert ("--yes " in shown) is operation.facts.destructive
    assert ("--yes-delete" in shown) is operation.facts.irreversible


def test_a_flag_has_the_descriptors_words(run) -> None:
    shown = " ".join(run("netmera", "enable-mail", "--help").out.decode().split())
    assert "Which of the two they are. [choices: ext_id, email] [default: ext_id]" in shown


def test_the_help_says_where_the_columns_go(run) -> None:
    shown = " ".join(run("iterable", "bulk-update-users", "--help").out.decode().split())
    assert "user_id (may be left out)" in shown
    assert "Columns that no field takes go into data_fields." in shown
    assert "has semicolons" not in shown
    lists = " ".join(run("iterable", "bulk-update-subscriptions", "--help").out.decode().split())
    assert "A list is JSON, or has semicolons between its parts." in lists
    assert "Columns that no field takes" not in lists


def test_no_secret_is_a_flag(run) -> None:
    for vendor, operation in OPERATIONS:
        shown = run(vendor.slug, operation.name.replace("_", "-"), "--help").out.decode().lower()
        assert "key " not in [word for word in shown.split() if word.startswith("--")]
        assert "--api-key" not in shown
        assert "--passcode" not in shown


def test_the_command_itself(run) -> None:
    helped = run("--help")
    assert (helped.code, helped.err) == (0, "")
    assert all(vendor.slug in helped.out.decode() for vendor in clients())
    assert run("--version").out.decode().strip() == "0.1.0"
    unknown = run("nothing")
    assert unknown.code == 2
    assert unknown.err.startswith("error: ")


def test_the_reference_as_json(run) -> None:
    result = run("operations", "--json")
    (rows,) = result.lines
    assert (result.code, result.err) == (0, "")
    assert [(row["vendor"], row["operation"]) for row in rows] == [(v.slug, o.name) for v, o in OPERATIONS]
    for row in rows:
        assert set(row) == KEYS
        assert all(type(row[name]) is bool for name in ("idempotent", "destructive"))
        assert row["provenance"] in {"documented", "reported", "assumed"}
        assert row["docs"].startswith("https://")
        assert row["quota"]
        for figure in (*row["limit"].values(), *row["quota"].values()):
            assert set(figure) == {"value", "provenance", "source"}
            assert figure["provenance"] in {"documented", "reported", "assumed"}
            assert figure["source"]
            assert (figure["provenance"] == "documented") == figure["source"].startswith("https://")
    tag = next(row for row in rows if row["operation"] == "tag_users")
    assert tag["limit"]["keys"]["value"] == 1000
    assert (tag["path"], tag["method"], tag["idempotent"]) == ("/rest/3.0/tagUsers", "POST", True)


def test_the_reference_has_windows_and_where_each_path_comes_from(run) -> None:
    (rows,) = run("operations", "--json").lines
    assert len(rows) >= 53
    by_name = {(row["vendor"], row["operation"]): row for row in rows}
    forget = by_name["iterable", "forget_user"]["quota"]
    assert (forget["requests per second"]["value"], forget["requests per day"]["value"]) == (3, 1000)
    assert (
        by_name["iterable", "forget_user_by_user_id"]["allowance"]
        == (by_name["iterable", "forget_user"]["allowance"])
    )
    assert "records per minute" in by_name["moengage", "import_users"]["quota"]
    paths = {row["provenance"] for row in rows if row["vendor"] == "fynd"}
    assert paths == {"documented", "reported", "assumed"}


def test_the_reference_as_markdown(run) -> None:
    shown = run("operations", "--markdown", "--vendor", "clevertap").out.decode()
    assert "| [`demerge`](https://developer.clevertap.com/" in shown
    assert "netmera" not in shown
    both = run("operations", "--markdown", "--json")
    assert both.code == 2
    assert "either --json or --markdown" in both.err


def test_the_reference_as_a_table_marks_what_no_vendor_documents(run) -> None:
    shown = run("operations", "--vendor", "clevertap").out.decode()
    assert "clevertap demerge" in shown
    assert "netmera" not in shown
    assert "keys: 100 (documented)" in shown
    assert "ASSUMED" in shown
    assert "NOT safe to repeat" in shown


def test_a_vendor_that_there_is_not(run) -> None:
    result = run("operations", "--vendor", "nobody")
    assert result.code == 2
    assert ", ".join(vendor.slug for vendor in clients()) in result.err


def test_the_reference_is_plain_data() -> None:
    assert {row.vendor for row in reference("clevertap")} == {"clevertap"}
    assert json.dumps([row.to_json() for row in reference()])
