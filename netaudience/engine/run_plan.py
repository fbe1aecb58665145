"""What is decided about a run before its first item is read."""

from __future__ import annotations

from attrs import field, frozen

from netaudience.engine.retry import RetryPolicy
from netaudience.model.item_errors import Blamer
from netaudience.model.kinds import Kind


@frozen(kw_only=True)
class RunPlan:
    """The limits and the rules of one run: a client makes it, and all parts of the engine read it."""

    #: What the items are.
    kind: Kind
    #: The rows, the distinct keys and the bytes that a request may have at the most.
    rows: int
    keys: int | None = None
    max_bytes: int | None = None
    #: Requests that may be in flight.
    workers: int = 1
    #: Whether items may be sent again that were perhaps delivered.
    idempotent: bool = False
    #: Whether who is not there is what was asked for.
    erases: bool = False
    #: Reads what an answer says about single items, where the vendor's answers do.
    blame: Blamer | None = None
    #: How patient a request is.
    retry: RetryPolicy = field(factory=RetryPolicy)
    #: Whether a source may give no item.
    allow_empty: bool = False
    #: The page that a rejected item's reason names.
    docs: str = ""
