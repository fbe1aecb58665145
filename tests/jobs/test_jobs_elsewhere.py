"""Sources that are no files: what a database, a function or a pipe gives is kept, and mistakes are seen."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import sqlite3
import sys
import threading
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
from job_runs import FIRE, SET, clients, counts, people, run

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs import Job
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.deliver.verify import verify_run
from netaudience.jobs.extract.fetch import fetch, kept_in
from netaudience.jobs.extract.table import Table, open_source
from netaudience.jobs.plan.plan import plan_job
from netaudience.jobs.plan.scaffold import write_first_job
from netaudience.jobs.spec.model import CONNECTIONS, OVERLAP, DbtModel, Expression, Secret, Source
from netaudience.jobs.spec.parse import read_job
from netaudience.sandbox import Fault, Sandbox

pa = pytest.importorskip("pyarrow")

PASSWORD = "hunter2-and-more"
URI = Secret(env="WAREHOUSE_URI")
#: Where an extra is not called as its connection is: quotas in PostgreSQL have an extra of their own.
EXTRAS = {"postgresql": "postgresql-source"}
SQL = "select user_id, age from users order by user_id"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / f"{PASSWORD}.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table users (user_id text, age integer)")
        connection.executemany("insert into users values (?, ?)", people(300).items())
    monkeypatch.setenv("WAREHOUSE_URI", str(path))
    return path


def query(sql: str = SQL, **about: object) -> Source:
    return Source(connection="dbapi:sqlite3", uri=URI, sql=sql, key=("user_id",), **about)  # type: ignore[arg-type]


def job_of(source: Source, beside: Path, *steps: object, **how: object) -> Job:
    return Job(name="nightly", path=beside / "job.toml", source=source, steps=steps, **how)  # type: ignore[arg-type]


def values(table: Table, *columns: str) -> list[tuple[object, ...]]:
    fields = {name: Expression(column=name) for name in columns}
    with table:
        return [tuple(row["fields"][name] for name in columns) for page in table.rows(fields) for row in page]


def sources_in(folder: Path) -> list[str]:
    """Return the runs that still have what they have read."""
    return [kept.parent.name for kept in folder.glob(".netaudience/nightly/runs/*/source")]


@pytest.fixture
def module(tmp_path: Path) -> Iterator[str]:
    """Write the module of a source beside the job, under a name that no test has used before."""
    name = f"rows_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(
        "import datetime as dt, decimal\n"
        "import pyarrow as pa\n"
        "def mappings():\n"
        "    for at in range(3):\n"
        "        yield {'id': f'u{at}', 'day': dt.date(2026, 1, at + 1), 'sum': decimal.Decimal('19.99')}\n"
        "TABLE = pa.table({'id': ['u0', 'u1'], 'n': pa.array([1, 2], pa.int8())})\n"
        "def table(): return TABLE\n"
        "def reader(): return TABLE.to_reader()\n"
        "def batches(): yield from (TABLE.to_batches() * 2)\n"
        "def tables(): return [TABLE, TABLE]\n"
        "def none(): return []\n"
        "def text(): return 'u1'\n"
        "def words(): return ['u1', 'u2']\n"
        "async def later(): yield {'id': 'u1'}\n"
        "def fails():\n"
        "    yield {'id': 'u0'}\n"
        "    raise RuntimeError('of user 123')\n"
        "class Doors:\n"
        "    @staticmethod\n"
        "    def inner(): return TABLE\n"
        "number = 4\n"
    )
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("function", "columns", "rows"),
    [
        (
            "mappings",
            ("id", "day", "sum"),
            [(f"u{at}", dt.date(2026, 1, at + 1), 19.99) for at in range(3)],
        ),
        ("table", ("id", "n"), [("u0", 1), ("u1", 2)]),
        ("reader", ("id", "n"), [("u0", 1), ("u1", 2)]),
        ("batches", ("id", "n"), [("u0", 1), ("u1", 2)] * 2),
        ("tables", ("id", "n"), [("u0", 1), ("u1", 2)] * 2),
        ("Doors.inner", ("id", "n"), [("u0", 1), ("u1", 2)]),
    ],
)
def test_a_function_gives_rows_in_many_forms(
    module: str, tmp_path: Path, function: str, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    table = open_source(Source(python=f"{module}:{function}"), tmp_path)
    assert values(table, *columns) == rows


def test_sql_asks_what_a_function_gives(module: str, tmp_path: Path) -> None:
    source = Source(python=f"{module}:table", sql="select id, n * 2 as twice from source where n > 1")
    assert values(open_source(source, tmp_path), "id", "twice") == [("u1", 4)]


@pytest.mark.parametrize(
    ("named", "error", "sentence"),
    [
        ("nowhere:rows", ConfigurationError, "there is no nowhere beside the job file"),
        ("MODULE:absent", ConfigurationError, "has no function absent: write MODULE:FUNCTION"),
        ("MODULE:number", ConfigurationError, "has no function number"),
        ("MODULE:text", ConfigurationError, "of type str, which is no source: return an Arrow stream"),
        ("MODULE:words", ConfigurationError, "of type str for a row: give mappings"),
        ("MODULE:later", ConfigurationError, "of type async_generator, which is no source"),
        ("MODULE:fails", SourceFailed, "raised RuntimeError while it was read"),
    ],
)
def test_what_is_no_source_is_told(
    module: str, tmp_path: Path, named: str, error: type[NetaudienceError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        open_source(Source(python=named.replace("MODULE", module)), tmp_path)
    assert "123" not in str(caught.value)


def test_a_query_is_read_with_the_types_of_its_values(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("insert into users values ('00420', 7)")
    rows = values(
        open_source(query("select user_id, age from users where age = 7 order by 1;"), tmp_path),
        "user_id",
        "age",
    )
    assert ("00420", 7) in rows
    assert [age for _, age in rows] == [7] * len(rows) != []


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("select nope from users", r"cannot be run \(OperationalError\): no such column: nope"),
        ("selec 1", "must be one SELECT"),
        ("drop table users", "must be one SELECT"),
        ("with gone as (select 1) delete from users", "must be one SELECT"),
        ("-- all of them\nselect 1 as a where 'insert into' = '' and 0 = nope", "no such column: nope"),
        (f"select x('{PASSWORD}')", "no such function: x"),
    ],
)
def test_a_wrong_query_is_told_without_a_secret(
    database: Path, tmp_path: Path, sql: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        open_source(query(sql), tmp_path)
    assert PASSWORD not in str(caught.value)
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute("select count(*) from users").fetchone() == (300,)


@pytest.mark.parametrize(
    ("uri", "environment", "sentence"),
    [
        (URI, {}, "WAREHOUSE_URI is not set: set it .or WAREHOUSE_URI_FILE."),
        (
            URI,
            {"WAREHOUSE_URI": f"/no/such/{PASSWORD}"},
            r"uri of WAREHOUSE_URI leads to no database \(OperationalError\)",
        ),
        (URI, {"WAREHOUSE_URI": f'{{"password": "{PASSWORD}"'}, "begins as JSON does, and is none"),
        (URI, {"WAREHOUSE_URI": f'{{"password": "{PASSWORD}"}}'}, r"leads to no database \(TypeError\)"),
        (
            URI,
            {"WAREHOUSE_URI": "x", "WAREHOUSE_URI_FILE": "y"},
            "Both WAREHOUSE_URI and WAREHOUSE_URI_FILE are set",
        ),
        (Secret(file="uri.txt"), {}, "The file uri.txt of uri cannot be read: No such file"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_without_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: Secret, environment: dict[str, str], sentence: str
) -> None:
    monkeypatch.delenv("WAREHOUSE_URI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        open_source(attrs.evolve(query(), uri=uri), tmp_path)
    assert PASSWORD not in str(caught.value)


def test_json_names_the_arguments_of_a_connection_one_by_one(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uri.json").write_text(json.dumps({"database": str(database), "timeout": 3}))
    source = attrs.evolve(query("select count(*) as n from users"), uri=Secret(file="uri.json"), key=())
    assert values(open_source(source, tmp_path), "n") == [(300,)]


@pytest.mark.parametrize(
    ("connection", "package"),
    [
        ("dbapi:no_such_driver", "the package that has the module no_such_driver"),
        *(
            (name, rf"'netaudience\[{EXTRAS.get(name, name)}\]'")
            for name in ("postgresql", "flightsql", "snowflake", "bigquery", "databricks")
        ),
    ],
)
def test_a_missing_package_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str, package: str
) -> None:
    monkeypatch.setenv("WAREHOUSE_URI", f"x://{PASSWORD}@host/x")
    for name in (
        "adbc_driver_postgresql",
        "adbc_driver_flightsql",
        "snowflake",
        "google.cloud.bigquery",
        "databricks",
    ):
        monkeypatch.setitem(sys.modules, name, None)
        for part in [part for part in sys.modules if part.startswith(f"{name}.")]:
            monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(ConfigurationError, match=f"needs a package: pip install {package}"):
        open_source(Source(connection=connection, uri=URI, sql="select 1"), tmp_path)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            'connection = "postgresql"\nsql = "select 1"',
            "postgresql needs an address: add uri = { env",
        ),
        ('connection = "postgresql"\nuri = { env = "U" }', "a connection needs to be asked: add sql"),
        ('connection = "postgres"\nuri = { env = "U" }\nsql = "select 1"', "did you mean postgresql?"),
        (
            f'connection = "postgresql"\nsql = "select 1"\nuri = "{PASSWORD}"',
            "uri is a secret, so it is not written here",
        ),
        (
            'connection = "postgresql"\nsql = "select 1"\nuri = { env = "U", file = "f" }',
            "but where it stands",
        ),
        (
            'connection = "postgresql"\nsql = "select 1"\nuri = { env = "A-B" }',
            "must be the name of a variable",
        ),
        ('files = "a.csv"\nuri = { env = "U" }', "uri says where a connection leads, and there is none"),
        ('files = "a.csv"\npython = "a:b"', "python is a source of its own: leave files or python out"),
        ('delta = "a"\niceberg = "a.b.c"', "delta is a source of its own: leave iceberg or delta out"),
        ('python = "rows"', 'python must name a function: python = "module:function"'),
        ('iceberg = "users"', 'iceberg must name a table: iceberg = "catalog.namespace.table"'),
        ('delta = "lake"\nformat = "csv"', "format says how files are read, and there are none"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_with_its_line(
    tmp_path: Path, source: str, sentence: str
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        f'[source]\n{source}\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        'arguments = { tag = "A" }\nfields = { ext_id = "id" }\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        read_job(path)
    told = str(caught.value).splitlines()
    assert any(sentence in line for line in told), told
    assert all(f"{path}:" in line for line in told[-1:])
    assert PASSWORD not in str(caught.value)


def test_a_first_job_says_where_its_rows_are(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_first_job(
        tmp_path / "job.toml", query("select user_id, age from users"), "netmera", "set_profile_attributes"
    )
    job = read_job(tmp_path / "job.toml")
    assert (job.source.connection, job.source.uri, job.source.key) == ("dbapi:sqlite3", URI, ("user_id",))


@pytest.mark.asyncio
async def test_what_was_delivered_is_known_the_next_time(database: Path, tmp_path: Path) -> None:
    job = job_of(query(), tmp_path, attrs.evolve(SET, mode="changed-only"))
    plan = plan_job(job)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox, plan_digest=plan.digest)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("update users set age = 99 where user_id = 'id00007'")
        second = await run(job, sandbox)
    assert (plan.items, counts(first)["set"][1]) == (300, 300)
    assert counts(second)["set"] == (300, 1, 0, 0, 0, 0, 299)
    # A look at what was delivered reads it of the newest run.
    assert sources_in(tmp_path) == [second.run]


@pytest.mark.asyncio
async def test_what_was_sent_is_compared_with_what_the_run_has_read(database: Path, tmp_path: Path) -> None:
    job = job_of(query(), tmp_path, SET)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("update users set age = 99")
        look = {"share": 1.0, "client_factory": clients(sandbox)}
        (step,) = (await verify_run(job, first.run, **look)).steps  # type: ignore[arg-type]
        assert (step.chosen, step.wrong) == (300, 0)
        await run(job, sandbox)
        with pytest.raises(ConfigurationError, match="was kept until a newer run came to its end"):
            await verify_run(job, first.run, **look)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_plan_holds_for_the_same_rows_in_another_order(database: Path, tmp_path: Path) -> None:
    job = job_of(query("select user_id, age from users order by random()"), tmp_path, SET)
    async with Sandbox() as sandbox:
        summary = await run(job, sandbox, plan_digest=plan_job(job).digest)
    assert counts(summary)["set"][1] == 300


@pytest.mark.asyncio
async def test_a_run_goes_on_with_the_rows_that_it_has_read(database: Path, tmp_path: Path) -> None:
    """The database is gone meanwhile: the run's own copy is what it has counted."""
    job = job_of(query(), tmp_path, FIRE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=2)])
        broken = await run(job, sandbox)
        assert 0 < broken.steps[0].delivered < 300
        sandbox.set_faults([])
        shutil.move(database, f"{database}.gone")
        done = await run(job, sandbox, resume=broken.run, in_doubt="resend")
    assert done.steps[0].delivered == 300


