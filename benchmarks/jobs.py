"""J1 to J4: what a job costs beside the script that an engineer writes by hand, and how its memory grows.

J2 is here for a first run that remembers; a night over what is remembered is measured by `snapshot`.

Both are processes of their own, for the start of a command and its report are part of what it costs. CPU is
that of the whole process, all of its threads, as the system counts it; the sink is another process.
"""

# ruff: noqa: S608 - the SQL is of our own words

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from benchmarks.measure import Slice, median_ratio
from benchmarks.plan import Measurement, Plan, Result, serve

__all__ = ["MEASUREMENTS"]

#: Rows of the large file, and of the small one beside which its memory is held.
_ROWS, _FEW, _MANY = 1_000_000, 100_000, 10_000_000
#: Bytes of memory that a job may take.
_MEMORY = 300_000_000
_JOB = """
name = "benchmark"

[source]
files = ["{file}"]
key = "id"

[guards]
preflight = false # the sink knows no attributes

[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
mode = "{mode}"
rate = 100000
in_flight = 8

[step.fields]
ext_id = "id"
"profile.name" = "name"
"profile.city" = "city"
"profile.orders" = "orders"
"profile.spent" = "spent"
"profile.joined" = "joined"
"profile.member" = "member"
"""


@attrs.frozen
class _Cost:
    """What one process took."""

    cpu: float
    wall: float
    #: The peak of its resident memory, in bytes.
    peak: int


def write_people(path: Path, rows: int) -> None:
    """Write a Parquet file of so many rows and seven columns: texts, numbers, a date, true or false."""
    import duckdb  # noqa: PLC0415 - only where a job is measured

    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 'customer-' || lpad(i::VARCHAR, 8, '0') AS id,"
            " 'Name ' || (hash(i) % 100000)::VARCHAR AS name,"
            " ['Istanbul', 'Ankara', 'İzmir', 'Bursa', 'Antalya'][1 + (hash(i + 1) % 5)::INTEGER] AS city,"
            " (hash(i + 2) % 1000)::INTEGER AS orders,"
            " (hash(i + 3) % 1000000)::DOUBLE / 100 AS spent,"
            " DATE '2010-01-01' + (hash(i + 4) % 5000)::INTEGER AS joined,"
            " hash(i + 5) % 2 = 0 AS member"
            f" FROM range({rows}) AS t(i)) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)"
        )


def _run(command: Sequence[str], folder: Path, url: str) -> _Cost:
    """Run a process to its end, and return what it took."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "NETAUDIENCE_NETMERA_API_KEY": "benchmark",
        "NETAUDIENCE_NETMERA_BASE_URL": url,
    }
    with (folder / "told").open("wb") as told:
        began = os.times().elapsed
        process = os.posix_spawn(
            command[0],
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, told.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, told.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} broke down: {(folder / 'told').read_text()[-2000:]}")
    wall = os.times().elapsed - began
    return _Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def _script(folder: Path, url: str) -> _Cost:
    script = Path(__file__).with_name("by_hand.py")
    return _run([sys.executable, str(script), str(folder / "people.parquet"), url], folder, url)


def _job(folder: Path, url: str, file: str = "people.parquet", mode: str = "all") -> _Cost:
    path = folder / "job.toml"
    path.write_text(_JOB.format(file=file, mode=mode))
    return _run([sys.executable, "-m", "netaudience", "run", str(path), "--yes"], folder, url)


def _first(folder: Path, url: str) -> _Cost:
    """Run the job as one that sends only what changed, and remembers nothing yet."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        (Path(name) / "people.parquet").symlink_to(folder / "people.parquet")
        return _job(Path(name), url, mode="changed-only")


async def _cost(plan: Plan) -> list[Result]:
    pairs = 3 if plan.quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_people(folder / "people.parquet", _ROWS)
        taken: dict[str, list[_Cost]] = {"script": [], "again": [], "job": [], "first": []}
        async with serve(plan) as sink:
            for _ in range(pairs):
                for what, run in (("script", _script), ("job", _job), ("first", _first), ("again", _script)):
                    taken[what].append(await asyncio.to_thread(run, folder, sink.url))
    slices = {what: [Slice(cost.wall, cost.cpu) for cost in costs] for what, costs in taken.items()}
    return [
        Result(
            id="J1",
            what=f"CPU of a job over {_ROWS:,} Parquet rows vs a script by hand",
            measured=median_ratio(slices["job"], slices["script"], by="cpu"),
            promise=0.8,
            bound="at most",
            control=median_ratio(slices["again"], slices["script"], by="cpu"),
            also={
                "s of CPU, the job": statistics.median(cost.cpu for cost in taken["job"]),
                "s of CPU, the script": statistics.median(cost.cpu for cost in taken["script"]),
            },
        ),
        Result(
            id="J2",
            part="first",
            what="CPU of its first run where it sends only what changed vs of one that remembers nothing",
            measured=median_ratio(slices["first"], slices["job"], by="cpu"),
            promise=1.3,
            bound="at most",
            control=median_ratio(slices["again"], slices["script"], by="cpu"),
        ),
    ]


async def _start(plan: Plan) -> list[Result]:
    rounds = 5 if plan.quick else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ten.csv").write_text("ext_id\n" + "".join(f"customer-{n}\n" for n in range(10)))
        command = [sys.executable, "-m", "netaudience"]
        one_shot = [*command, "netmera", "tag-users", "--tag", "vip", str(folder / "ten.csv")]
        async with serve(plan) as sink:

            def cpu(words: Sequence[str]) -> list[float]:
                _run(words, folder, sink.url)  # writes the byte code
                return [_run(words, folder, sink.url).cpu * 1000 for _ in range(rounds)]

            taken = [
                (part, what, most, await asyncio.to_thread(cpu, words), await asyncio.to_thread(cpu, words))
                for part, what, most, words in (
                    ("help", "CPU of `netaudience --help`", 150, [*command, "--help"]),
                    ("one shot", "CPU of a command over ten rows", 500, one_shot),
                )
            ]
    return [
        Result(
            id="J4",
            part=part,
            what=what,
            measured=statistics.median(first),
            promise=most,
            bound="at most",
            control=statistics.median(again) / statistics.median(first),
            unit="ms",
        )
        for part, what, most, first, again in taken
    ]


async def _flat(plan: Plan) -> list[Result]:
    rows = 2_000_000 if plan.quick else _MANY
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_people(folder / "few.parquet", _FEW)
        write_people(folder / "many.parquet", rows)
        async with serve(plan) as sink:
            small = [(await asyncio.to_thread(_job, folder, sink.url, "few.parquet")).peak for _ in range(4)]
            peak = (await asyncio.to_thread(_job, folder, sink.url, "many.parquet")).peak
    return [
        Result(
            id="J3",
            what=f"peak memory of a job over {rows:,} rows vs {_FEW:,}",
            measured=peak / statistics.median(small),
            promise=1.1,
            bound="at most",
            control=(small[1] + small[3]) / (small[0] + small[2]),
            also={"MB at the peak": peak / 1e6},
            also_holds=peak <= _MEMORY,
        )
    ]


MEASUREMENTS = (
    Measurement(("J1", "J2"), _cost),
    Measurement(("J3",), _flat),
    Measurement(("J4",), _start),
)
