"""A real Spark with workers of its own: frames and streams, and tasks that fail."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import wait_until, workers

from netaudience import ConfigurationError
from netaudience.spark import ordered, register, report, undelivered

pytestmark = [
    pytest.mark.slow,
    # Spark's own: of its workers' sockets, and of pandas, which it looks at.
    pytest.mark.filterwarnings("ignore"),
]
TAGS = {"vendor": "netmera", "operation": "tag_users", "arg.tag": "vip", "preflight": "false"}


def write(frame, **options):
    frame.write.format("netaudience").options(**options).mode("append").save()


def users(spark, count, partitions):
    return spark.range(count).repartition(partitions).selectExpr("concat('customer-', id) as ext_id")


def answers(sandbox):
    return sandbox.ledger.statuses["netmera", "tagUsers"]


def test_four_tasks_keep_the_limit_of_one_account(spark, sandbox, fresh, tmp_path):
    place = str(tmp_path / "run")
    write(users(spark, 100_000, 4), **TAGS, **fresh, outcomes=place)
    assert answers(sandbox) == {"200": 100}
    told = report(place)
    assert (told.ok, told.partitions, told.rows, told.requests, told.throttles) == (True, 4, 100_000, 100, 0)
    assert undelivered(spark, place).count() == 0


def test_bad_rows_are_a_frame_and_the_others_arrive(spark, sandbox, fresh, tmp_path):
    place = str(tmp_path / "run")
    frame = users(spark, 1000, 4).unionAll(spark.sql("select cast(null as string) as ext_id"))
    with pytest.raises(Exception, match="Of 1,001 rows 1 were not delivered"):
        write(frame, **TAGS, **fresh, outcomes=place)
    assert report(place).delivered == 1000
    (row,) = undelivered(spark, place).collect()
    assert (row.outcome, row.by, row.operation) == ("rejected", "source", "tag_users")
    with pytest.raises(Exception, match="another write"):
        write(frame, **TAGS, **fresh, outcomes=place)
    write(frame, **TAGS, **fresh, outcomes=f"{place}-2", failOn="failed")


def test_a_worker_that_is_used_again_has_the_settings_of_the_new_write(spark, sandbox, fresh, tmp_path):
    write(users(spark, 2000, 1), **TAGS, **fresh)
    other = {"account": "another", "rate": "20", "maxRows": "100", "quotas": str(tmp_path / "other.db")}
    write(users(spark, 2000, 1), **{**TAGS, "arg.tag": "gold"}, **other)
    assert answers(sandbox) == {"200": 2 + 20}
    assert sandbox.netmera.users["customer-7"].tags == {"vip", "gold"}


def test_no_secret_is_in_the_event_log(spark, key_file, fresh, tmp_path):
    write(users(spark, 10, 1), **TAGS, **fresh, outcomes=str(tmp_path / "run"))
    (log,) = spark.events.iterdir()
    told = log.read_text()
    assert "SparkListenerJobEnd" in told
    assert key_file.read_text() not in told


def test_an_empty_frame_is_delivered(spark, fresh, tmp_path):
    write(users(spark, 1, 4).where("ext_id = 'nobody'"), **TAGS, **fresh, outcomes=str(tmp_path / "run"))
    assert report(str(tmp_path / "run")).ok
    assert undelivered(spark, str(tmp_path / "run")).count() == 0


def failing(flag, how):
    """Return what fails once in the middle of the first partition, by an exception or by a kill."""

    def rows(batches):
        import pyarrow as pa  # noqa: PLC0415 - in a worker
        from pyspark import TaskContext  # noqa: PLC0415 - likewise

        for batch in batches:
            if TaskContext.get().partitionId() == 1 and not flag.exists():
                half = batch.num_rows // 2
                yield batch.slice(0, half)
                time.sleep(3)  # as a source that is slow, while what it gave is on its way
                flag.touch()
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise RuntimeError("the source broke")
            yield pa.RecordBatch.from_pydict(batch.to_pydict(), schema=batch.schema)

    return rows


@pytest.mark.parametrize("how", ["raise", "kill"])
def test_a_task_that_failed_is_tried_again_and_every_row_arrives(spark, sandbox, fresh, tmp_path, how):
    place, memory = str(tmp_path / "run"), str(tmp_path / "memory")
    frame = users(spark, 40_000, 4)
    broken = frame.mapInArrow(failing(tmp_path / "flag", how), frame.schema)
    write(broken, **TAGS, **fresh, outcomes=place, memory=memory)
    assert (tmp_path / "flag").exists()
    told = report(place)
    assert (told.ok, told.rows) == (True, 40_000)
    assert len(sandbox.ledger.applied["netmera", "tagUsers"]) == 40_000
    assert "429" not in answers(sandbox)


@pytest.mark.parametrize("how", ["status", "kill"])
def test_a_task_that_failed_is_tried_again_and_what_must_not_be_repeated_comes_once(
    spark, sandbox, fresh, tmp_path, how
):
    """In the middle of its partition, while requests are in flight."""
    place = str(tmp_path / "run")
    events = {"vendor": "netmera", "operation": "fire_events", "preflight": "false", "maxRows": "100"}
    told = {**events, **fresh, "outcomes": place, "memory": str(tmp_path / "memory"), "failOn": "none"}
    frame = users(spark, 4_000, 4).selectExpr("ext_id", "'login' as name")
    faults = ["latency=0.3,operation=fireEvents"]
    came = sandbox.ledger.applied["netmera", "fireEvents"]
    if how == "status":
        faults.append("status=401,operation=fireEvents,after=12,first=1")
    sandbox.set_faults(*faults)

    def kill():
        wait_until(lambda: len(came) >= 1_000)
        for pid in workers(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill if how == "kill" else came.copy)
        write(frame, **told)
        killing.result()
    sandbox.set_faults()
    found = report(place)
    assert max(came.values()) == 1
    assert (found.missing, found.rows) == ("", 4_000)
    assert found.delivered + found.known + found.in_doubt == 4_000
    assert found.known > 0
    assert found.in_doubt == undelivered(spark, place).where("outcome = 'in_doubt'").count()
    assert len(list((tmp_path / "memory").glob("*/*.begun"))) > 4


def test_the_newest_of_a_users_rows_is_the_one_that_stays(spark, sandbox, fresh):
    rows = [(f"customer-{user}", version) for version in range(5) for user in range(2000)]
    frame = spark.createDataFrame(rows, "ext_id string, n int").repartition(7)
    profiles = {"vendor": "netmera", "operation": "set_profile_attributes", "preflight": "false"}
    write(ordered(frame, "ext_id", "n"), **profiles, **fresh)
    assert {user.profile["n"] for user in sandbox.netmera.users.values()} == {4}
    sandbox.reset()
    write(ordered(frame, "ext_id", "n", last=True), **profiles, **fresh)
    assert sum(sandbox.ledger.applied["netmera", "setProfileAttributes"].values()) == 2000


def test_a_stream_goes_on_where_it_was(spark, sandbox, fresh, tmp_path):
    place, source = str(tmp_path / "run"), tmp_path / "source"
    for number in range(2):
        users(spark, 3000, 2).write.mode("append").parquet(str(source))
        stream = spark.readStream.schema("ext_id string").parquet(str(source))
        query = (
            stream.writeStream.format("netaudience")
            .options(**TAGS, **fresh, outcomes=place, memory=str(tmp_path / "memory"))
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        assert report(place).rows == 3000 * (number + 1)
    assert report(place).ok


def test_wrong_options_end_the_write_before_a_task(spark, fresh):
    with pytest.raises(Exception, match="credentials come from the environment"):
        write(users(spark, 1, 1), **TAGS, **fresh, api_key="hush")
    with pytest.raises(Exception, match='mode\\("append"\\)'):
        users(spark, 1, 1).write.format("netaudience").options(**TAGS).mode("overwrite").save()


def test_a_session_that_runs_tasks_twice_is_refused():
    class Session:
        class conf:  # noqa: N801 - as Spark's
            @staticmethod
            def get(key, default=None):
                return {"spark.speculation": "true"}.get(key, default)

    with pytest.raises(ConfigurationError, match="speculation"):
        register(Session())
