"""What becomes of items that an answer blames: by name, by number alone, for a while, or for the whole."""

import asyncio
import contextlib
import json

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import (
    Delivered,
    Failed,
    InDoubt,
    Refused,
    Rejected,
    RetryPolicy,
    ServerFault,
    Settings,
    Unauthorized,
    Unreadable,
)
from netaudience.engine.chunker import Chunk, Chunker
from netaudience.engine.run_plan import RunPlan
from netaudience.errors import NetaudienceError
from netaudience.model.item_errors import ItemErrors
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, assumed
from netaudience.model.wire import Prepared


def ids(count):
    return [f"k{number}" for number in range(count)]


def carry(vendor, items, **facts):
    facts = {"limit": Limit(rows=assumed(1000, "test")), **facts}

    async def go():
        client = make_client(vendor, **facts)
        outcomes = []
        async with client.put(items) as stream:
            with contextlib.suppress(NetaudienceError):  # the report has it
                async for outcome in stream:
                    outcomes.append(outcome)
        return sorted(outcomes, key=lambda outcome: outcome.position), stream.report

    return run(go())


def kinds(outcomes, *wanted):
    return [outcome.position for outcome in outcomes if isinstance(outcome, wanted)]


def test_items_that_are_named_are_rejected_and_the_others_delivered_in_one_request():
    vendor = ScriptedVendor(poison=["k3", "k700"], blames="named")
    outcomes, report = carry(vendor, ids(1000))
    assert kinds(outcomes, Rejected) == [3, 700]
    assert (report.requests, report.delivered, report.rejected) == (1, 998, 2)
    assert str(outcomes[3]) == 'Item 3 (…) rejected by Scripted: HTTP 200, "poison"'


@pytest.mark.parametrize("blames", ["half", "counted"])
def test_items_that_are_only_counted_are_found_by_asking_again(blames):
    vendor = ScriptedVendor(poison=["k3", "k700"], blames=blames)
    outcomes, report = carry(vendor, ids(1000))
    assert kinds(outcomes, Rejected) == [3, 700]
    assert report.delivered == 998
    assert report.requests < 50
    assert all(times >= 1 for (key, _), times in vendor.applied.items() if key not in vendor.poison)


@pytest.mark.parametrize("blames", ["half", "counted"])
def test_items_that_are_only_counted_are_in_doubt_where_asking_again_does_harm(blames):
    vendor = ScriptedVendor(poison=["k3", "k700"], blames=blames)
    outcomes, report = carry(vendor, ids(1000), idempotent=False)
    named = [3] if blames == "half" else []
    assert kinds(outcomes, Rejected) == named
    assert report.in_doubt == 1000 - len(named)
    assert report.requests == 1
    assert "which of the others did is not known" in str(outcomes[0])


def test_one_that_is_asked_alone_and_counted_is_the_one():
    vendor = ScriptedVendor(poison=["k0"], blames="counted")
    outcomes, report = carry(vendor, ["k0"], idempotent=False)
    assert (kinds(outcomes, Rejected), report.requests) == ([0], 1)


def test_where_all_fail_and_none_is_named_the_search_ends_and_the_rest_is_in_doubt():
    items = ids(1000)
    vendor = ScriptedVendor(poison=items, blames="counted")
    _, report = carry(vendor, items)
    assert report.delivered == 0
    assert report.rejected + report.in_doubt == 1000
    assert report.requests < 100


def test_a_refusal_that_names_its_items_costs_one_more_request():
    vendor = ScriptedVendor(poison=["k3", "k700"], blames="path")
    outcomes, report = carry(vendor, ids(1000))
    assert kinds(outcomes, Rejected) == [3, 700]
    assert (report.requests, report.divisions, report.delivered) == (2, 1, 998)


def test_a_refusal_that_names_all_items_asks_no_more():
    vendor = ScriptedVendor(poison=ids(5), blames="path")
    outcomes, report = carry(vendor, ids(5))
    assert (len(kinds(outcomes, Rejected)), report.requests) == (5, 1)


def test_a_refusal_proves_that_nothing_was_done_where_sending_twice_would_do_harm():
    vendor = ScriptedVendor(poison=["k3"], blames="path")
    outcomes, report = carry(vendor, ids(10), idempotent=False)
    assert (kinds(outcomes, Rejected), report.delivered, report.requests) == ([3], 9, 2)


def test_what_the_vendor_says_it_has_not_done_is_asked_again_and_nothing_else_is():
    vendor = ScriptedVendor(retryable={"k3": 2, "k7": 1})
    outcomes, report = carry(vendor, ids(10), idempotent=False)
    assert kinds(outcomes, Delivered) == list(range(10))
    assert (report.requests, report.retries) == (3, 2)
    assert set(vendor.applied.values()) == {1}


def test_what_the_vendor_never_does_has_failed():
    vendor = ScriptedVendor(retryable={"k3": 99})
    settings = Settings(retry=RetryPolicy(attempts=3))
    outcomes, report = carry(vendor, ids(10), settings=settings)
    assert kinds(outcomes, Failed) == [3]
    assert (report.requests, report.stopped) == (3, None)
    assert "once more" in str(outcomes[3])


def test_warnings_reach_the_chunk_and_the_report():
    def warned(_response, _items):
        return ItemErrors(warnings=["the vendor dropped 1 field"])

    async def go():
        client = make_client(ScriptedVendor(), limit=Limit(rows=assumed(2, "test")))
        type(client).operations()["put"].blame = warned
        async with client.put(ids(3)) as stream:
            chunks = [chunk async for chunk in stream.chunks()]
        return chunks, stream.report

    chunks, report = run(go())
    assert [chunk.warnings for chunk in chunks] == [["the vendor dropped 1 field"]] * 2
    assert report.warnings == {"the vendor dropped 1 field": 2}
    assert report.ok
    assert report.sentence().endswith("3 accepted. Warning: the vendor dropped 1 field.")


