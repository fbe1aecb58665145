"""What a vendor does later: not so a second before its time, and told so; so at its time, and seen so."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from people_at_sandbox import DOCUMENTED, MINUTE, clients, held, people, settle
from verb_states import EVERY, action_of

from netaudience.model.verb_facts import Identity, key_of
from netaudience.sandbox import Sandbox, SandboxLimits
from netaudience.vendors import client_of, names, verbs_of
from netaudience.vendors import clients as all_clients
from netaudience.verbs import Key, Receipts, Subject, carry_action, look_again_at
from netaudience.verbs.asking import shown_by
from netaudience.verbs.looks import cases_of

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
#: Netmera's own minute, which the sandbox keeps by itself, and the delays of the others.
DELAYS = {**DOCUMENTED, "netmera": MINUTE}
#: Everything that a vendor does within a time that it names, however the person is known.
LATER = [
    (client.slug, verb, channel, way)
    for client in all_clients()
    for verb, channel in EVERY
    for way in verbs_of(client)[key_of(verb, channel)].ways
    if way.within is not None
]


def known_as(takes: Identity, vendor: str) -> Subject:
    """Return the person of `people` by one identity alone."""
    whole = people(1)[0]
    if takes == "device":
        return Subject(devices={vendor: "a-device"})
    if takes == "phone":
        return Subject(phone="+905321234567")
    return Subject(**{takes: getattr(whole, takes)})


@pytest.mark.parametrize(
    ("vendor", "verb", "channel", "way"), LATER, ids=[f"{one[0]} {one[1]} by {one[3].takes}" for one in LATER]
)
def test_it_is_not_done_before_the_vendors_time_and_done_at_it(
    vendor: str, verb, channel, way, tmp_path: Path
) -> None:
    assert way.within is not None
    assert way.within.total_seconds() == DELAYS[vendor]
    whole, subject = people(1)[0], known_as(way.takes, vendor)

    async def run() -> None:
        async with Sandbox(limits=FAST, delay=DOCUMENTED) as sandbox:
            settle(sandbox, [whole])
            sandbox.moengage.write(whole.id or "", {"u_mb": "+905321234567"}, existing_only=False)
            sandbox.vendor("clevertap").seed(
                {"profiles": [{"objectId": "a-device", "type": "profile", "profileData": {"Name": "Ada"}}]}
            )

            def there() -> bool:
                if subject.devices:
                    return any(one.ids.get("objectId") for one in sandbox.clevertap.profiles.values())
                return held(sandbox, vendor, whole)

            how = {"vendors": [vendor], "client_factory": clients(sandbox, project_type="hybrid")}
            with Receipts(tmp_path / "receipts.jsonl", Key("k" * 32)) as receipts:
                result = await carry_action(
                    action_of(verb, channel),
                    [subject],
                    agreed=1,
                    receipts=receipts,
                    folder=tmp_path,
                    signals=False,
                    **how,
                )
                [verdict] = result.verdicts
                assert (verdict.status, verdict.identities) == ("accepted", [way.takes])
                assert (verdict.verify_from is not None) == (shown_by(client_of(vendor), way) is not None)
                due = None if verdict.verify_from is None else datetime.fromisoformat(verdict.verify_from)
                sandbox.advance(DELAYS[vendor] - 1)
                assert there()
                if due is not None:
                    assert due - datetime.fromisoformat(verdict.time) == way.within
                    early = due - timedelta(seconds=1)
                    assert not await look_again_at(receipts, [subject], now=early, **how)
                sandbox.advance(1)
                assert not there()
                if due is not None:
                    [line] = await look_again_at(receipts, [subject], now=due, **how)
                    assert line["answer"] in {"done", "nothing_shown"}
                    assert all(not case.is_open for case in cases_of(receipts.lines))

    asyncio.run(run())


def test_every_vendor_with_a_time_of_its_own_is_among_them() -> None:
    assert {one[0] for one in LATER} == {"clevertap", "moengage", "netmera"}
    assert {(one[0], one[3].takes) for one in LATER} == {
        ("clevertap", "id"),
        ("clevertap", "device"),
        ("moengage", "id"),
        ("moengage", "email"),
        ("moengage", "phone"),
        ("netmera", "id"),
    }
