"""The real command over three steps of two vendors, killed at random points of its work, and gone on with.

A real process, a real server, SIGKILL. What the vendors have afterwards is compared with the source.
"""

from __future__ import annotations

import json
import os
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

pytest.importorskip("duckdb")

ROWS = 6000
CHUNK = 20
IN_FLIGHT = 4
#: Rows that do not map: no number, and no request is spent on them.
WRONG = range(0, ROWS, 500)

JOB = f"""
name = "nightly"
[source]
files = "users.csv"
key = "user_id"

[[step]]
name = "tag"
vendor = "netmera"
operation = "tag_users"
mode = "changed-only"
arguments = {{ tag = "Sport" }}
rate = 400
in_flight = {IN_FLIGHT}
max_rows = {CHUNK}
[step.fields]
ext_id = "user_id"

[[step]]
name = "push"
vendor = "netmera"
operation = "push_profile_attributes"
rate = 400
in_flight = {IN_FLIGHT}
max_rows = {CHUNK}
[step.fields]
ext_id = "user_id"
"profile.visits" = {{ sql = "[cast(visits as integer)]" }}

[[step]]
name = "demerge"
vendor = "clevertap"
operation = "demerge"
max_rows = {CHUNK}
[step.fields]
identity = "user_id"
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    rows = [f"id{number:05},{'many' if number in WRONG else number}" for number in range(ROWS)]
    (tmp_path / "users.csv").write_text("\n".join(["user_id,visits", *rows, ""]))
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


def environment(sandbox: BackgroundSandbox) -> dict[str, str]:
    return {
        "PATH": "",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
        "NETAUDIENCE_CLEVERTAP_ACCOUNT_ID": "sandbox",
        "NETAUDIENCE_CLEVERTAP_PASSCODE": "sandbox",
        "NETAUDIENCE_CLEVERTAP_BASE_URL": sandbox.url("clevertap"),
    }


def start(sandbox: BackgroundSandbox, job: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "netaudience", *words],
        cwd=job.parent,
        env=environment(sandbox),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def runs(job: Path) -> list[Path]:
    """Return the folders of runs that can be gone on with."""
    return [path.parent for path in job.parent.glob(".netaudience/nightly/runs/*/run.json")]


def settled(job: Path) -> int:
    """Return how many positions the journals of all steps hold, while they are written."""
    total = 0
    for path in job.parent.glob(".netaudience/nightly/runs/*/*.sqlite"):
        try:
            with closing(sqlite3.connect(path, timeout=5)) as database:
                rows = database.execute("SELECT start, stop FROM settled").fetchall()
        except sqlite3.OperationalError:
            continue
        total += sum(stop - start for start, stop in rows)
    return total


@pytest.mark.slow
def test_a_job_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(job: Path) -> None:
    chance = random.Random(11)
    kills = 0
    with BackgroundSandbox() as sandbox:
        while True:
            begun = runs(job)
            words = ("resume", begun[0].name) if begun else ("run", "job.toml")
            process = start(sandbox, job, *words, "--quiet")
            # Killed when so much more is settled: at a random point of the work, not of the clock.
            until = settled(job) + chance.randrange(ROWS // 2)
            try:
                while process.poll() is None and (settled(job) < until or until >= 3 * ROWS - len(WRONG)):
                    time.sleep(chance.uniform(0.0, 0.02))
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            finally:
                _, told = process.communicate()
            if process.returncode != -signal.SIGKILL:
                break
            assert kills < 100
        assert process.returncode == 3, told
        assert kills >= 8
        (folder,) = runs(job)
        summary = json.loads((folder / "summary.json").read_bytes())
        steps = {step["name"]: step for step in summary["steps"]}
        everybody = [f"id{number:05}" for number in range(ROWS)]
        mapped = [ext_id for number, ext_id in enumerate(everybody) if number not in WRONG]
        tagged = sandbox.check("netmera", "tag_users", everybody)
        pushed = sandbox.check("netmera", "push_profile_attributes", mapped)
        parted = sandbox.check("clevertap", "demerge", everybody)
        # What the killed processes have delivered is remembered as well: the next run has nothing to send.
        (job.parent / "job.toml").write_text(JOB.partition('[[step]]\nname = "push"')[0])
        process = start(sandbox, job, "run", "job.toml", "--quiet")
        _, told = process.communicate()
        assert process.returncode == 0, told
        assert sandbox.check("netmera", "tag_users").applications == tagged.applications
    assert summary["finished"]
    assert summary["reconciles"]
    assert summary["attempts"] == kills + 1

    assert tagged.unexpected == pushed.unexpected == parted.unexpected == ()
    at_most = kills * IN_FLIGHT * CHUNK
    # What may be repeated is, by at most what was under way; and then nothing is in doubt or missing.
    tag = steps["tag"]
    assert (tag["rows"], tag["delivered"], tag["in_doubt"], tagged.applied) == (ROWS, ROWS, 0, ROWS)
    assert tagged.applications - tagged.applied <= at_most
    # What must not be repeated never is; what is missing at the vendor is told to be in doubt.
    for name, report, items in (("push", pushed, len(mapped)), ("demerge", parted, ROWS)):
        step = steps[name]
        assert report.more_than_once == 0
        assert step["rejected"] == ROWS - items
        assert step["delivered"] + step["in_doubt"] == items
        assert items - report.applied <= step["in_doubt"] <= at_most
    lines = [json.loads(line) for line in (folder / "rejects.jsonl").read_bytes().splitlines()]
    told_of = [(line["step"], line["row"]) for line in lines]
    assert (
        len(set(told_of))
        == len(told_of)
        == sum(step["in_doubt"] + step["rejected"] for step in steps.values())
    )
    assert {row for step, row in told_of if step == "push"} >= {number + 1 for number in WRONG}
    for line in lines:
        key = "identity" if line["step"] == "demerge" else "ext_id"
        assert line["fields"][key] == everybody[line["row"] - 1]


def test_a_second_process_is_refused_while_the_first_lives(job: Path) -> None:
    with BackgroundSandbox() as sandbox:
        first = start(sandbox, job, "run", "job.toml", "--quiet")
        try:
            while not settled(job):
                assert first.poll() is None, first.communicate()
                time.sleep(0.01)
            first.send_signal(signal.SIGSTOP)
            for words in (("run", "job.toml"), ("resume", runs(job)[0].name)):
                second = start(sandbox, job, *words)
                _, told = second.communicate()
                assert second.returncode == 2
                assert f"is under way (process {first.pid} on " in told
        finally:
            first.kill()
            first.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_reading_settles_what_is_under_way_and_tells_how_to_go_on(
    job: Path, number: signal.Signals, code: int
) -> None:
    with BackgroundSandbox() as sandbox:
        process = start(sandbox, job, "run", "job.toml", "--quiet")
        while settled(job) < 200:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
        assert process.returncode == code, told
        (folder,) = runs(job)
        assert f"netaudience resume .netaudience/nightly/runs/{folder.name}" in told
        summary = json.loads((folder / "summary.json").read_bytes())
        assert summary["reconciles"]
        assert not summary["finished"]
        delivered = {step["name"]: step["delivered"] for step in summary["steps"]}
        assert 200 <= sum(delivered.values()) < 3 * ROWS - len(WRONG)
        for step in summary["steps"]:
            assert step["rows"] == ROWS
            assert step["in_doubt"] == step["failed"] == 0, "everything under way had its time"
            assert step["skipped"] > 0
        assert sandbox.check("netmera", "tag_users").applications == delivered["tag"]
        assert sandbox.check("clevertap", "demerge").applications == delivered["demerge"]

        again = start(sandbox, job, "resume", f".netaudience/nightly/runs/{folder.name}", "--quiet")
        _, told = again.communicate(timeout=60)
        assert again.returncode == 3, told
        summary = json.loads((folder / "summary.json").read_bytes())
        assert summary["finished"]
        assert [step["rows"] - step["delivered"] for step in summary["steps"]] == [0, len(WRONG), 0]
        assert sandbox.check("netmera", "tag_users").applications == ROWS
        assert sandbox.check("netmera", "push_profile_attributes").applications == ROWS - len(WRONG)


def test_a_second_signal_ends_it_at_once_and_the_journal_is_still_good(job: Path) -> None:
    with BackgroundSandbox() as sandbox:
        process = start(sandbox, job, "run", "job.toml", "--quiet", "--grace", "600")
        while settled(job) < 200:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        sandbox.set_faults("latency=60")
        already = settled(job)
        while settled(job) != already:
            already = settled(job)
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 143, told
        (folder,) = runs(job)
        first = json.loads((folder / "summary.json").read_bytes())
        assert first["reconciles"]
        sandbox.set_faults()

        again = start(sandbox, job, "resume", folder.name, "--quiet")
        _, told = again.communicate(timeout=60)
        assert again.returncode == 3, told
        summary = json.loads((folder / "summary.json").read_bytes())
        assert summary["finished"]
        assert summary["reconciles"]
        push = summary["steps"][1]
        pushed = sandbox.check("netmera", "push_profile_attributes")
    assert pushed.more_than_once == 0
    assert push["delivered"] + push["in_doubt"] == ROWS - len(WRONG)
    assert ROWS - len(WRONG) - pushed.applied <= push["in_doubt"] <= 2 * IN_FLIGHT * CHUNK
