"""The doctor looks at what a job names besides its vendors, reads a little, and tells nobody."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from postgres import PASSWORD

from netaudience.cli import main
from netaudience.cli.doctor_job import look_at_job
from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox

STEP = (
    '[[step]]\nvendor = "netmera"\noperation = "set_profile_attributes"\n[step.fields]\n'
    'ext_id = "user_id"\n"profile.age" = "age"\n'
)
QUERY = (
    '[source]\nconnection = "dbapi:sqlite3"\nuri = { env = "WAREHOUSE_URI" }\nsql = "select * from users"\n'
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / f"{PASSWORD}.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("create table users (user_id text, age int)")
        connection.executemany("insert into users values (?, ?)", [(f"id{n}", n) for n in range(500)])
    monkeypatch.setenv("WAREHOUSE_URI", str(place))
    return tmp_path


def looked_at(folder: Path, text: str) -> dict[str, tuple[str, str]]:
    path = folder / "job.toml"
    path.write_text(text + STEP)
    found = asyncio.run(look_at_job(Job.load(path)))
    assert PASSWORD not in str(found)
    return {each.check: (each.verdict, each.sentence) for each in found}


@pytest.mark.parametrize(
    ("source", "verdict", "told"),
    [
        (QUERY, "ok", "the query can be read, and has 2 columns"),
        (QUERY.replace("*", "user_id"), "wrong", "job.toml:10: the source has no column 'age'"),
        (
            QUERY.replace("users", "nobody"),
            "wrong",
            "job.toml:4: The source's SQL cannot be run (OperationalError)",
        ),
        (QUERY.replace("WAREHOUSE_URI", "NO_URI"), "wrong", "NO_URI is not set: set it (or NO_URI_FILE)"),
        (
            QUERY.replace("sqlite3", "nowhere"),
            "wrong",
            "needs a package: pip install the package that has the module",
        ),
        ('[source]\nfiles = "users.csv"\n', "ok", "users.csv can be read, and has 2 columns"),
        ('[source]\nfiles = "gone.csv"\n', "wrong", "gone.csv"),
        (
            '[source]\nfiles = "-"\nformat = "csv"\n',
            "ok",
            "standard input, which is not looked at before a run",
        ),
        ('[source]\npython = "theirs:rows"\n', "ok", "theirs:rows is there; it was not called"),
        ('[source]\npython = "theirs:none"\n', "wrong", "theirs has no function none"),
    ],
)
def test_a_source_is_looked_at(here: Path, source: str, verdict: str, told: str) -> None:
    (here / "users.csv").write_text("user_id,age\nid1,1\n")
    (here / "theirs.py").write_text("def rows():\n    raise AssertionError('it was called')\n")
    found = looked_at(here, source)["source"]
    sys.modules.pop("theirs", None)
    assert (found[0], told in found[1]) == (verdict, True), found
    assert not (here / ".netaudience").exists()


def test_objects_and_the_state_of_a_job_are_looked_for(here: Path, bucket: object) -> None:
    obstore = pytest.importorskip("obstore")
    for name in ("a", "b"):
        obstore.put(bucket, f"in/{name}.csv", b"user_id,age\n")
    runs = '[runs]\nfolder = "s3://crm/nightly"\n'
    found = looked_at(here, f'{runs}[source]\nfiles = "s3://crm/in/*.csv"\n')
    assert found == {
        "source": ("ok", "2 objects of that name can be found"),
        "state": ("ok", "s3://crm/nightly can be read, and is held by nobody"),
    }
    found = looked_at(here, f'{runs.replace("crm", "none")}[source]\nfiles = "s3://crm/out/*.csv"\n')
    assert found["source"][0] == found["state"][0] == "wrong"
    assert "names no object" in found["source"][1]
    assert "s3://none/nightly" in found["state"][1]
    assert [meta["path"] for metas in obstore.list(bucket) for meta in metas] == ["in/a.csv", "in/b.csv"]


def test_where_results_and_alerts_go_is_looked_at_and_nobody_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    class Alerts(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)

        do_GET = do_POST  # noqa: N815 - likewise

    with HTTPServer(("127.0.0.1", 0), Alerts) as server:
        monkeypatch.setenv("ALERTS_URL", f"http://127.0.0.1:{server.server_port}/{PASSWORD}")
        monkeypatch.delenv("PING_URL", raising=False)
        found = looked_at(
            here,
            '[results]\nconnection = "dbapi:sqlite3"\nuri = { env = "WAREHOUSE_URI" }\n'
            '[notify]\nwebhook = { env = "ALERTS_URL" }\nhealthcheck = { env = "PING_URL" }\n'
            f'on-end = "os.path:nothing"\n{QUERY}',
        )
    assert found["results"] == ("ok", "dbapi:sqlite3 answers; nothing was written")
    assert found["webhook"] == ("ok", "ALERTS_URL is set; nothing was sent")
    assert found["healthcheck"][0] == found["on-end"][0] == "wrong"
    assert "PING_URL is not set: set it to the address of the healthcheck" in found["healthcheck"][1]
    assert asked == []
    with closing(sqlite3.connect(here / f"{PASSWORD}.db")) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("users",)]


def test_a_query_that_does_not_come_to_an_end_is_ended_and_told(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    class Connection:
        description = ()

        def cursor(self) -> Connection:
            return self

        def execute(self, _: str) -> None:
            ended.wait(20)

        def close(self) -> None:
            ended.set()

    monkeypatch.setitem(sys.modules, "slow", SimpleNamespace(connect=lambda _: Connection()))
    path = here / "job.toml"
    path.write_text(QUERY.replace("sqlite3", "slow") + STEP)
    (found,) = asyncio.run(look_at_job(Job.load(path), patience=0.05))
    assert (found.verdict, found.check, found.code) == ("wrong", "source", 1)
    assert found.sentence.startswith("nothing came within 0.05 s")
    assert ended.wait(20)


def test_the_command_tells_it_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = here / "job.toml"
    with BackgroundSandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        job.write_text(QUERY + STEP)
        assert main(["doctor", "--job", str(job)]) == 0
        told = capsys.readouterr().out
        assert "ok       job      source       the query can be read, and has 2 columns" in told
        job.write_text(QUERY.replace("sqlite3", "nowhere") + STEP)
        assert main(["doctor", "--job", str(job)]) == 2
