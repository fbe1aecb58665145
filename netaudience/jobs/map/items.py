"""From the fields of a row to an item of an operation: names, types, and what stands in a mapping.

It maps and never checks what a vendor's rules check: that is the operation's own business. A row that does
not map is rejected with its number and the reason; the reason repeats no value.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

import attrs

from netaudience.dead_letter import By
from netaudience.errors import InvalidItem
from netaudience.jobs.columns.convert import convert, to_list, to_text, to_whole, write
from netaudience.jobs.columns.defined import ChosenForm, DefinedForm, form_of_entry
from netaudience.jobs.columns.fields import fields_of, holds_lists, identifier_field
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.extract.page import BatchPage, Items, Page, SourceRow
from netaudience.jobs.spec.model import Expression, Step
from netaudience.model.kinds import Identifiers, Kind, WholeNumbers
from netaudience.model.rows import Field, Rows
from netaudience.model.scalars import Unwritable
from netaudience.model.texts import RowTexts
from netaudience.model.validators import as_meant
from netaudience.model.value_forms import Unset, ValueForm, unset_of
from netaudience.model.wire import dump_json
from netaudience.operations.dispatch import Operation


class MappedRow(NamedTuple):
    """A row that became an item."""

    row: int
    key: str
    hash: str
    item: object


class RejectedRow(NamedTuple):
    """A row that did not."""

    source: SourceRow
    key: str
    #: A sentence without a value of the row.
    reason: str
    by: By = "source"

    @property
    def row(self) -> int:
        """Its number in the source."""
        return self.source["row"]


class MappedPage:
    """A page of a step's rows as items, and the rows that do not become one."""

    __slots__ = ("bad", "done", "items", "left", "rows", "start", "whole")

    def __init__(self, items: Sequence[object], rows: Page, bad: Sequence[RejectedRow]) -> None:
        self.items = items
        #: The rows that the items are of, in the same order.
        self.rows = rows
        #: The others.
        self.bad = bad
        #: The position of the first item in the run.
        self.start = 0
        #: Items whose fate is not known yet.
        self.left = len(items)
        #: One byte for each item: 1 where its fate is known.
        self.done = bytearray(len(items))
        #: The last row of the page, and how many rows it has.
        last = max([row["row"] for row in rows[-1:]] + [row.row for row in bad[-1:]], default=0)
        self.whole = (last, len(items) + len(bad))

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the rows that the items are of."""
        found: Sequence[int] | None = getattr(self.rows, "numbers", None)
        return [row["row"] for row in self.rows] if found is None else found

    def settle(self, first: int, last: int) -> None:
        """Take note that the fate of the items of these positions is known."""
        self.done[first - self.start : last - self.start] = b"\1" * (last - first)
        self.left -= last - first


#: Reads an entry's value, in a row whose plain fields are written.
_ReadEntry: TypeAlias = Callable[[object, Mapping[str, object]], object]
#: Makes an item of a row's fields.
Maker: TypeAlias = Callable[[Mapping[str, object]], object]


class _Unfit(ValueError):
    """The row does not map; the text is the reason."""


def zoned(kind: Kind, time_zone: str | None) -> Kind:
    """Return what the items are, for a source whose moments without a zone are meant in this one."""
    if time_zone is None or not isinstance(kind, Rows):
        return kind
    return cast("Rows[object]", kind).within(ZoneInfo(time_zone))


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
    that the row tells, under the operation's own name of the list.
    """
    wanted = kind or removal.kind
    held = step.removal_fields
    if held:
        constants = {name: Expression(value=value) for name, value in held.items()}
        step = attrs.evolve(step, fields={**step.fields, **constants})
    make = _maker(step, wanted)
    lists: dict[str, str] = {}
    if isinstance(wanted, Rows):
        fields = fields_of(cast("Rows[object]", wanted))
        lists = {name: field.wire for name, field in fields.items() if list in field.types}

    def make_with_names(given: Mapping[str, object]) -> object:
        item = make({**given, **held})
        for name, wire in lists.items():
            if name in given:
                cast("dict[str, object]", item)[wire] = given[name]
        return item

    return _make(rows, make_with_names)


