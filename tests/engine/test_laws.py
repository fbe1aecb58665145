"""The six laws of the engine, under generated faults, limits, sources and points of cancellation."""

import asyncio
from collections import Counter

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import FAULTS, ScriptedVendor, make_client
from virtual_time import run

from netaudience import Delivered, Failed, InDoubt, Rejected, RetryPolicy, Settings
from netaudience.errors import NetaudienceError
from netaudience.model.limits import Limit, Quota, Window, assumed

PATIENT = Settings(retry=RetryPolicy(attempts=4), allow_empty=True)


def windows(plan):
    return () if plan["rate"] is None else (Window(figure(plan["rate"]), plan["per"], plan["counts"]),)


def figure(value):
    return None if value is None else assumed(value, "generated")


@st.composite
def plans(draw):
    """A vendor, its limits, its faults, and a source."""
    keyed = draw(st.booleans())
    count = draw(st.integers(0, 60))
    keys = draw(st.lists(st.integers(0, 25), min_size=count, max_size=count))
    rows = draw(st.integers(1, 12))
    bad = draw(st.sets(st.integers(0, 60), max_size=8)) if not keyed else set()
    return {
        "keyed": keyed,
        "idempotent": draw(st.booleans()),
        "bad": bad,
        "items": [
            {"key": f"k{key}", "value": position}
            if keyed
            else ""
            if position in bad
            else f"k{key}-{position}"
            for position, key in enumerate(keys)
        ],
        "rows": rows,
        "keys": draw(st.none() | st.integers(1, 12)),
        "bytes": draw(st.none() | st.integers(60, 400)),
        "in_flight": draw(st.integers(1, 5)),
        "rate": draw(st.none() | st.integers(1, 8)),
        "per": draw(st.sampled_from([0.5, 1.0, 3.0])),
        "ceiling": draw(st.none() | st.integers(8, 40)),
        "faults": draw(st.lists(st.sampled_from(FAULTS), max_size=40)),
        "poison": [
            f"k{key}" if keyed else f"k{key}-{at}"
            for at, key in enumerate(keys)
            if draw(st.integers(0, 19)) == 0
        ],
        "blames": draw(st.sampled_from([None, None, "named", "half", "counted", "path"])),
        "again": {
            f"k{key}" if keyed else f"k{key}-{at}": draw(st.integers(1, 9))
            for at, key in enumerate(keys)
            if draw(st.integers(0, 19)) == 0
        },
        "faulty": [
            f"k{key}" if keyed else f"k{key}-{at}"
            for at, key in enumerate(keys)
            if draw(st.integers(0, 29)) == 0
        ],
        "unique_per_request": draw(st.booleans()),
        "counts": draw(st.sampled_from(["requests", "records"])),
        "unauthorized_after": draw(st.none() | st.none() | st.none() | st.integers(0, 15)),
        "latency": draw(st.sampled_from([0.0, 0.05, 0.4])),
        "jitter": draw(st.sampled_from([0.0, 0.2])),
        "source": draw(st.sampled_from(["list", "generator", "async", "pages"])),
        "raises_at": draw(st.none() | st.none() | st.integers(0, 60)),
        "seed": draw(st.integers(0, 1000)),
    }


class SourceBroke(Exception):
    pass


def source_of(plan, pulled):
    items, raises_at = plan["items"], plan["raises_at"]

    def generator():
        for position, item in enumerate(items):
            if position == raises_at:
                raise SourceBroke
            pulled.append(item)
            yield item

    async def asynchronous():
        given = generator()
        while True:
            if len(pulled) % 3 == 0:
                await asyncio.sleep(0.01)
            for item in given:
                yield item
                break
            else:
                return

    async def in_pages():
        for start in range(0, len(items) + 1, 7):
            if raises_at is not None and start >= raises_at:
                raise SourceBroke
            await asyncio.sleep(0.01)
            pulled.extend(items[start : start + 7])
            yield items[start : start + 7]

    if plan["source"] == "list" and raises_at is None:
        pulled.extend(items)
        return items
    return {"async": asynchronous, "pages": in_pages}.get(plan["source"], generator)()


