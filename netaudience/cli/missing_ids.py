"""The command that completes a file of people by what vendors tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from netaudience.cli.menu import Menu
from netaudience.cli.options import FLAT, Diagnosis
from netaudience.cli.people_file import PeopleFile
from netaudience.cli.verbs import VERBS

if TYPE_CHECKING:
    from netaudience.jobs.spec.model import Source
    from netaudience.verbs.missing import Completed


def add_look_up(menu: Menu) -> None:
    """Add the command."""
    menu.command(_look_up, name="look-up", group=VERBS, help_format="markdown")


def _look_up(  # noqa: D417 - flags in groups have their own words
    people: Path,
    /,
    *,
    file: Annotated[PeopleFile, FLAT] = PeopleFile(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Ask vendors for ids of people that the file does not have, and print the file with them as CSV.

    CleverTap and Iterable tell an id by the e-mail address and the address by the id, Fynd the address by
    your own id; the others cannot be asked. What is found stands in the column `VENDOR_id`, or in that of
    e-mail addresses. No id is guessed. The exit code is 3 where a vendor gave no answer.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
    """
    import asyncio  # noqa: PLC0415 - costs a program's start

    from netaudience.cli.display import tell  # noqa: PLC0415 - likewise
    from netaudience.cli.output import StandardOutput, csv_lines  # noqa: PLC0415 - likewise
    from netaudience.cli.verb_actions import chosen_columns, people_source  # noqa: PLC0415 - likewise
    from netaudience.jobs.spec.exit_codes import ExitCode  # noqa: PLC0415 - likewise
    from netaudience.verbs.missing import look_up_missing  # noqa: PLC0415 - likewise

    diagnosis.apply()
    source = people_source(people, file)
    completed = asyncio.run(
        look_up_missing(source, vendors=file.vendor or None, columns=chosen_columns(file))
    )
    StandardOutput().write_all(csv_lines(_rows(source, completed)))
    for vendor in completed.vendors:
        tell(
            f"{vendor.name}: {vendor.found:,} found, {vendor.nothing_there:,} with nothing more there, "
            f"{vendor.no_answer:,} without an answer"
        )
        for reason in vendor.reasons[:3]:
            tell(f"  {reason}")
    if completed.disputed:
        tell(f"{completed.disputed:,} addresses have other ids at other vendors: none of them was taken")
    return ExitCode.DELIVERED if completed.ok else ExitCode.UNDELIVERED


def _rows(source: Source, completed: Completed) -> Iterator[list[object]]:
    """Give the rows of the file, with what was found where it has nothing."""
    from netaudience.jobs.spec.model import Expression  # noqa: PLC0415 - costs a program's start
    from netaudience.verbs.people import open_people  # noqa: PLC0415 - likewise

    with open_people(source) as (table, _):
        columns = list(table.columns)
        yield [*columns, *completed.added]
        for page in table.rows({column: Expression(column=column) for column in columns}):
            for row in page:
                found = completed.found.get(row["row"], {})
                given = row["fields"]
                values = [
                    found.get(name) if given.get(name) in {None, ""} else given[name] for name in columns
                ]
                yield [*values, *(found.get(name) for name in completed.added)]
