"""Calls that may wait, in threads of their own, so that the loop, and with it answers and signals, goes on.

A call cannot be ended from outside. What it uses must not be closed before it is over: `Threads` waits for
that. Its threads do not keep a program from ending; one that has done its call waits for the next.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

from netaudience.errors import SourceFailed

T = TypeVar("T")
#: What a thread is given to do; with None it ends.
_Calls = SimpleQueue[Callable[[], object] | None]
#: Seconds after which a call that is not over is hastened again: it may have been between two queries.
_AGAIN = 0.1


class Threads:
    """Calls in threads, and the end of all of them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[None]] = set()
        self._idle: list[_Calls] = []
        self._all: list[_Calls] = []
        # Who makes one call alone need not say that it was the last.
        weakref.finalize(self, _end, self._all)

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function and return what it returns; who waits may be cancelled, and the call goes on.

        Raises:
            SourceFailed: there is no thread for it; it was not called.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        over: asyncio.Future[None] = loop.create_future()
        calls = self._idle.pop() if self._idle else self._start()
        self._running.add(over)

        def settle(result: T | None, error: BaseException | None) -> None:
            self._running.discard(over)
            self._idle.append(calls)
            over.set_result(None)
            if answer.done():  # nobody waits any more
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # it is T where there is no error

        def work() -> None:
            result, failure = None, None
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits
                failure = error
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result, failure)

        calls.put(work)
        return await answer

    async def wait(self, hasten: Callable[[], object] | None = None) -> None:
        """Wait until every call is over.

        Args:
            hasten: Called as long as one is not, every now and then: it may make what is called end sooner.
        """
        while self._running:
            if hasten is not None:
                hasten()
            await asyncio.wait(self._running, timeout=None if hasten is None else _AGAIN)
        self._idle.clear()
        _end(self._all)

    def _start(self) -> _Calls:
        calls = _Calls()
        try:
            threading.Thread(target=_work, args=(calls,), name="netaudience reader", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            raise SourceFailed(
                "A thread could not be started: the process may have no more threads, or no memory for one. "
                "Raise what limits it (ulimit -u, the pids or the memory of its container), then go on"
            ) from error
        self._all.append(calls)
        return calls


def _work(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # it holds what it was called with until the next one comes


def _end(all_calls: list[_Calls]) -> None:
    for calls in all_calls:
        calls.put(None)
    all_calls.clear()
