"""What a rate limiter asks of the tickets that it hands out, whoever made them.

`QuotaWindow` makes its own, for a process that is alone; `LentTickets` are those of a shared quota.
"""

from __future__ import annotations

from typing import Protocol

from netaudience.model.limits import Window


class Tickets(Protocol):
    """What lets requests through."""

    #: How many pass in a window at this moment.
    rate: float
    #: Tickets that bulk leaves free.
    spare: int

    @property
    def window(self) -> Window:
        """The window that is meant where there is no room."""
        ...

    @property
    def returns(self) -> float:
        """Seconds after which a ticket that is out is back at the earliest."""
        ...

    def flows(self, records: int) -> bool:
        """Return whether the smoothing lets so much pass at once."""
        ...

    async def smooth(self, records: int) -> None:
        """Wait for the smoothing."""
        ...

    def has(self, now: float, records: int, *, keep: bool) -> bool:
        """Return whether there are tickets, the reserve kept free or not."""
        ...

    def take(self, records: int) -> None:
        """Take the tickets."""
        ...

    def answered(self, now: float, records: int, *, unused: bool = False, arrives_by: float = 0.0) -> None:
        """Send the tickets of an answered request on their way back; at once where it was not sent."""
        ...

    def room_at(self, records: int, *, keep: bool) -> float:
        """Return when there are enough tickets; infinite where that is not known yet."""
        ...

    def away(self, now: float) -> int:
        """Return how many tickets are out, or on their way back."""
        ...
