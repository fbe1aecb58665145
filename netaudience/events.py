"""What can be watched while requests go out: plain tuples for a hook that costs nothing where there is none.

An event holds no identifier, no key and no body. A *run* is everything that one awaiting caller asked for:
a run over many items, one call, a batcher from its opening to its end. A run's number is unique in the
process, a chunk's number in its run; a call has no chunks, and its requests bear the number 0.
"""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple, TypeAlias

__all__ = [
    "ChunkEnded",
    "ChunkStarted",
    "CircuitChanged",
    "Event",
    "Hook",
    "Paused",
    "RequestEnded",
    "RunEnded",
    "RunStarted",
    "hooks",
    "next_run",
]

_runs = count(1)


def next_run() -> int:
    """Return the number of a run that begins."""
    return next(_runs)


class RunStarted(NamedTuple):
    """A run, a call or a batcher begins. The hook is called in its caller's task."""

    run: int
    vendor: str
    operation: str
    #: True where it has no end in sight, as a batcher that lives as long as its process.
    lasting: bool = False


class RunEnded(NamedTuple):
    """A run, a call or a batcher is over, and no task of it is left.

    The counts leave out what an earlier attempt at the run had settled: it was reported then. A call, a query
    and a page count as one item.
    """

    run: int
    vendor: str
    operation: str
    #: Seconds since it began.
    seconds: float
    items: int
    delivered: int
    rejected: int
    failed: int
    in_doubt: int
    #: Items that were read and never sent, because it was left early.
    unsent: int
    #: The class of the error that ended it early, or that the call raised; None where there was none.
    error: str | None


class ChunkStarted(NamedTuple):
    """The items of one request are packed, and wait for the account's quota."""

    run: int
    chunk: int
    vendor: str
    operation: str
    #: Items in it.
    records: int


class ChunkEnded(NamedTuple):
    """Every item of a chunk is settled."""

    run: int
    chunk: int
    vendor: str
    operation: str
    #: Seconds since it was packed.
    seconds: float
    delivered: int
    rejected: int
    failed: int
    in_doubt: int


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
    run: int = 0
    chunk: int = 0
    method: str = ""
    #: The vendor's host.
    host: str = ""
    #: The class of the error that the attempt amounts to; None for a success.
    error: str | None = None
    #: The port at the host; 0 where it is not known.
    port: int = 0
    #: The answer's header ``Date`` as it came; empty where there is none.
    date: str = ""


class Paused(NamedTuple):
    """The vendor asked to slow down: nothing of the quota leaves for a while."""

    vendor: str
    operation: str
    #: Seconds of the loop's clock.
    at: float
    seconds: float


class CircuitChanged(NamedTuple):
    """The vendor counts as down from now on, or is back."""

    vendor: str
    operation: str
    #: Seconds of the loop's clock.
    at: float
    #: True where it is down.
    open: bool


Event: TypeAlias = RunStarted | RunEnded | ChunkStarted | ChunkEnded | RequestEnded | Paused | CircuitChanged
Hook: TypeAlias = Callable[[Event], None]
"""Called in the loop; it must be quick. What it raises is logged and changes nothing."""


def hooks(*several: Hook) -> Hook:
    """Return one hook that calls each of these in their order, whatever one of them raises."""

    def call_each(event: Event) -> None:
        raised: list[Exception] = []
        for hook in several:
            try:
                hook(event)
            except Exception as error:  # noqa: BLE001 - raised below, when all have been called
                raised.append(error)
        if raised:
            raise raised[0] if len(raised) == 1 else ExceptionGroup("Several hooks raised", raised)

    return call_each
