"""How the cost grows with the accounts that one process serves at one time, each with a client of its own.

The same items and the same requests at one time in all, shared among the accounts. Then each account has a
limit of its own, which the sink counts strictly for each.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import aiohttp

from benchmarks.growth.alone import Load, Who, peak_memory
from benchmarks.growth.comparing import compare
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points
from benchmarks.growth.work import consumed, ids, tag_body
from benchmarks.hand import chunked, open_session, post_all
from benchmarks.measure import Work
from benchmarks.plan import Sink, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import VendorClient
from netaudience import Settings

__all__ = ["measure"]

_ACCOUNTS: dict[float, str] = {1: "1", 10: "10", 100: "100"}
#: Requests at one time, and identifiers of a request, over all accounts together.
_IN_FLIGHT = 100
_ROWS = 100
#: Requests of a slice, so that each account has some whatever their number.
_REQUESTS = 1000
#: Requests per second of all accounts together, where each has a limit.
_RATE = 1000
_SPEED = (
    Column("CPU µs per request, hand loop", "hand cpu", ",.0f"),
    Column("CPU µs per request, ours", "our cpu", ",.0f"),
    Column("ratio", "ratio"),
    CONTROL,
    Column("speed, ratio to one account, hand loop", "hand growth"),
    Column("speed, ratio to one account, ours", "our growth"),
)
_MEMORY = (
    Column("peak MiB, hand loop", "hand peak", ".1f"),
    Column("peak MiB, ours", "our peak", ".1f"),
    Column("KiB per further account, hand loop", "hand each", ",.0f"),
    Column("KiB per further account, ours", "our each", ",.0f"),
)
_LIMITED = (
    Column("each with a limit: time, ratio to the least", "limited"),
    Column("the same again", "limited again"),
    Column("CPU µs per request", "limited cpu", ",.0f"),
    Column("429s", "over", ".0f"),
)


async def measure(plan: GrowthPlan) -> Growth:
    """Send with so many accounts at one time."""
    accounts = [int(number) for number in list(_ACCOUNTS)[: plan.points]]
    points = Points(_ACCOUNTS)
    async with serve(plan) as sink:
        speeds = await _speeds(plan, sink, accounts)
        least = {who: await _peak(plan, sink, who, 1) for who in ("hand", "ours")}
        for number in accounts:
            hand, ours = [
                least[who] if number == 1 else await _peak(plan, sink, who, number)
                for who in ("hand", "ours")
            ]
            limited = [await _limited(plan, number) for _ in range(2)]
            points.add(
                number,
                {
                    **speeds[number],
                    "hand peak": hand,
                    "our peak": ours,
                    "hand each": (hand - least["hand"]) * 1024 / max(1, number - 1),
                    "our each": (ours - least["ours"]) * 1024 / max(1, number - 1),
                    "limited": limited[0][0],
                    "limited again": limited[1][0],
                    "limited cpu": min(cpu for _, cpu, _ in limited),
                    "over": sum(over for _, _, over in limited),
                },
            )
    return Growth(
        name="accounts",
        grows_with="the accounts of a process",
        done=(
            "Each account has a client and a run of its own, the hand-written loop a session for each, all "
            "at one time. Together they send as many items in requests of 100 identifiers, 100 at one time, "
            "whatever their number. All of them are measured in the same rounds. Peak memory is that of a "
            "process of its own. Then each account is limited to its share of 1000 requests per second, one "
            "identifier in each, which the sink counts in a strict sliding window for each account: the time "
            "is a ratio to the least that such a limit allows, twice."
        ),
        tables=[points.table("accounts", columns) for columns in (_SPEED, _MEMORY, _LIMITED)],
        panels=_panels(points),
    )


async def _speeds(plan: GrowthPlan, sink: Sink, accounts: list[int]) -> dict[int, dict[str, float]]:
    """Measure the hand-written loop and ours at every number of accounts, in the same rounds."""
    variants: dict[str, Work] = {}
    async with AsyncExitStack() as opened:
        for number in accounts:
            sessions = [
                await opened.enter_async_context(open_session(_IN_FLIGHT // number)) for _ in range(number)
            ]
            settings = Settings(in_flight=_IN_FLIGHT // number, max_rows=_ROWS)
            clients = [
                await opened.enter_async_context(
                    VendorClient(sink.url, account=f"{number}-{place}", settings=settings)
                )
                for place in range(number)
            ]
            hand = _by_hand(sessions, f"{sink.url}/tag")
            variants |= {f"hand {number}": hand, f"again {number}": hand, f"ours {number}": _by_ours(clients)}
        # Each slice opens no connection that was not open before: all are opened by the first.
        compared = await compare(plan, {"hand": variants["hand 1"], **variants}, least=1)
    return {
        number: {
            "hand cpu": compared.cpu(f"hand {number}") / _REQUESTS,
            "our cpu": compared.cpu(f"ours {number}") / _REQUESTS,
            "ratio": compared.ratio(f"ours {number}", f"hand {number}"),
            "control": compared.ratio(f"again {number}", f"hand {number}"),
            "hand growth": compared.ratio(f"hand {number}", "hand 1"),
            "our growth": compared.ratio(f"ours {number}", "ours 1"),
        }
        for number in accounts
    }


def _by_hand(sessions: list[aiohttp.ClientSession], url: str) -> Work:
    share = _REQUESTS // len(sessions)

    async def work(units: int) -> None:
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                source = chunked(ids(units * share * _ROWS), _ROWS)
                group.create_task(post_all(session, url, source, tag_body, _IN_FLIGHT // len(sessions)))

    return work


def _by_ours(clients: list[VendorClient]) -> Work:
    share = _REQUESTS // len(clients)

    async def work(units: int) -> None:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(consumed(client.tag(ids(units * share * _ROWS))))

    return work


async def _peak(plan: GrowthPlan, sink: Sink, who: Who, accounts: int) -> float:
    return await peak_memory(plan, sink, who, Load(_REQUESTS * _ROWS, accounts, _IN_FLIGHT, _ROWS))


async def _limited(plan: GrowthPlan, accounts: int) -> tuple[float, float, int]:
    """Return the time against its minimum, the CPU µs per request, and the requests over the limit."""
    rate = _RATE // accounts
    seconds = 2 if plan.quick else 5
    settings = Settings(rate=rate, in_flight=max(1, _IN_FLIGHT // accounts))
    requests = rate * seconds + 1
    async with serve(plan, Behaviour(limit=rate)) as sink, AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(
                VendorClient(sink.url, account=f"{accounts}-{place}", settings=settings)
            )
            for place in range(accounts)
        ]
        start, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(consumed(client.touch.each(ids(requests))))
        taken, cpu = time.perf_counter() - start, time.process_time() - cpu
        counts = await sink.stats()
    return taken / seconds, cpu / (requests * accounts) * 1e6, counts["over_limit"]


def _panels(points: Points) -> list[Panel]:
    ticks = points.ticks
    x = "accounts at one time"
    return [
        Panel(
            title="What a request costs",
            x=x,
            y="CPU µs per request",
            lines=[
                points.line("hand cpu", "hand loop", "hand"),
                points.line("our cpu", "ours", "ours"),
                points.line("limited cpu", "ours, each with a limit", "ours", place=1),
            ],
            ticks=ticks,
        ),
        Panel(
            title="Speed against the hand loop",
            x=x,
            y="ratio of items per second",
            lines=[points.line("ratio", "ours", "ours"), points.line("control", "control", "control")],
            ticks=ticks,
            is_ratio=True,
        ),
        Panel(
            title="Peak memory of a process",
            x=x,
            y="MiB",
            lines=[
                points.line("hand peak", "hand loop", "hand"),
                points.line("our peak", "ours", "ours"),
            ],
            ticks=ticks,
        ),
        Panel(
            title="Each account with a limit of its own",
            x=x,
            y="time, ratio to the least",
            lines=[
                points.line("limited", "ours", "ours"),
                points.line("limited again", "the same again", "control"),
            ],
            ticks=ticks,
            is_ratio=True,
        ),
    ]
