"""What the stores of shared quotas have in common: their settings, and what is open in which event loop.

What is open belongs to an event loop and to a process, so that a store may be used in many of them.
"""

from __future__ import annotations

import asyncio
import math
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Generic, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar

import attrs

from netaudience.engine.shared_quota import Ask, Reply
from netaudience.errors import ConfigurationError
from netaudience.model.limits import Quota
from netaudience.quotas.step import State

T = TypeVar("T")
#: Seconds for which a store is waited for until it counts as lost.
PATIENCE = 1.0

WhenLost: TypeAlias = Literal["wait", "share"]
"""What a process does while its store is lost: send nothing, or no more than its own share."""


class Kept(NamedTuple):
    """The state of a quota as a store keeps it."""

    #: What tells the account, without showing it, and the quota's name.
    account: str
    quota: str
    state: State
    #: The moment of the store's clock.
    now: float


class QuotaStore(ABC):
    """Where processes keep what they take of an account's limits."""

    def __init__(self, lease: float, when_lost: WhenLost, share: float | None) -> None:
        """Check what all stores are told.

        Raises:
            ConfigurationError: the lease is too short, or the share is missing, or no share, or not wanted.
        """
        if not 0.5 <= lease < math.inf:
            raise ConfigurationError("The lease must be at least 0.5 seconds")
        if when_lost not in {"wait", "share"}:
            raise ConfigurationError('when_lost is either "wait" or "share"')
        if when_lost == "wait" and share is not None:
            raise ConfigurationError('A share is for when_lost="share": say that as well, or leave it out')
        if when_lost == "share" and (share is None or not 0 < share <= 1):
            raise ConfigurationError(
                'when_lost="share" needs the share of the limits that each process has then, such as '
                "share=0.25 for four processes"
            )
        #: Seconds after which what a process was lent is free again, where it was killed.
        self.lease = lease
        #: The share of the limits that a process has while the store is lost; None where it waits.
        self.share = share

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._figures() == other._figures()

    def __hash__(self) -> int:
        return hash(self._figures())

    @abstractmethod
    def _figures(self) -> tuple[object, ...]:
        """Return what two stores have in common that are one."""

    @abstractmethod
    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        """Exchange; see `netaudience.engine.shared_quota.SharedQuotas`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close what is open in this event loop and used by nobody at this moment; it opens again at need."""

    @abstractmethod
    async def read(self) -> list[Kept]:
        """Return what is kept, by account and quota.

        Raises:
            QuotasLost: the store cannot be reached.
        """

    @abstractmethod
    async def pause(self, seconds: float) -> int:
        """Let no process send for some seconds, or end a pause where they are 0; return how many quotas.

        Raises:
            QuotasLost: the store cannot be reached.
        """

    @abstractmethod
    async def clear(self) -> int:
        """Forget all that is kept; return of how many quotas.

        Processes that go on treat it as lost, and let nothing out for a window.

        Raises:
            QuotasLost: the store cannot be reached.
        """


@attrs.define
class _Held(Generic[T]):
    what: T
    users: int = 0


class Opened(ABC, Generic[T]):
    """What a store has opened, one in each event loop of this process."""

    def __init__(self) -> None:
        self._by_loop: dict[asyncio.AbstractEventLoop, _Held[T]] = {}
        self._process = os.getpid()

    @abstractmethod
    def open(self) -> T:
        """Return a new one."""

    @abstractmethod
    async def close(self, what: T) -> None:
        """Close one."""

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[T, None]:
        """Give the one of this event loop for as long as the block."""
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():  # what is open is of no use after a fork
            self._by_loop, self._process = {}, os.getpid()
        held = self._by_loop.get(loop)
        if held is None:
            for ended in [known for known in list(self._by_loop) if known.is_closed()]:
                self._by_loop.pop(ended, None)
            held = self._by_loop[loop] = _Held(self.open())
        held.users += 1
        try:
            yield held.what
        finally:
            held.users -= 1

    async def aclose(self) -> None:
        """Close the one of this event loop, unless somebody uses it at this moment."""
        loop = asyncio.get_running_loop()
        held = self._by_loop.get(loop)
        if held is not None and not held.users and self._process == os.getpid():
            del self._by_loop[loop]
            await self.close(held.what)


def kept(key: str, state: State, now: float) -> Kept:
    """Return what is kept under a key."""
    account, _, quota = key.partition("/")
    return Kept(account, quota, state, now)


def paused(state: State, now: float, seconds: float) -> State:
    """Return a state in which nobody may send for so long."""
    state["not_before"] = now + seconds
    return state


def refuse_pickling(store: object) -> NoReturn:
    """Refuse to write down a URL that may hold a password.

    Raises:
        ConfigurationError: always.
    """
    raise ConfigurationError(
        f"{type(store).__name__} is not pickled, for its URL may hold a password: make one in each process, "
        "or set NETAUDIENCE_QUOTAS there"
    )
