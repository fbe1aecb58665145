"""Rows of every vendor are checked alike: from a class and from a mapping, one by one and in pages.

No vendor is named here: what a row may be is in the tables.
"""

from __future__ import annotations

from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import every_operation, items_of

from netaudience.client import Client
from netaudience.errors import InvalidItem
from netaudience.model.rows import Rows
from netaudience.model.wire import dump_json, load_json

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(100))
#: What a field may be given instead. Half a character is told by the encoder, which is tested elsewhere.
ANYTHING = st.sampled_from(
    [
        *("", "a\nb", "id1", "n", "ab", "SMS", "eMail", "PIGEON", "a.b@example.com", "+905312345678", "true"),
        *(5, 0, -1, 1, 1.0, True, False, None, b"ab"),
        *([], [""], ["a"], [1], ("a", "b"), {"a"}, [("a", 1)]),
        *(
            {},
            {"": 1},
            {"a": 1},
            {"a": []},
            {"a": "b"},
            {"a": [1]},
            {"a": {"b": 1}},
            {"a": (1, 2)},
            {"ü": ["x"]},
        ),
    ]
)


def kinds(*, of_users: bool = False) -> list[Any]:
    """Return a case for each kind of row as a client has it: what it is, and what its rows may be.

    Rows of an operation for everybody name no user: `of_users` leaves them out.
    """
    found: dict[str, Any] = {}
    for table, operation in (case.values for case in every_operation()):
        client: Client = table.make()[0]
        kind = client.kind(operation)
        if isinstance(kind, Rows) and not (of_users and operation.facts.app_wide):
            name = f"{table.vendor.slug} {kind.row.__name__}"
            if kind.rule is not None:
                name += f" of {operation.name}"
            found.setdefault(name, pytest.param(kind, items_of(table, client, operation), id=name))
    return list(found.values())


each_kind = pytest.mark.parametrize(("kind", "valid"), kinds())


def instance_of(kind: Rows[Any], row: dict[str, Any]) -> Any:
    """Make an instance of a row by the vendor's names."""
    names = {field.wire: field.name for field in kind.fields}
    return kind.row(**{names[wire]: value for wire, value in row.items()})


@each_kind
def test_what_the_tables_call_valid_is(kind: Rows[Any], valid: st.SearchStrategy[Any]) -> None:
    @STEADY
    @given(valid)
    def is_valid(row: dict[str, Any]) -> None:
        instance = instance_of(kind, row)
        assert kind.check([row]) == kind.check([instance]) == {}
        assert kind.keys([row, instance]) == [kind.key(row)] * 2
        assert kind.key(instance) == kind.key(row) != ""
        assert kind.mapping(instance) == kind.mapping(row) == row
        assert load_json(dump_json(row)) == load_json(dump_json(instance))

    is_valid()


@each_kind
def test_a_mapping_is_refused_exactly_where_the_class_refuses(
    kind: Rows[Any], valid: st.SearchStrategy[Any]
) -> None:
    fields = {field.wire: field for field in kind.fields}
    changed = st.dictionaries(st.sampled_from(sorted(fields)), ANYTHING, min_size=1, max_size=len(fields))

    @STEADY
    @given(valid, changed)
    def alike(row: dict[str, Any], changes: dict[str, Any]) -> None:
        # An optional field that is None is left out: by the vendor's names there is no other way.
        row = {
            name: value
            for name, value in {**row, **changes}.items()
            if value is not None or fields[name].required
        }
        problems = kind.check([row])
        try:
            instance = instance_of(kind, row)
        except InvalidItem:
            assert set(problems) == {0}
            return
        assert set(kind.check([instance])) == set(problems)

    alike()


@each_kind
def test_a_page_of_rows_is_judged_as_its_rows_are(kind: Rows[Any], valid: st.SearchStrategy[Any]) -> None:
    fields = [field.wire for field in kind.fields]

    def spoilt(row: dict[str, Any]) -> st.SearchStrategy[Any]:
        wrong = [{**row, name: value} for name in fields for value in (None, "", 5, {}, "a\nb")]
        missing = [{name: row[name] for name in row if name != left_out} for left_out in row]
        strange = [{**row, "stranger": 1}, {**dict(list(row.items())[:-1]), "stranger": 1}, "no row"]
        return st.sampled_from([*[row] * 10, instance_of(kind, row), *wrong, *missing, *strange])

    @STEADY
    @given(st.lists(valid.flatmap(spoilt), max_size=5))
    def alike(page: list[Any]) -> None:
        apart = {index: str(kind.check([row])[0]) for index, row in enumerate(page) if kind.check([row])}
        assert {index: str(problem) for index, problem in kind.check(page).items()} == apart

    alike()


@each_kind
def test_a_problem_does_not_repeat_what_it_is_about(kind: Rows[Any], valid: st.SearchStrategy[Any]) -> None:
    fields = [field.wire for field in kind.fields]

    @STEADY
    @given(valid, st.sampled_from(fields), st.sampled_from(["a.b@example.com\n", "+905312345678\n"]))
    def silent(row: dict[str, Any], name: str, secret: str) -> None:
        for problem in kind.check([{**row, name: secret}]).values():
            assert "example" not in str(problem)
            assert "90531" not in str(problem)

    silent()


@pytest.mark.parametrize(("kind", "valid"), kinds(of_users=True))
def test_an_identifier_is_not_shown(kind: Rows[Any], valid: st.SearchStrategy[Any]) -> None:
    @STEADY
    @given(valid)
    def not_shown(row: dict[str, Any]) -> None:
        instance = instance_of(kind, row)
        secret = "very-secret-77"
        for name in kind.key_names:
            if getattr(instance, name) is not None:
                object.__setattr__(instance, name, secret)
        assert kind.key(instance) == secret
        assert secret not in repr(instance)

    not_shown()
