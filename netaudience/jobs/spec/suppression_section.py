"""The table [suppression] of a job file: the people to whom no step sends anything, unless it says so.

It becomes a part of every step's condition, so whatever reads, counts, compares or plans holds them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from netaudience.jobs.spec.diagnostics import Section, listed, nearest
from netaudience.jobs.spec.model import Suppression
from netaudience.jobs.spec.people_section import columns_of, vendors_of
from netaudience.model.verb_facts import CHANNELS, Channel

SUPPRESSION = ("files", "match", "channel", "ask", "channels", "columns")
#: What the column of channels may hold; None is all of them.
KNOWN_CHANNELS: frozenset[str | None] = frozenset({None, *CHANNELS})


def suppression_of(section: Section) -> Suppression:
    """Read the list; what is wrong with it goes to the section's problems."""
    files, ask = section.texts("files"), vendors_of(section, "ask") if "ask" in section else ()
    if not files and "files" not in section and "ask" not in section:
        section.problems.add(section.path, '[suppression] names no list: add files = "optouts.csv"')
    match = dict(_pairs(section))
    if not match and "match" not in section:
        section.problems.add(
            section.path,
            '[suppression] does not say how people are found in it: add match = { email = "email" }, the '
            "column of the source and that of the list",
        )
    for key in ("channels", "columns"):
        if key in section and "ask" not in section:
            section.wrong(key, f'{key} is of vendors that are asked: add ask = ["moengage"], or leave it out')
    return Suppression(
        files=files,
        match=match,
        channel=section.text("channel"),
        ask=ask,
        channels=channels_of(section, "channels"),
        columns=columns_of(section, ask) if "ask" in section else {},
    )


def channels_of(section: Section, key: str) -> tuple[Channel, ...]:
    """Return the channels that a section names."""
    given = section.texts(key)
    for one in given:
        if one not in CHANNELS:
            meant = nearest(one, CHANNELS) or f": it is one of {listed(CHANNELS)}"
            section.wrong(key, f"there is no channel {one!r}{meant}")
    return cast("tuple[Channel, ...]", given)


def channel_of(value: object) -> str | None:
    """Return a channel as a list of people names it; None where it names none."""
    return str(value or "").strip().lower() or None


def _pairs(section: Section) -> Iterator[tuple[str, str]]:
    for column, other in section.table("match").items():
        if isinstance(other, str) and other.strip():
            yield column, other
        else:
            section.wrong("match", f"match of {column} is a column of the list, as a text")


def normal(sql: str) -> str:
    """Return the SQL of a value as it is compared: without blanks around it and without case."""
    return f"nullif(lower(trim(({sql})::VARCHAR)), '')"


def quoted_name(name: str) -> str:
    """Return a column's name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def table_of(at: int) -> str:
    """Return the table that holds the values of a list's column."""
    return f'memory.main."netaudience suppressed {at}"'


def fill_of(at: int) -> str:
    """Return the SQL that puts values and channels, two lists, into the table of a list's column."""
    one = normal("one")
    given = "(SELECT unnest(?::VARCHAR[]) AS one, unnest(?::VARCHAR[]) AS channel)"
    return f"INSERT INTO {table_of(at)} SELECT DISTINCT {one}, channel FROM {given} WHERE {one} IS NOT NULL"  # noqa: S608 - our names


def held_back(columns: Iterable[str], channels: Iterable[Channel] = ()) -> str:
    """Return the SQL of whether a row of the source is one of somebody on the list.

    Args:
        columns: Those of the source that are compared.
        channels: Only whoever has opted out of one of these; of any if there are none.
    """
    named = ", ".join(f"'{one}'" for one in channels)
    of = f" WHERE channel IS NULL OR channel IN ({named})" if named else ""
    found = (
        f"coalesce({normal(quoted_name(column))} IN (SELECT value FROM {table_of(at)}{of}), false)"  # noqa: S608 - our names
        for at, column in enumerate(columns)
    )
    return " OR ".join(found)


def condition_of(where: str | None, match: Mapping[str, str], channels: Iterable[Channel] = ()) -> str:
    """Return a step's condition with the list in it; else as `held_back`."""
    not_on_it = f"NOT ({held_back(match, channels)})"
    return not_on_it if where is None else f"(\n{where}\n) AND {not_on_it}"
