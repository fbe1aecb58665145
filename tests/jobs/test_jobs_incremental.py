"""Only what is new is read: from a watermark that moves when all before it is settled, and never too far."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from job_runs import ID, SET, counts, run

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.connectors.databases import _newer
from netaudience.jobs.connectors.watermark import Greatest, Watermark
from netaudience.jobs.plan.plan import plan_job
from netaudience.jobs.spec.model import Expression, Guards, Secret, Source, Step
from netaudience.jobs.spec.parse import read_job
from netaudience.jobs.state.summary import Summary
from netaudience.sandbox import Fault, Sandbox

pa = pytest.importorskip("pyarrow")

ONLY = attrs.evolve(
    SET, name="set", mode="changed-only", fields={"ext_id": ID, "profile.age": Expression(column="age")}
)
#: A segment whose members are those of the source.
TAG = Step(
    name="tag", vendor="netmera", operation="tag_users", arguments={"tag": "Sport"}, fields={"ext_id": ID},
    mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"}, rate=1000, max_rows=50,
)  # fmt: skip


class Users:
    """A table of users in SQLite, whose rows say when they have changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "crm.db"
        monkeypatch.setenv("WAREHOUSE_URI", str(self.path))
        self.do("create table users (user_id text primary key, age integer, updated_at text)")

    def do(self, sql: str, rows: Iterable[tuple[object, ...]] = ((),)) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(sql, rows)

    def put(self, day: int, ages: dict[str, int | None], hour: int = 2) -> None:
        when = f"2026-01-{day:02} {hour:02}:00:00"
        self.do("replace into users values (?, ?, ?)", [(name, age, when) for name, age in ages.items()])


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    return Users(tmp_path, monkeypatch)


def job_of(folder: Path, *steps: Step, **about: object) -> Job:
    sql = "select * from users where 'a%' <> ''  -- all of them"
    about = {"connection": "dbapi:sqlite3", "sql": sql, "incremental": "updated_at", **about}
    source = Source(key=("user_id",), uri=Secret(env="WAREHOUSE_URI"), **about)  # type: ignore[arg-type]
    return Job(
        name="nightly", path=folder / "job.toml", source=source, steps=steps or (ONLY,),
        guards=Guards(preflight=False, max_removals=None),
    )  # type: ignore[arg-type] # fmt: skip


def read_of(summary: Summary) -> tuple[int | None, tuple[int, ...], str]:
    """Return how many rows were read, how many of them were delivered and unchanged, and the first note."""
    (told,) = counts(summary).values()
    return summary.source_rows, (told[1], told[-1]), summary.notes[0]


@pytest.mark.asyncio
async def test_only_what_is_new_is_read_and_only_what_differs_is_sent(users: Users, tmp_path: Path) -> None:
    users.put(1, {f"id{n}": n for n in range(100)})
    users.do("insert into users values ('undated', 7, null)")
    job = job_of(tmp_path)
    async with Sandbox() as sandbox:
        first = read_of(await run(job, sandbox))
        assert first[:2] == (101, (101, 0))
        assert first[2] == "all rows of the query were read: it is not known yet how far it was read"
        users.put(2, {"id5": 50, "new": 1})
        users.do("update users set age = 8 where user_id = 'undated'")
        told = plan_job(job)
        second = read_of(await run(job, sandbox, plan_digest=told.digest))
        # 300 seconds before the newest row are read once more: all hundred of the first day.
        least = "only rows of the query were read whose updated_at is 2026-01-01 01:55:00 or later, or empty"
        assert second == (102, (3, 99), least)
        assert (told.steps[0].added, told.steps[0].changed) == (1, 2)
        assert told.notes[0] == least
        users.put(3, {"id5": 51})
        third = await run(job, sandbox)
        assert read_of(third)[:2] == (3, (1, 2))
        assert (third.steps[0].added, third.steps[0].changed) == (0, 1)
        assert not plan_job(job).stops


@pytest.mark.asyncio
async def test_a_run_without_a_new_row_is_none_that_a_guard_stops(users: Users, tmp_path: Path) -> None:
    users.put(1, {f"id{n}": n for n in range(400)})
    job = job_of(tmp_path)
    job = attrs.evolve(job, guards=attrs.evolve(job.guards, max_deviation=0.1))
    async with Sandbox() as sandbox:
        await run(job, sandbox)
        users.do("delete from users")
        assert plan_job(job).stops == ()
        assert read_of(await run(job, sandbox))[:2] == (0, (0, 0))
        users.put(2, {f"id{n}": n for n in range(400)})  # whoever comes with all rows is compared with those
        full = attrs.evolve(job, source=attrs.evolve(job.source, full=True))
        summary = await run(full, sandbox)
        assert read_of(summary) == (400, (0, 400), "all rows of the query were read: --full says so")


