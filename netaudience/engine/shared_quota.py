"""What processes that share an account's quota tell its store, and what they are answered.

No clock of a process counts: it sends ages and is given spans, and the store's clock makes moments of them.
"""

from __future__ import annotations

from typing import Protocol, TypedDict

from netaudience.model.limits import Quota


class Ask(TypedDict):
    """What a process tells, and what it wants; tickets are counted for each window of the quota.

    It tells all that it holds and not what has changed: where a reply was lost, the next ask puts it right.
    """

    #: What tells the process from others, and the state that it heard of last; empty at first.
    id: str
    epoch: str
    #: Seconds for which what it is lent is its own.
    lease: float
    #: Requests that are out, the slots that it keeps (theirs among them), and those without a use yet.
    in_flight: int
    slots: int
    idle: int
    #: Tickets of requests that are out, and those that it was lent and may still use.
    holds: list[int]
    #: By the seconds since an answer came, the tickets of its request; less than 0 where one that was given
    #: up may still arrive.
    answered: list[tuple[float, list[int]]]
    #: The records of the requests that wait, in their order.
    urgent: list[int]
    bulk: list[int]
    #: Seconds for which permits are lent ahead.
    ahead: float
    successes: int
    throttled: int
    #: Seconds for which the vendor asked for nothing to be sent.
    pause: float
    #: Whether it has used a share of its own, for the store was lost.
    alone: bool


class Reply(TypedDict):
    """What a process may do."""

    #: What tells this state from another that was lost.
    epoch: str
    #: For the first of those who wait, the seconds after which each may leave.
    urgent: list[float]
    bulk: list[float]
    #: The slots that are lent to the process now.
    slots: int
    #: Seconds for which nobody may send.
    pause: float
    #: Seconds until there is room for the first who still waits, where that is known; what window is full.
    again: float | None
    full: int
    #: How many pass in the first window at this moment.
    rate: float
    #: How many other processes wait.
    sharing: int


class SharedQuotas(Protocol):
    """Where processes keep the state of a quota that they share."""

    #: Seconds for which what a process is lent is its own: so long is what one that was killed held lost.
    lease: float
    #: The share of the quota with which a process goes on while the store is lost; None where it waits.
    share: float | None

    async def exchange(self, key: str, quota: Quota, ask: Ask) -> Reply:
        """Take note of what a process tells, and answer what it may do, in one step that is all or nothing.

        Raises:
            QuotasLost: no reply came; whether anything was taken note of is not known.
            ConfigurationError: another process uses the quota with other figures.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open in this event loop and used by nobody at this moment; it opens again at need."""
        ...
