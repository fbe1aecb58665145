"""What has to be known of people before a verb is planned: ids that are missing, and who has agreed.

What was found is kept with the run, so that going on with it asks nobody twice and sends the same rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import Expression
from netaudience.vendors import names
from netaudience.verbs.consent import OptOuts, consent_column, refusals, times_of
from netaudience.verbs.missing import Completed, complete
from netaudience.verbs.people import read_people
from netaudience.verbs.subject import find_columns

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.action import Action
    from netaudience.model.verb_facts import Identity
    from netaudience.verbs.receipts import Receipts


@attrs.frozen(kw_only=True)
class Beforehand:
    """What was found of people before anything was planned."""

    #: By the row, ids by the column that they belong into, of those that vendors have told.
    found: dict[int, dict[str, str]] = attrs.field(factory=dict[int, dict[str, str]], repr=False)
    #: Columns that the source does not have.
    added: tuple[str, ...] = ()
    #: By the row and by ``VENDOR CHANNEL``, why somebody must not be written to again.
    refused: dict[int, dict[str, str]] = attrs.field(factory=dict[int, dict[str, str]])
    #: What the look-ups came to; None where nobody asked.
    looked_up: Completed | None = None
    #: What tells the source from others; None where it is used as it is.
    source: str | None = None


async def find_beforehand(  # noqa: PLR0913 - its options
    action: Action,
    table: Table,
    *,
    vendors: Sequence[str],
    chosen: Mapping[Identity, str | None] | None,
    look_up: bool,
    opt_outs: Iterable[str | Path],
    receipts: Receipts | None,
    client_factory: ClientFactory | None,
) -> Beforehand:
    """Ask for what is missing, and find out who has agreed to be written to again; nothing is changed.

    Args:
        action: What is to be done.
        table: The people.
        vendors: Where, by the vendors' names in commands.
        chosen: Columns that somebody has named.
        look_up: Whether vendors are asked for ids.
        opt_outs: Files of people who have opted out.
        receipts: Receipts of opt-outs.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: a row or a list cannot be read, a column is not there, or credentials are missing.
    """
    if not look_up and action.verb != "unsuppress":
        return Beforehand()
    columns = find_columns(list(table.columns), names(), chosen)
    people = await asyncio.to_thread(read_people, table, columns)
    if broken := next((person for person in people if person.problem is not None), None):
        raise ConfigurationError(f"Row {broken.row} cannot be read: {broken.problem}; mend it first")
    found = Beforehand(source=await asyncio.to_thread(table.fingerprint))
    if look_up:
        found_ids = await complete(people, columns, vendors, client_factory)
        ids = {row: dict(values) for row, values in found_ids.found.items()}
        found = attrs.evolve(found, found=ids, added=found_ids.added, looked_up=found_ids)
        columns = find_columns([*table.columns, *found_ids.added], names(), chosen)
        people = [
            person._replace(known_by={**person.known_by, **ids.get(person.row, {})}) for person in people
        ]
    if action.verb != "unsuppress":
        return found
    agreed = await asyncio.to_thread(
        lambda: times_of(table, consent_column(list(table.columns), action.consent))
    )
    known = OptOuts()
    if receipts is not None:
        known.add_receipts(receipts)
    for path in opt_outs:
        await asyncio.to_thread(known.add_list, Path(path))
    refused = await refusals(action, people, columns, vendors, agreed, known, client_factory)
    return attrs.evolve(found, refused=refused)


@contextmanager
def completed(table: Table, before: Beforehand, allowed: Iterable[str]) -> Generator[Table]:
    """Open people once more, with what was found of them.

    Args:
        table: The people as they were given.
        before: What was found.
        allowed: What somebody may be refused, as ``VENDOR CHANNEL``: each becomes a column, which has
            something in it for those who are not.

    Raises:
        ConfigurationError: what was found is of other people.
    """
    from netaudience.jobs.extract.table import open_data  # noqa: PLC0415 - needs the extra `cli`

    if before.source is None:
        with nullcontext(table) as same:
            yield same
        return
    if table.fingerprint() != before.source:
        raise ConfigurationError(
            "The people have changed since the run began, so what was found of them may be others' by now: "
            "put the file back as it was, or start a new run"
        )
    columns = list(table.columns)
    wanted = {column: Expression(column=column) for column in columns}
    rows: list[dict[str, object]] = []
    for page in table.rows(wanted):
        for row in page:
            held = {column: row["fields"].get(column) for column in columns}
            ids = before.found.get(row["row"], {})
            held |= {column: ids.get(column) for column in before.added}
            held |= {column: value for column, value in ids.items() if held.get(column) in {None, ""}}
            why = before.refused.get(row["row"], {})
            rows.append(held | {may(one): None if one in why else "yes" for one in allowed})
    with open_data(rows) as made:
        yield made


def may(what: str) -> str:
    """Return the column that says who may be written to again, of ``VENDOR CHANNEL``."""
    return f"netaudience may {what}"
