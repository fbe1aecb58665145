"""One partition as a task carries it, without Spark: what is sent, what is noted, what is reported."""

import datetime as dt
import json
import pickle
import stat
from decimal import Decimal

import attrs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netaudience import ConfigurationError
from netaudience.cli import main
from netaudience.jobs.spark.options import Options
from netaudience.jobs.spark.outcomes import Part, check_new, total_of, write_manifest
from netaudience.jobs.spark.partition import CannotGoOn, carry, carry_rows
from netaudience.sandbox.background import BackgroundSandbox
from netaudience.spark import report

TAGS = {"vendor": "netmera", "operation": "tag_users", "arg.tag": "vip"}


@pytest.fixture
def sandbox(monkeypatch):
    with BackgroundSandbox() as sandbox:
        monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
        monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
        yield sandbox


def batches(*columns, size=100):
    table = pa.table({"ext_id": columns[0], **dict(zip(("age", "city"), columns[1:], strict=False))})
    return iter(table.to_batches(max_chunksize=size))


def ids(first, last):
    return [f"customer-{number:05d}" for number in range(first, last)]


def test_the_rows_of_a_partition_arrive_and_are_counted(sandbox):
    part = carry(Options.of(TAGS), batches(ids(0, 2500)), 3, 17)
    assert (part.partition, part.rows, part.delivered, part.undelivered) == (3, 2500, 2500, 0)
    assert sum("vip" in user.tags for user in sandbox.netmera.users.values()) == 2500


def test_columns_are_found_as_by_the_command_and_the_rest_are_attributes(sandbox):
    options = Options.of({"vendor": "netmera", "operation": "set-profile-attributes", "preflight": "false"})
    part = carry(options, batches(["c1", "c2"], [41, None], ["Bursa", "Izmir"]), 0, 0)
    assert part.delivered == 2
    assert sandbox.netmera.users["c1"].profile == {"age": 41, "city": "Bursa"}
    assert sandbox.netmera.users["c2"].profile == {"city": "Izmir"}


#: Types that Arrow has and JSON has not, and values that nobody can send.
VALUES = {
    "ext_id": ["a", "b", "c", "d", "e"],
    "age": pa.array([1, None, 2**53 + 1, -3, 5]),
    "likes": pa.array([[("k", 1), ("l", 2)], None, [], [("ç", None)], []], pa.map_(pa.string(), pa.int64())),
    "home": pa.array([{"city": "Bursa", "zip": None}, None, {"city": None, "zip": 1}, *[{"city": "x"}] * 2]),
    "spent": pa.array([Decimal("1.50"), None, Decimal("0.10"), Decimal("2.00"), Decimal("9.99")]),
    "share": [0.1, float("nan"), 1e300, None, 2.0],
    "tags": [["a"], [], None, ["b", None], ["c"]],
    "born": [dt.date(1990, 1, 2)] * 5,
    "raw": pa.array([None, None, None, None, b"\xff"]),
    "price": pa.array([Decimal("1.5"), None, Decimal("0.1"), Decimal(7), Decimal(0)], pa.decimal128(38, 18)),
    "matrix": [[[1], [2, 3]], None, [], [[]], [None]],
    "nothing": pa.nulls(5),
    "seen": pa.array([dt.datetime(2026, 1, 2, 3, 4, 5, 6)] * 5, pa.timestamp("us")),  # noqa: DTZ001 - of no zone
    "at": [dt.time(12, 34, 56)] * 5,
    "a.b": ["x"] * 5,
    "my name": ["y"] * 5,
    "şehir`": ["z"] * 5,
}


def test_values_of_every_kind_are_the_same_bytes_as_the_command_sends(sandbox, tmp_path, capsysbinary):
    table = pa.table(VALUES)
    told = {"vendor": "netmera", "operation": "set-profile-attributes", "preflight": "false"}
    carried = carry_rows(Options.of(told), iter(table.to_batches(max_chunksize=2)), "0", 1)
    sent = [body.text for body in sandbox.ledger.bodies]
    assert carried.step.rejected == 2
    sandbox.reset()
    pq.write_table(table, tmp_path / "rows.parquet")
    command = ["netmera", "set-profile-attributes", str(tmp_path / "rows.parquet")]
    assert main([*command, "--no-preflight", "--quiet"]) == 3
    assert sent == [body.text for body in sandbox.ledger.bodies]
    assert b"".join(carried.lines) == capsysbinary.readouterr().out


def test_columns_that_differ_in_case_alone_are_refused(sandbox):
    """DuckDB would give the value of the first in the place of the second."""
    table = pa.table({"ext_id": ["a"], "Age": ["1"], "age": ["2"]})
    told = {"vendor": "netmera", "operation": "set_profile_attributes", "preflight": "false"}
    part = carry(Options.of(told), iter(table.to_batches()), 0, 1)
    assert "the columns 'Age' and 'age' are one to SQL" in part.refused
    assert (part.unsent, sandbox.ledger.bodies) == (1, type(sandbox.ledger.bodies)())


def test_an_empty_partition_is_normal():
    assert carry(Options.of(TAGS), iter(()), 1, 1).rows == 0


def test_bad_rows_are_a_table_and_never_make_the_task_fail(sandbox, tmp_path):
    place = str(tmp_path / "run-42")
    options = Options.of({**TAGS, "outcomes": place})
    parts = [carry(options, batches(["good", None, "fine"]), 0, 5), carry(options, iter(()), 1, 6)]
    assert "no manifest" in report(place).missing
    write_manifest(place, parts, None)
    told = report(place)
    assert (told.rows, told.delivered, told.rejected, told.missing, told.ok) == (3, 2, 1, "", False)
    (row,) = pq.read_table(tmp_path / "run-42" / parts[0].file).to_pylist()
    assert (row["position"], row["outcome"], row["by"]) == (2, "rejected", "source")
    assert json.loads(row["row"]) == {"ext_id": None}
    files = [tmp_path / "run-42", *(tmp_path / "run-42").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o700, 0o600}
    with pytest.raises(ConfigurationError, match="another write"):
        check_new(place)


