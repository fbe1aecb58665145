"""The commands of job files, against a sandbox: what they print where, and how they end."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netaudience.cli import main
from netaudience.cli.display import progress_of
from netaudience.cli.job_display import run_lines
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.sandbox import BackgroundSandbox
from netaudience.sandbox.ledger import Entry

JOB = """
[source]
files = "users.csv"
key = "id"
[[step]]
vendor = "netmera"
operation = "set-profile-attributes"
rate = 1000
[step.fields]
ext_id = "id"
"profile.age" = { sql = "cast(age as integer)" }
"""
TAGS = """
[[step]]
name = "tags"
vendor = "netmera"
operation = "tag-users"
rate = 1000
arguments = { tag = "Sport" }
fields = { ext_id = "id" }
"""
DELETE = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "delete-users-permanently"
fields = { ext_id = "id" }
"""
FORGET = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "delete-profile-attributes-of-all-users"
fields = { attribute_key = "id" }
"""
Write = Callable[..., None]


def sent(sandbox: BackgroundSandbox) -> list[Entry]:
    """Return the requests but for the questions about the vendor's schema."""
    return [one for one in sandbox.ledger.requests if not one.operation.startswith("app/")]


@pytest.fixture
def here(tmp_path: Path, netmera: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory to be in, with an account of the sandbox in the environment."""
    assert netmera
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    """`write(job, rows…)` writes the job and its source."""

    def write(job: str, *rows: str) -> None:
        (here / "users.csv").write_text("\n".join(["id,age", *rows]) + "\n")
        (here / "job.toml").write_text(job)

    return write


def test_a_plan_for_a_pull_request_has_its_counts_and_no_value_of_a_row(run, write: Write, sandbox) -> None:
    write(JOB + TAGS, "customer-07,36", "NULL,4", "x,")
    planned = run("plan", "job.toml", "--markdown")
    text = planned.out.decode()
    assert planned.code == 5  # more rows are rejected than a guard lets pass
    lines = text.splitlines()
    assert lines[0] == "### netaudience plan: job (a run would stop)"
    header = next(line for line in lines if line.startswith("| step |"))
    rows = [line for line in lines if line.startswith("| ") and line != header]
    assert [line.count(" | ") for line in rows] == [header.count(" | ")] * 3
    assert r" (netmera set\_profile\_attributes, all) | 3 |  |  |  |  | 2 | 1 |" in rows[1]
    assert rows[2].startswith(r"| tags (netmera tag\_users, all) | 3 |")
    assert "customer-07" not in text
    assert "> A run would stop:" in text
    write(JOB + TAGS, "customer-07,36")
    ready = run("plan", "job.toml", "--markdown").out.decode()
    assert "(ready)" in ready.splitlines()[0]
    command = re.search(r"^\$ netaudience (run job\.toml --plan [a-z]+)$", ready, re.MULTILINE)
    assert command is not None
    assert run(*command[1].split()).code == 0
    assert "customer-07" in sandbox.netmera.users
    assert run("plan", "job.toml", "--markdown", "--json").code == 2


def test_from_a_source_to_a_report(run, here: Path, sandbox: BackgroundSandbox) -> None:
    (here / "users.csv").write_text("customer_id,age\n007,36\n12345678901234567890,40\n")
    words = ("--source", "users.csv", "--vendor", "netmera", "--operation", "set-profile-attributes")
    begun = run("init", "job.toml", *words)
    assert (begun.code, begun.out) == (0, b"")
    assert "netaudience plan job.toml" in begun.err
    assert run("init", "job.toml", *words).code == 2

    planned = run("plan", "job.toml")
    assert planned.code == 0
    assert not sent(sandbox)
    text = planned.out.decode()
    assert "2 items by set_profile_attributes in 1 request" in text
    assert '"extId": "12345678901234567890"' in text
    command = next(line for line in text.splitlines() if line.startswith("Send just this: "))

    ran = run(*shlex.split(command.partition(": netaudience ")[2]))
    assert (ran.code, ran.out) == (0, b"")
    assert "of 2 rows, 2 accepted" in ran.err
    assert sandbox.netmera.users["007"].profile == {"age": 36}  # as the panel has it
    assert "12345678901234567890" in sandbox.netmera.users

    (listed,) = run("runs", "--json").lines
    assert (listed["state"], listed["rows"], listed["delivered"], listed["exit_code"]) == (
        "finished",
        2,
        2,
        0,
    )
    assert run("runs", "job.toml", "--json").lines == [listed]
    assert listed["run"] in run("runs").out.decode()

    reported = run("report", listed["run"])
    assert reported.code == 0
    assert Path(reported.out.decode().strip()).read_text().lower().startswith("<!doctype html>")


def test_one_source_for_several_steps(run, write: Write, sandbox: BackgroundSandbox) -> None:
    write(JOB + TAGS, *(f"id{number},{number}" for number in range(2500)))
    result = run("run", "job.toml", "--json")
    assert result.code == 0
    (summary,) = result.lines
    assert summary["reconciles"] is True
    assert [step["delivered"] for step in summary["steps"]] == [2500, 2500]
    assert "tags: 2,500 of 2,500 rows" in result.err
    assert sandbox.check("netmera", "tag_users", [f"id{number}" for number in range(2500)]).ok


def test_quiet_shows_nothing_when_all_is_well(run, write: Write) -> None:
    write(JOB, "id1,5")
    result = run("run", "job.toml", "--quiet")
    assert (result.code, result.err) == (0, "")


def test_a_wrong_file_sends_nothing_and_names_every_line(
    run, write: Write, sandbox: BackgroundSandbox
) -> None:
    write(JOB.replace("rate = 1000", "rate = 0").replace('ext_id = "id"', 'ext_idd = "id"'), "id1,5")
    for command in ("plan", "run", "runs"):
        result = run(command, "job.toml")
        assert (result.code, result.out) == (2, b"")
        assert "job.toml:8: rate must be a number above 0" in result.err
        assert "job.toml:10: the rows of set_profile_attributes have no ext_idd" in result.err
    write(JOB.replace('ext_id = "id"', 'ext_id = "idd"'), "id1,5")
    result = run("run", "job.toml")
    assert result.code == 2
    assert "job.toml:10: the source has no column 'idd': did you mean id?" in result.err
    assert not sent(sandbox)


GUARDED = [
    (JOB, (), (), "has no row at all"),
    (JOB, ("id1,5",), ("--plan", "0123456789abcdef"), "This is not the plan 0123456789abcdef"),
    (DELETE, ("id1,5", "id2,6", ",7"), (), "add --yes-delete 2"),
    (DELETE, ("id1,5", "id2,6"), ("--yes",), "add --yes-delete 2"),
    (DELETE, ("id1,5", "id2,6"), ("--yes-delete", "3"), "--yes-delete says 3"),
    (FORGET, ("age,5",), (), "add --yes"),
]  # fmt: skip


@pytest.mark.parametrize(("job", "rows", "flags", "words"), GUARDED)
def test_a_guard_stops_before_harm(
    run,
    write: Write,
    sandbox: BackgroundSandbox,
    job: str,
    rows: tuple[str, ...],
    flags: tuple[str, ...],
    words: str,
) -> None:
    write(job, *rows)
    result = run("run", "job.toml", *flags)
    assert result.code == 5
    assert words in result.err
    assert not sent(sandbox)
    (listed,) = run("runs", "--json").lines
    assert (listed["state"], listed["run"], listed["exit_code"]) == ("refused", "", 5)
    assert words in listed["problem"]


@pytest.mark.parametrize(
    ("job", "variable", "words", "code"),
    [
        (JOB, "NETAUDIENCE_NETMERA_API_KEY", "NETAUDIENCE_NETMERA_API_KEY", 2),
        (JOB.replace("users.csv", "gone.csv"), None, "gone.csv", 2),
        (JOB.replace('ext_id = "id"', 'ext_id = "idd"'), None, "the source has no column 'idd'", 2),
    ],
    ids=["credentials", "file", "column"],
)
def test_a_run_that_never_had_a_folder_is_listed_with_the_reason(
    run,
    write: Write,
    sandbox: BackgroundSandbox,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
    variable: str | None,
    words: str,
    code: int,
) -> None:
    write(JOB, "id1,5")
    assert run("run", "job.toml").code == 0
    write(job, "id1,5")
    if variable is not None:
        monkeypatch.delenv(variable)
    refused = run("run", "job.toml")
    assert refused.code == code
    newest, delivered = run("runs", "--json").lines
    assert (newest["state"], newest["exit_code"], newest["job"]) == ("refused", code, "job")
    assert words in newest["problem"]
    assert newest["problem"] in refused.err
    assert delivered["state"] == "finished"
    shown = run("runs").out.decode()
    assert "refused" in shown
    assert newest["problem"].splitlines()[0] in shown
    assert run("resume", "20200101").code == 2  # one that is gone on with has a folder, or there is none
    assert len(run("runs", "--json").lines) == 2


def _run(**more: object) -> dict[str, Any]:
    return {
        "run": "20261128-214500-ab12", "job": "nightly-audiences", "started": "2026-11-28T21:45:00+00:00",
        "state": "finished", "rows": 12_345_678, "delivered": 12_345_670, "unchanged": 0, "undelivered": 8,
        "exit_code": 3, **more,
    }  # fmt: skip


LISTED = [
    _run(),
    _run(run="", state="refused", rows=None, delivered=None, unchanged=None, undelivered=None, exit_code=5,
         problem="The source has no row at all, which may be a mistake: say allow-empty in [guards]"),
    _run(job="customers-of-the-loyalty-programme", state="under way or killed", exit_code=""),
]  # fmt: skip


@pytest.mark.parametrize("width", [None, 120, 80, 60])
def test_the_list_of_runs_fits_the_terminal_and_breaks_no_name(width: int | None) -> None:
    lines = list(run_lines(LISTED, width))
    text = "\n".join(lines)
    assert width is None or max(map(len, lines)) <= width
    for row in LISTED:
        assert row["run"] in text
        assert row["job"] in text
        assert row["state"] in text
    assert " ".join(text.split()).count("say allow-empty in [guards]") == 1
    assert "20261128-214500  " in text  # the refused one, by its time
    assert ("rows" in lines[0]) == (width is None or width >= 120)


def test_with_the_consent_that_the_plan_names_it_is_done(
    run, write: Write, sandbox: BackgroundSandbox
) -> None:
    write(f'{DELETE}[guards]\nmax-rejected = "40%"\n', "id1,5", ",7", "id2,6")
    command = run("plan", "job.toml").out.decode().strip().splitlines()[-1]
    assert command.endswith(" --yes-delete 2")
    assert run(*shlex.split(command.partition(": netaudience ")[2])).code == 3
    sandbox.advance(60)
    assert set(sandbox.netmera.users) == {"id3"}


def test_wrong_credentials_have_a_code_of_their_own(
    run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(JOB, "id1,5")
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "wrong")
    result = run("run", "job.toml")
    assert result.code == 4
    assert "netaudience resume " in result.err
    assert "wrong" not in result.err.replace("is wrong", "")


def test_no_credentials_are_a_matter_of_configuration_but_not_for_a_plan(
    run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(JOB, "id1,5")
    monkeypatch.delenv("NETAUDIENCE_NETMERA_API_KEY")
    result = run("run", "job.toml")
    assert result.code == 2
    assert "NETAUDIENCE_NETMERA_API_KEY is not set" in result.err
    planned = run("plan", "job.toml")
    assert planned.code == 0
    assert "planned without an account: NETAUDIENCE_NETMERA_API_KEY is not set" in planned.out.decode()


def test_a_detailed_exit_code_says_whether_there_is_something_to_send(run, write: Write) -> None:
    job = JOB.replace("rate = 1000", 'rate = 1000\nmode = "changed-only"')
    write(job, "id1,5")
    first = run("plan", "job.toml", "--detailed-exitcode", "--json")
    assert first.code == 2
    assert first.lines[0]["steps"][0]["added"] == 1
    assert run("run", "job.toml").code == 0
    assert run("plan", "job.toml", "--detailed-exitcode").code == 0
    write(job, "id1,6")
    assert run("plan", "job.toml", "--detailed-exitcode").code == 2
    write("nonsense", "id1,6")
    assert run("plan", "job.toml", "--detailed-exitcode").code == 1
    assert "0 there is nothing to send, 2 there is something to send" in " ".join(
        run("plan", "--help").out.decode().split()
    )


def test_rejected_rows_are_mended_and_sent_again(
    run, here: Path, write: Write, sandbox: BackgroundSandbox
) -> None:
    write(f'{JOB}[guards]\nmax-rejected = "40%"\n', "id1,5", "id2,old", "id3,7")
    first = run("run", "job.toml")
    assert first.code == 3
    assert "netaudience retry " in first.err
    (path,) = here.glob(".netaudience/job/runs/*/rejects.jsonl")
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line["position"], line["key"], line["outcome"]) == (2, "id2", "rejected")
    line["row"]["age"] = "6"
    path.write_text(json.dumps(line) + "\n")
    requests = len(sent(sandbox))
    command = first.err.partition("then: netaudience ")[2].strip()
    again = run(*shlex.split(command))
    assert again.code == 0
    assert "of 1 row, 1 accepted" in again.err
    assert len(sent(sandbox)) == requests + 1
    assert sandbox.netmera.users["id2"].profile["age"] == 6
    assert len(run("runs", "--json").lines) == 2


def test_a_run_that_is_over_sends_nothing_when_it_is_resumed(
    run, write: Write, sandbox: BackgroundSandbox
) -> None:
    write(JOB, "id1,5")
    assert run("run", "job.toml").code == 0
    requests = len(sent(sandbox))
    assert run("resume", "latest").code == 0
    assert len(sent(sandbox)) == requests


MIRROR = """
[source]
files = "users.csv"
key = "id"
[[step]]
name = "gold"
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Gold" }
mode = "mirror"
removal = "untag_users"
removal_arguments = { tag = "Gold" }
fields = { ext_id = "id" }
[guards]
max-removals = 1
"""


def test_a_mirror_takes_back_what_it_put_there_and_no_more(
    run, write: Write, sandbox: BackgroundSandbox
) -> None:
    def gold() -> set[str]:
        return {name for name, user in sandbox.netmera.users.items() if "Gold" in user.tags}

    write(MIRROR, "a,1", "b,2", "c,3", "d,4")
    assert run("run", "job.toml").code == 0
    assert gold() == {"a", "b", "c", "d"}
    write(MIRROR, "b,2", "c,3", "e,5")
    planned = run("plan", "job.toml")
    text = planned.out.decode()
    assert "3; 1 added, 0 changed, 2 unchanged; 2 of 4 removed" in text
    assert "2 items by untag_users in 1 request" in text
    assert "A run would stop: gold would remove 2 of the 4 rows" in text
    assert run("run", "job.toml").code == 5
    assert gold() == {"a", "b", "c", "d"}
    write(MIRROR.replace("max-removals = 1", "max-removals = 2"), "b,2", "c,3", "e,5")
    digest = run("plan", "job.toml", "--json").lines[0]["digest"]
    assert run("run", "job.toml", "--plan", digest).code == 0
    assert gold() == {"b", "c", "e"}
    assert run("plan", "job.toml", "--detailed-exitcode").code == 0
    assert run("run", "job.toml", "--plan", digest).code == 5


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_progress_is_shown_for_every_step(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "200")
    first = StepSummary(
        name="first", vendor="netmera", operation="tag_users", total=2000, delivered=500, seconds=2.0
    )
    second = StepSummary(
        name="second", vendor="netmera", operation="tag_users", total=10, rejected=4, unchanged=5, throttles=3
    )
    summary = Summary(run="r", job="j", file="f", folder="d", started="s", steps=[first, second])
    with progress_of(quiet=False, grace=7.0) as progress:
        progress(summary)
        summary.signal = 2
        progress(summary)
        progress(summary)
        summary.ended = "e"
        progress(summary)
    shown = stream.getvalue()
    assert "first: 500 of 2,000 rows, 6.0 s left, 250/s" in shown
    assert "second: 9 of 10 rows, 4 rejected, throttled 3 times" in shown
    assert shown.count("interrupted: what is under way has 7 s") == 1


MANY = (
    JOB.partition("[step.fields]")[0]
    + 'mode = "changed-only"\n[step.fields]'
    + JOB.partition("[step.fields]")[2]
)


@pytest.mark.parametrize("job", [JOB, MANY], ids=["all", "changed-only"])
def test_a_plan_shows_that_it_reads_on_a_terminal_only(
    write: Write, sandbox: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    write(job, *(f"id{row},5" for row in range(2500)))
    shown: dict[str, str] = {}
    for name, stream, flags in (
        ("terminal", Terminal(), []),
        ("quiet", Terminal(), ["--quiet"]),
        ("pipe", io.StringIO(), []),
    ):
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["plan", "job.toml", *flags]) == 0
        shown[name] = stream.getvalue()
    assert "2,500 rows read for netmera-set-profile-attributes" in shown["terminal"]
    assert "\x1b[2K" in shown["terminal"].rpartition("rows read")[2]  # nothing of it stays
    assert shown["quiet"] == shown["pipe"] == ""


def test_a_run_says_on_a_terminal_that_it_reads_before_there_is_something_to_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    with progress_of(quiet=False, grace=7.0):
        pass
    assert "reading the source" in stream.getvalue()


def test_a_grace_of_less_than_nothing_is_refused(run, write: Write, sandbox: BackgroundSandbox) -> None:
    write(JOB, "id1,5")
    assert run("run", "job.toml", "--grace", "-1").code == 2
    assert not sent(sandbox)


@pytest.mark.parametrize("command", ["resume", "retry", "report"])
def test_a_run_that_there_is_not(run, here: Path, command: str) -> None:
    result = run(command, "20260101-000000-aaaa")
    assert result.code == 2
    assert "has been run. Go to the folder" in result.err


def test_without_the_extra_it_is_named(run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(JOB, "id1,5")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    result = run("run", "job.toml")
    assert result.code == 2
    assert "pip install 'netaudience[cli]'" in result.err


ROWS = 4000


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_prints_the_command_that_ends_it(
    write: Write, sandbox: BackgroundSandbox, number: signal.Signals, code: int
) -> None:
    write(TAGS.replace("rate = 1000", "rate = 50\nmax_rows = 20") + JOB.partition("[[step]]")[0],
          *(f"id{row},5" for row in range(ROWS)))  # fmt: skip
    program = [sys.executable, "-m", "netaudience"]
    process = subprocess.Popen(
        [*program, "run", "job.toml", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not sent(sandbox) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "interrupted: what is under way has 20 s" in err
    (summary,) = map(json.loads, out.splitlines())
    assert summary["reconciles"] is True
    assert summary["steps"][0]["unsent"] > 0
    command = next(line for line in err.splitlines() if line.startswith("Go on with: ")).partition(": ")[2]
    assert command.split()[:2] == ["netaudience", "resume"]
    (Path() / "job.toml").write_text((Path() / "job.toml").read_text().replace("rate = 50", "rate = 1000"))
    resumed = subprocess.run(
        [*program, *shlex.split(command)[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    report = sandbox.check("netmera", "tag_users", [f"id{row}" for row in range(ROWS)])
    assert report.ok, report
    assert report.applications == ROWS


@pytest.mark.parametrize("closed", [">&-", ">/dev/full"])
def test_the_exit_code_tells_of_the_rows_where_the_summary_cannot_be_written(
    write: Write, sandbox: BackgroundSandbox, closed: str
) -> None:
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("there is no full disk here")
    write(TAGS + JOB.partition("[[step]]")[0], "id1,5")
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -m netaudience run job.toml --json {closed}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The summary could not be written to standard output" in done.stderr
    assert sandbox.check("netmera", "tag_users", ["id1"]).ok
