"""Brings the tables of a run into a database: they are made where they are not there, a run is replaced.

All of it is one transaction, so that whoever reads sees a run as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_arrow
from netaudience.jobs.connectors.databases import DBAPI, open_connection
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.connectors.telling import telling_of
from netaudience.jobs.results.tables import TABLES, Kind, file_of, write_tables
from netaudience.jobs.spec.model import JobFile, Results
from netaudience.jobs.state.finalize import write_summary
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import Summary

_TYPES: Mapping[Kind, str] = {"text": "text", "whole": "bigint", "number": "double precision"}
_REMEDY = "look at what its user may do there; netaudience resume writes them once more"

Cursor: TypeAlias = Any


def keep_results(job: JobFile, summary: Summary) -> None:
    """Write the tables of a run where its job says; what cannot be written is reported in the summary."""
    results = job.results
    if results is None or not summary.run:
        return
    run = RunFolder(Path(summary.folder))
    try:
        write_tables(run, summary)
        if results.connection is not None:
            _into_database(results, job.path.parent, run)
    except (OSError, ConfigurationError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        summary.unwritten.append(f"The tables of [results] were not written: {reason}")
        write_summary(run, summary)  # so that going on with the run writes them


def _into_database(results: Results, folder: Path, run: RunFolder) -> None:
    """Write the tables into a database.

    Raises:
        ConfigurationError: it cannot be reached, or does not take them.
    """
    stop = Stop()
    connection = results.connection or ""
    with open_connection(connection, results.uri, folder, stop, key="results") as (module, connected, cursor):
        mark = _mark(module) if connection.startswith(DBAPI) else "$1"
        with telling_of("The database did not take the tables", stop, key="results", remedy=_REMEDY):
            for table, columns in TABLES.items():
                name = f"{results.tables}{table}"
                defined = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in columns.items())
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} ({defined})")
                cursor.execute(f"DELETE FROM {name} WHERE run = {mark}", _one(mark, run.id))  # noqa: S608 - a checked name
                if connection.startswith(DBAPI):
                    _insert(cursor, name, list(columns), mark, file_of(run, table))
                else:
                    _ingest(cursor, name, file_of(run, table))
            connected.commit()


def _ingest(cursor: Cursor, name: str, path: Path) -> None:
    parquet = import_arrow("parquet")
    schema, _, table = name.rpartition(".")
    with parquet.ParquetFile(path) as file:
        reader = import_arrow().RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
        cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema or None)


def _insert(cursor: Cursor, name: str, columns: Sequence[str], mark: str, path: Path) -> None:
    marks = ", ".join(mark.replace("1", str(at)) for at in range(1, len(columns) + 1))
    sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - checked names
    for rows in _rows(path):
        by_name = [{f"p{at}": value for at, value in enumerate(row, 1)} for row in rows]
        cursor.executemany(sql, by_name if mark == ":p1" else rows)


def _rows(path: Path) -> Iterator[list[tuple[object, ...]]]:
    parquet = import_arrow("parquet")
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _mark(module: Any) -> str:  # noqa: ANN401 - any DB-API module
    """Return how a module writes its first parameter.

    https://peps.python.org/pep-0249/#paramstyle
    """
    return {"qmark": "?", "numeric": ":1", "named": ":p1"}.get(getattr(module, "paramstyle", ""), "%s")


def _one(mark: str, value: str) -> object:
    return {"p1": value} if mark == ":p1" else (value,)
