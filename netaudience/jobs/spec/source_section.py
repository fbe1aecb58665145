"""The table [source] of a job file: where the rows come from, and how their files are written."""

from __future__ import annotations

import codecs
import re
from typing import Literal, cast
from zoneinfo import ZoneInfo

import attrs

from netaudience.jobs.formats import FORMATS
from netaudience.jobs.spec.diagnostics import Problems, Section
from netaudience.jobs.spec.model import CONNECTIONS, OVERLAP, DbtModel, Secret, Source
from netaudience.jobs.spec.secrets import secret

SOURCE = (
    "files", "sql", "database", "connection", "uri", "dbt", "python", "delta", "iceberg",
    "incremental", "overlap", "full_days", "format", "key",
    "delimiter", "quote", "header", "skip_lines", "encoding", "nulls", "trim", "short_rows", "sheet", "typed",
    "time_zone", "hive",
)  # fmt: skip
#: Each is a source of its own.
ELSEWHERE = ("connection", "python", "delta", "iceberg")
DBAPI = re.compile(r"dbapi:[A-Za-z_][A-Za-z0-9_.]*")
FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*")
#: A name that needs no quotation marks in any database.
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What says how files are written, and means nothing without any.
OF_FILES = (
    "format", "delimiter", "quote", "header", "skip_lines", "encoding", "nulls", "trim", "short_rows",
    "sheet", "hive",
)  # fmt: skip


def source_of(section: Section) -> Source:
    """Read a source; what is wrong goes to the section's problems, and something harmless takes its place."""
    files, sql, database = section.texts("files"), section.text("sql"), section.text("database")
    named = bool(files) or "files" in section
    elsewhere = [key for key in ELSEWHERE if key in section]
    wanted = section.meant.intersection({"files", "sql", "dbt", *ELSEWHERE})
    if not named and "sql" not in section and "dbt" not in section and not elsewhere and not wanted:
        section.problems.add(
            section.path, '[source] says neither files nor sql: add files = "…", or sql = "select …"'
        )
    for one in elsewhere:
        others = [other for other in (*ELSEWHERE, "files", "database") if other in section and other != one]
        if others:
            section.wrong(one, f"{one} is a source of its own: leave {others[0]} or {one} out")
    connection = _connection(section)
    if database is not None and sql is None and "sql" not in section:
        section.wrong("database", 'a database needs to be asked: add sql = "select … from …"')
    form = section.choice("format", FORMATS)
    for one in OF_FILES:
        # SQL names files of its own, which are written in the same way.
        sql_of_files = "sql" in section and database is None and not elsewhere
        if one in section and not named and (one == "format" or not sql_of_files):
            section.wrong(
                one, f"{one.replace('_', '-')} says how files are read, and there are none: leave it out"
            )
    if "-" in files and len(files) > 1:
        section.wrong("files", 'standard input cannot be read along with files: leave "-" or them out')
    elif "-" in files and "format" not in section:
        section.wrong("files", 'standard input has no name that says what it is: add format = "csv"')
    key = section.texts("key")
    if len(set(key)) < len(key):
        section.wrong("key", "key names a column twice: keep one")
    return Source(
        files=files,
        sql=sql,
        database=database,
        connection=connection,
        uri=_uri(section, connection),
        dbt=_dbt(section),
        python=_python(section),
        delta=section.text("delta"),
        iceberg=_iceberg(section),
        incremental=_incremental(section),
        overlap=_overlap(section),
        full_days=section.whole("full_days"),
        format=form,
        key=key,
        delimiter=_sign(section, "delimiter", 'such as ";", or the word tab', more=("tab", "\\t")),
        quote=_quote(section),
        header=_header(section),
        skip_lines=_skip_lines(section),
        encoding=_encoding(section),
        nulls=_nulls(section),
        trim=section.flag("trim", default=False) if "trim" in section else None,
        short_rows="fill" if section.choice("short_rows", ("reject", "fill")) == "fill" else "reject",
        sheet=section.text("sheet"),
        typed=_typed(section),
        time_zone=_time_zone(section),
        hive=section.flag("hive", default=False),
    )


def checked_source(source: Source) -> None:
    """Hold what was said by flags to the rules of a file.

    Raises:
        ConfigurationError: it does not keep them.
    """
    given: dict[str, object] = {
        name: getattr(source, name) for name in ("sql", "database", *ELSEWHERE) if getattr(source, name)
    }
    if source.files:
        given["files"] = list(source.files)
    if source.uri is not None:
        given["uri"] = attrs.asdict(source.uri, filter=lambda _, value: value is not None)
    problems = Problems("the source", None)
    source_of(Section(given, (), problems, known=SOURCE, name="[source]"))
    problems.tell()


def _connection(section: Section) -> str | None:
    connection = section.text("connection")
    if connection is None:
        return None
    if "sql" not in section and "dbt" not in section:
        section.wrong("connection", 'a connection needs to be asked: add sql = "select … from …"')
    if DBAPI.fullmatch(connection):
        return connection
    return section.choice("connection", (*CONNECTIONS, "dbapi:MODULE"))


def _uri(section: Section, connection: str | None) -> Secret | None:
    """Return where the address of a connection stands."""
    if "uri" not in section and connection is not None and connection != "bigquery":
        section.wrong(
            "connection",
            f'{connection} needs an address: add uri = {{ env = "WAREHOUSE_URI" }}',
        )
    if "uri" in section and "connection" not in section:
        section.wrong("uri", "uri says where a connection leads, and there is none: leave it out")
    return secret(section, "uri")


