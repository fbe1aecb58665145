"""In no window of its length does the server receive more than the figure, whatever the rate: whole or not,
divided among processes that know nothing of each other, adapting, below one; in virtual time.
"""

import asyncio
import random

import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import NetmeraClient, Settings
from netaudience.engine.rate_limiter import RateLimiter
from netaudience.model.limits import Quota, Window, assumed


def limiter(rate, per=1.0, *, ceiling=None, share=None):
    window = Window(assumed(rate, "test"), per, share=None if share is None else assumed(share, "test"))
    most = None if ceiling is None else assumed(ceiling, "test")
    return RateLimiter(Quota("test", (window,), in_flight=assumed(50, "test"), ceiling=most))


async def send(limiter, until, arrivals, seed, *, taken=None, late=0.0):
    """Send as fast as one process may, over a line whose length varies."""
    loop = asyncio.get_running_loop()
    way = random.Random(seed)
    await asyncio.sleep(late)

    async def worker():
        while loop.time() < until:
            await limiter.acquire()
            await asyncio.sleep(way.uniform(0.001, 0.1))
            now = loop.time()
            refused = taken is not None and sum(now - then < 1 for then in arrivals[-taken:]) >= taken
            arrivals.append(now)
            await asyncio.sleep(way.uniform(0.001, 0.1))
            limiter.release()
            (limiter.throttled if refused else limiter.succeeded)()

    await asyncio.gather(*(worker() for _ in range(8)))


def most_in_a_window(arrivals, per):
    arrivals = sorted(arrivals)
    most = start = 0
    for end, now in enumerate(arrivals):
        while now - arrivals[start] >= per - 1e-9:
            start += 1
        most = max(most, end - start + 1)
    return most


@st.composite
def divided(draw):
    processes = draw(st.integers(1, 5))
    figure = draw(st.integers(processes, 20))
    phases = draw(st.lists(st.floats(0, 1), min_size=processes, max_size=processes))
    return figure, phases, draw(st.sampled_from([0.5, 1.0, 3.0]))


@settings(max_examples=examples(40), deadline=None, derandomize=True)
@given(divided())
@example((5, [0.0, 0.1, 0.2, 0.3], 1.0))
@example((3, [0.0, 0.4], 1.0))
@example((10, [0.0] * 4, 1.0))
@example((50, [0.0, 0.3, 0.6, 0.9], 1.0))
def test_the_parts_of_a_divided_rate_never_make_more_than_the_whole(case):
    figure, phases, per = case
    arrivals = []

    async def go():
        await asyncio.gather(
            *(
                send(limiter(figure / len(phases), per), 4 * per, arrivals, seed, late=phase * per)
                for seed, phase in enumerate(phases)
            )
        )

    run(go())
    assert most_in_a_window(arrivals, per) <= figure
    # What is left unused is less than one request of each process, and the time of the way.
    least = (figure // len(phases)) * len(phases) / (1 + 0.2 / per) * 3
    assert len(arrivals) >= 0.85 * least


@settings(max_examples=examples(30), deadline=None, derandomize=True)
@given(st.floats(0.2, 30), st.integers(0, 5))
@example(2.5, 0)
@example(1.25, 0)
def test_a_rate_that_is_no_whole_number_is_never_exceeded(rate, seed):
    arrivals = []
    run(send(limiter(rate), max(4.0, 4 / rate), arrivals, seed))
    assert most_in_a_window(arrivals, 1.0) <= max(1, int(rate))
    # Nor is one below one in a longer time.
    assert most_in_a_window(arrivals, max(1.0, 1 / rate)) <= max(1, int(rate))


@pytest.mark.parametrize(("figure", "share"), [(3, 0.9), (5, 0.9), (1, 0.9), (2.5, 0.9), (10, 0.25)])
def test_a_share_of_a_figure_is_used_and_the_figure_is_kept(figure, share):
    arrivals = []
    run(send(limiter(figure, share=share), 60, arrivals, 1))
    assert most_in_a_window(arrivals, 1.0) <= max(1, int(figure))
    within = sum(at <= 60 for at in arrivals)
    assert within <= figure * share * 60 + figure
    assert within >= 0.8 * min(figure * share, int(figure)) * 60


@pytest.mark.parametrize(
    ("start", "ceiling", "taken"), [(10, 40, 25), (1.5, 8.5, 6), (0.5, 20, 13), (5, 7.9, 60)]
)
def test_a_rate_that_adapts_keeps_its_ceiling_and_finds_what_is_taken(start, ceiling, taken):
    arrivals = []
    made = limiter(start, ceiling=ceiling)
    run(send(made, 90, arrivals, 1, taken=taken))
    assert most_in_a_window(arrivals, 1.0) <= int(ceiling)
    best = min(taken, int(ceiling)) / 1.11  # a ticket is away for the way as well
    late = [at for at in arrivals if at >= 30]
    assert len(late) >= 0.8 * best * 60


def test_a_rate_that_adapts_rises_over_a_slow_line_too():
    """What is out, and not what came back in a second, says whether the source is as fast as the rate."""

    async def go():
        made = limiter(4, ceiling=40)

        async def worker():
            for _ in range(20):
                await made.acquire()
                await asyncio.sleep(1.5)
                made.release()
                made.succeeded()

        await asyncio.gather(*(worker() for _ in range(50)))
        return made.rate

    assert run(go()) == 40


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://host.example/netmera", "https://host.example/netmera/", True),
        ("https://host.example", "HTTPS://Host.Example:443/", True),
        ("https://host.example/%7Enetmera", "https://host.example/~netmera", True),
        ("https://host.example", "http://host.example", False),
        ("https://host.example", "https://host.example:8443", False),
        ("https://host.example/a", "https://host.example/A", False),
    ],
)
def test_two_spellings_of_an_address_are_one_account(one, other, same):
    settings = Settings(plain_http=True)
    first, second = (NetmeraClient("k" * 20, base_url=url, settings=settings) for url in (one, other))
    assert (first.account == second.account) is same
    assert (first.home == second.home) is same


def test_two_spellings_of_an_address_keep_one_limit():
    vendor = ScriptedVendor(rate=10)
    made = Quota("test", (Window(assumed(10, "test")),), in_flight=assumed(50, "test"))
    clients = [make_client(vendor, quota=made, base_url=f"https://vendor.example{end}") for end in ("", "/")]

    async def go():
        await asyncio.gather(*(client.one(f"k{n}") for n in range(15) for client in clients))
        for client in clients:
            await client.aclose()

    run(go())
    assert not vendor.broken
