"""One event loop in one daemon thread of the process, for callers that have no loop or may block theirs.

A thread starts a `Conversation`: a coroutine runs in the loop, the thread waits for it and does what it is
asked to do meanwhile, such as reading the caller's items. A forked child gets a thread of its own and never
touches what belongs to its parent's; at the interpreter's end everything is closed without a word.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeVar
from weakref import WeakSet

from netaudience.engine.transport import Transport
from netaudience.errors import AnswerLost, ConfigurationError

T = TypeVar("T")
Answer = TypeVar("Answer")
#: Seconds that what is under way has to end, and that sessions have to close, at the interpreter's end.
_PATIENCE = 0.5


class Portal:
    """A loop that runs in a thread of its own until the process ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        #: What clients have open in the loop. Only the loop's thread adds to it.
        self.occupants: WeakSet[Occupant] = WeakSet()
        #: True in a forked child: the thread of this portal is its parent's.
        self.lost = False
        #: True when the interpreter ends.
        self.ending = False
        self._chores: set[asyncio.Task[None]] = set()
        self._kept: list[object] = []
        self._thread = threading.Thread(target=self._run, args=(self._kept,), name="netaudience", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self.loop.close()
            raise ConfigurationError(
                f"The thread that sends could not be started, and nothing was sent ({error}): a process may "
                "have no more threads, or it is ending, and the first call has to come earlier"
            ) from error

    def __repr__(self) -> str:
        return f"<Portal of thread {self._thread.name}>"

    @property
    def is_here(self) -> bool:
        """True in the loop's own thread."""
        return threading.get_ident() == self._thread.ident

    def check(self) -> None:
        """Refuse what a forked child has of its parent's.

        Raises:
            ConfigurationError: the loop is another process's.
        """
        if self.lost:
            raise ConfigurationError(
                "The call began in the parent process: a forked process must begin its own"
            )

    def submit(self, work: Callable[[], object]) -> None:
        """Have something done in the loop, from any thread.

        Raises:
            ConfigurationError: the loop is another process's, or the interpreter ends.
        """
        self.check()
        try:
            if not self.ending:
                self.loop.call_soon_threadsafe(work)
                return
        except RuntimeError:
            pass  # closed meanwhile
        raise ConfigurationError("The interpreter is ending: nothing can be sent any more")

    def submit_or_rest(self, work: Callable[[], object]) -> None:
        """Have something done in the loop; a daemon thread that the interpreter leaves behind rests instead.

        Raises:
            ConfigurationError: the loop is another process's, or the interpreter ends.
        """
        try:
            self.submit(work)
        except ConfigurationError:
            if self.ending:
                _rest()
            raise

    def dispose(self, transport: Transport) -> None:
        """Close a transport that nobody holds any more; called by finalizers, so it never raises."""
        with suppress(ConfigurationError):
            self.submit(partial(self._dispose, transport))

    def leave_to_parent(self) -> None:
        """Give the portal up in a forked child, without touching what the parent uses.

        Sockets and the selector are shared with the parent: a finalizer here would say goodbye on its
        connections. The frame of a thread that the fork has ended is never cleared, and so what its list
        holds is never finalized, not even at the interpreter's end.
        """
        self.lost = True
        self._kept += [self, *((one, one.tasks) for one in self.occupants)]

    def end(self) -> None:
        """Cancel what is under way, close what is open, and end the thread; at the interpreter's end."""
        self.submit(self._begin_to_end)
        self._thread.join(4 * _PATIENCE)
        if not self._thread.is_alive():
            self.loop.close()

    def _run(self, kept: list[object]) -> None:  # noqa: ARG002 - held by this frame: see leave_to_parent
        while not self.loop.is_closed():
            # A hook that raises these ends `run_forever`; whoever waits for the call gets them.
            with suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()
                return

    def _dispose(self, transport: Transport) -> None:
        self._hold(self.loop.create_task(transport.aclose()))

    def _begin_to_end(self) -> None:
        self.ending = True
        self._hold(self.loop.create_task(self._end()))

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _end(self) -> None:
        """Cancel all tasks and close all sessions, none of which may keep the interpreter waiting."""
        try:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                for task in (await asyncio.wait(tasks, timeout=_PATIENCE))[0]:
                    if not task.cancelled():
                        task.exception()  # nobody else asks for it any more
            closing = [occupant.transport.aclose() for occupant in self.occupants if occupant.transport]
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.gather(*closing, return_exceptions=True)
            await self.loop.shutdown_asyncgens()
        finally:
            self.loop.stop()


class Occupant:
    """What a client, and the views of it, have open in the loop; it is closed with the last of them."""

    def __init__(self, vendor: str, transport: Transport | None) -> None:
        """Prepare; nothing is opened yet.

        Args:
            vendor: The vendor's name.
            transport: What is closed at the end; None where that is not the client's.
        """
        self._vendor = vendor
        self.transport = transport
        self.closed = False
        self._portal: Portal | None = None
        #: What is under way.
        self.tasks: set[asyncio.Task[object]] = set()

    def __del__(self) -> None:
        if self._portal is not None and self.transport is not None and not self.closed:
            self._portal.dispose(self.transport)

    async def carry(self, here: Portal, work: Coroutine[object, object, T]) -> T:
        """Do some work in the loop, unless the client is closed, until it is.

        Raises:
            ConfigurationError: the client is closed.
        """
        if self.closed:
            work.close()
            raise ConfigurationError(
                f"The {self._vendor} client was closed: make a new one, or close it when all threads are done"
            )
        if self._portal is not here:  # the first call, or the first one in a forked process
            self._portal = here
            self.tasks = set()
            here.occupants.add(self)
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"  # noqa: S101 - for the type checker
        self.tasks.add(task)
        try:
            return await work
        finally:
            self.tasks.discard(task)

    def in_use(self, here: Portal | None) -> bool:
        """Return whether something may be open in this loop."""
        return here is not None and self._portal is here

    async def vacate(self) -> None:
        """Cancel what other threads have under way."""
        tasks = set(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class Caller:
    """The thread that waits, as the coroutine in the loop sees it."""

    def __init__(self, here: Portal) -> None:
        self._portal = here
        self._inbox: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    async def ask(self, work: Callable[[], Answer]) -> Answer:
        """Have the waiting thread do something that raises no `Exception`; return what comes of it."""
        answer: asyncio.Future[Answer] = self._portal.loop.create_future()

        def do() -> None:
            if not answer.cancelled():
                self._portal.submit_or_rest(partial(_answer, answer, work()))

        self._inbox.put(do)
        return await answer


class Conversation(Caller, Generic[T]):
    """A coroutine in the loop, and the thread that waits for it and does what it asks for."""

    def __init__(self, here: Portal, work: Callable[[Caller], Coroutine[object, object, T]]) -> None:
        """Prepare; nothing runs yet.

        Raises:
            ConfigurationError: this is the loop's own thread, which would wait for itself.
        """
        if here.is_here:
            raise ConfigurationError(
                "A blocking client was called by code that runs in its own event loop, such as an on_event "
                "hook, and would wait for itself: hand the work to another thread"
            )
        super().__init__(here)
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._over = False

    def run(self) -> T:
        """Run the coroutine to its end, in this thread's context, and return what it returns.

        Whatever interrupts the wait, Ctrl-C for example, cancels the coroutine; it has ended before this
        raises.
        """
        try:
            self.start()
            while self.turn():
                pass
        except BaseException:
            self.leave()
            raise
        return self.result()

    def start(self) -> None:
        """Start the coroutine."""
        self._portal.submit_or_rest(self._start)

    def turn(self) -> bool:
        """Wait for what the coroutine asks for and do it; return False when the coroutine has ended."""
        self._portal.check()
        asked = None if self._over else self._inbox.get()
        if asked is None:
            self._over = True
            return False
        asked()
        return True

    def leave(self) -> None:
        """Cancel the coroutine, and wait until it has ended."""
        if self._over:
            return
        with suppress(ConfigurationError):
            self._portal.submit(self._cancel)
            while self._inbox.get() is not None:
                pass  # what it asked for is not done any more
        self._over = True

    def result(self) -> T:
        """Return what the coroutine returned, or raise what it raised."""
        # An error's traceback holds the frame that holds this object: it must not hold the error in turn.
        task, self._task = self._task, None
        if task is None or task.cancelled():
            raise AnswerLost(
                "The client was closed by another thread while the call was under way, or somebody cancelled "
                "the call's task: what it sent may or may not have arrived"
            )
        try:
            return task.result()
        finally:
            del task

    def _start(self) -> None:
        if self._over or self._portal.ending:
            return
        # In the context of the thread that started it, which `call_soon_threadsafe` has copied.
        self._task = self._portal.loop.create_task(self._work(self))
        self._task.add_done_callback(self._ended)

    def _cancel(self) -> None:
        if self._task is None:
            self._over = True  # interrupted before it was started: it will not be
            self._inbox.put(None)
        else:
            self._task.cancel()

    def _ended(self, _task: asyncio.Task[T]) -> None:
        # At the interpreter's end only daemon threads wait still: they must not wake up to tell of errors.
        if not self._portal.ending:
            self._inbox.put(None)


def _answer(answer: asyncio.Future[Answer], value: Answer) -> None:
    if not answer.done():
        answer.set_result(value)


def _rest() -> None:
    """Let a daemon thread wait for the end of the interpreter, where an error would only be noise."""
    if threading.current_thread().daemon:
        threading.Event().wait()


class _Process:
    """The one portal of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.portal: Portal | None = None
        self.ended = False

    def forked(self) -> None:
        """Begin anew in a forked child, whatever thread held the lock in the parent."""
        left, self.portal = self.portal, None
        self.lock = threading.Lock()
        if left is not None:
            left.leave_to_parent()

    def end(self) -> None:
        with self.lock:
            self.ended = True
        if self.portal is not None:
            with suppress(ConfigurationError):
                self.portal.end()


_process = _Process()
# Registered at import: what a program registers later is called earlier, and may still send.
atexit.register(_process.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)


def portal() -> Portal:
    """Return the portal of this process; its thread is started when it is first asked for.

    Raises:
        ConfigurationError: the interpreter is ending, or the thread cannot be started.
    """
    if _process.portal is None:
        with _process.lock:
            if _process.ended:
                _rest()
                raise ConfigurationError("The interpreter is ending: nothing can be sent any more")
            if _process.portal is None:
                _process.portal = Portal()
    return _process.portal


def started_portal() -> Portal | None:
    """Return the portal of this process where there is one that still works."""
    return None if _process.ended else _process.portal
