"""The command: measures how the cost grows, prints a table of each growth, and writes it with its picture.

It promises nothing and fails only where something breaks: what restless machines gave is marked in the table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.cores import pin, sink_and_client
from benchmarks.event_loops import runner
from benchmarks.growth import accounts, chunk, failures, in_flight, items
from benchmarks.growth.results import Growth, GrowthPlan, circumstances, markdown
from benchmarks.measure import SLICE
from benchmarks.plan import LoopName

_GROWTHS: Mapping[str, Callable[[GrowthPlan], Coroutine[object, None, Growth]]] = {
    "items": items.measure,
    "in-flight": in_flight.measure,
    "chunk": chunk.measure,
    "failures": failures.measure,
    "accounts": accounts.measure,
}
_HERE = Path(__file__).parent
_QUICK_PAIRS = 4
_QUICK_SLICE = 0.1
_PAIRS = 20

app = App(name="python -m benchmarks.growth", help="Measure how the cost grows, and draw it.")


@app.default
def main(  # noqa: PLR0913 - what may be asked for
    *,
    quick: bool = False,
    only: str = "",
    loop: LoopName = "asyncio",
    into: Path = _HERE,
    pairs: int | None = None,
    points: int | None = None,
    slice_seconds: float | None = None,
) -> int:
    """Measure, print, write, and return the exit code.

    Args:
        quick: Take the fewest rounds that still say something.
        only: What to measure, such as items,chunk; all if not given.
        loop: The event loop of the client.
        into: The folder of the tables and pictures.
        pairs: Rounds of interleaved slices.
        points: Only so many of the smallest points of each.
        slice_seconds: How long a slice is to take.
    """
    wanted = only.split(",") if only else list(_GROWTHS)
    if unknown := [name for name in wanted if name not in _GROWTHS]:
        print(f"There is no {', '.join(unknown)} here: choose among {', '.join(_GROWTHS)}", file=sys.stderr)
        return 2
    try:
        from benchmarks.growth.pictures import draw  # noqa: PLC0415 - an extra
    except ImportError:
        print("The pictures need matplotlib: pip install 'netaudience[bench]'", file=sys.stderr)
        return 2
    sink_core, client_core = sink_and_client()
    pin(client_core)
    plan = GrowthPlan(
        quick=quick,
        pairs=pairs or (_QUICK_PAIRS if quick else _PAIRS),
        wanted=frozenset(wanted),
        loop=loop,
        sink_core=sink_core,
        points=points,
        slice_seconds=slice_seconds or (_QUICK_SLICE if quick else SLICE),
    )
    into.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        Console(stderr=True).print(f"measuring {name}", style="dim")
        with runner(plan.loop) as started:
            growth = started.run(_GROWTHS[name](plan))
        _show(growth, plan)
        (into / f"{growth.name}.md").write_text(markdown(growth, plan), encoding="utf-8")
        (into / f"{growth.name}.svg").write_text(draw(growth), encoding="utf-8")
    return 0


def _show(growth: Growth, plan: GrowthPlan) -> None:
    console = Console()
    for table in growth.tables:
        shown = Shown(title=f"How the cost grows with {growth.grows_with}")
        for place, name in enumerate(table.headings):
            shown.add_column(name, justify="right" if place else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    console.print(circumstances(plan), style="dim")


if __name__ == "__main__":
    sys.exit(app(result_action="return_value"))