@pytest.mark.asyncio
async def test_a_run_whose_rows_are_gone_is_refused(database: Path, tmp_path: Path) -> None:
    job = job_of(query(), tmp_path, FIRE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=2)])
        broken = await run(job, sandbox)
        shutil.rmtree(f"{broken.folder}/source")
        with pytest.raises(ConfigurationError, match="is gone from its folder"):
            await run(job, sandbox, resume=broken.run)


@pytest.mark.asyncio
async def test_a_pipe_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"{user_id},{age}\n" for user_id, age in people(300).items())
    (tmp_path / "pipe.csv").write_text(f"user_id,age\n{lines}")
    given = (tmp_path / "pipe.csv").open()
    job = job_of(Source(files=("-",), format="csv", key=("user_id",)), tmp_path, FIRE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=2)])
        monkeypatch.setattr("sys.stdin", given)
        broken = await run(job, sandbox)
        sandbox.set_faults([])
        given.close()  # nothing can be read there any more
        done = await run(job, sandbox, resume=broken.run, in_doubt="resend")
    assert (0 < broken.steps[0].delivered < 300, done.steps[0].delivered) == (True, 300)


def test_what_was_fetched_is_written_down_as_a_whole(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    fetched = fetch(query(), tmp_path, folder)
    assert kept_in(folder) == fetched
    (folder / "source.json").write_bytes(b"{")
    assert kept_in(folder) is None


def test_a_query_that_does_not_end_is_ended_at_once(database: Path, tmp_path: Path) -> None:
    """The recursion has no end: only an interruption ends it, from another thread.

    It is asked for once, at any moment: of a query that has not begun yet, too.
    """
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) as i from n"
    stop, failed = Stop(), list[Exception]()

    def read() -> None:
        try:
            fetch(query(endless), tmp_path, tmp_path / "kept", stop=stop)
        except SourceFailed as error:
            failed.append(error)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    stop()
    reading.join(30)
    assert not reading.is_alive()
    assert [str(error) for error in failed] == ["The reading of the source was ended"]
    with pytest.raises(SourceFailed, match="was ended"):
        fetch(query(), tmp_path, tmp_path / "never", stop=stop)


