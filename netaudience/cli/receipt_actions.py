"""What the commands of receipts do: check the file, look again, show a person's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.cli.display import tell
from netaudience.cli.output import StandardOutput, json_line
from netaudience.cli.verb_actions import chosen_columns, people_source
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.plurals import many
from netaudience.verbs.doors import look_again_at
from netaudience.verbs.looks import Case, cases_of, of_person
from netaudience.verbs.receipts import Key, Line, Receipts, check_receipts, read_receipts

if TYPE_CHECKING:
    from netaudience.cli.people_file import PeopleFile

#: Another key would fit none of them.
_KEY = (
    "To know whose receipts these are, set NETAUDIENCE_RECEIPTS_KEY, or NETAUDIENCE_RECEIPTS_KEY_FILE, to "
    "the key that they were written with"
)


def verify_receipts(path: Path, people: Path | None, file: PeopleFile) -> int:
    """Check a file of receipts, and look again at the people who are due.

    Raises:
        NetaudienceError: it cannot be read, or nobody can be asked.
    """
    _check_there(path)
    key = Key.from_environment()
    problems = check_receipts(path, key)
    for problem in problems:
        tell(problem)
    if problems:
        return ExitCode.FAILED
    lines = list(read_receipts(path))
    tell(f"{path} is whole: {many(len(lines), 'line')}")
    if key is None:
        tell("Whether it was written by who holds the key was not looked at: set NETAUDIENCE_RECEIPTS_KEY")
    if people is not None:
        lines = _look(path, key, people, file)
    return _tell_open(cases_of(lines), people)


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}: look at its name and at the folder you are in")


def _look(path: Path, key: Key | None, people: Path, file: PeopleFile) -> list[Line]:
    """Look again, print what is seen, and return all lines of the file."""
    if key is None:
        raise ConfigurationError(_KEY)
    source = people_source(people, file)
    with Receipts(path, key) as receipts:
        added = asyncio.run(
            look_again_at(receipts, source, vendors=file.vendor or None, columns=chosen_columns(file))
        )
        StandardOutput().write_all([json_line(line) for line in added])
        return receipts.lines


def _tell_open(cases: list[Case], people: Path | None) -> int:
    """Say which cases are not closed, and return the exit code."""
    now = datetime.now(UTC)
    due = [case for case in cases if case.is_due(now)]
    seen = [None if case.last is None else case.last["answer"] for case in due]
    there, early = seen.count("not_done"), seen.count("not_yet")
    later = [case for case in cases if case.is_open and case not in due]
    if there:
        tell(f"{many(there, 'case')} not done at the vendor, after its own time")
    if early:
        tell(f"{many(early, 'case')} not done yet at a vendor that names no time: look again later")
    if unseen := len(due) - there - early:
        how = "give --people" if people is None else "they are not in the file of people, or no answer came"
        tell(f"{many(unseen, 'case')} due and not looked at: {how}")
    if later:
        first = min(str(case.verdict["verify_from"]) for case in later)
        tell(f"{many(len(later), 'case')} to be looked at later, the first from {first} on")
    return ExitCode.UNDELIVERED if due else ExitCode.DELIVERED


def show_person(path: Path, known_by: Mapping[str, str | None]) -> int:
    """Print the receipts of one person.

    Raises:
        NetaudienceError: the key or the file is missing, or nobody is named.
    """
    _check_there(path)
    key = Key.from_environment()
    if key is None:
        raise ConfigurationError(_KEY)
    given = {kind: value for kind, value in known_by.items() if value is not None}
    if not given:
        raise ConfigurationError("Say who is meant: --id, --email or --phone")
    lines = list(read_receipts(path))
    found = list(of_person(lines, key.subject_in(lines, given)))
    StandardOutput().write_all([json_line(line) for line in found])
    if not found:
        tell("There is no receipt of that person, or it was written with another key")
    return ExitCode.DELIVERED if found else ExitCode.UNDELIVERED
