"""What is known about an operation besides its request: limits, quota, and what repeating it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from netaudience.limits import Figure, Limit, Provenance, Quota
from netaudience.outcomes import Acknowledgement

if TYPE_CHECKING:
    from netaudience.coalescing import Coalescence

__all__ = ["Facts", "Method", "Shape"]

Shape: TypeAlias = Literal["batch", "call", "query", "pages"]
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Facts:
    """What is known about an operation besides its request."""

    method: Method
    #: The path, with ``{name}`` for each path parameter.
    path: str
    #: The page that documents the operation.
    docs: str
    quota: Quota
    limit: Limit = attrs.field(factory=Limit)
    #: True where sending again what may have happened does no harm.
    idempotent: bool
    #: True where a refused request of several items leaves no trace, so that its halves may be sent.
    divisible: bool
    #: True where what is deleted is gone; it is asked for twice.
    destructive: bool = False
    #: True where the vendor says that it cannot be undone.
    irreversible: bool = False
    #: True where the effect is not limited to the users named.
    app_wide: bool = False
    #: How two items of one user become one with the effect of both in turn; None where each counts.
    coalesces: Coalescence | None = None
    #: The operation that, with the same arguments, does the opposite: the later of both alone has the effect.
    opposite: str = ""
    acknowledges: Acknowledgement = "accepted"
    #: Whether the operation itself is in the vendor's documents.
    provenance: Provenance = Provenance.DOCUMENTED
    #: What a user should know before using it.
    note: str = ""
    #: Seconds for one exchange, where the client's own timeout is too short.
    timeout: float | None = None
    #: The longest answer that is read, in bytes, where the client's own figure is too small.
    max_answer_bytes: int | None = None

    def figures(self) -> dict[str, Figure]:
        """Return every figure that the operation is bound by."""
        return {**self.limit.figures(), **self.quota.figures()}
