"""What every batcher is to its user: opened and closed by a block, with so much room, and so much patience.

It carries nothing; what becomes of an item is its children's affair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Literal, Self, TypeAlias

from netaudience.engine.capacity import CapacityGate
from netaudience.errors import ConfigurationError

WhenFull: TypeAlias = Literal["wait", "raise"]

#: Seconds that a batcher whose body was left by an error or a cancellation gives to what is on its way.
_GRACE = 30.0


class BatcherBase(ABC):
    """A batcher, from outside."""

    def __init__(self, *, linger: float, max_pending: int, when_full: WhenFull) -> None:
        """Prepare a batcher; nothing is started before the first item.

        Raises:
            ConfigurationError: a figure makes no sense.
        """
        if not linger >= 0:
            raise ConfigurationError(f"linger must be 0 seconds or more, not {linger:g}")
        if max_pending < 1:
            raise ConfigurationError(f"max_pending must be 1 item or more, not {max_pending:,}")
        self._linger = linger
        self._room = CapacityGate(max_pending)
        self._when_full: WhenFull = when_full

    @property
    def pending(self) -> int:
        """Items that were put and are not settled."""
        return self._room.taken

    @abstractmethod
    async def aclose(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it settles what is left
        """Take nothing more, send what waits without lingering, and settle every item.

        Args:
            timeout: Seconds after which it waits no longer: what is on its way is in doubt then, and what
                was not sent has failed. None waits as long as the vendor may need.
        """

    async def __aenter__(self) -> Self:
        """Return the batcher; nothing is started before the first item."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take nothing more, send what waits, and return when every item is settled.

        Where the body raised or was cancelled this ends after 30 seconds, as `aclose` says.
        """
        await self.aclose(None if error is None else _GRACE)
