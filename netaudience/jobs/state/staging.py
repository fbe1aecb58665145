"""Stages what a run has to do, beside its source: what differs, what is taken back, and how much of it.

It runs within one transaction of the snapshot's file, with a reading of the source at hand.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from netaudience.jobs.columns.duckdb import telling
from netaudience.jobs.state import diff_sql, taking_back
from netaudience.jobs.state.diff_sql import HERE

if TYPE_CHECKING:
    import duckdb

    from netaudience.jobs.columns.comparison import Asking
    from netaudience.jobs.columns.effects import Effect
    from netaudience.jobs.extract.scan import Scan

#: Writes down a fact of the snapshot.
REMEMBER = f"INSERT OR REPLACE INTO {HERE}.main.facts VALUES (?, ?)"
_HELD = "held runs"


def stage(  # noqa: PLR0913, PLR0917 - what is compared, and who tells what goes wrong
    scan: Scan,
    asking: Asking | None,
    effect: Effect,
    name: str,
    total: int,
    damage: Callable[[], AbstractContextManager[None]],
    *,
    whole: bool,
    left: Iterable[list[str]] | None,
) -> None:
    """Compare a source with what is known, and write down what a run has to do, and its counts.

    Args:
        scan: A reading of the source, with the snapshot's file beside it, in a transaction.
        asking: The rows of the step; None where the source has no column.
        effect: How the effect of a row is known.
        name: What people call the source.
        total: The rows of the step.
        damage: Tells of a damaged snapshot.
        whole: Whether the source has all rows; where it has not, nothing is taken back but what its rows say.
        left: The keys of rows that have left a source that has not; None where nobody tells them.
    """
    connection = scan.connection
    with telling(name), damage():
        connection.execute(diff_sql.EMPTY)
        if asking is not None:
            connection.execute(diff_sql.compare(asking, whole=whole))
            if left is not None:
                connection.execute(diff_sql.LEFT)
                for keys in left:
                    connection.execute(diff_sql.LEAVE, [keys])
                connection.execute(diff_sql.gone(asking))
            connection.execute(diff_sql.DUPLICATES)
            if connection.execute("SELECT EXISTS (FROM twice)").fetchone() == (True,):
                connection.execute(diff_sql.earlier(asking))
            connection.execute(diff_sql.LATEST)
        aside = [(number, line.problem) for number, line in scan.set_aside()]
    if aside:
        connection.execute(diff_sql.ASIDE, [list(column) for column in zip(*aside, strict=True)])
    names = ("added", "changed", "rejected", "nothing", "known", "unknown")
    row = connection.execute(diff_sql.COUNT).fetchall()[0]
    counts: dict[str, object] = dict(zip(names, row, strict=True))
    counts["keyless"] = unknown = bool(counts.pop("unknown"))
    counts["unchanged"] = total - sum(cast("int", counts[name]) for name in names[:3])
    counts["old"] = []
    if effect.remembered:
        _know_way(connection, effect)
        if whole or left is not None:
            forget = taking_back.FORGET if whole else taking_back.FORGET_ALL
            counts |= _take_back(connection, effect, forget, unknown=unknown)
    facts = [("counts", json.dumps(counts))]
    if whole or left is not None:
        facts.append((_HELD, str(counts.get("held_runs", 0))))
    connection.executemany(REMEMBER, facts)


def _know_way(connection: duckdb.DuckDBPyConnection, effect: Effect) -> None:
    """Write down by which arguments the effects of now come, and what takes them back."""
    ours = {"asked": effect.asked, "removal": effect.removal, "arguments": effect.removal_arguments}
    for sql, names in taking_back.WAY:
        connection.execute(sql, {name: ours[name] for name in names})


def _take_back(
    connection: duckdb.DuckDBPyConnection, effect: Effect, forget: str, *, unknown: bool
) -> dict[str, object]:
    """Stage what is taken back, and return how much it is."""
    connection.execute(taking_back.REMOVE)
    found = connection.execute(taking_back.OLD, {"arguments": effect.removal_arguments}).fetchall()
    old = [
        {
            "way": way,
            "arguments": json.loads(asked)[-1],
            "removal_arguments": json.loads(arguments),
            "removal": removal,
            "users": users,
        }
        for way, asked, removal, arguments, users in found
    ]
    ((every,),) = connection.execute(f"SELECT count(*) FROM {HERE}.main.removals").fetchall()
    removed = every - sum(users for *_, users in found)
    if not unknown:
        connection.execute(forget)
        return {"removed": removed, "old": old}
    # A row whose key cannot be read may ask for the very thing that seems to be gone.
    connection.execute(f"DELETE FROM {HERE}.main.removals")
    before = connection.execute(f"SELECT value FROM {HERE}.main.facts WHERE name = '{_HELD}'").fetchone()
    runs = (int(before[0]) if before else 0) + 1
    return {"removed": 0, "held_back": removed, "held_runs": runs if removed else 0, "old": old}