@pytest.mark.asyncio
async def test_rows_that_were_rejected_are_known_when_all_are_read_again(
    users: Users, tmp_path: Path
) -> None:
    job = job_of(tmp_path, overlap=0)
    job = attrs.evolve(job, guards=attrs.evolve(job.guards, max_rejected=None))
    async with Sandbox() as sandbox:
        users.put(1, {"id1": 1, " ": 2})
        assert (await run(job, sandbox)).steps[0].rejected == 1
        users.put(3, {"id2": 1})
        assert (await run(job, sandbox)).source_rows == 3
        users.put(5, {"id3": 1})
        assert (await run(job, sandbox)).source_rows == 2
        whole = await run(attrs.evolve(job, source=attrs.evolve(job.source, full=True)), sandbox)
        assert (whole.steps[0].rejected, whole.steps[0].known) == (1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=503, after=1),
        Fault("poison", ids=["id00003"], status=500),
        Fault("reset-after", after=1),
    ],
    ids=["the vendor is away", "one row fails", "answers are lost"],
)
async def test_the_watermark_stays_until_all_before_it_is_settled(
    users: Users, tmp_path: Path, fault: Fault
) -> None:
    job = job_of(tmp_path)
    ages = {f"id{n:05}": n for n in range(300)}
    async with Sandbox() as sandbox:
        users.put(1, ages)
        await run(job, sandbox)
        users.put(5, {name: age + 1 for name, age in ages.items()})
        sandbox.set_faults([fault])
        broken = await run(job, sandbox)
        assert 0 < broken.steps[0].delivered < 300
        sandbox.set_faults([])
        users.put(9, {"id00000": 70})
        again = await run(job, sandbox, in_doubt="resend")
        assert again.source_rows == 300  # from the first day's watermark, not from the fifth's
        assert again.ok
        assert again.steps[0].delivered == 300 - broken.steps[0].delivered + 1
        users.put(10, {"id00001": 71})
        assert read_of(await run(job, sandbox))[:2] == (2, (1, 1))


@pytest.mark.asyncio
async def test_a_run_that_goes_on_moves_the_watermark_as_far_as_it_has_read(
    users: Users, tmp_path: Path
) -> None:
    job = job_of(tmp_path)
    async with Sandbox() as sandbox:
        users.put(1, {f"id{n}": n for n in range(200)})
        sandbox.set_faults([Fault("status", status=503, after=2)])
        broken = await run(job, sandbox)
        users.put(5, {"id7": 70})  # which the run that goes on does not know
        sandbox.set_faults([])
        assert (await run(job, sandbox, resume=broken.run)).ok
        assert read_of(await run(job, sandbox))[:2] == (200, (1, 199))
        assert read_of(await run(job, sandbox))[:2] == (1, (0, 1))


