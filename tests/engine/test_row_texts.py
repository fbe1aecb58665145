"""A run over rows that are texts does what a run over the same rows as dicts does, to the byte."""

import orjson
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import RetryPolicy, Settings
from netaudience.model.limits import Limit, assumed
from netaudience.model.texts import RowTexts
from netaudience.model.wire import dump_json

ROWS = [{"key": f"k{number % 3}", "value": number} for number in range(5)]


def texts(rows):
    return RowTexts([row["key"] for row in rows], [orjson.dumps(row) for row in rows])


def test_they_are_rows_for_whoever_looks():
    page = texts(ROWS)
    assert len(page) == 5
    assert page == ROWS == list(page)
    assert page[1] == ROWS[1]
    assert page[-1] == ROWS[-1]
    assert isinstance(page[1:3], RowTexts)
    assert page[1:3] == ROWS[1:3]
    assert page.chosen([4, 0]) == [ROWS[4], ROWS[0]]
    assert page.followed_by(page[:1]) == [*ROWS, ROWS[0]]
    assert repr(page) == "<5 rows>"
    with pytest.raises(IndexError):
        page[5]
    with pytest.raises(ValueError, match="one key for each row"):
        RowTexts(["a"], [])


def test_they_are_written_as_the_list_that_they_are():
    assert dump_json({"rows": texts(ROWS), "tag": "x"}) == dump_json({"rows": ROWS, "tag": "x"})
    assert dump_json(texts(ROWS)) == dump_json(ROWS)
    assert dump_json([row["key"] for row in texts(ROWS)]) == dump_json([row["key"] for row in ROWS])


@st.composite
def plans(draw):
    count = draw(st.integers(0, 40))
    keys = draw(st.lists(st.integers(0, 15), min_size=count, max_size=count))
    return {
        "rows": [
            {"key": f"k{key}", "value": at, "text": draw(st.text(max_size=5))} for at, key in enumerate(keys)
        ],
        "limit": Limit(
            rows=assumed(draw(st.integers(1, 12)), "generated"),
            keys=draw(st.none() | st.integers(1, 8).map(lambda most: assumed(most, "generated"))),
            bytes=draw(st.none() | st.integers(50, 300).map(lambda most: assumed(most, "generated"))),
        ),
        "poison": draw(st.sets(st.sampled_from([f"k{number}" for number in range(16)]), max_size=3)),
        "blames": draw(st.sampled_from([None, "named", "half", "counted", "path"])),
        "unique_per_request": draw(st.booleans()),
        "idempotent": draw(st.booleans()),
        "page": draw(st.integers(1, 15)),
    }


async def listed(rows, plan):
    for start in range(0, len(rows), plan["page"]):
        yield rows[start : start + plan["page"]]


def text_pages(rows, plan):
    return (texts(rows[start : start + plan["page"]]) for start in range(0, len(rows), plan["page"]))


async def async_text_pages(rows, plan):
    for page in text_pages(rows, plan):
        yield page


SOURCES = {
    "dicts": lambda rows, plan: iter(rows),
    "pages of a run's own size": lambda rows, plan: text_pages(rows, {"page": 32}),
    "dicts, async": listed,
    "whole": lambda rows, plan: texts(rows),
    "list of pages": lambda rows, plan: list(text_pages(rows, plan)),
    "pages": text_pages,
    "pages, async": async_text_pages,
}


def carried(plan, source):
    """Return the bodies and the outcomes of a run, nothing being left to chance."""
    bodies = []
    vendor = ScriptedVendor(poison=plan["poison"], blames=plan["blames"])
    client = make_client(
        vendor,
        keyed=True,
        limit=plan["limit"],
        unique_per_request=plan["unique_per_request"],
        idempotent=plan["idempotent"],
        settings=Settings(retry=RetryPolicy(attempts=2), allow_empty=True),
    )
    send = vendor.send

    async def noted(request):
        bodies.append(request.body)
        return await send(request)

    vendor.send = noted

    async def go():
        async with client.put(SOURCES[source](plan["rows"], plan)) as stream:
            outcomes = [outcome async for outcome in stream]
        return outcomes, stream.report

    outcomes, report = run(go())
    assert not vendor.broken
    told = sorted(
        (one.position, type(one).__name__, one.item, getattr(one, "key", ""), str(getattr(one, "reason", "")))
        for one in outcomes
    )
    assert report.items == len(plan["rows"])
    return bodies, told


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans(), st.sampled_from([("dicts", "pages of a run's own size"), ("dicts, async", "pages, async")]))
def test_bodies_and_outcomes_are_those_of_the_same_rows_as_dicts(plan, doors):
    dicts, rows = (carried(plan, door) for door in doors)
    assert rows[1] == dicts[1]
    if plan["limit"].bytes is None:  # where it is, how much fits is found by trying, and sooner of texts
        assert rows[0] == dicts[0]


@pytest.mark.parametrize("door", sorted(SOURCES))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_every_row_is_told_whatever_door_it_came_by(plan, door):
    _, told = carried(plan, door)
    assert [(position, item) for position, _, item, *_ in told] == list(enumerate(plan["rows"]))
