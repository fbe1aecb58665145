"""Opens a job's source: finds its files, attaches its database, and makes one view of all that it reads.

What is read only once is kept in a temporary file first. Nothing is downloaded, and a database is never
written.
"""

# ruff: noqa: S608 - what is no quoted name is the SQL of the job itself

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.database import another, file_list, literal, quoted, telling
from netaudience.jobs.delimited import Delimited
from netaudience.jobs.files import PROBLEM, Files, find_files, has_format
from netaudience.jobs.objects import objects_relation
from netaudience.jobs.queries import ordered, parse_query
from netaudience.jobs.selecting import SOURCE
from netaudience.jobs.spooling import digest_of, is_sqlite, spool_sqlite, spool_stdin
from netaudience.jobs.words import Source

if TYPE_CHECKING:
    import duckdb

__all__ = ["Opened"]

_NOT_A_ROW = f"{quoted(PROBLEM)} IS NOT NULL"


class Opened:
    """A source as one view of a DuckDB connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        folder: Path,
        scratch: Path,
        digest: str | None = None,
    ) -> None:
        """Open it.

        Args:
            connection: Where the view is made.
            source: What the job says.
            folder: What its names are relative to.
            scratch: Where temporary files go.
            digest: What tells the content from others, where the files are temporary ones.

        Raises:
            ConfigurationError: a file, a column or the SQL is wrong.
            SourceFailed: it cannot be read.
        """
        self._connection = connection
        self._folder = folder
        self._scratch = scratch
        #: Files that were not looked at yet for lines that are lost.
        self._unverified: list[Delimited] = []
        #: The files whose change is watched for.
        self._watched: list[Path] = []
        #: What is known of the source besides the state of its files.
        self._facts = [source.sql or "", list(source.key), digest]
        #: Queries that give the lines that are no rows, of files that a query reads.
        self.aside: list[str] = []
        #: What every connection to the source has to be told.
        self.prelude: list[str] = [f"SET file_search_path = {literal(str(folder.resolve()))}"]
        #: What people call the source.
        self.name = "the source"
        for statement in self.prelude:
            connection.execute(statement)
        query = self._files(source, watch=digest is None) if source.files else ""
        if source.sql is not None:
            query = self._query(source, source.sql, query)
        #: The columns and their types, the one that says what is wrong with a row among them.
        self.columns: dict[str, str] = {}
        if query:
            with telling(self.name):
                self.prelude.append(f"CREATE TEMP VIEW {SOURCE.rpartition('.')[2]} AS\n{query}")
                connection.execute(self.prelude[-1])
                rows = connection.execute(f"DESCRIBE {SOURCE}").fetchall()
            self.columns = {str(row[0]): str(row[1]) for row in rows}
            if list(self.columns) == [PROBLEM]:
                # Not one line is an object: there is nothing to name, and all of them are told.
                self.aside.append(f"SELECT {quoted(PROBLEM)} FROM {SOURCE} WHERE {_NOT_A_ROW}")
        self._state = self.state()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return another connection to the same view."""
        cursor = another(self._connection)
        for statement in self.prelude:
            cursor.execute(statement)
        return cursor

    def verify(self) -> None:
        """Look once at whether every line of the source is read, before anything is made of it.

        Raises:
            SourceFailed: lines would be lost without a word.
        """
        while self._unverified:
            self._unverified[-1].verify(self._connection)
            self._unverified.pop()

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

    def _files(self, source: Source, *, watch: bool) -> str:
        if "-" in source.files:
            return self._relation(self._standard_input(source))
        files = find_files(source.files, self._folder, source.format)
        self.name = files.name if watch else "the data"
        if watch:
            self._watched.extend(files.paths)
        return self._relation(files)

    def _relation(self, files: Files) -> str:
        """Return the SQL that reads files, column by column; empty where none of them has a column."""
        match files.format:
            case "csv" | "tsv":
                delimited = Delimited(files.paths, tab=files.format == "tsv")
                self._unverified.append(delimited)
                return delimited.relation()
            case "parquet":
                return f"SELECT * FROM read_parquet({file_list(files.paths)}, union_by_name = true)"
            case "json" | "ndjson":
                return objects_relation(
                    files.paths, self._connection, self._scratch, lines=files.format == "ndjson"
                )

    def _standard_input(self, source: Source) -> Files:
        if len(source.files) > 1:
            raise ConfigurationError("Standard input (-) is a source of its own: name either it, or files")
        if source.format is None:
            raise ConfigurationError(
                "Standard input has no name to tell what it is: say format "
                "(csv, tsv, json, ndjson or parquet)"
            )
        path = self._scratch / f"standard-input.{source.format}"
        spool_stdin(path)
        self.name = "standard input"
        self._facts.append(digest_of(path))
        files = find_files([str(path)], self._folder, source.format)
        return Files(files.paths, files.format, self.name)

    def _query(self, source: Source, sql: str, files: str) -> str:
        self.name = "the source's SQL"
        database = None if source.database is None else self._database(source.database)
        if database is not None and is_sqlite(database):
            return self._sqlite(database, sql)
        if database is not None:
            self._attach(database)
        if files:
            self._view("source", files)
        query = parse_query(sql, self._connection)
        for name in dict.fromkeys(query.tables):
            if has_format(name) and not self._is_table(name):
                found = find_files([name], self._folder, None)
                self._watched.extend(found.paths)
                self._view(name, self._relation(found))
        for name in query.arguments:
            if "://" not in name:
                self._watched.extend(find_files([name], self._folder, "parquet").paths)
        with telling("The source's SQL is wrong", sql):
            rows = self._connection.execute(f"DESCRIBE {query.text}").fetchall()
        return ordered(query, [str(row[0]) for row in rows], source.key)

    def _database(self, name: str) -> Path:
        path = self._folder / Path(name).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"There is no database {name}: names are relative to the job file")
        self._watched.append(path)
        return path

    def _attach(self, path: Path) -> None:
        with telling(f"{path.name} cannot be opened as a DuckDB database"):
            self._connection.execute(f"ATTACH {literal(str(path))} AS warehouse (READ_ONLY)")
        self.prelude.append("SET search_path = 'warehouse,memory'")
        self._connection.execute(self.prelude[-1])

    def _sqlite(self, database: Path, sql: str) -> str:
        path = self._scratch / "rows.ndjson"
        spool_sqlite(database, sql, path)
        return self._relation(find_files([str(path)], self._folder, "ndjson"))

    def _view(self, name: str, query: str) -> None:
        """Make a view that a query may name, without the lines that are no rows."""
        if not query:
            raise ConfigurationError(
                f"{name}: the files are empty, without even a header, so no SQL can name a column"
            )
        rows = self._connection.execute(f"DESCRIBE {query}").fetchall()
        if PROBLEM in {row[0] for row in rows}:
            self.aside.append(f"SELECT {quoted(PROBLEM)} FROM ({query}) WHERE {_NOT_A_ROW}")
            query = f"SELECT * EXCLUDE ({quoted(PROBLEM)}) FROM ({query}) WHERE NOT ({_NOT_A_ROW})"
        self._connection.execute(f"CREATE VIEW memory.main.{quoted(name)} AS {query}")

    def _is_table(self, name: str) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [name]
        ).fetchone()
        return bool(row and row[0])
