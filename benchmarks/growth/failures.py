"""How the cost grows with the share of what fails: by a rule, by name, by a 503, by poison.

The bar is the hand-written loop with as many items none of which fails: it could not tell them apart. In each
slice of ours what was rejected must be exactly what should be, or there is no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import attrs

from benchmarks.growth.comparing import compare
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points, Table, headings
from benchmarks.growth.work import tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.measure import Work
from benchmarks.plan import serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import CHUNK, IN_FLIGHT, VendorClient
from netaudience import Rejected, Report, RetryPolicy, Run, Settings

__all__ = ["Kind", "measure", "mixed", "places"]

#: The share that fails, as one in so many; 0 for none.
_SHARES = ("0", "0.1%", "1%", "10%")
_ONE_IN = (0, 1000, 100, 10)
_COLUMNS = (
    Column("CPU µs per item, hand loop", "hand cpu", ".2f"),
    Column("CPU µs per item, ours", "our cpu", ".2f"),
    Column("CPU, ratio to no failure", "growth", ".2f"),
    Column("ratio of speed to the hand loop", "ratio"),
    CONTROL,
    Column("requests per 1000 items", "requests", ",.1f"),
)


@attrs.frozen(kw_only=True)
class Kind:
    """One way of failing."""

    name: str
    #: What the sink does.
    behaviour: Behaviour
    #: The operation, by the client and the items.
    run: Callable[[VendorClient, Iterator[str]], Run[str]]
    #: What stands before the number of an item that fails.
    prefix: str
    #: Whether what fails is rejected in the end; else it is delivered.
    rejected: bool = True
    #: Items of a unit, and of a request.
    unit: int = CHUNK
    rows: int = CHUNK
    #: Units of a slice, where they are fixed.
    units: int | None = None
    in_flight: int = IN_FLIGHT


_KINDS = (
    Kind(
        name="breaks a rule",
        behaviour=Behaviour(),
        run=lambda client, items: client.tag(items),
        prefix="\n",
    ),
    Kind(
        name="named in the answer",
        behaviour=Behaviour(named="malformed"),
        run=lambda client, items: client.tag_named(items),
        prefix="malformed",
    ),
    Kind(
        name="answered 503 once",
        behaviour=Behaviour(unavailable="put-off"),
        run=lambda client, items: client.touch.each(items),
        prefix="put-off",
        rejected=False,
        rows=1,
    ),
    Kind(
        name="refused with its chunk",
        behaviour=Behaviour(poison="poisonous"),
        run=lambda client, items: client.tag(items),
        prefix="poisonous",
        units=10,
        in_flight=8,
    ),
)


def _place(start: int, one_in: int) -> int:
    """Return which of the items from there on fails; it wanders, so that no chunk is like the one before."""
    return start + (start // one_in * 7 + start // CHUNK * 3) % one_in


def _touch_body(ext_id: str) -> object:
    return {"extId": ext_id}


@cache
def places(count: int, one_in: int) -> list[int]:
    """Return which of so many items fail."""
    if not one_in:
        return []
    return [place for start in range(0, count, one_in) if (place := _place(start, one_in)) < count]


def mixed(count: int, one_in: int, prefix: str) -> Iterator[str]:
    """Make so many identifiers, one in so many with another beginning."""
    step = one_in or count
    for start in range(0, count, step):
        place = _place(start, one_in) if one_in else -1
        for number in range(start, min(start + step, count)):
            yield f"{prefix if number == place else 'customer'}-{number:08d}"


async def _carried(run: Run[str], kind: Kind, expected: list[int]) -> Report:
    """Read a run, look at what was not delivered, and compare it with what should not be."""
    rejected: list[int] = []
    async with run as outcomes:
        async for settled in outcomes.chunks():
            rejected.extend(one.position for one in settled.undelivered if isinstance(one, Rejected))
        report = outcomes.report
    rejected.sort()
    wanted = expected if kind.rejected else []
    again = 0 if kind.rejected else len(expected)
    if (rejected, report.delivered, report.retries) != (wanted, report.items - len(wanted), again):
        raise RuntimeError(
            f"{kind.name}: {len(wanted)} of {report.items:,} items were to be rejected and {again} requests "
            f"to be repeated, but {len(rejected)} were rejected, {report.delivered:,} delivered and "
            f"{report.retries} repeated"
        )
    return report


async def measure(plan: GrowthPlan) -> Growth:
    """Send items of which a share fails."""
    found = {kind: await _share(plan, kind) for kind in _KINDS}
    return Growth(
        name="failures",
        grows_with="the share that fails",
        done=(
            "Identifiers, one in so many of which fails, at places that wander: it breaks a documented rule "
            "and is never sent; the vendor names it in its answer to a request of 1000; the request, of one "
            "item, is answered 503 with `Retry-After: 0` and sent again; the vendor refuses its whole "
            "request of 1000 and names nobody, so that it is halved. The hand-written loop sends as many "
            "items, none of which fails. In each slice what was rejected is compared, one by one, with what "
            "should be. Requests at one time are 32; where chunks are halved they are 8 and a slice is of "
            "10,000 items, for 100 refusals in a row without a success end a run, whoever's they are."
        ),
        tables=[
            Table(
                headings=["an item", "share", *headings(_COLUMNS)],
                rows=[
                    row for kind, points in found.items() for row in points.rows(_COLUMNS, before=[kind.name])
                ],
            )
        ],
        panels=_panels(found),
    )


async def _share(plan: GrowthPlan, kind: Kind) -> Points:
    """Measure one way of failing at every share, in the same rounds."""
    points = Points(dict(enumerate(_SHARES)))
    shares = dict(zip(_SHARES, _ONE_IN[: plan.points], strict=False))
    requests: dict[int, float] = {}
    settings = Settings(retry=RetryPolicy(first_wait=0.001), in_flight=kind.in_flight)
    path = "touch" if kind.rows == 1 else "tag"
    async with (
        serve(plan, kind.behaviour) as sink,
        open_session(kind.in_flight) as session,
        VendorClient(sink.url, settings=settings) as client,
    ):

        async def hand(units: int) -> None:
            items = mixed(units * kind.unit, 10, "customer")
            if kind.rows == 1:
                await post_all(session, f"{sink.url}/{path}", items, _touch_body, kind.in_flight)
            else:
                await post_all(
                    session, f"{sink.url}/{path}", chunked(items, kind.rows), tag_body, kind.in_flight
                )

        def ours(one_in: int) -> Work:
            async def work(units: int) -> None:
                count = units * kind.unit
                run = kind.run(client, mixed(count, one_in, kind.prefix))
                report = await _carried(run, kind, places(count, one_in))
                requests[one_in] = report.requests / count * 1000

            return work

        variants: dict[str, Work] = {"hand": hand, **{name: ours(share) for name, share in shares.items()}}
        for work in variants.values():  # opens the connections and fills the caches
            await work(1)
        compared = await compare(plan, variants, least=1, units=kind.units)
    for number, (name, share) in enumerate(shares.items()):
        points.add(
            number,
            {
                "hand cpu": compared.cpu("hand") / kind.unit,
                "our cpu": compared.cpu(name) / kind.unit,
                "growth": compared.ratio("0", name, by="cpu"),
                "ratio": compared.ratio(name),
                "control": compared.control,
                "requests": requests[share],
            },
        )
    return points


def _panels(found: dict[Kind, Points]) -> list[Panel]:
    ticks = next(iter(found.values())).ticks
    panels = [
        Panel(
            title=f"The item {kind.name}" if kind.name.startswith("breaks") else f"The item is {kind.name}",
            x="share of the items",
            y="CPU µs per item",
            lines=[
                points.line("hand cpu", "hand loop, none fails", "hand"),
                points.line("our cpu", "ours", "ours"),
            ],
            ticks=ticks,
            x_log=False,
            y_log=kind.units is not None,
        )
        for kind, points in found.items()
    ]
    poison = next(points for kind, points in found.items() if kind.units is not None)
    panels.append(
        Panel(
            title="Requests where a chunk is refused",
            x="share of the items",
            y="requests per 1000 items",
            lines=[poison.line("requests", "ours", "ours")],
            ticks=ticks,
            x_log=False,
            y_log=True,
        )
    )
    panels.append(
        Panel(
            title="Speed against the hand loop",
            x="share of the items",
            y="ratio of items per second",
            lines=[
                *(
                    points.line("ratio", kind.name, "ours", place=place)
                    for place, (kind, points) in enumerate(found.items())
                    if kind.units is None
                ),
                next(iter(found.values())).line("control", "control", "control"),
            ],
            ticks=ticks,
            x_log=False,
            is_ratio=True,
        )
    )
    return panels
