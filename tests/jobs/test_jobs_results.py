"""What a run becomes as tables: each run once, as a whole, with the columns that the page tells of."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from job_runs import FIRE, TAG, make_job, people, run, write_rows

from netaudience.errors import ConfigurationError
from netaudience.jobs.results.tables import TABLES
from netaudience.jobs.spec.model import Results, Secret
from netaudience.jobs.spec.parse import read_job
from netaudience.sandbox import Fault, Sandbox

parquet = pytest.importorskip("pyarrow.parquet")

PAGE = (Path(__file__).parent.parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
HERE = Results(connection="dbapi:sqlite3", uri=Secret(env="RESULTS_URI"), tables="netaudience_")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "results.db"
    monkeypatch.setenv("RESULTS_URI", str(path))
    return path


def ask(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.asyncio
async def test_every_run_is_in_the_tables_once(database: Path, tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(100), "": 1})
    job = make_job(tmp_path, TAG, FIRE, results=HERE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=3)])
        broken = await run(job, sandbox)
        assert ask(database, "select run, attempt, ok from netaudience_runs") == [(broken.run, 1, 0)]
        sandbox.set_faults([])
        done = await run(job, sandbox, resume=broken.run, in_doubt="resend")
        again = await run(job, sandbox, in_doubt="resend")
    assert ask(database, "select run, attempt, exit_code from netaudience_runs order by run") == [
        (done.run, 2, 3),
        (again.run, 1, 3),
    ]
    told = ask(
        database,
        "select run, step, row_count, delivered, rejected, failed + in_doubt + unsent + unchanged "
        "from netaudience_steps order by run, step",
    )
    assert told == [(one, step, 101, 100, 1, 0) for one in (done.run, again.run) for step in ("fire", "tag")]
    rows = ask(
        database,
        "select run, step, vendor, operation, row_number, outcome, version, job "
        "from netaudience_outcomes order by run, step",
    )
    assert rows == [
        (one, *step, 101, "rejected", 1, "nightly")
        for one in (done.run, again.run)
        for step in (("fire", "netmera", "fire_events"), ("tag", "netmera", "tag_users"))
    ]


@pytest.mark.asyncio
async def test_without_a_connection_they_are_parquet_in_the_folder(tmp_path: Path) -> None:
    write_rows(tmp_path, people(10))
    async with Sandbox() as sandbox:
        summary = await run(make_job(tmp_path, TAG, results=Results()), sandbox)
    folder = Path(summary.folder)
    for table, columns in TABLES.items():
        found = parquet.read_table(folder / f"{table}.parquet")
        assert found.column_names == list(columns)
        assert found.num_rows == (0 if table == "outcomes" else 1)
        assert (folder / f"{table}.parquet").stat().st_mode & 0o077 == 0


@pytest.mark.asyncio
async def test_tables_that_cannot_be_written_are_told_and_written_by_going_on(
    database: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table netaudience_steps (other text)")
    write_rows(tmp_path, people(10))
    job = make_job(tmp_path, TAG, results=HERE)
    async with Sandbox() as sandbox:
        summary = await run(job, sandbox)
        assert summary.exit_code == 1
        (told,) = summary.unwritten
        assert told.startswith(
            "The tables of [results] were not written: The database did not take the tables"
        )
        assert str(database) not in told
        assert ask(database, "select count(*) from netaudience_runs") == [(0,)]  # all of it or nothing
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("drop table netaudience_steps")
        again = await run(job, sandbox, resume=summary.run)
        assert sandbox.check("netmera", "tag_users").applications == 10
    assert again.exit_code == 0
    assert ask(database, "select run, attempt, ok from netaudience_runs") == [(summary.run, 2, 1)]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ('connection = "snowflake"', "tables are written to postgresql, or by a module"),
        ('connection = "postgresql"', 'a connection needs an address: add uri = { env = "RESULTS_URI" }'),
        ('tables = "a_"', "tables is about a connection, and there is none"),
        (
            'connection = "postgresql"\nuri = { env = "U" }\ntables = "a; drop"',
            "tables is how their names begin",
        ),
        (
            'connection = "postgresql"\nuri = "postgresql://u:p@h/d"',
            "uri is a secret, so it is not written here",
        ),
    ],
)
def test_what_is_wrong_with_the_section_is_told(tmp_path: Path, section: str, sentence: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        f'arguments = {{ tag = "A" }}\nfields = {{ ext_id = "id" }}\n[results]\n{section}\n'
    )
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as caught:
        read_job(path)
    assert "u:p" not in str(caught.value)


def test_the_page_names_every_column(tmp_path: Path) -> None:
    lines = {match[0]: match[1] for match in re.findall(r"^\| `?(\w+)`? \| (.*)$", PAGE, re.MULTILINE)}
    for table, columns in TABLES.items():
        told = re.findall(r"`(\w+)`", lines["all"]) + re.findall(r"`(\w+)`", lines[table])
        assert told == list(columns)
    (section,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "job.toml"
    path.write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        f'arguments = {{ tag = "A" }}\nfields = {{ ext_id = "id" }}\n{section}'
    )
    expected = attrs.evolve(HERE, connection="postgresql", tables="ops.netaudience_")
    assert read_job(path).results == expected
