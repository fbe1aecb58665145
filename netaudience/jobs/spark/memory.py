"""What attempts at the tasks of a write have noted of their rows: a run's journal, in a folder all reach.

Rows are told by digests of what they hold, for a task that is tried again may read them in another order.
Each note is a file that is written once and whole. What must not be repeated is noted before it is sent, and
an attempt then looks whether a newer one has begun: whoever begins writes that down before it reads. So
either the older attempt sends no more, or the newer one has read what it was about to send, and tells that
this is in doubt.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from netaudience.dead_letter import Why
from netaudience.engine.positions import Positions, left_of
from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.spark.storage import Storage
from netaudience.jobs.state.checkpoint import Undelivered
from netaudience.model.wire import dump_json, load_json
from netaudience.outcomes import KINDS, Counts, Failed, SettledChunk

if TYPE_CHECKING:
    from netaudience.jobs.map.items import MappedPage

#: Bytes of a digest: of a row alone; or where what was delivered is remembered from run to run, those of its
#: key and of what is sent of it.
SIZE = 16 + 8
#: The column in which rows bring theirs.
DIGEST = "netaudience digest"
#: What the names of the files end with: notes, and the marks of attempts that have begun.
_NOTES, _BEGUN = ".notes", ".begun"
#: What may be repeated is noted after this many rows, or seconds.
_MANY, _SECONDS = 20_000, 1.0
#: Small files are put together when there are this many.
_TOGETHER = 200
#: Seconds for which an attempt that sends a request once more trusts that none newer has begun.
_FRESH = 1.0
_FACTS, _RUNS = "facts.json", "runs"

#: It is about to be sent; was delivered; was not sent, or failed, and may be; was settled otherwise after it
#: was about to be sent, or without.
_SENDING, _DELIVERED, _FREE, _UNDELIVERED, _UNSENT = b"s", b"d", b"f", b"u", b"r"
_ELSEWHERE = Why(
    "run", "An earlier write with this memory has sent a row like it from another task: it may be this one"
)


class Note(NamedTuple):
    """One note of one row."""

    tag: bytes
    digest: bytes
    #: Of what was settled without being delivered, as JSON.
    why: bytes = b""

    def line(self) -> bytes:
        """Return it as it stands in a file."""
        size = len(self.why).to_bytes(4, "big") if self.tag in {_UNDELIVERED, _UNSENT} else b""
        return self.tag + self.digest + size + self.why

    @property
    def in_doubt(self) -> bool:
        """Whether it tells that nobody knows whether the row was delivered."""
        return self.tag == _UNDELIVERED and _undelivered(self.why).outcome == "in_doubt"


def notes_of(content: bytes) -> Iterator[Note]:
    """Give the notes of a file; one that was cut short was never counted on."""
    at, end = 0, len(content)
    while at + 1 + SIZE <= end:
        tag, digest = content[at : at + 1], content[at + 1 : at + 1 + SIZE]
        at += 1 + SIZE
        why = b""
        if tag in {_UNDELIVERED, _UNSENT}:
            size = int.from_bytes(content[at : at + 4], "big")
            why = content[at + 4 : at + 4 + size]
            at += 4 + size
            if at > end:
                return
        yield Note(tag, digest, why)


def taken(notes: Iterable[Note]) -> Counter[bytes]:
    """Return of what digests rows were delivered or are in doubt: those with more than nothing."""
    found = Counter[bytes]()
    for note in notes:
        if note.tag in {_SENDING, _DELIVERED}:
            found[note.digest] += 1
        elif note.tag == _FREE or (note.tag == _UNDELIVERED and not note.in_doubt):
            found[note.digest] -= 1
    return found


def noted_counts(place: str) -> Counts:
    """Return what became of the rows of all tasks, as far as attempts have noted it."""
    tags, doubts, rejected = Counter[bytes](), 0, 0
    for _, content in _contents(place, _tasks(Storage(place), "")):
        for note in notes_of(content):
            tags[note.tag] += 1
            if note.tag in {_UNDELIVERED, _UNSENT}:
                doubts += note.in_doubt
                rejected += not note.in_doubt
    closed = tags[_DELIVERED] + tags[_FREE] + tags[_UNDELIVERED]
    counts = Counts(rejected=rejected, in_doubt=max(0, tags[_SENDING] - closed) + doubts)
    counts.delivered = tags[_DELIVERED]
    return counts


def digest_of_row(row: Mapping[str, object]) -> bytes:
    """Return what identifies a row."""
    text = json.dumps(row, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


def begin(place: str, facts: Mapping[str, object], *, repeatable: bool) -> str:
    """Begin a write with a memory, and return what tells it from earlier ones with the same.

    Args:
        place: The folder.
        facts: What is done with the rows, which must be what was done then.
        repeatable: Whether that does no harm when it is done twice; earlier writes are not stopped then.

    Raises:
        ConfigurationError: the memory is of something else.
    """
    storage, wanted = Storage(place), dump_json(facts)
    if not storage.names(_FACTS):
        storage.write(_FACTS, wanted)
    elif storage.read(_FACTS) != wanted:
        raise ConfigurationError(
            "The folder of the option memory is of a write with other options or columns, so what it knows "
            "is of other requests: give each write a memory of its own"
        )
    if repeatable:
        return ""
    runs = Storage(storage.path(_RUNS))
    number = 1 + max((int(name.partition("-")[0]) for name in runs.names("")), default=0)
    name = f"{number:06d}-{secrets.token_hex(4)}"
    runs.write(name, b"")
    return name


def forget(place: str, before: int) -> None:
    """Forget the batches of a stream before this one: Spark has written down that they are over."""
    storage = Storage(place)
    for name in storage.names(""):
        batch, _, task = name.partition("-")
        if task.isdecimal() and batch.isdecimal() and int(batch) < before:
            storage.remove(name)


def _tasks(storage: Storage, prefix: str) -> list[str]:
    """Return the folders of a write's tasks, or of those of one batch."""
    return [name for name in storage.names(prefix) if name[len(prefix) :].isdecimal()]


