"""People at all vendors, for somebody without an account: opted out, kept in an audience, and erased.

It runs the code of the real commands against the sandbox in this process, and then asks the sandbox's own
state who is still there. It ends well only if both tell the same.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netaudience.cli.demo import Check, demo_folder, tell_checks
from netaudience.cli.display import tell
from netaudience.cli.sandbox import routes
from netaudience.cli.verb_actions import plan_lines, verdict_lines
from netaudience.client import ClientFactory
from netaudience.jobs.spec.model import Guards
from netaudience.sandbox import Sandbox
from netaudience.sandbox.protocol import Json
from netaudience.vendors import names
from netaudience.verbs import (
    Action,
    Audience,
    Key,
    Receipts,
    VerbResult,
    carry_action,
    erase,
    look_again_at,
    plan_erase,
)
from netaudience.verbs.looks import Case, cases_of

#: The sandbox knows the first two by these ids; CleverTap knows the first by another.
PEOPLE = """id,email,clevertap_id
id1,john.brown@example.com,client-19827239
id2,,
nobody,nobody@example.com,
"""
_DAYS = 8
_JOHN, _AUDIENCE = "john.brown@example.com", "vip"
_FYND_USER, _GROUP = "64f333333333333333333333", "64f444444444444444444444"
#: Longer than what the sandbox takes where no delay is said.
_SOON = 120.0
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
    # A vendor's delay holds for all that it does, and the longest is that of an erasure.
    async with Sandbox(routes(), demo=True) as sandbox:
        make = _clients(sandbox.environment())
        checks = await _opt_out(sandbox, people, make, folder if passing else None)
        checks += await _keep_audience(sandbox, folder, make)
    async with Sandbox(routes(), demo=True, delay=_DELAYS) as sandbox:
        make = _clients(sandbox.environment())
        plan = plan_erase(people, vendors=names(), client_factory=make, folder=folder)
        tell("\nnetaudience erase people.csv --plan\n")
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
            _tell_verdicts(result, folder if passing else None)
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
    return tell_checks([*checks, *_checks(result, cases, there, later)])


def _tell_verdicts(result: VerbResult, gone: Path | None) -> None:
    """Show what became of people; nobody is sent to a folder that is gone afterwards."""
    for line in verdict_lines(result):
        if gone is None or str(gone) not in line:
            tell(line)


async def _opt_out(sandbox: Sandbox, people: Path, make: ClientFactory, gone: Path | None) -> list[Check]:
    """Opt people out of e-mail at every vendor, and look whether they are."""
    tell("netaudience suppress people.csv --channel email --at iterable:email=1\n")
    action = Action(verb="suppress", channels=["email"], places={"iterable:email": "1"})
    result = await carry_action(
        action, people, vendors=names(), client_factory=make, folder=people.parent, signals=False
    )
    _tell_verdicts(result, gone)
    sandbox.advance(_SOON)
    off = {
        "netmera": sandbox.netmera.users["id1"].permissions.get("mail") is False,
        "iterable": 1 in sandbox.iterable.by_email[_JOHN].subscriptions.get("unsubscribedChannelIds", ()),
        "clevertap": sandbox.clevertap.subscriptions.get(("email", _JOHN)) == "Unsubscribe",
        "moengage": sandbox.moengage.preference("email", "id1").globally_unsubscribed,
    }
    done = {one.vendor for one in result.verdicts if one.row == 1 and one.done}
    return [
        Check(
            done == off.keys() and all(off.values()),
            f"who is reported as opted out is opted out at {len(off)} vendors; Fynd cannot, and says so",
        )
    ]


async def _keep_audience(sandbox: Sandbox, folder: Path, make: ClientFactory) -> list[Check]:
    """Keep an audience the same at every vendor, over two nights."""
    seeded: dict[str, Json] = {
        "users": [{"user_id": _FYND_USER, "emails": [_JOHN]}],
        "groups": [{"_id": _GROUP, "name": _AUDIENCE}],
    }
    sandbox.vendor("fynd").seed(seeded)  # Fynd makes no group of nobody
    members = folder / "members.csv"
    vip = Audience(_AUDIENCE, vendors=list(names()), folder=folder, guards=Guards(max_removals=None))
    head, john, other, _ = PEOPLE.splitlines()
    nights: list[dict[str, bool]] = []
    for night, rows in enumerate(([head, john, other], [head, other]), 1):
        members.write_text("\n".join([*rows, ""]), encoding="utf-8")
        tell(f"\nnight {night}: netaudience audience sync audience.toml, of {len(rows) - 1}\n")
        result = await vip.sync(members, client_factory=make, signals=False)
        sandbox.advance(_SOON)
        for step in result.summary.steps:
            tell(f"{step.name}: {step.delivered:,} delivered, {step.unchanged:,} unchanged")
        nights.append(dict(_in_audience(sandbox)))
    (made,) = [number for number, one in sandbox.iterable.lists.items() if one.name == _AUDIENCE]
    return [
        Check(all(nights[0].values()), f"who is in the file is in the audience at {len(nights[0])} vendors"),
        Check(
            not any(nights[1].values()) and _AUDIENCE in sandbox.netmera.users["id2"].tags,
            f"who left the file left it everywhere, and the other stayed; Iterable's list {made} was made",
        ),
    ]


def _in_audience(sandbox: Sandbox) -> Iterator[tuple[str, bool]]:
    """Say at which vendors the first of the people is in the audience."""
    lists = {number for number, one in sandbox.iterable.lists.items() if one.name == _AUDIENCE}
    yield "netmera", _AUDIENCE in sandbox.netmera.users["id1"].tags
    yield "iterable", bool(lists & sandbox.iterable.by_email[_JOHN].lists)
    held = sandbox.clevertap.profiles["client-19827239"].data.get("Audiences")
    yield "clevertap", isinstance(held, list) and _AUDIENCE in held
    yield "moengage", "id1" in sandbox.moengage.cohorts.get(_AUDIENCE, ())
    yield "fynd", _FYND_USER in sandbox.fynd.groups[_GROUP].members


def _clients(environ: dict[str, str]) -> ClientFactory:
    environ = {**environ, "NETAUDIENCE_ITERABLE_PROJECT_TYPE": "hybrid"}
    return lambda vendor, settings: vendor.from_environment(settings=settings, environ=environ)


def _held(sandbox: Sandbox) -> Iterator[tuple[tuple[int, str], bool]]:
    """Say of whom each vendor has something, as the sandbox's own state knows it."""
    iterable, john = sandbox.iterable, _JOHN
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
        "whom a vendor still has after the run was reported as accepted, and not as done",
    )
    applied = {(case.verdict["row"], case.verdict["vendor"]) for case in cases if case.status == "applied"}
    yield Check(
        not any(later.values()) and bool(applied),
        f"after {_DAYS} days nobody is there any more, and {len(applied)} second looks prove it",
    )
    statuses = {one.status for one in result.verdicts if one.vendor == "fynd"}
    yield Check(statuses == {"cannot"}, "Fynd has no operation that erases, and reports nobody as erased")