def kept_fields(step: Step, removal: Operation) -> tuple[str, ...]:
    """Return the step's fields that have to be remembered for a removal."""
    kind = removal.kind
    plain = [name for name in step.fields if "." not in name]
    if isinstance(kind, Rows):
        known = fields_of(cast("Rows[object]", kind))
        return tuple(name for name in plain if name in known)
    return (identifier_field(step, kind),)


def mapper(step: Step, kind: Kind, docs: str = "") -> Callable[[Page], MappedPage]:
    """Return what turns pages of rows into items: what SQL has made of them, and Python of the others.

    Args:
        step: What the names of the fields are.
        kind: What the items are as the account is set up.
        docs: The page that documents the operation.
    """
    make = _maker(step, kind)

    def mapped_page(page: Page) -> MappedPage:
        made = page.items if isinstance(page, BatchPage) else None
        if made is None:
            return mapped(page, *_make(page, make))
        if isinstance(made.texts, bytes):
            return MappedPage(RowTexts.of_lines(made.keys, made.texts), page, ())
        if not made.odd:
            return MappedPage(made.keys, page, ())
        return _spliced(cast("BatchPage", page), made, lambda rows: _make(rows, make), kind, docs)

    return mapped_page


def mapped(page: Page, items: Sequence[MappedRow], bad: Sequence[RejectedRow]) -> MappedPage:
    """Return rows and what was made of each as a page."""
    wrong = {row.row for row in bad}
    rows = [row for row in page if row["row"] not in wrong] if wrong else page
    return MappedPage([one.item for one in items], rows, bad)


def _spliced(
    page: BatchPage,
    made: Items,
    make: Callable[[Sequence[SourceRow]], tuple[list[MappedRow], list[RejectedRow]]],
    kind: Kind,
    docs: str,
) -> MappedPage:
    """Put the items that Python has to make in their places.

    Identifiers are looked at by the engine, which is not asked about rows that are JSON already.
    """
    keys, odd = made.keys, made.odd
    texts = cast("list[bytes] | None", made.texts)
    whole: Page = list(page) if len(odd) > len(page) // 8 else page
    rows = {row["row"]: (at, row) for at, row in ((at, whole[at]) for at in odd)}
    found, bad = make([row for _, row in rows.values()])
    refused: list[RejectedRow] = []
    left_out = [rows[row.row][0] for row in bad]
    for one in found:
        at, row = rows[one.row]
        if texts is None:
            keys[at] = cast("str", one.item)
            continue
        keys[at] = kind.key(one.item)
        try:
            problem = kind.check([one.item]).get(0)
            texts[at] = dump_json(one.item)
        except (TypeError, ValueError) as error:
            problem = InvalidItem(f"The row cannot be written as JSON: {error}")
        if problem is not None:
            text = str(problem.see(docs))
            refused.append(RejectedRow(row, one.key or keys[at], text, "rule"))
            left_out.append(at)
    for at in sorted(left_out, reverse=True):
        del keys[at]
        if texts is not None:
            del texts[at]
    wrong = sorted([*bad, *refused], key=lambda row: row.row) if refused else bad
    return MappedPage(keys if texts is None else RowTexts(keys, texts), page.without(left_out), wrong)


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
        rejected.append(RejectedRow(row, row["key"], sentence, row.get("by", "source")))
    return items, rejected


def _maker(step: Step, kind: Kind) -> Maker:
    if isinstance(kind, Rows):
        return _RowMaker(step, cast("Rows[object]", kind))
    name = identifier_field(step, kind)
    read = to_whole if isinstance(kind, WholeNumbers) else to_text
    if isinstance(kind, Identifiers):
        read = partial(write, kind.form)
    rule = kind.rule if isinstance(kind, Identifiers) else None

    def make(fields: Mapping[str, object]) -> object:
        value = fields.get(name)
        if value is None:
            raise _Unfit(
                f"The field {name!r} is empty: leave the row out, or look at the column it came from"
            )
        return as_meant(rule, _checked(name, read(value)))

    return make


