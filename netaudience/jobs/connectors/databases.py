"""Queries to databases, run there and read as they come: by ADBC, a warehouse's client, or any DB-API module.

The query is the database's own SQL. Nothing is ever committed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_arrow, masked
from netaudience.jobs.connectors.dbt import query_of
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.connectors.rows import Rows, Stop
from netaudience.jobs.connectors.telling import telling_of
from netaudience.jobs.connectors.watermark import Since, Watermark
from netaudience.jobs.spec.model import Secret, Source
from netaudience.jobs.spec.secrets import read
from netaudience.model.wire import load_json

Module: TypeAlias = Any
Connection: TypeAlias = Any
Cursor: TypeAlias = Any

#: Any DB-API module is named behind this.
DBAPI = "dbapi:"
#: Rows that are asked for at a time.
_MANY = 10_000
_COMMENTS = re.compile(r"(?s)--[^\n]*|/\*.*?\*/")
#: What a query that only reads may begin with; a procedure that gives rows is called.
_READS = re.compile(r"(?i)[\s(]*(select|with|values|table|from|show|call|exec|execute)\b")
#: What changes rows, behind a WITH too.
_WRITES = re.compile(r"(?i)\b(insert\s+into|replace\s+into|merge\s+into|delete\s+from|update\s+\S+\s+set)\b")
#: By the style of a module's parameters (PEP 249), a placeholder.
_PLACEHOLDERS = {"numeric": ":1", "named": ":since", "format": "%s", "pyformat": "%(since)s"}
_UNREACHED = "look at the user, the password and the address in it, and whether the server runs"
_WRONG = "look at the query, which is in the database's own SQL"


@attrs.frozen(kw_only=True)
class _Driver:
    """How one kind of database is asked."""

    module: str
    #: What to install where the module is missing.
    install: str
    connect: Callable[[Module, str], Connection]
    #: What gives the rows of a query that was executed.
    rows: Callable[[Cursor], object]
    #: Ends a query from another thread.
    cancel: Callable[[Connection, Cursor], object] = lambda connection, _: connection.close()
    #: How the module writes a placeholder (PEP 249); None where a watermark stands in the query itself.
    style: Callable[[Module], str] | None = None


def _url(uri: str, scheme: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parts of a URL, and what it says behind its question mark."""
    url = urlsplit(uri)
    if url.scheme.partition("+")[0] != scheme or not url.hostname:
        raise ConfigurationError(f"The uri must begin with {scheme}://, and name a host", key="uri")
    parts = {"user": url.username, "password": url.password, "host": url.hostname}
    path = [unquote(part) for part in url.path.split("/") if part]
    named = {name: unquote(value) for name, value in parts.items() if value}
    named |= dict(zip(("first", "second"), path, strict=False))
    return named, dict(parse_qsl(url.query))


def _flight(module: Module, uri: str) -> Connection:
    url = urlsplit(uri)
    host = url.netloc.rpartition("@")[2]
    given = {"username": unquote(url.username or ""), "password": unquote(url.password or "")}
    plain = urlunsplit((url.scheme, host, url.path, "", ""))
    token = dict(parse_qsl(url.query)).get("token")
    options = {name: value for name, value in given.items() if value}
    if token:
        options["adbc.flight.sql.authorization_header"] = f"Bearer {token}"
    connection = module.connect(plain, db_kwargs=options, autocommit=True)
    try:  # nothing is committed where there are transactions; where there are none, none is missed
        with suppress(module.NotSupportedError):
            connection.adbc_connection.set_autocommit(False)
    except BaseException:
        connection.close()
        raise
    return connection


def _snowflake(module: Module, uri: str) -> Connection:
    parts, more = _url(uri, "snowflake")
    names = {
        "user": "user",
        "password": "password",
        "host": "account",
        "first": "database",
        "second": "schema",
    }
    return module.connect(**{names[name]: value for name, value in parts.items()}, **more)


def _databricks(module: Module, uri: str) -> Connection:
    parts, more = _url(uri, "databricks")
    path = more.pop("http_path", None)
    if path is None:
        raise ConfigurationError("The uri of Databricks must end with ?http_path=…", key="uri")
    return module.connect(
        server_hostname=parts["host"], http_path=path, access_token=parts.get("password"), **more
    )


def _until_empty(ask: Callable[[int], Any]) -> Iterator[Any]:
    while len(batch := ask(_MANY)):
        yield batch


_DRIVERS = {
    "postgresql": _Driver(
        module="adbc_driver_postgresql.dbapi",
        install="'netaudience[postgresql-source]'",
        connect=lambda module, uri: module.connect(uri),
        rows=lambda cursor: cursor.fetch_record_batch(),
        cancel=lambda _, cursor: cursor.adbc_cancel(),
    ),
    "flightsql": _Driver(
        module="adbc_driver_flightsql.dbapi",
        install="'netaudience[flightsql]'",
        connect=_flight,
        rows=lambda cursor: cursor.fetch_record_batch(),
        cancel=lambda _, cursor: cursor.adbc_cancel(),
    ),
    "snowflake": _Driver(
        module="snowflake.connector",
        install="'netaudience[snowflake]'",
        connect=_snowflake,
        rows=lambda cursor: cursor.fetch_arrow_batches(),
    ),
    "databricks": _Driver(
        module="databricks.sql",
        install="'netaudience[databricks]'",
        connect=_databricks,
        rows=lambda cursor: _until_empty(cursor.fetchmany_arrow),
        cancel=lambda _, cursor: cursor.cancel(),
    ),
}


