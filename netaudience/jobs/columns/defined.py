"""Values in the type that the vendor has defined: the text 31 becomes the number.

A `DefinedForm` is the form of a mapping whose entries are defined one by one, a `ChosenForm` that of values
whose definition is named in their own row. Nothing is guessed: a value
that has no exact form in the defined type rejects its row, before the vendor leaves it out without a word.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast

import attrs

from netaudience.jobs.columns.convert import read_time, to_list, to_truth, to_whole
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.columns.sql_types import SqlType
from netaudience.model.definitions import ANYTHING, Definitions, Holds
from netaudience.model.scalars import Unwritable, exact_number, is_missing, text_of
from netaudience.model.value_forms import ISO, Epoch, ValueForm
from netaudience.model.wire import JsonValue

#: A number as text that a number of JSON holds with all its digits, or `exact_number` refuses it.
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
#: The types of a source of which every value, or some, has a form in a defined type.
_FITTING: Mapping[str, frozenset[str]] = {
    "text": frozenset(
        {"text", "whole", "big", "single", "double", "decimal", "date", "moment", "time", "json"}
    ),
    "whole": frozenset({"text", "whole", "big", "single", "double", "decimal", "json"}),
    "number": frozenset({"text", "whole", "big", "single", "double", "decimal", "json"}),
    "truth": frozenset({"text", "truth", "whole", "json"}),
    "time": frozenset({"text", "date", "moment", "json"}),
}


@attrs.frozen(kw_only=True)
class TypedForm(ValueForm):
    """The form of values of a defined type."""

    holds: Holds
    #: How the vendor writes values that are of the type already.
    plain: ValueForm
    #: The type by the vendor's word, for a sentence.
    word: str = ""

    def within(self, time_zone: dt.tzinfo) -> ValueForm:
        """Return the same form for moments that are meant in a time zone."""
        return attrs.evolve(self, time_zone=time_zone, plain=self.plain.within(time_zone))

    def write(self, value: object) -> JsonValue:
        """Return a value in the defined type.

        Raises:
            Unwritable: it has no exact form in it.
        """
        if value is None or is_missing(value):
            return None
        if not self.holds.many:
            return self._one(value)
        found = to_list(value)
        if isinstance(found, BadValue):
            raise self._other()
        parts = [self._one(part) for part in cast("list[object]", found)]
        return self.plain.write(parts)

    def _one(self, value: object) -> JsonValue:
        match self.holds.family:
            case "text":
                return (
                    ISO.within(self.time_zone).write(value)
                    if isinstance(value, dt.datetime)
                    else text_of(value)
                )
            case "whole":
                return self._read(to_whole, value)
            case "number":
                return self._number(value)
            case "truth":
                return self._read(to_truth, value)
            case "time":
                return self._time(value)
            case _:
                return self.plain.write(value)

    def _read(self, read: Callable[[object], object], value: object) -> JsonValue:
        found = read(value)
        if isinstance(found, BadValue):
            raise self._other()
        return cast("JsonValue", found)

    def _number(self, value: object) -> JsonValue:
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = Decimal(value.strip())
            value = int(value) if value == value.to_integral_value() else value
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise self._other()
        return exact_number(value) if isinstance(value, Decimal) else self.plain.write(value)

    def _time(self, value: object) -> JsonValue:
        moment = self.plain.moment
        counted = isinstance(moment, Epoch) and not moment.prefix
        if isinstance(value, str):
            value = read_time(value, counted=counted)
        if isinstance(value, dt.date):
            return self.plain.write(value)
        if counted and isinstance(value, int) and not isinstance(value, bool):
            return self.plain.write(value)
        raise self._other()

    def _other(self) -> Unwritable:
        return Unwritable(
            f"has no form in the type that the vendor has defined, {self.word or self.holds.family}"
        )


@attrs.frozen(kw_only=True)
class DefinedForm(ValueForm):
    """The form of a mapping whose entries a vendor has defined."""

    plain: ValueForm
    known: Definitions

    def within(self, time_zone: dt.tzinfo) -> ValueForm:
        """Return the same form for moments that are meant in a time zone."""
        return attrs.evolve(self, time_zone=time_zone, plain=self.plain.within(time_zone))

    def entry(self, name: str) -> ValueForm:
        """Return the form of one entry's value."""
        found = self.known.named(name)
        if found is None or found.holds.family == "any":
            return self.plain
        return typed(self.plain, found.holds, found.word)

    def write(self, value: object) -> JsonValue:
        """Return a mapping with every entry in its own type.

        Raises:
            Unwritable: an entry has no form, or is not defined.
        """
        if not isinstance(value, Mapping):
            return self.plain.write(value)
        written: dict[str, JsonValue] = {}
        for name, part in cast("Mapping[str, object]", value).items():
            form = self.known_entry(name)
            try:
                # What has no value stays what it is: the rules of the field judge it.
                written[name] = None if part is None else form.write(part)
            except Unwritable as error:
                raise Unwritable(f"holds a value that {error.reason}") from None
        return written

    def known_entry(self, name: str) -> ValueForm:
        """Return the form of one entry's value.

        Raises:
            Unwritable: the entry is not defined.
        """
        if self.known.named(name) is None and not self.known.makes:
            raise Unwritable(
                f"holds an entry that is no {self.known.noun} of the account's: "
                f"{self.known.vendor} {self.known.unknown}"
            )
        return self.entry(name)


