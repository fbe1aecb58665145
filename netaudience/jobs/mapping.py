"""From the fields of a row to an item of an operation: names, types, and what stands in a mapping.

It maps and never checks what a vendor's rules check: that is the operation's own business. A row that does
not map is rejected with its number and the reason; the reason repeats no value.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, cast

from netaudience.items import Field, Kind, Rows, WholeNumbers
from netaudience.jobs.converting import convert, to_list, to_text, to_whole, untyped
from netaudience.jobs.sources import SourceRow
from netaudience.jobs.values import BadValue
from netaudience.jobs.words import Step
from netaudience.work import Operation

__all__ = ["MappedRow", "RejectedRow", "kept_fields", "make_items", "make_removals"]


class MappedRow(NamedTuple):
    """A row that became an item."""

    row: int
    key: str
    hash: str
    item: object


class RejectedRow(NamedTuple):
    """A row that did not."""

    row: int
    key: str
    #: A sentence without a value of the row.
    reason: str
    fields: Mapping[str, object]


#: Makes an item of a row's fields.
Maker: TypeAlias = Callable[[Mapping[str, object]], object]


class _Unfit(ValueError):
    """The row does not map; the text is the reason."""


def make_items(
    rows: Iterable[SourceRow], step: Step, operation: Operation, kind: Kind | None = None
) -> tuple[list[MappedRow], list[RejectedRow]]:
    """Turn rows into items of an operation.

    Args:
        rows: Rows as a source gives them.
        step: What the names of the fields are.
        operation: What the items are for.
        kind: What its items are as the account is set up; the operation's own where it is None.
    """
    return _make(rows, _maker(step, kind or operation.kind))


def make_removals(
    rows: Iterable[SourceRow], step: Step, removal: Operation, kind: Kind | None = None
) -> tuple[list[MappedRow], list[RejectedRow]]:
    """Turn rows that are gone into items of the operation that takes back what the step put there.

    Where the operation wants the names of entries, as in a list of attributes to remove, it gets those
    that the step sets.
    """
    wanted = kind or removal.kind
    make = _maker(step, wanted)
    entries = {name: names for name, names in _entries(step).items() if names}
    lists: dict[str, object] = {}
    if isinstance(wanted, Rows):
        fields = _fields(cast("Rows[object]", wanted))
        lists = {
            fields[name].wire: list(names)
            for name, names in entries.items()
            if name in fields and list in fields[name].types
        }

    def make_with_names(given: Mapping[str, object]) -> object:
        item = make(given)
        if lists:
            cast("dict[str, object]", item).update(lists)
        return item

    return _make(rows, make_with_names)


def kept_fields(step: Step, removal: Operation) -> tuple[str, ...]:
    """Return the step's fields that have to be remembered for a removal."""
    kind = removal.kind
    plain = [name for name in step.fields if "." not in name]
    if isinstance(kind, Rows):
        known = _fields(cast("Rows[object]", kind))
        return tuple(name for name in plain if name in known)
    return (_identifier_field(step, kind),)


def _make(rows: Iterable[SourceRow], make: Maker) -> tuple[list[MappedRow], list[RejectedRow]]:
    items: list[MappedRow] = []
    rejected: list[RejectedRow] = []
    for row in rows:
        problem = row.get("problem")
        if problem is None:
            try:
                items.append(MappedRow(row["row"], row["key"], row["hash"], make(row["fields"])))
                continue
            except _Unfit as error:
                problem = str(error)
        sentence = problem[:1].upper() + problem[1:]
        rejected.append(RejectedRow(row["row"], row["key"], sentence, row["fields"]))
    return items, rejected


def _maker(step: Step, kind: Kind) -> Maker:
    if isinstance(kind, Rows):
        return _RowMaker(step, cast("Rows[object]", kind))
    name = _identifier_field(step, kind)
    read = to_whole if isinstance(kind, WholeNumbers) else to_text

    def make(fields: Mapping[str, object]) -> object:
        value = fields.get(name)
        if value is None:
            raise _Unfit(
                f"The field {name!r} is empty: leave the row out, or look at the column it came from"
            )
        return _told(name, read(value))

    return make


def _identifier_field(step: Step, kind: Kind) -> str:
    """Return the field that is the identifier: the one by its noun, or the only one, or the first."""
    noun = _plain(kind.noun)
    named = [name for name in step.fields if _plain(name) == noun]
    return (named or list(step.fields) or [kind.noun.replace(" ", "_")])[0]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _fields(kind: Rows[object]) -> dict[str, Field]:
    """Return the fields by both their names."""
    return {**{field.wire: field for field in kind.fields}, **{field.name: field for field in kind.fields}}


def _entries(step: Step) -> dict[str, list[str]]:
    """Return the names of the entries that the step sets, by the field that they are entries of."""
    found: dict[str, list[str]] = {}
    for name in step.fields:
        field, dot, entry = name.partition(".")
        if dot:
            found.setdefault(field, []).append(entry)
    return found


class _RowMaker:
    """Makes rows of one kind, by the vendor's names."""

    def __init__(self, step: Step, kind: Rows[object]) -> None:
        known = _fields(kind)
        hints = typing.get_type_hints(kind.row)
        #: The step's name, the vendor's, and what the field holds.
        self._single: list[tuple[str, str, Field]] = []
        #: By the vendor's name of a mapping: the step's name, the entry's, and what reads its value.
        self._mappings: dict[str, list[tuple[str, str, Callable[[object], object]]]] = {}
        for name in step.fields:
            whole, dot, entry = name.partition(".")
            if name in known:
                self._single.append((name, known[name].wire, known[name]))
            elif dot and whole in known and dict in known[whole].types:
                field = known[whole]
                read = to_list if _holds_lists(hints[field.name]) else untyped
                self._mappings.setdefault(field.wire, []).append((name, entry, read))

    def __call__(self, fields: Mapping[str, object]) -> object:
        item: dict[str, object] = {}
        for name, wire, field in self._single:
            value = fields.get(name)
            if value is not None:
                item[wire] = _told(name, convert(value, field.types))
        for wire, entries in self._mappings.items():
            made = {entry: _told(name, read(fields[name])) for name, entry, read in entries if name in fields}
            if wire in item:
                made = {**cast("dict[str, object]", item[wire]), **made}
            if not made:
                names = ", ".join(name for name, _, _ in entries)
                raise _Unfit(f"None of the fields {names} has a value in this row: there is nothing to send")
            item[wire] = made
        return item


def _holds_lists(hint: object) -> bool:
    """Return whether the values of a mapping are lists."""
    inside = typing.get_args(hint)
    origin = typing.get_origin(inside[1]) if len(inside) == 2 else None
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _told(name: str, value: object) -> object:
    """Return a value, unless it is a bad one.

    Raises:
        _Unfit: it is.
    """
    if isinstance(value, BadValue):
        raise _Unfit(f"The field {name!r} {value.reason}")
    return value
