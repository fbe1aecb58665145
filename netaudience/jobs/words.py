"""A job as it is written down: where the rows come from, what becomes of them, and what stops it.

Plain words without I/O. `reading` makes them from a file and says what is wrong with it, by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from netaudience.wire import JsonValue

__all__ = ["Expression", "Guards", "JobFile", "Mode", "Share", "Source", "Step"]

Mode: TypeAlias = Literal["all", "changed-only", "mirror"]
"""Which rows are sent: all; those that differ from what was delivered; likewise, and removals too."""


@attrs.frozen
class Expression:
    """What a field is made of: exactly one of a column, a constant, or an SQL expression over the columns."""

    column: str | None = None
    value: JsonValue = None
    sql: str | None = None


@attrs.frozen
class Share:
    """A bound as a number of rows, or as a share of them."""

    count: int | None = None
    #: 0 to 1.
    share: float | None = None

    def exceeded(self, rows: int, of: int) -> bool:
        """Return whether so many rows of so many are more than the bound."""
        if self.count is not None and rows > self.count:
            return True
        return self.share is not None and of > 0 and rows / of > self.share


@attrs.frozen(kw_only=True)
class Source:
    """Where the rows come from."""

    #: Files or globs, relative to the job file; ``-`` is standard input.
    files: tuple[str, ...] = ()
    #: A query over files, or over the tables of `database`; instead of `files`, or over them as ``source``.
    sql: str | None = None
    #: A DuckDB or SQLite file whose tables the query may name.
    database: str | None = None
    #: csv, tsv, json, ndjson, parquet; told from the name where it is not set.
    format: str | None = None
    #: The columns that together tell a row from others; needed by ``changed-only`` and ``mirror``.
    key: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Step:
    """One operation over the rows of the source."""

    name: str
    #: The vendor's name in commands and variables.
    vendor: str
    operation: str
    #: What the operation's whole run shares.
    arguments: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    #: Field of the operation's row (or its noun, for bare identifiers) to what it is made of. A name with a
    #: dot sets one entry of a mapping: ``profile.age``.
    fields: Mapping[str, Expression] = attrs.field(factory=dict[str, Expression])
    #: An SQL condition; rows that do not hold are left out of the step.
    where: str | None = None
    mode: Mode = "all"
    #: For ``mirror``: the operation that takes back what this job put there, and its arguments.
    removal: str | None = None
    removal_arguments: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    #: Requests per second, requests at one time, rows per request; the operation's own where not set.
    rate: float | None = None
    in_flight: int | None = None
    max_rows: int | None = None


@attrs.frozen(kw_only=True)
class Guards:
    """What stops a run before it does harm."""

    allow_empty: bool = False
    #: Removals of a mirror.
    max_removals: Share | None = attrs.field(factory=lambda: Share(share=0.1))
    #: Rows that a rule or the vendor rejected; asked while the run goes on, once enough rows are judged.
    max_rejected: Share | None = attrs.field(factory=lambda: Share(share=0.2))
    #: How far the number of rows may be from the last runs' median, as a share of it.
    max_deviation: float | None = None


@attrs.frozen(kw_only=True)
class JobFile:
    """A job file: what is to be done; `Job` in `job` is one that can do it."""

    name: str
    #: The file it was read from; what it names is relative to its folder.
    path: Path
    source: Source
    steps: tuple[Step, ...]
    guards: Guards = attrs.field(factory=Guards)
    #: Where runs and snapshots are kept; ``.netaudience/<name>`` beside the job file where not set.
    folder: Path | None = None
    #: How many runs are kept, and for how many days.
    keep_runs: int = 30
    keep_days: int = 90
