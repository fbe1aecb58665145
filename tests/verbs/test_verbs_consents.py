"""Opting people out and in, and audiences, at all vendors: the report is what the sandbox's state says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.model.verb_facts import Channel
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits
from netaudience.sandbox.netmera.state import Device
from netaudience.vendors import names
from netaudience.verbs import (
    Action,
    Key,
    Receipts,
    Subject,
    VerbResult,
    carry_action,
    look_again_at,
    plan_action,
)
from netaudience.verbs.looks import cases_of

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
CHANNELS = {"iterable:email": "1", "iterable:sms": "2", "iterable:push": "3", "iterable:whatsapp": "4"}
EVERY = ("email", "sms", "push", "whatsapp")
#: By channel the flag of a profile at CleverTap, and the number of the channel at Iterable.
NUMBER = {"email": 1, "sms": 2, "push": 3, "whatsapp": 4}


def held_back(sandbox: Sandbox, vendor: str, channel: str, subject: Subject) -> bool | None:
    """Return whether a vendor's state says that it does not write to a person; None where it says nothing."""
    name, email = subject.id or "", subject.email or ""
    match vendor, channel:
        case "netmera", "email" | "sms" | "whatsapp":
            stored = {"email": "mail"}.get(channel, channel)
            return sandbox.netmera.users[name].permissions.get(stored) is False
        case "iterable", _:
            off = [
                NUMBER[channel] in profile.subscriptions.get("unsubscribedChannelIds", ())
                for profile in (sandbox.iterable.by_email[email], *sandbox.iterable.by_user_id[name])
            ]
            return all(off)
        case "clevertap", "email":
            return sandbox.clevertap.subscriptions.get(("email", email)) == "Unsubscribe"
        case "clevertap", _:
            return sandbox.clevertap.profiles[name].data.get(f"MSG-{channel}") is False
        case "moengage", "email" | "sms":
            return sandbox.moengage.preference(channel, name).globally_unsubscribed
        case "moengage", "whatsapp":
            return sandbox.moengage.customers[name].attributes.get("moe_wa_subscription") is False
        case _:
            return None


def carry(
    sandbox: Sandbox,
    action: Action,
    subjects: Sequence[Subject],
    folder: Path,
    agreed: int | None = None,
    **how: object,
) -> asyncio.Future[VerbResult]:
    made = clients(sandbox, project_type="hybrid")
    how = {"agreed": agreed, "vendors": names(), "client_factory": made, "folder": folder, **how}
    return carry_action(action, subjects, signals=False, **how)  # type: ignore[arg-type,return-value]


@pytest.mark.slow
@pytest.mark.parametrize("channel", EVERY)
def test_who_is_told_as_opted_out_is_opted_out_and_comes_back_only_on_an_explicit_word(
    channel: str, tmp_path: Path
) -> None:
    async def run() -> None:
        subjects = people(3)
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, subjects)
            off = Action(verb="suppress", channels=[channel], places=CHANNELS)
            result = await carry(sandbox, off, subjects[:2], tmp_path)
            told = {(one.row, one.vendor): one.status for one in result.verdicts}
            assert {status for (_, vendor), status in told.items() if vendor == "fynd"} == {"cannot"}
            done = [vendor for vendor in names() if vendor != "fynd"]
            assert {told[row, vendor] for row in (1, 2) for vendor in done} <= {"accepted", "applied"}
            for vendor in done:
                states = [held_back(sandbox, vendor, channel, subject) for subject in subjects]
                # None of these people has a device, which is what two vendors push to.
                devices = channel == "push" and vendor in {"netmera", "moengage"}
                assert states == ([None] * 3 if devices else [True, True, False]), (vendor, states)
            on = Action(verb="unsuppress", channels=[channel], places=CHANNELS)
            agreed = [attrs.evolve(one, attributes={"consented_at": "2021-06-02"}) for one in subjects[:2]]
            optouts = tmp_path / "optouts.csv"
            optouts.write_text("id,opted_out_at\nid0,2021-06-01\nid1,2020-01-01\n")
            with pytest.raises(GuardRefused, match="add --yes-opt-in 2"):
                await carry(sandbox, on, agreed, tmp_path, opt_outs=[optouts])
            assert held_back(sandbox, "iterable", channel, subjects[0])
            result = await carry(sandbox, on, agreed, tmp_path, agreed=2, opt_outs=[optouts])
            for vendor in done:
                assert not held_back(sandbox, vendor, channel, subjects[0])

    asyncio.run(run())


def test_a_verdict_is_of_a_person_a_vendor_and_a_channel(tmp_path: Path) -> None:
    async def run() -> None:
        subjects = [*people(1), Subject(email="other@example.com")]
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, subjects)
            action = Action(verb="suppress", channels=["email", "push"], places={"iterable:email": "1"})
            result = await carry(sandbox, action, subjects, tmp_path)
        told = {(one.row, one.vendor, one.channel): one for one in result.verdicts}
        assert len(told) == len(result.verdicts) == 2 * 5 * 2
        assert told[2, "clevertap", "push"].status == "missing_id"
        assert told[2, "clevertap", "email"].status == "accepted"
        untold = told[1, "iterable", "push"]
        assert (untold.status, "--at iterable:push=" in (untold.reason or "")) == ("cannot", True)
        assert result.exit_code == 3

    asyncio.run(run())


def _allow_push(sandbox: Sandbox) -> None:
    users = sandbox.netmera.users
    for name, user in users.items():
        users[name] = attrs.evolve(user, devices=(Device(token=name),))


