"""What can be watched while requests go out: plain tuples for a hook that costs nothing where there is none.

An event holds no identifier, no key and no body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

__all__ = ["Event", "Hook", "Paused", "RequestEnded"]


class RequestEnded(NamedTuple):
    """One attempt at a request is over."""

    vendor: str
    operation: str
    #: Seconds of the loop's clock when it left.
    sent: float
    #: Seconds until its answer, or until there was none.
    seconds: float
    #: The HTTP status; None where no answer came.
    status: int | None
    #: Items that it carried.
    records: int
    #: Bytes of its body.
    size: int
    #: Seconds that it waited for the account's quota before it left.
    waited: float
    #: True where it repeats an earlier one.
    repeated: bool


class Paused(NamedTuple):
    """The vendor asked to slow down: nothing of the quota leaves for a while."""

    vendor: str
    operation: str
    #: Seconds of the loop's clock.
    at: float
    seconds: float


Event: TypeAlias = RequestEnded | Paused
Hook: TypeAlias = Callable[[Event], None]
"""Called in the loop; it must be quick. What it raises is logged and changes nothing."""
