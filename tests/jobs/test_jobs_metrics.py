"""What the hook keeps of a step's requests, against the same events kept whole."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from itertools import pairwise

import pytest

from netaudience.errors import ConfigurationError
from netaudience.events import Paused, RequestEnded
from netaudience.jobs.state.metrics import (
    ACCURACY,
    MOST_PAUSES,
    MOST_SLICES,
    MOST_SLOW,
    Attempt,
    Latencies,
    Metrics,
    read_metrics,
    write_metrics,
)
from netaudience.model.limits import Quota, assumed, documented, per_day, per_minute, per_second
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.settings import Settings
from netaudience.vendors.netmera import NetmeraClient

URL = "https://vendor.example/limits"


def request(sent=0.0, seconds=0.2, status=200, records=10, size=100, waited=0.5, repeated=False):
    return RequestEnded("Vendor", "operation", sent, seconds, status, records, size, waited, repeated)


def paused(at, seconds):
    return Paused("Vendor", "operation", at, seconds)


def some_requests(count, span, *, start=0.0):
    statuses = [200, 200, 200, 202, 400, 404, 429, 500, 503, None]
    return [
        request(
            start + random.uniform(0, span),
            random.lognormvariate(-1.5, 1.0),
            random.choice(statuses),
            random.randint(1, 1000),
            random.randint(0, 500_000),
            random.uniform(0, 3),
            random.random() < 0.1,
        )
        for _ in range(count)
    ]


def measured(events, start=0.0):
    metrics = Metrics(start, wall=1000.0)
    for event in events:
        metrics(event)
    return metrics


DISTRIBUTIONS = {
    "of a network": lambda: random.lognormvariate(-1.5, 0.7),
    "of two kinds": lambda: random.choice([random.gauss(0.2, 0.01), random.gauss(30, 0.1)]),
    "equal": lambda: 0.25,
    "from microseconds to hours": lambda: 10 ** random.uniform(-5.9, 4),
    "slow": lambda: random.uniform(10, 20),
}


@pytest.mark.parametrize("count", [1, 2, 99, 5000])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_percentiles_are_the_exact_ones_within_the_stated_share(distribution, count):
    values = [DISTRIBUTIONS[distribution]() for _ in range(count)]
    latencies = Latencies(measured([request(seconds=value) for value in values]).total().latencies)
    values.sort()
    assert len(latencies) == count
    for share in (0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
        exact = values[max(1, math.ceil(count * share - 1e-9)) - 1]
        assert latencies.percentile(share) == pytest.approx(exact, rel=ACCURACY)


@pytest.mark.parametrize("together", [1, 3])
def test_the_columns_of_a_distribution_hold_its_values(together):
    values = [random.lognormvariate(0, 1) for _ in range(1000)]
    latencies = Latencies(measured([request(seconds=value) for value in values]).total().latencies)
    edges, counts = latencies.histogram(together)
    assert sum(counts) == 1000
    assert counts == [sum(low <= value < high for value in values) for low, high in pairwise(edges)]
    assert all(high / low == pytest.approx(edges[1] / edges[0]) for low, high in pairwise(edges))
    assert Latencies({}).histogram() == ([], [])


@pytest.mark.parametrize("span", [0.1, 59, 600, 601, 3600, 86_400, 40 * 86_400])
def test_every_sum_is_kept_whatever_the_length_of_the_run(span):
    events = some_requests(3000, span, start=50.0)
    metrics = measured(events, start=50.0)
    assert len(metrics.slices) <= MOST_SLICES
    assert len(metrics.slices) > MOST_SLICES / 2 or metrics.width == 1.0
    assert metrics.seconds >= max(event.sent for event in events) - 50.0
    for parts in (metrics.slices, metrics.coarser(7)[1]):
        total = Counter()
        for part in parts:
            total["requests"] += part.requests
            total["items"] += part.items
            total["throttled"] += part.throttled
            total["refused"] += part.refused
            total["faults"] += part.faults
            total["unanswered"] += part.unanswered
            total["repeated"] += part.repeated
            total["size"] += part.size
            total["succeeded"] += part.succeeded
            total["latencies"] += sum(part.latencies.values())
        statuses = [event.status for event in events]
        assert total == {
            "requests": 3000,
            "items": sum(event.records for event in events if event.status in {200, 202}),
            "throttled": statuses.count(429),
            "refused": statuses.count(400) + statuses.count(404),
            "faults": statuses.count(500) + statuses.count(503),
            "unanswered": statuses.count(None),
            "repeated": sum(event.repeated for event in events),
            "size": sum(event.size for event in events),
            "succeeded": statuses.count(200) + statuses.count(202),
            "latencies": 3000,
        }
        assert sum(part.seconds for part in parts) == pytest.approx(sum(event.seconds for event in events))
        assert sum(part.waited for part in parts) == pytest.approx(sum(event.waited for event in events))
    assert metrics.statuses == Counter(statuses)
    assert len(metrics.coarser(7)[1]) <= 7


def test_a_request_stands_in_the_slice_of_the_moment_when_it_was_sent():
    events = some_requests(2000, 5000)
    metrics = measured(events)
    assert metrics.width == 16.0
    sent = Counter(int(event.sent // 16) for event in events)
    assert [part.requests for part in metrics.slices] == [
        sent[number] for number in range(len(metrics.slices))
    ]
    width, coarse = metrics.coarser(100)
    assert width == 64.0
    sent = Counter(int(event.sent // 64) for event in events)
    assert [part.requests for part in coarse] == [sent[number] for number in range(len(coarse))]


def test_memory_does_not_grow_with_the_number_of_requests():
    def size(count):
        return len(json.dumps(measured(some_requests(count, 5000)).to_json()))

    assert size(60_000) < 3 * size(6_000)


def test_a_request_that_left_before_the_first_event_s_counts_in_the_first_slice():
    metrics = Metrics()
    for sent in (10.0, 12.5, 8.0):
        metrics(request(sent, waited=0.0))
    assert [part.requests for part in metrics.slices] == [2, 0, 1]
    assert all(slow.at >= 0 for slow in metrics.slowest)


def test_the_slowest_are_kept_and_the_first_of_equals():
    events = some_requests(1000, 100) + [request(seconds=9.0, records=number) for number in range(10)]
    metrics = measured(events)
    expected = sorted((event.seconds for event in events), reverse=True)[:MOST_SLOW]
    assert [slow.seconds for slow in metrics.slowest] == expected
    equal = measured([request(seconds=1.0, records=number) for number in range(100)])
    assert [slow.records for slow in equal.slowest] == list(range(MOST_SLOW))


PAUSES = [
    ("one", [(5, 2)], [(5, 7, 2, 1)]),
    ("two apart", [(5, 2), (8, 1)], [(5, 7, 2, 1), (8, 9, 1, 1)]),
    ("one within another", [(5, 10), (6, 1)], [(5, 15, 10, 2)]),
    ("one longer than another", [(5, 2), (6, 4)], [(5, 10, 5, 2)]),
    ("one right after another", [(5, 2), (7, 2)], [(5, 9, 4, 2)]),
]


@pytest.mark.parametrize(
    ("asked", "expected"), [case[1:] for case in PAUSES], ids=[case[0] for case in PAUSES]
)
def test_pauses_that_overlap_are_one(asked, expected):
    metrics = measured([paused(*each) for each in asked])
    told = [(each.start, each.end, each.seconds, each.asked) for each in metrics.pauses]
    assert told == expected
    assert metrics.throttles == len(asked)


def test_a_thousand_pauses_keep_their_sum_and_stay_few():
    metrics = measured([paused(10.0 * number + random.random(), 2.0) for number in range(1000)])
    assert len(metrics.pauses) == MOST_PAUSES
    assert sum(each.seconds for each in metrics.pauses) == pytest.approx(2000.0)
    assert sum(each.asked for each in metrics.pauses) == metrics.throttles == 1000
    assert all(before.end < after.start for before, after in pairwise(metrics.pauses))


def test_a_run_without_a_request_has_nothing_and_can_be_asked_for_it():
    metrics = measured([])
    assert (metrics.seconds, metrics.slices, metrics.slowest, metrics.statuses) == (0.0, [], [], {})
    assert Latencies(metrics.total().latencies).percentile(0.5) is None
    assert metrics.coarser(10) == (1.0, [])


@pytest.mark.parametrize("events", [0, 1, 2000])
def test_what_was_written_is_read_again(tmp_path, events):
    metrics = measured(
        [*some_requests(events, 4000), *[paused(number * 9.0, 4.0) for number in range(events)]]
    )
    metrics.limited_by(Quota("q", (per_minute(documented(600, URL)),), in_flight=assumed(3, "a guess")))
    path = write_metrics(tmp_path, {"tags": metrics, "other": Metrics(0.0)})
    again = read_metrics(tmp_path)
    assert [part.name for part in tmp_path.iterdir()] == [path.name]
    assert list(again) == ["tags", "other"]
    assert again["tags"].to_json() == metrics.to_json()
    # It goes on as the first would have.
    for event in some_requests(events, 4000):
        metrics(event)
        again["tags"](event)
    assert again["tags"].to_json() == metrics.to_json()


def test_a_resumed_run_goes_on_where_it_was_and_leaves_the_night_out(tmp_path):
    first = measured([request(sent) for sent in (0.5, 9.5)])
    first.resume(7000.0, wall=90_000.0)
    first(request(7000.5))
    assert [number for number, part in enumerate(first.slices) if part.requests] == [0, 9, 10]
    assert first.attempts == [Attempt(0.0, 1000.0), Attempt(10.0, 90_000.0)]
    write_metrics(tmp_path, {"step": first})
    again = read_metrics(tmp_path)["step"]
    # An attempt that sends nothing leaves no mark.
    again.resume(3.0, wall=95_000.0)
    again.resume(4.0, wall=96_000.0)
    again(request(4.5))
    assert [attempt.wall for attempt in again.attempts] == [1000.0, 90_000.0, 96_000.0]
    assert [number for number, part in enumerate(again.slices) if part.requests] == [0, 9, 10, 11]


def test_limits_are_kept_as_the_client_keeps_them():
    metrics = Metrics(0.0)
    metrics.limited_by(
        Quota("q", (per_minute(documented(600, URL), counts="records"), per_day(documented(5, URL))))
    )
    told = [(each.rate, each.counts, each.provenance, each.label) for each in metrics.ceilings]
    assert told[0] == (10.0, "records", "documented", "600 records per minute")
    assert told[1][3] == "5 requests per day"
    metrics.limited_by(
        Quota("q", (per_second(assumed(5, "?")),), ceiling=assumed(20, "?"), in_flight=assumed(3, "?"))
    )
    (adaptive,) = metrics.ceilings
    assert (adaptive.rate, adaptive.adapts, adaptive.provenance, metrics.in_flight) == (
        20.0,
        True,
        "assumed",
        3,
    )


NOTHING = {"slices": [], "slowest": [], "pauses": [], "attempts": [], "ceilings": [], "statuses": {}}
SOMETHING_ELSE = [
    b"",
    b"[]",
    b'{"steps": 3}',
    b'{"steps": {"a": {"width": 1}}}',
    json.dumps({"steps": {"a": {"width": 1, **NOTHING}}}).encode(),  # no attempt
    json.dumps({"steps": {"a": {"width": 0, **NOTHING, "attempts": [{"at": 0, "wall": 0}]}}}).encode(),
]


@pytest.mark.parametrize("body", SOMETHING_ELSE)
def test_a_file_that_is_something_else_is_told(tmp_path, body):
    (tmp_path / "metrics.json").write_bytes(body)
    with pytest.raises(ConfigurationError, match=r"metrics\.json of the run .* cannot be read: .* Delete it"):
        read_metrics(tmp_path)


def test_where_nothing_was_measured_there_is_nothing(tmp_path):
    assert read_metrics(tmp_path) == {}


@pytest.mark.asyncio
async def test_the_hook_of_a_client_counts_what_the_report_counts():
    with BackgroundSandbox(Sandbox()) as sandbox:
        sandbox.set_faults("status=429,first=1,retry_after=0")
        metrics = Metrics()
        settings = Settings(on_event=metrics, max_rows=10, rate=1000)
        async with NetmeraClient("sandbox", base_url=sandbox.url("netmera"), settings=settings) as client:
            report = await client.tag_users([f"id{number}" for number in range(95)], tag="Sport")
    total = metrics.total()
    assert (total.requests, total.repeated, metrics.throttles) == (
        report.requests,
        report.retries,
        report.throttles,
    )
    assert (report.requests, report.throttles, total.items) == (11, 1, 95)
    assert metrics.statuses == {200: 10, 429: 1}
    assert len(metrics.pauses) == 1