def test_an_end_that_finds_nothing_to_end_yet_is_asked_for_again() -> None:
    stop, again, asked = Stop(), threading.Event(), list[int]()

    def end() -> None:
        asked.append(len(asked))
        if len(asked) > 2:
            again.set()

    with stop.by(end):
        stop()
        assert again.wait(30)
    known = len(asked)
    stop()
    assert len(asked) <= known + 1, "who has ended is asked no more; one that was under way may have come"


def test_an_address_is_in_no_error_whatever_a_driver_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that repeats the address, the password and a row's value in every error."""
    uri = f"db://admin-user:{PASSWORD}@warehouse.internal/secret_db?token=abc%2Fdef123"
    monkeypatch.setenv("WAREHOUSE_URI", uri)

    class ProgrammingError(Exception):
        pass

    class DataError(Exception):
        sqlstate = "22P02"

    class Cursor:
        description = (("user_id", None),)

        def __init__(self, where: str) -> None:
            self.where = where

        def execute(self, sql: str) -> None:
            if self.where == "execute":
                raise ProgrammingError(f"no table t for admin-user on {uri} with abc/def123 and 'bob@x.y'")
            if self.where == "value":
                raise DataError("invalid input: bob@x.y")

        def fetchmany(self, many: int) -> list[tuple[str, ...]]:
            raise DataError(f"invalid input: bob@x.y at {uri}")

        def close(self) -> None:
            raise DataError(uri)

    class Connection(Cursor):
        def cursor(self) -> Cursor:
            return Cursor(self.where)

    for where, told in {
        "execute": "no table t for … on … with … and '…'",
        "value": "(DataError, SQLSTATE 22P02): look at the query",
        "fetch": "the query gave no more rows (DataError): look at what runs there",
    }.items():
        monkeypatch.setitem(
            sys.modules, "loud", SimpleNamespace(connect=lambda _, where=where: Connection(where))
        )
        with pytest.raises(NetaudienceError) as caught:
            open_source(Source(connection="dbapi:loud", uri=URI, sql="select 1"), tmp_path)
        assert told in str(caught.value)
        shown = "".join(traceback.format_exception(caught.value))
        for secret in (PASSWORD, "admin-user", "warehouse.internal", "secret_db", "def123", "bob@"):
            assert secret not in shown


