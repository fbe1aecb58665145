"""The reference: every operation with its limits, its dangers and where each figure is known from.

Read from the descriptors, so it cannot disagree with what is sent. It is data; how it looks is decided by
whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from netaudience.limits import Figure
from netaudience.operations import Operation
from netaudience.vendors import VENDORS
from netaudience.wire import JsonValue

__all__ = ["OperationRow", "StatedFigure", "reference"]


@attrs.frozen
class StatedFigure:
    """A figure with how it is known, and from where."""

    value: float
    provenance: str
    #: A URL for a documented figure; words for the others.
    source: str


#: Figures by what they count, for example ``keys`` or ``requests per second``.
Figures: TypeAlias = Mapping[str, StatedFigure]


@attrs.frozen(kw_only=True)
class OperationRow:
    """One operation."""

    #: The vendor's name in commands and variables.
    vendor: str
    #: The operation's name in Python.
    operation: str
    method: str
    path: str
    #: What one request may carry.
    limit: Figures
    #: What all requests of the account share.
    quota: Figures
    #: Whether sending again what may have happened does no harm.
    idempotent: bool
    #: Whether data is lost.
    destructive: bool
    #: Whether success means ``applied`` or ``accepted``.
    acknowledges: str
    #: How the operation itself is known.
    provenance: str
    #: The page that documents it.
    docs: str
    #: ``batch``, ``call``, ``query`` or ``pages``.
    shape: str
    #: What a user should know before using it.
    note: str

    def to_json(self) -> JsonValue:
        """Return the row as JSON can say it."""
        row: JsonValue = attrs.asdict(self)
        return row


def reference(vendor: str | None = None) -> Iterator[OperationRow]:
    """Return the rows of all operations, or of one vendor's, in the order of their declaration."""
    for client in VENDORS:
        if vendor in {None, client.slug}:
            for operation in client.operations().values():
                yield _row(client.slug, operation)


def _row(vendor: str, operation: Operation) -> OperationRow:
    facts = operation.facts
    return OperationRow(
        vendor=vendor,
        operation=operation.name,
        method=facts.method,
        path=facts.path,
        limit=_stated(facts.limit.figures()),
        quota=_stated(facts.quota.figures()),
        idempotent=facts.idempotent,
        destructive=facts.destructive,
        acknowledges=facts.acknowledges,
        provenance=str(facts.provenance),
        docs=facts.docs,
        shape=operation.shape,
        note=facts.note,
    )


def _stated(figures: Mapping[str, Figure]) -> Figures:
    return {
        name: StatedFigure(_number(figure.value), str(figure.provenance), figure.source)
        for name, figure in figures.items()
    }


def _number(value: float) -> float:
    """Return a whole figure as a whole number, as people write it."""
    return int(value) if float(value).is_integer() else value
