"""How a vendor writes values: dates, moments, decimals, lists, and what else JSON has no word for.

A `ValueForm` says it once, as data: `ValueForm.write` is the rule for one value of Python, and the jobs make
SQL of the same data. A value arrives as it left, or it is `Unwritable`; nothing is rounded.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

import attrs

from netaudience.errors import InvalidItem
from netaudience.model.scalars import (
    Unwritable,
    exact_number,
    finite,
    from_numpy,
    is_missing,
    strange,
    text_of,
    time_text,
    whole,
)

if TYPE_CHECKING:
    from netaudience.model.wire import JsonValue

    _Scalar: TypeAlias = dt.date | dt.time | Decimal | uuid.UUID | Enum
    RowValue: TypeAlias = "JsonValue | _Scalar | Sequence[RowValue] | Mapping[str, RowValue]"
else:  # nothing at run time has to walk a recursive type
    RowValue = Any
"""A value that a row may hold: JSON, or what has a form at the vendor. Scalars of numpy and pandas go too."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
T = TypeVar("T")


@attrs.frozen
class Epoch:
    """A moment as the time since 1970; what is finer than the unit is cut off."""

    unit: Literal["s", "ms"]
    #: What stands before the number, which is a text then.
    prefix: str = ""

    def write(self, moment: dt.datetime) -> int | str:
        """Return a moment in UTC as the vendor takes it."""
        number = (moment - _EPOCH) // dt.timedelta(**{"seconds" if self.unit == "s" else "milliseconds": 1})
        return f"{self.prefix}{number}" if self.prefix else number

    @property
    def name(self) -> str:
        """The form in words."""
        number = f"epoch {'seconds' if self.unit == 's' else 'milliseconds'}"
        return f"text {self.prefix}<{number}>" if self.prefix else number


@attrs.frozen
class Iso:
    """A moment as a text by ISO 8601 to the second, in UTC; what is finer is cut off."""

    #: What stands between date and time.
    between: Literal["T", " "] = "T"
    #: What stands at the end, for UTC.
    ending: str = "Z"

    def write(self, moment: dt.datetime) -> str:
        """Return a moment in UTC as the vendor takes it."""
        return moment.replace(tzinfo=None).isoformat(self.between, "seconds") + self.ending

    @property
    def name(self) -> str:
        """The form in words."""
        return f"text YYYY-MM-DD{self.between}HH:MM:SS{self.ending}"


class TimeForm(Protocol):
    """How a moment is written: `Epoch`, `Iso`, or a vendor's own."""

    def write(self, moment: dt.datetime) -> int | str:
        """Return a moment in UTC as the vendor takes it."""
        ...

    @property
    def name(self) -> str:
        """The form in words."""
        ...


@attrs.frozen
class Lists:
    """What a vendor's lists hold."""

    #: The most entries that it keeps.
    most: int
    #: True where the entries are texts, each of them once: others become texts, repeated ones are left out.
    distinct_texts: bool = False
    #: True where all entries are of one type.
    one_type: bool = False
    #: True where an empty list does something, so that none must go by accident.
    filled: bool = False


