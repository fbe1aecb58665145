"""The people of a source, read once: what each is known by, under the number of the row."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netaudience.jobs.spec.model import Expression, Source
from netaudience.verbs.subject import Subject, rows_of

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.verbs.subject import Columns


class Person(NamedTuple):
    """One row of the source."""

    row: int
    #: What the person is known by: by the column, a text that is not empty.
    known_by: Mapping[str, str]
    #: Why the row is none.
    problem: str | None = None
    #: By ``VENDOR CHANNEL``, why the person must not be written to again.
    refused: Mapping[str, str] = {}


def read_people(table: Table, columns: Columns) -> list[Person]:
    """Read what all people are known by; it is kept in memory, some hundred bytes for each.

    Raises:
        SourceFailed: the source cannot be read.
    """
    wanted = {column: Expression(column=column) for column in columns.named().values()}
    people: list[Person] = []
    for page in table.rows(wanted):
        for row in page:
            known_by = {
                column: text
                for column in wanted
                if (value := row["fields"].get(column)) is not None and (text := str(value)).strip(" ")
            }
            problem = row.get("problem")
            people.append(Person(row["row"], {} if problem else known_by, problem))
    return people


@contextmanager
def open_people(people: str | Path | Source | Iterable[Subject]) -> Generator[tuple[Table, Source]]:
    """Open people: a file, a source as a job says it, or subjects.

    Raises:
        ConfigurationError: it cannot be read.
    """
    from netaudience.jobs.extract.table import open_data, open_source  # noqa: PLC0415 - needs the extra `cli`

    if isinstance(people, str | Path):
        people = Source(files=(str(Path(people).expanduser().resolve()),))
    if isinstance(people, Source):
        with open_source(people, Path.cwd()) as table:
            yield table, people
        return
    with open_data(rows_of(people)) as table:
        yield table, Source()
