"""How the cost grows with the rows of a request: what a request costs, and what a row."""

from __future__ import annotations

from benchmarks.growth.comparing import compare
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points, Table, headings
from benchmarks.growth.work import consumed, ids, records, tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.measure import Work
from benchmarks.plan import Sink, serve
from benchmarks.vendor import VendorClient
from netaudience import Settings

__all__ = ["measure"]

_ROWS: dict[float, str] = {1: "1", 10: "10", 100: "100", 1000: "1000"}
_SENT = ("identifiers", "records")
_COLUMNS = (
    Column("CPU µs per request, hand loop", "hand request", ",.0f"),
    Column("CPU µs per request, ours", "our request", ",.0f"),
    Column("CPU µs per item, hand loop", "hand item", ".2f"),
    Column("CPU µs per item, ours", "our item", ".2f"),
    Column("ratio", "ratio"),
    CONTROL,
)


async def measure(plan: GrowthPlan) -> Growth:
    """Send identifiers and records, so many in a request."""
    found = {sent: Points(_ROWS) for sent in _SENT}
    async with serve(plan) as sink:
        for sent, points in found.items():
            for rows in map(int, list(_ROWS)[: plan.points]):
                points.add(rows, await _point(plan, sink, sent, rows))
    return Growth(
        name="chunk",
        grows_with="the rows of a request",
        done=(
            "The same operation with `max_rows` set: bare identifiers, and dict records, each of which is "
            "checked and whose key's order is kept. 32 requests at one time. The ratio is of speed to the "
            "hand-written loop."
        ),
        tables=[
            Table(
                headings=["items", "rows of a request", *headings(_COLUMNS)],
                rows=[row for sent, points in found.items() for row in points.rows(_COLUMNS, before=[sent])],
            )
        ],
        panels=_panels(found),
    )


async def _point(plan: GrowthPlan, sink: Sink, sent: str, rows: int) -> dict[str, float]:
    settings = Settings(max_rows=rows)
    async with open_session() as session, VendorClient(sink.url, settings=settings) as client:

        async def hand_ids(requests: int) -> None:
            await post_all(session, f"{sink.url}/tag", chunked(ids(requests * rows), rows), tag_body)

        async def our_ids(requests: int) -> None:
            await consumed(client.tag(ids(requests * rows)))

        async def hand_records(requests: int) -> None:
            source = chunked(records(requests * rows), rows)
            await post_all(session, f"{sink.url}/records", source, lambda chunk: chunk)

        async def our_records(requests: int) -> None:
            await consumed(client.write(records(requests * rows)))

        hand, ours = (hand_ids, our_ids) if sent == "identifiers" else (hand_records, our_records)
        variants: dict[str, Work] = {"hand": hand, "ours": ours}
        compared = await compare(plan, variants)
    return {
        "hand request": compared.cpu("hand"),
        "our request": compared.cpu("ours"),
        "hand item": compared.cpu("hand") / rows,
        "our item": compared.cpu("ours") / rows,
        "ratio": compared.ratio("ours"),
        "control": compared.control,
    }


def _panels(found: dict[str, Points]) -> list[Panel]:
    ticks = found[_SENT[0]].ticks

    def panel(title: str, y: str, hand: str, ours: str) -> Panel:
        lines = [
            line
            for place, (sent, points) in enumerate(found.items())
            for line in (
                points.line(hand, f"hand loop, {sent}", "hand", place=place),
                points.line(ours, f"ours, {sent}", "ours", place=place),
            )
        ]
        return Panel(title=title, x="rows of a request", y=y, lines=lines, ticks=ticks, y_log=True)

    return [
        panel("What a request costs", "CPU µs per request", "hand request", "our request"),
        panel("What an item costs", "CPU µs per item", "hand item", "our item"),
        Panel(
            title="Speed against the hand loop",
            x="rows of a request",
            y="ratio of speed",
            lines=[
                line
                for place, (sent, points) in enumerate(found.items())
                for line in (
                    points.line("ratio", f"ours, {sent}", "ours", place=place),
                    points.line("control", f"control, {sent}", "control", place=place),
                )
            ],
            ticks=ticks,
            is_ratio=True,
        ),
    ]