class _RowMaker:
    """Makes rows of one kind, by the vendor's names."""

    def __init__(self, step: Step, kind: Rows[object]) -> None:
        known = fields_of(kind)
        hints = typing.get_type_hints(kind.row)
        #: The step's name, the vendor's, and what the field holds.
        self._single: list[tuple[str, str, Field]] = []
        #: By the vendor's name of a mapping: the step's name, the entry's, and what reads its value.
        self._mappings: dict[str, list[tuple[str, str, _ReadEntry]]] = {}
        self._rules = {field.wire: field.rule for field in kind.fields}
        self._required = {field.wire for field in kind.fields if field.required}
        self._whole_lists = {field.wire for field in kind.fields if _holds_whole(hints[field.name])}
        #: By the vendor's name of a mapping: the step's name, the entry's, and how it is taken away.
        self._unset: dict[str, list[tuple[str, str, Unset]]] = {}
        for name, expression in step.fields.items():
            whole, dot, entry = name.partition(".")
            if name in known:
                self._single.append((name, known[name].wire, known[name]))
            elif dot and whole in known and dict in known[whole].types:
                field = known[whole]
                form = form_of_entry(field.form, entry)
                read = partial(_entry, form, entry, lists=holds_lists(kind, field))
                self._mappings.setdefault(field.wire, []).append((name, entry, read))
                unset = unset_of(kind.row, field.name) if expression.unset else None
                if unset is not None:
                    self._unset.setdefault(field.wire, []).append((name, entry, unset))
        # Whose form goes by a name in the row comes when that is there.
        self._single.sort(key=lambda one: isinstance(one[2].form, ChosenForm))

    def __call__(self, fields: Mapping[str, object]) -> object:
        item = self._plain(fields)
        for wire, entries in self._mappings.items():
            made = {
                entry: _checked(name, read(fields[name], item))
                for name, entry, read in entries
                if name in fields
            }
            made = {entry: value for entry, value in made.items() if value is not None}
            if wire in self._unset:
                self._take_away(self._unset[wire], fields, item, made)
            if wire in item:
                made = {**cast("dict[str, object]", item[wire]), **made}
            if not made and wire not in self._required and item:
                continue  # the row is there for its other fields
            if not made:
                names = ", ".join(name for name, _, _ in entries)
                raise _Unfit(f"None of the fields {names} has a value in this row: there is nothing to send")
            item[wire] = as_meant(self._rules[wire], made)
        return item

    def _plain(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return the fields that are no mapping put together of entries."""
        item: dict[str, object] = {}
        for name, wire, field in self._single:
            value = fields.get(name)
            if value is not None:
                form = field.form.of(item) if isinstance(field.form, ChosenForm) else field.form
                written = _checked(name, convert(value, field, form))
                if wire in self._whole_lists and isinstance(written, list):
                    written = [_checked(name, to_whole(part)) for part in cast("list[object]", written)]
                if written is not None:
                    item[wire] = as_meant(field.rule, written)
        return item

    def _take_away(
        self,
        entries: Sequence[tuple[str, str, Unset]],
        fields: Mapping[str, object],
        item: dict[str, object],
        made: dict[str, object],
    ) -> None:
        """Say of each entry that is empty that the vendor shall take it away."""
        for name, entry, unset in entries:
            if fields.get(name) is not None:
                continue
            if unset.listed_in:
                gone = cast("list[object]", item.setdefault(unset.listed_in, []))
                gone.append({"type": "equals", "attr": entry})
            else:
                made[entry] = unset.value


def _entry(form: ValueForm, entry: str, value: object, row: Mapping[str, object], *, lists: bool) -> object:
    """Return an entry of a mapping in the vendor's form, which may go by what else is in the row."""
    if isinstance(form, ChosenForm):
        form = form.of(row)
        if isinstance(form, DefinedForm) and value is not None:
            try:
                form = form.known_entry(entry)
            except Unwritable as error:
                return BadValue(error.reason)
    return write(form, to_list(value) if lists else value)


def _holds_whole(hint: object) -> bool:
    """Return whether a field is a list of whole numbers."""
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    return parts == [int] or any(typing.get_args(part) == (int,) for part in parts)


def _checked(name: str, value: object) -> object:
    """Return a value, unless it is a bad one.

    Raises:
        _Unfit: it is.
    """
    if isinstance(value, BadValue):
        raise _Unfit(f"The field {name!r} {value.reason}")
    return value
