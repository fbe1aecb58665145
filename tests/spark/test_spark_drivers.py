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


@pytest.fixture
def drive(spark, fresh, tmp_path):
    """`drive(rows, …)` starts a driver that writes files of so many rows each; `options` are the write's."""
    del spark  # where there is none, none can be started either
    options = {**TAGS, **fresh, "outcomes": str(tmp_path / "run"), "memory": str(tmp_path / "memory")}

    def drive(rows, *, master="local[2,4]", stream=False, **more):
        folder = tmp_path / "rows"
        if not folder.exists():
            folder.mkdir()
            for file, count in enumerate(rows):
                ids = [f"customer-{file}-{number}" for number in range(count)]
                pq.write_table(pa.table({"ext_id": ids}), folder / f"{file}.parquet", row_group_size=1 << 14)
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
    wait_until(lambda: len({name_of_task(file) for file in (tmp_path / "memory").glob("*.digests")}) > 1)
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


def name_of_task(file):
    """What precedes the attempt and the number of the file."""
    return file.name.rsplit("-", 2)[0]
