"""What every answer of every vendor keeps: no page is left out without a word, and no field goes unread.

No vendor is named here: all are known by their tables.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import attrs
import pytest
from scripted_vendors import Golden, Table, reply
from tables import TABLES, every_golden, every_operation, operation_of

from netaudience.errors import Unreadable
from netaudience.model.wire import links_on, load_json, structure
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import Report
from netaudience.sandbox import Sandbox
from netaudience.sandbox.protocol import Rule


def request_of(table: Table, golden: Golden) -> Any:
    client, _ = table.make()
    return operation_of(table, golden).function(client, *golden.arguments, **golden.options)


def reading() -> list[Any]:
    """Return the golden requests whose answer is read into an object."""
    # An operation of several requests reads the answer to each by the same door.
    cases = [case for case in every_golden() if not isinstance(request_of(*case.values), Generator)]
    cases = [case for case in cases if request_of(*case.values).answer is not None]
    # Plain text reads itself, and links to nothing.
    cases = [case for case in cases if not hasattr(request_of(*case.values).answer, "from_body")]
    return [case for case in cases if isinstance(load_json(answer_of(*case.values)), dict)]


def answer_of(table: Table, golden: Golden) -> bytes:
    return (golden.answer or table.answers.get(golden.operation) or "{}").encode()


READING = reading()
each_table = pytest.mark.parametrize("table", TABLES, ids=[table.vendor.slug for table in TABLES])

#: How a vendor may say that there is more.
LINKS: list[dict[str, Any]] = [
    {"nextPage": "https://vendor.example/rest?offset=10"},
    {"next_cursor": "abc"},
    {"nextPageUrl": "https://vendor.example/2"},
    {"hasMore": True},
    {"paging": {"next": "https://vendor.example/2"}},
]


@pytest.mark.parametrize(
    ("table", "golden"), [case for case in READING if operation_of(*case.values).shape != "pages"]
)
@pytest.mark.asyncio
async def test_an_answer_with_a_link_that_is_not_read_is_no_answer(table: Table, golden: Golden) -> None:
    body: Any = load_json(answer_of(table, golden))
    assert not links_on(body)
    for link in LINKS:
        client, _ = table.make(reply(golden.status, {**body, **link}))
        if operation_of(table, golden).shape == "batch":
            report: Report = await getattr(client, golden.operation)(
                *golden.arguments, **golden.options
            ).settled()
            assert (report.delivered, len(report.undelivered)) == (0, len(golden.arguments[0])), link
        else:
            with pytest.raises(Unreadable):
                await golden.carry(client)


def paged() -> list[Any]:
    """Return one golden request of each operation that pages; a long answer in a file has no pages."""
    cases = [case for case in reversed(every_golden("pages")) if not operation_of(*case.values).facts.spooled]
    return list({case.values[1].operation: case for case in cases}.values())


@pytest.mark.parametrize(("table", "golden"), [case for case in paged() if case.values[0] in TABLES])
@pytest.mark.asyncio
async def test_pages_whose_link_is_not_read_end_in_an_error(table: Table, golden: Golden) -> None:
    """The last page, which says in a way of its own that there is more."""
    body: Any = load_json((table.answers.get(golden.operation) or golden.answer).encode())
    more: Any = table.more[golden.operation](1, True)
    last = {name: value for name, value in more.items() if "next" not in name.lower()}
    if "page" in body:
        last["page"] = body["page"]
    client, _ = table.make(reply(golden.status, more), *[reply(golden.status, {**last, "hasMore": True})] * 3)
    with pytest.raises(Unreadable, match="links to a next one in a way that is not read"):
        async for _ in getattr(client, golden.operation)(*golden.arguments, **golden.options):
            pass


#: The numbers of the pages that are answered, one after the other, and whether they have rows.
ENDLESS: dict[str, tuple[list[int], bool]] = {
    "empty": (list(range(1, 100)), False),
    "the same": (list(range(1, 100)), True),
    "in a circle": ([1, 2, 3] * 33, False),
}


@each_table
def test_it_is_known_how_each_operation_links_on(table: Table) -> None:
    operations = table.vendor.operations().items()
    # What is kept in a file is one answer, however long.
    paging = {
        name for name, operation in operations if operation.shape == "pages" and not operation.facts.spooled
    }
    assert table.more.keys() == paging


@pytest.mark.parametrize("how", ENDLESS)
@pytest.mark.parametrize(("table", "golden"), [case for case in paged() if case.values[0] in TABLES])
@pytest.mark.asyncio
async def test_pages_that_never_end_are_ended(table: Table, golden: Golden, how: str) -> None:
    numbers, full = ENDLESS[how]
    more = table.more[golden.operation]
    client, transport = table.make(*[reply(golden.status, more(number, full)) for number in numbers])
    with pytest.raises(Unreadable, match="not read"):
        async for _ in getattr(client, golden.operation)(*golden.arguments, **golden.options):
            pass
    assert len(transport.sent) <= 22


# What is read.


def unread(value: object, where: str = "") -> set[str]:
    """Return the names of fields that an answer holds and its class does not."""
    if isinstance(value, list | tuple):
        return set().union(*(unread(part, where) for part in value)) if value else set()
    if not attrs.has(type(value)):
        return set()
    found: set[str] = set()
    for field in attrs.fields(type(value)):
        part = getattr(value, field.name)
        if field.name == "unknown":
            found |= {f"{where}{name}" for name in part}
        else:
            found |= unread(part, f"{where}{field.name}.")
    return found


@pytest.mark.parametrize(("table", "golden"), READING)
def test_what_is_documented_is_read(table: Table, golden: Golden) -> None:
    """The goldens' answers are the vendors' own samples: what of them has no field is listed by hand."""
    answer = structure(load_json(answer_of(table, golden)), request_of(table, golden).answer)
    listed = table.unknown.get(golden.operation, set())
    assert {name.rpartition(".")[2] for name in unread(answer)} <= set(listed)


@each_table
def test_no_field_is_listed_that_is_read(table: Table) -> None:
    found: dict[str, set[str]] = {}
    for of, golden in (case.values for case in READING if case.values[0] is table):
        answer = structure(load_json(answer_of(of, golden)), request_of(of, golden).answer)
        names = {name.rpartition(".")[2] for name in unread(answer)}
        found.setdefault(golden.operation, set()).update(names)
    assert {name: names for name, names in found.items() if names} == table.unknown


# Where it is known from, and since when.

MONTH = re.compile(r"20[2-9][0-9]-(0[1-9]|1[0-2])")


@pytest.mark.parametrize(("table", "operation"), every_operation())
def test_every_rule_has_a_source_and_a_date(table: Table, operation: Operation) -> None:
    facts = operation.facts
    assert MONTH.fullmatch(facts.read or table.vendor.read)
    assert facts.docs.startswith("https://")
    for figure in facts.figures().values():
        assert figure.source.strip()


def unproven(rule: Rule) -> str:
    """Return what a rule lacks, or nothing."""
    if not MONTH.fullmatch(rule.read):
        return "no date"
    if not rule.url.startswith("https://"):
        return "no source"
    return "" if rule.text.endswith(".") else "no sentence"


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        (Rule("It does.", "documented", "https://a.example", "2026-11"), ""),
        (Rule("It does.", "documented", "https://a.example"), "no date"),
        (Rule("It does.", "documented", "https://a.example", "2026-13"), "no date"),
        (Rule("It does.", "documented", "", "2026-11"), "no source"),
        (Rule("It does.", "documented", "the page", "2026-11"), "no source"),
        (Rule("It does", "documented", "https://a.example", "2026-11"), "no sentence"),
    ],
)
def test_a_rule_without_a_source_or_a_date_is_told(rule: Rule, lacks: str) -> None:
    assert unproven(rule) == lacks


@pytest.mark.parametrize("vendor", Sandbox().vendors.values(), ids=lambda vendor: vendor.name)
def test_every_rule_of_the_sandbox_has_a_source_and_a_date(vendor: Any) -> None:
    assert vendor.rules
    assert {problem: rule.text for rule in vendor.rules if (problem := unproven(rule))} == {}
    assert len({rule.text for rule in vendor.rules}) == len(vendor.rules)
