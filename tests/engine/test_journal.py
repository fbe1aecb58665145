"""A run's memory: what is written down, what a second attempt makes of it, and what it refuses."""

import asyncio
import itertools
import json
import os
import socket
import sqlite3
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import (
    ConfigurationError,
    Delivered,
    InDoubt,
    JournalFailed,
    Rejected,
    RetryPolicy,
    Settings,
    Unauthorized,
)
from netaudience.engine.journal import Journal, Positions
from netaudience.limits import Limit, assumed

FACTS = {"vendor": "v", "operation": "o"}


def ids(count):
    return [f"k{number}" for number in range(count)]


def limit(rows):
    return Limit(rows=assumed(rows, "test"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.booleans()), max_size=30))
def test_positions_are_a_set(steps):
    positions, wanted = Positions(), set()
    for start, length, add in steps:
        if add and length:
            positions.add(start, start + length)
            wanted.update(range(start, start + length))
        else:
            positions.remove(start)
            wanted.discard(start)
        ranges = list(positions)
        assert {at for begin, stop in ranges for at in range(begin, stop)} == wanted
        assert len(positions) == len(wanted)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(ranges))
        assert {at for begin, stop in positions.within(10, 30) for at in range(begin, stop)} == wanted & set(
            range(10, 30)
        )


def carry(vendor, items, path, *, on_doubt="tell", source="", **facts):
    async def go():
        client = make_client(vendor, **facts)
        outcomes = []
        async with client.put(items).journaled(path, on_doubt=on_doubt, source=source) as stream:
            try:
                async for outcome in stream:
                    outcomes.append(outcome)
            except (Unauthorized, JournalFailed):
                pass
        return outcomes, stream.report

    return run(go())


def test_a_second_attempt_sends_what_is_not_settled(tmp_path):
    vendor = ScriptedVendor(poison=["k3"], unauthorized_after=5)
    before, first = carry(vendor, ids(100), tmp_path / "run.sqlite")
    assert first.failed > 0
    assert isinstance(first.stopped, Unauthorized)
    applied = len(vendor.applied)
    vendor.unauthorized_after = None
    outcomes, second = carry(vendor, ids(100), tmp_path / "run.sqlite")
    assert second.resumed == first.delivered + first.rejected
    assert (second.delivered, second.rejected, second.failed, second.items) == (99, 1, 0, 100)
    settled = {outcome.position for outcome in before if isinstance(outcome, Delivered | Rejected)}
    assert {outcome.position for outcome in outcomes} == set(range(100)) - settled
    assert len(vendor.applied) == 99 > applied
    assert set(vendor.applied.values()) == {1}
    _, third = carry(vendor, ids(100), tmp_path / "run.sqlite")
    assert (third.resumed, third.requests, third.delivered) == (100, 0, 99)


def test_what_was_being_sent_is_told_to_be_in_doubt_and_sent_again_only_when_asked(tmp_path):
    path = tmp_path / "run.sqlite"
    carry(ScriptedVendor(), ids(40), tmp_path / "another.sqlite", idempotent=False)
    journal = Journal(path, _facts_of(tmp_path / "another.sqlite"))
    journal.record([], sending=[range(10, 20), [25, 27]])
    journal._database.close()  # the process died
    vendor = ScriptedVendor()
    outcomes, report = carry(vendor, ids(40), path, idempotent=False)
    in_doubt = [outcome.position for outcome in outcomes if isinstance(outcome, InDoubt)]
    assert sorted(in_doubt) == [*range(10, 20), 25, 27]
    assert (report.delivered, report.in_doubt) == (28, 12)
    assert "being sent when the process died" in str(next(o for o in outcomes if isinstance(o, InDoubt)))
    _, report = carry(vendor, ids(40), path, idempotent=False)
    assert (report.requests, report.resumed, report.in_doubt) == (0, 40, 12)
    _, report = carry(vendor, ids(40), path, idempotent=False, on_doubt="resend")
    assert (report.delivered, report.in_doubt, report.resumed) == (40, 0, 28)
    assert len(vendor.applied) == 40


def test_a_note_is_written_before_anything_is_sent(tmp_path):
    path = tmp_path / "run.sqlite"
    seen = []

    class Watching(ScriptedVendor):
        async def send(self, request):
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                seen.append(database.execute("SELECT count(*) FROM sending").fetchone()[0])
            return await super().send(request)

    carry(Watching(), ids(40), path, idempotent=False)
    assert all(count >= 1 for count in seen)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        assert database.execute("SELECT count(*) FROM sending").fetchone() == (0,)


