"""A job whose state is in a bucket: what one machine knows the next one knows, and one alone has the job.

Each folder here is another machine: nothing of it is seen by the others but the job file and the bucket.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from job_runs import SET, counts, make_job, people, run, write_rows
from killing import deadly_sandbox

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.state.run_folder import runs_of
from netaudience.jobs.state.state_store import StateStore, fetch_state, where_state_is
from netaudience.sandbox import BackgroundSandbox, Sandbox

if TYPE_CHECKING:
    from netaudience.jobs.state.summary import Summary

obstore = pytest.importorskip("obstore")
pytest.importorskip("moto.server")

pytestmark = pytest.mark.slow  # each run talks to a real server

URL = "s3://crm/nightly"
CHANGED = attrs.evolve(SET, mode="changed-only")


def machine(tmp_path: Path, name: str, rows: dict[str, object], *steps: object, **how: object) -> Job:
    folder = tmp_path / name
    folder.mkdir()
    write_rows(folder, rows)
    return make_job(folder, *(steps or (CHANGED,)), store=URL, **{"lease": 3.0, **how})  # type: ignore[arg-type]


def names(bucket: object) -> list[str]:
    return sorted(str(meta["path"]) for metas in obstore.list(bucket) for meta in metas)


@pytest.mark.asyncio
async def test_each_day_on_an_empty_machine_sends_what_changed(bucket: object, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        first = await run(machine(tmp_path, "monday", people(200)), sandbox)
        assert counts(first)["set"][:2] == (200, 200)
        tuesday = machine(tmp_path, "tuesday", {**people(200), "id00007": 99, "new": 1})
        plan = tuesday.plan()
        assert (plan.steps[0].added, plan.steps[0].changed) == (1, 1)
        second = await run(tuesday, sandbox)
        assert counts(second)["set"] == (201, 2, 0, 0, 0, 0, 199)
        # The same machine once more: nothing is copied, and nothing sent.
        third = await run(tuesday, sandbox)
        assert counts(third)["set"][1] == 0
        found = [one.id for one in runs_of(fetch_state(machine(tmp_path, "looking", {})))]
        assert found == [third.run, second.run, first.run]
        # What no generation names is gone.
        state = json.loads(bytes(obstore.get(bucket, "nightly/state.json").bytes()))
        kept = {f"nightly/files/{file['object']}" for file in state["files"].values()}
        assert set(names(bucket)) == {*kept, "nightly/state.json", "nightly/files/condition"}
        told = where_state_is(tuesday)
        assert (told.place, told.holder, told.files) == (URL, "", len(kept))


@pytest.mark.asyncio
async def test_two_machines_never_have_one_job(bucket: object, tmp_path: Path) -> None:
    one, other = machine(tmp_path, "one", people(9)), machine(tmp_path, "other", people(9))
    holding = StateStore(one)
    holding.take()
    try:
        async with Sandbox() as sandbox:
            for job in (other, one):
                with pytest.raises(ConfigurationError, match=r"of the job 'nightly' is under way"):
                    await run(job, sandbox)
            assert sandbox.check("netmera", "set_profile_attributes").applications == 0
    finally:
        holding.release()
    async with Sandbox() as sandbox:
        summary = await run(other, sandbox)
        assert counts(summary)["set"][1] == 9


@pytest.mark.asyncio
async def test_a_run_that_lost_its_job_sends_nothing_more(bucket: object, tmp_path: Path) -> None:
    job = machine(tmp_path, "one", people(4000), attrs.evolve(CHANGED, rate=20, max_rows=10, in_flight=1))

    def take_over(summary: Summary) -> None:
        state = json.loads(bytes(obstore.get(bucket, "nightly/state.json").bytes()))
        if summary.steps and summary.steps[0].delivered and state["token"] != "other":
            state |= {"token": "other", "epoch": state["epoch"] + 1, "holder": "process 7 on elsewhere"}
            obstore.put(bucket, "nightly/state.json", json.dumps(state).encode())

    async with Sandbox() as sandbox:
        summary = await run(job, sandbox, on_progress=take_over)
        (step,) = summary.steps
        assert 0 < step.delivered < 4000
        reached = sandbox.check("netmera", "set_profile_attributes").applications
        assert step.delivered <= reached <= step.delivered + 10
        assert any("another machine has taken it" in told for told in summary.unwritten), summary.unwritten
        assert not summary.ok
        assert json.loads(bytes(obstore.get(bucket, "nightly/state.json").bytes()))["token"] == "other"


#: A run in a process of its own that dies at its so-manieth writing into the store.
DYING = """
import os, sys
from netaudience.jobs.state import state_store
from netaudience.__main__ import main
left = int(sys.argv[1])
def dying(name):
    whole = getattr(state_store._Objects, name)
    def write(self, *what):
        global left
        left -= 1
        told = whole(self, *what)
        if left == 0:
            os.kill(os.getpid(), 9)
        return told
    setattr(state_store._Objects, name, write)
