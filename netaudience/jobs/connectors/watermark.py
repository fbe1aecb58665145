"""How far a source was read, so that the next reading begins there: by a column, or by a table's own history.

Nothing is left out that has to be sent: where it is not known what is new, everything is read.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_arrow
from netaudience.jobs.spec.diagnostics import listed
from netaudience.jobs.spec.model import Source

Kind: TypeAlias = Literal["time", "date", "number", "text", "version", "snapshot"]
#: A point in time as text, whose order as text is that of time.
_TEXT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00(?::?00)?)?)?")
_SECONDS = len("2026-01-31 12:00:00")
_DAY = 86_400
_REMEDY = (
    "take a column of points in time, days or whole numbers, of text such as 2026-01-31 12:00:00, or cast it "
    "in the SQL"
)


@attrs.frozen
class Watermark:
    """How far a source was read. It holds a time, a number, or the name of a version, and nothing else."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        match self.kind:
            case "version":
                return f"version {self.value}"
            case "snapshot":  # its name is a long number, as those of people are
                return f"snapshot of {self.value.partition(' ')[2]}"
            case _:
                return self.value

    @property
    def native(self) -> object:
        """The value as Python has it, for a placeholder of a query."""
        match self.kind:
            case "time":
                return dt.datetime.fromisoformat(self.value)
            case "date":
                return dt.date.fromisoformat(self.value)
            case "number":
                return Decimal(self.value) if "." in self.value else int(self.value)
            case "version" | "snapshot":
                return int(self.value.partition(" ")[0])
            case _:
                return self.value

    @property
    def literal(self) -> str:
        """The value in SQL. Its signs are digits and those of points in time: nothing has to be quoted."""
        return self.value if self.kind == "number" else f"'{self.value}'"

    def back(self, by: float) -> Watermark:
        """Return the one that stands some seconds before, or units of a number."""
        value = self.native
        match value:
            case dt.datetime():
                return Watermark("time", _written(value - dt.timedelta(seconds=by)))
            case dt.date():
                return Watermark("date", str(value - dt.timedelta(days=math.ceil(by / _DAY))))
            case int() | Decimal():
                return Watermark("number", format(value - math.ceil(by), "f" if "." in self.value else "d"))
            case _:
                moment = dt.datetime.fromisoformat(self.value)
                if len(self.value) < _SECONDS:  # a day, or a minute: what is written shorter comes first
                    return Watermark("text", str(moment.date() - dt.timedelta(days=math.ceil(by / _DAY))))
                # Without its end it stands before whatever begins as it does.
                earlier = (moment - dt.timedelta(seconds=by)).isoformat(self.value[10], "seconds")
                return Watermark("text", earlier[:_SECONDS])


def snapshot_at(number: int, milliseconds: int) -> Watermark:
    """Return a watermark of a snapshot that was made so long after the epoch."""
    moment = dt.datetime.fromtimestamp(milliseconds // 1000, dt.UTC)
    return Watermark("snapshot", f"{number} {moment:%Y-%m-%d %H:%M:%S}+00:00")


@attrs.frozen
class Since:
    """From where a source is to be read."""

    #: Where the last reading ended of which everything is settled; None where everything is to be read.
    watermark: Watermark | None = None
    #: Why everything is read, as a part of a sentence.
    why: str = ""


EVERYTHING = Since(why="nobody keeps how far it was read")


def column_in(names: Iterable[str], column: str) -> str:
    """Return a column as a source writes it.

    Raises:
        ConfigurationError: there is none.
    """
    given = list(names)
    found = [name for name in given if name == column] or [
        name for name in given if name.casefold() == column.casefold()
    ]
    if not found:
        raise ConfigurationError(
            f"The source gives no column {column!r}, by which it is to be read: it gives {listed(given)}",
            key="incremental",
        )
    return found[0]


class Greatest:
    """Looks at the rows on their way for the greatest value of a column that is not still to come."""

    def __init__(self, source: Source, column: str) -> None:
        self._column = column
        zone = dt.UTC if source.time_zone is None else ZoneInfo(source.time_zone)
        #: A row that is dated ahead must not hide those that come before its date.
        self._now = dt.datetime.now(dt.UTC)
        self._here = self._now.astimezone(zone).replace(tzinfo=None)
        self._found: Any = None
        self._kind: Kind | None = None

    def watermark(self) -> Watermark | None:
        """Return the greatest value; None where there is none."""
        if self._kind is None:
            return None
        value = self._found
        return Watermark(self._kind, _written(value) if isinstance(value, dt.datetime) else str(value))

    def of_batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Look at batches of Arrow, and pass them on.

        Raises:
            ConfigurationError: the column is missing, or cannot be compared.
        """
        for batch in batches:
            self._batch(batch)
            yield batch

    def of_rows(self, rows: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
        """Look at mappings, and pass them on.

        Raises:
            ConfigurationError: the column is missing, or cannot be compared.
        """
        name = None
        for row in rows:
            name = name or column_in(row, self._column)
            self._value(row.get(name))
            yield row

    def _batch(self, batch: Any) -> None:  # noqa: ANN401 - Arrow's
        arrow, compute = import_arrow(), import_arrow("compute")
        column = batch.column(column_in(batch.schema.names, self._column))
        kind, types = column.type, arrow.types
        if types.is_timestamp(kind):
            now = arrow.scalar(self._here if kind.tz is None else self._now, kind)
            column = column.filter(compute.less_equal(column, now))
            # What is finer than a microsecond is left out, which begins a little earlier.
            column = column.cast(arrow.timestamp("us", kind.tz), safe=False)
        elif types.is_date(kind):
            column = column.filter(compute.less_equal(column, arrow.scalar(self._here.date(), kind)))
        elif types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
            for text in column.to_pylist():
                self._value(text)
            return
        elif not (types.is_integer(kind) or types.is_decimal(kind)):
            if types.is_null(kind):
                return
            raise self._unfit(str(kind))
        self._value(compute.max(column).as_py())

    def _value(self, value: object) -> None:
        if value is None:
            return
        kind, moment = self._kind_of(value)
        if moment is not None and moment > (self._here if moment.tzinfo is None else self._now):
            return
        if self._kind not in {None, kind}:
            raise self._unfit("values of several types")
        try:
            self._found = value if self._kind is None else max(self._found, value)
        except TypeError:
            raise self._unfit("points in time with and without a zone") from None
        self._kind = kind

    def _kind_of(self, value: object) -> tuple[Kind, dt.datetime | None]:
        """Return what a value is, and when that is."""
        match value:
            case dt.datetime():
                return "time", value
            case dt.date():
                return "date", dt.datetime.combine(value, dt.time())
            case int() | Decimal() if not isinstance(value, bool):
                if isinstance(value, Decimal) and not value.is_finite():
                    raise self._unfit("numbers that are none")
                return "number", None
            case str():
                if _TEXT.fullmatch(value) and (moment := _moment(value)) is not None:
                    return "text", moment
                raise self._unfit("other text")
            case _:
                raise self._unfit(type(value).__name__)

    def _unfit(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"The column {self._column!r} holds {what}, by which it is not known what is new: {_REMEDY}",
            key="incremental",
        )


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _written(moment: dt.datetime) -> str:
    plain = moment if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return plain.isoformat(" ", "microseconds")