def test_what_all_workers_have_to_write_down_is_one_transaction(tmp_path, monkeypatch):
    written = []

    def record(self, chunks, answered=(), sending=(), *, own=Journal.record):
        chunks, sending = list(chunks), list(sending)
        written.append((len(chunks), len(sending)))
        return own(self, chunks, answered, sending)

    monkeypatch.setattr(Journal, "record", record)
    vendor = ScriptedVendor(latency=0.1)
    _, report = carry(vendor, ids(40), tmp_path / "run.sqlite", idempotent=False, limit=limit(1))
    assert report.delivered == 40
    workers = report.workers
    assert workers > 1
    # All that were answered in one turn are written down with all that go out next.
    assert written[:2] == [(0, workers), (workers, workers)]
    assert sum(sent for _, sent in written) == sum(settled for settled, _ in written) == 40


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("rate", [None, 1.0], ids=["free", "paced"])
def test_a_run_that_is_cancelled_before_it_has_sent_leaves_nothing_in_doubt(tmp_path, turns, rate):
    path = tmp_path / "run.sqlite"
    sent = 0

    class Counting(ScriptedVendor):
        async def send(self, request):
            nonlocal sent
            sent += len(json.loads(request.body)["rows"])
            return await super().send(request)

    async def cancelled():
        client = make_client(Counting(), idempotent=False, limit=limit(5), settings=Settings(rate=rate))
        async with client.put(ids(40)).journaled(path) as stream:
            for _ in range(turns):
                await asyncio.sleep(0)
        return stream.report

    report = run(cancelled())
    assert (report.in_doubt, report.skipped) == (sent, report.items - sent)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        left = database.execute("SELECT coalesce(sum(stop - start), 0) FROM sending").fetchone()
    assert left == (sent,)


def test_outcomes_are_written_down_before_anybody_sees_them(tmp_path):
    path = tmp_path / "run.sqlite"

    async def go():
        client = make_client(ScriptedVendor())
        async with client.put(ids(200)).journaled(path) as stream:
            async for chunk in stream.chunks():
                with closing(sqlite3.connect(path, isolation_level=None)) as database:
                    rows = database.execute("SELECT start, stop FROM settled").fetchall()
                told = {at for start, stop in rows for at in range(start, stop)}
                assert set(chunk.positions) <= told

    run(go())


@pytest.mark.parametrize("idempotent", [True, False])
@settings(max_examples=60, deadline=None)
@given(when=st.floats(0.0, 2.0), seed=st.integers(0, 99))
def test_a_run_that_is_cancelled_goes_on_and_nothing_is_lost_or_done_twice(
    tmp_path_factory, idempotent, when, seed
):
    path = tmp_path_factory.mktemp("journal") / "run.sqlite"
    vendor = ScriptedVendor(latency=0.1, jitter=0.3, seed=seed, poison=["k7"], faults=["503", "429"])
    facts = {"idempotent": idempotent, "divisible": True, "limit": limit(5)}

    async def first():
        async with make_client(vendor, **facts).put(ids(100)).journaled(path) as stream:
            async for _ in stream:
                pass

    async def cancelled():
        task = asyncio.create_task(first())
        await asyncio.sleep(when)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(cancelled())
    _, report = carry(vendor, ids(100), path, **facts)
    assert report.settled == report.items == 100
    if idempotent:
        assert (report.delivered, report.rejected, report.in_doubt) == (99, 1, 0)
        assert len(vendor.applied) == 99
    else:
        assert set(vendor.applied.values()) <= {1}
        assert report.delivered <= len(vendor.applied) <= report.delivered + report.in_doubt


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"operation": "another"}, "operation"),
        ({"vendor": "w", "operation": "x"}, "operation, vendor"),
        ({"source": "s"}, "source"),
    ],
)
def test_the_journal_of_another_run_is_refused(tmp_path, change, what):
    Journal(tmp_path / "run.sqlite", FACTS).close()
    with pytest.raises(ConfigurationError, match=f"is the journal of another run: it differs in {what}"):
        Journal(tmp_path / "run.sqlite", {**FACTS, **change})
    Journal(tmp_path / "run.sqlite", FACTS).close()


def test_an_account_that_was_wrong_may_be_mended_as_long_as_nothing_was_taken(tmp_path):
    path = tmp_path / "run.sqlite"
    Journal(path, {**FACTS, "account": "wrong"}).close()
    journal = Journal(path, {**FACTS, "account": "right"})
    journal.record([], sending=[range(3)])
    journal.close()
    with pytest.raises(ConfigurationError, match="differs in account \\(its credentials or its base URL\\)"):
        Journal(path, {**FACTS, "account": "wrong"})
    Journal(path, {**FACTS, "account": "right"}).close()


