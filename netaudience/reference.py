"""The reference: every operation with its limits, its dangers and where each figure is known from.

Read from the descriptors, so it cannot disagree with what is sent. It is data; how it looks is decided by
whoever shows it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from netaudience.client import Client
from netaudience.model.kinds import Nothing
from netaudience.model.limits import Figure
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.vendors import clients as our_clients


@attrs.frozen
class StatedFigure:
    """A figure with how it is known, and from where."""

    value: float
    provenance: str
    #: A URL for a documented figure; words for the others.
    source: str


@attrs.frozen
class Named:
    """A field of a row, or an argument of an operation."""

    name: str
    required: bool


#: Figures by what they count, for example ``keys`` or ``requests per second``.
Figures: TypeAlias = Mapping[str, StatedFigure]


@attrs.frozen(kw_only=True)
class OperationRow:
    """One operation."""

    #: The vendor's name in commands and variables.
    vendor: str
    #: The operation's name in Python.
    operation: str
    #: What it does, in a sentence.
    summary: str
    #: The words after ``netaudience`` on a command line.
    command: str
    method: str
    path: str
    #: What an item is: the name of a bare identifier, or of a row's key; nothing where it takes none.
    item: str
    #: The fields of a row, by their names in Python; none for bare identifiers.
    fields: Sequence[Named]
    #: What all items of a run share.
    arguments: Sequence[Named]
    #: What one request may carry.
    limit: Figures
    #: The allowance that it draws on: operations that name the same one share it.
    allowance: str
    #: The figures of that allowance.
    quota: Figures
    #: Whether sending again what may have happened does no harm.
    idempotent: bool
    #: Whether data is lost.
    destructive: bool
    #: Whether the vendor says that it cannot be undone.
    irreversible: bool
    #: Whether the effect is not limited to the users named.
    app_wide: bool
    #: Whether success means ``applied`` or ``accepted``.
    acknowledges: str
    #: How the operation itself is known.
    provenance: str
    #: The page that documents it.
    docs: str
    #: The month in which it was read.
    read: str
    #: ``batch``, ``call``, ``query`` or ``pages``.
    shape: str
    #: What a user should know before using it.
    note: str
    #: What the vendor answers with success and does not do.
    unsaid: str
    #: Where it ends later: how the end is reported.
    settles: str

    def to_json(self) -> JsonValue:
        """Return the row as JSON can say it."""
        row: JsonValue = attrs.asdict(self)
        return row


def reference(
    vendor: str | None = None, *, clients: Iterable[type[Client]] | None = None
) -> Iterator[OperationRow]:
    """Return the rows of all operations in the order of their declaration.

    Args:
        vendor: Only those of the vendor that goes by this name.
        clients: The vendors' clients, those of this package if not given.
    """
    for client in our_clients() if clients is None else clients:
        if vendor in {None, client.slug}:
            for operation in client.operations().values():
                yield _row(client, operation)


def _row(client: type[Client], operation: Operation) -> OperationRow:
    facts, kind, vendor = operation.facts, operation.kind, client.slug
    fields = kind.fields if isinstance(kind, Rows) else ()
    arguments = [
        Named(name, parameter.default is inspect.Parameter.empty)
        for name, parameter in operation.signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    return OperationRow(
        vendor=vendor,
        operation=operation.name,
        summary=(inspect.getdoc(operation) or "").partition("\n")[0],
        command=f"{vendor} {operation.name.replace('_', '-')}",
        method=facts.method,
        path=facts.path,
        item="" if isinstance(kind, Nothing) else kind.noun,
        fields=[Named(field.name, field.required) for field in fields],
        arguments=arguments,
        limit=_stated(facts.limit.figures()),
        allowance=facts.quota.name,
        quota=_stated(facts.quota.figures()),
        idempotent=facts.idempotent,
        destructive=facts.destructive,
        irreversible=facts.irreversible,
        app_wide=facts.app_wide,
        acknowledges=facts.acknowledges,
        provenance=str(facts.provenance),
        docs=facts.docs,
        read=facts.read or client.read,
        shape=operation.shape,
        note=facts.note,
        unsaid=facts.unsaid,
        settles=facts.settles,
    )


def _stated(figures: Mapping[str, Figure]) -> Figures:
    return {
        name: StatedFigure(_number(figure.value), str(figure.provenance), figure.source)
        for name, figure in figures.items()
    }


def _number(value: float) -> float:
    """Return a whole figure as a whole number, as people write it."""
    return int(value) if float(value).is_integer() else value
