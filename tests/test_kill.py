"""A run whose process is killed at random moments goes on from its journal: nothing lost, nothing done twice.

A real process, a real server, SIGKILL. What the vendor has afterwards is compared with what was sent.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from netaudience.sandbox import BackgroundSandbox

ITEMS = 6000
CHUNK = 20
IN_FLIGHT = 4

CARRIER = f"""
import asyncio, sys
from netaudience import NetmeraClient, Settings

url, path, operation = sys.argv[1:]

def rows():
    for number in range({ITEMS}):
        name = f"id{{number}}"
        yield name if operation == "tag_users" else {{"extId": name, "profile": {{"tags": [number]}}}}

async def main():
    settings = Settings(rate=400, in_flight={IN_FLIGHT}, max_rows={CHUNK})
    async with NetmeraClient("sandbox", base_url=url, settings=settings) as client:
        if operation == "tag_users":
            run = client.tag_users(rows(), tag="Sport")
        else:
            run = client.push_profile_attributes(rows())
        report = await run.journaled(path).settled()
        print(report.delivered, report.in_doubt, report.settled, flush=True)

asyncio.run(main())
"""


def start(url: str, path: Path, operation: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", CARRIER, url, str(path), operation]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def settled(path: Path) -> int:
    """Return how many positions the journal holds, while the run writes it."""
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as database:
            rows = database.execute("SELECT start, stop FROM settled").fetchall()
        database.close()
    except sqlite3.OperationalError:
        return 0
    return sum(stop - start for start, stop in rows)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["tag_users", "push_profile_attributes"])
def test_a_run_that_is_killed_again_and_again_goes_on(operation: str, tmp_path: Path) -> None:
    chance = random.Random(operation)
    path = tmp_path / "run.sqlite"
    kills = 0
    with BackgroundSandbox() as sandbox:
        url = sandbox.url("netmera")
        while True:
            carrier = start(url, path, operation)
            # Killed when so much more is settled: at a random point of the work, not of the clock.
            until = settled(path) + chance.randrange(ITEMS // 6)
            try:
                while carrier.poll() is None and (settled(path) < until or until >= ITEMS):
                    time.sleep(chance.uniform(0.0, 0.02))
                if carrier.poll() is None:
                    carrier.send_signal(signal.SIGKILL)
                    kills += 1
            finally:
                told, words = carrier.communicate()
            if carrier.returncode == 0:
                break
            assert carrier.returncode == -signal.SIGKILL, words
            assert kills < 200
        delivered, in_doubt, total = map(int, told.split())
        expected = [f"id{number}" for number in range(ITEMS)]
        report = sandbox.check("netmera", operation, expected)
    assert kills >= 5
    assert total == ITEMS
    assert report.unexpected == ()
    at_most = kills * IN_FLIGHT * CHUNK
    missing, repeated = ITEMS - report.applied, report.applications - report.applied
    if operation == "tag_users":
        assert (delivered, in_doubt, missing) == (ITEMS, 0, 0)
        assert repeated <= at_most
    else:
        assert delivered + in_doubt == ITEMS
        assert repeated == 0
        assert missing <= in_doubt <= at_most


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    with BackgroundSandbox() as sandbox:
        url = sandbox.url("netmera")
        first = start(url, path, "tag_users")
        try:
            while not settled(path):
                time.sleep(0.01)
            first.send_signal(signal.SIGSTOP)
            second = start(url, path, "tag_users")
            _, words = second.communicate()
            assert second.returncode == 1
            assert f"is in use by process {first.pid} on " in words
        finally:
            first.kill()
            first.communicate()
