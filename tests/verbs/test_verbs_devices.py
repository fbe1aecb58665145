"""People of whom a device is known: where an operation takes it, it is used; elsewhere nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from people_at_sandbox import DAY, clients

from netaudience.model.verb_facts import Channel, Verb
from netaudience.sandbox import Sandbox
from netaudience.sandbox.netmera.state import Device, User
from netaudience.vendors import names
from netaudience.verbs import Action, Subject, VerbResult, carry_action, plan_action, who

pytest.importorskip("duckdb")

SUBJECT = Subject(devices=dict.fromkeys(names(), "a-device"))
FILE = ",".join(f"{slug}_device" for slug in names()) + "\n" + ",".join("a-device" for _ in names()) + "\n"


def begin(sandbox: Sandbox) -> None:
    record = {"objectId": "a-device", "type": "profile", "profileData": {"Name": "Ada", "tier": "gold"}}
    sandbox.vendor("clevertap").seed({"profiles": [record]})
    sandbox.netmera.users["ada"] = User(profile={"name": "Ada"})
    sandbox.netmera.add_device("ada", Device("a-device", push_permitted=True))


def action(verb: Verb, *channels: Channel) -> Action:
    return Action(verb=verb, channels=channels, places={"iterable:push": "3"})


def carried(
    people: object, asked: Action, folder: Path, agreed: int | None = None
) -> tuple[VerbResult, Sandbox]:
    async def run() -> tuple[VerbResult, Sandbox]:
        async with Sandbox() as sandbox:
            begin(sandbox)
            result = await carry_action(
                asked,
                people,  # type: ignore[arg-type]
                agreed=agreed,
                vendors=names(),
                client_factory=clients(sandbox, project_type="hybrid"),
                folder=folder,
                signals=False,
            )
            sandbox.advance(3 * DAY)
            return result, sandbox

    return asyncio.run(run())


def in_a_file(folder: Path) -> object:
    (folder / "people.csv").write_text(FILE)
    return folder / "people.csv"


@pytest.mark.parametrize("people", [lambda _: [SUBJECT], in_a_file])
def test_an_opt_out_of_push_goes_by_the_device_where_the_vendor_takes_one(
    people: Callable[[Path], object], tmp_path: Path
) -> None:
    result, sandbox = carried(people(tmp_path), action("suppress", "push"), tmp_path)
    assert {one.vendor: (one.status, one.identities) for one in result.verdicts} == {
        "clevertap": ("applied", ["device"]),
        "fynd": ("cannot", []),
        "iterable": ("applied", ["device"]),
        "moengage": ("missing_id", []),  # it blocks devices of a user, who has to be named
        "netmera": ("accepted", ["device"]),
    }
    [profile] = sandbox.clevertap.profiles.values()
    assert profile.data["MSG-push"] is False
    assert not any(one.push_permitted for one in sandbox.netmera.users["ada"].devices)


def test_an_erasure_goes_by_the_device_where_the_vendor_takes_one(tmp_path: Path) -> None:
    result, sandbox = carried([SUBJECT], action("erase"), tmp_path, agreed=1)
    told = {one.vendor: (one.status, one.reason) for one in result.verdicts}
    assert told.pop("clevertap") == ("accepted", None)
    assert told.pop("fynd")[0] == "cannot"
    assert told == {
        "iterable": ("missing_id", "the row has no email or id for the vendor"),
        "moengage": ("missing_id", "the row has no id or email or phone for the vendor"),
        "netmera": ("missing_id", "the row has no id for the vendor"),
    }
    assert not sandbox.clevertap.profiles
    assert "ada" in sandbox.netmera.users


def test_whom_a_device_does_not_name_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    plan = plan_action(action("erase"), [SUBJECT], vendors=names(), folder=tmp_path)
    assert {one.vendor: (len(one.parts), one.missing) for one in plan.vendors if one.cannot is None} == {
        "clevertap": (1, 0),
        "iterable": (0, 1),
        "moengage": (0, 1),
        "netmera": (0, 1),
    }


def test_a_device_is_looked_up_where_the_vendor_tells_of_it() -> None:
    async def run() -> dict[tuple[str, str], tuple[str, str | None]]:
        async with Sandbox() as sandbox:
            begin(sandbox)
            found = await who(SUBJECT, vendors=["clevertap", "netmera"], client_factory=clients(sandbox))
            return {(one.vendor, one.about): (one.status, one.identity) for one in found}

    told = asyncio.run(run())
    assert told["clevertap", "profile"] == ("found", "device")
    assert told["netmera", "profile"] == ("found", "device")
    assert told["netmera", "devices"] == ("missing_id", None)
