"""A job as it is written down: where the rows come from, what becomes of them, and what stops it.

Plain data without I/O. `parse` makes them from a file and says what is wrong with it, by line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from netaudience.model.digests import digest_of
from netaudience.model.verb_facts import Channel, Identity
from netaudience.model.wire import JsonValue

#: Long enough for a vendor's short outage, and short enough for a night.
PATIENCE = 300.0

#: Longer than a store is away now and then, and short enough to go on soon after a machine has died.
LEASE = 60.0

#: Longer than most transactions are open before their rows can be seen.
OVERLAP = 300.0

#: The databases that a source may be a query to, besides any DB-API module as ``dbapi:module``.
CONNECTIONS = ("postgresql", "flightsql", "snowflake", "bigquery", "databricks")

Mode: TypeAlias = Literal["all", "changed-only", "mirror"]
"""Which rows are sent: all; those that differ from what was delivered; likewise, and removals too."""


@attrs.frozen
class Expression:
    """What a field is made of: exactly one of a column, a constant, or an SQL expression over the columns."""

    column: str | None = None
    value: JsonValue = None
    sql: str | None = None
    #: Whether an empty value takes the attribute away at the vendor; it is left as it is otherwise.
    unset: bool = False


@attrs.frozen
class Share:
    """A bound as a number of rows, or as a share of them."""

    count: int | None = None
    #: 0 to 1.
    share: float | None = None

    def exceeded(self, rows: float, of: int) -> bool:
        """Return whether this number of rows, of all, is more than the bound."""
        if self.count is not None and rows > self.count:
            return True
        return self.share is not None and of > 0 and rows / of > self.share


@attrs.frozen
class Secret:
    """Where a text stands that must not stand in a file: exactly one of a variable and a file of its own."""

    #: The environment's variable; where it is not set, the file that the one with ``_FILE`` behind it names.
    env: str | None = None
    #: A file that holds nothing else, relative to the job file.
    file: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.env or self.file or ""


@attrs.frozen(kw_only=True)
class Suppression:
    """A list of people to whom nothing is sent, whatever the source says of them."""

    #: Files or globs, relative to the job file; empty where only vendors are asked.
    files: tuple[str, ...]
    #: By column of the source the column of the list; a row is held back where one of them is the same.
    match: Mapping[str, str]
    #: The column of the list that names a channel; who has none there has opted out of all.
    channel: str | None = None
    #: Vendors that are asked before each run for opt-outs of their own, by their names in commands, of which
    #: channels, all if there are none, and by which columns of the source they know people.
    ask: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    columns: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: Where what they have told is kept.
    vendors_own: Path | None = None


@attrs.frozen
class DbtModel:
    """A model of a dbt project, whose table the rows come from."""

    #: The ``manifest.json`` that dbt has written, relative to the job file.
    manifest: str
    #: Its name; with the package before it, or the version behind it, where the name alone is of several.
    model: str


@attrs.frozen(kw_only=True)
class Source:
    """Where the rows come from."""

    #: Files or globs, relative to the job file; ``-`` is standard input.
    files: tuple[str, ...] = ()
    #: A query over files, or over the tables of `database`; instead of `files`, or over them as ``source``.
    sql: str | None = None
    #: A DuckDB or SQLite file whose tables the query may name.
    database: str | None = None
    #: The database that `sql` is a query to, in its own SQL: one of `CONNECTIONS`, or ``dbapi:module``.
    connection: str | None = None
    #: How that database is reached, password and all.
    uri: Secret | None = None
    #: The model whose table is read there, in place of `sql`.
    dbt: DbtModel | None = None
    #: A function that gives the rows, as ``module:function``.
    python: str | None = None
    #: The folder or the URL of a Delta table.
    delta: str | None = None
    #: A table of an Iceberg catalog, as ``catalog.namespace.table``.
    iceberg: str | None = None
    #: The column that says when a row has changed, of which only what is new is read; true for the history
    #: that the table of a lake keeps itself. Everything is read where it is not set.
    incremental: str | Literal[True] | None = None
    #: How far before the greatest value of that column the next reading begins, for rows that come late:
    #: seconds, or units where it is a number.
    overlap: float = OVERLAP
    #: Days after which everything is read again; never where it is not set.
    full_days: int | None = None
    #: Whether everything is read this time.
    full: bool = False
    #: Values given one by one, instead of files: lines of one column ``line``.
    items: tuple[str, ...] = ()
    #: One of `FORMATS`; told from the first bytes and the name where not set.
    format: str | None = None
    #: The columns that together identify a row; needed by ``changed-only`` and ``mirror``.
    key: tuple[str, ...] = ()
    #: What stands between the cells of a CSV; told from its header where it is not set.
    delimiter: str | None = None
    #: What stands around a cell of a CSV that holds a delimiter; an empty text where nothing does.
    quote: str = '"'
    #: Whether the first line names the columns, or the names themselves. Where it is not set it does, unless
    #: it looks like data.
    header: bool | tuple[str, ...] | None = None
    #: Lines that stand before the header of a CSV, or rows before that of a sheet: a title, a date.
    skip_lines: int = 0
    #: How text was written; UTF-8, or what a mark at its beginning says, where it is not set.
    encoding: str | None = None
    #: What stands in a cell of a CSV that holds nothing, beside the empty text.
    nulls: tuple[str, ...] = ()
    #: Whether white space at both ends of a CSV's cells is taken off. It is told where this is not set.
    trim: bool | None = None
    #: What becomes of a row of a CSV whose last cells are not written: no row, or empty cells.
    short_rows: Literal["reject", "fill"] = "reject"
    #: The sheet of a workbook; its first one where it is not set.
    sheet: str | None = None
    #: Columns of text that are sent as the numbers, truths and JSON that they hold, each as a whole; all of
    #: them where it is true.
    typed: tuple[str, ...] | bool = ()
    #: The zone of points in time that say none; UTC where it is not set.
    time_zone: str | None = None
    #: Whether folders such as ``country=TR`` are columns.
    hive: bool = False
    #: Whose rows are not read by steps that do not say so.
    suppression: Suppression | None = None

    @property
    def tells_who_left(self) -> bool:
        """Whether what is new of it tells which rows are gone as well: the change feed of Delta Lake does."""
        return self.delta is not None and self.incremental is True


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
    #: What every row of the removal holds besides, by the field of its operation.
    removal_fields: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    #: For ``mirror``: whether what earlier runs did by other arguments, such as another tag, is taken back.
    take_back_old: bool = False
    #: Which of several rows of one user are sent: all of them in their order, or the last one alone.
    duplicates: Literal["all", "last"] = "all"
    #: The share of the delivered rows, 0 to 1, that are read back when the run has ended; None where none is.
    verify: float | None = None
    #: Requests per second, requests at one time, rows per request; the operation's own where not set.
    rate: float | None = None
    in_flight: int | None = None
    max_rows: int | None = None

    @property
    def digest(self) -> str:
        """What tells the rows of the step from those of others; its pace is no part of it."""
        fields = attrs.asdict(self)
        for name in ("name", "rate", "in_flight", "max_rows", "verify"):
            del fields[name]
        return digest_of(json.dumps(fields, sort_keys=True, default=str))


@attrs.frozen(kw_only=True)
class KeptAudience:
    """People who are to be one audience at several vendors; its steps are among those of the job."""

    name: str
    #: The vendors' names in commands.
    vendors: tuple[str, ...]
    #: The columns that people are known by: by an identity, or ``VENDOR_id`` and ``VENDOR_device``.
    columns: Mapping[str, str]
    #: What a vendor calls it, by the vendor, where that is a number that is known or another name.
    at: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: What was found, or made, at vendors that number it, since the file was read.
    found: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: By which identity people are known at a vendor, where it is not the first one that it takes.
    by: Mapping[str, Identity] = attrs.field(factory=dict[str, "Identity"])
    #: Who has opted out of one of these is in it nowhere; of any channel if there are none.
    channels: tuple[Channel, ...] = ()
    #: What has to be told for a list that is replaced as a whole besides, by the vendor.
    lists: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, "Mapping[str, str]"])
    #: Its steps by the vendor.
    steps: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Guards:
    """What stops a run before it does harm."""

    allow_empty: bool = False
    #: Removals of a mirror.
    max_removals: Share | None = attrs.field(factory=lambda: Share(share=0.1))
    #: Rows that a rule or the vendor rejected, of all rows of the step, those that are unchanged among them.
    max_rejected: Share | None = attrs.field(factory=lambda: Share(share=0.2))
    #: Rows that a canary has delivered and that are something else when they are read back, of those read.
    max_different: Share | None = attrs.field(factory=lambda: Share(share=0.01))
    #: Rejected rows that are no failure: a run with no more of them, and nothing else amiss, is a success.
    accept_rejected: Share | None = None
    #: How far the number of rows may be from the last runs' median, as a share of it.
    max_deviation: float | None = None
    #: Whether identifiers that can hardly be meant, such as NULL or 1.00E+09, are rejected or sent.
    odd_identifiers: Literal["reject", "send"] = "reject"
    #: Whether the vendor is asked for its schema first, and the step is held to it.
    preflight: bool = True


#: What an alert may be about.
EVENTS = ("failure", "guard", "rejects", "recovery")


@attrs.frozen(kw_only=True)
class Notify:
    """Who is notified how a run ended."""

    #: Where an alert is sent.
    webhook: Secret | None = None
    #: What it is written as: a text alone, or the facts as well.
    format: Literal["slack", "json"] = "slack"
    #: What it is about, of `EVENTS`.
    on: tuple[str, ...] = EVENTS
    #: Rows that are rejected and were not by the last run, beyond which they are worth an alert.
    new_rejects: Share = attrs.field(factory=lambda: Share(count=0))
    #: What is asked at the beginning and the end of every run.
    healthcheck: Secret | None = None
    #: A function that is called with how a run ended, as ``module:function``.
    on_end: str | None = None


@attrs.frozen(kw_only=True)
class Quotas:
    """Where the limits of the accounts are shared with other processes."""

    #: A file, a URL without a password, or ``env:NAME`` for what a variable holds; None where only
    #: ``NETAUDIENCE_QUOTAS`` says it.
    where: str | None = None
    #: A name for the accounts, in place of their keys.
    account: str | None = None
    #: Seconds after which what a process was lent is free again, where it was killed.
    lease: float = 3.0
    #: What is done while the store is lost, and with what share of the limits.
    when_lost: Literal["wait", "share"] = "wait"
    share: float | None = None


@attrs.frozen(kw_only=True)
class Results:
    """Where the tables go that a run becomes, besides its own folder."""

    #: A database, ``postgresql`` or ``dbapi:module``; none where it is not set.
    connection: str | None = None
    #: How it is reached, password and all.
    uri: Secret | None = None
    #: How the names of the tables begin, behind the schema if they are in one.
    tables: str = "netaudience_"


@attrs.frozen(kw_only=True)
class JobFile:
    """A job file: what is to be done; `Job` in `job` is one that can do it."""

    name: str
    #: The file it was read from; what it names is relative to its folder.
    path: Path
    source: Source
    steps: tuple[Step, ...]
    #: The audience that is kept the same by some of the steps, if there is one.
    audience: KeptAudience | None = None
    guards: Guards = attrs.field(factory=Guards)
    quotas: Quotas = attrs.field(factory=Quotas)
    notify: Notify = attrs.field(factory=Notify)
    #: None where a run does not become tables.
    results: Results | None = None
    #: Where runs and snapshots are kept; ``.netaudience/<name>`` beside the job file where not set.
    folder: Path | None = None
    #: An object store that keeps them instead, as ``s3://bucket/folder``; `folder` is where runs work then.
    store: str | None = None
    #: Seconds after which a machine that is not heard of in that store has lost the job.
    lease: float = LEASE
    #: How many runs are kept, and for how many days.
    keep_runs: int = 30
    keep_days: int = 90
    #: Seconds for which a vendor that does not answer is asked again before a run stops.
    patience: float = PATIENCE
