"""What stands before operations that lose data: they are asked for twice, and the count is typed.

A guard never asks on a terminal, for a job at night has nobody to answer; it refuses with the words to add.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import attrs

from netaudience.cli.exit_codes import GuardRefused
from netaudience.cli.flags import CONSENT
from netaudience.cli.sources import Records
from netaudience.errors import ConfigurationError
from netaudience.work import Operation

__all__ = ["Consent", "allow", "allow_asking", "wants_consent"]


@attrs.frozen(kw_only=True)
class Consent:
    """What the caller agreed to."""

    yes: bool = False
    #: The number of rows that may be lost for good.
    yes_delete: int | None = None


def wants_consent(operation: Operation) -> bool:
    """Return whether an operation is asked for twice."""
    return operation.facts.destructive or CONSENT in operation.signature.parameters


def allow_asking(operation: Operation, consent: Consent) -> None:
    """Let an operation without items pass, or refuse.

    Raises:
        GuardRefused: the consent is missing.
    """
    if wants_consent(operation) and not consent.yes:
        raise _refused(operation)


def allow(
    operation: Operation, consent: Consent, source: str, open_source: Callable[[], Records]
) -> int | None:
    """Let an operation pass, or refuse; return the rows that were counted, where they were.

    Raises:
        GuardRefused: the consent is missing, or is for another number of rows.
        ConfigurationError: the rows cannot be counted.
    """
    facts = operation.facts
    if facts.irreversible:
        return _count_agrees(operation, consent.yes_delete, source, open_source)
    if wants_consent(operation) and not consent.yes:
        raise _refused(operation)
    return None


def _refused(operation: Operation) -> GuardRefused:
    facts = operation.facts
    whom = "every user of the app" if facts.app_wide else "what is named"
    does = f"deletes data of {whom}" if facts.destructive else f"reaches {whom}"
    return GuardRefused(f"{operation.name} {does}: add --yes if that is meant; nothing was sent")


def _count_agrees(
    operation: Operation, agreed: int | None, source: str, open_source: Callable[[], Records]
) -> int:
    if source == "-":
        raise ConfigurationError(
            f"{operation.name} cannot be undone, so its rows are counted first, which standard input does "
            "not allow: write them to a file"
        )
    with closing(open_source()) as records:
        if not records.regular:
            raise ConfigurationError(
                f"{source} can be read only once, and its rows are counted first: write them to a file"
            )
        count = sum(1 for _ in records)
        name = records.name
    rows = f"{name} has {count:,} {'row' if count == 1 else 'rows'}"
    if agreed is None:
        raise GuardRefused(
            f"{operation.name} cannot be undone, and {rows}: add --yes-delete {count} if that is meant; "
            "nothing was sent"
        )
    if agreed != count:
        raise GuardRefused(
            f"--yes-delete says {agreed:,}, and {rows}: look at the file again; nothing was sent"
        )
    return count
