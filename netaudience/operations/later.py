"""What a vendor has taken and makes later: a handle that is settled when the vendor calls back.

A program that is called back has a route of its own for that; it hands what came to `Callbacks.receive`, and
whoever waits for it goes on. Nothing is asked of the vendor, and nothing is kept on disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from netaudience.errors import VendorError

T = TypeVar("T")

#: Callbacks that nobody waited for are kept up to this many, the oldest being let go of.
_MOST_UNCLAIMED = 1000


class Later(Generic[T]):
    """Something that the vendor has taken, and tells the end of by a callback."""

    __slots__ = ("_future", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        #: Of no loop: the web app that is called back may be in another thread.
        self._future: Future[T] = Future()

    def __repr__(self) -> str:
        return f"<{self._what}, {'settled' if self.done else 'not settled yet'}>"

    @property
    def done(self) -> bool:
        """Whether the vendor has called back."""
        return self._future.done()

    async def settled(self, *, timeout: float | None = None) -> T:  # noqa: ASYNC109 - seconds, as elsewhere
        """Wait until the vendor has called back, and return what it said; may be awaited more than once.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Raises:
            VendorError: the vendor says that it failed.
            TimeoutError: it has not called back in time. The handle may be awaited again.
        """
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(asyncio.wrap_future(self._future))
        except TimeoutError:
            raise self._not_yet(timeout) from None

    def wait(self, *, timeout: float | None = None) -> T:
        """Do what `settled` does, in code without an event loop."""
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise self._not_yet(timeout) from None

    def _not_yet(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(f"The vendor has not called back about {self._what} in {timeout:g} s")

    def _settle(self, outcome: T | VendorError) -> None:
        if isinstance(outcome, VendorError):
            self._future.set_exception(outcome)
        else:
            self._future.set_result(outcome)


class Callbacks(Generic[T]):
    """Brings together what a vendor calls back and who waits for it, by what the callback is about."""

    def __init__(self, what: str, judge: Callable[[T], VendorError | None]) -> None:
        """Make one for a client; callbacks may come in any thread.

        Args:
            what: What is waited for, in words.
            judge: Says what went wrong, None where nothing did.
        """
        self._what = what
        self._judge = judge
        self._waiting: dict[str, deque[Later[T]]] = {}
        self._unclaimed: dict[str, deque[T]] = {}
        self._order: deque[str] = deque()
        self._lock = Lock()

    def expect(self, key: str) -> Later[T]:
        """Return a handle of what the next callback about `key` tells; one that came before counts."""
        later: Later[T] = Later(self._what)
        with self._lock:
            early = self._unclaimed.get(key)
            if early:
                self._finish(later, early.popleft())
            else:
                self._waiting.setdefault(key, deque()).append(later)
        return later

    def receive(self, key: str, result: T) -> None:
        """Hand over what came: to whoever has waited the longest, or to who will ask."""
        with self._lock:
            waiting = self._waiting.get(key)
            if waiting:
                self._finish(waiting.popleft(), result)
                return
            self._unclaimed.setdefault(key, deque()).append(result)
            self._order.append(key)
            if len(self._order) > _MOST_UNCLAIMED:
                oldest = self._unclaimed.get(self._order.popleft())
                if oldest:
                    oldest.popleft()

    def _finish(self, later: Later[T], result: T) -> None:
        later._settle(self._judge(result) or result)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # its other half
