"""What must not be repeated: attempts that die at any moment, or live on when a newer one has begun."""

from __future__ import annotations

import math
import threading
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netaudience import ConfigurationError
from netaudience.errors import JournalFailed
from netaudience.jobs.spark import memory as memories
from netaudience.jobs.spark.memory import Memory, Note, begin, files, forget, notes_of, taken
from netaudience.jobs.spark.options import Options
from netaudience.jobs.spark.outcomes import write_manifest
from netaudience.jobs.spark.partition import CannotGoOn, carry
from netaudience.jobs.spark.storage import Storage
from netaudience.sandbox.background import BackgroundSandbox
from netaudience.spark import report

EVENTS = {"vendor": "netmera", "operation": "fire_events", "preflight": "false", "patience": "0.1"}
ROWS = 60


@pytest.fixture
def sandbox(monkeypatch):
    with BackgroundSandbox() as sandbox:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
        yield sandbox


@pytest.fixture
def place(tmp_path):
    return tmp_path / "memory"


def options(place, **more):
    told = {**EVENTS, "memory": str(place), "maxRows": "10", "outcomes": f"{place}-outcomes", **more}
    return Options.of(told).begun(["ext_id", "name", "n"])


def rows(first=0, last=ROWS, *, back=False):
    numbers = list(range(first, last))[:: -1 if back else 1]
    ids = [f"customer-{number:04d}" for number in numbers]
    table = pa.table({"ext_id": ids, "name": ["login"] * len(ids), "n": numbers})
    return iter(table.to_batches(max_chunksize=7))


def came(sandbox):
    """How often each row has arrived."""
    return Counter(sandbox.ledger.applied["netmera", "fireEvents"])


class Dies:
    """A store that is gone from one moment on, as it is for an attempt that is killed."""

    def __init__(self, monkeypatch, writes):
        self.left, self.real = writes, Storage.write
        monkeypatch.setattr(Storage, "write", self.write_of())

    def write_of(self):
        def write(storage, name, content):
            self.left -= name.endswith(".notes")
            if self.left < 0:
                raise OSError(5, "gone")
            self.real(storage, name, content)

        return write


@pytest.mark.parametrize("notes", range(5))
def test_an_attempt_may_die_after_any_note_and_no_row_comes_twice(sandbox, place, monkeypatch, notes):
    told = options(place, inFlight="2")
    with monkeypatch.context() as patch:
        Dies(patch, notes)
        with pytest.raises(CannotGoOn, match="memory cannot be read or written"):
            carry(told, rows(), 3, 7)
    sent = came(sandbox)
    part = carry(told, rows(back=True), 3, 8)
    assert max(came(sandbox).values()) == 1
    assert part.rows == part.delivered + part.known + part.in_doubt == ROWS
    assert part.known <= len(sent) <= part.known + part.in_doubt <= len(sent) + 20
    assert part.in_doubt <= 20, "two requests"
    write_manifest(f"{place}-outcomes", [part], None)
    assert report(f"{place}-outcomes").missing == ""
    told_rows = pq.read_table(f"{place}-outcomes/{part.file}").to_pylist()
    assert {row["outcome"] for row in told_rows} <= {"in_doubt"}
    assert len(told_rows) == part.in_doubt
    # A third attempt tells the same of them, and sends nothing.
    third = carry(told, rows(), 3, 9)
    assert (third.known, third.in_doubt, third.requests) == (ROWS - part.in_doubt, part.in_doubt, 0)


def test_rows_that_were_rejected_or_have_failed_count_as_then_or_are_sent(sandbox, place):
    sandbox.set_faults("blame=customer-0003,operation=fireEvents", "status=503,operation=fireEvents,after=2")
    told = options(place, inFlight="1")
    with pytest.raises(CannotGoOn):
        carry(told, rows(), 0, 1)
    sandbox.set_faults()
    part = carry(told, rows(), 0, 2)
    assert part.rejected in {0, 1}
    assert part.rows == part.known + part.delivered + part.rejected + part.in_doubt
    assert max(came(sandbox).values()) == 1


def test_an_attempt_that_lives_on_sends_no_more_when_a_newer_one_has_begun(sandbox, place):
    """A machine that was lost may be there all the same: both attempts send at the same time."""
    sandbox.set_faults("latency=0.2,operation=fireEvents")
    told = options(place, inFlight="2")
    ended = []

    def older():
        try:
            carry(told, rows(), 0, 1)
        except CannotGoOn as error:
            ended.append(str(error))

    thread = threading.Thread(target=older)
    thread.start()
    while not files(str(place)):
        pass
    part = carry(told, rows(), 0, 2)
    thread.join()
    assert "newer attempt" in ended[0]
    assert max(came(sandbox).values()) == 1
    assert part.rows == part.known + part.delivered + part.in_doubt
    assert 0 < part.in_doubt <= 20
    # What the older one had noted when it found the newer one's mark was not sent, and is in doubt as well.
    assert ROWS - 20 <= len(came(sandbox)) >= part.known + part.delivered


