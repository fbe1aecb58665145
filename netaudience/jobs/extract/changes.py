"""Of the changes of a table, the rows that are new and are there still."""

from __future__ import annotations

from pathlib import Path

from netaudience.jobs.columns.duckdb import connect, literal, quoted, telling

__all__ = ["keep_newest"]


def keep_newest(path: Path) -> None:
    """Write a file of a Delta table's changes anew as the rows that they have brought.

    A row that came as often as it went is not there any more, or was there before. What was changed several
    times is there as it is now.

    Args:
        path: A Parquet file with the columns of the table and ``_change_type``.

    Raises:
        SourceFailed: it cannot be read, or written.
    """
    made = path.with_suffix(".new.parquet")
    with telling("The changes"), connect(spill=path.parent) as connection:
        about = "_change_type, _commit_version, _commit_timestamp"
        source = f"read_parquet({literal(str(path))})"
        came = "sum(CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 1 ELSE -1 END)"
        columns = f"SELECT * EXCLUDE ({about}) FROM {source}"  # noqa: S608 - quoted
        found = connection.execute(f"DESCRIBE {columns}").fetchall()
        listed = ", ".join(quoted(str(row[0])) for row in found)
        connection.execute(
            f"COPY (SELECT {listed} FROM {source} GROUP BY {listed} HAVING {came} > 0) "  # noqa: S608 - quoted
            f"TO {literal(str(made))} (FORMAT parquet)"
        )
    made.replace(path)