def _forget_preferences(sandbox: Sandbox) -> None:
    sandbox.moengage.preferences.clear()


#: Vendors that show later whether an opt-out was done: by which channel it is tried, and what undoes it.
SHOWN: dict[str, tuple[Channel, Callable[[Sandbox], None]]] = {
    "netmera": ("push", _allow_push),
    "moengage": ("email", _forget_preferences),
}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("vendor", SHOWN)
def test_a_second_look_shows_what_became_of_an_opt_out(vendor: str, lost: bool, tmp_path: Path) -> None:
    channel, undo = SHOWN[vendor]

    async def run() -> list[str]:
        subjects = [attrs.evolve(one, email=None) for one in people(2)]
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(2))
            _allow_push(sandbox)  # so that everybody has a device
            made = clients(sandbox, project_type="hybrid")
            with Receipts(tmp_path / "receipts.jsonl", Key("k" * 32)) as receipts:
                action = Action(verb="suppress", channels=[channel])
                await carry_action(
                    action,
                    subjects,
                    vendors=[vendor],
                    receipts=receipts,
                    client_factory=made,
                    folder=tmp_path,
                    signals=False,
                )
                assert [case.status for case in cases_of(receipts.lines)] == ["accepted"] * 2
                if lost:
                    undo(sandbox)
                now = datetime.now(UTC) + timedelta(seconds=5)
                seen: list[str] = []
                for then in (now, now + timedelta(minutes=1)):
                    await look_again_at(receipts, subjects, vendors=[vendor], now=then, client_factory=made)
                    seen += [case.status for case in cases_of(receipts.lines)]
                return seen

    # The vendor says nothing of how long it takes: what is not there at once may come.
    assert asyncio.run(run()) == (["accepted"] * 2 + ["failed"] * 2 if lost else ["applied"] * 4)


def members(sandbox: Sandbox, vendor: str) -> set[str]:
    match vendor:
        case "netmera":
            return {name for name, user in sandbox.netmera.users.items() if "vip" in user.tags}
        case "iterable":
            return {
                name
                for name, profiles in sandbox.iterable.by_user_id.items()
                if any(7 in profile.lists for profile in profiles)
            }
        case "clevertap":
            profiles = sandbox.clevertap.profiles
            return {name for name, one in profiles.items() if "vip" in (one.data.get("Audiences") or ())}
        case "moengage":
            return set(sandbox.moengage.cohorts.get("vip", ()))
        case _:
            return set()


def test_an_audience_is_joined_and_left_at_every_vendor_that_has_one(tmp_path: Path) -> None:
    async def run() -> None:
        subjects, at = people(4), {"iterable": "7"}
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, subjects)
            sandbox.vendor("iterable").seed({"lists": [7]})
            result = await carry(
                sandbox, Action(verb="join", audience="vip", places=at), subjects[:3], tmp_path
            )
            told = {(one.vendor, one.status) for one in result.verdicts if one.vendor != "fynd"}
            assert told == {
                ("netmera", "accepted"),
                ("iterable", "accepted"),
                ("clevertap", "applied"),
                ("moengage", "accepted"),
            }
            (reason,) = {one.reason for one in result.verdicts if one.vendor == "fynd"}
            assert "--at fynd=… with the id of the group" in (reason or "")
            for vendor in ("netmera", "iterable", "clevertap", "moengage"):
                assert members(sandbox, vendor) == {"id0", "id1", "id2"}, vendor
            await carry(sandbox, Action(verb="leave", audience="vip", places=at), subjects[:1], tmp_path)
            for vendor in ("netmera", "iterable", "clevertap", "moengage"):
                assert members(sandbox, vendor) == {"id1", "id2"}, vendor

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"verb": "suppress"}, "needs channels"),
        ({"verb": "suppress", "channels": ["emial"]}, "did you mean email"),
        ({"verb": "erase", "channels": ["email"]}, "no channel"),
        ({"verb": "join"}, "the name of an audience"),
        ({"verb": "suppress", "channels": ["email"], "audience": "vip"}, "no audience"),
    ],
)
def test_a_verb_takes_what_it_is_about_and_nothing_else(said: dict, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Action(**said)


def test_a_place_that_has_to_be_a_number_is_one(tmp_path: Path) -> None:
    action = Action(verb="join", audience="vip", places={"iterable": "vip"})
    plan = plan_action(action, people(1), vendors=["iterable"], folder=tmp_path)
    assert plan.vendors[0].cannot is not None
    assert "'vip' is no number" in plan.vendors[0].cannot


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text("id,email,consented_at\nid0,person0@example.com,2021-01-01\n")
    monkeypatch.chdir(tmp_path)
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        settle(sandbox, people(1))
        words = ["people.csv", "--channel", "email", "--vendor", "netmera"]
        assert main(["unsuppress", *words, "--plan"]) == 0
        assert capsys.readouterr().out.endswith("--yes-opt-in 1 --vendor netmera\n")
        assert main(["unsuppress", *words]) == 5
        assert "must have agreed to that" in capsys.readouterr().err
        assert main(["suppress", *words]) == 0
        (line,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert (line["channel"], line["status"]) == ("email", "accepted")
        assert sandbox.netmera.users["id0"].permissions["mail"] is False
        assert (
            main(["join", "people.csv", "--audience", "vip", "--vendor", "netmera", "--at", "nobody=1"]) == 2
        )
        assert "does not say where" in capsys.readouterr().err
        assert main(["join", "people.csv", "--audience", "vip", "--vendor", "netmera"]) == 0
        assert members(sandbox, "netmera") == {"id0"}
