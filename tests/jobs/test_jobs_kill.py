"""The real command over three steps of two vendors, killed at random points of its work, and gone on with.

A real process, a real server, SIGKILL. What the vendors have afterwards is compared with the source.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from killing import BROKEN, deadly_sandbox, environment, wait_until_stopped

from netaudience.sandbox import BackgroundSandbox
from netaudience.sandbox.fynd.state import Definition

pytestmark = pytest.mark.slow

pytest.importorskip("duckdb")

ROWS = 6000
CHUNK = 20
IN_FLIGHT = 4
KILLS = 12
#: Rows that do not map: no number, and no request is spent on them.
WRONG = range(0, ROWS, 500)

JOB = f"""
name = "nightly"
[source]
files = "users.csv"
key = "user_id"

[guards]
preflight = false # the requests that are counted are those that send

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
name = "fire"
vendor = "netmera"
operation = "fire_events"
rate = 400
in_flight = {IN_FLIGHT}
max_rows = {CHUNK}
[step.fields]
ext_id = "user_id"
name = {{ value = "Seen" }}
"attributes.visits" = {{ sql = "cast(visits as integer)" }}

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


COMMAND = "\nimport sys\nfrom netaudience.__main__ import main\nsys.exit(main())"


def start(sandbox: BackgroundSandbox, job: Path, *words: str, broken: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(("-c", broken + COMMAND) if broken else ("-m", "netaudience")), *words],
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


