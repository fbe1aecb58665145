"""A job whose state is in a bucket: what one machine knows the next one knows, and one alone has the job.

Each folder here is another machine: nothing of it is seen by the others but the job file and the bucket.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from job_runs import SET, counts, make_job, people, run, write_rows
from killing import deadly_sandbox

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.spec.model import Secret, Source
from netaudience.jobs.state.fetch_state import fetch_state, where_state_is
from netaudience.jobs.state.run_folder import runs_of
from netaudience.jobs.state.state_store import StateStore
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
async def test_each_machine_reads_only_what_is_new(
    bucket: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "crm.db"
    monkeypatch.setenv("WAREHOUSE_URI", str(place))
    with closing(sqlite3.connect(place)) as database, database:
        database.execute("create table users (user_id text, age int, changed int)")
        database.executemany("insert into users values (?, ?, 1)", people(200).items())
    source = Source(
        connection="dbapi:sqlite3", uri=Secret(env="WAREHOUSE_URI"), sql="select * from users",
        key=("user_id",), incremental="changed", overlap=0,
    )  # fmt: skip
    async with Sandbox() as sandbox:
        for day, (read, sent) in enumerate(((200, 200), (201, 1), (2, 1)), 1):
            job = attrs.evolve(machine(tmp_path, f"day{day}", {}), source=source)
            assert job.plan().rows == read
            summary = await run(job, sandbox)
            assert (summary.source_rows, summary.steps[0].delivered) == (read, sent)
            with closing(sqlite3.connect(place)) as database, database:
                database.execute(f"insert into users values ('new{day}', 1, {day + 1})")


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


class Between(BaseHTTPRequestHandler):
    """Hands requests on to the store, as its server says."""

    protocol_version = "HTTP/1.1"
    server: Way

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def hand_on(self) -> None:
        """Ask the store, and answer what it answers; nothing where it is away."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.is_away:
            self.close_connection = True
            return
        left = {"connection", *self.server.left_out}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left}
        with closing(HTTPConnection(self.server.store)) as store:
            store.request(self.command, self.path, body, headers)
            answer = store.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        if answer.getheader("Content-Length") is None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    def __getattr__(self, name: str) -> object:
        """Return what does a method of HTTP, which is the same for all of them."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self.hand_on


class Way(ThreadingHTTPServer):
    """The way to the store, which may be closed, and on which headers may be lost."""

    daemon_threads = True
    is_away = False
    left_out: tuple[str, ...] = ()

    def __init__(self, store: str) -> None:
        super().__init__(("127.0.0.1", 0), Between)
        self.store = store


@pytest.fixture
def way(bucket: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    store = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    with Way(store) as way:
        serving = threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{way.server_port}")
        yield way
        way.shutdown()
        serving.join()


@pytest.mark.asyncio
@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
async def test_a_store_that_keeps_to_no_condition_is_refused(
    way: Way, tmp_path: Path, condition: str
) -> None:
    way.left_out = (condition.lower(),)
    async with Sandbox() as sandbox:
        with pytest.raises(ConfigurationError) as caught:
            await run(machine(tmp_path, "one", people(9)), sandbox)
        assert sandbox.check("netmera", "set_profile_attributes").applications == 0
        told = f"The store of {URL} overwrites what it has to leave ({condition}), so nothing would keep"
        assert str(caught.value).startswith(told)
        way.left_out = ()
        assert (await run(machine(tmp_path, "other", people(9)), sandbox)).ok


@pytest.mark.asyncio
async def test_a_run_ends_by_itself_where_the_store_is_away_and_goes_on_when_it_is_back(
    way: Way, tmp_path: Path
) -> None:
    # So slow that it would take minutes: what ends it is the lease.
    slow = attrs.evolve(CHANGED, rate=20, max_rows=10, in_flight=1)
    job = machine(tmp_path, "one", people(40_000), slow)

    def go_away(summary: Summary) -> None:
        way.is_away = way.is_away or bool(summary.steps and summary.steps[0].delivered)

    async with Sandbox() as sandbox:
        broken = await run(job, sandbox, on_progress=go_away)
        (step,) = broken.steps
        assert 0 < step.delivered < 40_000
        assert not broken.ok
        assert any("not reached for half of its lease" in told for told in broken.unwritten), broken.unwritten
        reached = sandbox.check("netmera", "set_profile_attributes").applications
        assert step.delivered <= reached <= step.delivered + 10
        with pytest.raises(ConfigurationError, match=f"The state in {URL} cannot be read") as caught:
            await run(job, sandbox)
        assert "\n" not in str(caught.value)
        # Nothing that this machine knows is lost: it goes on with what is left.
        way.is_away = False
        fast = attrs.evolve(job, steps=(attrs.evolve(slow, rate=1000, max_rows=1000, in_flight=8),))
        whole = await run(fast, sandbox, resume=broken.run)
        assert whole.ok
        assert whole.steps[0].delivered == 40_000
        seen = sandbox.check("netmera", "set_profile_attributes")
        assert seen.applied == 40_000
        assert seen.applications <= 40_000 + 100  # the last answers were not written down any more


#: A run in a process of its own that dies at its so-manieth writing into the store.
DYING = """
import os, sys
from netaudience.jobs.state import stored_objects
from netaudience.__main__ import main
left = int(sys.argv[1])
def dying(name):
    whole = getattr(stored_objects.StoredObjects, name)
    def write(self, *what):
        global left
        left -= 1
        told = whole(self, *what)
        if left == 0:
            os.kill(os.getpid(), 9)
        return told
    setattr(stored_objects.StoredObjects, name, write)
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
