"""The door to DuckDB and Arrow: connections, streams of batches, and errors as sentences.

Both are imported when the first source is opened. A sentence holds no value of a row: what DuckDB quotes
from the data is left out.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "Batch",
    "another",
    "batches",
    "connect",
    "file_list",
    "import_arrow",
    "import_duckdb",
    "literal",
    "quoted",
    "telling",
]

Batch: TypeAlias = Any
"""A batch of rows as Arrow has it, which states no types."""

_REMEDY = "Jobs read their sources with DuckDB and Arrow: pip install 'netaudience[files]'"
#: DuckDB's answers that can only come from the text of a query, never from a row.
_WRONG_QUERY = ("Parser Error", "Binder Error", "Catalog Error", "Syntax Error", "Not implemented Error")
#: What DuckDB quotes in these may be a value of a row.
_TELLS_VALUES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
_KIND = re.compile(r"^(?:[A-Z][A-Za-z]+ )+Error: ")


def import_duckdb() -> Any:  # noqa: ANN401 - the module
    """Return DuckDB.

    Raises:
        ConfigurationError: it is not installed.
    """
    return _import("duckdb")


def import_arrow(part: str = "") -> Any:  # noqa: ANN401 - the module
    """Return Arrow, or a part of it.

    Raises:
        ConfigurationError: it is not installed.
    """
    return _import(f"pyarrow.{part}" if part else "pyarrow")


def _import(name: str) -> Any:  # noqa: ANN401 - the module
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigurationError(_REMEDY) from error


def connect(
    database: str | Path = ":memory:", *, spill: Path, memory: str = "1GB"
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database that keeps within a bound of memory.

    Args:
        database: A file, or one in memory.
        spill: The directory for what does not fit into memory.
        memory: The bound, as DuckDB writes it.
    """
    module = import_duckdb()
    import_arrow()
    config = {
        "memory_limit": memory,
        "temp_directory": str(spill),
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",  # a job never downloads programs
        "python_enable_replacements": "false",  # a query names files and tables, not our variables
    }
    return _settled(module.connect(str(database), config=config))


def another(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return another connection to the same database, for a query beside those of the first."""
    return _settled(connection.cursor())


def _settled(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    # DuckDB draws a bar into standard output, which is for data, where it takes the program for a person.
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def batches(connection: duckdb.DuckDBPyConnection, query: str, rows: int = 8192) -> Iterator[Batch]:
    """Give the rows of a query as Arrow batches, without holding all of them."""
    relation: Any = connection.sql(query)
    # The name that it has since DuckDB 1.4, and the one before.
    reader = (getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader)(rows)
    try:
        yield from reader
    finally:
        reader.close()


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def file_list(paths: Sequence[Path]) -> str:
    """Return a list of files as SQL writes it; to DuckDB every name is a pattern, so signs are escaped."""
    return f"[{', '.join(literal(glob.escape(str(path))) for path in paths)}]"


@contextmanager
def telling(what: str, sql: str | None = None, before: int = 0) -> Generator[None, None, None]:
    """Turn what DuckDB and Arrow raise into sentences.

    Args:
        what: What was read, as the sentence begins.
        sql: The query as it stands in the job, where the error is in one of its lines.
        before: Lines that stand before it in what DuckDB was given.

    Raises:
        ConfigurationError: the query is wrong.
        SourceFailed: the source cannot be read any further.
    """
    duckdb, arrow = import_duckdb(), import_arrow()
    try:
        yield
    except NetaudienceError:
        raise
    except (duckdb.Error, arrow.ArrowException, OSError) as error:
        words = str(error)
        sentence = f"{what}{_where(words, sql, before)}: {_plain(words)}"
        if words.startswith(_WRONG_QUERY):
            raise ConfigurationError(sentence) from error
        # What DuckDB says of a value stays in its own error's words, which are not passed on.
        raise SourceFailed(sentence) from None


def _where(words: str, sql: str | None, before: int) -> str:
    found = _LINE.search(words)
    if sql is None or found is None:
        return ""
    number, lines = int(found.group(1)) - before, sql.splitlines()
    return f", line {number} of the SQL ({lines[number - 1].strip()})" if 0 < number <= len(lines) else ""


def _plain(words: str) -> str:
    """Return DuckDB's words on one line, without its picture of the query and without values."""
    if "state machine reached an invalid state" in words:
        return (
            "its lines end in different ways, or its quotes are wrong: write it with one kind of line ends "
            "(dos2unix does), and double the quotes that belong to the text"
        )
    text = re.split(r"\n\s*\n?LINE \d+: |\n\n", words, maxsplit=1)[0]
    if not words.startswith(_WRONG_QUERY) and not words.startswith("IO Error"):
        text = _TELLS_VALUES.sub("…", text)
    told = " ".join(_KIND.sub("", text).split())
    if words.startswith("Binder Error: Referenced column"):
        told += ". A text stands in single quotation marks: 'so'"
    return told
