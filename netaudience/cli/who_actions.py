"""What the command `who` does: ask the vendors, look into the kept runs, and print both, masked or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

import attrs

from netaudience.cli.display import tell
from netaudience.cli.output import StandardOutput, json_line, masked
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.verbs.history import History, history_of
from netaudience.verbs.look_up import Known, who
from netaudience.verbs.subject import Subject

#: What are a person's own data, and is masked.
_DATA = ("held", "values")


def ask_who(known_by: Mapping[str, str | None], vendors: tuple[str, ...], *, show: bool) -> int:
    """Print what vendors hold of a person, what they were last sent, and what could not be delivered.

    Raises:
        NetaudienceError: nobody could be asked, for the reason that it tells.
    """
    subject = Subject(id=known_by["id"], email=known_by["email"], phone=known_by["phone"])

    async def ask() -> tuple[list[Known], History]:
        return await who(subject, vendors=vendors or None), await history_of(subject, vendors=vendors or None)

    found, history = asyncio.run(ask())
    StandardOutput().write_all([json_line(line) for line in told_of(found, history, show=show)])
    silent = sum(one.status == "no_answer" for one in found)
    if silent:
        tell(f"{silent} of {len(found)} questions had no answer: reason says why")
    if history.unknown:
        runs = sum(one.runs for one in history.unknown)
        tell(f"Of {runs} kept runs nobody knows whether the person was in them: not_known says why")
    return ExitCode.UNDELIVERED if silent else ExitCode.DELIVERED


def told_of(found: Iterable[Known], history: History, *, show: bool) -> Iterator[dict[str, object]]:
    """Return what is known of a person as lines of JSON have it.

    Args:
        found: What vendors hold.
        history: What the kept runs tell.
        show: Whether a person's own data are shown as they are.
    """
    rows: list[tuple[str | None, object]] = [
        *((None, known) for known in found),
        *(("sent", one) for one in history.sent),
        *(("done", one) for one in history.done),
        *(("undelivered", one) for one in history.undelivered),
        *(("not_known", one) for one in history.unknown),
    ]
    for about, row in rows:
        record: dict[str, object] = {} if about is None else {"about": about}
        record |= attrs.asdict(row)  # type: ignore[arg-type]  # each of them is a class of attrs
        for name in _DATA:
            if name in record and not show:
                record[name] = masked(record[name])
        yield {name: value for name, value in record.items() if value not in (None, {}, "")}
