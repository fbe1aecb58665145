"""What is new in real tables: PostgreSQL by a column, Delta by its change feed, Iceberg by its snapshots."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from job_runs import ID, SET, run
from killing import deadly_sandbox
from postgres import running_postgres

from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs import Job
from netaudience.jobs.plan.plan import plan_job
from netaudience.jobs.spec.model import Expression, Guards, Share, Source, Step
from netaudience.jobs.state.summary import Summary
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox

pytestmark = pytest.mark.slow

pa = pytest.importorskip("pyarrow")
ONLY = attrs.evolve(
    SET, name="set", mode="changed-only", fields={"ext_id": ID, "profile.age": Expression(sql="age + 0")}
)
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def users(day: int, **ages: int) -> Any:
    return pa.table(
        {
            "user_id": pa.array([*ages], pa.string()),
            "age": pa.array(list(ages.values()), pa.int32()),
            "updated_at": pa.array([DAY + dt.timedelta(day)] * len(ages), pa.timestamp("us", "UTC")),
        }
    )


def job_of(folder: Path, **source: object) -> Job:
    return Job(
        name="nightly", path=folder / "job.toml", source=Source(key=("user_id",), **source),  # type: ignore[arg-type]
        steps=(ONLY,), guards=Guards(preflight=False),
    )  # fmt: skip


async def night(job: Job, sandbox: Sandbox) -> tuple[int | None, int, str]:
    """Run a job; return how many rows were read, how many were delivered, and what a plan has told before."""
    told = plan_job(job)
    summary = await run(job, sandbox, plan_digest=told.digest)
    assert list(told.notes) == summary.notes
    assert summary.ok
    return summary.source_rows, summary.steps[0].delivered, told.notes[0]


@pytest.mark.asyncio
async def test_the_changes_of_a_delta_table_are_its_rows_that_are_new(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    place = str(tmp_path / "lake" / "users")
    feed = {"delta.enableChangeDataFeed": "true"}
    deltalake.write_deltalake(place, users(1, id1=1, id2=2, id3=3, id4=4), configuration=feed)
    job = job_of(tmp_path, delta="lake/users", incremental=True)
    async with Sandbox() as sandbox:
        unknown = "all rows of the Delta table users were read: it is not known yet how far it was read"
        assert await night(job, sandbox) == (4, 4, unknown)
        table = deltalake.DeltaTable(place)
        table.update(updates={"age": "20"}, predicate="user_id = 'id2'")
        table.update(updates={"age": "21"}, predicate="user_id = 'id2'")  # of two changes the last counts
        table.update(updates={"age": "30"}, predicate="user_id = 'id3'")
        table.update(updates={"age": "3"}, predicate="user_id = 'id3'")  # is as it was, and read all the same
        table.delete("user_id = 'id4'")
        deltalake.write_deltalake(place, users(2, id5=5, id6=6), mode="append")
        deltalake.DeltaTable(place).delete("user_id = 'id6'")  # came, and went
        since = "only what has changed in the Delta table users since its version 0 was read"
        assert await night(job, sandbox) == (3, 2, since)
        assert await night(job, sandbox) == (0, 0, since.replace("0", "7"))
        deltalake.write_deltalake(place, users(3, id9=1), mode="append")
        assert (await night(job, sandbox))[:2] == (1, 1)
        # A table that was made anew has fewer versions.
        for file in (tmp_path / "lake" / "users" / "_delta_log").iterdir():
            file.unlink()
        deltalake.write_deltalake(place, users(4, id1=1, id7=7), configuration=feed)
        anew = "all rows of the Delta table users were read: it has been made anew since version 8"
        assert await night(job, sandbox) == (2, 1, anew)
        table = deltalake.DeltaTable(place)
        table.alter.set_table_properties({"delta.enableChangeDataFeed": "false"})
        with pytest.raises(ConfigurationError, match="keeps no changes: set its property"):
            plan_job(job)


#: A segment whose members are those of the source that are older than twenty.
TAGGED = Step(
    name="tag", vendor="netmera", operation="tag_users", arguments={"tag": "Sport"}, fields={"ext_id": ID},
    mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"}, where="age > 20", max_rows=1000,
)  # fmt: skip


def tagged(sandbox: Sandbox) -> set[str]:
    return {name for name, user in sandbox.netmera.users.items() if "Sport" in user.tags}


def read_of(summary: Summary) -> tuple[int | None, dict[str, tuple[int, int]]]:
    """Return how many rows were read, and by step how many were delivered and rejected."""
    return summary.source_rows, {step.name: (step.delivered, step.rejected) for step in summary.steps}


@pytest.mark.asyncio
async def test_a_mirror_takes_back_what_the_changes_of_a_delta_table_say_is_gone(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    place = str(tmp_path / "lake" / "users")
    feed = {"delta.enableChangeDataFeed": "true"}
    many = {f"m{number}": 50 for number in range(20_000)}
    deltalake.write_deltalake(place, users(1, id1=30, id2=30, id3=30, id4=30, **many), configuration=feed)
    job = attrs.evolve(job_of(tmp_path, delta="lake/users", incremental=True), steps=(TAGGED,))
    everybody = {"id1", "id2", "id3", "id4", *many}

    def change(user: str, age: int | None, to: str = "") -> None:
        table = deltalake.DeltaTable(place)
        if age is None:
            table.delete(f"user_id = '{user}'")
        else:
            table.update(
                updates={"age": str(age), "user_id": f"'{to or user}'"}, predicate=f"user_id = '{user}'"
            )

    async with Sandbox() as sandbox:
        assert read_of(await run(job, sandbox)) == (20_004, {"tag": (20_004, 0)})
        change("id1", None)
        change("id2", 10)  # is not of the step any more
        change("id3", 30, to="id5")  # is somebody else by now
        change("id4", 31)
        deltalake.write_deltalake(place, users(2, id6=40, id7=40), mode="append")
        change("id7", None)  # came, and went
        plan = plan_job(job)
        assert (plan.rows, plan.steps[0].added, plan.steps[0].removed) == (4, 2, 3)
        assert read_of(await run(job, sandbox, plan_digest=plan.digest)) == (
            4, {"tag": (2, 0), "tag removal": (3, 0)},
        )  # fmt: skip
        assert tagged(sandbox) == everybody - {"id1", "id2", "id3"} | {"id5", "id6"}
        assert read_of(await run(job, sandbox)) == (0, {"tag": (0, 0)})
        # Whoever comes back is there again, and all rows tell the same as the changes have.
        deltalake.write_deltalake(place, users(3, id1=30), mode="append")
        assert read_of(await run(job, sandbox)) == (1, {"tag": (1, 0)})
        whole = attrs.evolve(job, source=attrs.evolve(job.source, full=True))
        assert read_of(await run(whole, sandbox)) == (20_005, {"tag": (0, 0)})


@pytest.mark.asyncio
async def test_what_changes_have_told_once_is_taken_back_by_a_later_run(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    place = str(tmp_path / "users")
    feed = {"delta.enableChangeDataFeed": "true"}
    deltalake.write_deltalake(place, users(1, **{f"id{n}": 30 for n in range(1, 9)}), configuration=feed)
    job = attrs.evolve(job_of(tmp_path, delta="users", incremental=True), steps=(TAGGED,))
    job = attrs.evolve(job, guards=Guards(preflight=False, max_removals=Share(count=1)))

    def delete(user: str) -> None:
        deltalake.DeltaTable(place).delete(f"user_id {user}")

    async with Sandbox() as sandbox:
        await run(job, sandbox)
        # The vendor refuses one night: the next changes do not tell it again.
        delete("= 'id1'")
        sandbox.set_faults([Fault("status", status=400, operation="untagUsers")])
        refused = await run(job, sandbox)
        assert read_of(refused)[1] == {"tag": (0, 0), "tag removal": (0, 1)}
        sandbox.set_faults([])
        assert read_of(await run(job, sandbox))[1] == {"tag": (0, 0), "tag removal": (1, 0)}
        # A guard refuses another one.
        delete("in ('id2', 'id3')")
        with pytest.raises(GuardRefused, match="would remove 2 of the 7 rows"):
            await run(job, sandbox)
        deltalake.write_deltalake(place, users(2, id2=30), mode="append")
        assert read_of(await run(job, sandbox))[1] == {"tag": (1, 0), "tag removal": (1, 0)}
        assert tagged(sandbox) == {f"id{n}" for n in (2, 4, 5, 6, 7, 8)}
        # A row without a key may be about anybody, so nothing is gone until it has one.
        nobody = users(3, it=30).set_column(0, "user_id", pa.array([None], pa.string()))
        deltalake.write_deltalake(place, nobody, mode="append")
        for rows in (1, 1):
            assert read_of(await run(job, sandbox)) == (rows, {"tag": (0, 1)})
        delete("= 'id4'")
        for _ in range(2):
            held = await run(job, sandbox)
            assert read_of(held) == (1, {"tag": (0, 1)})
            assert "1 removal is held back" in held.sentences()[0]
        delete("is null")
        assert read_of(await run(job, sandbox)) == (0, {"tag": (0, 0), "tag removal": (1, 0)})


@pytest.mark.asyncio
async def test_what_a_stopped_run_has_sent_is_put_right_though_its_row_is_as_before(tmp_path: Path) -> None:
    """The version that was read stays where it was, and between it and now the row is as it always was."""
    deltalake = pytest.importorskip("deltalake")
    place = str(tmp_path / "users")
    feed = {"delta.enableChangeDataFeed": "true"}
    deltalake.write_deltalake(place, users(1, id1=1, id2=2, id3=3), configuration=feed)
    job = attrs.evolve(
        job_of(tmp_path, delta="users", incremental=True), steps=(attrs.evolve(ONLY, max_rows=1),)
    )
    async with Sandbox() as sandbox:
        await run(job, sandbox)
        table = deltalake.DeltaTable(place)
        table.update(updates={"age": "100"}, predicate="user_id = 'id1'")
        table.update(updates={"age": "200"}, predicate="user_id = 'id2'")
        sandbox.set_faults([Fault("status", status=401, after=1)])
        stopped = await run(job, sandbox)
        assert stopped.steps[0].delivered == 1
        sandbox.set_faults([])
        table.update(updates={"age": "1"}, predicate="user_id = 'id1'")
        table.update(updates={"age": "2"}, predicate="user_id = 'id2'")
        assert (await run(job, sandbox)).steps[0].delivered == 1
        ages = {name: user.profile["age"] for name, user in sandbox.netmera.users.items()}
        assert ages == {"id1": 1, "id2": 2, "id3": 3}


@pytest.mark.asyncio
async def test_a_delta_table_without_changes_is_read_by_a_column(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    place = str(tmp_path / "users")
    deltalake.write_deltalake(place, users(1, id1=1, id2=2))
    job = job_of(tmp_path, delta="users", incremental="UPDATED_AT", overlap=0)
    async with Sandbox() as sandbox:
        await night(job, sandbox)
        deltalake.DeltaTable(place).delete("user_id = 'id2'")
        deltalake.write_deltalake(place, users(3, id2=20, id3=3), mode="append")
        deltalake.write_deltalake(place, users(0, id8=3), mode="append")  # comes too late for the overlap
        deltalake.DeltaTable(place).delete("user_id = 'id1'")
        read, delivered, told = await night(job, sandbox)
        assert "whose UPDATED_AT is 2026-01-02 00:00:00.000000+00:00 or later, or empty" in told
        assert (read, delivered) == (2, 2)
        late = attrs.evolve(job, source=attrs.evolve(job.source, overlap=7 * 86_400.0))
        assert (await night(late, sandbox))[1] == 1


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    catalogs = pytest.importorskip("pyiceberg.catalog")
    pytest.importorskip("sqlalchemy")
    (tmp_path / "warehouse").mkdir()
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{tmp_path}/warehouse")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", type(catalogs._ENV_CONFIG)())
    with closing(catalogs.load_catalog("lake")) as catalog:
        catalog.create_namespace("crm")
        yield catalog


def moment(snapshot: Any) -> str:
    return str(dt.datetime.fromtimestamp(snapshot.timestamp_ms // 1000, dt.UTC))


@pytest.mark.asyncio
async def test_of_an_iceberg_table_only_files_are_read_that_are_new(catalog: Any, tmp_path: Path) -> None:
    table = catalog.create_table("crm.users", schema=users(1).schema)
    table.append(users(1, id1=1, id2=2))
    table.append(users(1, id3=3))
    first = table.current_snapshot()
    job = job_of(tmp_path, iceberg="lake.crm.users", incremental=True)
    async with Sandbox() as sandbox:
        assert (await night(job, sandbox))[:2] == (3, 3)
        table.append(users(2, id4=4))
        table.overwrite(users(2, id1=10), overwrite_filter="user_id = 'id1'")  # writes id2 anew as well
        since = (
            f"only what has changed in the Iceberg table users since its snapshot of {moment(first)} was read"
        )
        assert await night(job, sandbox) == (3, 2, since)
        assert (await night(job, sandbox))[:2] == (0, 0)
        table.delete("user_id = 'id3'")
        table.append(users(2, id5=5))
        newest = table.current_snapshot()
        assert (await night(job, sandbox))[:2] == (1, 1)
        # What was rolled back may show rows again that stand in files of long ago.
        table.manage_snapshots().set_current_snapshot(snapshot_id=first.snapshot_id).commit()
        gone = f"its snapshot of {moment(newest)} is gone, or is none of those that the table comes from"
        assert await night(job, sandbox) == (3, 1, f"all rows of the Iceberg table users were read: {gone}")


@pytest.mark.asyncio
async def test_an_iceberg_table_is_read_by_a_column(catalog: Any, tmp_path: Path) -> None:
    table = catalog.create_table("crm.users", schema=users(1).schema)
    table.append(users(1, id1=1, id2=2))
    job = job_of(tmp_path, iceberg="lake.crm.users", incremental="updated_at")
    async with Sandbox() as sandbox:
        assert (await night(job, sandbox))[:2] == (2, 2)
        table.overwrite(users(3, id1=10), overwrite_filter="user_id = 'id1'")
        assert (await night(job, sandbox))[:2] == (2, 1)  # what stands at the watermark is read once more
        assert (await night(job, sandbox))[:2] == (1, 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("adbc_driver_postgresql")
    with running_postgres(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setenv("WAREHOUSE_URI", server)
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")

    def execute(*statements: str) -> None:
        with dbapi.connect(server) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    execute("drop table if exists users")
    return execute


def command(*arguments: object, sandbox: BackgroundSandbox, folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "netaudience", *map(str, arguments)],
        env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["timestamptz", "date", "bigint"])
def test_a_run_of_postgresql_that_is_killed_keeps_the_watermark(
    postgres: Callable[..., None], tmp_path: Path, kind: str
) -> None:
    """Killed in the middle, the next run reads from where the last whole one had read."""
    days = [f"'2026-01-0{day} 12:00'" if kind != "bigint" else f"{day}000" for day in range(1, 6)]
    postgres(
        f"create table users as select 'id' || i as user_id, i as age, {days[0]}::{kind} as updated_at from "
        " generate_series(1, 2000) i"
    )
    job = tmp_path / "job.toml"
    job.write_text(
        '[source]\nconnection = "postgresql"\nuri = { env = "WAREHOUSE_URI" }\nkey = "user_id"\n'
        'sql = "select * from users"\nincremental = "updated_at"\noverlap = 60\n'
        '[[step]]\nname = "set"\nvendor = "netmera"\noperation = "set_profile_attributes"\nmax_rows = 20\n'
        'mode = "changed-only"\nrate = 400\n[step.fields]\next_id = "user_id"\n"profile.age" = "age"\n'
    )
    served, executioner = deadly_sandbox()

    def night(*more: str) -> dict[str, Any]:
        out, err = command("run", job, "--json", *more, sandbox=sandbox, folder=tmp_path).communicate()
        assert out, err
        return dict(json.loads(out))

    with BackgroundSandbox(served) as sandbox:
        assert night()["steps"][0]["delivered"] == 2000
        postgres(f"update users set age = age + 1, updated_at = {days[1]} where age <= 1000")
        process = command("run", job, sandbox=sandbox, folder=tmp_path)
        executioner.condemn(process, 20)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        postgres(f"update users set age = 3000, updated_at = {days[3]} where user_id = 'id7'")
        summary = night()
        assert summary["source_rows"] == 2000
        assert 0 < summary["steps"][0]["delivered"] <= 1000
        sandbox_has = sandbox.check("netmera", "set_profile_attributes")
        assert sandbox_has.applied == 2000
        postgres(f"update users set age = 1, updated_at = {days[4]} where user_id = 'id9'")
        summary = night()
        assert summary["source_rows"] == 2
        assert summary["steps"][0]["delivered"] == 1
        assert summary["is_part"] is True
        assert night("--full")["source_rows"] == 2000
