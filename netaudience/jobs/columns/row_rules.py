"""Rules for a row as a whole, said of columns: the rule is asked about every set of fields there may be."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping

from netaudience.jobs.columns.sql_types import Family, sql_type
from netaudience.model.rows import NamesRule, RowRule

#: Fields that a row may be without; two to this power are the sets of them that a rule is asked about.
_MOST = 6
#: Types of values that hold others by name.
OBJECTS: tuple[Family, ...] = ("json", "struct", "map")


def decided_by_names(rule: RowRule | None, types: Mapping[str, str]) -> bool:
    """Return whether names decide that a row keeps a rule, given the types of its fields and entries."""
    if rule is None or not isinstance(rule, NamesRule):
        return rule is None
    looked_at = any((name.partition(".")[2] or name) in rule.looks_at for name in types)
    unread: tuple[Family, ...] = OBJECTS if rule.longest is None else ("list", *OBJECTS)
    return not looked_at and not any(sql_type(kind).holds(*unread) for kind in types.values())


def short_enough(rule: RowRule | None, texts: Iterable[str]) -> list[str]:
    """Return the conditions under which a rule of names looks at none of these texts."""
    longest = rule.longest if isinstance(rule, NamesRule) else None
    return [] if longest is None else [f"coalesce(length({text}) <= {longest}, true)" for text in texts]


def condition(
    rule: RowRule, always: Iterable[str], perhaps: Mapping[str, str], entries: Mapping[str, Collection[str]]
) -> str | None:
    """Return the SQL condition under which a row keeps a rule of names; None where none does, or it is long.

    Args:
        rule: The rule.
        always: The fields that no row is without.
        perhaps: The others, with the condition under which a row has each.
        entries: Of those that are mappings, the names of their entries.
    """
    if len(perhaps) > _MOST:
        return None
    kept: list[str] = []
    for there in itertools.product((True, False), repeat=len(perhaps)):
        names = [*always, *itertools.compress(perhaps, there)]
        if not any(map(rule, _rows(names, entries))):
            parts = [has if one else f"NOT ({has})" for has, one in zip(perhaps.values(), there, strict=True)]
            kept.append(f"({' AND '.join(parts) or 'true'})")
    if len(kept) == 2 ** len(perhaps):
        return "true"
    return f"({' OR '.join(kept)})" if kept else None


def _rows(names: Iterable[str], entries: Mapping[str, Collection[str]]) -> Iterator[Mapping[str, object]]:
    """Give rows of these fields: with all entries of their mappings, and with each of one alone."""
    whole: dict[str, object] = {
        name: dict.fromkeys(entries[name], "") if name in entries else "" for name in names
    }
    yield whole
    for name in whole.keys() & entries.keys():
        for entry in entries[name]:
            yield {**whole, name: {entry: ""}}