def test_arguments_account_and_source_tell_runs_apart(tmp_path):
    path = tmp_path / "run.sqlite"
    carry(ScriptedVendor(), ids(3), path)
    for other in ({"account": "b"}, {"source": "other"}):
        with pytest.raises(ConfigurationError, match="another run"):
            carry(ScriptedVendor(), ids(3), path, **other)


def test_what_is_no_journal_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database at all, but a long text of somebody's\n" * 40)
    with pytest.raises(ConfigurationError, match="is no journal of a run, or it is damaged"):
        Journal(path, FACTS)
    assert path.read_bytes().startswith(b"not a database")


def test_a_damaged_journal_is_refused(tmp_path):
    path = tmp_path / "run.sqlite"
    journal = Journal(path, FACTS)
    for at in range(3000):
        journal._database.execute("INSERT INTO settled VALUES (?, ?)", (at * 2, at * 2 + 1))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * 8192 + whole[12288:])
    with pytest.raises((ConfigurationError, JournalFailed)):
        Journal(path, FACTS)


def test_a_directory_that_is_not_there_is_told(tmp_path):
    with pytest.raises(JournalFailed, match="cannot be written"):
        Journal(tmp_path / "nowhere" / "run.sqlite", FACTS)


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_full_disk_stops_the_run_and_nothing_is_lost(tmp_path, idempotent):
    path = tmp_path / "run.sqlite"
    vendor = ScriptedVendor(latency=0.01)
    facts = {"idempotent": idempotent}

    async def go():
        client = make_client(vendor, settings=Settings(retry=RetryPolicy(attempts=2)), **facts)
        async with client.put(ids(5000)).journaled(path) as stream:
            pages = stream._pipeline._journal._database.execute("PRAGMA page_count").fetchone()[0]
            stream._pipeline._journal._database.execute(f"PRAGMA max_page_count = {pages + 1}")
            with pytest.raises(
                JournalFailed, match=r"cannot be written \(database or disk is full\): make room"
            ):
                async for _ in stream:
                    pass
        return stream.report

    report = run(go())
    assert report.settled == report.items
    assert report.delivered == len(vendor.applied)
    assert not report.exhausted
    _, second = carry(vendor, ids(5000), path, **facts)
    # What was answered when it could not be written down any more must not be sent once more.
    assert second.delivered + second.in_doubt == 5000
    assert not (idempotent and second.in_doubt)
    assert set(vendor.applied.values()) == {1} or idempotent
    assert len(vendor.applied) == 5000


def test_two_processes_do_not_share_a_run(tmp_path):
    path = tmp_path / "run.sqlite"
    Journal(path, FACTS).close()
    parent = os.getppid()
    lease = "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)"
    for host, process, renewed, free in (
        (socket.gethostname(), parent, 0.0, False),
        (socket.gethostname(), 2**22 - 3, time.time(), True),  # no such process lives
        ("another-host", parent, time.time() - 5, False),
        ("another-host", parent, time.time() - 60, True),
    ):
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(lease, (host, process, renewed))
        database.close()
        if free:
            Journal(path, FACTS).close()
        else:
            with pytest.raises(ConfigurationError, match=f"is in use by process {parent} on "):
                Journal(path, FACTS)


def test_a_process_that_was_halted_while_it_wrote_is_told_to_be_the_one(tmp_path):
    path = tmp_path / "run.sqlite"
    Journal(path, FACTS).close()
    parent = os.getppid()
    with closing(sqlite3.connect(path, isolation_level=None)) as halted:
        halted.execute("INSERT INTO lease VALUES (1, ?, ?, 0)", (socket.gethostname(), parent))
        halted.execute("BEGIN IMMEDIATE")  # and there it stands: nobody else can write
        with pytest.raises(ConfigurationError, match=f"is in use by process {parent} on "):
            Journal(path, FACTS)


def test_the_file_is_its_owners_alone(tmp_path):
    Journal(tmp_path / "run.sqlite", FACTS).close()
    assert (tmp_path / "run.sqlite").stat().st_mode & 0o077 == 0


def test_what_was_not_delivered_can_be_read(tmp_path):
    path = tmp_path / "run.sqlite"
    vendor = ScriptedVendor(poison=["k3", "k8"])
    outcomes, _ = carry(vendor, ids(10), path)
    journal = Journal(path, _facts_of(path))
    assert [(row[0], row[1], row[2], row[4]) for row in journal.undelivered()] == [
        (3, "rejected", "k3", b'"k3"'),
        (8, "rejected", "k8", b'"k8"'),
    ]
    journal.close()
    assert len([one for one in outcomes if isinstance(one, Rejected)]) == 2
    assert len([one for one in outcomes if isinstance(one, Delivered)]) == 8


def _facts_of(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        facts = dict(database.execute("SELECT name, value FROM facts"))
    database.close()
    del facts["format"]
    return facts