@attrs.frozen(kw_only=True)
class NamedForm(ValueForm):
    """The form of values that are names themselves, of which a vendor has only some."""

    plain: ValueForm
    known: Definitions

    def within(self, time_zone: dt.tzinfo) -> ValueForm:
        """Return the same form for moments that are meant in a time zone."""
        return attrs.evolve(self, time_zone=time_zone, plain=self.plain.within(time_zone))

    def write(self, value: object) -> JsonValue:
        """Return a name, or a list of them.

        Raises:
            Unwritable: the vendor has none of this name.
        """
        written = self.plain.write(value)
        if written is None or self.known.makes:
            return written
        for one in written if isinstance(written, list) else [written]:
            if self.known.named(str(one)) is None:
                raise Unwritable(
                    f"is no {self.known.noun} that {self.known.vendor} has: it {self.known.unknown}"
                )
        return written


@attrs.frozen(kw_only=True)
class ChosenForm(ValueForm):
    """The form of values whose type goes by a name that stands in their own row."""

    plain: ValueForm
    known: Definitions
    #: The row's field that has the name, by the vendor's name of the field.
    by: str

    def within(self, time_zone: dt.tzinfo) -> ValueForm:
        """Return the same form for moments that are meant in a time zone."""
        return attrs.evolve(self, time_zone=time_zone, plain=self.plain.within(time_zone))

    def of(self, row: Mapping[str, object]) -> ValueForm:
        """Return the form in a row whose name is written already."""
        return form_by_name(self.plain, self.known, row.get(self.by))


def form_by_name(plain: ValueForm, known: Definitions, name: object) -> ValueForm:
    """Return the form of what belongs to a name: of its value, or of the entries of its mapping."""
    one = known.named(str(name))
    if one is None:
        return plain  # the name is refused by itself
    if one.members is not None:
        return defined(plain, one.members)
    return plain if one.holds == ANYTHING else typed(plain, one.holds, one.word)


def typed(plain: ValueForm, holds: Holds, word: str) -> TypedForm:
    """Return the form of values of a defined type, as a vendor writes them."""
    shared = {field.name: getattr(plain, field.name) for field in attrs.fields(ValueForm)}
    return TypedForm(**shared, plain=plain, holds=holds, word=word)


def defined(plain: ValueForm, known: Definitions) -> DefinedForm:
    """Return the form of a mapping whose entries are defined."""
    shared = {field.name: getattr(plain, field.name) for field in attrs.fields(ValueForm)}
    return DefinedForm(**shared, plain=plain, known=known)


def named(plain: ValueForm, known: Definitions) -> NamedForm:
    """Return the form of values that are names."""
    shared = {field.name: getattr(plain, field.name) for field in attrs.fields(ValueForm)}
    return NamedForm(**shared, plain=plain, known=known)


def chosen(plain: ValueForm, known: Definitions, by: str) -> ChosenForm:
    """Return the form of values that go by a name in their own row."""
    shared = {field.name: getattr(plain, field.name) for field in attrs.fields(ValueForm)}
    return ChosenForm(**shared, plain=plain, known=known, by=by)


def form_of_entry(form: ValueForm, name: str) -> ValueForm:
    """Return the form of one entry of a mapping."""
    return form.entry(name) if isinstance(form, DefinedForm) else form


def fits_type(holds: Holds, kind: SqlType, form: ValueForm) -> bool:
    """Return whether some value of a source's type may have a form in a defined type."""
    if kind.family in {"null", "other"} or holds.family == "any":
        return True
    if kind.family == "list":
        return holds.many and fits_type(attrs.evolve(holds, many=False), kind.parts[0][1], form)
    if holds.many:
        return kind.family in {"text", "json"}
    if holds.family == "time" and kind.family in {"whole", "big"}:
        return isinstance(form.moment, Epoch) and not form.moment.prefix
    return kind.family in _FITTING[holds.family]
