"""Where the events go that a vendor refuses, so that a consumer may acknowledge them and lose nothing.

One line of JSON for each, on disk before the event is acknowledged: what it was, why it was refused, and
where it came from. The file holds customers' data and is readable for its owner only; where it cannot be
written, the event stays unacknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, cast

from netaudience.dead_letter import DeadLetter, Why, plain
from netaudience.engine.cancellation import is_being_cancelled
from netaudience.engine.lease import FileLock, make_private
from netaudience.engine.record_count import keep_name
from netaudience.errors import NetaudienceError
from netaudience.model.wire import JsonValue
from netaudience.operations.bound import BoundBatch, BoundCall
from netaudience.outcomes import KINDS, Delivered, InDoubt, Outcome, Rejected, Undelivered

#: An operation of a client with its arguments, as `put` of a client's batcher takes it.
Given: TypeAlias = "BoundBatch[Any, ...] | BoundCall[Any, ..., Any]"
#: What becomes of an event in doubt whose operation must not be repeated.
WhenInDoubt: TypeAlias = Literal["keep", "again"]
#: A letter, and the future of whoever waits until it is kept.
_Waiting: TypeAlias = "tuple[DeadLetter, asyncio.Future[None]]"


class DeadLettersFailed(NetaudienceError):
    """A dead letter could not be kept: its event must not be acknowledged."""


class _InUse(OSError):
    """Somebody else writes to the file."""


class DeadLetters:
    """Keeps what was refused, and says which outcomes may be acknowledged.

    ::

        async with DeadLetters("dead-letters.jsonl") as dead_letters:
            ...
            if await dead_letters.may_acknowledge(outcome, given, reference="orders/3:41204"):
                await message.ack()

    Letters are kept in the order in which they come, whichever tasks they come from; those that come while
    the disk is busy share its next write.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | Callable[[DeadLetter], Awaitable[object] | object],
        *,
        durable: bool = True,
        when_in_doubt: WhenInDoubt = "keep",
    ) -> None:
        """Say where they go; a file is opened on entry, or with the first letter.

        Args:
            target: A file that lines are appended to, by one consumer at a time; or what is called with each
                letter, such as the publisher of a dead-letter topic. An async function is awaited, any other
                is called in a thread.
            durable: Whether each write is on the disk before it counts (fsync), or only with the system.
            when_in_doubt: What becomes of an event that may have been applied, where its operation must not
                be repeated. ``keep`` keeps it as a dead letter and acknowledges it, so that a person
                decides; ``again`` leaves it to come again, and it may then be applied twice.
        """
        self._path = None if callable(target) else Path(target)
        self._publish = target if callable(target) else None
        self._durable = durable
        self._when_in_doubt = when_in_doubt
        self._file: int | None = None
        self._lock: FileLock | None = None
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        #: How many were kept.
        self.kept = 0

    def __repr__(self) -> str:
        return f"<DeadLetters: {self.kept:,} kept>"

    async def __aenter__(self) -> Self:
        """Open the file, so that nothing is taken in where nothing could be kept.

        Raises:
            DeadLettersFailed: it cannot be opened.
        """
        if self._path is not None:
            try:
                await asyncio.to_thread(self._open, self._path)
            except (OSError, sqlite3.Error, RuntimeError) as error:  # there may be no thread for it
                raise self._problem(error) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the file."""
        await self.aclose()

    async def aclose(self) -> None:
        """Wait until what was given is kept, and close the file."""
        while self._writer is not None:
            await asyncio.wait((self._writer,))
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # every line was written, and told if it was not
                os.close(file)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def may_acknowledge(self, outcome: Outcome[Any], given: Given, reference: str = "") -> bool:
        """Return whether an event may be acknowledged, and keep it before that where it is a dead letter.

        ============================================  ==========================================
        delivered                                     acknowledge
        rejected                                      a dead letter, then acknowledge
        in doubt, and must not be repeated            as ``when_in_doubt`` says
        in doubt, and may be repeated                 do not: it comes again
        failed                                        do not: it comes again
        ============================================  ==========================================

        Raises:
            DeadLettersFailed: it could not be kept; do not acknowledge the event.
        """
        match outcome:
            case Delivered():
                return True
            case Rejected():
                await self.keep(outcome, given, reference)
                return True
            case InDoubt() if not given.operation.facts.idempotent and self._when_in_doubt == "keep":
                await self.keep(outcome, given, reference)
                return True
            case _:
                return False

    async def keep(self, outcome: Undelivered[Any], given: Given | None, reference: str = "") -> None:
        """Keep one outcome; it is kept when this returns.

        Args:
            outcome: What became of the event; for one that cannot be read, a `Rejected` that says why.
            given: The operation with its arguments; None where the event could not be read as one.
            reference: Where the event is from, in the consumer's own words.

        Raises:
            DeadLettersFailed: it could not be kept; do not acknowledge the event.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((letter_of(outcome, given, reference), kept))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all(), name="netaudience dead letters")
            self._writer.add_done_callback(self._ended)
        await kept

    async def _write_all(self) -> None:
        """Keep what waits, and what comes meanwhile, in order."""
        letters: list[_Waiting] = []
        try:
            while self._waiting:
                if self._publish is None:
                    letters, self._waiting = self._waiting, []
                else:
                    letters, self._waiting = self._waiting[:1], self._waiting[1:]
                problem = await self._write([letter for letter, _ in letters])
                self.kept += 0 if problem else len(letters)
                for _, kept in letters:
                    if kept.done():  # nobody waits any more
                        continue
                    if problem is None:
                        kept.set_result(None)
                    else:
                        kept.set_exception(problem)
        finally:
            self._writer = None
            self._give_up(letters)

    def _ended(self, writer: asyncio.Task[None]) -> None:
        if self._writer is writer:  # it was cancelled before its first step
            self._writer = None
            self._give_up(())

    def _give_up(self, letters: Sequence[_Waiting]) -> None:
        """Tell those who wait still, where somebody cancelled the writer: nobody may wait for ever."""
        left, self._waiting = [*letters, *self._waiting], []
        for _, kept in left:
            if not kept.done():
                kept.set_exception(_cancelled())

    async def _write(self, letters: Sequence[DeadLetter]) -> DeadLettersFailed | None:
        """Keep letters, and return why that failed if it did."""
        try:
            if self._path is not None:
                await asyncio.to_thread(self._append, self._path, letters)
            elif inspect.iscoroutinefunction(self._publish):
                await self._publish(letters[0])
            elif self._publish is not None:
                answer = await asyncio.to_thread(self._publish, letters[0])
                if inspect.isawaitable(answer):
                    await answer
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            return _cancelled()
        except Exception as error:  # noqa: BLE001 - whatever it is, the event is not acknowledged
            return self._problem(error)
        return None

    def _problem(self, error: Exception) -> DeadLettersFailed:
        if isinstance(error, _InUse):
            return DeadLettersFailed(
                f"{self._path} is in use by another consumer, of this process or of another one: give each a "
                "file of its own, or stop the other. No event is lost by that, for none is acknowledged"
            )
        what = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        where = "published" if self._path is None else f"written to {self._path}"
        problem = DeadLettersFailed(
            f"Dead letters cannot be {where} ({what}). No event is lost by that, for none is acknowledged: "
            "mend it, start again, and they come again"
        )
        problem.__cause__ = error
        return problem

    def _append(self, path: Path, letters: Sequence[DeadLetter]) -> None:
        """Write lines, all of them or none, in a thread."""
        lines = b"".join(letter.to_line() for letter in letters)
        file = self._open(path)
        before = os.fstat(file).st_size
        try:
            while lines:
                lines = lines[os.write(file, lines) :]
            if self._durable:
                os.fsync(file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(file, before)
            raise

    def _open(self, path: Path) -> int:
        """Return the open file; what a crash has left of a last line gets a line of its own."""
        if self._file is not None:
            return self._file
        lock = FileLock(path.with_name(f"{path.name}-lock"))
        if not lock.take():
            raise _InUse
        try:
            file = os.open(make_private(path), os.O_RDWR | os.O_APPEND)
        except BaseException:
            lock.release()
            raise
        try:
            path.chmod(0o600)  # of one that was there before
            size = os.fstat(file).st_size
            os.lseek(file, max(0, size - 1), os.SEEK_SET)
            if size and os.read(file, 1) != b"\n":
                os.write(file, b"\n")
            if self._durable and not size:
                keep_name(path)
        except BaseException:
            os.close(file)
            lock.release()
            raise
        self._file, self._lock = file, lock
        return file


def letter_of(outcome: Undelivered[Any], given: Given | None, reference: str = "") -> DeadLetter:
    """Write down an outcome; without an operation, the event could not be read as one."""
    return DeadLetter(
        position=outcome.position,
        key=outcome.key,
        vendor="" if given is None else given.host.slug,
        operation="" if given is None else given.operation.name,
        outcome=KINDS[type(outcome)],
        **Why.of(outcome.reason)._asdict(),
        row=plain(outcome.item),
        arguments=None if given is None else cast("Mapping[str, JsonValue]", plain(given.arguments)),
        reference=reference or None,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def _cancelled() -> DeadLettersFailed:
    return DeadLettersFailed(
        "Another part of the program cancelled the keeping of dead letters. No event is lost by that, for "
        "none is acknowledged: look at who cancels tasks that are not its own, start again, and they come "
        "again"
    )
