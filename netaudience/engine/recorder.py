"""What a run writes down of itself: what is about to be sent, what was answered, and what became of it.

Nothing is told before it is written down. A run that keeps no journal has the `Recorder` itself, which writes
nothing and tells everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from netaudience.engine.source import Source
from netaudience.errors import JournalFailed, NetaudienceError
from netaudience.model.surprises import surprise
from netaudience.outcomes import Report, SettledChunk

if TYPE_CHECKING:
    from netaudience.engine.sender import Sender
    from netaudience.outcomes import Counts

Item = TypeVar("Item")
#: Seconds between two beats of a journal's lease.
_HEARTBEAT = 5.0


def _nobody(_: object) -> None:
    """Take what nobody waits for."""


class Notes(Protocol):
    """What a run keeps of itself, and earlier attempts at it have kept: a `Journal`, or what does the same.

    Its methods raise `JournalFailed` where they cannot, or the run is not this one's any more.
    """

    @property
    def before(self) -> Counts:
        """What became of the items that are settled from before."""
        ...

    def left(self, positions: range) -> tuple[Sequence[int], Sequence[int]]:
        """Return which of the positions are in doubt from before, and which no attempt has settled."""
        ...

    def record(
        self,
        chunks: Iterable[SettledChunk[Any]],
        answered: Iterable[range] = (),
        sending: Iterable[Sequence[int]] = (),
    ) -> list[range]:
        """Write down what became of items, and what is about to be sent; see `Journal.record`."""
        ...

    def renew(self) -> None:
        """Keep the run."""
        ...

    def check(self) -> None:
        """Make sure that the run is still this one's, before a request of it is sent once more."""
        ...

    def held_up(self, seconds: float) -> None:
        """Leave out a time in which the caller's own code kept the run from being renewed."""
        ...

    def close(self) -> None:
        """Give it free."""
        ...


class Recorder(Generic[Item]):
    """Writes nothing down: a run is as fast as it can be, and a crash forgets it."""

    #: Whether a chunk is noted before it is sent, because a crash would leave it in doubt.
    notes = False
    #: What an earlier attempt has settled; None where nobody remembers.
    before: Counts | None = None

    def __init__(self, publish: Callable[[SettledChunk[Item]], None]) -> None:
        self._publish = publish

    def tell(self, settled: SettledChunk[Item]) -> None:
        """Tell what became of a chunk, when that is written down."""
        self._publish(settled)

    def begin(self, report: Report, sender: Sender) -> None:
        """Count what an earlier attempt has settled."""

    def note(self, positions: Sequence[int]) -> asyncio.Future[range | None]:
        """Return what says when it is written down that these are about to be sent; None if it cannot be."""
        raise NotImplementedError

    def answered(self, noted: range) -> None:
        """Take note that what was about to be sent is not under way any more."""

    def left(self, positions: range) -> tuple[Sequence[int], Sequence[int]]:
        """Return the positions that were being sent when an earlier attempt died, and those to be sent."""
        return (), positions

    def read(self, source: Source[Item], most: int) -> Sequence[Item]:
        """Read from a source that never waits, though reading may take its time."""
        return source.read_now(most)

    def keep(self, divided: list[SettledChunk[Item]]) -> None:
        """Write down parts that are settled of a chunk whose rest is not, and take them out of the list."""

    def write(self) -> None:
        """Write down and tell what there is."""

    def close(self) -> None:
        """Write down what there is, and let go of the file and of the run, which is nobody's then."""
        self._publish = _nobody


class JournalRecorder(Recorder[Item]):
    """Writes into a journal: once in a turn of the loop, for all workers together."""

    def __init__(
        self,
        journal: Notes,
        publish: Callable[[SettledChunk[Item]], None],
        halt: Callable[[NetaudienceError], None],
        *,
        repeatable: bool,
    ) -> None:
        super().__init__(publish)
        self.notes = not repeatable
        self.before = journal.before
        self._journal: Notes | None = journal
        self._halt = halt
        self._loop = asyncio.get_running_loop()
        self._settled: list[SettledChunk[Item]] = []
        self._answered: list[range] = []
        #: Chunks that wait until it is written down that they are about to be sent.
        self._noted: list[tuple[Sequence[int], asyncio.Future[range | None]]] = []
        #: Whether what is to be written down is written in the loop's next turn.
        self._writes = False
        self._heart: asyncio.TimerHandle | None = None

    def begin(self, report: Report, sender: Sender) -> None:
        """Count what an earlier attempt has settled, and keep the journal's lease."""
        if self._journal is not None and self.before is not None:
            if self.notes:
                sender.fence = self._journal.check
            report.counts.add(self.before)
            report.resumed = self.before.rows
            self._beat()

    def note(self, positions: Sequence[int]) -> asyncio.Future[range | None]:
        """Return what says when it is written down that these are about to be sent; None if it cannot be."""
        noted: asyncio.Future[range | None] = self._loop.create_future()
        self._noted.append((positions, noted))
        self._write_soon()
        return noted

    def answered(self, noted: range) -> None:
        """Take note that what was about to be sent is not under way any more."""
        self._answered.append(noted)

    def left(self, positions: range) -> tuple[Sequence[int], Sequence[int]]:
        """Return the positions that were being sent when an earlier attempt died, and those to be sent."""
        return ((), positions) if self._journal is None else self._journal.left(positions)

    def read(self, source: Source[Item], most: int) -> Sequence[Item]:
        """Read from a source that never waits; while it takes its time nobody renews the lease."""
        began = self._loop.time()
        page = source.read_now(most)
        if self._journal is not None:
            self._journal.held_up(self._loop.time() - began)
        return page

    def keep(self, divided: list[SettledChunk[Item]]) -> None:
        """Write down parts that are settled of a chunk whose rest is not, and take them out of the list."""
        self._settled.extend(divided)
        divided.clear()

    def write(self) -> None:
        """Write down what was settled and what is about to be sent, in one go; then tell it."""
        self._writes = False
        settled, self._settled = self._settled, []
        answered, self._answered = self._answered, []
        # Who was cancelled meanwhile sends nothing.
        noted, self._noted = [one for one in self._noted if not one[1].done()], []
        if self._journal is None or not (settled or answered or noted):
            return
        sent: Sequence[range | None]
        try:
            sent = self._journal.record(settled, answered, [positions for positions, _ in noted])
        except JournalFailed as error:
            self._halt(error)  # what happened is reported all the same
            sent = [None] * len(noted)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever, nor send what is not noted
            self._halt(
                JournalFailed(f"The journal could not be written ({surprise(error)}): please report it")
            )
            sent = [None] * len(noted)
        for (_, future), written in zip(noted, sent, strict=True):
            future.set_result(written)
        for part in settled:
            self._publish(part)

    def close(self) -> None:
        """Write down what there is, and let go of the file and of the run, which is nobody's then."""
        if self._journal is not None:
            self.write()
            if self._heart is not None:
                self._heart.cancel()
            self._journal.close()
            self._journal = None
        self._halt = _nobody
        super().close()

    def tell(self, settled: SettledChunk[Item]) -> None:
        """Tell what became of a chunk, when that is written down."""
        self._write_soon()
        self._settled.append(settled)

    def _write_soon(self) -> None:
        """Write in the loop's next turn, when all workers that can go on have said what they have."""
        if not self._writes:
            self._writes = True
            self._loop.call_soon(self.write)

    def _beat(self) -> None:
        if self._journal is not None:
            try:
                self._journal.renew()
            except JournalFailed as error:
                self._halt(error)
            self._heart = self._loop.call_later(_HEARTBEAT, self._beat)
