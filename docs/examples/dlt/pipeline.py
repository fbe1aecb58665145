"""A dlt pipeline whose destination is a job: who has left is tagged at the vendor.

dlt extracts and keeps its own state; the job has the mapping, the rules, the guards and the folder of runs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import dlt

from netaudience.jobs.dlt import destination


@dlt.resource(name="leavers", write_disposition="append")
def leavers() -> Iterator[dict[str, str]]:
    """Give the rows; any source of dlt's stands here as well."""
    with Path("leavers.csv").open(encoding="utf-8", newline="") as rows:
        yield from csv.DictReader(rows)


def main() -> None:
    """Load the table; an exception says what was not delivered."""
    pipeline = dlt.pipeline("audience", destination=destination({"leavers": "job.toml"}))
    pipeline.run(leavers())


if __name__ == "__main__":
    main()
