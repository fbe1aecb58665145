"""Every door has every operation: the command line, the sandbox, the reference and its page.

No vendor is named here, and the sixth one is at every door without a line about it anywhere.
"""

from __future__ import annotations

import inspect
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from scripted_vendors import Table
from sixth_vendor import SixthClient
from tables import EVERY, TABLES, every_operation

from netaudience import Settings
from netaudience.cli import main
from netaudience.cli.app import build
from netaudience.cli.page import page
from netaudience.cli.sandbox import routes
from netaudience.client import Client
from netaudience.engine.retry import RetryPolicy
from netaudience.operations.dispatch import Operation
from netaudience.reference import reference
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.vendors import clients

VENDORS = [table.vendor for table in EVERY]
ROWS = {(row.vendor, row.operation): row for row in reference(clients=VENDORS)}
PAGE = Path(__file__).parent.parent.parent / "docs" / "operations.md"
each_operation = pytest.mark.parametrize(("table", "operation"), every_operation())


@pytest.fixture(scope="module")
def command() -> Any:
    return build(None, VENDORS)


MOUNTED = Sandbox(routes(VENDORS))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(Sandbox(routes(VENDORS))) as running:
        yield running


# The command line.


@each_operation
def test_every_operation_is_a_command(table: Table, operation: Operation, command: Any) -> None:
    vendor = command[table.vendor.slug]
    found = vendor[operation.name.replace("_", "-")]
    assert operation.facts.docs in found.help
    assert inspect.cleandoc(operation.__doc__ or "").splitlines()[0] in found.help
    shown = " ".join(found.help.split())
    assert " ".join(operation.facts.note.split()) in shown
    for name, figure in operation.facts.figures().items():
        assert f"{name}: {figure.describe().partition(':')[0]}:" in shown
    flags = [argument.names for argument in found.assemble_argument_collection()]
    names = {name for each in flags for name in each}
    for name, parameter in operation.signature.parameters.items():
        is_flag = parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "confirm"
        assert (f"--{name.replace('_', '-')}" in names) is is_flag
    consented = operation.facts.destructive or "confirm" in operation.signature.parameters
    assert ("--yes" in names) is consented


def test_there_is_no_command_without_an_operation(command: Any) -> None:
    for table in EVERY:
        vendor = command[table.vendor.slug]
        named = {name for name in vendor if not name.startswith("-")}
        assert named == {name.replace("_", "-") for name in table.vendor.operations()}


# The reference.


@each_operation
def test_every_operation_has_a_row(table: Table, operation: Operation) -> None:
    row, facts = ROWS[table.vendor.slug, operation.name], operation.facts
    assert (row.method, row.path, row.docs, row.note) == (facts.method, facts.path, facts.docs, facts.note)
    assert (row.idempotent, row.destructive, row.irreversible, row.app_wide) == (
        *(facts.idempotent, facts.destructive, facts.irreversible, facts.app_wide),
    )
    assert (row.shape, row.acknowledges, row.provenance) == (
        *(operation.shape, facts.acknowledges, str(facts.provenance)),
    )
    assert row.limit.keys() == facts.limit.figures().keys()
    assert row.quota.keys() == facts.quota.figures().keys()
    assert row.allowance == facts.quota.name
    taken = [row.item] if row.item else []
    assert len([*taken, *row.arguments]) == len(operation.signature.parameters)
    assert json.loads(json.dumps(row.to_json()))["operation"] == operation.name


@each_operation
def test_every_operation_is_on_the_page(table: Table, operation: Operation) -> None:
    told = page(list(ROWS.values()))
    (line,) = [line for line in told.splitlines() if f"[`{operation.name}`]({operation.facts.docs})" in line]
    slug = table.vendor.slug
    assert f"`{operation.facts.method} {operation.facts.path}`" in line
    assert f"`{slug} {operation.name.replace('_', '-')}`" in line


def test_the_page_in_the_documentation_is_up_to_date(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["operations", "--markdown"]) == 0
    words = "write it again: netaudience operations --markdown > docs/operations.md"
    assert capsysbinary.readouterr().out.decode() == PAGE.read_text(encoding="utf-8"), words


def test_the_page_keeps_its_columns() -> None:
    """A bar in a sentence would shift the cells behind it."""
    rows = [*ROWS.values(), attrs.evolve(next(iter(ROWS.values())), note="a | b")]
    told = [line for line in page(rows).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in told} == {9}


# The sandbox.


@each_operation
def test_every_operation_is_mounted(table: Table, operation: Operation) -> None:
    labels = {(route.vendor, route.operation): route for point in MOUNTED.endpoints for route in point.routes}
    route = labels[table.vendor.slug, operation.name]
    assert (route.method, route.path) == (operation.facts.method, operation.facts.path)


@pytest.mark.parametrize("table", TABLES, ids=[table.vendor.slug for table in TABLES])
def test_every_operation_of_ours_is_served(table: Table) -> None:
    slug = table.vendor.slug
    assert [route.operation for route in MOUNTED.unserved() if route.vendor == slug] == []


def test_what_nobody_serves_is_seen_and_says_so(sandbox: BackgroundSandbox) -> None:
    slug = SixthClient.slug
    assert {route.operation for route in MOUNTED.unserved() if route.vendor == slug} == set(
        SixthClient.operations()
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{sandbox.url()}/{slug}/members")
    with caught.value as answer:
        assert answer.code == 501


# A command of the sixth vendor, against the sandbox.


@pytest.fixture
def run(
    sandbox: BackgroundSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("NETAUDIENCE_SIXTH_BASE_URL", f"{sandbox.url()}/{SixthClient.slug}")

    made = SixthClient.from_environment

    def impatient(*, settings: Settings) -> SixthClient:
        return made(settings=attrs.evolve(settings, retry=RetryPolicy(attempts=1)))

    monkeypatch.setattr(SixthClient, "from_environment", impatient)

    def run(*arguments: str) -> tuple[int, str]:
        code = main([SixthClient.slug, *arguments], VENDORS)
        return code, capsysbinary.readouterr().err.decode()

    return run


def test_its_command_reaches_the_sandbox_which_does_not_serve_it(run: Callable[..., Any]) -> None:
    code, told = run("add", "--club", "c", "--item", "a")
    assert code == 1
    assert "HTTP 501" in told


def test_its_command_asks_before_it_deletes(run: Callable[..., Any]) -> None:
    code, told = run("remove", "--item", "a")
    assert code == 5
    assert "add --yes" in told


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.slug)
def test_the_type_checkers_see_every_operation(client: type[Client]) -> None:
    used = (Path(__file__).parent.parent / "typing" / f"right_{client.slug}.py").read_text(encoding="utf-8")
    missing = [name for name in client.operations() if not re.search(rf"\.{name}\b", used)]
    assert not missing