def _dbt(section: Section) -> DbtModel | None:
    """Return the model whose table is read."""
    if "dbt" not in section:
        return None
    if "sql" in section:
        section.wrong("dbt", "dbt stands in the place of sql: leave one of the two out")
    elif "connection" not in section:
        section.wrong(
            "dbt",
            'dbt says which table is read, and a connection where it is: add connection = "…", such as '
            '"snowflake", and its uri',
        )
    value = section.get("dbt")
    given = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    texts = {name: text for name, text in given.items() if isinstance(text, str) and text.strip()}
    if set(given) == set(texts) == {"manifest", "model"}:
        return DbtModel(texts["manifest"], texts["model"])
    section.wrong(
        "dbt",
        "dbt names a manifest and one of its models: "
        'dbt = { manifest = "target/manifest.json", model = "…" }',
    )
    return None


def _python(section: Section) -> str | None:
    value = section.text("python")
    if value is not None and not FUNCTION.fullmatch(value):
        section.wrong("python", 'python must name a function: python = "module:function"')
        return None
    return value


def _iceberg(section: Section) -> str | None:
    value = section.text("iceberg")
    parts = [] if value is None else value.split(".")
    if value is not None and (len(parts) < 3 or not all(parts)):
        section.wrong("iceberg", 'iceberg must name a table: iceberg = "catalog.namespace.table"')
        return None
    return value


def _incremental(section: Section) -> str | Literal[True] | None:
    """Return by what it is told which rows are new."""
    value = section.get("incremental")
    for key in ("overlap", "full_days"):
        if value is None and key in section:
            section.wrong(
                key,
                f"{key.replace('_', '-')} is about reading what is new, and all is read: leave it out, "
                'or add incremental = "updated_at"',
            )
    if value is None:
        return None
    if not any(key in section for key in ("connection", "delta", "iceberg")):
        section.wrong(
            "incremental",
            "incremental asks a connection, delta or iceberg for what is new, and this source is read as a "
            "whole: leave it out",
        )
    elif value is True and "connection" in section:
        section.wrong(
            "incremental",
            "a query has no history of its own: name the column that says when a row has changed, "
            'incremental = "updated_at"',
        )
    elif value is True or (isinstance(value, str) and _COLUMN.fullmatch(value)):
        if "key" not in section:
            section.wrong("incremental", 'incremental needs to know rows again: add key = "COLUMN"')
        if value is True and "overlap" in section:
            section.wrong(
                "overlap", "overlap is about a column, and a table's history needs none: leave it out"
            )
        return value
    else:
        section.wrong(
            "incremental",
            "incremental must be the plain name of a column, or true for the history of a table of a lake",
        )
    return None


def _overlap(section: Section) -> float:
    value = section.get("overlap")
    if value is None:
        return OVERLAP
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        section.wrong("overlap", "overlap must be a number of seconds, 0 or more, without quotation marks")
        return OVERLAP
    return float(value)


def _sign(section: Section, key: str, such_as: str, more: tuple[str, ...] = ()) -> str | None:
    value = section.get(key)
    if value is None or (isinstance(value, str) and (len(value) == 1 or value in more)):
        return value
    section.wrong(key, f"{key} must be one sign, {such_as}")
    return None


def _quote(section: Section) -> str:
    value = section.get("quote")
    if isinstance(value, str) and not value:
        return value
    return _sign(section, "quote", 'such as "\'", or an empty text where nothing quotes') or '"'


def _header(section: Section) -> bool | tuple[str, ...] | None:
    value = section.get("header")
    if value is None or isinstance(value, bool):
        return value
    names = cast("list[object]", value) if isinstance(value, list) else []
    texts = tuple(name for name in names if isinstance(name, str) and name.strip())
    if not texts or len(texts) != len(names) or len({text.casefold() for text in texts}) < len(texts):
        section.wrong(
            "header",
            'header must be true, false, or the names of the columns, each once, such as ["id", "city"]',
        )
        return None
    return texts


def _skip_lines(section: Section) -> int:
    value = section.get("skip_lines")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value or 0
    section.wrong("skip_lines", "skip-lines must be how many lines stand before the header, such as 3")
    return 0


def _encoding(section: Section) -> str | None:
    value = section.text("encoding")
    if value is not None and known_encoding(value) is None:
        section.wrong("encoding", "there is no encoding of that name: write it as Python does, windows-1254")
        return None
    return value


def _nulls(section: Section) -> tuple[str, ...]:
    value = section.get("nulls")
    given = cast("list[object]", value) if isinstance(value, list) else [] if value is None else [value]
    texts = tuple(text for text in given if isinstance(text, str))
    if len(texts) < len(given):
        section.wrong("nulls", "nulls must be a text, or a list of texts, such as ['\\N', '#N/A']")
    return texts


def _typed(section: Section) -> tuple[str, ...] | bool:
    value = section.get("typed")
    return value if isinstance(value, bool) else section.texts("typed")


def _time_zone(section: Section) -> str | None:
    value = section.text("time_zone")
    try:
        return value if value is None else ZoneInfo(value).key
    except (ValueError, OSError, KeyError):
        section.wrong("time_zone", 'time-zone must be one of the IANA names, such as "Europe/Istanbul"')
        return None


def known_encoding(name: str) -> str | None:
    """Return Python's name of an encoding of text, the same for all of its names; None if it is none."""
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return None
    return found.name