@pytest.mark.asyncio
async def test_a_mirror_takes_back_only_when_all_rows_were_read(
    users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(tmp_path, TAG, full_days=7)
    async with Sandbox() as sandbox:
        users.put(1, {f"id{n}": 1 for n in range(60)})
        await run(job, sandbox)
        users.do("delete from users where user_id = 'id3'")
        users.put(2, {"new": 1, "id4": 2})
        users.put(2, {"id5": 1})
        plan = plan_job(job)
        assert (plan.steps[0].removed, plan.steps[0].known) == (0, 60)
        users.put(3, {"newer": 1})
        for day in (4, 5):
            users.put(day, {"id6": day})
            part = await run(job, sandbox)
            assert part.notes[0].startswith("only rows of the query")
            assert [step.name for step in part.steps] == ["tag"]
        assert sandbox.check("netmera", "untag_users").applied == 0
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=8)

        class Clock(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
                return later.astimezone(tz)

        monkeypatch.setattr("netaudience.jobs.state.readings.dt.datetime", Clock)
        whole = await run(job, sandbox)
        assert whole.notes == ["all rows of the query were read: the last time was 8 days ago"]
        assert [(step.delivered, step.takes_back) for step in whole.steps] == [(0, False), (1, True)]
        assert sandbox.check("netmera", "untag_users").applied == 1


def forget(folder: Path) -> None:
    for memory in folder.glob(".netaudience/nightly/snapshots/set@*"):
        memory.unlink()


@pytest.mark.asyncio
async def test_everything_is_read_where_what_is_known_is_of_something_else(
    users: Users, tmp_path: Path
) -> None:
    other = attrs.evolve(ONLY, name="other", where="age > 1")
    users.put(1, {f"id{n}": n for n in range(9)})
    users.put(3, {"new": 1})
    job = job_of(tmp_path, overlap=0)
    changed = "all rows of the query were read: the source, a step or its account is another one than before"
    unknown = "all rows of the query were read: it is not known yet how far it was read"

    async def notes(job: Job) -> list[str]:
        return (await run(job, sandbox)).notes

    async with Sandbox() as sandbox:
        assert await notes(job) == [unknown]
        two = attrs.evolve(job, steps=(ONLY, other))
        assert await notes(two) == [unknown]
        assert "only rows" in (await notes(two))[0]
        assert await notes(attrs.evolve(two, steps=(ONLY, attrs.evolve(other, where="age > 2")))) == [changed]
        assert await notes(job_of(tmp_path, sql="select * from users where age > 0", overlap=0)) == [changed]
        forget(tmp_path)
        assert await notes(job) == [unknown]


DAY = dt.datetime(2026, 1, 31, 12, 0, 0, 5, dt.UTC)


@pytest.mark.parametrize(
    ("values", "kind", "mark", "before"),
    [
        ([DAY, None, DAY - dt.timedelta(1)], None, "2026-01-31 12:00:00.000005+00:00", "11:59:00.000005"),
        ([DAY], pa.timestamp("ns", "UTC"), "2026-01-31 12:00:00.000005+00:00", "11:59:00.000005+00:00"),
        ([DAY.replace(tzinfo=None)], pa.timestamp("us"), "2026-01-31 12:00:00.000005", "11:59:00.000005"),
        ([DAY, dt.datetime(9999, 12, 31, tzinfo=dt.UTC)], pa.timestamp("us", "UTC"), "2026-01-31", "11:59"),
        ([DAY.date(), dt.date(9999, 12, 31)], pa.date32(), "2026-01-31", "2026-01-30"),
        ([7, 12, None], pa.int64(), "12", "-48"),
        ([Decimal("7.5"), Decimal("12.25")], pa.decimal128(9, 2), "12.25", "-47.75"),
        (["2026-01-31T12:00:00.5Z", "2026-01-30"], pa.string(), "2026-01-31T12:00:00.5Z", "T11:59:00"),
        (["2026-01-31", None, "9999-01-01"], pa.large_string(), "2026-01-31", "2026-01-30"),
        ([], pa.int64(), None, ""),
        ([None], pa.null(), None, ""),
    ],
)
def test_a_watermark_is_the_greatest_value_that_is_not_still_to_come(
    values: list[object], kind: object, mark: str | None, before: str
) -> None:
    source = Source(incremental="updated_at")
    rows = Greatest(source, "updated_at")
    assert [row["UPDATED_AT"] for row in rows.of_rows({"UPDATED_AT": one} for one in values)] == values
    batches = Greatest(source, "updated_at")
    batch = pa.record_batch([pa.array(values, kind)], ["UPDATED_AT"])
    assert list(batches.of_batches([batch])) == [batch]
    found = batches.watermark()
    assert found == rows.watermark()
    if mark is None:
        assert found is None
    else:
        assert found is not None
        assert found.value.startswith(mark)
        assert before in found.back(60).value
        assert found.back(0).value[:19] == found.value[:19]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.5], "float"),
        ([True], "bool"),
        (["yesterday"], "other text"),
        (["2026-01-31 12:00:00+03:00"], "other text"),
        (["x' or 1=1 --"], "other text"),
        ([DAY, DAY.replace(tzinfo=None)], "points in time with and without a zone"),
        ([1, "2026-01-31"], "values of several types"),
        ([Decimal("NaN")], "numbers that are none"),
    ],
)
def test_a_column_that_cannot_tell_what_is_new_is_refused(values: list[object], told: str) -> None:
    looking = Greatest(Source(), "at")
    with pytest.raises(ConfigurationError, match=f"The column 'at' holds {told}, by which it") as caught:
        list(looking.of_rows({"at": one} for one in values))
    assert "yesterday" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"The source gives no column 'at'.*: it gives id"):
        list(Greatest(Source(), "at").of_rows([{"id": 1}]))


START = 'key = "id"\n'
QUERY = START + 'connection = "dbapi:sqlite3"\nuri = { env = "U" }\nsql = "select 1"\n'


