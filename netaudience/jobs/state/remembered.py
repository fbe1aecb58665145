"""What of a step's rows has to be remembered, told from its operation and from what takes it back."""

from __future__ import annotations

from typing import cast

from netaudience.jobs.columns.effects import Effect, canonical
from netaudience.jobs.map.items import kept_fields
from netaudience.jobs.spec.model import Step
from netaudience.model.rows import Field, Rows
from netaudience.operations.dispatch import Operation


def effect_of(step: Step, operation: Operation, removal: Operation | None = None) -> Effect:
    """Return how the effect of a step's rows is known.

    Args:
        step: The step.
        operation: Its operation.
        removal: What takes back, for a mirror.
    """
    needs = _needs(step, operation)
    if removal is None:
        return Effect(needs=needs)
    kept = kept_fields(step, removal)
    lists = _lists(removal)
    parts = {name: name.partition(".") for name in step.fields}
    return Effect(
        needs=needs,
        kept=kept,
        target=_target(kept, removal),
        entries={
            name: (whole, entry) for name, (whole, dot, entry) in parts.items() if dot and whole in lists
        },
        mappings=tuple(name for name in step.fields if name in lists),
        asked=canonical([step.vendor, operation.name, step.arguments]),
        removal=removal.name,
        removal_arguments=canonical(step.removal_arguments),
        take_back_old=step.take_back_old,
    )


def _fields(operation: Operation) -> dict[str, Field]:
    kind = operation.kind
    if not isinstance(kind, Rows):
        return {}
    fields = cast("Rows[object]", kind).fields
    return {**{field.wire: field for field in fields}, **{field.name: field for field in fields}}


def _lists(removal: Operation) -> frozenset[str]:
    """Return the fields of a removal that are lists of names."""
    return frozenset(name for name, field in _fields(removal).items() if list in field.types)


def _needs(step: Step, operation: Operation) -> tuple[tuple[str, ...], ...]:
    known = _fields(operation)
    groups: dict[str, list[str]] = {}
    for name in step.fields:
        whole, dot, _ = name.partition(".")
        # Where the whole is optional, the row is there for its other fields: it may put a user on a list.
        if dot and name not in known and whole in known and known[whole].required:
            groups.setdefault(whole, []).append(name)
    return tuple(
        tuple(names)
        for whole, names in groups.items()
        if whole not in step.fields and not any(_is_constant(step, name) for name in names)
    )


def _is_constant(step: Step, name: str) -> bool:
    expression = step.fields[name]
    return expression.column is None and expression.sql is None


def _target(kept: tuple[str, ...], removal: Operation) -> tuple[tuple[str, bool], ...]:
    kind = removal.kind
    if not isinstance(kind, Rows):
        return tuple((name, True) for name in kept)
    rows = cast("Rows[object]", kind)
    fields = _fields(removal)
    wires = [fields[name].wire for name in rows.key_names if name in fields]
    named = [name for wire in wires for name in kept if fields[name].wire == wire]
    return tuple((name, rows.key({fields[name].wire: "A"}) != "a") for name in named or kept)