def build(plan):
    vendor = ScriptedVendor(
        faults=plan["faults"],
        # An adaptive rate is our guess at an unknown figure: the vendor counts none here.
        rate=plan["rate"] if plan["ceiling"] is None else None,
        per=plan["per"],
        in_flight=plan["in_flight"],
        most_rows=plan["rows"],
        most_keys=plan["keys"] or 10**9,
        most_bytes=plan["bytes"] or 10**9,
        poison=plan["poison"],
        blames=plan["blames"],
        retryable=plan["again"],
        faulty=plan["faulty"],
        counts=plan["counts"],
        unauthorized_after=plan["unauthorized_after"],
        latency=plan["latency"],
        jitter=plan["jitter"],
        seed=plan["seed"],
    )
    client = make_client(
        vendor,
        limit=Limit(keys=figure(plan["keys"]), rows=figure(plan["rows"]), bytes=figure(plan["bytes"])),
        quota=Quota(
            "test",
            windows(plan),
            in_flight=assumed(plan["in_flight"], "generated"),
            ceiling=figure(plan["ceiling"]) if plan["rate"] else None,
        ),
        idempotent=plan["idempotent"],
        keyed=plan["keyed"],
        unique_per_request=plan["unique_per_request"] and plan["keyed"],
        settings=PATIENT,
    )
    return vendor, client


def name_of(plan, item):
    return (item["key"], item["value"]) if plan["keyed"] else (item, 0)


def check_vendor(plan, vendor):
    """Laws 2, 3 and 6 as the vendor sees them."""
    assert not vendor.broken
    if not plan["idempotent"]:
        repeated = [item for item, times in vendor.applied.items() if times > 1]
        assert not repeated
    for values in vendor.order.values():
        # A repeated chunk may apply its values again, but never an older one after a newer one is final.
        assert values[-1] == max(values)


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


@settings(max_examples=examples(300), **COMMON)
@given(plans())
def test_every_position_has_exactly_one_outcome_and_it_is_true(plan):
    vendor, client = build(plan)
    pulled = []

    async def carry():
        outcomes = []
        stopped = None
        async with client.put(source_of(plan, pulled)) as stream:
            try:
                async for outcome in stream:
                    outcomes.append(outcome)
            except NetaudienceError as error:
                stopped = error
            report = stream.report
        assert asyncio.all_tasks() == {asyncio.current_task()}  # law 5
        return outcomes, report, stopped

    outcomes, report, stopped = run(carry())
    if plan["source"] == "list":  # of a list that the run did not read to its end, nobody can tell
        del pulled[report.items :]
    # Law 1
    assert sorted(outcome.position for outcome in outcomes) == list(range(len(pulled)))
    for outcome in outcomes:
        assert outcome.item == pulled[outcome.position]
    # The report tells the same.
    kinds = Counter(type(outcome) for outcome in outcomes)
    assert (report.delivered, report.rejected, report.failed, report.in_doubt, report.unsent) == (
        kinds[Delivered],
        kinds[Rejected],
        kinds[Failed],
        kinds[InDoubt],
        0,
    )
    assert report.items == len(pulled)
    assert report.stopped is stopped
    assert report.ok == (stopped is None and kinds[Delivered] == len(pulled))
    # Law 6: what is said of each item is what the vendor did.
    for outcome in outcomes:
        times = vendor.applied[name_of(plan, outcome.item)]
        match outcome:
            case Delivered():
                assert times >= 1
            case Rejected() | Failed():
                assert times == 0
    check_vendor(plan, vendor)
    if plan["unauthorized_after"] is None and not plan["faults"] and plan["raises_at"] is None:
        told = {outcome.position for outcome in outcomes if not isinstance(outcome, Delivered)}
        poisoned = {
            at
            for at, item in enumerate(pulled)
            if name_of(plan, item)[0] in plan["poison"] or at in plan["bad"]
        }
        assert poisoned <= told
        faulty = {at for at, item in enumerate(pulled) if name_of(plan, item)[0] in plan["faulty"]}
        assert faulty <= told
        searched = plan["idempotent"] and not plan["again"] and not faulty
        if searched and kinds[Failed] == kinds[InDoubt] == 0:
            too_large = {
                o.position for o in outcomes if isinstance(o, Rejected) and o.position not in poisoned
            }
            assert told == poisoned | too_large
            assert all("bytes" in str(o.reason) for o in outcomes if o.position in too_large)


