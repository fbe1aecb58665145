"""The Redis Streams recipe against a real server and a vendor with faults: killed, started again, stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from broker_servers import redis_server
from event_streams import FAULTS, Events, Recipe, assert_applied_in_order, kill_and_drain, make_events, vendor
from redis import Redis


def publish(redis: Redis, events: Events) -> None:
    with redis.pipeline(transaction=False) as pipeline:
        for body in events.bodies:
            pipeline.xadd("audience", {"event": body})
        pipeline.execute()


def drained(redis: Redis, events: Events) -> bool:
    groups = redis.xinfo_groups("audience")
    newest = redis.xinfo_stream("audience")["last-generated-id"]
    return any(group["pending"] == 0 and group["last-delivered-id"] == newest for group in groups)


@pytest.mark.slow
def test_a_consumer_that_is_killed_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    events = make_events(2)
    with redis_server(tmp_path) as url, vendor(*FAULTS) as (sandbox, notes), Redis.from_url(url) as redis:
        publish(redis, events)
        recipe = Recipe("redis_streams.py", sandbox, tmp_path, REDIS_URL=url)
        kill_and_drain(recipe, (sandbox, notes), events, lambda: drained(redis, events), seed=2)
    assert_applied_in_order(sandbox, notes, events, recipe)
