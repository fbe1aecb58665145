"""What the benchmarks measure ours beside: nobody there is fast by doing nothing. No speed is tested."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.plan import Plan, serve
from benchmarks.sink import Behaviour
from benchmarks.vendor import CHUNK

ROOT = Path(__file__).parent.parent
# Of those who measure, not of those who use it.
pytestmark = pytest.mark.slow
PLAN = Plan(quick=True, pairs=1, wanted=frozenset(), loop="asyncio", sink_core=None)
#: As many requests as no number of workers divides.
UNITS = 21
#: What stands in a body for each item: in every peer's once.
IDENTIFIER = "customer-[0-9]{8}"


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch):
    monkeypatch.chdir(ROOT)  # a sink is started as a module


@pytest.mark.parametrize(
    ("variants_of", "name", "items"),
    [
        *((peers.bulk_records, name, CHUNK) for name in ("ours", "async_bulk", "iterablepythonwrapper")),
        *(
            (peers.single_records, name, 1)
            for name in ("ours", "hand", "gather", "aiometer", "iterablepythonwrapper")
        ),
        *((peers.identifiers, name, CHUNK) for name in ("ours", "hand", "gather", "aiometer")),
    ],
)
@pytest.mark.asyncio
async def test_every_item_reaches_the_sink_once_in_so_many_requests(variants_of, name, items):
    async with serve(PLAN, Behaviour(identifier=IDENTIFIER)) as sink:
        async with variants_of(sink.url) as variants:
            await variants[name](UNITS)
        stats = await sink.stats()
    assert (stats["requests"], stats["items"], stats["items_again"]) == (UNITS, UNITS * items, 0)


@pytest.mark.parametrize("name", ["async_bulk", "iterablepythonwrapper"])
@pytest.mark.asyncio
async def test_a_peer_whose_items_are_refused_has_no_time(name):
    async with (
        serve(PLAN, Behaviour(poison="customer-00000007")) as sink,
        peers.bulk_records(sink.url) as variants,
    ):
        with pytest.raises((RuntimeError, ExceptionGroup)) as raised:
            await variants[name](UNITS)
    assert "400" in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("promise", "missing", "left"),
    [
        ("R1", "elasticsearch", ["iterablepythonwrapper"]),
        ("R1", "requests", ["async_bulk"]),
        ("R2", "iterablepythonwrapper", ["aiometer", "gather", "hand"]),
        ("R3", "aiometer", ["gather", "hand"]),
    ],
)
@pytest.mark.asyncio
async def test_a_missing_package_leaves_its_row_out_and_is_told(monkeypatch, capsys, promise, missing, left):
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {missing, "iterablepythonwrapper"}
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    (measurement,) = [one for one in peers.MEASUREMENTS if one.ids == (promise,)]
    results = await measurement.run(PLAN)
    assert [(result.id, result.part) for result in results] == [(promise, part) for part in left]
    assert all("x in CPU" in result.also for result in results)
    told = capsys.readouterr().err
    assert told.startswith(f"{promise} is measured without ")
    assert missing in told
    assert "netaudience[bench]" in told
