"""What a measurement is asked for and what it gives back, and the sink that it starts."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import aiohttp
import attrs
import orjson

from benchmarks.sink import Behaviour

__all__ = ["LoopName", "Measurement", "Plan", "Result", "Sink", "serve"]

LoopName: TypeAlias = Literal["asyncio", "uvloop"]
#: The control must be this near to 1, or the figures beside it mean nothing.
CONTROL_BAND = (0.9, 1.1)


@attrs.frozen(kw_only=True)
class Plan:
    """How thoroughly to measure, and what of it."""

    quick: bool
    #: Rounds of interleaved slices.
    pairs: int
    #: The promises asked for, such as P1.
    wanted: frozenset[str]
    loop: LoopName
    #: In how many processes what is moody is measured, one after the other.
    processes: int = 1
    #: Where the sink runs; anywhere if None.
    sink_core: int | None


@attrs.frozen(kw_only=True)
class Result:
    """One promise, or one part of it, beside what was measured."""

    id: str
    what: str
    measured: float
    promise: float
    bound: Literal["at least", "at most"]
    #: The same thing measured against itself, as a ratio: 1 where nothing disturbed.
    control: float
    #: Tells the parts of one promise apart.
    part: str | None = None
    unit: str = "x"
    #: Counts that the promise speaks of as well.
    also: Mapping[str, float] = attrs.field(factory=dict[str, float])
    #: Whether these counts are as promised.
    also_holds: bool = True
    #: What each process measured, where there were several.
    runs: tuple[float, ...] = ()

    @property
    def holds(self) -> bool:
        """True where the promise is kept, in all that it says."""
        kept = self.measured >= self.promise if self.bound == "at least" else self.measured <= self.promise
        return kept and self.also_holds

    @property
    def controlled(self) -> bool:
        """True where the control is near enough to 1."""
        return CONTROL_BAND[0] <= self.control <= CONTROL_BAND[1]

    @classmethod
    def median(cls, results: Sequence[Result]) -> Result:
        """Return what several processes measured of one promise as one result: the median of each figure."""
        first = results[0]
        return attrs.evolve(
            first,
            measured=statistics.median(result.measured for result in results),
            control=statistics.median(result.control for result in results),
            also={name: statistics.median(result.also[name] for result in results) for name in first.also},
            also_holds=all(result.also_holds for result in results),
            runs=tuple(result.measured for result in results),
        )

    def as_json(self) -> dict[str, object]:
        """Return the result as a JSON object."""
        made: dict[str, object] = {"id": self.id}
        if self.part is not None:
            made["part"] = self.part
        return made | {
            "what": self.what,
            "measured": round(self.measured, 4),
            "promise": self.promise,
            "bound": self.bound,
            "unit": self.unit,
            "also": {name: round(value, 4) for name, value in self.also.items()},
            "holds": self.holds,
            "control": round(self.control, 4),
            **({"runs": [round(measured, 4) for measured in self.runs]} if self.runs else {}),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Result:
        """Read back what `as_json` wrote."""
        known = {name: value for name, value in row.items() if name != "holds"}
        result = cls(**known)
        # Whether the counts are as promised is known from the whole: only they can break what else holds.
        return attrs.evolve(result, also_holds=row["holds"] or not result.holds)


@attrs.frozen
class Measurement:
    """What measures one promise, or several in the same rounds."""

    ids: tuple[str, ...]
    run: Callable[[Plan], Coroutine[object, None, list[Result]]]
    #: Whether its ratio moves from process to process, of which its control, being of one, says nothing.
    moody: bool = False


@attrs.frozen
class Sink:
    """A sink that is up."""

    url: str

    async def stats(self) -> dict[str, int]:
        """Return what the sink counted so far."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/stats") as answer:
            counts: dict[str, int] = orjson.loads(await answer.read())
            return counts


@asynccontextmanager
async def serve(plan: Plan, behaviour: Behaviour | None = None) -> AsyncIterator[Sink]:
    """Start a sink in a process of its own; it ends with the block."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.sink",
        orjson.dumps(attrs.asdict(behaviour or Behaviour())).decode(),
    ]
    if plan.sink_core is not None:
        command += ["--core", str(plan.sink_core)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = (await process.stdout.readline()).decode().strip()
        if not port:
            raise RuntimeError("The sink did not start: what it says on standard error tells why")
        yield Sink(f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        await process.wait()
