"""The command that asks vendors who has opted out there, and prints a list that [suppression] takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from netaudience.cli.menu import Menu
from netaudience.cli.options import Diagnosis
from netaudience.cli.people_file import PeopleFile
from netaudience.cli.verbs import VERBS, Channel

if TYPE_CHECKING:
    from netaudience.verbs.opt_outs import OptOutsFound

_flat = Parameter(name="*")


def add_opt_outs(menu: Menu) -> None:
    """Add the command."""
    menu.command(_opt_outs, name="opt-outs", group=VERBS, help_format="markdown")


def _opt_outs(  # noqa: D417 - flags in groups have their own words
    people: Path,
    /,
    *,
    channel: Annotated[tuple[Channel, ...], Parameter(negative="", show_default=False)],
    file: Annotated[PeopleFile, _flat] = PeopleFile(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, _flat] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Ask vendors which people have opted out there, and print them as a list for [suppression], as CSV.

    MoEngage tells of e-mail and SMS, CleverTap of the flags of profiles, Netmera of push; the others tell
    nobody. It has the columns that people are known by, vendor and channel, and no time, for no vendor tells
    one. The exit code is 3 where a vendor gave no answer: the list is not whole then.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        channel: Of what: email, sms, push or whatsapp; may be repeated.
    """
    import asyncio  # noqa: PLC0415 - costs a program's start

    from netaudience.cli.display import tell  # noqa: PLC0415 - likewise
    from netaudience.cli.output import StandardOutput, csv_lines  # noqa: PLC0415 - likewise
    from netaudience.cli.verb_actions import chosen_columns, people_source  # noqa: PLC0415 - likewise
    from netaudience.jobs.spec.exit_codes import ExitCode  # noqa: PLC0415 - likewise
    from netaudience.plurals import many  # noqa: PLC0415 - costs a program's start
    from netaudience.vendors import client_of, look_up_of  # noqa: PLC0415 - likewise
    from netaudience.verbs.opt_outs import find_opt_outs  # noqa: PLC0415 - likewise

    diagnosis.apply()
    found = asyncio.run(
        find_opt_outs(
            people_source(people, file),
            channels=channel,
            vendors=file.vendor or None,
            columns=chosen_columns(file),
        )
    )
    StandardOutput().write_all(csv_lines(_rows(found)))
    for slug in found.asked:
        count = sum(one.vendor == slug for one in found.found)
        facts = look_up_of(client_of(slug))
        tell(f"{slug}: {many(count, 'opt-out')}; what it does not say: {facts.not_shown if facts else ''}")
        if slug in found.no_answer:
            tell(
                f"{slug}: {many(found.no_answer[slug], 'question')} without an answer: {found.reasons[slug]}"
            )
    if found.silent:
        tell(f"{', '.join(found.silent)}: nobody's opt-out can be read there")
    return ExitCode.DELIVERED if found.ok else ExitCode.UNDELIVERED


def _rows(found: OptOutsFound) -> Iterator[list[str]]:
    columns = list(dict.fromkeys(found.columns.named().values()))
    yield [*columns, "vendor", "channel"]
    for one in found.found:
        yield [*(one.known_by.get(column, "") for column in columns), one.vendor, one.channel]
