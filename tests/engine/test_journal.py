"""A run's memory: what is written down, what a second attempt makes of it, and what it refuses."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from examples import examples
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
from netaudience.engine import lease
from netaudience.engine.journal import Journal
from netaudience.engine.positions import Positions
from netaudience.model.limits import Limit, assumed

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


def die(journal):
    """Leave a journal as a process does that is killed."""
    journal._database.close()
    journal._count.close()
    journal._lock._database.close()


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
    journal = Journal(path, _facts_of(tmp_path / "another.sqlite"), once=True)
    journal.record([], sending=[range(10, 20), [25, 27]])
    die(journal)
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
    assert (report.in_doubt, report.unsent) == (sent, report.items - sent)
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
@settings(max_examples=examples(60), deadline=None)
@given(when=st.floats(0.0, 2.0), seed=st.integers(0, 99))
def test_a_run_that_is_cancelled_goes_on_and_nothing_is_lost_or_done_twice(
    tmp_path_factory, idempotent, when, seed
):
    path = tmp_path_factory.mktemp("journal") / "run.sqlite"
    vendor = ScriptedVendor(latency=0.1, jitter=0.3, seed=seed, poison=["k7"], faults=["503", "429"])
    facts = {"idempotent": idempotent, "limit": limit(5)}

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
            pages = stream._pipeline._recorder._journal._database.execute("PRAGMA page_count").fetchone()[0]
            stream._pipeline._recorder._journal._database.execute(f"PRAGMA max_page_count = {pages + 1}")
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


@pytest.mark.parametrize(
    ("machine", "ago", "free"),
    [
        (None, 0, True),  # of this machine, and its lock is given back: the process is dead
        (None, -3600, True),
        ("another machine", 5, False),
        ("another machine", 60, True),
        ("another machine", 30 * 86400, True),  # whatever process has its number by now
    ],
)
def test_a_lease_that_was_left_behind_holds_as_long_as_it_may_be_somebodys(tmp_path, machine, ago, free):
    path = tmp_path / "run.sqlite"
    Journal(path, FACTS).close()
    left = f"process {os.getpid()} on {socket.gethostname()} 0123456789abcdef"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        row = left, machine or lease._machine(), time.time() - ago
        database.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)", row)
    if free:
        Journal(path, FACTS).close()
    else:
        with pytest.raises(ConfigurationError, match=f"is in use by process {os.getpid()} on "):
            Journal(path, FACTS)


@pytest.mark.parametrize("idempotent", [True, False])
def test_two_runs_of_one_process_do_not_share_a_journal(tmp_path, idempotent):
    path = tmp_path / "run.sqlite"
    vendor = ScriptedVendor(latency=1.0)

    async def later(seconds):
        await asyncio.sleep(seconds)
        return await make_client(vendor, idempotent=idempotent).put(ids(100)).journaled(path).settled()

    async def go():
        return await asyncio.gather(*map(later, (0, 0.1, 0.9, 1.5)), return_exceptions=True)

    first, *others = run(go())
    assert first.delivered == 100
    assert [type(one) for one in others] == [ConfigurationError] * 3
    assert all("is in use by process" in str(one) for one in others)
    assert set(vendor.applied.values()) == {1}


HOLDER = """
import sys
from pathlib import Path
from netaudience.engine import lease
from netaudience.engine.journal import Journal
journal = Journal(Path(sys.argv[1]), {"vendor": "v", "operation": "o"})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_keeps_its_journal_while_it_stands_still_and_gives_it_back_with_its_life(tmp_path):
    path = tmp_path / "run.sqlite"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(ConfigurationError, match=f"in use by process {holder.pid} on"):
            Journal(path, FACTS)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:  # as one of long ago
            database.execute("UPDATE lease SET renewed = 0")
        with pytest.raises(ConfigurationError, match="in use by"):
            Journal(path, FACTS)
        holder.kill()
        holder.wait()
        Journal(path, FACTS).close()


