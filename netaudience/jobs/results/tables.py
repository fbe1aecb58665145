"""The tables that a run becomes, with columns that do not change their meaning within a version.

Texts are texts, counts are whole numbers of 64 bits, points in time are ISO 8601 in UTC as text, and a truth
is 0 or 1: every database has those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from netaudience.dead_letter import DeadLetter
from netaudience.jobs.columns.duckdb import Batch, import_arrow
from netaudience.jobs.extract.frames import write_batches
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.summary import Summary

Kind: TypeAlias = Literal["text", "whole", "number"]

#: Goes up when a column changes its meaning, or is no more; columns may be added within a version.
VERSION = 1
_RUN: Mapping[str, Kind] = {"run": "text", "attempt": "whole", "version": "whole", "job": "text"}
_COUNTS: Mapping[str, Kind] = dict.fromkeys(
    ("delivered", "unchanged", "rejected", "failed", "in_doubt", "unsent"), "whole"
)
#: The columns of each table with what they hold.
TABLES: Mapping[str, Mapping[str, Kind]] = {
    "runs": {
        **_RUN, "started": "text", "ended": "text", "exit_code": "whole", "ok": "whole",
        "source_rows": "whole", "again": "text",
    },
    "steps": {
        **_RUN, "step": "text", "vendor": "text", "operation": "text", "mode": "text", "row_count": "whole",
        **_COUNTS, "known": "whole", "requests": "whole", "retries": "whole", "throttles": "whole",
        "seconds": "number", "stopped": "text",
    },
    "outcomes": {
        **_RUN, "step": "text", "vendor": "text", "operation": "text", "row_number": "whole",
        "row_key": "text", "outcome": "text", "decided_by": "text", "status": "whole", "code": "text",
        "message": "text", "reason": "text", "written": "text",
    },
}  # fmt: skip
#: Rows of a batch.
_MANY = 10_000


def file_of(run: RunFolder, table: str) -> Path:
    """Return where a table of a run is."""
    return run.path / f"{table}.parquet"


def write_tables(run: RunFolder, summary: Summary) -> None:
    """Write the tables of a run into its folder.

    Raises:
        OSError: one cannot be written.
    """
    rows: Mapping[str, Iterable[Mapping[str, object]]] = {
        "runs": [_run_of(summary)],
        "steps": _steps_of(summary),
        "outcomes": _outcomes_of(run, summary),
    }
    arrow = import_arrow()
    kinds = {"text": arrow.string(), "whole": arrow.int64(), "number": arrow.float64()}
    for table, columns in TABLES.items():
        schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        path = file_of(run, table)
        part = path.with_name(f"{path.name}.part")
        part.touch(mode=0o600)
        write_batches(part, schema, _batches(iter(rows[table]), schema))
        part.replace(path)


def _batches(rows: Iterator[Mapping[str, object]], schema: Any) -> Iterator[Batch]:  # noqa: ANN401 - Arrow's
    arrow = import_arrow()
    while some := list(islice(rows, _MANY)):
        yield arrow.RecordBatch.from_pylist(some, schema=schema)


def _about(summary: Summary) -> dict[str, object]:
    return {"run": summary.run, "attempt": summary.attempts, "version": VERSION, "job": summary.job}


def _run_of(summary: Summary) -> dict[str, object]:
    return {
        **_about(summary),
        "started": summary.started,
        "ended": summary.ended,
        "exit_code": int(summary.exit_code),
        "ok": int(summary.ok),
        "source_rows": summary.source_rows,
        "again": summary.again,
    }


def _steps_of(summary: Summary) -> Iterator[dict[str, object]]:
    for step in summary.steps:
        yield {
            **_about(summary),
            "step": step.name,
            "vendor": step.vendor,
            "operation": step.operation,
            "mode": step.mode,
            "row_count": step.total,
            **step.named(),
            "known": step.known,
            "requests": step.requests,
            "retries": step.retries,
            "throttles": step.throttles,
            "seconds": step.seconds,
            "stopped": step.stopped,
        }


def _outcomes_of(run: RunFolder, summary: Summary) -> Iterator[dict[str, object]]:
    """Give the rows that were not delivered; what they hold stays in the run's folder."""
    if not run.rejects.exists():
        return
    for letter in DeadLetter.read(run.rejects):
        yield {
            **_about(summary),
            "step": letter.step,
            "vendor": letter.vendor,
            "operation": letter.operation,
            "row_number": letter.position,
            "row_key": letter.key or None,
            "outcome": letter.outcome,
            "decided_by": letter.by,
            "status": letter.status,
            "code": None if letter.code is None else str(letter.code),
            "message": letter.message,
            "reason": letter.reason,
            "written": letter.time,
        }
