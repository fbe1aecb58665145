"""What the names of a step's fields mean: fields of the operation's row, entries of one, an identifier."""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence
from typing import cast

from netaudience.jobs.spec.model import Step
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.model.kinds import Identifiers, Kind
from netaudience.model.rows import Field, Rows


def identifier_field(step: Step, kind: Kind) -> str:
    """Return the field that is the identifier: the one by its noun, or the only one, or the first."""
    noun = _plain(kind.noun)
    named = [name for name in step.fields if _plain(name) == noun]
    return (named or list(step.fields) or [kind.noun.replace(" ", "_")])[0]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def fields_of(kind: Rows[object]) -> dict[str, Field]:
    """Return the fields by both their names."""
    return {**{field.wire: field for field in kind.fields}, **{field.name: field for field in kind.fields}}


def sent_as_text(step: Step) -> frozenset[str]:
    """Return the step's fields that are sent as text whatever they hold, as identifiers are."""
    vendor = find_vendor(step.vendor)
    operation = find_operation(vendor, step.operation) if vendor is not None else ""
    if isinstance(operation, str):
        return frozenset()
    kind: object = operation.kind
    if not isinstance(kind, Rows):
        return frozenset({identifier_field(step, operation.kind)} if isinstance(kind, Identifiers) else ())
    known = fields_of(cast("Rows[object]", kind))
    return frozenset(name for name in step.fields if name in known and not known[name].types - {str})


def holds_lists(kind: Rows[object], field: Field) -> bool:
    """Return whether the values of a mapping are lists."""
    inside = typing.get_args(typing.get_type_hints(kind.row)[field.name])
    origin = typing.get_origin(inside[1]) if len(inside) == 2 else None
    return isinstance(origin, type) and issubclass(origin, Sequence)
