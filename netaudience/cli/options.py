"""The flags that all commands have in common, in the groups in which the help shows them.

They configure our side only; what goes to the vendor are an operation's own flags. A secret is never a flag.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import attrs
from cyclopts import Group, Parameter

from netaudience.errors import ConfigurationError
from netaudience.jobs.formats import FORMATS

if TYPE_CHECKING:  # these cost a program's start
    from cyclopts import Token

    from netaudience.jobs.spec.model import Secret, Source
    from netaudience.settings import Settings

#: Stands for a bare ``-`` while the command line is read: everything else with a hyphen in front is a flag,
#: and an unknown one must be reported, not taken for a file.
STANDARD_INPUT = "<standard input>"

OPERATION = Group("Operation", sort_key=1)
SOURCE = Group("Source", sort_key=2)
PACE = Group("Pace", sort_key=3)
REPORT = Group("Report", sort_key=4)
GUARDS = Group("Guards", sort_key=1)

#: Seconds for which a command tries to find a vendor.
_CONNECTS = 10.0
#: What a source may be.
if TYPE_CHECKING:
    Format: TypeAlias = str
else:  # the command's own reader of arguments lists what may be said
    Format = Literal[FORMATS]
#: How a flag is shown, and that several flags are one object.
FLAG = Parameter(negative="", show_default=False)
FLAT = Parameter(name="*")
#: The same flag at a command of one operation and at a job's.
NoPreflight: TypeAlias = Annotated[
    bool,
    Parameter(
        group=GUARDS,
        help="Send without asking the vendor for its schema, to which names and types are held.",
    ),
    FLAG,
]


def whole(kind: object, tokens: Sequence[Token]) -> int | tuple[int, ...]:
    """Read whole numbers in decimal digits, and nothing else: 12.7 is none of them, least of all 13.

    Raises:
        ValueError: it is no whole number.
    """
    for token in tokens:
        if re.fullmatch(r"[+-]?[0-9]+", token.value) is None:
            raise ValueError(f"{token.value!r} is no whole number: write its digits alone, such as 12")
    numbers = tuple(int(token.value) for token in tokens)
    return numbers if "tuple" in str(kind) else numbers[-1]


@attrs.frozen(kw_only=True)
class Pace:
    """How fast requests go, how large they are, and which identifiers they carry."""

    rate: Annotated[
        float | None,
        Parameter(
            group=PACE,
            help="Requests per second of the account, fixed (records, where the vendor counts those).",
        ),
    ] = None
    in_flight: Annotated[int | None, Parameter(converter=whole, group=PACE, help="Requests at one time.")] = (
        None
    )
    max_rows: Annotated[
        int | None,
        Parameter(
            converter=whole, group=PACE, help="Rows per request; never more than the vendor documents."
        ),
    ] = None
    max_bytes: Annotated[
        int | None, Parameter(converter=whole, group=PACE, help="Bytes of a request's body.")
    ] = None
    timeout: Annotated[
        float | None,
        Parameter(
            group=PACE,
            help="Seconds for one exchange with the vendor; 30 where the operation has no figure of its own.",
        ),
    ] = None
    patience: Annotated[
        float | None,
        Parameter(
            group=PACE,
            help="Seconds for which a vendor that does not answer is asked again before the run stops; 300 "
            "where it is not said, and 0 for 8 attempts.",
        ),
    ] = None
    connection_patience: Annotated[
        float | None,
        Parameter(
            group=PACE,
            help="Seconds for which a connection that cannot be made is tried again before anything was "
            "answered; as --patience where that is said, else 10.",
        ),
    ] = None
    plain_http: Annotated[
        bool,
        Parameter(
            group=GUARDS,
            help="The vendor's base URL may be http:// with a public host, where the key can be read on the "
            "way: this agrees.",
        ),
        FLAG,
    ] = False
    odd_identifiers: Annotated[
        Literal["reject", "send"],
        Parameter(
            group=SOURCE,
            help="What becomes of identifiers that can hardly be meant, such as NULL, 1.00E+09 or one with a "
            "blank at an end, and of what is plainly no e-mail address or phone number: rejected, or sent "
            "for the vendor to judge.",
        ),
    ] = "reject"

    def settings(self, settings: Settings | None = None) -> Settings:
        """Return the client's settings, or others with this pace.

        Raises:
            ConfigurationError: a figure is not more than 0.
        """
        from netaudience.settings import Settings  # noqa: PLC0415 - costs a program's start

        before = settings or Settings()
        retry = before.retry
        if self.patience is not None:
            retry = attrs.evolve(retry, outage_patience=self.patience)
        # Somebody sits before it, and a name that is not found is seldom found a minute later.
        connects = _CONNECTS if self.patience is None else self.patience
        if self.connection_patience is not None:
            connects = self.connection_patience
        retry = attrs.evolve(retry, connection_patience=connects)
        return attrs.evolve(
            before,
            retry=retry,
            rate=self.rate,
            in_flight=self.in_flight,
            max_rows=self.max_rows,
            max_bytes=self.max_bytes,
            timeout=self.timeout,
            plain_http=self.plain_http or before.plain_http,
            odd_identifiers=self.odd_identifiers,
        )


@attrs.frozen(kw_only=True)
class Elsewhere:
    """Rows that are in no file here."""

    connection: Annotated[
        str | None,
        Parameter(
            group=SOURCE,
            help="The database that --sql is a query to: postgresql, flightsql, snowflake, bigquery, "
            "databricks, or any DB-API module as dbapi:MODULE.",
        ),
    ] = None
    uri_env: Annotated[
        str | None,
        Parameter(group=SOURCE, help="The variable that holds the database's address, password and all."),
    ] = None
    uri_file: Annotated[
        str | None, Parameter(group=SOURCE, help="The file that holds it, in place of a variable.")
    ] = None
    python: Annotated[
        str | None, Parameter(group=SOURCE, help="A function that gives the rows, as MODULE:FUNCTION.")
    ] = None
    delta: Annotated[str | None, Parameter(group=SOURCE, help="A Delta table: its folder or its URL.")] = None
    iceberg: Annotated[
        str | None, Parameter(group=SOURCE, help="An Iceberg table, as CATALOG.NAMESPACE.TABLE.")
    ] = None

    @property
    def named(self) -> bool:
        """Whether one is named."""
        return any(one is not None for one in (self.connection, self.python, self.delta, self.iceberg))

    def applied(self, source: Source) -> Source:
        """Return a source with what was said here.

        Raises:
            ConfigurationError: two sources are named, or one is not wholly said.
        """
        from netaudience.jobs.spec.source_section import checked_source  # noqa: PLC0415 - costs a program's start

        named = attrs.evolve(
            source,
            connection=self.connection,
            uri=_secret(self.uri_env, self.uri_file),
            python=self.python,
            delta=self.delta,
            iceberg=self.iceberg,
        )
        if named != source:
            checked_source(named)
        return named


def _secret(env: str | None, file: str | None) -> Secret | None:
    from netaudience.jobs.spec.model import Secret  # noqa: PLC0415 - costs a program's start

    if env is not None and file is not None:
        raise ConfigurationError("Say --uri-env or --uri-file, not both")
    return None if env is None and file is None else Secret(env, file)


@attrs.frozen(kw_only=True)
class Written(Elsewhere):
    """How the source's files are written."""

    form: Annotated[
        Format | None,
        Parameter(name="--format", group=SOURCE, help="What the source is, where its name does not say."),
    ] = None
    delimiter: Annotated[
        str | None,
        Parameter(group=SOURCE, help="What stands between the cells of CSV: one character, or tab."),
    ] = None
    quote: Annotated[
        str, Parameter(group=SOURCE, help="What stands around cells of CSV; empty where nothing does.")
    ] = '"'
    header: Annotated[
        bool | None,
        Parameter(
            negative="--no-header",
            group=SOURCE,
            show_default=False,
            help="Whether the first line of CSV names the columns; a line that looks like data is refused "
            "else.",
        ),
    ] = None
    skip_lines: Annotated[
        int,
        Parameter(
            group=SOURCE,
            show_default=False,
            help="How many lines stand before the names of the columns, such as a report's title.",
        ),
    ] = 0
    encoding: Annotated[
        str | None, Parameter(group=SOURCE, help="How the text is written, such as windows-1254; else UTF-8.")
    ] = None
    nulls: Annotated[
        tuple[str, ...],
        Parameter(
            name="--null",
            group=SOURCE,
            negative="",
            show_default=False,
            help="What stands in a cell of CSV that holds nothing, such as \\N; may be repeated.",
        ),
    ] = ()
    trim: Annotated[
        bool | None,
        Parameter(
            negative="--no-trim",
            group=SOURCE,
            show_default=False,
            help="Whether white space at both ends of the cells of CSV is taken off.",
        ),
    ] = None
    short_rows: Annotated[
        Literal["reject", "fill"],
        Parameter(group=SOURCE, help="What becomes of a row of CSV with fewer cells than the header."),
    ] = "reject"
    sheet: Annotated[str | None, Parameter(group=SOURCE, help="The sheet of a workbook.")] = None
    hive: Annotated[
        bool, Parameter(group=SOURCE, help="Folders such as country=TR are columns as well."), FLAG
    ] = False
    time_zone: Annotated[
        str | None,
        Parameter(group=SOURCE, help="The zone of points in time that say none, such as Europe/Istanbul."),
    ] = None

    def applied(self, source: Source) -> Source:
        """Return a source with what was said here.

        Raises:
            ConfigurationError: two sources are named, or one is not wholly said.
        """
        return super().applied(
            attrs.evolve(
                source,
                format=self.form or source.format,
                delimiter="\t" if self.delimiter in {"tab", "\\t"} else self.delimiter,
                quote=self.quote,
                header=self.header,
                skip_lines=self.skip_lines,
                encoding=self.encoding,
                nulls=self.nulls,
                trim=self.trim,
                short_rows=self.short_rows,
                sheet=self.sheet,
                hive=self.hive,
                time_zone=self.time_zone,
            )
        )