def take_over(path):
    """Do what another machine does that sees the file and not the lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        row = "process 1 on another 0123456789abcdef", "another machine", time.time()
        database.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?)", row)


def test_what_somebody_else_has_taken_over_is_neither_written_nor_given_back(tmp_path):
    path = tmp_path / "run.sqlite"
    journal = Journal(path, FACTS, once=True)
    take_over(path)
    for write in (journal.renew, lambda: journal.record([], sending=[range(3)])):
        with pytest.raises(JournalFailed, match="another process has taken it over"):
            write()
    journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        assert database.execute("SELECT holder FROM lease").fetchone()[0].startswith("process 1 on another")
        assert database.execute("SELECT count(*) FROM sending").fetchone() == (0,)


def test_a_run_that_was_taken_over_sends_nothing_more(tmp_path):
    path = tmp_path / "run.sqlite"
    vendor = ScriptedVendor(latency=0.1)

    async def go():
        client = make_client(vendor, idempotent=False, limit=limit(5), settings=Settings(rate=1))
        async with client.put(ids(200)).journaled(path) as stream:
            await asyncio.sleep(12.05)
            sent = vendor.requests
            take_over(path)
            with pytest.raises(JournalFailed, match="is not this run's any more"):
                async for _ in stream:
                    pass
        return sent, stream.report

    sent, report = run(go())
    assert sent > 2
    assert vendor.requests <= sent + 1  # the fence is looked at before each request
    assert report.settled + report.unsent == report.items


@pytest.mark.parametrize("once", [True, False])
def test_a_process_that_wakes_up_after_its_lease_has_passed_sends_nothing_that_must_not_be_repeated(
    tmp_path, monkeypatch, once
):
    clock = [1000.0]
    monkeypatch.setattr(lease, "clock", lambda: clock[0])
    journal = Journal(tmp_path / "run.sqlite", FACTS, once=once)
    clock[0] += 25
    journal.check()
    clock[0] += 29
    journal.record([], sending=[range(3)])
    clock[0] += 3600  # it sleeps
    if once:
        with pytest.raises(JournalFailed, match="stood still for longer than others wait for it"):
            journal.check()
        with pytest.raises(JournalFailed, match="stood still"):
            journal.record([], sending=[range(3, 6)])
    else:
        journal.record([])
    journal.close()


def test_a_source_that_takes_its_time_is_no_process_that_stands_still(tmp_path, monkeypatch):
    vendor = ScriptedVendor()

    async def go():
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(lease, "clock", loop.time)

        def slow():
            for one in ids(20):
                loop.clock.now += 40  # a query that waits, and holds up everything else
                yield one

        client = make_client(vendor, idempotent=False)
        return await client.put(slow()).journaled(tmp_path / "run.sqlite").settled()

    assert run(go()).delivered == 20


# What is lost of the file.


def damage(path, kind, seed):
    wal = path.with_name(f"{path.name}-wal")
    rng = random.Random(seed)
    match kind:
        case "no side file":
            for one in path.parent.glob(f"{path.name}-*"):
                one.unlink()
        case "no wal":
            wal.unlink()
        case "no count":
            path.with_name(f"{path.name}-count").unlink()
        case "a count that is none":
            path.with_name(f"{path.name}-count").write_bytes(b"\0" * 21)
        case "a shorter wal":
            size = wal.stat().st_size
            os.truncate(wal, rng.randrange(size - 4096))
        case "flipped bits":
            content = bytearray(wal.read_bytes())
            for _ in range(8):
                content[rng.randrange(32, len(content) // 2)] ^= 1 << rng.randrange(8)
            wal.write_bytes(content)


REFUSED = r"lacks what was written last|is damaged"
DAMAGES = ["no side file", "no wal", "no count", "a count that is none"]


def killed_journal(path, records):
    """Leave what a killed process leaves that has noted so many chunks, all in the file for what is new."""
    journal = Journal(path, FACTS, once=True)
    journal._database.execute("PRAGMA wal_autocheckpoint = 0")
    for at in range(records):
        journal.record([], sending=[range(10 * at, 10 * at + 10)])
    # A copy, for SQLite itself would tidy up when the last connection is closed.
    left = path.parent / "left"
    left.mkdir()
    for one in path.parent.glob(f"{path.name}*"):
        if not one.name.endswith(("-shm", "-lock")):
            shutil.copyfile(one, left / one.name)
    die(journal)
    return left / path.name


@pytest.mark.parametrize(
    ("kind", "seed"),
    [(kind, 0) for kind in DAMAGES]
    + [(kind, seed) for kind in ("a shorter wal", "flipped bits") for seed in range(12)],
)
def test_a_journal_of_which_something_is_lost_is_refused(tmp_path, kind, seed):
    path = killed_journal(tmp_path / "run.sqlite", 20)
    damage(path, kind, seed)
    with pytest.raises(ConfigurationError, match=REFUSED):
        Journal(path, FACTS, once=True)
    with pytest.raises(ConfigurationError, match=REFUSED):
        Journal(path, FACTS, once=True)  # nor is it taken the second time


def test_the_damages_would_see_a_journal_that_takes_what_it_finds(tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "_check_whole", lambda _: None)
    monkeypatch.setattr(Journal, "_check_count", lambda _, **__: None)
    taken = []
    for number, kind in enumerate(("no wal", "a shorter wal", "flipped bits")):
        (tmp_path / str(number)).mkdir()
        path = killed_journal(tmp_path / str(number) / "run.sqlite", 20)
        damage(path, kind, 0)
        with contextlib.suppress(ConfigurationError), closing(Journal(path, FACTS, once=True)) as journal:
            taken.append((kind, len(journal.doubtful)))
    assert {kind for kind, _ in taken} >= {"a shorter wal", "flipped bits"}
    assert all(doubtful < 200 for _, doubtful in taken), "what was sent would be sent once more"


def test_a_journal_that_is_whole_after_a_kill_is_taken(tmp_path):
    path = killed_journal(tmp_path / "run.sqlite", 20)
    journal = Journal(path, FACTS, once=True)
    assert len(journal.doubtful) == 200
    journal.close()


def test_a_journal_that_was_closed_is_one_file_and_may_be_copied(tmp_path):
    path = tmp_path / "run.sqlite"
    journal = Journal(path, FACTS, once=True)
    journal.record([], sending=[range(10)])
    journal.close()
    assert [one.name for one in tmp_path.iterdir()] == ["run.sqlite"]
    shutil.copyfile(path, tmp_path / "copy.sqlite")
    copy = Journal(tmp_path / "copy.sqlite", FACTS, once=True)
    assert len(copy.doubtful) == 10
    copy.close()


def test_an_operation_that_may_be_repeated_goes_on_with_what_is_left_of_its_journal(tmp_path):
    path = tmp_path / "run.sqlite"
    journal = Journal(path, FACTS)
    journal.record([])
    die(journal)
    for one in tmp_path.glob("run.sqlite-*"):
        one.unlink()
    Journal(path, FACTS).close()


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_note_is_on_the_disk_before_the_request_leaves(tmp_path):
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write,sendto,sendmsg", "-o", str(trace)]
    program = f"""
