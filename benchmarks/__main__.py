"""The command: measures what is asked for and prints each promise beside its figure and its control.

A promise that is not kept is shown as not kept and fails nothing: these are measurements, not tests. The
command fails where something breaks, or where the machine was too restless to believe it twice.
"""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from benchmarks import (
    batching,
    blocking,
    call,
    events,
    imports,
    jobs,
    journal,
    lanes,
    latency,
    memory,
    pacing,
    peers,
    poison,
    sharing,
    snapshot,
    throughput,
)
from benchmarks.cores import pinned, sink_and_client
from benchmarks.event_loops import runner
from benchmarks.plan import LoopName, Measurement, Plan, Result
from benchmarks.processes import in_processes

_ALL: tuple[Measurement, ...] = (
    *throughput.MEASUREMENTS,
    *pacing.MEASUREMENTS,
    *memory.MEASUREMENTS,
    *latency.MEASUREMENTS,
    *poison.MEASUREMENTS,
    *journal.MEASUREMENTS,
    *imports.MEASUREMENTS,
    *jobs.MEASUREMENTS,
    *snapshot.MEASUREMENTS,
    *batching.MEASUREMENTS,
    *lanes.MEASUREMENTS,
    *sharing.MEASUREMENTS,
    *events.MEASUREMENTS,
    *call.MEASUREMENTS,
    *blocking.MEASUREMENTS,
    *peers.MEASUREMENTS,
)


def _in_order(promise: str) -> tuple[bool, str, int]:
    """Sort the promises of the engine first, then the others, each by number."""
    return promise[0] != "P", promise[0], int(promise[1:])


_IDS = sorted({promise for one in _ALL for promise in one.ids}, key=_in_order)
#: So many pairs resolve about 3 %.
_QUICK_PAIRS = 14
_PAIRS = 40
#: So many fresh processes for what is moody, where there is time.
_PROCESSES = 5

app = App(name="python -m benchmarks", help="Measure what netaudience promises about its speed.")


@app.default
def main(  # noqa: PLR0913 - what may be asked for
    *,
    quick: bool = False,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
    only: str = "",
    without: str = "",
    loop: LoopName = "asyncio",
    pairs: int | None = None,
    processes: int | None = None,
    attempts: int = 2,
) -> int:
    """Measure, print, and return the exit code.

    Args:
        quick: Take the fewest rounds and the shortest runs that still say something.
        as_json: Print a JSON list in place of the table.
        only: What to measure, such as P1,P5 or E1; all if not given.
        without: What of it not to measure.
        loop: The event loop of the client.
        pairs: Rounds of interleaved slices.
        processes: In how many fresh processes a speed is measured, the rounds shared out among them; five,
            or one with --quick.
        attempts: How often, at most, a measurement is taken whose control is out of its band.
    """
    wanted, left_out = _promises(only) or frozenset(_IDS), _promises(without)
    if unknown := (wanted | left_out) - set(_IDS):
        print(
            f"There is no {', '.join(sorted(unknown))} here: choose among {', '.join(_IDS)}", file=sys.stderr
        )
        return 2
    sink_core, client_core = sink_and_client()
    plan = Plan(
        quick=quick,
        pairs=pairs or (_QUICK_PAIRS if quick else _PAIRS),
        wanted=wanted - left_out,
        loop=loop,
        processes=processes or (1 if quick else _PROCESSES),
        sink_core=sink_core,
    )
    results: list[Result] = []
    for one in _ALL:
        if not plan.wanted.intersection(one.ids):
            continue
        if one.moody and plan.processes > 1:
            results += in_processes(one, plan, attempts)
        else:
            with pinned(client_core):
                results += _measure(one, plan, attempts)
    results = sorted(
        (result for result in results if result.id in plan.wanted), key=lambda result: _in_order(result.id)
    )
    if as_json:
        print(orjson.dumps([result.as_json() for result in results], option=orjson.OPT_INDENT_2).decode())
    else:
        Console().print(_table(results, plan))
    return 0 if all(result.controlled for result in results) else 1


def _promises(words: str) -> frozenset[str]:
    return frozenset(filter(None, words.upper().split(",")))


def _measure(measurement: Measurement, plan: Plan, attempts: int) -> list[Result]:
    """Measure, and again as long as the control says that the machine was too restless."""
    told = Console(stderr=True)
    results: list[Result] = []
    for attempt in range(max(1, attempts)):
        again = " again, for the control was off:" if attempt else ""
        ids = ", ".join(sorted(plan.wanted.intersection(measurement.ids)))
        told.print(f"measuring{again} {ids}", style="dim")
        with runner(plan.loop) as started:
            results = started.run(measurement.run(plan))
        if all(result.controlled for result in results):
            break
    return results


def _table(results: list[Result], plan: Plan) -> Table:
    table = Table(
        caption=f"{plan.pairs} rounds, {plan.loop}. A control outside 0.90 to 1.10 makes the row worthless.",
    )
    for name in ("", "what", "measured", "promise", "holds", "control"):
        table.add_column(name, justify="right" if name in {"measured", "promise", "control"} else "left")
    for result in results:
        also = "".join(f"\n{value:g} {name}" for name, value in result.also.items())
        sign = "≥" if result.bound == "at least" else "≤"
        table.add_row(
            result.id,
            result.what,
            _figure(result.measured, result.unit) + _spread(result) + also,
            f"{sign} {_figure(result.promise, result.unit)}",
            "[green]yes[/]" if result.holds else "[red bold]NO[/]",
            f"{result.control:.3f}" if result.controlled else f"[red]{result.control:.3f}[/]",
        )
    return table


def _spread(result: Result) -> str:
    """Say between what the processes were."""
    if not result.runs:
        return ""
    ends = (_figure(end(result.runs), result.unit) for end in (min, max))
    return f"\n({' to '.join(ends)} in {len(result.runs)})"


def _figure(value: float, unit: str) -> str:
    match unit:
        case "x":
            return f"{value:.3f}x"
        case "share":
            return f"{value:.1%}"
        case _:
            return f"{value:.3g} {unit}"


if __name__ == "__main__":
    sys.exit(app(result_action="return_value"))
