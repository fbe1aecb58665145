"""Jobs whose rows the executors of a real Spark read and send: nights, guards, and what is killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import children, wait_until, workers

from netaudience import ConfigurationError, GuardRefused
from netaudience.jobs import Job
from netaudience.jobs.spark.delivered import Delivered
from netaudience.jobs.spark.memory import DIGEST, Note
from netaudience.jobs.spark.storage import Storage

pytestmark = [
    pytest.mark.slow,
    # Spark's own: of its workers' sockets, and of pandas, which it looks at.
    pytest.mark.filterwarnings("ignore"),
]
PROFILES = """
[source]
{source}
key = "id"
[quotas]
where = "quotas.db"
account = "shop"
[guards]
preflight = false
max-rejected = "20%"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
mode = "changed-only"
rate = {rate}
fields = {{ ext_id = "id", "profile.age" = "age", "profile.city" = {{ sql = "upper(city)" }} }}
"""

EVENTS = PROFILES.replace("set_profile_attributes", "fire_events").partition("fields =")[0] + (
    'fields = {{ ext_id = "id", name = {{ value = "Seen" }}, "attributes.age" = "age" }}\nmax-rows = 100\n'
)


@pytest.fixture
def job(tmp_path):
    """`job()` writes a job file and reads it."""

    def job(source='sql = "select * from people"', rate=50, text=PROFILES):
        path = tmp_path / "job.toml"
        path.write_text('name = "night"\n' + text.format(source=source, rate=rate))
        return Job.load(path)

    return job


def people(spark, count, *, older=0):
    """Make a table; some are a year older."""
    spark.range(count).selectExpr(
        "concat('customer-', id) as id",
        f"cast(20 + id % 50 + if(id < {older}, 1, 0) as string) as age",
        "if(id % 7 = 0, null, 'Bursa') as city",
    ).createOrReplaceTempView("people")


def night(job, spark, **told):
    return asyncio.run(job.run(on=spark, **told))


def counts(summary):
    (step,) = summary.steps
    assert summary.reconciles
    return step.delivered, step.unchanged, step.added, step.changed


def applied(sandbox):
    return sum(sandbox.ledger.applied["netmera", "setProfileAttributes"].values())


@pytest.mark.usefixtures("fresh")
def test_a_second_night_sends_what_has_changed_and_a_third_nothing(spark, sandbox, job):
    people(spark, 3000)
    first = night(job(), spark)
    assert (first.ok, first.source_rows, first.engine) == (True, 3000, "spark")
    assert counts(first) == (3000, 0, 3000, 0)
    assert sandbox.netmera.users["customer-8"].profile == {"age": "28", "city": "BURSA"}
    people(spark, 3010, older=5)
    assert counts(night(job(), spark)) == (15, 2995, 10, 5)
    third = night(job(), spark)
    assert counts(third) == (0, 3010, 0, 0)
    assert applied(sandbox) == 3015
    folder = Path(third.folder)
    assert (folder / "report.html").exists()
    assert json.loads((folder / "summary.json").read_bytes())["engine"] == "spark"
    assert not (folder / "spark").exists()  # it held all rows
    job().path.with_name("people.csv").write_text("id,age,city\na,1,Bursa\n")
    with pytest.raises(ConfigurationError, match="carried on Spark so far"):
        asyncio.run(job(source='files = "people.csv"').run())


@pytest.mark.usefixtures("fresh")
def test_steps_follow_one_another_each_with_its_rows(spark, sandbox, job):
    people(spark, 1000)
    tags = """
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = {{ tag = "vip" }}
where = "cast(age as int) >= 60"
rate = {rate}
fields = {{ ext_id = "id" }}
"""
    summary = night(job(text=PROFILES + tags), spark)
    assert summary.ok
    assert [(step.name, step.total) for step in summary.steps] == [
        ("netmera-set-profile-attributes", 1000),
        ("netmera-tag-users", 200),
    ]
    assert sum("vip" in user.tags for user in sandbox.netmera.users.values()) == 200


def test_of_a_run_that_died_only_what_was_noted_is_known(spark, job, tmp_path):
    """A row that was on its way when the driver died is sent again, and be it as it was before."""
    (step,) = job().steps
    delivered = Delivered(spark, tmp_path / "delivered")

    def begun(night, *ages):
        frame = spark.createDataFrame(
            [(f"c{n}", str(age), "x") for n, age in enumerate(ages)], "id string, age string, city string"
        )
        run = tmp_path / night / "spark" / "step"
        found = delivered.differing(frame, step, ("id",), run)
        delivered.begin(run)
        return run, found

    def note(run, found, *ids):
        told = [Note(b"d", bytes(row[DIGEST])) for row in found.frame.collect() if row["id"] in ids]
        storage = Storage(str(run / "memory" / "00000"))
        storage.write("-1-0-0.notes", b"".join(note.line() for note in told))

    run, found = begun("first", 1, 2, 3)
    note(run, found, "c0", "c1", "c2")
    delivered.settle()
    run, found = begun("second", 11, 12, 3)
    assert (found.added, found.changed, found.total) == (0, 2, 3)
    note(run, found, "c0")
    # The driver dies here, and c1 may have arrived as 12; the source then says 2 again.
    delivered.settle()
    delivered.settle()  # twice does no harm
    _, found = begun("third", 11, 2, 3)
    assert [row["id"] for row in found.frame.collect()] == ["c1"]
    assert (found.added, found.changed) == (1, 0)


def rows():
    """Return rows with what is written in many ways."""
    return {
        "id": ["a", "b", "c", "d"],
        "age": [1, None, 2**53 + 1, -3],
        "city": ["Bursa", 'İzmir "x", y', None, "line\nbreak"],
        "born": [dt.date(1990, 1, 2), None, dt.date(2000, 12, 31), dt.date(1970, 1, 1)],
        "seen": [dt.datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=dt.UTC)] * 4,
        "spent": [Decimal("1.50"), Decimal("0.10"), None, Decimal("1234567.89")],
        "share": [0.1, 1e300, 2.0, None],
        "vip": [True, False, None, True],
        "tags": [["a", "b"], [], None, ["ç"]],
    }


@pytest.mark.parametrize("form", ["parquet", "csv", "tsv"])
@pytest.mark.usefixtures("fresh")
def test_the_rows_are_the_same_bytes_as_the_command_sends(spark, sandbox, job, tmp_path, form):
    path = tmp_path / f"rows.{form}"
    table = pa.table(rows())
    if form == "parquet":
        pq.write_table(table, path)
    else:
        sep = "," if form == "csv" else "\t"
        quoted = '"İzmir ""x"", y"', '"line\nbreak"', '""'
        text = "id,age,city,born,seen,spent,share,vip,tags\n".replace(",", sep)
        for place, name in enumerate("abc"):
            text += sep.join([name, "07", quoted[place], "1990-01-02", "", "1.50", "1e3", "true", "x"]) + "\n"
        path.write_text(text, encoding="utf-8")
    columns = [name for name in rows() if name != "id"]
    fields = ", ".join(f'"profile.{name}" = "{name}"' for name in columns)
    text = f"""
