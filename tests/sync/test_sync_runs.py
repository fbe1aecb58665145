"""The readings of a blocking run: its report, its settled report, its outcomes as they settle."""

from __future__ import annotations

import traceback

import pytest
from held import FREE, AtOnce, Held

from netaudience import (
    ConfigurationError,
    Delivered,
    NotFound,
    Rejected,
    RunFailed,
    Settings,
    SourceFailed,
    Unauthorized,
)
from netaudience.engine.loop_thread import Conversation, portal
from netaudience.engine.retry import RetryPolicy
from netaudience.sync import NetmeraClient


@pytest.fixture
def client():
    with NetmeraClient("key of the runs", settings=FREE, transport=AtOnce()) as made:
        yield made


def at(sandbox, **settings):
    return NetmeraClient("sandbox", base_url=sandbox.url("netmera"), settings=Settings(rate=1000, **settings))


def test_an_operation_does_it_and_reports(netaudience_sandbox):
    with at(netaudience_sandbox) as netmera:
        report = netmera.tag_users(["id1", "id2"], tag="Sport")
        assert report.ok
        assert netmera.get_devices("id1").devices == ()
        assert netmera.count_users().count == 0  # of those who have a device
    assert netaudience_sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok


def test_an_item_that_is_not_delivered_is_no_quiet_matter(client):
    with pytest.raises(RunFailed, match="1 accepted, 1 rejected") as raised:
        client.tag_users(["a", ""], tag="x")
    assert raised.value.report.rejected == 1
    report = client.tag_users.settled(["a", ""], tag="x")
    assert (report.delivered, report.rejected, report.ok) == (1, 1, False)


def test_outcomes_are_read_as_they_settle(client):
    with client.tag_users.outcomes(["a", "", "c"], tag="x") as outcomes:
        found = sorted(outcomes, key=lambda outcome: outcome.position)
        assert [type(outcome) for outcome in found] == [Delivered, Rejected, Delivered]
        assert outcomes.report.settled == 3
        assert list(outcomes) == []


def test_chunks_are_read_as_they_settle(netaudience_sandbox):
    ids = [f"id{number}" for number in range(95)]
    with (
        at(netaudience_sandbox, max_rows=10) as netmera,
        netmera.tag_users.outcomes(iter(ids), tag="x") as outcomes,
    ):
        chunks = list(outcomes.chunks())
    assert sorted(len(chunk) for chunk in chunks) == [5] + 9 * [10]
    assert netaudience_sandbox.check("netmera", "tag_users", ids).ok


def test_a_slow_reader_holds_the_run_back():
    settings = Settings(rate=1_000_000, max_rows=10, in_flight=2)
    transport = AtOnce()
    with NetmeraClient("key of the slow", settings=settings, transport=transport) as client:
        ids = [f"id{number}" for number in range(10_000)]
        with client.tag_users.outcomes(ids, tag="x") as outcomes:
            for read, _ in enumerate(outcomes.chunks(), start=1):
                for _ in range(30):  # the loop has time enough to go on
                    Conversation(portal(), _nothing).run()
                # Unread: as many as there are workers, one each in their hands, and two on their way here.
                assert transport.sent <= read + 2 * 2 + 2
                if read == 20:
                    break
        report = outcomes.report
    assert report.items == report.settled + report.unsent < 2000
    assert list(outcomes) == []


async def _nothing(_):
    pass


def test_leaving_early_leaves_nothing_behind():
    held = Held()
    with (
        NetmeraClient("key of the left", settings=FREE, transport=held) as client,
        client.tag_users.outcomes((f"id{number}" for number in range(10)), tag="x") as outcomes,
    ):
        # The source is read when the reader waits for the first outcome; here nobody does.
        pass
    assert held.under_way == 0
    assert outcomes.report.items == outcomes.report.settled + outcomes.report.unsent


def test_an_error_in_the_block_ends_the_run_and_is_raised(client):
    ids = [f"id{number}" for number in range(10)]
    with pytest.raises(ZeroDivisionError), client.tag_users.outcomes(ids, tag="x") as outcomes:
        next(outcomes)
        raise ZeroDivisionError
    assert outcomes.report.delivered == 10


def test_what_ends_a_run_early_is_raised_when_all_is_read(client):
    def source():
        yield "a"
        raise LookupError

    with client.tag_users.outcomes(source(), tag="x") as outcomes:
        assert next(outcomes) == Delivered(0, "a")
        with pytest.raises(SourceFailed):
            next(outcomes)
        with pytest.raises(StopIteration):
            next(outcomes)


def test_a_run_that_is_never_read_says_so(client):
    with pytest.warns(RuntimeWarning, match="Netmera tag_users was never read, so nothing was sent"):
        client.tag_users.outcomes(["a"], tag="x")
    assert client._opened.sent == 0


def test_a_run_is_read_once(client):
    run = client.tag_users.outcomes(["a"], tag="x")
    assert repr(run) == "<Blocking run of Netmera tag_users>"
    with run:
        pass
    with pytest.raises(ConfigurationError, match="was read already"):
        run.__enter__()


def test_the_report_of_a_run_that_has_not_begun_is_refused(client):
    with pytest.raises(TypeError), client.tag_users.outcomes(["a"]):
        raise AssertionError


def test_a_journaled_run_goes_on_where_the_first_one_ended(netaudience_sandbox, tmp_path):
    ids = [f"id{number}" for number in range(30)]
    journal = tmp_path / "tags.journal"
    once = RetryPolicy(attempts=1, first_wait=0)
    netaudience_sandbox.set_faults("status=401,after=1")
    with at(netaudience_sandbox, max_rows=10, in_flight=1, retry=once) as netmera:
        tag_users = netmera.tag_users.journaled(journal, source="monday")
        with pytest.raises(RunFailed) as raised:
            tag_users(ids, tag="x")
        assert isinstance(raised.value.report.stopped, Unauthorized)
        sent = raised.value.report.delivered
        netaudience_sandbox.set_faults()
        report = tag_users.settled(ids, tag="x")
        assert (report.resumed, report.delivered, report.ok) == (sent, 30, True)
        with tag_users.outcomes(ids, tag="x") as outcomes:
            assert list(outcomes) == []
    assert netaudience_sandbox.check("netmera", "tag_users", ids).ok


def test_an_error_shows_the_callers_line_and_no_other_error(netaudience_sandbox):
    with at(netaudience_sandbox) as netmera:
        with pytest.raises(NotFound) as raised:
            netmera.get_profile_attributes("nobody")  # this line
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
        lines = traceback.format_exception(raised.value)
        assert "this line" in lines[1]
        with pytest.raises(TypeError, match="tag"):
            netmera.tag_users(["a"])


def test_pages_are_asked_for_as_they_are_read(netaudience_sandbox):
    tokens = [f"t{number}" for number in range(25)]
    devices = [{"token": token, "platform": "IOS"} for token in tokens]
    netaudience_sandbox.seed("netmera", {"users": [{"extId": "a", "devices": devices}]})
    with at(netaudience_sandbox) as netmera:
        rows = netmera.get_device_tokens(page_size=10)
        assert repr(rows) == "<Blocking pages of Netmera get_device_tokens>"
        assert len(list(rows)) == 25
        assert len(list(rows)) == 25, "asked again, from the first page"
        before = len(netaudience_sandbox.ledger.requests)
        next(iter(rows))
        next(rows.pages())
        assert len(netaudience_sandbox.ledger.requests) == before + 2
