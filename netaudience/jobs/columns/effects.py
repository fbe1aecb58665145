"""What a row of a step asks for at the vendor, by its fields: whom it is about, and which entries it sets.

A mirror takes back an effect when no row asks for it any more. Two rows of one user may ask for the same,
and one row may ask for many entries of which some are gone the next night.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

import attrs

from netaudience.model.wire import JsonValue


@attrs.frozen(kw_only=True)
class Effect:
    """How the effect of a step's rows is known."""

    #: Groups of fields of which one at least must have a value, or there is nothing to send.
    needs: tuple[tuple[str, ...], ...] = ()
    #: The fields that are remembered for a removal; none of them where nothing is taken back.
    kept: tuple[str, ...] = ()
    #: The fields that say whom the row is about, the first that has a value being it; whether letters count.
    target: tuple[tuple[str, bool], ...] = ()
    #: Fields that are one entry each, which the removal names: the removal's field, and the entry.
    entries: Mapping[str, tuple[str, str]] = attrs.field(factory=dict[str, tuple[str, str]])
    #: Fields that hold entries by their names, which the removal names.
    mappings: tuple[str, ...] = ()
    #: What was asked for beside the fields, and what takes it back: the operation and its arguments.
    asked: str = ""
    removal: str = ""
    removal_arguments: str = ""
    #: Whether what earlier runs asked for by other arguments is taken back as well.
    take_back_old: bool = False

    @property
    def remembered(self) -> bool:
        """True where something may be taken back."""
        return bool(self.kept)


def entry_name(field: str, entry: str) -> str:
    """Return an entry with the field of the removal that names it, as it is remembered."""
    return f"{field}\t{entry}"


def removal_fields(kept: str, entries: Iterable[str]) -> dict[str, object]:
    """Return the fields of a row that takes back entries of one user: a list of names for each field."""
    fields: dict[str, object] = {name: value for name, value in json.loads(kept).items() if value is not None}
    named: dict[str, list[str]] = {}
    for each in sorted(entries):
        field, _, entry = each.partition("\t")
        if field:
            named.setdefault(field, []).append(entry)
    return {**fields, **named}


def canonical(value: object) -> str:
    """Return JSON that is the same for the same value: names in order, and 1.0 as 1."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _plain(value: object) -> object:
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, Mapping):
        given = cast("Mapping[str, JsonValue]", value)
        return {name: _plain(part) for name, part in given.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in cast("list[object]", value)]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(part) for part in cast("set[object]", value)), key=canonical)
    return value