def test_a_newer_write_stops_the_tasks_of_an_older_one(sandbox, place):
    old = options(place)
    new = options(place)
    with pytest.raises(CannotGoOn, match="newer write"):
        carry(old, rows(), 0, 1)
    assert not came(sandbox)
    assert carry(new, rows(), 0, 0).delivered == ROWS


def test_rows_that_are_another_tasks_now_are_not_sent_again(sandbox, place):
    """A driver was killed, and the next one divides the frame otherwise."""
    carry(options(place), rows(0, 20), 0, 0)
    again = options(place)
    with pytest.raises(ConfigurationError, match="must not be sent twice"):
        Memory(str(place), "00000", 0, run=again.run, repeatable=False).compare([b"x" * 24])
    refused = carry(again, rows(10, 30), 0, 1)
    assert "must not be sent twice" in refused.refused
    assert refused.unsent == 20
    moved = carry(again, rows(0, 30), 1, 1)
    assert (moved.in_doubt, moved.delivered) == (20, 10)
    assert max(came(sandbox).values()) == 1


def test_rows_that_are_alike_are_rows_all_the_same(sandbox, place):
    table = pa.table({"ext_id": ["a", "a", "b"], "name": ["login"] * 3})
    told = Options.of({**EVENTS, "memory": str(place)})
    carry(told, iter(table.slice(1).to_batches()), 0, 1)
    part = carry(told, iter(table.to_batches()), 0, 2)
    assert (part.known, part.delivered) == (2, 1)
    assert came(sandbox) == {"a": 2, "b": 1}


def test_a_memory_of_another_write_is_refused(place):
    options(place)
    with pytest.raises(ConfigurationError, match="a memory of its own"):
        Options.of({**EVENTS, "memory": str(place), "account": "other"}).begun(["ext_id", "name", "n"])


def test_without_a_memory_the_sentence_says_what_to_set():
    with pytest.raises(ConfigurationError, match=r"must not be repeated.*option memory"):
        Options.of(EVENTS)


def test_what_may_be_repeated_writes_no_note_before_it_is_sent(sandbox, place, monkeypatch):
    monkeypatch.setattr(memories, "_SECONDS", math.inf)
    told = Options.of({"vendor": "netmera", "operation": "tag_users", "arg.tag": "x", "memory": str(place)})
    carry(told, iter(pa.table({"ext_id": [f"c{n}" for n in range(3000)]}).to_batches()), 0, 1)
    names = Storage(f"{place}/00000").names("")
    assert len(names) <= 2, "one at the source's end and one at the run's, for three requests, and no mark"
    (note,) = {note.tag for name in names for note in notes_of(Storage(f"{place}/00000").read(name))}
    assert note == b"d"


def test_many_small_notes_are_put_together(sandbox, place, monkeypatch):
    monkeypatch.setattr(memories, "_TOGETHER", 4)
    told = options(place, inFlight="1")
    carry(told, rows(), 0, 1)
    assert 1 < len(files(str(place))) <= 2 * ROWS // 10 // 4 + 4
    assert carry(told, rows(), 0, 2).known == ROWS
    # One that died before it has taken the small ones away has left them twice.
    folder = Storage(f"{place}/00000")
    whole = next(name for name in folder.names("") if "000000000-000000003" in name)
    small = whole.replace("-000000000-000000003", "-000000001-000000001")
    folder.write(small, folder.read(whole)[:300])
    assert small not in " ".join(files(str(place)))


def test_a_note_that_was_cut_short_is_none():
    notes = [Note(b"s", b"1" * 24), Note(b"u", b"2" * 24, b'["in_doubt","k","run","x",null,null,null]')]
    content = b"".join(note.line() for note in notes)
    assert list(notes_of(content)) == notes
    assert [list(notes_of(content[:at])) for at in (24, 25, len(content) - 1)] == [[], notes[:1], notes[:1]]


def test_what_adds_up_to_nothing_was_not_taken():
    def counted(*tags, why=b'["rejected","k","vendor","x",400,null,null]'):
        found = taken(Note(tag, b"1" * 24, why if tag == b"u" else b"") for tag in tags)
        return found[b"1" * 24] > 0

    assert [counted(b"s"), counted(b"s", b"d"), counted(b"d")] == [True] * 3
    assert [counted(b"s", b"f"), counted(b"s", b"u"), counted()] == [False] * 3
    assert counted(b"s", b"u", why=b'["in_doubt","k","run","x",null,null,null]')


def test_a_stream_forgets_batches_that_are_over(place):
    run = begin(str(place), {}, repeatable=False)
    for batch in range(4):
        Memory(str(place), f"{batch:012d}-00000", 1, run=run, repeatable=False)
    forget(str(place), 2)
    assert [name[:12].lstrip("0") for name in Storage(str(place)).names("0")] == ["2", "3"]
    assert Storage(str(place)).names("runs")


def test_a_store_that_is_gone_is_told(place, monkeypatch):
    def gone(*_):
        raise OSError(5, "gone")

    monkeypatch.setattr(Storage, "write", gone)
    with pytest.raises(JournalFailed, match="make room"):
        Memory(str(place), "00000", 1, run="", repeatable=False)