@attrs.frozen
class Names:
    """What a vendor says about the names of a mapping's entries."""

    #: Its own, to the letter: another case is another name.
    own: frozenset[str] = frozenset()
    #: Those that it keeps for itself.
    reserved: frozenset[str] = frozenset()
    #: Signs that none may hold.
    forbidden: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class ValueForm:
    """How a vendor writes the values of one field, or of the entries of a mapping."""

    #: How a moment is written; None where the field takes none.
    moment: TimeForm | None = None
    #: How a date without a time is written: by its midnight in UTC; None where it is ``YYYY-MM-DD``.
    date: TimeForm | None = None
    #: True where the field is an identifier or another text: numbers are written with all their digits.
    text: bool = False
    #: What lists hold, where the vendor says so.
    lists: Lists | None = None
    #: What names of entries mean, where the vendor says so.
    names: Names | None = None
    #: What moments without a zone are meant in.
    time_zone: dt.tzinfo = dt.UTC
    #: What of this the vendor does not document, in words.
    assumed: str = ""

    def within(self, time_zone: dt.tzinfo) -> ValueForm:
        """Return the same form for moments that are meant in a time zone."""
        return attrs.evolve(self, time_zone=time_zone)

    def write(self, value: object) -> JsonValue:
        """Return a value of Python as the vendor's JSON; None where it is no value.

        Raises:
            Unwritable: it has no exact form.
        """
        if value is None or type(value) is str or type(value) is bool:
            return text_of(value) if self.text and value is not None else value
        if is_missing(value):
            return None
        if self.text:
            return text_of(value)
        return self._write(value)

    def part(self, value: object) -> JsonValue:
        """Return a value within a row or a list, where there must be one.

        Raises:
            Unwritable: it has no exact form, or there is none.
        """
        if value is not None and is_missing(value):
            raise Unwritable("is missing (NaT or NA): leave the entry out")
        return self.write(value)

    def _write(self, value: object) -> JsonValue:  # noqa: C901, PLR0912 - one line for each type
        match value:
            case Enum():
                return self.write(value.value)
            case str():
                return str.__str__(value)
            case bool():
                return value
            case int():
                return whole(value)
            case float():
                return finite(float(value))
            case Decimal():
                return exact_number(value)
            case dt.datetime():
                return self._moment(value)
            case dt.date():
                return self._date(value)
            case dt.time():
                return time_text(value)
            case uuid.UUID():
                return str(value)
            case Mapping():
                return self._mapping(cast("Mapping[object, object]", value))
            case list() | tuple():
                return self._list(cast("Sequence[object]", value))
            case set() | frozenset():
                return self._list(sorted(cast("Iterable[object]", value), key=repr))
            case _ if type(value).__module__ == "numpy":
                return self._numpy(value)
            case _:
                raise Unwritable(strange(value))

    def _moment(self, value: dt.datetime) -> JsonValue:
        if self.moment is None:
            raise Unwritable("is a point in time, and the vendor wants none here: cast it in SQL")
        return self.moment.write(_in_utc(value, self.time_zone))

    def _date(self, value: dt.date) -> JsonValue:
        if self.moment is None:
            raise Unwritable("is a date, and the vendor wants none here: cast it in SQL")
        if self.date is None:
            return value.isoformat()
        return self.date.write(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC))

    def _mapping(self, value: Mapping[object, object]) -> JsonValue:
        written: dict[str, JsonValue] = {}
        for name, part in value.items():
            if not isinstance(name, str):
                raise Unwritable("holds a name that is no text")
            written[str.__str__(name)] = _nested(self.part, part)
        return written

    def _list(self, value: Sequence[object]) -> JsonValue:
        rule = self.lists
        if rule is None:
            return [_nested(self.part, part) for part in value]
        if rule.filled and not value:
            raise Unwritable("is an empty list, which empties what the vendor has: leave the entry out")
        if len(value) > rule.most:
            raise Unwritable(f"is a list of more than {rule.most} values, which the vendor does not keep")
        parts = [_nested(self._entry if rule.distinct_texts else self.part, part) for part in value]
        if rule.distinct_texts and all(isinstance(part, str | None) for part in parts):
            return list(dict.fromkeys(part for part in parts if part is not None))
        if rule.one_type and len({json_type(part) for part in parts}) > 1:
            raise Unwritable("is a list of values of different types, and the vendor takes one type")
        return parts

    def _entry(self, value: object) -> JsonValue:
        """Return an entry of a list of texts; objects and lists stay what they are."""
        if isinstance(value, bool | int | float | Decimal):
            return text_of(value)
        written = self.part(value)
        return text_of(value) if isinstance(written, bool | int | float) else written

    def _numpy(self, value: object) -> JsonValue:
        if type(value).__name__ == "ndarray":
            # Not tolist(): that makes numbers of nanoseconds.
            return self._list(list(cast("Iterable[object]", value)))
        return self._write(from_numpy(value))


#: Identifiers, and other fields that are texts.
TEXT = ValueForm(text=True, moment=Iso(ending="+00:00"))
#: Numbers and truth values, and whatever else is neither a text nor a date.
PLAIN = ValueForm()


#: Any type, by ISO 8601: how a vendor's mapping is written that names no form.
ISO = ValueForm(moment=Iso(), assumed="dates and times")


def written_as(form: ValueForm, name: str | None = None) -> dict[str, object]:
    """Return attrs metadata: the field's values have this form, and it goes by this name on the wire."""
    return {"form": form} if name is None else {"form": form, "wire": name}


@attrs.frozen
class Unset:
    """How a vendor is told, on purpose, to take an attribute away."""

    #: What goes in the place of the attribute's value; null where it is None.
    value: JsonValue = None
    #: In its place: the field of the row that lists the names of what goes, by the vendor's name, as
    #: ``{"type": "equals", "attr": NAME}``.
    listed_in: str = ""


def unset_by(unset: Unset) -> dict[str, object]:
    """Return attrs metadata: the entries of the field can be taken away, and how."""
    return {"unset": unset}


def unset_of(row: type, name: str) -> Unset | None:
    """Return how entries of a field of a row's class are taken away; None where they cannot be."""
    field = attrs.fields_dict(row).get(name)
    return None if field is None else cast("Unset | None", field.metadata.get("unset"))


def given(form: ValueForm, value: object, name: str) -> JsonValue:
    """Return a field's value as its form has it: what its converter does when a row is made.

    Raises:
        InvalidItem: it has no exact form.
    """
    try:
        return form.write(value)
    except Unwritable as error:
        raise InvalidItem(f"The {name} {error.reason}") from None


def field_form(named: ValueForm | None, types: Iterable[type]) -> ValueForm:
    """Return the form of a field of a row.

    Args:
        named: The form that the field names itself.
        types: What the field holds.
    """
    if named is not None:
        return named
    types = frozenset(types)
    if types == frozenset({str}):
        return TEXT
    return PLAIN if types <= {int, float, bool} else ISO


def _in_utc(value: dt.datetime, time_zone: dt.tzinfo) -> dt.datetime:
    if type(value) is not dt.datetime:  # pandas has its own, with nanoseconds, which no vendor takes
        value = dt.datetime(
            *(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond),
            tzinfo=value.tzinfo,
            fold=value.fold,
        )
    try:
        return (value if value.tzinfo else value.replace(tzinfo=time_zone)).astimezone(dt.UTC)
    except (OverflowError, ValueError):
        raise Unwritable("lies outside of the years 1 to 9999") from None


def _nested(write: Callable[[object], T], value: object) -> T:
    try:
        return write(value)
    except RecursionError:
        raise Unwritable("is nested beyond measure, or holds itself") from None
    except Unwritable as error:
        if error.reason.startswith("holds "):
            raise
        raise Unwritable(f"holds a value that {error.reason}") from None


def json_type(value: object) -> str:
    """Return the name of the type that a value has in JSON, whole and broken numbers being of one."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return type(value).__name__
