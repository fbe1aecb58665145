"""Waits and Retry-After, without a loop."""

import time
from email.utils import formatdate

import pytest

from netaudience.engine.retry import RetryPolicy, Waits
from netaudience.model.retry_after import retry_after
from netaudience.model.wire import Response

NOON = 1_800_000_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "soon"}, None),
        ({"X-RateLimit-Reset": "30"}, 30.0),
        ({"X-RateLimit-Reset": "30", "Retry-After": "7"}, 7.0),
        ({"X-RateLimit-Reset": str(int(NOON) + 40), "Date": formatdate(NOON, usegmt=True)}, 40.0),
        ({"X-RateLimit-Reset": "later"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": formatdate(NOON + 90, usegmt=True), "Date": formatdate(NOON, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(NOON - 90, usegmt=True), "Date": formatdate(NOON, usegmt=True)}, 0.0),
        ({"Retry-After": "Fri, 99 Foo 2026 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(headers, seconds):
    assert retry_after(Response(429, headers, b""), throttled=True) == seconds


def test_a_date_without_a_date_of_the_answer_counts_from_our_clock():
    answer = Response(429, {"Retry-After": formatdate(time.time() + 60, usegmt=True)}, b"")
    assert 55 <= retry_after(answer) <= 61


def test_waits_double_up_to_the_longest_with_full_jitter():
    bounds = [0.5, 1, 2, 4, 5, 5, 5]
    drawn = [
        [waits.next() for _ in bounds] for waits in (Waits(RetryPolicy(longest_wait=5)) for _ in range(300))
    ]
    for at, bound in enumerate(bounds):
        column = [row[at] for row in drawn]
        assert 0 <= min(column) < bound * 0.2
        assert bound * 0.8 < max(column) <= bound


def test_what_the_vendor_asks_for_is_never_shortened():
    waits = Waits(RetryPolicy())
    assert all(10 <= waits.next(10.0) <= 10.1 for _ in range(50))