PAGE = (Path(__file__).parent.parent.parent / "docs" / "warehouses.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.asyncio
async def test_the_jobs_of_the_page_are_jobs_and_its_function_gives_their_rows(tmp_path: Path) -> None:
    queried, modelled, newer, asked = blocks("toml")
    step = queried.partition("[[step]]")[2]
    (tmp_path / "audience.py").write_text(*blocks("python"), encoding="utf-8")
    (tmp_path / "queried.toml").write_text(queried)
    (tmp_path / "job.toml").write_text(f"{asked}\n[[step]]{step}")
    (tmp_path / "newer.toml").write_text(f"{newer}\n[[step]]{step}")
    assert read_job(tmp_path / "queried.toml").source.connection == "postgresql"
    (tmp_path / "modelled.toml").write_text(f"{modelled}\n[[step]]{step}")
    assert read_job(tmp_path / "modelled.toml").source.dbt == DbtModel("target/manifest.json", "audience")
    source = read_job(tmp_path / "newer.toml").source
    assert (source.incremental, source.overlap, source.full_days) == ("updated_at", OVERLAP, 7)
    async with Sandbox() as sandbox:
        summary = await run(Job.load(tmp_path / "job.toml"), sandbox)
    sys.modules.pop("audience", None)
    assert summary.steps[0].delivered == 3


def test_the_page_names_every_connection_and_its_extra() -> None:
    extras = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())["project"]
    for name in CONNECTIONS:
        assert f'| `connection = "{name}"`' in PAGE
        assert f"`netaudience[{EXTRAS.get(name, name)}]`" in PAGE
        assert re.search(rf"^\| `{name}` \| ", PAGE, re.MULTILINE)
    told = set(re.findall(r"`netaudience\[([\w-]+)\]`", PAGE))
    assert (
        told
        == {*(EXTRAS.get(name, name) for name in CONNECTIONS), "delta", "iceberg", "objects"}
        <= set(extras["optional-dependencies"])
    )
