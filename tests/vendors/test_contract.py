"""What every operation of every vendor keeps, whoever adds it: pure, additive in bytes, stated, documented.

No vendor is named here: all are known by their tables, and a vendor without one fails.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any
from urllib.parse import unquote

import attrs
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_vendors import Golden, Table
from tables import EVERY, TABLES, every_golden, every_operation, items_of, operation_of

from netaudience.client import Client
from netaudience.errors import ConfigurationError, InvalidItem
from netaudience.model.kinds import Nothing
from netaudience.model.limits import Provenance
from netaudience.model.rows import Rows
from netaudience.model.wire import Prepared, Request, dump_json, load_json
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import RunFailed
from netaudience.vendors import clients

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(25))
MARKS = ("idempotent", "destructive", "irreversible", "app_wide")
each_table = pytest.mark.parametrize("table", EVERY, ids=[table.vendor.slug for table in EVERY])
each_operation = pytest.mark.parametrize(("table", "operation"), every_operation())
each_golden = pytest.mark.parametrize(("table", "golden"), every_golden())
each_batch = pytest.mark.parametrize(("table", "golden"), every_golden("batch"))


def encode(client: Client, golden: Golden, *items: Any) -> Prepared:
    """Return the request that an operation makes of this instead of the golden's own items."""
    operation = client.operations()[golden.operation]
    made = operation.function(client, *items, **golden.options)
    # Of several requests, the first.
    return client.prepare(operation, made if isinstance(made, Request) else next(made))


# The tables.


def test_every_vendor_has_a_table() -> None:
    assert [table.vendor for table in TABLES] == list(clients())


def test_the_vendors_are_told_apart() -> None:
    slugs = [table.vendor.slug for table in EVERY]
    assert len(set(slugs)) == len(slugs)
    assert all(slug == slug.lower() for slug in slugs)


@each_table
def test_a_table_knows_each_operation_and_no_other(table: Table) -> None:
    operations = set(table.vendor.operations())
    assert {golden.operation for golden in table.golden} == operations
    assert table.shapes.keys() == operations
    for mark, names in table.marks.items():
        assert mark in MARKS
        assert names <= operations
    assert table.answers.keys() | table.uneven.keys() <= operations


# Requests.


@each_golden
def test_an_encoder_is_pure(table: Table, golden: Golden) -> None:
    client, _ = table.make()
    arguments, options = copy.deepcopy((golden.arguments, dict(golden.options)))
    first, second = (encode(client, golden, *arguments) for _ in range(2))
    for part in ("method", "url", "headers", "body", "timeout", "max_answer_bytes"):
        assert getattr(first, part) == getattr(second, part)
    assert (arguments, options) == (golden.arguments, golden.options)


def filled(empty: Any, body: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], list[Any]]:
    """Return the lists of a body that the items fill, by their place; all else must be as without items."""
    if empty == [] or (empty is None and isinstance(body, list)):
        return {path: body} if body else {}
    if isinstance(empty, dict) and isinstance(body, dict):
        assert empty.keys() <= body.keys()
        parts = [(name, empty.get(name), value) for name, value in body.items()]
    elif isinstance(empty, list) and isinstance(body, list):
        assert len(empty) == len(body)
        parts = [(index, *pair) for index, pair in enumerate(zip(empty, body, strict=True))]
    else:
        assert empty == body
        return {}
    return {
        where: found
        for name, before, after in parts
        for where, found in filled(before, after, (*path, name)).items()
    }


@pytest.mark.hypothesis  # the property is inside
@each_batch
def test_a_batch_is_its_items_one_after_the_other(table: Table, golden: Golden) -> None:
    """What is said of any items of an operation; to make them up costs more than to look at them.

    - Bytes add up: a chunk is cut by its size, so two halves must not be larger together than apart.
    - What many items make is what each makes alone, in their order: none is lost, and none is mixed up.
    - Where the documents' example is sent as it was given, any other item is: nothing is turned round.
    """
    client, _ = table.make()
    operation = operation_of(table, golden)
    items = st.lists(items_of(table, client, operation, golden.options.get("by", "")), min_size=1, max_size=4)
    without = encode(client, golden, ())
    empty = load_json(without.body or b"")
    comma, uneven = 1, table.uneven.get(operation.name, 0)

    def lists(body: bytes | None) -> dict[tuple[Any, ...], list[Any]]:
        return filled(empty, load_json(body or b""))

    example = golden.arguments[0]
    # The vendor's form may not be the row's; the golden request says what it is.
    as_it_is = [*lists(encode(client, golden, example).body).values()] == [load_json(dump_json(example))]

    @STEADY
    @given(items, items)
    def one_after_the_other(some: list[Any], more: list[Any]) -> None:
        assert not client.kind(operation).check(some)
        one, other, both = (encode(client, golden, part) for part in (some, more, some + more))
        assert abs(one.size + other.size - without.size + comma - both.size) <= uneven
        apart: dict[tuple[Any, ...], list[Any]] = {}
        for item in some + more:
            alone = lists(encode(client, golden, [item]).body)
            assert sum(map(len, alone.values())) == 1
            for where, found in alone.items():
                apart.setdefault(where, []).extend(found)
        assert lists(both.body) == apart
        assert not as_it_is or [*apart.values()] == [some + more]

    one_after_the_other()


#: Identifiers that mean something else where they are not encoded.
NASTY = ["a b", "a+b", "a&x=1", "ü/ğ", "100%41", "a#b", "?", "../up", "{id}", "a/../b", "+905312345678"]