def test_a_request_on_which_the_vendors_program_fails_is_halved_until_the_item_is_found():
    vendor = ScriptedVendor(faulty=["k7"])
    outcomes, report = carry(vendor, ids(16))
    assert kinds(outcomes, InDoubt) == [7]
    assert isinstance(outcomes[7].reason, ServerFault)
    assert report.delivered == 15
    assert report.stopped is None


def test_it_is_not_halved_where_what_was_done_before_the_failure_could_be_done_twice():
    vendor = ScriptedVendor(faulty=["k7"])
    _, report = carry(vendor, ids(16), idempotent=False)
    assert (report.in_doubt, report.requests) == (16, 1)


def test_a_vendor_whose_program_fails_on_everything_stops_the_run():
    items = ids(2000)
    vendor = ScriptedVendor(faulty=items)
    _, report = carry(vendor, items, limit=Limit(rows=assumed(10, "test")))
    assert isinstance(report.stopped, ServerFault)
    assert report.requests < 1000
    assert report.delivered == 0


@pytest.mark.parametrize("named", [[], [3, 5]])
def test_an_answer_that_counts_nothing_costs_one_request_and_leaves_the_rest_in_doubt(named):
    vendor = ScriptedVendor()

    def nothing_said(_response, items):
        refused = {index: Refused("Scripted", 200) for index in named}
        return ItemErrors(refused=refused, unread=Unreadable("Scripted", 200, may_have_happened=True))

    async def go():
        client = make_client(vendor, limit=Limit(rows=assumed(1000, "test")))
        type(client).operations()["put"].blame = nothing_said
        return await client.put(ids(1000)).settled()

    report = run(go())
    assert (report.requests, report.rejected, report.in_doubt) == (1, len(named), 1000 - len(named))
    assert [told.position for told in report.undelivered if isinstance(told, Rejected)] == named


def test_an_item_left_while_it_is_asked_again_is_in_doubt():
    vendor = ScriptedVendor(poison=["k3"], blames="counted", latency=1.0)

    async def go():
        client = make_client(vendor, limit=Limit(rows=assumed(1000, "test")))
        async with client.put(ids(8)) as stream:
            reading = asyncio.create_task(anext(stream))
            await asyncio.sleep(1.5)  # the first answer is here, the halves are on their way
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return stream.report

    report = run(go())
    assert report.in_doubt == 8
    assert report.unsent == 0


class _Apart(Identifiers):
    keyed = True
    unique_per_request = True


def _chunks(chunker, items):
    given = [*chunker.feed(items, range(len(items))), *chunker.flush()]
    order = [chunk.items for chunk in given]
    while given:
        if isinstance(part := given.pop(0), Chunk):
            chunker.release(part)
        more = list(chunker.flush())
        given += more
        order += [chunk.items for chunk in more]
    return order


def _encode(page):
    if "bad" in page:
        raise TypeError("no JSON")
    return Prepared("POST", "", {}, json.dumps(page).encode(), 1.0, 1)


def test_two_items_of_one_key_never_go_in_one_request():
    chunker = Chunker(RunPlan(kind=_Apart("key"), rows=4), _encode)
    assert _chunks(chunker, ["a", "b", "a", "c", "a", "b"]) == [["a", "b", "c"], ["a", "b"], ["a"]]


def test_what_waits_for_an_item_that_cannot_be_sent_is_sent():
    chunker = Chunker(RunPlan(kind=_Apart("key"), rows=4), _encode)
    order = _chunks(chunker, ["bad", "a", "bad", "bad"])
    assert sorted(map(tuple, order)) == [("a",), ("bad",), ("bad",), ("bad",)]
    assert chunker.waiting == 0


def test_one_key_alone_goes_one_by_one():
    vendor = ScriptedVendor()
    rows = [{"key": "a", "value": number} for number in range(50)]
    _, report = carry(vendor, rows, keyed=True, unique_per_request=True)
    assert (report.delivered, report.requests) == (50, 50)
    assert vendor.order["a"] == list(range(50))


def test_one_of_which_the_answer_leaves_open_whether_it_happened_is_in_doubt():
    def unsure(_response, _items):
        return ItemErrors(unattributed=ServerFault("Scripted", 200, may_have_happened=True))

    async def go():
        client = make_client(ScriptedVendor(), idempotent=False)
        type(client).operations()["put"].blame = unsure
        return await client.put(["k0"]).settled()

    report = run(go())
    assert (report.in_doubt, report.failed) == (1, 0)


def test_rows_of_one_user_stay_together_when_a_request_is_asked_again_in_halves():
    """The run stops between the halves: what stands then is each user's last row, not an earlier one."""
    rows = [
        {"key": key, "value": value} for value, key in enumerate(["a", "b", "poison", "poison", "a", "b"])
    ]
    vendor = ScriptedVendor(poison=["poison"], blames="counted", unauthorized_after=2)
    client = make_client(vendor, keyed=True)

    async def carry():
        report = await client.put(rows).settled()
        assert isinstance(report.stopped, Unauthorized)

    run(carry())
    assert vendor.requests == 3
    assert vendor.order["a"][-1] == 4
    assert vendor.order["b"][-1] == 5


def test_rows_of_one_user_alone_are_in_doubt_rather_than_undone():
    rows = [{"key": "a", "value": value} for value in range(4)]
    vendor = ScriptedVendor(faulty=["a"])
    client = make_client(vendor, keyed=True)

    async def carry():
        report = await client.put(rows).settled()
        assert (report.in_doubt, report.rejected) == (4, 0)
        assert "could undo a later one" in str(report.undelivered[0])

    run(carry())
