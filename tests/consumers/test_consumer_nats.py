"""The NATS recipes against a real server and a vendor with faults: killed, started again, stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import nats
import pytest
from broker_servers import nats_server
from event_streams import (
    FAULTS,
    Events,
    Recipe,
    assert_applied_in_order,
    kill_and_drain,
    make_events,
    vendor,
    wait_for,
)

T = TypeVar("T")


def on(url: str, action) -> object:
    async def main():
        connection = await nats.connect(url)
        try:
            return await action(connection.jetstream())
        finally:
            await connection.close()

    return asyncio.run(main())


def publish(url: str, events: Events, retention: str = "limits") -> None:
    async def action(js):
        await js.add_stream(name="AUDIENCE", subjects=["audience.>", "others.>"], retention=retention)
        await js.publish("others.1", b"for somebody else")
        for body in events.bodies:
            await js._nc.publish("audience.events", body)
        await js._nc.flush()
        while (await js.stream_info("AUDIENCE")).state.messages < len(events.bodies) + 1:
            await asyncio.sleep(0.01)

    on(url, action)


def drained(url: str) -> bool:
    async def action(js):
        try:
            info = await js.consumer_info("AUDIENCE", "netaudience")
        except nats.js.errors.NotFoundError:
            return False
        return info.num_pending == info.num_ack_pending == 0

    return on(url, action)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "retention", "seed"),
    [
        ("nats_jetstream.py", "limits", 1),
        ("faststream_nats.py", "limits", 3),
    ],
)
def test_a_consumer_that_is_killed_loses_nothing_and_keeps_the_order(
    name: str, retention: str, seed: int, tmp_path: Path
) -> None:
    events = make_events(seed)
    with nats_server(tmp_path) as url, vendor(*FAULTS) as (sandbox, notes):
        publish(url, events, retention)
        recipe = Recipe(name, sandbox, tmp_path, NATS_URL=url)
        kill_and_drain(recipe, (sandbox, notes), events, lambda: drained(url), seed=seed)
    assert_applied_in_order(sandbox, notes, events, recipe)