import asyncio, sys
sys.path[:0] = {sys.path!r}
from scripted import ScriptedVendor, make_client
class Loud(ScriptedVendor):
    async def send(self, request):
        sys.stderr.write("SENT\\n"); sys.stderr.flush()
        return await super().send(request)
async def main():
    client = make_client(Loud(), idempotent=False)
    await client.put([f"k{{n}}" for n in range(50)]).journaled({str(tmp_path / "run.sqlite")!r}).settled()
asyncio.run(main())
"""
    subprocess.run([*command, sys.executable, "-c", program], check=True, capture_output=True, timeout=120)
    synced, sent = False, 0
    for line in trace.read_text().splitlines():
        if "run.sqlite-wal" in line and "sync(" in line:
            synced = True
        elif '"SENT' in line:
            sent += 1
            assert synced or sent > 1
    assert sent == 5
    assert sum("run.sqlite-wal" in line and "sync(" in line for line in trace.read_text().splitlines()) >= 2


def test_the_file_is_its_owners_alone(tmp_path):
    Journal(tmp_path / "run.sqlite", FACTS).close()
    assert (tmp_path / "run.sqlite").stat().st_mode & 0o077 == 0


def test_what_was_not_delivered_can_be_read(tmp_path):
    path = tmp_path / "run.sqlite"
    vendor = ScriptedVendor(poison=["k3", "k8"])
    outcomes, _ = carry(vendor, ids(10), path)
    with closing(sqlite3.connect(path)) as database:
        told = "position, outcome, key, decider, status, code, message, item"
        rows = database.execute(f"SELECT {told} FROM undelivered ORDER BY position").fetchall()
    assert [row[:4] + row[7:] for row in rows] == [
        (3, "rejected", "k3", "vendor", b'"k3"'),
        (8, "rejected", "k8", "vendor", b'"k8"'),
    ]
    (error,) = {one.reason for one in outcomes if isinstance(one, Rejected) and one.position == 3}
    code = None if error.code is None else json.dumps(error.code)
    assert rows[0][4:7] == (error.status, code, error.vendor_message or None), (
        "as fields, a number as a number"
    )
    assert len([one for one in outcomes if isinstance(one, Rejected)]) == 2
    assert len([one for one in outcomes if isinstance(one, Delivered)]) == 8


def _facts_of(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        facts = dict(database.execute("SELECT name, value FROM facts"))
    database.close()
    del facts["format"]
    return facts
