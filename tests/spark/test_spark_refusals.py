"""What a job cannot have on Spark is refused with one sentence, before Spark is asked for anything."""

import sys
from types import ModuleType

import pytest

from netaudience import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.spark.cluster import Cluster, session
from netaudience.spark import register

JOB = """
name = "night"
[source]
{source}
key = "id"
[[step]]
vendor = "netmera"
operation = "{operation}"
{step}
"""
SQL = 'sql = "select * from people"'
FIELDS = 'fields = { ext_id = "id" }'
TAG = f'arguments = {{ tag = "vip" }}\n{FIELDS}'
AGE = 'fields = { ext_id = "id", "profile.age" = "age" }'
MIRROR = 'mode = "mirror"\nremoval = "unset_profile_attributes"'


class Session:
    """A session that nobody asks for rows."""

    class conf:  # noqa: N801 - as Spark's
        @staticmethod
        def get(key, default=None):
            return default


@pytest.mark.parametrize(
    ("source", "operation", "step", "sentence"),
    [
        ('files = "people.json"', "tag_users", TAG, "only Parquet, CSV and TSV"),
        ('files = "people.csv"\nskip-lines = 3', "tag_users", TAG, "Spark reads files as they are"),
        ('files = "people.csv"\nheader = false', "tag_users", TAG, "Spark reads files as they are"),
        ('python = "shop:people"', "tag_users", TAG, "is of one process"),
        (f'{SQL}\ndatabase = "shop.duckdb"', "tag_users", TAG, "is another database"),
        (f"{SQL}\ntyped = true", "tag_users", TAG, "typed looks at whole columns"),
        (SQL, "set_profile_attributes", f'{AGE}\nduplicates = "last"', "no last row"),
        (SQL, "set_profile_attributes", f'{AGE}\nverify = "5%"', "verify reads back in one process"),
        (SQL, "set_profile_attributes", f"{AGE}\n{MIRROR}", "mirror takes back"),
        (SQL, "fire_events", 'fields = { ext_id = "id", name = { value = "x" } }', "must not be repeated"),
        (
            SQL,
            "fire_events",
            'mode = "all"\nfields = { ext_id = "id", name = { value = "x" } }',
            "mode changed-only, so that it is known",
        ),
        (SQL, "delete_users", FIELDS, "loses data or reaches far"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(tmp_path, source, operation, step, sentence):
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(source=source, operation=operation, step=step))
    with pytest.raises(ConfigurationError, match=sentence):
        Cluster(Session()).check(Job.load(path), [])


def test_what_is_missing_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'netaudience\[spark\]'"), session("night"):
        pass


def test_a_spark_that_is_too_old_is_named(monkeypatch):
    for name in ("pyspark", "pyspark.sql", "pyspark.sql.datasource"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.delitem(sys.modules, "netaudience.jobs.spark.data_source", raising=False)
    sys.modules["pyspark.sql.datasource"].WriterCommitMessage = object
    with pytest.raises(ConfigurationError, match=r"Spark 4\.1 or newer"):
        register(Session())
    assert "netaudience.jobs.spark.data_source" not in sys.modules


def test_what_a_run_in_one_process_may_be_told_is_refused(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(JOB.format(source=SQL, operation="tag_users", step=TAG))
    with pytest.raises(ConfigurationError, match="first is for a run in one process"):
        Cluster(Session()).check(Job.load(path), ["first"])
    Cluster(Session()).check(Job.load(path), [])