@settings(max_examples=examples(150), **COMMON)
@given(plans(), st.floats(0, 8), st.booleans())
def test_a_run_left_early_keeps_nothing_alive_and_its_counts_reconcile(plan, when, cancelled):
    vendor, client = build(plan)
    pulled = []
    reports = []

    async def read():
        async with client.put(source_of(plan, pulled)) as stream:
            reports.append(stream.report)
            seen = 0
            async for _ in stream:
                seen += 1
                if not cancelled and seen > when * 5:
                    break

    async def leave():
        task = asyncio.create_task(read())
        if cancelled:
            await asyncio.sleep(when)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(leave())
    if not reports:
        return
    report = reports[0]
    if plan["source"] == "list":
        del pulled[report.items :]
    assert report.items == len(pulled)
    assert report.settled + report.unsent == report.items
    assert vendor.in_flight == 0
    assert not vendor.broken
    applied = sum(1 for item in pulled if vendor.applied[name_of(plan, item)])
    assert report.delivered <= applied <= report.delivered + report.in_doubt
    if not plan["idempotent"]:
        assert all(times == 1 for times in vendor.applied.values())


@settings(max_examples=examples(60), **COMMON)
@given(plans(), st.integers(2, 4))
def test_clients_of_one_account_share_its_quota(plan, clients):
    vendor = ScriptedVendor(
        rate=plan["rate"], per=plan["per"], in_flight=plan["in_flight"], jitter=plan["jitter"]
    )
    quota = Quota(
        "test",
        windows({**plan, "counts": "requests"}),
        in_flight=assumed(plan["in_flight"], "generated"),
    )

    async def carry():
        made = [make_client(vendor, quota=quota, settings=PATIENT) for _ in range(clients)]
        reports = await asyncio.gather(
            *(client.put([f"{at}-{n}" for n in range(30)]).settled() for at, client in enumerate(made))
        )
        assert all(report.ok for report in reports)

    run(carry())
    assert not vendor.broken
    assert len(vendor.applied) == 30 * clients


@pytest.mark.parametrize("source", ["list", "generator", "async", "pages"])
def test_nothing_grows_with_the_number_of_items(source):
    """Law 4: what is read and not yet settled is bounded, and so are the tasks."""
    vendor = ScriptedVendor(latency=0.01)
    client = make_client(vendor)
    plan = {"items": [f"k{n}" for n in range(5000)], "raises_at": None, "source": source}
    pulled = []
    most_ahead = most_tasks = 0

    async def carry():
        nonlocal most_ahead, most_tasks
        async with client.put(source_of(plan, pulled)) as stream:
            async for chunk in stream.chunks():
                assert chunk.items
                if source != "list":
                    most_ahead = max(most_ahead, len(pulled) - stream.report.settled)
                most_tasks = max(most_tasks, len(asyncio.all_tasks()))

    run(carry())
    assert most_tasks <= 5
    assert most_ahead <= 150


def test_a_reader_that_stands_still_stops_the_run():
    vendor = ScriptedVendor(latency=0.01)
    client = make_client(vendor)
    pulled = []

    async def carry():
        plan = {"items": [f"k{n}" for n in range(5000)], "raises_at": None, "source": "generator"}
        async with client.put(source_of(plan, pulled)) as stream:
            await anext(stream.chunks())
            await asyncio.sleep(1000)
        return stream.report

    report = run(carry())
    assert vendor.requests <= 12
    assert len(pulled) <= 200
    assert report.settled + report.unsent == len(pulled)