def _dbapi(name: str) -> _Driver:
    """Return how any DB-API module is asked."""
    package = name.partition(".")[0]
    return _Driver(
        module=name,
        install=f"the package that has the module {package}",
        connect=_connect_any,
        rows=_mappings,
        cancel=_cancel_any,
        style=lambda module: str(getattr(module, "paramstyle", "qmark")),
    )


def _connect_any(module: Module, uri: str) -> Connection:
    """Connect with one text, or with what JSON names one by one."""
    if not uri.lstrip().startswith("{"):
        return module.connect(uri)
    try:
        named = load_json(uri.encode())
    except ValueError:
        raise ConfigurationError(
            "The uri begins as JSON does, and is none: look at its quotation marks", key="uri"
        ) from None
    return module.connect(**cast("dict[str, object]", named))


def _cancel_any(connection: Connection, cursor: Cursor) -> None:
    for one in (connection, cursor):
        for name in ("cancel", "interrupt"):
            end = getattr(one, name, None)
            if callable(end):
                end()
                return
    connection.close()


def _mappings(cursor: Cursor) -> Iterator[Mapping[str, object]]:
    names = _names(cursor)
    while rows := cast("Sequence[Sequence[object]]", cursor.fetchmany(_MANY)):
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _names(cursor: Cursor) -> list[str]:
    return [str(column[0]) for column in cursor.description or ()]


def _only_reads(sql: str) -> bool:
    plain = _COMMENTS.sub(" ", masked(sql))
    return _READS.match(plain) is not None and _WRITES.search(plain) is None


@contextmanager
def open_query(source: Source, folder: Path, stop: Stop, since: Since) -> Generator[Rows, None, None]:
    """Run a source's query where its connection says.

    Args:
        source: What the job says.
        folder: What its names are relative to.
        stop: Ends the reading.
        since: From where it is read; the database leaves out the rows before.

    Raises:
        ConfigurationError: a package or a secret is missing, the database does not answer, or the query is
            wrong.
    """
    if source.dbt is not None:
        source = attrs.evolve(source, sql=query_of(source.dbt, folder))
    connection, sql = source.connection or "", source.sql or ""
    if not _only_reads(sql):
        raise ConfigurationError(
            "The source's SQL must be one SELECT: a job reads its source, and nothing else", key="sql"
        )
    uri = _address(source.uri, folder, connection)
    begin, why = since.watermark, since.why
    if uri is None or connection == "bigquery":
        with _open_bigquery(uri, _newer(source, begin, None)[0], stop) as rows:
            yield attrs.evolve(rows, since=begin, why=why)
        return
    with (
        _connected(connection, uri, source.uri, stop, key="uri") as (driver, module, connected, cursor),
        stop.by(lambda: driver.cancel(connected, cursor)),
    ):
        with telling_of("The source's SQL cannot be run", stop, key="sql", secret=uri, remedy=_WRONG):
            style = None if driver.style is None else driver.style(module)
            cursor.execute(*_newer(source, begin, style))
            if not cursor.description:
                raise ConfigurationError("The source's SQL gives no rows: it must be one SELECT", key="sql")
            names, data = _names(cursor), driver.rows(cursor)
        numbers = _numbers(getattr(data, "schema", ()))
        yield Rows(name="the query", data=data, columns=names, numbers=numbers, since=begin, why=why)


def _newer(source: Source, watermark: Watermark | None, style: str | None) -> tuple[Any, ...]:
    """Return the query of what is new, and what its placeholder stands for.

    Where everything is read it has the same form, so that what a database does not take shows the first time.
    A row without a value is read each time: nobody knows when it has changed.
    """
    sql, column = (source.sql or "").strip().rstrip(";"), source.incremental
    if not isinstance(column, str):
        return (sql,)
    query = f"SELECT * FROM (\n{sql}\n) netaudience_rows"  # noqa: S608 - the user's own
    if watermark is None:
        return (query,)
    begin = watermark.back(source.overlap)
    sign = begin.literal if style is None else _PLACEHOLDERS.get(style, "?")
    if "%" in sign:
        query = query.replace("%", "%%")
    query = f"{query} WHERE {column} >= {sign} OR {column} IS NULL"
    if style is None:
        return (query,)
    return query, {"since": begin.native} if style in {"named", "pyformat"} else (begin.native,)


