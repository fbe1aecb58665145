"""The door to DuckDB and Arrow: connections, streams of batches, and errors as sentences.

DuckDB is imported when the first source is opened, and Arrow, which takes longer, where data is Arrow's. A
sentence holds no value of a row: what DuckDB quotes from the data is left out, and so is a query's text.
"""

from __future__ import annotations

import glob
import re
import sys
import zlib
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.model.memory import MORE_MEMORY, lacks_memory

if TYPE_CHECKING:
    import duckdb

Batch: TypeAlias = Any
"""A batch of rows as Arrow has it, which states no types."""

_REMEDY = "Files and databases are read with DuckDB and Arrow: pip install 'netaudience[cli]'"
#: DuckDB's answers that can only come from the text of a query, never from a row.
_WRONG_QUERY = ("Parser Error", "Binder Error", "Catalog Error", "Syntax Error", "Not implemented Error")
#: What DuckDB quotes in these may be a value of a row.
_TELLS_VALUES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
#: Texts of SQL, one that is not closed among them; names in double quotation marks are no texts.
_TEXTS = re.compile(r"'(?:[^']|'')*(?:'|$)|\$(\w*)\$.*?(?:\$\1\$|$)", re.DOTALL)
_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
#: What is wrong with a file, by what its reader says, and what to do about it.
_DAMAGED = [
    (re.compile(words), told)
    for words, told in (
        (r"Malformed JSON in file.*unexpected end of data",
         "its JSON ends in the middle: it was cut off, so copy it, or write it, once more"),
        (r"Malformed JSON in file.*? record/value (\d+)",
         "no JSON stands near value {}: mend it, or write JSON lines, where a bad one costs only itself"),
        (r"(?i)end of GZIP|end-of-stream marker|truncated compressed|incomplete frame|frame.* incomplete",
         "it is packed, and ends too early: it was cut off, so copy it, or pack it, once more"),
        (r"(?i)while decompressing|gzip|zstd|inflate|decompress|CRC check|corruption detected",
         "its packed bytes are broken: copy it, or write it, once more"),
        (r"(?i)magic bytes|too small to be a Parquet|thrift|Parquet.*(corrupt|invalid)",
         "it is no whole Parquet file: it was cut off, or is being written, so copy or write it once more"),
    )
]  # fmt: skip
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


def import_arrow_alone() -> None:
    """Import Arrow without NumPy, which takes longer than Arrow itself (J4).

    Arrow does without for the life of the process, so this is for one that is ours alone, and that makes no
    tables of pandas; whoever else imports NumPy has it.
    """
    if "numpy" not in sys.modules:
        sys.modules["numpy"] = None  # type: ignore[assignment] # as Python says that a module is not to be had
        try:
            import_arrow()
        finally:
            del sys.modules["numpy"]


def _import(name: str) -> Any:  # noqa: ANN401 - the module
    try:
        return import_module(name)
    except ImportError as error:
        if lacks_memory(error):
            raise ConfigurationError(f"There is not enough memory to load {name}: {MORE_MEMORY}") from error
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
    # What waits between it and us: a page or two, and not megabytes of them.
    connection.execute("SET streaming_buffer_size = '100KB'")
    return connection


def batches(connection: duckdb.DuckDBPyConnection, query: str, rows: int = 4000) -> Iterator[Batch]:
    """Give the rows of a query as Arrow batches, without holding all of them.

    Args:
        connection: Where it is run.
        query: The query.
        rows: How many a batch has: as many as whole pages of a thousand take.
    """
    relation: Any = connection.sql(query)
    # The name that it has since DuckDB 1.4, and the one before.
    reader = (getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader)(rows)
    try:
        yield from reader
    finally:
        reader.close()


def numbers_of(numbers: Sequence[int]) -> Batch:
    """Return an array of Arrow, which for Python's own numbers imports pandas where that is installed."""
    arrow = import_arrow()
    buffer = arrow.py_buffer(array("q", numbers))
    return arrow.Array.from_buffers(arrow.int64(), len(numbers), [None, buffer])


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def constant(text: str | None) -> str:
    """Return a text as a column of SQL, or that there is none."""
    return "NULL::VARCHAR" if text is None else literal(text)


def file_list(paths: Sequence[Path]) -> str:
    """Return a list of files as SQL writes it; to DuckDB every name is a pattern, so signs are escaped."""
    return f"[{', '.join(literal(glob.escape(str(path))) for path in paths)}]"


@contextmanager
def telling(
    what: str, sql: str | None = None, before: int = 0, *, key: str | None = None
) -> Generator[None, None, None]:
    """Turn what DuckDB and Arrow raise into sentences.

    Args:
        what: What was read, as the sentence begins.
        sql: The query as it stands in the job, where the error is in one of its lines.
        before: Lines that stand before it in what DuckDB was given.
        key: The key of the source at which the query stands.

    Raises:
        ConfigurationError: the query is wrong.
        SourceFailed: the source cannot be read any further.
    """
    duckdb = import_duckdb()
    try:
        yield
    except NetaudienceError:
        raise
    except (duckdb.Error, OSError, EOFError, zlib.error, *_arrow_errors()) as error:
        if lacks_memory(error):
            raise SourceFailed(f"There is not enough memory to read {what}: {MORE_MEMORY}") from None
        words = str(error)
        sentence = f"{what}{_where(words, sql, before)}: {_without_texts(_plain(words), sql)}"
        if words.startswith(_WRONG_QUERY):
            raise ConfigurationError(sentence, key=key) from None
        # What DuckDB says of a value stays in its own error's words, which are not passed on.
        raise SourceFailed(sentence) from None


def _arrow_errors() -> tuple[type[Exception], ...]:
    arrow = sys.modules.get("pyarrow")  # what was not imported has not raised
    return () if arrow is None else (arrow.ArrowException,)


def _where(words: str, sql: str | None, before: int) -> str:
    found = _LINE.search(words)
    if sql is None or found is None:
        return ""
    number, lines = int(found.group(1)) - before, masked(sql).splitlines()
    return f", line {number} of the SQL ({lines[number - 1].strip()})" if 0 < number <= len(lines) else ""


def masked(sql: str) -> str:
    """Return SQL without its texts, which may be passwords; its lines stay where they are."""
    return _TEXTS.sub(lambda found: "'…'" + "\n" * found.group().count("\n"), sql)


def _without_texts(words: str, sql: str | None) -> str:
    """Return DuckDB's words without what stands in the texts of the query."""
    for found in _TEXTS.finditer(sql or ""):
        inside = found.group().strip("'")
        if inside.strip():
            words = words.replace(inside, "…")
    return words


def _plain(words: str) -> str:
    """Return DuckDB's words on one line, without its picture of the query and without values."""
    if "state machine reached an invalid state" in words:
        return (
            "its lines end in different ways, or its quotes are wrong: write it with one kind of line ends "
            "(dos2unix does), and double the quotes that belong to the text"
        )
    if not words.startswith(_WRONG_QUERY):
        for pattern, reason in _DAMAGED:
            if (found := pattern.search(words)) is not None:
                return reason.format(*found.groups())
    text = re.split(r"\n\s*\n?LINE \d+: |\n\n", words, maxsplit=1)[0]
    if not words.startswith(_WRONG_QUERY) and not words.startswith("IO Error"):
        text = _TELLS_VALUES.sub("…", text)
    reason = " ".join(_KIND.sub("", text).split())
    if words.startswith("Binder Error: Referenced column"):
        reason += ". A text stands in single quotation marks: 'so'"
    return reason