@attrs.frozen(kw_only=True)
class Reading(Written):
    """How the source is read."""

    column: Annotated[
        tuple[str, ...],
        Parameter(
            group=SOURCE,
            negative="",
            show_default=False,
            help="The column of the identifiers (NAME); for rows, field=NAME, once for each field to rename.",
        ),
    ] = ()
    sql: Annotated[
        str | None,
        Parameter(
            group=SOURCE,
            help="A query over the source, which it calls source, or over the tables of a database.",
        ),
    ] = None
    typed: Annotated[
        bool,
        Parameter(
            group=SOURCE,
            help="Columns of text that hold nothing but numbers, true and false, or JSON are sent as such.",
        ),
        FLAG,
    ] = False
    skip: Annotated[
        tuple[str, ...],
        Parameter(
            group=SOURCE,
            negative="",
            show_default=False,
            help="A column that is not sent; may be repeated.",
        ),
    ] = ()
    unset: Annotated[
        tuple[str, ...],
        Parameter(
            group=SOURCE,
            negative="",
            show_default=False,
            help="A column of which an empty cell takes the attribute away, where the operation can; may be "
            "repeated.",
        ),
    ] = ()
    no_preflight: NoPreflight = False
    allow_empty: Annotated[
        bool, Parameter(group=SOURCE, help="A source without any row is no error."), FLAG
    ] = False

    def source(self, path: str | None, items: Sequence[str]) -> Source:
        """Return the source of a job.

        Raises:
            ConfigurationError: an item is empty or holds a line break, or there is no such file.
        """
        from netaudience.jobs.spec.model import Source  # noqa: PLC0415 - costs a program's start

        if not all(items) or any("\n" in item or "\r" in item for item in items):
            raise ConfigurationError("--item must not be empty, nor hold a line break")
        if path is not None and path != "-" and "://" not in path and not Path(path).expanduser().is_file():
            _refuse(path)
        asks = self.sql is not None and path is not None and _is_database(path)
        source = Source(
            files=() if path is None or asks else (path,),
            sql=self.sql,
            database=path if asks else None,
            items=tuple(items),
            format="lines" if path == "-" else None,
            typed=self.typed,
        )
        return self.applied(source)


