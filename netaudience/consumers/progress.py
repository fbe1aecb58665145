"""A line a minute about an endless stream, which has no end at which a report could be made.

For people who look, and for an alarm: how fast it goes, how much is in hand, how far it is behind. It refuses
to end a consumer because a number cannot be had: the line says so, and the reading of the stream finds out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

from netaudience.consumers.dead_letters import DeadLetters

#: Seconds that a broker has for telling how far a consumer is behind.
_PATIENCE = 10.0

log = logging.getLogger(__name__)


class Progress:
    """Counts what a consumer takes in and settles, and logs a line about it as long as it is open.

    ::

        async with Progress(dead_letters, behind) as progress:
            progress.taken += 1  # an event that is in hand from here on
            ...
            progress.settled += 1  # it is acknowledged

    The line goes to the logger ``netaudience.consumers.progress``, at level INFO::

        24,310 events settled (405.2 a second), 2,000 in hand, 118,204 behind, 3 dead letters
    """

    def __init__(
        self,
        dead_letters: DeadLetters,
        behind: Callable[[], Awaitable[int | None]],
        *,
        every: float = 60.0,
    ) -> None:
        """Say what is reported.

        Args:
            dead_letters: Those that the consumer keeps.
            behind: Asks the broker how many events it has not given out yet; None where it does not know.
            every: Seconds from one line to the next.
        """
        #: Events taken in, and those of them that are settled: delivered, or dead letters.
        self.taken = 0
        self.settled = 0
        #: Those that a line has told of.
        self._reported = 0
        self._dead_letters = dead_letters
        self._behind = behind
        self._every = every
        self._telling: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Progress: {self.settled:,} of {self.taken:,} events settled>"

    async def __aenter__(self) -> Self:
        """Begin to tell."""
        self._telling = asyncio.create_task(self._tell(), name="netaudience progress")
        return self

    async def __aexit__(self, *_: object) -> None:
        """End telling."""
        if self._telling is not None:
            self._telling.cancel()
            with suppress(asyncio.CancelledError):
                await self._telling
            self._telling = None

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(self._every)
            behind = await self._count()
            newly, self._reported = self.settled - self._reported, self.settled
            log.info(
                "%s events settled (%.1f a second), %s in hand, %s, %s dead letters",
                f"{newly:,}",
                newly / (loop.time() - began),
                f"{self.taken - self.settled:,}",
                "how many are behind is not known" if behind is None else f"{behind:,} behind",
                f"{self._dead_letters.kept:,}",
            )

    async def _count(self) -> int | None:
        """Ask the broker; it may be away for a moment, and it is the reading of the stream that notices."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._behind()
        except Exception:  # noqa: BLE001 - whatever a broker's client raises, the consumer goes on
            return None
