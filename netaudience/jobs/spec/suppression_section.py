"""The table [suppression] of a job file: the people to whom no step sends anything, unless it says so.

It becomes a part of every step's condition, so whatever reads, counts, compares or plans holds them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Suppression

__all__ = ["SUPPRESSION", "condition_of", "fill_of", "held_back", "quoted_name", "suppression_of", "table_of"]

SUPPRESSION = ("files", "match")


def suppression_of(section: Section) -> Suppression:
    """Read the list; what is wrong with it goes to the section's problems."""
    files = section.texts("files")
    if not files and "files" not in section:
        section.problems.add(section.path, '[suppression] names no list: add files = "optouts.csv"')
    match = dict(_pairs(section))
    if not match and "match" not in section:
        section.problems.add(
            section.path,
            '[suppression] does not say how people are found in it: add match = { email = "email" }, the '
            "column of the source and that of the list",
        )
    return Suppression(files=files, match=match)


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
    """Return the SQL that puts values, which it is given as a list, into the table of a list's column."""
    one = normal("one")
    given = "(SELECT unnest(?::VARCHAR[]) AS one)"
    return f"INSERT INTO {table_of(at)} SELECT DISTINCT {one} FROM {given} WHERE {one} IS NOT NULL"  # noqa: S608 - our names


def held_back(columns: Iterable[str]) -> str:
    """Return the SQL of whether a row of the source is one of somebody on the list."""
    found = (
        f"coalesce({normal(quoted_name(column))} IN (SELECT value FROM {table_of(at)}), false)"  # noqa: S608 - our names
        for at, column in enumerate(columns)
    )
    return " OR ".join(found)


def condition_of(where: str | None, match: Mapping[str, str]) -> str:
    """Return a step's condition with the list in it."""
    not_on_it = f"NOT ({held_back(match)})"
    return not_on_it if where is None else f"(\n{where}\n) AND {not_on_it}"
