"""Drivers in processes of their own: two executor JVMs for one account, and drivers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import children, wait_until

from netaudience.spark import report

pytestmark = pytest.mark.slow
TAGS = {"vendor": "netmera", "operation": "tag_users", "arg.tag": "vip", "preflight": "false"}
EVENTS = {"vendor": "netmera", "operation": "fire_events", "preflight": "false", "maxRows": "100"}
EVENTS |= {"failOn": "none", "rate": "20", "inFlight": "4"}


@pytest.fixture
def drive(spark, fresh, tmp_path):
    """`drive(rows, …)` starts a driver that writes files of so many rows each; `options` are the write's."""
    del spark  # where there is none, none can be started either
    places = {"outcomes": str(tmp_path / "run"), "memory": str(tmp_path / "memory")}

    def drive(rows, *, master="local[2,4]", stream=False, what=TAGS, **more):
        options = {**what, **fresh, **places}
        folder = tmp_path / "rows"
        if not folder.exists():
            folder.mkdir()
            for file, count in enumerate(rows):
                ids = [f"customer-{file}-{number}" for number in range(count)]
                table = pa.table(
                    {"ext_id": ids, "name": ["login"] * count} if what is EVENTS else {"ext_id": ids}
                )
                pq.write_table(table, folder / f"{file}.parquet", row_group_size=1 << 14)
        told = {"master": master, "rows": str(folder), "options": {**options, **more}}
        told |= {"checkpoint": str(tmp_path / "checkpoint")} if stream else {}
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        script = str(Path(__file__).with_name("driver.py"))
        with (tmp_path / "log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, script, json.dumps(told)], env=environment, stdout=log, stderr=log
            )

    return drive


def kill(driver):
    """Kill it and all that it has started, as a machine that is gone."""
    mine = children(driver.pid)
    driver.kill()
    driver.wait()
    for pid in mine:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def applied(sandbox):
    return sum(sandbox.ledger.applied["netmera", "tagUsers"].values())


def test_a_million_rows_over_two_executors_are_a_thousand_requests(sandbox, drive, tmp_path):
    """At 50 requests a second, in 20 seconds and what Spark takes to start."""
    driver = drive([1_000_000], master="local-cluster[2,1,1024]")
    assert driver.wait() == 0, (tmp_path / "log").read_text()[-2000:]
    told = report(str(tmp_path / "run"))
    assert (told.ok, told.partitions, told.rows, told.throttles) == (True, 8, 1_000_000, 0)
    assert sandbox.ledger.statuses["netmera", "tagUsers"] == {"200": 1000}
    assert applied(sandbox) == 1_000_000


def test_a_write_whose_driver_was_killed_is_run_again_and_sends_the_rest(sandbox, drive, tmp_path):
    first = drive([40_000], rate="10")
    wait_until(lambda: applied(sandbox) >= 12_000)
    kill(first)
    assert not list((tmp_path / "run").glob("manifest*"))
    assert "no manifest" in report(str(tmp_path / "run")).missing
    sent = applied(sandbox)
    assert drive([40_000], rate="10").wait() == 0, (tmp_path / "log").read_text()[-2000:]
    told = report(str(tmp_path / "run"))
    assert (told.ok, told.rows) == (True, 40_000)
    assert 0 < told.known <= sent
    assert len(sandbox.ledger.applied["netmera", "tagUsers"]) == 40_000
    # What was on its way, and what was answered in the last second, of eight tasks of which two run.
    assert applied(sandbox) <= 40_000 + 14_000


def test_a_stream_whose_driver_was_killed_goes_on_with_its_batch(sandbox, drive, tmp_path):
    """It is killed when the second of three batches has written down a part of what it delivered."""
    files = [2_000, 40_000, 2_000]
    first = drive(files, stream=True, rate="10")
    wait_until(lambda: any((tmp_path / "memory").glob(f"{1:012d}-*/*.notes")))
    kill(first)
    sent = applied(sandbox)
    assert drive(files, stream=True, rate="10").wait() == 0, (tmp_path / "log").read_text()[-2000:]
    told = report(str(tmp_path / "run"))
    assert (told.ok, told.rows) == (True, 44_000)
    assert 0 < told.known <= sent - 2_000
    assert len(sandbox.ledger.applied["netmera", "tagUsers"]) == 44_000
    # The first batch was committed, and of the second no more is sent again than was in its last second.
    assert max(sandbox.ledger.applied["netmera", "tagUsers"].values()) <= 2
    assert applied(sandbox) <= 44_000 + 12_000
    assert "429" not in sandbox.ledger.statuses["netmera", "tagUsers"]


def came(sandbox):
    return sandbox.ledger.applied["netmera", "fireEvents"]


def reconciles(sandbox, tmp_path, count):
    """No row has come twice, and the report accounts for each; return what it says."""
    told = report(str(tmp_path / "run"))
    assert max(came(sandbox).values()) == 1
    assert (told.missing, told.rows) == ("", count)
    assert told.delivered + told.known + told.in_doubt == count
    assert told.delivered + told.known <= len(came(sandbox)) <= count
    return told


def test_an_executor_is_killed_and_what_must_not_be_repeated_comes_once(sandbox, drive, tmp_path):
    """While requests of it are in flight: one of two JVMs, with its workers."""
    sandbox.set_faults("latency=0.3,operation=fireEvents")
    driver = drive([8_000], master="local-cluster[2,1,1024]", what=EVENTS)
    wait_until(lambda: len(came(sandbox)) >= 1_000)
    named = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(driver.pid)}
    executor = min(pid for pid, name in named.items() if b"CoarseGrainedExecutorBackend" in name)
    for pid in [*children(executor), executor]:
        os.kill(pid, signal.SIGKILL)
    assert driver.wait() == 0, (tmp_path / "log").read_text()[-2000:]
    told = reconciles(sandbox, tmp_path, 8_000)
    assert told.known > 0
    assert 0 < told.in_doubt <= 1_000
    assert len(list((tmp_path / "memory").glob("*/*.begun"))) > told.partitions


def test_a_stream_is_killed_and_what_must_not_be_repeated_comes_once(sandbox, drive, tmp_path):
    sandbox.set_faults("latency=0.3,operation=fireEvents")
    files = [1_000, 4_000]
    first = drive(files, stream=True, what=EVENTS)
    wait_until(lambda: len(came(sandbox)) >= 2_000)
    kill(first)
    assert drive(files, stream=True, what=EVENTS).wait() == 0, (tmp_path / "log").read_text()[-2000:]
    found = reconciles(sandbox, tmp_path, 5_000)
    assert found.known > 0
    assert 0 < found.in_doubt <= 1_000
    assert not any((tmp_path / "memory").glob(f"{0:012d}-*")), "a batch that is over is forgotten"