@contextmanager
def open_connection(
    connection: str, secret: Secret | None, folder: Path, stop: Stop, *, key: str
) -> Generator[tuple[Module, Connection, Cursor], None, None]:
    """Open a database to write to.

    Args:
        connection: ``postgresql``, or ``dbapi:module``.
        secret: Where its address stands.
        folder: What the name of a file is relative to.
        stop: Ends it.
        key: The key that a problem is told of.

    Raises:
        ConfigurationError: a package or a secret is missing, or the database does not answer.
    """
    uri = _address(secret, folder, connection) or ""
    with _connected(connection, uri, secret, stop, key=key) as (_, module, connected, cursor):
        yield module, connected, cursor


def _address(secret: Secret | None, folder: Path, connection: str) -> str | None:
    uri = None if secret is None else read(secret, folder, "uri")
    if uri is None and (secret is not None or connection != "bigquery"):
        raise ConfigurationError(_no_uri(secret, connection), key="uri")
    return uri


@contextmanager
def _connected(
    connection: str, uri: str, secret: Secret | None, stop: Stop, *, key: str
) -> Generator[tuple[_Driver, Module, Connection, Cursor], None, None]:
    given = connection.startswith(DBAPI)
    driver = _dbapi(connection.removeprefix(DBAPI)) if given else _DRIVERS[connection]
    module = need(driver.module, driver.install, f"A connection to {connection}")
    what = f"The uri of {secret.name if secret is not None else ''} leads to no database"
    with ExitStack() as stack:
        with telling_of(what, stop, key=key, secret=uri, remedy=_UNREACHED):
            connected = stack.enter_context(_closing(driver.connect(module, uri)))
            cursor = stack.enter_context(_closing(connected.cursor()))
        yield driver, module, connected, cursor


@contextmanager
def _closing(thing: Any) -> Generator[Any, None, None]:  # noqa: ANN401 - a driver's
    """Close what a driver has made; what it says then, or after it was ended, does not matter any more."""
    try:
        yield thing
    finally:
        with suppress(Exception):
            thing.close()


@contextmanager
def _open_bigquery(uri: str | None, sql: str, stop: Stop) -> Generator[Rows, None, None]:
    """Run a query at BigQuery, whose client finds its credentials in the environment.

    The URI is ``bigquery://project``, with ``?location=…&credentials=FILE`` where they are needed.
    """
    module = need("google.cloud.bigquery", "'netaudience[bigquery]'", "A source at bigquery")
    parts, more = ({}, {}) if uri is None else _url(uri, "bigquery")
    with telling_of("BigQuery cannot be reached", stop, key="uri", secret=uri or "", remedy=_UNREACHED):
        named = {"project": parts.get("host"), "location": more.get("location")}
        file = more.get("credentials")
        make = module.Client if file is None else partial(module.Client.from_service_account_json, file)
        opened = make(**{name: value for name, value in named.items() if value})
    with closing(opened) as client, ExitStack() as stack:
        with telling_of("The source's SQL cannot be run", stop, key="sql", secret=uri or "", remedy=_WRONG):
            job = client.query(sql)
            stack.enter_context(stop.by(job.cancel))
            result = job.result(page_size=_MANY)
            names = [str(field.name) for field in result.schema]
            data = result.to_arrow_iterable()
        yield Rows(name="the query", data=data, columns=names)


def _no_uri(secret: Secret | None, connection: str) -> str:
    if secret is None:
        return f'{connection} needs an address: add uri = {{ env = "WAREHOUSE_URI" }}'
    if secret.env is None:
        return f"The file {secret.file} of the uri is empty: write the database's address into it"
    return f"{secret.env} is not set: set it (or {secret.env}_FILE) to the database's address"


def _numbers(schema: Any) -> list[str]:  # noqa: ANN401 - Arrow's
    """Return the columns of decimal numbers that come as text; refuse those that have no form in Arrow.

    PostgreSQL's ``money`` comes as a whole number of hundredths, and what Arrow has no type for as the bytes
    of the server. https://arrow.apache.org/adbc/current/driver/postgresql.html#type-support
    """
    found: list[str] = []
    for field in schema:
        metadata = cast("Mapping[bytes, bytes]", field.metadata or {})
        kind = metadata.get(b"POSTGRESQL:type", b"").decode()
        opaque = _opaque(field.type)
        if opaque == "numeric":
            found.append(str(field.name))
        elif opaque is not None or _holds_opaque(field.type) or kind == "money":
            named, meant = kind.lstrip("_") or opaque, "numeric" if kind == "money" else "text"
            raise ConfigurationError(
                f"The column {field.name!r} is {named}, which is not read as it stands there: write "
                f"cast({field.name} as {meant}), or leave it out",
                key="sql",
            )
    return found


def _opaque(kind: Any) -> str | None:  # noqa: ANN401 - Arrow's
    """Return the database's name of a type that Arrow does not know."""
    name = getattr(kind, "extension_name", None)
    return str(kind.type_name) if name == "arrow.opaque" else None


def _holds_opaque(kind: Any) -> bool:  # noqa: ANN401 - Arrow's
    types = import_arrow().types
    return bool(types.is_nested(kind)) and any(
        _opaque(kind.field(at).type) is not None or _holds_opaque(kind.field(at).type)
        for at in range(kind.num_fields)
    )