def _files_of(names: Sequence[str]) -> list[str]:
    """Return the files of notes that count: small ones that were put together stand in another one.

    A name is that of the attempt, and the numbers of the first and the last note that it holds.
    """
    found: list[str] = []
    reached: dict[str, int] = {}
    files = [(*name.removesuffix(_NOTES).rsplit("-", 2), name) for name in names if name.endswith(_NOTES)]
    for attempt, first, last, name in sorted(files, key=lambda file: (-int(file[2]), int(file[1]))):
        if int(last) < reached.get(attempt, 1 << 62):
            found.append(name)
            reached[attempt] = int(first)
    return found


def files(place: str) -> list[str]:
    """Return where the notes of all tasks are."""
    storage = Storage(place)
    folders = [Storage(storage.path(task)) for task in _tasks(storage, "")]
    return [folder.path(name) for folder in folders for name in _files_of(folder.names(""))]


def _contents(place: str, tasks: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give the attempt and the content of each file of notes."""
    for task in tasks:
        folder = Storage(f"{place}/{task}")
        while True:
            try:  # an attempt that nobody waits for may put files together meanwhile
                found = [(name, folder.read(name)) for name in _files_of(folder.names(""))]
            except FileNotFoundError:
                continue
            break
        yield from found


class Memory:
    """The memory of one partition, written by one attempt and read by the next: what the engine notes in."""

    def __init__(
        self, place: str, task: str, attempt: int, *, run: str = "", repeatable: bool = True
    ) -> None:
        """Read what earlier attempts have noted.

        Args:
            place: The folder.
            task: What tells the partition from others, and from the same of other batches.
            attempt: The number of this attempt, which is greater than those of earlier ones of the write.
            run: What tells the write from earlier ones with the same memory.
            repeatable: Whether nothing of it has to be noted before it is sent.

        Raises:
            JournalFailed: it cannot be read or written, or a newer attempt has begun.
        """
        self._storage = Storage(f"{place}/{task}")
        self._runs, self._run = Storage(f"{place}/{_RUNS}"), run
        self._repeatable = repeatable
        self._name = f"{run}-{attempt:012d}"
        if repeatable:  # nobody compares attempts, and those of another write may have their numbers
            self._name += f"-{secrets.token_hex(4)}"
        #: The number of the next note, and those since files were put together.
        self._next, self._small = 0, list[bytes]()
        self._open: list[bytes] = []
        self._written = self._looked = time.monotonic()
        #: By position, the number of the row; and the positions of which it is noted that they are sent.
        self._numbers: list[int] = []
        self._out = set[int]()
        self._digests: Sequence[bytes] = ()
        #: What is known of rows, by their numbers: what became of them, or that they are in doubt.
        self._known: dict[int, Undelivered | None] = {}
        self._doubtful = set[int]()
        self._reported: dict[int, Undelivered] = {}
        #: By number of a chunk that was noted, its positions.
        self._noting: dict[int, Sequence[int]] = {}
        self._count = 0
        self.settled, self.doubtful, self.before = Positions(), Positions(), Counts()
        try:
            if not repeatable:
                self._storage.write(f"{self._name}{_BEGUN}", b"")
                self._look()
            self._read(place, task)
        except OSError as error:
            raise JournalFailed(_cannot(error)) from error

    def __repr__(self) -> str:
        return f"<Memory of attempt {self._name}>"

    def _read(self, place: str, task: str) -> None:
        self._past = Counter[bytes]()
        self._delivered, self._doubts = Counter[bytes](), Counter[bytes]()
        self._undelivered: dict[bytes, list[Undelivered]] = {}
        self._elsewhere = Counter[bytes]()
        for _, content in _contents(place, [task]):
            for note in notes_of(content):
                self._past[note.digest] += 1
                if note.tag == _SENDING:
                    self._doubts[note.digest] += 1
                elif note.tag != _UNSENT:
                    self._doubts[note.digest] -= 1
                if note.tag == _DELIVERED:
                    self._delivered[note.digest] += 1
                elif note.tag in {_UNDELIVERED, _UNSENT}:
                    self._undelivered.setdefault(note.digest, []).append(_undelivered(note.why))
        if self._run and len(self._runs.names("")) > 1:
            others = [name for name in _tasks(Storage(place), task[: task.rfind("-") + 1]) if name != task]
            for name, content in _contents(place, others):
                if not name.startswith(self._run):
                    self._elsewhere.update(taken(notes_of(content)))

    def compare(self, digests: Sequence[bytes]) -> None:
        """Find out what is known of the rows of the partition, all of which have been read.

        Args:
            digests: What tells each row from others; empty where it is not to be sent.

        Raises:
            ConfigurationError: rows that were sent are not among them, so they may be among another task's.
        """
        self._digests = digests
        if not (self._past or self._elsewhere):
            return
        for number, digest in enumerate(digests, 1):
            self._find(number, digest)
        there = set(digests)
        if not self._repeatable and any(
            digest not in there and (self._delivered[digest] or self._doubts[digest] > 0)
            for digest in self._past
        ):
            raise ConfigurationError(
                "Rows that were sent are not among those of their task any more, so they may be another "
                "task's, and must not be sent twice: nothing more was sent. Write the frame down first where "
                "it is not the same each time (rand, a limit, the time), and divide it as before: ordered(…)"
            )

    def _find(self, number: int, digest: bytes) -> None:
        kept = self._undelivered.get(digest)
        if self._delivered[digest] > 0:
            self._delivered[digest] -= 1
            self._known[number] = None
            self.before.delivered += 1
        elif kept:
            self._keep(number, kept.pop())
        elif self._doubts[digest] > 0:
            self._doubts[digest] -= 1
            self._doubtful.add(number)
        elif self._elsewhere[digest] > 0 and not self._past[digest]:
            self._keep(number, Undelivered(0, "in_doubt", "", _ELSEWHERE))

    def _keep(self, number: int, what: Undelivered) -> None:
        self._known[number] = what
        self.before.rejected += what.outcome == "rejected"
        self.before.in_doubt += what.outcome == "in_doubt"

    def settled_of(self, page: MappedPage) -> Iterator[tuple[int, int]]:
        """Take note of the rows of a page that is to be sent, and give what of it is settled."""
        self._numbers += page.numbers
        if self._known or self._doubtful:
            for position, number in enumerate(page.numbers, page.start):
                if number in self._known:
                    self.settled.add(position, position + 1)
                    what = self._known[number]
                    if what is not None:
                        self._reported[position] = what._replace(position=position)
                elif number in self._doubtful:
                    self.doubtful.add(position, position + 1)
        return self.settled.within(page.start, page.start + len(page.items))

    def undelivered(self, start: int, stop: int) -> Iterator[Undelivered]:
        """Give what was settled in a range without being delivered, by position."""
        return (self._reported[position] for position in range(start, stop) if position in self._reported)

    def left(self, positions: range) -> tuple[list[int], range | list[int]]:
        """Return which of the positions are in doubt from before, and which no attempt has settled."""
        return left_of(positions, self.settled, self.doubtful)

    def record(
        self,
        chunks: Iterable[SettledChunk[Any]],
        answered: Iterable[range] = (),
        sending: Iterable[Sequence[int]] = (),
    ) -> list[range]:
        """Write down what became of rows, and what is about to be sent; as a journal does.

        Raises:
            JournalFailed: it cannot be written, or a newer attempt at the task has begun.
        """
        for chunk in chunks:
            self._settle(chunk)
        for position in [at for noted in answered for number in noted for at in self._noting.pop(number, ())]:
            if position in self._out:  # it was about to be sent, and was not
                self._out.discard(position)
                self._note(_FREE, position)
        given: list[range] = []
        for positions in sending:
            self._count += 1
            self._noting[self._count] = positions
            self._out.update(positions)
            for position in positions:
                self._note(_SENDING, position)
            given.append(range(self._count, self._count + 1))
        since = time.monotonic() - self._written
        if not self._repeatable or given or len(self._open) >= _MANY or since > _SECONDS:
            self.close()
        if given and not self._repeatable:
            self._looking()
        return given

    def _settle(self, chunk: SettledChunk[Any]) -> None:
        others = {one.position: one for one in chunk.undelivered}
        for position in chunk.positions:
            outcome = others.get(position)
            sent = position in self._out
            self._out.discard(position)
            if outcome is None:
                self._note(_DELIVERED, position)
            elif not isinstance(outcome, Failed):
                text = dump_json([KINDS[type(outcome)], outcome.key, *Why.of(outcome.reason)])
                sent = sent or self._numbers[position] in self._doubtful
                self._note(_UNDELIVERED if sent else _UNSENT, position, text)
            elif sent:
                self._note(_FREE, position)

    def renew(self) -> None:
        """Look whether a newer attempt has begun.

        Raises:
            JournalFailed: one has.
        """
        if not self._repeatable:
            self._looking()

    def check(self) -> None:
        """Make sure that the task is still this attempt's, before a request of it is sent once more.

        Raises:
            JournalFailed: it may be another's.
        """
        if time.monotonic() - self._looked > _FRESH:
            self.renew()

    def held_up(self, seconds: float) -> None:
        """Do nothing: time that has passed takes nothing away from an attempt."""

    def close(self) -> None:
        """Write what was noted.

        Raises:
            JournalFailed: it cannot be written.
        """
        self._written = time.monotonic()
        if not self._open:
            return
        content, self._open = b"".join(self._open), []
        try:
            self._storage.write(self._file(self._next, self._next), content)
            self._next += 1
            self._small.append(content)
            if len(self._small) >= _TOGETHER:
                first = self._next - len(self._small)
                # It holds the last one as well, and its name says so: the others are taken away after that.
                self._storage.write(self._file(first, self._next - 1), b"".join(self._small))
                for number in range(first, self._next):
                    self._storage.remove(self._file(number, number))
                self._small = []
        except OSError as error:
            raise JournalFailed(_cannot(error)) from error

    def _file(self, first: int, last: int) -> str:
        return f"{self._name}-{first:09d}-{last:09d}{_NOTES}"

    def _note(self, tag: bytes, position: int, why: bytes = b"") -> None:
        self._open.append(Note(tag, self._digests[self._numbers[position] - 1], why).line())

    def _looking(self) -> None:
        try:
            self._look()
        except OSError as error:
            raise JournalFailed(_cannot(error)) from error

    def _look(self) -> None:
        newer = any(name.endswith(_BEGUN) and name > self._name + _BEGUN for name in self._storage.names(""))
        if newer or (self._run and any(name > self._run for name in self._runs.names(""))):
            raise JournalFailed(
                "A newer attempt at this task, or a newer write with its memory, has begun: this one sends "
                "no more"
            )
        self._looked = time.monotonic()


def _undelivered(why: bytes) -> Undelivered:
    outcome, key, by, reason, status, code, message = cast("list[Any]", load_json(why))
    return Undelivered(0, outcome, key, Why(by, reason, status, code, message))


def _cannot(error: OSError) -> str:
    return (
        f"The memory cannot be read or written ({type(error).__name__}: {error.strerror or 'by its store'}): "
        "make room, or look at who may write there. What it has noted is safe, and the next attempt goes on "
        "from it"
    )
