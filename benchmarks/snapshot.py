"""J2, and how a changed-only job's snapshot grows: seconds, peak memory and disk for so many keys.

It makes a Parquet file of so many users, finds the first differences, writes all of them down as delivered,
changes one row in a hundred and finds these, each in a process of its own. Beside them stands DuckDB's own
anti-join of both files, twice, so that it is seen what is chance: a night costs at most four times its CPU,
and no more memory, which is what J2 of `python -m benchmarks` asks.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import attrs
import cyclopts
import orjson
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.memory import own_peak
from benchmarks.plan import Measurement, Plan, Result
from netaudience.jobs.columns.duckdb import connect, literal
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.jobs.state.snapshot import Snapshot

__all__ = ["MEASUREMENTS", "main"]

_PHASES = ("source", "first", "delivered", "change", "again", "read", "steady", "join", "control")
_WORDS = {
    "first": "first differences: every row is new",
    "delivered": "all of them written down as delivered",
    "again": "the next run: one row in a hundred has changed",
    "read": "reading the rows that have changed",
    "steady": "a run after one that delivered nothing",
    "join": "DuckDB's anti-join of both files",
    "control": "the same once more",
}
_ROWS, _BEFORE, _STATE = "users.parquet", "before.parquet", "snapshot.duckdb"
#: Rows of a settled chunk.
_CHUNK = 1000
#: The memory that it may take beside the anti-join, which itself takes 3 % more or less from run to run.
_MEMORY = 1.1
_STEP = Step(
    name="benchmark",
    vendor="netmera",
    operation="set_profile_attributes",
    mode="changed-only",
    fields={"ext_id": Expression(column="user_id"), "profile.visits": Expression(column="visits")},
)

_EFFECT = Effect(needs=(("profile.visits",),))

app = cyclopts.App(name="python -m benchmarks.snapshot", help=__doc__)


@app.default
def main(
    keys: int = 1_000_000,
    *,
    memory: str = "1GB",
    folder: Path | None = None,
    as_json: Annotated[bool, cyclopts.Parameter(name="--json")] = False,
) -> int:
    """Measure, and print seconds, CPU seconds, peak of memory and most of disk for each phase.

    Args:
        keys: How many users.
        memory: DuckDB's bound, for the source and for the snapshot each; a job has 1GB.
        folder: Where the files go, about 100 bytes a key; a temporary directory if not given.
        as_json: Print a JSON list in place of the table.
    """
    told = [one for one in _phases(_PHASES, keys, memory, folder) if one["phase"] in _WORDS]
    if as_json:
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return 0
    table = Shown(caption=f"{keys:,} keys, DuckDB bound to {memory}")
    for name in ("phase", "seconds", "CPU seconds", "peak memory, MB", "disk at most, MB", "rows"):
        table.add_column(name, justify="left" if name == "phase" else "right")
    for row in told:
        figures = [f"{row[name]:,.1f}" for name in ("seconds", "cpu", "memory", "disk")]
        table.add_row(_WORDS[str(row["phase"])], *figures, f"{row['rows']:,}")
    Console().print(table)
    return 0


def _phases(
    names: Sequence[str], keys: int, memory: str, folder: Path | None = None
) -> Iterator[dict[str, object]]:
    """Do phases, each in a process of its own, and give what each took."""
    with tempfile.TemporaryDirectory(prefix="netaudience-benchmark-", dir=folder) as scratch:
        environment = {**os.environ, "TMPDIR": scratch}  # what spills is counted too
        for name in names:
            command = [sys.executable, "-m", "benchmarks.snapshot", "phase", name, str(keys), memory, scratch]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)  # noqa: S603 - ourselves
            if done.returncode:
                raise RuntimeError(f"The phase {name!r} broke down: standard error tells why")
            yield {"phase": name, "keys": keys, **orjson.loads(done.stdout)}


async def _night(plan: Plan) -> list[Result]:
    keys = 3_000_000 if plan.quick else 10_000_000
    names = tuple(name for name in _PHASES if name != "steady")
    told = await asyncio.to_thread(lambda: {str(one["phase"]): one for one in _phases(names, keys, "1GB")})

    def ratio(figure: str, *names: str) -> float:
        return sum(float(str(told[name][figure])) for name in names) / float(str(told["join"][figure]))

    return [
        Result(
            id="J2",
            part="night",
            what=f"CPU of finding and reading what has changed of {keys:,} keys vs DuckDB's anti-join",
            measured=ratio("cpu", "again", "read"),
            promise=4,
            bound="at most",
            control=ratio("cpu", "control"),
            also={"x its memory": ratio("memory", "again")},
            also_holds=ratio("memory", "again") <= _MEMORY,
        )
    ]


@app.command(show=False)
def phase(name: str, keys: int, memory: str, folder: Path) -> None:
    """Do one phase in this process and print what it took.

    Args:
        name: Which.
        keys: How many users.
        memory: DuckDB's bound.
        folder: Where the files are.
    """
    doing: dict[str, Callable[[], int]] = {
        "source": lambda: _write(folder, keys, memory, changed=False),
        "first": lambda: _differ(folder, memory, "1"),
        "delivered": lambda: _deliver(folder, keys, memory),
        "change": lambda: _write(folder, keys, memory, changed=True),
        "again": lambda: _differ(folder, memory, "2"),
        "steady": lambda: _differ(folder, memory, "3"),
        "read": lambda: _read(folder, memory),
        "join": lambda: _join(folder, memory),
        "control": lambda: _join(folder, memory),
    }
    with _disk(folder) as most:
        started = time.perf_counter()
        rows = doing[name]()
        seconds = time.perf_counter() - started
    figures = {
        "seconds": seconds,
        "cpu": time.process_time(),
        "memory": own_peak() / 1024,
        "disk": most() / 1e6,
        "rows": rows,
    }
    print(orjson.dumps({name: round(figure, 2) for name, figure in figures.items()}).decode())


def _write(folder: Path, keys: int, memory: str, *, changed: bool) -> int:
    """Write the source, in an order that is not that of the keys; or write it anew, changed."""
    if changed:
        (folder / _ROWS).rename(folder / _BEFORE)
    added = "+ (i % 100 = 0)::INTEGER" if changed else ""
    # A multiplication modulo a prime scatters the numbers, and meets none of them twice.
    rows = (
        f"SELECT 'customer-' || lpad(((i * 7919) % 2147483647)::VARCHAR, 10, '0') AS user_id, "  # noqa: S608 - numbers
        f"(i * 31) % 1000 {added} AS visits FROM range({keys}) AS numbers(i)"
    )
    with closing(connect(spill=folder / "spill", memory=memory)) as connection:
        connection.execute(f"COPY ({rows}) TO {literal(str(folder / _ROWS))} (FORMAT parquet)")
    return keys


def _differ(folder: Path, memory: str, run: str) -> int:
    source = Source(files=(_ROWS,), key=("user_id",))
    with (
        open_source(source, folder, memory=memory) as table,
        Snapshot(folder / _STATE, memory=memory) as snapshot,
    ):
        found = snapshot.differences(table, _STEP, run, _EFFECT, table.count())
    return found.added + found.changed


def _deliver(folder: Path, keys: int, memory: str) -> int:
    """Write down every row, as many at a time as a run does."""
    with Snapshot(folder / _STATE, memory=memory) as snapshot:
        for first in range(1, keys + 1, 100 * _CHUNK):
            snapshot.commit(delivered=range(first, min(keys + 1, first + 100 * _CHUNK)))
    return keys


def _read(folder: Path, memory: str) -> int:
    source = Source(files=(_ROWS,), key=("user_id",))
    with (
        open_source(source, folder, memory=memory) as table,
        Snapshot(folder / _STATE, memory=memory) as snapshot,
    ):
        found = snapshot.differences(table, _STEP, "2", _EFFECT)
        pages = table.read([attrs.evolve(found.selection, hashed=False)])  # as a job does
        return sum(len(page) for (page,) in pages)


def _join(folder: Path, memory: str) -> int:
    """Let DuckDB find the rows that have changed, as whoever writes the query by hand would."""
    both = [literal(str(folder / name)) for name in (_ROWS, _BEFORE)]
    query = f"SELECT count(*) FROM {both[0]} ANTI JOIN {both[1]} USING (user_id, visits)"  # noqa: S608 - paths
    with closing(connect(spill=folder / "spill", memory=memory)) as connection:
        return int(connection.execute(query).fetchall()[0][0])


@contextmanager
def _disk(folder: Path) -> Iterator[Callable[[], int]]:
    """Look at how many bytes the folder holds at most, twice a second."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while True:
            sizes = 0
            for path in folder.rglob("*"):
                try:
                    sizes += path.stat().st_blocks * 512
                except FileNotFoundError:  # DuckDB takes its files away as it likes
                    continue
            most[0] = max(most[0], sizes)
            if ended.wait(0.5):
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        ended.set()
        watcher.join()


MEASUREMENTS = (Measurement(("J2",), _night),)

if __name__ == "__main__":
    app()