def _is_database(path: str) -> bool:
    from netaudience.jobs.extract.file_type import first_bytes, is_database  # noqa: PLC0415 - costs a program's start

    file = Path(path).expanduser()
    return file.is_file() and is_database(first_bytes(file))


def _refuse(path: str) -> None:
    """Say what is wrong with a name that is no file; a pattern may be one all the same.

    Raises:
        ConfigurationError: there is no file of that name.
    """
    if Path(path).is_dir():
        raise ConfigurationError(f"{path} is a directory: name the files in it, such as {path}/*.csv")
    if not set("*?[") & set(path) and not Path(path).exists():
        raise ConfigurationError(
            f"There is no file {path}: look at its name and at the directory you are in, or say --item for "
            "a single item"
        )


@attrs.frozen(kw_only=True)
class Reporting:
    """Where the undelivered items go, and what is shown."""

    rejects: Annotated[
        Path | None,
        Parameter(group=REPORT, help="Write undelivered items to this new file instead of standard output."),
    ] = None
    answers: Annotated[
        bool,
        Parameter(
            group=REPORT,
            help="Print what the vendor answers to writes, too, such as the id of what was made.",
        ),
        FLAG,
    ] = False
    report: Annotated[
        Path | None,
        Parameter(group=REPORT, help="Write the counts, reasons and warnings to this file, as JSON."),
    ] = None
    quiet: Annotated[
        bool, Parameter(group=REPORT, help="Print nothing where all is well; else what became of it."), FLAG
    ] = False
    grace: Annotated[
        float,
        Parameter(group=REPORT, help="Seconds that requests under way have after Ctrl-C or SIGTERM."),
    ] = 20.0


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What is shown of the program's inside."""

    log_level: Annotated[
        Literal["debug", "warning", "error"] | None,
        Parameter(group=REPORT, help="Show log messages of this level and above on standard error."),
    ] = None
    debug: Annotated[
        bool, Parameter(group=REPORT, help="Show where in the program an error came from."), FLAG
    ] = False

    def apply(self) -> None:
        """Show log messages on standard error, if they are asked for.

        ``--debug`` itself is looked for on the command line, because errors may come before flags are read.
        """
        if self.log_level is not None:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            logger = logging.getLogger("netaudience")
            logger.addHandler(handler)
            logger.setLevel(self.log_level.upper())
