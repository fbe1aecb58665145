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
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(50))
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


def kinds() -> dict[str, tuple[Any, Any, bool]]:
    """Return each kind of row as a client has it: what it is, what its rows may be, and if they name users.

    Rows of an operation for everybody name no user.
    """
    found: dict[str, tuple[Any, Any, bool]] = {}
    for table, operation in (case.values for case in every_operation()):
        client: Client = table.make()[0]
        kind = client.kind(operation)
        if isinstance(kind, Rows):
            name = f"{table.vendor.slug} {kind.row.__name__}"
            if kind.rule is not None:
                name += f" of {operation.name}"
            of_users = not operation.facts.app_wide
            before = found.setdefault(name, (kind, items_of(table, client, operation), of_users))
            if of_users and not before[2]:
                found[name] = (*before[:2], True)
    return found


KINDS = kinds()
each_kind = pytest.mark.parametrize(
    ("kind", "valid"), [pytest.param(*case[:2], id=name) for name, case in KINDS.items()]
)


def instance_of(kind: Rows[Any], row: dict[str, Any]) -> Any:
    """Make an instance of a row by the vendor's names."""
    names = {field.wire: field.name for field in kind.fields}
    return kind.row(**{names[wire]: value for wire, value in row.items()})


@pytest.mark.hypothesis  # the property is inside
@pytest.mark.parametrize(
    ("kind", "valid", "of_users"), [pytest.param(*case, id=name) for name, case in KINDS.items()]
)
def test_what_the_tables_call_valid_is_and_nobody_is_shown(
    kind: Rows[Any], valid: st.SearchStrategy[Any], *, of_users: bool
) -> None:
    """What is said of any valid row; to make one up costs more than to look at it."""
    fields = [field.wire for field in kind.fields]
    secrets = st.sampled_from(["a.b@example.com\n", "+905312345678\n"])

    @STEADY
    @given(valid, st.sampled_from(fields), secrets)
    def is_valid(row: dict[str, Any], name: str, secret: str) -> None:
        instance = instance_of(kind, row)
        assert kind.check([row]) == kind.check([instance]) == {}
        assert kind.keys([row, instance]) == [kind.key(row)] * 2
        assert kind.key(instance) == kind.key(row) != ""
        assert kind.mapping(instance) == kind.mapping(row) == row
        assert load_json(dump_json(row)) == load_json(dump_json(instance))
        # A problem does not repeat what it is about.
        for problem in kind.check([{**row, name: secret}]).values():
            assert "example" not in str(problem)
            assert "90531" not in str(problem)
        # An identifier is not shown.
        if of_users:
            hidden = "very-secret-77"
            for key in kind.key_names:
                if getattr(instance, key) is not None:
                    object.__setattr__(instance, key, hidden)
            assert kind.key(instance) == hidden
            assert hidden not in repr(instance)

    is_valid()


@pytest.mark.hypothesis  # the property is inside
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


@pytest.mark.hypothesis  # the property is inside
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
