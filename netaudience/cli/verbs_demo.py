"""People erased at all vendors, for somebody without an account: the plan, the verdicts, and a week later.

It runs the code of the real commands against the sandbox in this process, and then asks the sandbox's own
state who is still there. It ends well only if both tell the same.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netaudience.cli.demo import Check, demo_folder, tell_checks
from netaudience.cli.display import tell
from netaudience.cli.sandbox import routes
from netaudience.cli.verb_actions import plan_lines, verdict_lines
from netaudience.client import Client
from netaudience.sandbox import Sandbox
from netaudience.settings import Settings
from netaudience.vendors import names
from netaudience.verbs import Key, Receipts, VerbResult, erase, look_again_at, plan_erase
from netaudience.verbs.looks import Case, cases_of

__all__ = ["run_verbs_demo"]

#: The sandbox knows the first two by these ids; CleverTap knows the first by another.
PEOPLE = """id,email,clevertap_id
id1,john.brown@example.com,client-19827239
id2,,
nobody,nobody@example.com,
"""
_DAYS = 8
#: As the vendors' pages have it; Netmera's minute is the sandbox's own.
_DELAYS = {"clevertap": 48 * 3600.0, "iterable": 60.0, "moengage": 7 * 86_400.0}


def run_verbs_demo(*, keep: str | None) -> int:
    """Run the demo and return the exit code.

    Raises:
        ConfigurationError: the directory cannot be used.
    """
    with demo_folder(keep) as folder:
        return asyncio.run(_demo(folder, passing=keep is None))


async def _demo(folder: Path, *, passing: bool) -> int:
    people = folder / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    async with Sandbox(routes(), demo=True, delay=_DELAYS) as sandbox:
        make = _clients(sandbox.environment())
        plan = plan_erase(people, vendors=names(), client_factory=make, folder=folder)
        tell("netaudience erase people.csv --plan\n")
        for line in plan_lines(plan):
            tell(line.replace(f"{folder}/", "") if passing else line)
        tell(f"\nnetaudience erase people.csv --yes-delete {plan.reached}\n")
        with Receipts(folder / "receipts.jsonl", Key(secrets.token_hex(32))) as receipts:
            result = await erase(
                people,
                agreed=plan.reached,
                vendors=names(),
                receipts=receipts,
                client_factory=make,
                folder=folder,
            )
            for line in verdict_lines(result):
                if not (passing and str(folder) in line):  # nobody is sent to what is gone
                    tell(line)
            there = dict(_held(sandbox))
            sandbox.advance(_DAYS * 86_400)
            tell(f"\n{_DAYS} days later: netaudience receipts verify receipts.jsonl --people people.csv\n")
            await look_again_at(
                receipts,
                people,
                vendors=names(),
                now=datetime.now(UTC) + timedelta(days=_DAYS),
                client_factory=make,
            )
            cases = cases_of(receipts.lines)
        later = dict(_held(sandbox))
    return tell_checks(list(_checks(result, cases, there, later)))


def _clients(environ: dict[str, str]) -> Callable[[type[Client], Settings], Client]:
    environ = {**environ, "NETAUDIENCE_ITERABLE_PROJECT_TYPE": "hybrid"}
    return lambda vendor, settings: vendor.from_environment(settings=settings, environ=environ)


def _held(sandbox: Sandbox) -> Iterator[tuple[tuple[int, str], bool]]:
    """Say of whom each vendor has something, as the sandbox's own state knows it."""
    iterable, john = sandbox.iterable, "john.brown@example.com"
    yield (1, "netmera"), "id1" in sandbox.netmera.users
    yield (2, "netmera"), "id2" in sandbox.netmera.users
    yield (1, "iterable"), john in iterable.by_email or bool(iterable.by_user_id.get("id1"))
    yield (1, "clevertap"), "client-19827239" in sandbox.clevertap.profiles
    yield (1, "moengage"), "id1" in sandbox.moengage.customers
    yield (2, "moengage"), "id2" in sandbox.moengage.customers


def _checks(
    result: VerbResult,
    cases: list[Case],
    there: dict[tuple[int, str], bool],
    later: dict[tuple[int, str], bool],
) -> Iterator[Check]:
    count = len(result.plan.people) * len(result.plan.vendors)
    yield Check(
        len(result.verdicts) == len(cases) == count,
        f"{count} verdicts and receipts, one for each person and vendor",
    )
    accepted = {(one.row, one.vendor) for one in result.verdicts if one.status == "accepted"}
    yield Check(
        any(there.values()) and all(at in accepted for at, held in there.items() if held),
        "whom a vendor still has after the run was told as accepted, and not as done",
    )
    applied = {(case.verdict["row"], case.verdict["vendor"]) for case in cases if case.status == "applied"}
    yield Check(
        not any(later.values()) and bool(applied),
        f"after {_DAYS} days nobody is there any more, and {len(applied)} second looks prove it",
    )
    told = {one.status for one in result.verdicts if one.vendor == "fynd"}
    yield Check(told == {"cannot"}, "Fynd has no operation that erases, and nobody is told as erased there")
