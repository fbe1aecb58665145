"""Whom a segment's conditions, or a target, mean: by tags, attributes and other segments.

What the documents do not explain matches nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from netaudience.sandbox.netmera.state import NetmeraState, User
from netaudience.sandbox.protocol import Json


def matches(state: NetmeraState, user: User, criteria: Mapping[str, Json]) -> bool:
    """Whether a user meets all conditions of a segment's body."""
    segment = criteria.get("segment")
    joined: Mapping[str, Json] = segment if isinstance(segment, dict) else {}
    results: list[bool] = []
    for name, how in (("tags", "tagConditionType"), ("profile", "profileConditionType")):
        listed = criteria.get(name)
        if isinstance(listed, list) and listed:
            met = [_condition(state, user, one) for one in listed]
            results.append(any(met) if joined.get(how) == "OR" else all(met))
    if criteria.get("pushEnabled") is True:
        results.append(any(device.push_permitted for device in user.devices))
    if (tree := criteria.get("targetJson")) is not None:
        results.append(_condition(state, user, tree))
    return bool(results) and all(results)


def targeted(state: NetmeraState, ext_id: str, user: User, target: Mapping[str, Json]) -> bool:
    """Whether a target of tags, segments and attributes, joined by AND, means a user."""
    segments = {segment.name for segment in state.segments.values() if ext_id in segment.ext_ids}
    has: Mapping[str, Callable[[Json], bool]] = {
        "tag": lambda name: name in user.tags,
        "segment": lambda name: name in segments,
    }
    for name, wanted in target.items():
        if name == "profile":
            rows = wanted.items() if isinstance(wanted, dict) else ()
            if not all(_wanted(value, partial(_has, user, key)) for key, value in rows):
                return False
        elif not _wanted(wanted, has[name]):
            return False
    return True


def _wanted(wanted: Json, has: Callable[[Json], bool]) -> bool:
    """A value, several of which one is enough, or $and, $or and $not over such."""
    match wanted:
        case list():
            return any(_wanted(one, has) for one in wanted)
        case {"$and": list(parts)}:
            return all(_wanted(one, has) for one in parts)
        case {"$or": list(parts)}:
            return any(_wanted(one, has) for one in parts)
        case {"$not": part}:
            return not _wanted(part, has)
        case dict():
            return False
        case _:
            return has(wanted)


def _has(user: User, name: str, value: Json) -> bool:
    stored = user.profile.get(name)
    return value in stored if isinstance(stored, list) else stored == value


def _condition(state: NetmeraState, user: User, condition: Json) -> bool:
    if not isinstance(condition, dict):
        return False
    match condition:
        case {"type": "TAG", "code": code}:
            names = {str(number): name for name, number in state.tag_ids.items()}
            tagged = names.get(str(code)) in user.tags
            return not tagged if condition.get("logic") == "NOT" else tagged
        case {"type": "PROFILE", "expression": {"code": str(code), "values": list(values)}}:
            stored = user.profile.get(code)
            held = stored if isinstance(stored, list) else [] if stored is None else [stored]
            texts = {str(one) for one in held}
            return any(str(value) in texts for value in values)
        case {"type": "GROUP", "conditions": list(parts)}:
            met = [_condition(state, user, part) for part in parts]
            return any(met) if condition.get("logic") == "OR" else all(met)
        case _:
            return False
