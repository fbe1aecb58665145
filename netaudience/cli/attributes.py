"""The commands that set and take away attributes of people at every vendor, with their words and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from netaudience.cli.job_options import Manner
from netaudience.cli.menu import Menu
from netaudience.cli.options import FLAG, FLAT, REPORT, SOURCE, Diagnosis
from netaudience.cli.people_file import PeopleToComplete
from netaudience.cli.verbs import VERBS, carry
from netaudience.errors import ConfigurationError

Typed: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        show_default=False,
        group=SOURCE,
        help="A column of text that is sent as the numbers, truths or JSON it holds; may be repeated.",
    ),
]


def add_attributes(menu: Menu) -> None:
    """Add the commands."""
    menu.command(_set, name="set", group=VERBS, help_format="markdown")
    menu.command(_unset, name="unset", group=VERBS, help_format="markdown")


def _set(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    attribute: Annotated[tuple[str, ...], FLAG],
    plan: Annotated[bool, FLAG] = False,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    typed: Typed = (),
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Set attributes of people at every vendor, and say for each of them what became of it there.

    The file, what is printed and the exit code are those of `erase`. Who has nothing in any of the columns is
    reported as failed, and is left as is.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        attribute: The column, or NAME=COLUMN where the vendors call it otherwise; may be repeated.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every line; it needs NETAUDIENCE_RECEIPTS_KEY.
    """
    diagnosis.apply()
    pairs: list[tuple[str, str | None]] = []
    for one in attribute:
        name, _, column = one.partition("=")
        pairs.append((name, column or name))
    said = {"verb": "set", "attributes": _once(pairs)}
    return carry(said, people, file, manner, plan=plan, receipts=receipts, typed=typed)


def _unset(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    attribute: Annotated[tuple[str, ...], FLAG],
    plan: Annotated[bool, FLAG] = False,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Take attributes of people away at every vendor.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        attribute: The attribute's name at the vendors; may be repeated.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every line; it needs NETAUDIENCE_RECEIPTS_KEY.
    """
    diagnosis.apply()
    said = {"verb": "unset", "attributes": _once([(name, None) for name in attribute])}
    return carry(said, people, file, manner, plan=plan, receipts=receipts)


def _once(pairs: list[tuple[str, str | None]]) -> dict[str, str | None]:
    """Return attributes by their names, which have one column each.

    Raises:
        ConfigurationError: a name is there twice, or is empty.
    """
    named = dict(pairs)
    if len(named) < len(pairs) or "" in named:
        raise ConfigurationError("Each --attribute is named once: write --attribute NAME, or NAME=COLUMN")
    return named
