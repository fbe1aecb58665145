"""A run whose process is killed at random moments goes on from its journal: nothing lost, nothing done twice.

A real process, a real server, SIGKILL. What the vendor has afterwards is compared with what was sent.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killing import BROKEN, deadly_sandbox, wait_until_stopped

from netaudience.sandbox import BackgroundSandbox

ITEMS = 6000
CHUNK = 20
IN_FLIGHT = 4
KILLS = 12

CARRIER = f"""
import asyncio, sys
from netaudience import NetmeraClient, Settings

url, path, operation = sys.argv[1:]

def rows():
    for number in range({ITEMS}):
        name = f"id{{number}}"
        yield name if operation == "tag_users" else {{"extId": name, "name": "Seen"}}

async def main():
    settings = Settings(rate=400, in_flight={IN_FLIGHT}, max_rows={CHUNK})
    async with NetmeraClient("sandbox", base_url=url, settings=settings) as client:
        if operation == "tag_users":
            run = client.tag_users(rows(), tag="Sport")
        else:
            run = client.fire_events(rows())
        report = await run.journaled(path).settled()
        print(report.delivered, report.in_doubt, report.settled, flush=True)

asyncio.run(main())
"""


def start(url: str, path: Path, operation: str, *within: str, broken: str = "") -> subprocess.Popen[str]:
    arguments = [*within, sys.executable, "-c", broken + CARRIER, url, str(path), operation]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_again_and_again(operation: str, tmp_path: Path, *, broken: str = "") -> None:
    """Kill a run at random points, go on with it to its end, and look for what is lost, doubled or untrue."""
    chance = random.Random(operation)
    path = tmp_path / "run.sqlite"
    server, executioner = deadly_sandbox(chance)
    with BackgroundSandbox(server) as sandbox:
        url = sandbox.url("netmera")
        for _ in range(KILLS):
            carrier = start(url, path, operation, broken=broken)
            executioner.condemn(carrier, chance.randrange(ITEMS // CHUNK // KILLS - IN_FLIGHT) + 1)
            _, words = carrier.communicate()
            assert carrier.returncode == -signal.SIGKILL, words
        carrier = start(url, path, operation, broken=broken)
        told, words = carrier.communicate()
        assert carrier.returncode == 0, words
        delivered, in_doubt, total = map(int, told.split())
        expected = [f"id{number}" for number in range(ITEMS)]
        report = sandbox.check("netmera", operation, expected)
    assert total == ITEMS
    assert report.unexpected == ()
    at_most = KILLS * IN_FLIGHT * CHUNK
    missing, repeated = ITEMS - report.applied, report.applications - report.applied
    if operation == "tag_users":
        assert (delivered, in_doubt, missing) == (ITEMS, 0, 0)
        assert repeated <= at_most
    else:
        assert delivered + in_doubt == ITEMS
        assert repeated == 0
        assert missing <= in_doubt <= at_most


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["tag_users", "fire_events"])
def test_a_run_that_is_killed_again_and_again_goes_on(operation: str, tmp_path: Path) -> None:
    kill_again_and_again(operation, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "why", "seen"),
    [
        ("fire_events", "what is sent is not noted", "repeated == 0"),
        ("fire_events", "what is sent is noted as done", "missing <= in_doubt"),
        ("tag_users", "what was settled is forgotten", "repeated <= at_most"),
    ],
)
def test_the_kills_would_see_a_run_that_is(operation: str, why: str, seen: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        kill_again_and_again(operation, tmp_path, broken=BROKEN[why])
    assert seen in str(caught.traceback[-1].statement)


#: A container of the poor: process 1 of its own numbers, on a host that is called as all others are.
BOX = ("unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child")
IN_IT = ("sh", "-c", 'hostname box && exec "$@"', "box")


class Boxed:
    """The process within a box, whose number out here nobody has started."""

    def __init__(self, box: subprocess.Popen[str]) -> None:
        children = Path(f"/proc/{box.pid}/task/{box.pid}/children")
        while not (found := children.read_text().split()):
            assert box.poll() is None
        self._stat = Path(f"/proc/{found[0]}/stat")
        self._number = int(found[0])

    def send_signal(self, number: int) -> None:
        os.kill(self._number, number)

    def wait_until_stopped(self) -> None:
        while self._stat.read_text().rpartition(")")[2].split()[0] != "T":
            pass


@pytest.mark.slow
def test_of_two_containers_with_one_host_name_and_one_number_one_is_refused(tmp_path: Path) -> None:
    if shutil.which(BOX[0]) is None or subprocess.run([*BOX, *IN_IT, "true"], check=False).returncode:
        pytest.skip("no namespaces can be made here: that takes Linux and root")

    def boxed() -> subprocess.Popen[str]:
        return start(url, path, "fire_events", *BOX, *IN_IT)

    path = tmp_path / "run.sqlite"
    server, executioner = deadly_sandbox()
    with BackgroundSandbox(server) as sandbox:
        url = sandbox.url("netmera")
        first = boxed()
        within = Boxed(first)
        executioner.condemn(within, 10, signal.SIGSTOP)
        within.wait_until_stopped()
        second = boxed()
        _, words = second.communicate()
        assert second.returncode == 1
        assert "is in use by process 1 on box" in words
        within.send_signal(signal.SIGKILL)
        first.communicate()
        # The one who goes on has the number and the host of the one who died.
        third = boxed()
        told, words = third.communicate()
        assert third.returncode == 0, words
        delivered, in_doubt, total = map(int, told.split())
        report = sandbox.check("netmera", "fire_events")
    assert total == ITEMS == delivered + in_doubt
    assert report.applications == report.applied >= delivered
    assert in_doubt <= 2 * IN_FLIGHT * CHUNK


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    server, executioner = deadly_sandbox()
    with BackgroundSandbox(server) as sandbox:
        url = sandbox.url("netmera")
        first = start(url, path, "tag_users")
        try:
            executioner.condemn(first, 10, signal.SIGSTOP)
            wait_until_stopped(first)
            second = start(url, path, "tag_users")
            _, words = second.communicate()
            assert second.returncode == 1
            assert f"is in use by process {first.pid} on " in words
        finally:
            first.kill()
            first.communicate()
