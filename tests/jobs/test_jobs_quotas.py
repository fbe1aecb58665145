"""[quotas] of a job file: where the limits of its accounts are shared."""

import pytest

from netaudience import ConfigurationError
from netaudience.jobs.spec.parse import read_job
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.quotas import SqliteQuotas

JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "tag-users"
arguments = { tag = "Gold" }
[step.fields]
ext_id = "user_id"
"""


def job(tmp_path, text):
    file = tmp_path / "job.toml"
    file.write_text(JOB + text)
    return read_job(file)


def test_a_file_is_that_beside_the_job(tmp_path):
    text = '[quotas]\nwhere = "q.db"\naccount = "shop-tr"\nlease = 5\nwhen-lost = "share"\nshare = 0.25\n'
    made = job(tmp_path, text)
    assert made.quotas.account == "shop-tr"
    assert store_of(made.quotas) == SqliteQuotas(tmp_path / "q.db", lease=5, when_lost="share", share=0.25)


def test_a_variable_is_looked_up_when_the_job_runs(tmp_path, monkeypatch):
    made = job(tmp_path, '[quotas]\nwhere = "env:SHOP_QUOTAS"\n')
    monkeypatch.delenv("SHOP_QUOTAS", raising=False)
    with pytest.raises(ConfigurationError, match="SHOP_QUOTAS, which is not set"):
        store_of(made.quotas)
    secret = tmp_path / "secret"
    secret.write_text("redis://:hush-hush@cache:6379/0\n")
    monkeypatch.setenv("SHOP_QUOTAS_FILE", str(secret))
    assert "hush" not in repr(store_of(made.quotas))


def test_without_the_table_the_environment_decides(tmp_path):
    assert store_of(job(tmp_path, "").quotas) is None


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('where = "redis://:hush-hush@cache/0"', 11, 'write where = "env:NETAUDIENCE_QUOTAS"'),
        ("lease = 5", 11, 'add where = "…"'),
        ('where = "q.db"\nlease = 0.1', 12, "0.5 at least"),
        ('where = "q.db"\nwhen-lost = "share"', 12, "add share = 0.25"),
        ('where = "q.db"\nshare = 0.5', 12, "write that as well"),
        ('where = "q.db"\nwhen-lost = "share"\nshare = 2', 13, "at most 1"),
        ('where = "q.db"\nwhen-lost = "go"', 12, "must be one of wait, share"),
        ('wher = "q.db"', 11, "where"),
    ],
)
def test_what_is_wrong_is_told_by_line(tmp_path, text, line, sentence):
    with pytest.raises(ConfigurationError) as caught:
        job(tmp_path, f"[quotas]\n{text}\n")
    assert f"job.toml:{line}: " in str(caught.value)
    assert sentence in str(caught.value)
    assert "hush" not in str(caught.value)
