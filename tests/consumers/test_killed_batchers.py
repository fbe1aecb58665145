"""A consumer of each vendor, killed again and again: every event is applied or a dead letter, few come twice.

A real process with a batcher and a file of dead letters, a real server, SIGKILL. An event is acknowledged by
a line in a file, as a broker would take note of it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attrs
import pytest
from killing import BROKEN, deadly_sandbox

from netaudience.consumers import DeadLetter
from netaudience.sandbox import BackgroundSandbox, Fault
from netaudience.sandbox.fynd.state import Definition

EVENTS, PENDING, KILLS = 1500, 60, 6
SLUG = "64f000000000000000000001"
#: Events that no vendor takes: what is no identifier is a dead letter.
ODD = range(7, EVENTS, 100)

CONSUMER = f"""
import asyncio, sys
from pathlib import Path
from netaudience import CleverTapClient, FyndClient, IterableClient, MoEngageClient, NetmeraClient, Settings
from netaudience.consumers import DeadLetters

vendor, url = sys.argv[1:]
settings = Settings(rate=400, in_flight=3, max_rows=10)

def made(number):
    name = "" if number in {ODD!r} else f"id{{number:05}}"
    mail = f"{{name}}@example.com" if name else ""
    return {{
        "netmera": lambda: (client.push_profile_attributes, {{"extId": name, "profile": {{"n": [number]}}}}),
        "iterable": lambda: (client.subscribe_to_list.given(list_id=7), {{"email": mail}}),
        "clevertap": lambda: (client.demerge, name),
        "moengage": lambda: (client.import_users, {{"customer_id": name, "attributes": {{"n": number}}}}),
        "fynd": lambda: (
            client.set_user_attribute,
            {{"user_id": name, "definition_id": "{SLUG}", "value": str(number)}},
        ),
    }}[vendor]()

def opened():
    return {{
        "netmera": lambda: NetmeraClient("sandbox", base_url=url, settings=settings),
        "iterable": lambda: IterableClient("sandbox", base_url=url, settings=settings),
        "clevertap": lambda: CleverTapClient("sandbox", "sandbox", base_url=url, settings=settings),
        "moengage": lambda: MoEngageClient("sandbox", "sandbox", base_url=url, settings=settings),
        "fynd": lambda: FyndClient("sandbox", "sandbox", "1", "2", base_url=url, settings=settings),
    }}[vendor]()

async def main():
    global client
    path = Path("acknowledged")
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    before = {{line.strip() for line in lines if line[-1:].isspace()}}
    path.write_text("".join(f"{{number}}\\n" for number in before))
    with path.open("a", buffering=1) as acknowledged:
        async with opened() as client, DeadLetters("dead.jsonl") as dead:
            sink = client.batcher(linger=0.01, max_pending={PENDING})
            async with sink, asyncio.TaskGroup() as tasks:
                async def settle(number, given, future):
                    if await dead.may_acknowledge(await future, given, str(number)):
                        acknowledged.write(f"{{number}}\\n")
                for number in range({EVENTS}):
                    if str(number) not in before:
                        given, item = made(number)
                        tasks.create_task(settle(number, given, await sink.put(given, item)))

asyncio.run(main())
"""


@attrs.frozen
class Vendor:
    """An operation of a vendor, and how many rows one of its requests has."""

    operation: str
    rows: int = 10


VENDORS = {
    "netmera": Vendor("push_profile_attributes"),
    "iterable": Vendor("subscribe_to_list"),
    "clevertap": Vendor("demerge"),
    "moengage": Vendor("import_users"),
    "fynd": Vendor("set_user_attribute", rows=1),
}


def kill_again_and_again(name: str, tmp_path: Path, *, broken: str = "") -> None:
    """Kill a consumer at random points, let it come to its end, and look for events that are lost."""
    vendor, chance = VENDORS[name], random.Random(name)
    server, executioner = deadly_sandbox(chance)
    server.fynd.definitions[SLUG] = Definition(SLUG, "N", "n", "", "string", "", "")
    for number in range(EVENTS):
        server.fynd.add_user(f"id{number:05}")
    with BackgroundSandbox(server) as sandbox:
        sandbox.set_faults(Fault("latency", seconds=0.001, jitter=0.01))
        for left in reversed(range(KILLS + 1)):
            process = subprocess.Popen(
                [sys.executable, "-c", broken + CONSUMER, name, sandbox.url(name)],
                cwd=tmp_path, env=os.environ, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            if left:
                most = EVENTS // vendor.rows // (KILLS + 1) - 4
                executioner.condemn(process, chance.randrange(most) + 1)
            _, told = process.communicate()
            assert process.returncode == (-signal.SIGKILL if left else 0), told
        applied = Counter(sandbox.ledger.applied[name, vendor.operation])
        if not applied:
            ((_, applied),) = [(place, keys) for place, keys in sandbox.ledger.applied.items() if keys]
    wanted = {f"id{number:05}" for number in range(EVENTS) if number not in ODD}
    reached = {str(key).partition("@")[0] for key in applied}
    letters = list(DeadLetter.read(tmp_path / "dead.jsonl"))
    assert {letter.reference for letter in letters if letter.outcome == "rejected"} == set(map(str, ODD))
    # An event comes again unless it was acknowledged; so few come twice, and none is lost.
    assert reached == wanted
    again = sum(applied.values()) - len(wanted)
    assert again <= KILLS * (PENDING + 2)
    acknowledged = {int(line) for line in (tmp_path / "acknowledged").read_text().split()}
    assert acknowledged == set(range(EVENTS))


@pytest.mark.slow
@pytest.mark.parametrize("name", VENDORS)
def test_every_event_is_applied_or_a_dead_letter(name: str, tmp_path: Path) -> None:
    kill_again_and_again(name, tmp_path)


@pytest.mark.slow
def test_the_kills_would_see_a_consumer_that_keeps_no_letters(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        kill_again_and_again("netmera", tmp_path, broken=BROKEN["no letter is kept"])
    assert "letters" in str(caught.traceback[-1].statement)
