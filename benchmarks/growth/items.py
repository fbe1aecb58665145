"""How the cost grows with the number of items: from ten thousand to ten million, a thousand in a request."""

from __future__ import annotations

from benchmarks.growth.alone import Load, peak_memory
from benchmarks.growth.comparing import compare
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points
from benchmarks.growth.work import consumed, ids, tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.plan import serve
from benchmarks.vendor import CHUNK, VendorClient

__all__ = ["measure"]

_SIZES: dict[float, str] = {10_000: "10k", 100_000: "100k", 1_000_000: "1M", 10_000_000: "10M"}
#: Items that the rounds of one size send together: what is small is measured more often.
_QUICK_ITEMS, _ITEMS = 2_000_000, 12_000_000
_LARGEST_ROUNDS = 3
_COLUMNS = (
    Column("ratio", "ratio"),
    CONTROL,
    Column("CPU µs per item, hand loop", "hand cpu"),
    Column("CPU µs per item, ours", "ours cpu"),
    Column("peak MiB, hand loop", "hand peak", ".1f"),
    Column("peak MiB, ours", "ours peak", ".1f"),
    Column("rounds", "rounds", ".0f"),
)


def _rounds(plan: GrowthPlan, size: int) -> int:
    if size == max(_SIZES):
        return 1 if plan.quick else _LARGEST_ROUNDS
    return min(2 * plan.pairs, (_QUICK_ITEMS if plan.quick else _ITEMS) // size)


async def measure(plan: GrowthPlan) -> Growth:
    """Send identifiers from a generator, so many in one run."""
    points = Points(_SIZES)
    async with serve(plan) as sink, open_session() as session, VendorClient(sink.url) as client:

        async def hand(chunks: int) -> None:
            await post_all(session, f"{sink.url}/tag", chunked(ids(chunks * CHUNK), CHUNK), tag_body)

        async def ours(chunks: int) -> None:
            await consumed(client.tag(ids(chunks * CHUNK)))

        for work in (hand, ours):  # opens the connections and fills the caches
            await work(100)
        for size in map(int, list(_SIZES)[: plan.points]):
            compared = await compare(
                plan, {"hand": hand, "ours": ours}, units=size // CHUNK, pairs=_rounds(plan, size)
            )
            figures = {
                "ratio": compared.ratio("ours"),
                "control": compared.control,
                "hand cpu": compared.cpu("hand") / CHUNK,
                "ours cpu": compared.cpu("ours") / CHUNK,
                "hand peak": await peak_memory(plan, sink, "hand", Load(size)),
                "ours peak": await peak_memory(plan, sink, "ours", Load(size)),
                "rounds": compared.rounds,
            }
            points.add(size, figures)
    return Growth(
        name="items",
        grows_with="the number of items",
        done=(
            "Identifiers from a generator, 1000 in a request, 32 requests at one time. The ratio is of items "
            "per second to the hand-written loop, inside each round; the largest size has few rounds. Peak "
            "memory is that of a process of its own, which has loaded the package and sends the items once."
        ),
        tables=[points.table("items", _COLUMNS)],
        panels=_panels(points),
    )


def _panels(points: Points) -> list[Panel]:
    return [
        Panel(
            title="What an item costs",
            x="items of a run",
            y="CPU µs per item",
            lines=[
                points.line("hand cpu", "hand loop", "hand"),
                points.line("ours cpu", "ours", "ours"),
            ],
            ticks=points.ticks,
        ),
        Panel(
            title="Speed against the hand loop",
            x="items of a run",
            y="ratio of items per second",
            lines=[points.line("ratio", "ours", "ours"), points.line("control", "control", "control")],
            ticks=points.ticks,
            is_ratio=True,
        ),
        Panel(
            title="Peak memory of a process",
            x="items of a run",
            y="MiB",
            lines=[
                points.line("hand peak", "hand loop", "hand"),
                points.line("ours peak", "ours", "ours"),
            ],
            ticks=points.ticks,
        ),
    ]
