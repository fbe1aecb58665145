"""Of the changes of a table, the rows that are there now, and those that have left it."""

from __future__ import annotations

from pathlib import Path

from netaudience.jobs.columns.duckdb import connect, literal, quoted, telling

_TOLD = ("_change_type", "_commit_version", "_commit_timestamp")
_IS_IN = "_change_type IN ('insert', 'update_postimage')"
_CAME, _WENT, _FIRST_CAME, _FIRST_WENT = (
    quoted(f"netaudience {name}") for name in ("came", "went", "first came", "first went")
)
#: What came oftener than it went is there. What came as often as it went is there if it was there before: if
#: it went first. That has to be read as well, for a run that was stopped may have sent what came between.
_THERE = f"{_CAME} > {_WENT} OR ({_CAME} = {_WENT} AND {_FIRST_WENT} <= {_FIRST_CAME})"


def split_changes(path: Path) -> Path:
    """Write a file of a Delta table's changes anew as the rows that they leave there.

    Args:
        path: A Parquet file with the columns of the table, ``_change_type`` and ``_commit_version``.

    Returns:
        The file beside it of the rows that left the table, though they may have come back.

    Raises:
        SourceFailed: it cannot be read, or written.
    """
    made, left = path.with_suffix(".new.parquet"), path.with_suffix(".left.parquet")
    with telling("The changes"), connect(spill=path.parent) as connection:
        source = f"read_parquet({literal(str(path))})"
        rows = f"SELECT * EXCLUDE ({', '.join(_TOLD)}) FROM {source}"  # noqa: S608 - quoted
        found = connection.execute(f"DESCRIBE {rows}").fetchall()
        listed = ", ".join(quoted(str(row[0])) for row in found)
        counted = (
            f"SELECT {listed}, count(*) FILTER ({_IS_IN}) AS {_CAME}, "  # noqa: S608 - quoted
            f"count(*) FILTER (NOT {_IS_IN}) AS {_WENT}, "
            f"min(_commit_version) FILTER ({_IS_IN}) AS {_FIRST_CAME}, "
            f"min(_commit_version) FILTER (NOT {_IS_IN}) AS {_FIRST_WENT} FROM {source} GROUP BY {listed}"
        )
        for to, which in ((made, _THERE), (left, f"{_WENT} > 0")):
            connection.execute(
                f"COPY (SELECT {listed} FROM ({counted}) WHERE {which}) "  # noqa: S608 - quoted
                f"TO {literal(str(to))} (FORMAT parquet)"
            )
    made.replace(path)
    return left