@pytest.mark.hypothesis  # the property is inside
@pytest.mark.parametrize(("table", "golden"), every_golden("call"))
def test_no_item_leaves_its_place(table: Table, golden: Golden) -> None:
    """Whatever an identifier holds, it is one segment of the path, or one value of the query."""
    client, _ = table.make()
    operation = operation_of(table, golden)
    kind = client.kind(operation)

    def places(*arguments: Any) -> tuple[Any, list[str]]:
        url: Any = encode(client, golden, *arguments).url
        return url, [*map(unquote, url.raw_path.split("/")), *url.query.values()]

    example, found = places(*golden.arguments)
    as_it_is = golden.arguments[0] in found
    items = items_of(table, client, operation)
    if not isinstance(kind, Rows):
        items |= st.sampled_from(NASTY).filter(lambda item: not kind.check([item]))

    @STEADY
    @given(items)
    def keeps_its_place(item: Any) -> None:
        url, found = places(item)
        assert url.origin() == example.origin()
        assert url.raw_path.count("/") == example.raw_path.count("/")
        assert ".." not in url.raw_path.split("/")
        assert set(url.query) == set(example.query)
        assert not url.raw_fragment
        assert item in found or not as_it_is

    keeps_its_place()


@each_golden
def test_a_row_is_written_the_same_from_a_class_and_from_the_vendors_names(
    table: Table, golden: Golden
) -> None:
    client, _ = table.make()
    kind = client.kind(operation_of(table, golden))
    if not isinstance(kind, Rows):
        return
    first = golden.arguments[0]
    rows = first if isinstance(first, list) else [first]
    names = {field.wire: field.name for field in kind.fields}
    mappings = [kind.mapping(row) for row in rows]
    instances = [kind.row(**{names[wire]: value for wire, value in row.items()}) for row in mappings]
    alike = [
        load_json(encode(client, golden, given if isinstance(first, list) else given[0]).body or b"null")
        for given in (rows, [dict(row) for row in mappings], instances)
    ]
    assert alike[0] == alike[1] == alike[2]


# What is stated.


@each_operation
def test_an_operation_explains_itself(table: Table, operation: Operation) -> None:
    documentation = inspect.getdoc(operation) or ""
    first, _, rest = documentation.partition("\n")
    assert first.endswith(".")
    assert first[0].isupper()
    assert len(first) <= 110
    if operation.signature.parameters:
        explained = rest.partition("Args:\n")[2]
        for name in operation.signature.parameters:
            assert f"    {name}: " in explained
    assert operation.facts.docs.startswith("https://")
    named = (name for name, found in table.vendor.operations().items() if found is operation)
    assert operation.name == next(named)


@each_operation
def test_what_a_run_shares_is_given_by_name(table: Table, operation: Operation) -> None:
    items = 0 if isinstance(operation.kind, Nothing) else 1
    kinds = [parameter.kind for parameter in operation.signature.parameters.values()]
    assert kinds[:items] == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * items
    assert set(kinds[items:]) <= {inspect.Parameter.KEYWORD_ONLY}


#: Flags by which a caller agrees to lose data, or to reach more users than the items name.
CONSENTS = {"confirm", "everywhere", "all_devices"}


@each_operation
def test_what_reaches_everybody_or_cannot_be_undone_wants_consent(table: Table, operation: Operation) -> None:
    facts, parameters = operation.facts, operation.signature.parameters
    assert facts.destructive or not facts.irreversible
    consents = parameters.keys() & CONSENTS
    assert consents or not (facts.irreversible or facts.app_wide)
    assert all(parameters[name].default is False for name in consents)
    for name in consents:
        assert [
            golden
            for golden in table.golden
            if golden.operation == operation.name and golden.options.get(name) is True
        ]


@pytest.mark.parametrize(
    ("table", "golden"), [case for case in every_golden() if CONSENTS & case.values[1].options.keys()]
)
@pytest.mark.asyncio
async def test_without_consent_nothing_is_sent(table: Table, golden: Golden) -> None:
    client, transport = table.make()
    options = {name: value for name, value in golden.options.items() if name not in CONSENTS}
    with pytest.raises((ConfigurationError, InvalidItem, RunFailed)):
        await attrs.evolve(golden, options=options).carry(client)
    assert transport.sent == []


@each_operation
def test_every_figure_says_where_it_is_known_from(table: Table, operation: Operation) -> None:
    figures = operation.facts.figures()
    assert "in flight" in figures
    for what, figure in figures.items():
        assert figure.value > 0, what
        assert isinstance(figure.provenance, Provenance)
        assert figure.source.strip()
        if figure.provenance is Provenance.DOCUMENTED:
            assert figure.source.startswith("https://")
        assert figure.provenance in figure.describe()
        assert figure.source in figure.describe()


@pytest.mark.parametrize("mark", MARKS)
@each_table
def test_the_marks_are_the_tables(table: Table, mark: str) -> None:
    operations = table.vendor.operations().items()
    marked = {name for name, operation in operations if getattr(operation.facts, mark)}
    assert marked == set(table.marks.get(mark, ()))


@each_operation
def test_shape_and_limits_are_the_tables(table: Table, operation: Operation) -> None:
    shape, keys, rows = table.shapes[operation.name]
    client, _ = table.make()
    assert operation.shape == shape
    limit = operation.facts.limit
    assert (limit.keys and limit.keys.value) == keys
    # As the client packs with its own settings: a rate set by the caller makes chunks no smaller.
    client.settings = attrs.evolve(client.settings, rate=None)
    assert client.run_plan(operation, client.kind(operation)).rows == rows


@each_table
def test_the_quotas_are_the_tables(table: Table) -> None:
    stated = {operation.facts.quota for operation in table.vendor.operations().values()}
    assert len({quota.name for quota in stated}) == len(stated), "one name, one quota"
    figures = {
        quota.name: {name: (figure.value, str(figure.provenance)) for name, figure in quota.figures().items()}
        for quota in stated
    }
    assert figures == table.quotas
