"""Two items of one user that wait together, and the one item that has the effect of both in turn.

Where it is not certain that one item has the same effect, there is none: both are sent, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from netaudience.model.kinds import Coalescence, Kind
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue

Item = TypeVar("Item")


def coalesced(kind: Kind, how: Coalescence, earlier: Item, later: Item) -> Item | None:
    """Return the one item that has the effect of both, or None where no item surely has.

    ``replace``: the later one, where it sets every field that the earlier one sets. ``merge``: what both say
    of the user's attributes, key by key, the later one's value where both have the key; the rest of the
    two must be the same. Both must have passed their kind's check.
    """
    if not isinstance(kind, Rows):
        return later
    rows = cast("Rows[Item]", kind)  # pyright: ignore[reportUnknownVariableType] # its rows are the items
    first, second = rows.mapping(earlier), rows.mapping(later)
    if how == "replace":
        return later if first.keys() <= second.keys() else None
    merged = _merged(first, second)
    if merged is None:
        return None
    return rows.like(later, merged)


def _merged(first: Mapping[str, object], second: Mapping[str, object]) -> Mapping[str, object] | None:
    """Merge two rows by the vendor's names."""
    merged = {**first, **second}
    for name in merged:
        one, other = first.get(name), second.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            attributes = _attributes(
                cast("Mapping[str, JsonValue]", one), cast("Mapping[str, JsonValue]", other)
            )
            if attributes is None:
                return None
            merged[name] = attributes
        elif one != other and not (isinstance(one, Mapping) or isinstance(other, Mapping)):
            return None  # a switch, a time or another name of the user differs: each row means its own
    return merged


def _attributes(
    first: Mapping[str, JsonValue], second: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue] | None:
    """Merge attributes key by key."""
    for name in first.keys() & second.keys():
        if isinstance(first[name], Mapping) and isinstance(second[name], Mapping):
            return None  # whether a vendor replaces an object or merges it is not ours to guess
    return {**first, **second}