@pytest.mark.parametrize(
    ("source", "step", "sentence"),
    [
        (
            START + 'files = "u.csv"\nincremental = "at"',
            "",
            "incremental asks a connection, delta or iceberg",
        ),
        (QUERY + "incremental = true", "", "a query has no history of its own: name the column"),
        (QUERY + "incremental = false", "", "incremental must be the plain name of a column, or true"),
        (QUERY + 'incremental = "at; drop"', "", "incremental must be the plain name of a column, or true"),
        (QUERY + "overlap = 3", "", "overlap is about reading what is new, and all is read"),
        (QUERY + "full-days = 3", "", "full-days is about reading what is new, and all is read"),
        (QUERY + 'incremental = "at"\noverlap = -1', "", "overlap must be a number of seconds, 0 or more"),
        (QUERY + 'incremental = "at"\nfull-days = 0', "", "full_days must be a whole number of at least 1"),
        (START + 'delta = "d"\nincremental = true\noverlap = 3', "", "a table's history needs none"),
        ('delta = "d"\nincremental = true', "", 'incremental needs to know rows again: add key = "COLUMN"'),
        (QUERY + 'incremental = "at"', 'mode = "all"', 'only the memory of .* add mode = "changed-only"'),
        (
            QUERY + 'incremental = "at"',
            'mode = "mirror"\nremoval = "unset_profile_attributes"',
            "a mirror takes back what is gone, which only a reading of all rows shows: add full-days = 7",
        ),
        (
            QUERY + 'incremental = "at"',
            'mode = "changed-only"\nduplicates = "last"',
            "which row of a user is the last is only known where all are read",
        ),
        (
            QUERY + 'incremental = "at"\n[suppression]\nfiles = "o.csv"\nmatch = { id = "id" }',
            'mode = "changed-only"',
            r"with \[suppression\] all rows are read",
        ),
    ],
)
def test_what_reading_what_is_new_cannot_do_is_told(
    tmp_path: Path, source: str, step: str, sentence: str
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        f'[source]\n{source}\n[[step]]\nvendor = "netmera"\noperation = "set_profile_attributes"\n'
        f'{step or "mode = " + repr("changed-only")}\n[step.fields]\next_id = "id"\n"profile.age" = "age"\n'
    )
    with pytest.raises(ConfigurationError, match=sentence):
        read_job(path)


@pytest.mark.asyncio
async def test_placeholders_are_those_of_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB's own module takes a point in time as one, which no text has to stand for."""
    duckdb = pytest.importorskip("duckdb")
    place = tmp_path / "crm.duckdb"
    monkeypatch.setenv("WAREHOUSE_URI", str(place))
    with duckdb.connect(str(place)) as connection:
        connection.execute("create table users (user_id text, age int, updated_at timestamptz)")
        connection.execute("insert into users select 'id' || n, n, '2026-01-01 00:00Z' from range(9) t(n)")
    job = job_of(tmp_path, connection="dbapi:duckdb", overlap=0)
    async with Sandbox() as sandbox:
        await run(job, sandbox)
        with duckdb.connect(str(place)) as connection:
            connection.execute(
                "update users set age = 50, updated_at = '2026-01-02 00:00Z' where user_id = 'id3'"
            )
            connection.execute("update users set updated_at = '2025-12-31 00:00Z' where user_id = 'id4'")
        assert read_of(await run(job, sandbox))[:2] == (8, (1, 7))


@pytest.mark.parametrize(
    ("style", "query", "given"),
    [
        (None, "at >= '2026-01-31 11:59:00.000005+00:00' OR at IS NULL", None),
        ("qmark", "at >= ? OR", (DAY - dt.timedelta(minutes=1),)),
        ("numeric", "at >= :1 OR", (DAY - dt.timedelta(minutes=1),)),
        ("named", "at >= :since OR", {"since": DAY - dt.timedelta(minutes=1)}),
        ("format", "like 'a%%'\n) netaudience_rows WHERE at >= %s OR", (DAY - dt.timedelta(minutes=1),)),
        (
            "pyformat",
            "like 'a%%'\n) netaudience_rows WHERE at >= %(since)s",
            {"since": DAY - dt.timedelta(minutes=1)},
        ),
    ],
)
def test_the_database_leaves_out_what_is_old(style: str | None, query: str, given: object) -> None:
    source = Source(sql="select * from u where n like 'a%';", incremental="at", overlap=60)
    mark = Watermark("time", "2026-01-31 12:00:00.000005+00:00")
    found = _newer(source, mark, style)
    assert query in found[0]
    assert found[1:] == (() if given is None else (given,))
    assert (
        _newer(source, None, style)[0]
        == "SELECT * FROM (\nselect * from u where n like 'a%'\n) netaudience_rows"
    )