[source]
files = "{path.name}"
[guards]
preflight = false
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
fields = {{{{ ext_id = "id", {fields} }}}}
"""

    def sent():
        body = sandbox.ledger.bodies[-1].text
        sandbox.reset()
        return body

    here = job(text=text)
    assert asyncio.run(here.run()).ok
    alone = sent()
    assert night(here, spark).ok
    assert sent() == alone
    command = [sys.executable, "-m", "netaudience", "netmera", "set-profile-attributes", str(path)]
    subprocess.run([*command, "--column", "ext_id=id", "--no-preflight", "--quiet"], check=True)
    assert sent() == alone


@pytest.mark.usefixtures("fresh")
def test_guards_refuse_before_anything_is_sent(spark, sandbox, job):
    people(spark, 0)
    with pytest.raises(GuardRefused, match="no row at all"):
        night(job(), spark)
    people(spark, 10)
    twice = "select * from people union all select id, '99' as age, city from people where id = 'customer-3'"
    with pytest.raises(ConfigurationError, match="1 key stands in several rows with other values"):
        night(job(source=f'sql = "{twice}"'), spark)
    with pytest.raises(ConfigurationError, match="no column 'age'"):
        night(job(source='sql = "select id, city from people"'), spark)
    with pytest.raises(ConfigurationError, match=r"Spark cannot read the source: .*nobody"):
        night(job(source='sql = "select * from nobody"'), spark)
    with pytest.raises(ConfigurationError, match="CAST_INVALID_INPUT, as its log says") as told:
        night(job(source='sql = "select id, cast(city as int) as age, city from people"'), spark)
    assert "Bursa" not in "".join(traceback.format_exception(told.value)), "a value of a row"
    for package in ('delta = "people"', 'iceberg = "ice.shop.people"'):
        with pytest.raises(ConfigurationError, match="needs the package of"):
            night(job(source=package), spark)
    assert not applied(sandbox)
    assert not list((job().path.parent / ".netaudience" / "night" / "runs").glob("*"))


@pytest.mark.usefixtures("fresh")
def test_too_many_rejected_rows_stop_the_run_and_are_dead_letters(spark, sandbox, job):
    spark.range(20_000).selectExpr(
        "if(id % 2 = 0, '', concat('customer-', id)) as id", "1 as age", "'Bursa' as city"
    ).createOrReplaceTempView("people")
    text = PROFILES.replace('key = "id"\n', "").replace('mode = "changed-only"\n', "")
    summary = night(job(text=text), spark)
    (step,) = summary.steps
    assert (summary.exit_code, step.stopped_by) == (5, "GuardRefused")
    assert "max-rejected is 20%" in step.stopped
    assert step.delivered < 10_000
    assert summary.reconciles
    letters = [json.loads(line) for line in (Path(summary.folder) / "rejects.jsonl").open("rb")]
    outcomes = Counter(letter["outcome"] for letter in letters)
    # Rows that a task had read before it was stopped are reported as well.
    assert outcomes["rejected"] == step.rejected
    assert set(outcomes) <= {"rejected", "unsent"}
    assert summary.resume_command is None
    again = asyncio.run(job(text=text).run(retry=summary.run))  # as any run's, and without Spark
    assert [one.rejected for one in again.steps] == [step.rejected]
    with pytest.raises(ConfigurationError, match="was on Spark"):
        asyncio.run(job(text=text).run(resume=summary.run))


@contextmanager
def killing_workers(when):
    """Kill Spark's workers once, as soon as something is so."""

    def kill():
        wait_until(when)
        for pid in workers(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()


@pytest.mark.usefixtures("fresh")
def test_a_killed_worker_costs_no_row(spark, sandbox, job):
    people(spark, 20_000)

    with killing_workers(lambda: applied(sandbox) >= 5000):
        summary = night(job(rate=5), spark)
    assert summary.ok
    assert counts(summary) == (20_000, 0, 20_000, 0)
    assert len(sandbox.ledger.applied["netmera", "setProfileAttributes"]) == 20_000
    # What was on its way, and what was answered in the last second.
    assert 20_000 <= applied(sandbox) < 30_000
    assert counts(night(job(), spark)) == (0, 20_000, 0, 0)


@pytest.mark.usefixtures("fresh")
def test_what_must_not_be_repeated_comes_once_though_its_workers_are_killed(spark, sandbox, job):
    people(spark, 4000)
    came = sandbox.ledger.applied["netmera", "fireEvents"]
    sandbox.set_faults("latency=0.3,operation=fireEvents")
    with killing_workers(lambda: len(came) >= 1_000):
        first = night(job(text=EVENTS), spark)
    sandbox.set_faults()
    (step,) = first.steps
    assert first.reconciles
    assert step.rows == 4000
    assert step.in_doubt > 0
    assert step.delivered + step.in_doubt == 4000
    assert max(came.values()) == 1
    second = night(job(text=EVENTS), spark)
    assert second.steps[0].delivered == 0, "what is in doubt is for people, not for the next night"
    people(spark, 4010)
    assert night(job(text=EVENTS), spark).steps[0].delivered == 10
    assert max(came.values()) == 1


def test_a_killed_driver_is_run_again_and_sends_the_rest(sandbox, fresh, job, tmp_path):
    """By the command, which starts a Spark of its own."""
    count = 20_000
    table = pa.table(
        {"id": [f"customer-{n}" for n in range(count)], "age": ["1"] * count, "city": ["x"] * count}
    )
    pq.write_table(table, tmp_path / "people.parquet")
    here = job(source='files = "people.parquet"', rate=5)
    command = [sys.executable, "-m", "netaudience", "run", str(here.path), "--on", "spark", "--json"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYSPARK_SUBMIT_ARGS"] = "--master local[2,4] --conf spark.ui.enabled=false pyspark-shell"
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        wait_until(lambda: applied(sandbox) >= 8000, seconds=300.0)
        mine = children(first.pid)
        first.kill()
    for pid in mine:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    sent = applied(sandbox)
    again = subprocess.run(command, env=environment, capture_output=True, check=True)
    (step,) = json.loads(again.stdout)["steps"]
    assert step["delivered"] + step["unchanged"] == count
    assert 0 < step["unchanged"] <= sent
    assert len(sandbox.ledger.applied["netmera", "setProfileAttributes"]) == count
    assert applied(sandbox) < count + 8000
    assert "429" not in sandbox.ledger.statuses["netmera", "setProfileAttributes"]
