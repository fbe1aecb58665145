"""What is sent is what stood in an item when it was given, whatever its owner does with it afterwards."""

import json

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import NetmeraClient, sync
from netaudience.errors import ConnectionFailed
from netaudience.model.taking import Taken
from netaudience.model.texts import RowTexts
from netaudience.model.wire import Response
from netaudience.vendors.netmera.models import ProfileUpdate

WANTED = [{"extId": f"u{number}", "profile": {"n": number}} for number in range(3)]


class Kept:
    """A transport that keeps the bodies."""

    def __init__(self):
        self.bodies = []

    async def send(self, request):
        self.bodies.append(json.loads(request.body))
        return Response(200, {}, b"")

    async def aclose(self):
        pass


def same_dict():
    row = {}
    for wanted in WANTED:
        row.update(wanted)
        yield row


def same_mapping_within():
    profile = {}
    for wanted in WANTED:
        profile.update(wanted["profile"])
        yield {"extId": wanted["extId"], "profile": profile}


def same_mapping_of_a_class():
    profile = {}
    for wanted in WANTED:
        profile.update(wanted["profile"])
        yield ProfileUpdate(wanted["extId"], profile)


def emptied_afterwards():
    for wanted in WANTED:
        row = dict(wanted)
        yield row
        row.clear()


def marked_afterwards():
    for wanted in WANTED:
        row = dict(wanted)
        yield row
        row["sent"] = True


def two_in_turn():
    rows = [{}, {}]
    for number, wanted in enumerate(WANTED):
        row = rows[number % 2]
        row.update(wanted)
        yield row


async def one_by_one(source):
    for row in source():
        yield row


async def same_list(source):
    page = []
    for row in source():
        page[:] = [row]
        yield page


SOURCES = [
    same_dict,
    same_mapping_within,
    same_mapping_of_a_class,
    emptied_afterwards,
    marked_afterwards,
    two_in_turn,
]
DOORS = {
    "generator": lambda source: source(),
    "async generator": one_by_one,
    "one list, page after page": same_list,
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_is_sent_is_what_was_yielded(source, door):
    kept = Kept()
    report = run(NetmeraClient("key", transport=kept).set_profile_attributes(door(source)).settled())
    assert [row for body in kept.bodies for row in body] == WANTED
    assert (report.delivered, report.items) == (3, 3)


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_what_is_sent_is_what_was_put(source, coalesce):
    kept = Kept()

    async def put():
        async with NetmeraClient("key", transport=kept).set_profile_attributes.batcher(
            coalesce=coalesce
        ) as sink:
            futures = [await sink.put(row) for row in source()]
        return [future.result() for future in futures]

    outcomes = run(put())
    assert [row for body in kept.bodies for row in body] == WANTED
    assert [type(outcome).__name__ for outcome in outcomes] == ["Delivered"] * 3


def test_the_outcome_tells_what_was_sent():
    client = NetmeraClient("key", transport=Kept())

    async def read():
        async with client.set_profile_attributes(same_dict()) as stream:
            return [outcome.item async for outcome in stream]

    assert run(read()) == WANTED


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (object(), ""),
        (float("nan"), "not a number"),
        (2**70, ""),
    ],
    ids=["an object", "no number", "too long"],
)
def test_what_json_cannot_carry_is_a_row_that_is_rejected(value, sentence):
    rows = [*WANTED, {"extId": "bad", "profile": {"n": value}}]
    kept = Kept()
    report = run(NetmeraClient("key", transport=kept).set_profile_attributes(iter(rows)).settled())
    (told,) = report.undelivered
    assert told.item is rows[-1] or told.item["extId"] == "bad"
    assert sentence in str(told)
    assert kept.bodies == [WANTED]


def test_a_null_that_may_have_been_something_else_is_rejected():
    def rows():
        row = {"extId": "u", "profile": {}}
        for number in (None, float("nan"), 1):
            row["profile"]["n"] = number
            yield row

    kept = Kept()
    report = run(NetmeraClient("key", transport=kept).set_profile_attributes(rows()).settled())
    assert report.rejected in {1, 2}
    assert kept.bodies[-1][-1] == {"extId": "u", "profile": {"n": 1}}


def test_a_source_that_breaks_loses_nothing_that_came_before():
    page = Taken()

    def rows():
        yield {"a": 1}
        yield {"a": {1}}
        yield {"a": 2}
        raise ConnectionFailed("the cursor is gone")

    with pytest.raises(ConnectionFailed):
        page.extend(rows())
    assert list(page) == [{"a": 1}, {"a": {1}}, {"a": 2}]
    assert list(page.reasons) == [1]
    assert page.lines == b'{"a":1}\nnull\n{"a":2}\n'
    assert list(page.chosen([2, 1])) == [{"a": 2}, {"a": {1}}]


@pytest.mark.parametrize("behind", ["dicts", "async dicts"])
def test_what_comes_behind_pages_of_texts_is_no_page(behind):
    page = RowTexts(["k1"], [b'{"key":"k1","value":1}'])

    def rows():
        yield page
        yield {"key": "k2", "value": 2}

    vendor = ScriptedVendor()
    client = make_client(vendor, keyed=True)
    source = rows() if behind == "dicts" else one_by_one(rows)
    report = run(client.put(source).settled())
    assert report.delivered == 1
    assert "RowTexts" in str(report.stopped.__cause__)


def test_a_blocking_client_takes_by_value_as_well():
    kept = Kept()
    with sync.NetmeraClient("key", transport=kept) as client:
        report = client.set_profile_attributes.settled(same_dict())
    assert [row for body in kept.bodies for row in body] == WANTED
    assert report.delivered == 3


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("door", ["generator", "pages", "blocking"])
def test_a_bad_row_at_any_place_of_a_page_changes_no_list_of_the_source(door, size):
    for bad in range(7):
        rows = [{"extId": "" if at == bad else f"u{at}", "profile": {"n": at}} for at in range(7)]
        pages = [rows[at : at + size] for at in range(0, 7, size)]
        lengths = list(map(len, pages))

        async def given(pages=pages):
            for page in pages:
                yield page

        kept = Kept()
        if door == "blocking":
            with sync.NetmeraClient("key", transport=kept) as client:
                report = client.set_profile_attributes.settled(iter(rows))
        else:
            source = iter(rows) if door == "generator" else given()
            report = run(NetmeraClient("key", transport=kept).set_profile_attributes(source).settled())
        assert (report.delivered, [told.position for told in report.undelivered]) == (6, [bad])
        assert list(map(len, pages)) == lengths
