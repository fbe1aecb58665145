"""One row, item or event that was not delivered, as one line of JSON: what it was, and what became of it.

The command, a job and a consumer write the same line, and `netaudience retry` takes any of them. What is
known is a field; nobody has to read it out of a sentence. The row is never left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias, cast, get_args

import attrs

from netaudience.errors import ConfigurationError, InvalidItem, VendorError
from netaudience.model.scalars import number_of
from netaudience.model.wire import JsonValue, dump_json, load_json

By: TypeAlias = Literal["vendor", "rule", "source", "run"]
"""Who decided: the vendor, a documented rule, the source or the mapping, or the run itself."""
Fate: TypeAlias = Literal["rejected", "failed", "in_doubt", "unsent", "different", "gone", "not_yet"]
"""What became of it; the last three are what a look afterwards shows of one that was delivered."""


class Why(NamedTuple):
    """Why something was not delivered."""

    by: By
    #: In a sentence that names nobody.
    reason: str
    #: The HTTP status, the vendor's own code and its scrubbed words, where the vendor answered.
    status: int | None = None
    code: int | str | None = None
    message: str | None = None

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Take it from an error."""
        if isinstance(error, VendorError):
            return cls("vendor", str(error), error.status, error.code, error.vendor_message or None)
        return cls("rule" if isinstance(error, InvalidItem) else "run", str(error))


@attrs.frozen(kw_only=True)
class DeadLetter:
    """One that was not delivered; its fields are those of a line of JSON."""

    #: Its row in the source, counted from 1; of a consumer, which of the items that were put, from 0.
    position: int
    #: What tells it from others, where the source has a key or the item has one.
    key: str = attrs.field(default="", repr=False)
    #: The step of the job; empty for a command and a consumer.
    step: str = ""
    #: The vendor's name in commands, and the operation; empty where the event could not be read as one.
    vendor: str
    operation: str
    outcome: Fate
    by: By
    #: The HTTP status, the vendor's own code and its scrubbed words, where the vendor answered.
    status: int | None = None
    code: int | str | None = None
    message: str | None = None
    #: Why, in a sentence that names nobody.
    reason: str
    #: The row as it came, or the item by the vendor's names; text where JSON cannot carry a value.
    row: JsonValue = attrs.field(repr=False)
    #: What JSON does not say of the values of `row`: that a text is a day, or could not be sent.
    types: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    #: What each field of the operation is made of, where the row is not by its fields: the name of a column,
    #: or ``value``, and with it the ``sql`` that made it of the row.
    fields: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    #: The zone of points in time that say none.
    time_zone: str | None = None
    #: What all items of the operation share.
    arguments: Mapping[str, JsonValue] | None = attrs.field(default=None, repr=False)
    #: The row and the key in the first source, where this comes from a file of dead letters itself.
    source_position: int | None = None
    source_key: str | None = attrs.field(default=None, repr=False)
    #: What tells `row` from a mended one, where somebody remembers what was delivered.
    digest: str | None = None
    #: Which line of which file it is, where it is no row; where a consumer had it from: a subject and a
    #: sequence, a topic's partition and an offset.
    reference: str | None = attrs.field(default=None, repr=False)
    #: When it was written, in UTC.
    time: str | None = None

    def to_line(self) -> bytes:
        """Return the line, with its end."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(DeadLetter)}
        return dump_json({name: value for name, value in fields.items() if value is not None}) + b"\n"

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Iterator[Self]:
        """Read the lines of a file, mended or not.

        Raises:
            OSError: the file cannot be read.
            ConfigurationError: a line is no dead letter; those before it were given.
        """
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    letter = cls.of_line(line)
                except (ValueError, TypeError):
                    raise ConfigurationError(
                        f"Line {number:,} of {path} is no dead letter: mend it, or delete the line. One that "
                        "a crash has cut short was not acknowledged, and its event has come again"
                    ) from None
                yield letter

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """Read one line.

        Raises:
            ValueError: it is no JSON, or a field is missing or wrong.
        """
        parsed = load_json(line)
        fields: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
        texts = ("step", "key", "vendor", "operation", "time_zone")
        fine = all(isinstance(fields.get(name, ""), str) for name in texts)
        fine = fine and all(isinstance(fields.get(name, {}), dict) for name in ("types", "fields"))
        if not fine or fields.get("outcome") not in _FATES or not isinstance(fields.get("position"), int):
            raise ValueError
        try:
            return cls(**{name: value for name, value in fields.items() if name in _NAMES})
        except TypeError as error:
            raise ValueError from error


_NAMES = frozenset(field.name for field in attrs.fields(DeadLetter))
_FATES = frozenset(get_args(Fate))


def plain(value: object) -> JsonValue:
    """Return a value as JSON carries it: as its exact text where JSON has no type for it."""
    try:
        return load_json(dump_json(value))
    except (TypeError, ValueError, RecursionError):
        return _plain(value)


def _plain(value: object) -> JsonValue:
    match value:
        case Mapping():
            pairs = cast("Mapping[object, object]", value).items()
            return {_text(name) if isinstance(name, str) else str(name): plain(part) for name, part in pairs}
        case list() | tuple() | set() | frozenset():
            return [plain(part) for part in cast("list[object]", value)]
        case Decimal():
            number = number_of(str(value)) if value.is_finite() else value
            return str(number) if isinstance(number, Decimal) else number
        case bytes() | bytearray() | memoryview():
            return _bytes(bytes(cast("bytes", value)))
        case str():
            return _text(value)
        case _:
            isoformat = getattr(value, "isoformat", None)
            return str(isoformat() if callable(isoformat) else value)


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"hex:{value.hex()}"


def _text(value: str) -> str:
    """Return a text; half a character, which UTF-8 cannot carry, as JSON would escape it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return json.dumps(value)[1:-1]
    return value
