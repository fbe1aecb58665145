"""Opens a job's source: finds its files, attaches its database, and makes one view of all that it reads.

What is read only once is kept in a temporary file first. Nothing is downloaded, and a database is never
written.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.duckdb import another, literal, quoted, telling
from netaudience.jobs.columns.selection import SOURCE, find_column
from netaudience.jobs.columns.typed import Columns, typed_columns
from netaudience.jobs.extract.delimited import Delimited, Findings, lines_set_aside
from netaudience.jobs.extract.fetch import Fetched
from netaudience.jobs.extract.file_type import prepare
from netaudience.jobs.extract.files import (
    TEXT,
    Aside,
    Block,
    Files,
    Input,
    Raw,
    find_files,
    has_format,
    named,
)
from netaudience.jobs.extract.json_lines import NumberedLines, Objects
from netaudience.jobs.extract.parquet import parquet_relation
from netaudience.jobs.extract.query import check_twice, ordered, parse_query
from netaudience.jobs.extract.spool import Spooled, spool_records
from netaudience.jobs.extract.sqlite import is_sqlite, spool_sqlite
from netaudience.jobs.formats import PROBLEM, notes_of, readers
from netaudience.jobs.spec.model import Source

if TYPE_CHECKING:
    import duckdb


_NOT_A_ROW = f"{quoted(PROBLEM)} IS NOT NULL"
#: The columns of JSON values as they are written begin so, and end with a number.
_WRITTEN = "netaudience written "


Given: TypeAlias = Spooled | Block | Fetched


class Opened:
    """A source as one view of a DuckDB connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        folder: Path,
        scratch: Path,
        given: Given | None = None,
    ) -> None:
        """Open it.

        Args:
            connection: Where the view is made.
            source: What the job says.
            folder: What its names are relative to.
            scratch: Where temporary files go.
            given: What is read in place of what the source names: data of Python's, or rows of a stream; or
                what was fetched of it.

        Raises:
            ConfigurationError: a file, a column or the SQL is wrong.
            SourceFailed: it cannot be read.
        """
        self._connection = connection
        self._source = source
        self._folder = folder
        self._scratch = scratch
        #: Files that were not looked at yet for lines that are lost, and those that were.
        self._unverified: list[Delimited] = []
        self._verified: list[Delimited] = []
        #: What a file's reader has to tell beside its rows.
        self._notes: list[str] = []
        #: The files of lines by the paths that are read.
        self._inputs: dict[str, Input] = {}
        #: The files whose change is watched for.
        self._watched: list[Path] = []
        #: The JSON that the view is of, and whether SQL sees its columns.
        self._objects: Objects | None = None
        self._seen_by_sql = False
        #: What is known of the source besides the state of its files.
        digest = given.digest if isinstance(given, Spooled | Fetched) else None
        self._facts: list[object] = [_about(source), digest]
        #: Queries that give the lines that are no rows, of files that a query reads; and those of them that
        #: are lines of JSON.
        self._aside: list[tuple[str, Sequence[Input]]] = []
        #: What every connection to the source has to be told.
        self._prelude: list[str] = [f"SET file_search_path = {literal(str(folder.resolve()))}"]
        #: What people call the source.
        self.name = "the source"
        for statement in self._prelude:
            connection.execute(statement)
        #: The columns, without the one that says what is wrong with a row.
        self.columns = Columns({})
        #: Whether there is a column that says what is wrong with a row, and one of what stands there.
        self.tells_problems = self.tells_texts = False
        #: The columns that are to be typed, and are not there.
        self.untyped: list[str] = []
        self._given = given
        self._view_of(self._rows())
        self._state = self.state()

    def cursor(self, *, sql: bool = False) -> duckdb.DuckDBPyConnection:
        """Return another connection to the same view.

        Args:
            sql: Whether SQL of the job's names its columns.
        """
        if sql and self._objects is not None and not self._seen_by_sql:
            self._seen_by_sql = True
            self._prelude[-1] = _create(self._objects.relation(_WRITTEN, sql=True))
            with telling(self.name):
                self._connection.execute(self._prelude[-1])
        cursor = another(self._connection)
        for statement in self._prelude:
            cursor.execute(statement)
        return cursor

    def verify(self, cursor: duckdb.DuckDBPyConnection | None = None) -> None:
        """Look once at whether every line of the source is read, before anything is made of it.

        Args:
            cursor: A connection to the view, which is switched where that has become another one.

        Raises:
            SourceFailed: lines would be lost without a word.
        """
        while self._unverified:
            delimited = self._unverified[-1]
            mended = delimited.verify(self._connection, self._scratch)
            if mended and self._source.sql is not None:
                raise SourceFailed(
                    f"{self.name}: the lines of a file end in different ways: write it with one kind of line "
                    "ends (dos2unix does)"
                )
            if mended:
                self._inputs.update(delimited.inputs)
                self._prelude[-1] = _create(delimited.relation())
                for connection in filter(None, (self._connection, cursor)):
                    connection.execute(self._prelude[-1])
            self._verified.append(self._unverified.pop())

    @property
    def lines(self) -> int | None:
        """How many lines the source's files have, where they are lines and were read once."""
        return sum(one.lines for one in self._verified) if self._verified else None

    @property
    def notes(self) -> list[str]:
        """What is worth reporting of the source once it was read."""
        return [*self._notes, *(note for found in self.findings for note in found.notes)]

    @property
    def findings(self) -> list[Findings]:
        """What is worth reporting of its CSV files, of each that was looked at."""
        return [found for one in self._verified for found in one.findings]

    def set_aside(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Aside]:
        """Give what is wrong with the lines that are no rows, of all that a connection has read."""
        yield from lines_set_aside(connection, self._inputs)
        for query, inputs in self._aside:
            cursor = connection.execute(query)
            with closing(NumberedLines(inputs)) as lines:
                while rows := cursor.fetchmany(1000):
                    for problem, text, number in rows:
                        line, place = lines.line(number) if inputs else ("", "")
                        yield Aside(problem, text or line, place)

    @contextmanager
    def raw(self, before: int) -> Generator[Raw | None, None, None]:
        """Give what tells the line that a row is, where rows are lines of JSON, which may be none.

        Args:
            before: How many rows came before those that are open.
        """
        inputs: Sequence[Input] = (
            [] if self._objects is None or self._source.sql is not None else self._objects.lines
        )
        if not inputs:
            yield None
            return
        with closing(NumberedLines(inputs)) as lines:
            yield lambda number: lines.line(number - before)

    def state(self) -> list[tuple[str, int, int]]:
        """Return what tells the files from the same ones after a change.

        Raises:
            SourceFailed: one of them is gone.
        """
        try:
            return [
                (str(path), (status := path.stat()).st_size, status.st_mtime_ns)
                for path in dict.fromkeys(self._watched)
            ]
        except OSError as error:
            raise SourceFailed(f"{self.name}: a file of the source is gone ({error.strerror})") from error

    def facts(self) -> str:
        """Return all that tells the source from others."""
        return json.dumps([self._facts, self._state])

    def check_unchanged(self) -> None:
        """Look at the files again.

        Raises:
            SourceFailed: they are not those that were opened.
        """
        if self.state() != self._state:
            raise SourceFailed(
                f"{self.name} was changed while it was read: let whoever writes it finish, then run again"
            )

    def _rows(self) -> str | Objects:
        """Return the SQL that reads the source, empty where there is no column, or its JSON."""
        source = self._source
        match self._given:
            case Spooled():
                self.name = "the data"
                return self._of_spool(self._given)
            case Block():
                self.name = self._given.file.name
                return self._relation([self._given.file])
            case Fetched() if (spooled := self._given.spooled) is not None:
                self.name = self._given.name
                rows = self._of_spool(spooled, self._given.casts)
                if source.sql is None or source.connection is not None:
                    return rows
                return self._query(source.sql, rows)
            case _:
                pass
        files = None if not (source.files or source.items) else self._files()
        return self._query(source.sql, files) if source.sql is not None else files or ""

    def _view_of(self, rows: str | Objects) -> None:
        """Make the view that everything is read from."""
        if isinstance(rows, Objects):
            self._objects = rows
            kinds = {name: rows.kind(name) for name in rows.columns}
            read = {name: quoted(f"{_WRITTEN}{at}") for at, name in enumerate(rows.columns)}
            self.columns = Columns(kinds, read)
            query = rows.relation(_WRITTEN, sql=False)
        else:
            query = rows
        if not query:
            return
        with telling(self.name):
            self._prelude.append(_create(query))
            self._connection.execute(self._prelude[-1])
            if not isinstance(rows, Objects):
                found = self._connection.execute(f"DESCRIBE {SOURCE}").fetchall()
                kinds = {str(name): str(kind) for name, kind, *_ in found}
                self.columns = Columns({name: kind for name, kind in kinds.items() if name != PROBLEM})
                self.tells_problems = PROBLEM in kinds
            else:
                self.tells_problems = self.tells_texts = True
            self._type_columns()
        if not self.columns:
            # Not one line is an object: there is nothing to name, and all of them are told.
            self._set_aside(SOURCE, quoted(TEXT) if self.tells_texts else "NULL", rows)

    def _type_columns(self) -> None:
        wanted = self._source.typed
        names = tuple(self.columns) if wanted is True else tuple(wanted or ())
        known = {name.casefold() for name in self.columns}
        self.untyped = [name for name in names if name.casefold() not in known]
        who = "The key typed of the source"
        names = tuple(
            find_column(name, self.columns, who, key="typed") for name in names if name not in self.untyped
        )
        if names:
            self.verify()
            self.columns = typed_columns(self.columns, names, SOURCE, self._connection)

    def _files(self) -> str | Objects:
        source = self._source
        if source.items:
            return self._relation(self._given_one_by_one())
        if "-" in source.files:
            return self._relation(self._standard_input())
        files = self._find(source.files)
        self.name = files.name
        return self._relation(prepare(files, source, self._scratch))

    def _find(self, names: Sequence[str]) -> Files:
        """Find files, those that were fetched among them, which nobody changes any more."""
        fetched = self._given if isinstance(self._given, Fetched) else None
        paths: list[Path] = []
        for name in names:
            if fetched is not None and name in fetched.files:
                paths += fetched.paths(name)
            else:
                found = find_files([name], self._folder).paths
                self._watched.extend(found)
                paths += found
        return Files(tuple(dict.fromkeys(paths)), named(names), self._folder)

    def _relation(self, inputs: Sequence[Input]) -> str | Objects:
        """Return the SQL that reads files, or their JSON; empty where there is no column."""
        match inputs[0].format:
            case "csv" | "tsv" | "lines":
                delimited = Delimited(inputs, self._source)
                self._unverified.append(delimited)
                self._inputs.update(delimited.inputs)
                return delimited.relation()
            case "parquet":
                return parquet_relation(inputs, self._connection)
            case "json" | "ndjson":
                known = self._given.columns if isinstance(self._given, Block) else None
                objects = Objects(inputs, self._connection, self._scratch, block_of=known)
                if self._source.sql is None:  # a query takes out what it wants
                    self._notes.extend(objects.notes())
                return objects
            case form:
                if len(inputs) > 1:
                    raise ConfigurationError(
                        f"{self.name}: a job reads one {form} file: give one job to each"
                    )
                reader = readers()[form]
                self._notes.extend(notes_of(reader, inputs[0].path, inputs[0].name, self._source))
                rows = reader.rows(inputs[0].path, inputs[0].name, self._source)
                path = self._scratch / f"rows-{inputs[0].path.name}.ndjson"
                return self._of_spool(spool_records(rows, path))

    def _of_spool(self, spooled: Spooled, casts: Mapping[str, str] | None = None) -> str | Objects:
        if spooled.path.suffix == ".parquet":
            rows = parquet_relation([Input(spooled.path, self.name, "parquet")], self._connection)
            cast = (
                f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in (casts or {}).items()
            )
            return f"SELECT * REPLACE ({', '.join(cast)}) FROM ({rows})" if casts else rows
        one = Input(spooled.path, self.name, "ndjson")
        return Objects([one], self._connection, self._scratch, kinds=spooled.kinds)

    def _given_one_by_one(self) -> list[Input]:
        items = self._source.items
        if not all(items) or any("\n" in item or "\r" in item for item in items):
            raise ConfigurationError("--item must not be empty, nor hold a line break")
        self.name = "--item"
        path = self._scratch / "items.txt"
        path.write_text("".join(f"{item}\n" for item in items), encoding="utf-8", newline="")
        return [Input(path, self.name, "lines")]

    def _standard_input(self) -> list[Input]:
        if not isinstance(self._given, Fetched):
            raise ConfigurationError("Standard input was not read")
        self.name = self._given.name
        path = self._given.pipe
        return prepare(Files((path,), self.name), self._source, self._scratch)

    def _query(self, sql: str, files: str | Objects | None) -> str | Objects:
        self.name = "the source's SQL"
        database = None if self._source.database is None else self._database(self._source.database)
        if database is not None and is_sqlite(database):
            return self._of_spool(spool_sqlite(database, sql, self._scratch / "rows.ndjson"))
        if database is not None:
            self._attach(database)
        if files is not None:
            self._view("source", files)
        query = parse_query(sql, self._connection)
        for name in dict.fromkeys(query.tables):
            if has_format(name) and not self._is_table(name):
                found = find_files([name], self._folder)
                self._watched.extend(found.paths)
                self._view(name, self._relation(prepare(found, self._source, self._scratch)))
        for name in query.arguments:
            if "://" not in name:
                self._watched.extend(find_files([name], self._folder).paths)
        with telling("The source's SQL is wrong", sql, key="sql"):
            rows = self._connection.execute(f"DESCRIBE {query.text}").fetchall()
        names = [str(row[0]) for row in rows]
        check_twice(names)
        return ordered(query, names, self._source.key)

    def _database(self, name: str) -> Path:
        path = self._folder / Path(name).expanduser()
        if not path.is_file():
            raise ConfigurationError(
                f"There is no database {name}: names are relative to the job file", key="database"
            )
        self._watched.append(path)
        return path

    def _attach(self, path: Path) -> None:
        with telling(f"{path.name} cannot be opened as a DuckDB database"):
            self._connection.execute(f"ATTACH {literal(str(path))} AS warehouse (READ_ONLY)")
        self._prelude.append("SET search_path = 'warehouse,memory'")
        self._connection.execute(self._prelude[-1])

    def _view(self, name: str, rows: str | Objects) -> None:
        """Make a view that a query may name, without the lines that are no rows."""
        query = rows.relation(None, sql=True) if isinstance(rows, Objects) else rows
        if not query:
            raise ConfigurationError(
                f"{name}: the files are empty, without even a header, so no SQL can name a column"
            )
        names = [str(row[0]) for row in self._connection.execute(f"DESCRIBE {query}").fetchall()]
        if PROBLEM in names:
            own = [quoted(name) for name in names if name not in {PROBLEM, TEXT}]
            text = quoted(TEXT) if TEXT in names else f"concat_ws(',', {', '.join(own)})"
            self._set_aside(f"({query})", text, rows)
            query = f"SELECT {', '.join(own)} FROM ({query}) WHERE NOT ({_NOT_A_ROW})"
        self._connection.execute(f"CREATE VIEW memory.main.{quoted(name)} AS {query}")

    def _set_aside(self, relation: str, text: str, rows: str | Objects) -> None:
        """Take note that lines of a relation are no rows, and are not among the rows that are read."""
        query = (
            f"SELECT problem, text, number FROM (SELECT {quoted(PROBLEM)} AS problem, {text} AS text, "
            f"row_number() OVER () AS number FROM {relation}) WHERE problem IS NOT NULL"
        )
        self._aside.append((query, rows.lines if isinstance(rows, Objects) else ()))

    def _is_table(self, name: str) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [name]
        ).fetchone()
        return bool(row and row[0])


def _create(query: str) -> str:
    return f"CREATE OR REPLACE TEMP VIEW {SOURCE.rpartition('.')[2]} AS\n{query}"


def _about(source: Source) -> list[object]:
    """Return what a source says of how its files are read."""
    return [
        source.sql or "", source.connection, source.python, source.delta, source.iceberg, list(source.key),
        list(source.items), source.format, source.delimiter, source.quote, source.header, source.skip_lines,
        source.encoding, list(source.nulls), source.trim, source.short_rows, source.sheet, source.typed,
        source.time_zone, source.hive,
    ]  # fmt: skip
