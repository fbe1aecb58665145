"""How the cost grows with the requests at one time, at a sink that answers at once and at a slow one."""

from __future__ import annotations

from benchmarks.growth.comparing import compare
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points, Table, headings
from benchmarks.growth.work import consumed, ids, records, tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.measure import Work
from benchmarks.plan import Sink, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import CHUNK, VendorClient
from netaudience import Settings

__all__ = ["measure"]

_IN_FLIGHT: dict[float, str] = {1: "1", 8: "8", 32: "32", 128: "128"}
_SINKS = {"at once": 0.0, "after 20 ms": 0.02}
_SENT = ("1000 ids", "1 record")
#: Rounds of requests in a slice at a slow sink: a shorter one would measure the start of a run.
_TURNS = 6
_COLUMNS = (
    Column("requests/s, hand loop", "hand", ",.0f"),
    Column("requests/s, ours", "ours", ",.0f"),
    Column("ratio", "ratio"),
    CONTROL,
)


async def measure(plan: GrowthPlan) -> Growth:
    """Send full and small requests, so many at one time."""
    found = {(answers, sent): Points(_IN_FLIGHT) for answers in _SINKS for sent in _SENT}
    for answers, delay in _SINKS.items():
        async with serve(plan, Behaviour(delay=delay)) as sink:
            for in_flight in map(int, list(_IN_FLIGHT)[: plan.points]):
                for sent in _SENT:
                    figures = await _point(plan, sink, sent, in_flight)
                    found[answers, sent].add(in_flight, figures)
    return Growth(
        name="in-flight",
        grows_with="the requests at one time",
        done=(
            "Requests of 1000 identifiers, and of one record whose key's order is kept, at a sink that "
            "answers at once and at one that takes 20 ms. The ratio is of requests per second to the "
            "hand-written loop with as many workers."
        ),
        tables=[
            Table(
                headings=["the sink answers", "a request", "in flight", *headings(_COLUMNS)],
                rows=[row for where, points in found.items() for row in points.rows(_COLUMNS, before=where)],
            )
        ],
        panels=[
            panel for answers in _SINKS for panel in _panels(answers, [found[answers, s] for s in _SENT])
        ],
    )


async def _point(plan: GrowthPlan, sink: Sink, sent: str, in_flight: int) -> dict[str, float]:
    settings = Settings(in_flight=in_flight)
    async with open_session(in_flight) as session, VendorClient(sink.url, settings=settings) as client:

        async def hand_ids(requests: int) -> None:
            source = chunked(ids(requests * CHUNK), CHUNK)
            await post_all(session, f"{sink.url}/tag", source, tag_body, in_flight)

        async def our_ids(requests: int) -> None:
            await consumed(client.tag(ids(requests * CHUNK)))

        async def hand_records(requests: int) -> None:
            source = records(requests)
            await post_all(session, f"{sink.url}/record", source, lambda record: record, in_flight)

        async def our_records(requests: int) -> None:
            await consumed(client.write_one.each(records(requests)))

        hand, ours = (hand_ids, our_ids) if sent == _SENT[0] else (hand_records, our_records)
        variants: dict[str, Work] = {"hand": hand, "ours": ours}
        compared = await compare(plan, variants, least=_TURNS * in_flight)
    return {
        "hand": compared.speed("hand"),
        "ours": compared.speed("ours"),
        "ratio": compared.ratio("ours"),
        "control": compared.control,
    }


def _panels(answers: str, found: list[Points]) -> list[Panel]:
    ticks = found[0].ticks
    series = list(zip(found, _SENT, (0, 1), strict=True))
    return [
        Panel(
            title=f"The sink answers {answers}",
            x="requests at one time",
            y="requests per second",
            lines=[
                line
                for points, sent, place in series
                for line in (
                    points.line("hand", f"hand loop, {sent}", "hand", place=place),
                    points.line("ours", f"ours, {sent}", "ours", place=place),
                )
            ],
            ticks=ticks,
            y_log=True,
        ),
        Panel(
            title=f"Speed against the hand loop, {answers}",
            x="requests at one time",
            y="ratio of requests per second",
            lines=[
                line
                for points, sent, place in series
                for line in (
                    points.line("ratio", f"ours, {sent}", "ours", place=place),
                    points.line("control", f"control, {sent}", "control", place=place),
                )
            ],
            ticks=ticks,
            is_ratio=True,
        ),
    ]