dying("write")
dying("put")
sys.argv[1:] = sys.argv[2:]
sys.exit(main())
"""
JOB = """
name = "nightly"
[source]
python = "audience:rows"
key = "user_id"
[guards]
preflight = false
[runs]
folder = "s3://crm/nightly"
lease = 3
[[step]]
name = "tag"
vendor = "netmera"
operation = "tag_users"
mode = "changed-only"
arguments = { tag = "Sport" }
max_rows = 20
[step.fields]
ext_id = "user_id"
"""
ROWS = "def rows():\n    for number in range(200):\n        yield {'user_id': f'id{number:05}'}\n"


def on(folder: Path, sandbox: BackgroundSandbox, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine, which is new where its folder is."""
    if not folder.exists():
        folder.mkdir()
        (folder / "job.toml").write_text(JOB)
        (folder / "audience.py").write_text(ROWS)
    named = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    account = {
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
    }
    command = ["-c", DYING, *words] if words[0].isdecimal() else ["-m", "netaudience", *words]
    return subprocess.run(
        [sys.executable, *command], cwd=folder, text=True, capture_output=True, check=False,
        env={"PATH": "", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **named, **account},
    )  # fmt: skip


def test_a_machine_dies_after_any_writing_into_the_store_and_the_next_one_goes_on(
    bucket: object, tmp_path: Path
) -> None:
    # When the job is taken, among the first files, before anything is sent, after it, among the last files.
    for at in (1, 4, 8, 9, 14):
        with BackgroundSandbox() as sandbox:
            for name in names(bucket):
                obstore.delete(bucket, name)
            first = on(tmp_path / f"first-{at}", sandbox, str(at), "run", "job.toml", "--quiet")
            assert first.returncode == -signal.SIGKILL, first.stderr
            reached = sandbox.check("netmera", "tag_users").applied
            # The next machine goes on with the run where one was saved, or else begins it.
            second = on(tmp_path / f"second-{at}", sandbox, "resume", "job.toml", "--quiet")
            if second.returncode == 2 and "has no run yet" in second.stderr:
                assert reached == 0
                second = on(tmp_path / f"second-{at}", sandbox, "run", "job.toml", "--quiet")
            assert second.returncode == 0, second.stderr
            everybody = [f"id{number:05}" for number in range(200)]
            seen = sandbox.check("netmera", "tag_users", everybody)
            assert (seen.applied, seen.unexpected) == (200, ())
            # What is known to be delivered is known to the third, too.
            third = on(tmp_path / f"third-{at}", sandbox, "run", "job.toml", "--quiet")
            assert third.returncode == 0, third.stderr
            assert sandbox.check("netmera", "tag_users").applications == seen.applications


def test_what_must_not_be_repeated_is_told_to_be_in_doubt_by_the_next_machine(
    bucket: object, tmp_path: Path
) -> None:
    server, executioner = deadly_sandbox()
    fire = JOB.replace("tag_users", "fire_events").replace('arguments = { tag = "Sport" }\n', "rate = 20\n")
    fire = fire.replace('mode = "changed-only"\n', "") + 'name = { value = "Seen" }\n'
    with BackgroundSandbox(server) as sandbox:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "job.toml").write_text(fire)
            (tmp_path / name / "audience.py").write_text(ROWS)
        os.environ |= {
            "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
            "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "netaudience", "run", "job.toml", "--quiet"], cwd=tmp_path / "first"
            )
        finally:
            del os.environ["NETAUDIENCE_NETMERA_API_KEY"], os.environ["NETAUDIENCE_NETMERA_BASE_URL"]
        executioner.condemn(process, 5)
        assert process.wait() == -signal.SIGKILL
        second = on(tmp_path / "second", sandbox, "resume", "job.toml", "--quiet", "--json")
        (step,) = json.loads(second.stdout)["steps"]
        seen = sandbox.check("netmera", "fire_events")
        assert seen.more_than_once == 0
        assert step["delivered"] + step["in_doubt"] == 200
        assert step["in_doubt"] >= 200 - 5 * 20
        assert 200 - seen.applied <= step["in_doubt"]