def kill_again_and_again(job: Path, *, kills: int = KILLS, broken: str = "") -> None:
    """Kill a job at random points, go on with it to its end, and look for what is lost, doubled or untrue."""
    chance = random.Random(11)
    server, executioner = deadly_sandbox(chance)
    with BackgroundSandbox(server) as sandbox:
        for _ in range(kills):
            begun = runs(job)
            words = ("resume", begun[0].name) if begun else ("run", "job.toml")
            process = start(sandbox, job, *words, "--quiet", broken=broken)
            executioner.condemn(process, chance.randrange(3 * ROWS // CHUNK // KILLS - 4) + 1)
            _, told = process.communicate()
            assert process.returncode == -signal.SIGKILL, told
        process = start(sandbox, job, "resume", runs(job)[0].name, "--quiet", broken=broken)
        _, told = process.communicate()
        assert process.returncode == 3, told
        (folder,) = runs(job)
        summary = json.loads((folder / "summary.json").read_bytes())
        steps = {step["name"]: step for step in summary["steps"]}
        everybody = [f"id{number:05}" for number in range(ROWS)]
        mapped = [ext_id for number, ext_id in enumerate(everybody) if number not in WRONG]
        tagged = sandbox.check("netmera", "tag_users", everybody)
        fired = sandbox.check("netmera", "fire_events", mapped)
        parted = sandbox.check("clevertap", "demerge", everybody)
        # What the killed processes have delivered is remembered as well: the next run has nothing to send.
        (job.parent / "job.toml").write_text(JOB.partition('[[step]]\nname = "fire"')[0])
        process = start(sandbox, job, "run", "job.toml", "--quiet")
        _, told = process.communicate()
        assert process.returncode == 0, told
        assert sandbox.check("netmera", "tag_users").applications == tagged.applications
    assert summary["finished"]
    assert summary["reconciles"]
    assert summary["attempts"] == kills + 1

    assert tagged.unexpected == fired.unexpected == parted.unexpected == ()
    at_most = kills * IN_FLIGHT * CHUNK
    # What may be repeated is, by at most what was under way; and then nothing is in doubt or missing.
    tag = steps["tag"]
    assert (tag["total"], tag["delivered"], tag["in_doubt"], tagged.applied) == (ROWS, ROWS, 0, ROWS)
    assert tagged.applications - tagged.applied <= at_most
    # What must not be repeated never is; what is missing at the vendor is reported as in doubt.
    for name, report, items in (("fire", fired, len(mapped)), ("demerge", parted, ROWS)):
        step = steps[name]
        assert report.more_than_once == 0
        assert step["rejected"] == ROWS - items
        assert step["delivered"] + step["in_doubt"] == items
        assert items - report.applied <= step["in_doubt"] <= at_most
    lines = [json.loads(line) for line in (folder / "rejects.jsonl").read_bytes().splitlines()]
    told_of = [(line["step"], line["position"]) for line in lines]
    assert (
        len(set(told_of))
        == len(told_of)
        == sum(step["in_doubt"] + step["rejected"] for step in steps.values())
    )
    assert {row for step, row in told_of if step == "fire"} >= {number + 1 for number in WRONG}
    for line in lines:
        assert (
            line["row"][line["fields"]["identity" if line["step"] == "demerge" else "ext_id"]]
            == everybody[line["position"] - 1]
        )


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def signal_once(job: Path, number: signal.Signals, code: int, *, broken: str = "") -> None:
    """Interrupt a job among its requests, go on with it, and look for what is lost, doubled or untrue."""
    server, executioner = deadly_sandbox()
    with BackgroundSandbox(server) as sandbox:
        process = start(sandbox, job, "run", "job.toml", "--quiet", broken=broken)
        executioner.condemn(process, 10 + IN_FLIGHT, number)
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
            assert step["total"] == ROWS
            assert step["in_doubt"] == step["failed"] == 0, "everything under way had its time"
            assert step["unsent"] > 0
        assert sandbox.check("netmera", "tag_users").applications == delivered["tag"]
        assert sandbox.check("clevertap", "demerge").applications == delivered["demerge"]

        again = start(
            sandbox, job, "resume", f".netaudience/nightly/runs/{folder.name}", "--quiet", broken=broken
        )
        _, told = again.communicate(timeout=60)
        assert again.returncode == 3, told
        summary = json.loads((folder / "summary.json").read_bytes())
        assert summary["finished"]
        assert [step["total"] - step["delivered"] for step in summary["steps"]] == [0, len(WRONG), 0]
        assert sandbox.check("netmera", "tag_users").applications == ROWS
        assert sandbox.check("netmera", "fire_events").applications == ROWS - len(WRONG)


def test_a_job_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(job: Path) -> None:
    kill_again_and_again(job)


def test_the_kills_would_see_a_job_whose_notes_are_not_written(job: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        kill_again_and_again(job, kills=8, broken=BROKEN["what is sent is not noted"])
    assert "report.more_than_once == 0" in str(caught.traceback[-1].statement)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_the_reading_settles_what_is_under_way_and_tells_how_to_go_on(
    job: Path, number: signal.Signals, code: int
) -> None:
    signal_once(job, number, code)


def test_the_signals_would_see_a_run_that_forgets_what_was_settled(job: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        signal_once(job, *SIGNALS[0], broken=BROKEN["what was settled is forgotten"])
    assert "sandbox.check" in str(caught.traceback[-1].statement)


FIVE = """
name = "nightly"
[source]
files = "users.csv"
key = "user_id"

[[step]]
name = "netmera"
vendor = "netmera"
operation = "push_profile_attributes"
mode = "changed-only"
in_flight = 2
max_rows = 20
rate = 400
[step.fields]
ext_id = "user_id"
"profile.visits" = { sql = "[cast(visits as integer)]" }

[[step]]
name = "iterable"
vendor = "iterable"
operation = "subscribe_to_list"
mode = "mirror"
removal = "unsubscribe_from_list"
arguments = { list_id = 7 }
removal-arguments = { list_id = 7 }
in_flight = 2
max_rows = 20
[step.fields]
email = { sql = "user_id || '@example.com'" }

[[step]]
name = "clevertap"
vendor = "clevertap"
operation = "demerge"
in_flight = 2
max_rows = 20
[step.fields]
identity = "user_id"

[[step]]
name = "moengage"
vendor = "moengage"
operation = "import_users"
mode = "changed-only"
in_flight = 2
max_rows = 20
[step.fields]
customer_id = "user_id"
"attributes.visits" = { sql = "cast(visits as integer)" }

[[step]]
name = "fynd"
vendor = "fynd"
operation = "set_user_attribute"
where = "cast(visits as integer) % 20 = 0"
in_flight = 2
[step.fields]
user_id = "user_id"
definition_id = { value = "64f000000000000000000001" }
value = "visits"
"""
#: By vendor what its server calls the operation, and whether that may be repeated.
OPERATIONS = {
    "netmera": ("push_profile_attributes", True),
    "iterable": ("subscribe", True),
    "clevertap": ("demerge", False),
    "moengage": ("transition", True),
    "fynd": ("updateUserAttribute", True),
}


def test_a_job_with_steps_of_all_vendors_is_killed_and_each_has_every_row(tmp_path: Path) -> None:
    rows, kills, slug = 1200, 6, "64f000000000000000000001"
    everybody = [f"id{number:05}" for number in range(rows)]
    lines = [f"{name},{number}" for number, name in enumerate(everybody)]
    (tmp_path / "users.csv").write_text("\n".join(["user_id,visits", *lines, ""]))
    job = tmp_path / "job.toml"
    job.write_text(FIVE)
    chance = random.Random(5)
    server, executioner = deadly_sandbox(chance)
    server.fynd.definitions[slug] = Definition(slug, "Visits", "visits", "", "string", "", "")
    for name in everybody:
        server.fynd.add_user(name)
    with BackgroundSandbox(server) as sandbox:
        for left in reversed(range(kills + 1)):
            begun = runs(job)
            words = ("resume", begun[0].name) if begun else ("run", "job.toml")
            process = start(sandbox, job, *words, "--quiet")
            if left:  # 60 requests of each of four steps, and as many rows of the fifth
                executioner.condemn(process, chance.randrange(5 * 60 // (kills + 1) - 10) + 1)
            _, told = process.communicate()
            wanted = (-signal.SIGKILL,) if left else (0, 3)
            assert process.returncode in wanted, told
        (folder,) = runs(job)
        checks = {name: sandbox.check(name, operation) for name, (operation, _) in OPERATIONS.items()}
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["finished"]
    assert summary["reconciles"]
    for step in summary["steps"]:
        report, (_, repeatable) = checks[step["name"]], OPERATIONS[step["name"]]
        items = rows // 20 if step["name"] == "fynd" else rows
        at_most = kills * 2 * (1 if step["name"] == "fynd" else 20)
        assert step["total"] == items
        assert step["delivered"] + step["in_doubt"] == items
        if repeatable:
            assert (step["in_doubt"], report.applied) == (0, items)
            assert report.applications - items <= at_most
        else:
            assert report.more_than_once == 0
            assert items - report.applied <= step["in_doubt"] <= at_most


def test_a_second_process_is_refused_while_the_first_lives(job: Path) -> None:
    server, executioner = deadly_sandbox()
    with BackgroundSandbox(server) as sandbox:
        first = start(sandbox, job, "run", "job.toml", "--quiet")
        try:
            executioner.condemn(first, 10, signal.SIGSTOP)
            wait_until_stopped(first)
            for words in (("run", "job.toml"), ("resume", runs(job)[0].name)):
                second = start(sandbox, job, *words)
                _, told = second.communicate()
                assert second.returncode == 2
                assert f"is under way (process {first.pid} on " in told
        finally:
            first.kill()
            first.communicate()


def test_a_second_signal_ends_it_at_once_and_the_journal_is_still_good(job: Path) -> None:
    with BackgroundSandbox() as sandbox:
        # From the 21st request of all on none is answered: when the first signal comes, some are under way.
        sandbox.set_faults("latency=600,after=20")
        process = start(sandbox, job, "run", "job.toml", "--grace", "600")
        ended = threading.Event()
        told: list[str] = []

        def read(lines: Iterable[str]) -> None:
            for line in lines:
                told.append(line)
                if "interrupted:" in line:
                    ended.set()

        with process:
            assert process.stderr is not None
            reader = threading.Thread(target=read, args=[process.stderr])
            reader.start()
            while settled(job) < 20 * CHUNK:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert ended.wait(60), told
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 143, told
            reader.join()
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
        fire = summary["steps"][1]
        fired = sandbox.check("netmera", "fire_events")
    assert fired.more_than_once == 0
    assert fire["delivered"] + fire["in_doubt"] == ROWS - len(WRONG)
    assert ROWS - len(WRONG) - fired.applied <= fire["in_doubt"] <= 2 * IN_FLIGHT * CHUNK
