"""A figure never stands without its source, and what is only assumed says so wherever it is shown."""

from __future__ import annotations

import attrs
import pytest

from netaudience.errors import ConfigurationError
from netaudience.model.limits import (
    Figure,
    Limit,
    Provenance,
    Quota,
    Window,
    assumed,
    documented,
    per_day,
    per_minute,
    per_second,
    reported,
)

URL = "https://developer.clevertap.com/docs/api-request-limit"


@pytest.mark.parametrize(
    ("figure", "provenance", "described"),
    [
        (documented(1000, URL), Provenance.DOCUMENTED, f"1,000 (documented: {URL})"),
        (reported(500_000, "a thread"), Provenance.REPORTED, "500,000 (reported: a thread)"),
        (assumed(0.25, "no figure"), Provenance.ASSUMED, "0.25 (assumed: no figure)"),
        (assumed(1500.5, "no figure"), Provenance.ASSUMED, "1,500.5 (assumed: no figure)"),
    ],
)
def test_a_figure_says_how_it_is_known(figure, provenance, described) -> None:
    assert figure.provenance is provenance
    assert figure.describe() == described


@pytest.mark.parametrize("make", [documented, reported, assumed])
def test_a_figure_without_a_source_cannot_be_written(make) -> None:
    with pytest.raises(TypeError):
        make(1000)
    with pytest.raises(TypeError):
        Figure(1000, Provenance.DOCUMENTED)


@pytest.mark.parametrize(("make", "source"), [(documented, "somewhere"), (reported, ""), (assumed, " ")])
def test_a_source_is_not_empty_and_a_documented_one_is_a_url(make, source) -> None:
    with pytest.raises(ConfigurationError, match="A figure needs its source"):
        make(1000, source)


def test_a_figure_is_a_whole_number_where_one_is_asked_for() -> None:
    assert int(documented(1000, URL)) == 1000
    assert int(documented(2.9, URL)) == 2


def test_figures_are_facts() -> None:
    for fact in (documented(1, URL), Limit(), Quota("a")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(fact, attrs.fields(type(fact))[0].name, None)


def test_a_limit_tells_only_what_is_set() -> None:
    keys, size = documented(1000, URL), assumed(500_000, "no figure")
    assert Limit().figures() == {}
    assert Limit(keys=keys, bytes=size).figures() == {"keys": keys, "bytes": size}
    assert list(Limit(bytes=size, rows=keys, keys=keys).figures()) == ["keys", "rows", "bytes"]


@pytest.mark.parametrize(
    ("quota", "named"),
    [
        (Quota("a"), ["in flight"]),
        (Quota("a", (per_second(documented(10, URL)),)), ["requests per second", "in flight"]),
        (Quota("a", (per_minute(documented(10_000, URL)),)), ["requests per minute", "in flight"]),
        (
            Quota("a", (Window(assumed(10, "x"), 2.5),), ceiling=assumed(20, "x")),
            ["requests per 2.5 s", "in flight", "ceiling of requests per 2.5 s"],
        ),
        (
            Quota(
                "a", (per_second(documented(3, URL), share=assumed(0.9, "x")), per_day(assumed(1000, "x")))
            ),
            ["requests per second", "share used of requests per second", "requests per day", "in flight"],
        ),
        (
            Quota("a", (per_minute(documented(10_000, URL), counts="records"),)),
            ["records per minute", "in flight"],
        ),
    ],
)
def test_a_quota_names_its_figures_with_their_window(quota, named) -> None:
    assert list(quota.figures()) == named


def test_a_quota_without_a_figure_for_requests_in_flight_assumes_one() -> None:
    assert Quota("a").in_flight.provenance is Provenance.ASSUMED


@pytest.mark.parametrize(
    ("rate", "per", "requests", "seconds"),
    [
        (None, 1.0, 1_000_000, 0.0),
        (10, 1.0, 0, 0.0),
        (10, 1.0, 1, 0.0),
        (10, 1.0, 11, 1.0),
        (10, 60.0, 11, 60.0),
        (0.5, 1.0, 3, 4.0),
        (1000, 86_400.0, 31, 0.0),
        (1000, 86_400.0, 1000, 0.0),
        (1000, 86_400.0, 1001, 86_400.0),
        (1000, 86_400.0, 2500, 172_800.0),
    ],
)
def test_the_shortest_time_of_so_many_requests(rate, per, requests, seconds) -> None:
    quota = Quota("a", () if rate is None else (Window(assumed(rate, "x"), per),))
    assert quota.minimum_seconds(requests) == pytest.approx(seconds)


def test_the_window_that_binds_tells_the_shortest_time() -> None:
    quota = Quota(
        "a",
        (
            per_second(assumed(10, "x"), share=assumed(0.5, "x")),
            per_minute(assumed(600, "x"), counts="records"),
        ),
    )
    assert quota.minimum_seconds(11, 11) == pytest.approx(2.0)
    assert quota.minimum_seconds(11, 601) == pytest.approx(60.0)


def test_a_rate_that_adapts_has_one_window() -> None:
    window = Window(assumed(10, "x"))
    for windows in ((), (window, window)):
        with pytest.raises(ConfigurationError, match="exactly one window"):
            Quota("a", windows, ceiling=assumed(20, "x"))
