"""The help, the version and the reference: all of it comes from the descriptors."""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any

import pytest

from netaudience.cli.app import build
from netaudience.reference import reference
from netaudience.vendors import clients, names

OPERATIONS = [(vendor, operation) for vendor in clients() for operation in vendor.operations().values()]
KEYS = {
    "vendor", "operation", "summary", "command", "method", "path", "item", "fields", "arguments", "limit",
    "allowance", "quota", "idempotent", "destructive", "irreversible", "app_wide", "acknowledges",
    "provenance", "docs", "read", "shape", "note", "unsaid", "settles",
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def cases() -> list[Any]:
    """Return every operation; one of each kind while one works on it, the others with the slow tests.

    A page takes a quarter of a second; that its text and flags are the operation's is held for all of them
    by `tests/vendors/test_contract_doors.py`.
    """
    kinds: set[Any] = set()
    found = []
    for vendor, operation in OPERATIONS:
        facts = operation.facts
        kind = (vendor, operation.shape, facts.irreversible, facts.destructive)
        marks = pytest.mark.slow if kind in kinds else ()
        kinds.add(kind)
        found.append(pytest.param(vendor, operation, id=f"{vendor.slug}-{operation.name}", marks=marks))
    return found


@pytest.mark.parametrize(("vendor", "operation"), cases())
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
    assert ("--yes " in shown) is (operation.facts.destructive or "confirm" in operation.signature.parameters)
    assert ("--yes-delete" in shown) is operation.facts.irreversible
    flags = {word.lower() for word in shown.split() if word.startswith("--")}
    assert flags.isdisjoint({"--key", "--api-key", "--passcode"})  # a secret is no flag


def test_the_name_of_a_command_is_never_broken(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for vendor in clients():
        lines = run(vendor.slug, "--help").out.decode().splitlines()
        names = {line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "}
        assert names == {name.replace("_", "-") for name in vendor.operations()}
        assert max(map(len, lines)) <= 80


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
        assert row["provenance"] in {"documented", "reported", "assumed", "withdrawn"}
        assert re.fullmatch(r"20\d\d-\d\d", row["read"])
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
    shown = run("operations", "clevertap", "--markdown").out.decode()
    assert "| [`demerge`](https://developer.clevertap.com/" in shown
    assert "netmera" not in shown
    both = run("operations", "--markdown", "--json")
    assert both.code == 2
    assert "either --json or --markdown" in both.err


def test_the_reference_is_a_line_for_each_operation_no_wider_than_a_terminal(run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("operations").out.decode().splitlines()
    assert max(map(len, lines)) <= 80
    for vendor, operation in OPERATIONS:
        start = lines.index(f"netaudience {vendor.slug} (read 2026-11)")
        name = operation.name.replace("_", "-")
        # A name is never cut or broken: it is what is typed.
        assert any(line.split()[0] == name for line in lines[start + 1 : lines.index("", start)])
    assert "  delete-users-permanently     !! " in "\n".join(lines)


def test_one_operation_is_told_whole_and_marks_what_no_vendor_documents(run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("operations", "clevertap", "demerge").out.decode()
    assert shown.startswith("netaudience clevertap demerge\n")
    assert "per request keys 100, documented:" in shown
    assert "assumed" in shown
    assert "may do it twice" in shown
    (rows,) = run("operations", "netmera", "tag-users", "--json").lines
    assert [row["operation"] for row in rows] == ["tag_users"]


def test_a_vendor_or_an_operation_that_there_is_not(run) -> None:
    result = run("operations", "nobody")
    assert result.code == 2
    assert ", ".join(vendor.slug for vendor in clients()) in result.err
    result = run("operations", "netmera", "tag-user")
    assert result.code == 2
    assert "netaudience operations netmera lists them" in result.err


def test_the_reference_is_plain_data() -> None:
    assert {row.vendor for row in reference("clevertap")} == {"clevertap"}
    assert json.dumps([row.to_json() for row in reference()])


def test_the_names_of_vendors_that_are_not_imported_are_their_own() -> None:
    assert names() == {client.slug: client.vendor for client in clients()}


@pytest.mark.parametrize("words", [[], ["--version"], ["netmera", "tag-users", "--debug"]])
def test_without_its_packages_the_command_says_what_to_install(run, monkeypatch, words) -> None:
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    result = run(*words)
    assert (result.code, result.out) == (2, b"")
    (sentence,) = result.err.splitlines()
    assert sentence.endswith("python3 -m pip install 'netaudience[cli]'")


@pytest.mark.parametrize("slug", [None, *names()])
def test_the_list_of_commands_is_the_same_whether_they_are_made_or_only_told(slug, capsys) -> None:
    path = [] if slug is None else [slug]
    shown = []
    for words in ([*path, "--help"], None):
        build(words)([*path, "--help"], exit_on_error=False)
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].count("\n") > 10


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["run", "job.toml"], {"run"}),
        (["--debug", "run", "plan"], {"plan", "run"}),
        (["netmera", "tag-users", "--tag", "init"], {"init", "netmera"}),
        (["rnu", "run"], None),
        (["--help"], None),
    ],
)
def test_only_commands_that_are_named_are_made(words, made) -> None:
    every = {name for name in build(None) if not name.startswith("-")}
    assert {name for name in build(words) if not name.startswith("-")} == (every if made is None else made)