def test_what_an_attempt_left_that_does_not_count_is_not_read(sandbox, tmp_path):
    place = str(tmp_path / "outcomes")
    options = Options.of({**TAGS, "outcomes": place})
    carry(options, batches([None, None]), 0, 1)
    write_manifest(place, [carry(options, batches(["a", None]), 0, 2)], None)
    assert (report(place).rows, report(place).rejected) == (2, 1)


def test_rows_that_are_missing_from_the_counts_are_told(tmp_path):
    write_manifest(str(tmp_path), [Part(partition=0, rows=5, delivered=4)], None)
    assert report(str(tmp_path)).missing == "Of 5 rows 4 are accounted for"


def test_more_tasks_than_the_limit_has_use_for_are_told(sandbox, tmp_path):
    """They wait at the account's limit, and hold their executors meanwhile."""
    sent = carry(Options.of({**TAGS, "rate": "50"}), batches(ids(0, 3000)), 0, 1)
    assert sent.requests == 3
    assert 0.03 < sent.least < 0.06
    assert sent.seconds > 0
    assert not total_of([sent] * 9).hint  # a moment of each
    part = attrs.evolve(sent, requests=125, least=2.5, seconds=170.0)
    write_manifest(str(tmp_path), [attrs.evolve(part, partition=number) for number in range(8)], None)
    hint = report(str(tmp_path)).hint
    assert "8 tasks have sent, and held executors for 1,360 s" in hint
    assert "let through in 20 s" in hint
    assert not total_of([attrs.evolve(part, seconds=20.0)] * 8).hint  # one after the other
    assert not total_of([attrs.evolve(part, least=5.0)] * 4).hint


def test_the_next_attempt_sends_what_the_last_has_not(sandbox, tmp_path):
    options = Options.of({**TAGS, "memory": str(tmp_path)})

    def dies():
        yield from batches(ids(0, 300))

    first = carry(options, dies(), 0, 1)
    # In another order, and with rows that are alike: they are told apart by what they hold, and counted.
    again = [*reversed(ids(0, 400)), "customer-00001"]
    second = carry(options, batches(again), 0, 2)
    assert (first.delivered, second.known, second.delivered) == (300, 300, 101)
    assert second.rows == 401
    assert carry(options, batches(ids(0, 10)), 1, 3).known == 0  # another partition's


@pytest.mark.slow
def test_a_vendor_that_is_down_makes_the_task_fail(monkeypatch):
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
    with BackgroundSandbox() as gone:
        url = gone.url("netmera")
    monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", url)
    options = Options.of({**TAGS, "preflight": "false", "patience": "0.1"})
    with pytest.raises(CannotGoOn):
        carry(options, batches(["a"]), 0, 0)


def test_what_no_attempt_mends_is_told_and_not_tried_again(monkeypatch):
    monkeypatch.delenv("NETAUDIENCE_NETMERA_API_KEY", raising=False)
    part = carry(Options.of(TAGS), batches(ids(0, 250)), 0, 0)
    assert (part.rows, part.unsent) == (250, 250)
    assert "NETAUDIENCE_NETMERA_API_KEY is not set" in part.refused


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "option vendor is missing"),
        ({"vendor": "netmera"}, "option operation is missing"),
        ({"vendor": "acme", "operation": "x"}, "no vendor 'acme'"),
        ({**TAGS, "api_key": "k"}, "credentials come from the environment"),
        ({**TAGS, "arg.colour": "red"}, "no argument colour"),
        ({"vendor": "netmera", "operation": "tag_users"}, "needs tag"),
        ({"vendor": "netmera", "operation": "fire_events"}, "must not be repeated"),
        ({"vendor": "netmera", "operation": "delete_users"}, "Spark repeats a task"),
        ({**TAGS, "quotas": "redis://:hush@cache/0"}, "env:NETAUDIENCE_QUOTAS"),
        ({**TAGS, "rate": "fast"}, "rate is a number"),
        ({**TAGS, "inFlight": "2.5"}, "inflight is a whole number"),
        ({**TAGS, "failOn": "all"}, "failOn"),
        ({"vendor": "iterable", "operation": "unsubscribe_from_list", "arg.list_id": "x"}, "list_id must be"),
    ],
)
def test_wrong_options_are_told_by_the_driver(given, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        Options.of(given)
    assert "hush" not in str(raised.value)


def test_arguments_are_text_or_json_as_the_operation_takes_them():
    given = {"vendor": "iterable", "operation": "unsubscribe_from_list", "arg.list_id": "7"}
    assert Options.of({**given, "arg.channel_unsubscribe": "true"}).arguments == {
        "list_id": 7,
        "channel_unsubscribe": True,
    }
    assert Options.of({**TAGS, "arg.tag": "7"}).arguments == {"tag": "7"}


def test_options_travel_to_the_executors_without_a_key(monkeypatch):
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "hush-hush")
    options = Options.of({**TAGS, "quotas": "env:NETAUDIENCE_QUOTAS"})
    assert b"hush" not in pickle.dumps(options)
    assert pickle.loads(pickle.dumps(options)) == options


def test_a_field_without_a_column_is_told(sandbox):
    with pytest.raises(ConfigurationError, match="No column is plainly"):
        Options.of(TAGS).job(["foo", "bar"])
    assert Options.of({**TAGS, "column.ext_id": "foo"}).job(["foo", "bar"]).steps
