"""Rows over Arrow Flight SQL: the driver, a server, and what goes between them are real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest
from flight_server import FlightSql, running_flight_sql
from postgres import PASSWORD

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.connectors.watermark import Since, Watermark
from netaudience.jobs.extract.fetch import fetch
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Expression, Secret, Source

pytest.importorskip("adbc_driver_flightsql")

TOKEN = "token-that-nobody-sees"
SOURCE = Source(connection="flightsql", uri=Secret(env="WAREHOUSE_URI"), key=("id",))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlightSql]:
    with running_flight_sql("reader@crm", PASSWORD, TOKEN) as server:
        at = f"{quote('reader@crm', safe='')}:{PASSWORD}@127.0.0.1:{server.port}"
        monkeypatch.setenv("WAREHOUSE_URI", f"grpc://{at}")
        yield server


def query(sql: str, **about: object) -> Source:
    return attrs.evolve(SOURCE, sql=sql, **about)  # type: ignore[arg-type]


def test_rows_come_with_their_types_and_no_warning(server: FlightSql, tmp_path: Path) -> None:
    sql = "select 'id' || i as id, i, i::decimal(12,2) / 4 as sum, i % 2 = 0 as even from range(25000) t(i);"
    with open_source(query(sql), tmp_path) as table:
        assert dict(table.columns) | {"sum": ""} == {
            "id": "VARCHAR",
            "i": "BIGINT",
            "sum": "",
            "even": "BOOLEAN",
        }
        assert table.count() == 25_000
        fields = {name: Expression(column=name) for name in ("id", "i", "even")}
        assert next(iter(table.rows(fields)))[3]["fields"] == {"id": "id3", "i": 3, "even": False}
    assert server.queries == [sql.rstrip(";")]


def test_a_token_opens_it_too(server: FlightSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URI", f"grpc://127.0.0.1:{server.port}?token={TOKEN}")
    with open_source(query("select 1 as id, 19.90::decimal(10,2) as sum"), tmp_path) as table:
        (row,) = next(iter(table.rows({"sum": Expression(column="sum")})))
        assert row["fields"] == {"sum": Decimal("19.9")}


def test_the_server_leaves_out_what_is_old(server: FlightSql, tmp_path: Path) -> None:
    source = query(
        "select i as id, timestamp '2026-01-01' + interval 1 hour * i as changed from range(48) _(i)",
        incremental="changed", overlap=3600,
    )  # fmt: skip
    since = Since(Watermark("time", "2026-01-02 12:00:00.000000"))
    fetched = fetch(source, tmp_path, tmp_path / "kept", since=since)
    assert server.queries[0].endswith("WHERE changed >= '2026-01-02 11:00:00.000000' OR changed IS NULL")
    assert fetched.reached == Watermark("time", "2026-01-02 23:00:00.000000")
    with open_source(source, tmp_path, kept=tmp_path / "kept") as table:
        assert (table.count(), table.is_part) == (13, True)


@pytest.mark.parametrize(
    ("uri", "sql", "sentence"),
    [
        ("", "select nope from range(3)", r"The source's SQL cannot be run \(\w+Error"),
        (
            "grpc://reader:wrong-password@127.0.0.1:PORT",
            "select 1",
            "The uri of WAREHOUSE_URI leads to no database",
        ),
        (
            "grpc://127.0.0.1:PORT?token=wrong-password",
            "select 1",
            "WAREHOUSE_URI leads to no|SQL cannot be run",
        ),
    ],
)
def test_what_is_wrong_is_told_without_a_secret(
    server: FlightSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, sql: str, sentence: str
) -> None:
    if uri:
        monkeypatch.setenv("WAREHOUSE_URI", uri.replace("PORT", str(server.port)))
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        open_source(query(sql), tmp_path)
    for secret in (PASSWORD, TOKEN, "wrong-password", "127.0.0.1", "reader@crm"):
        assert secret not in str(caught.value)


def test_a_query_is_ended_at_once_and_at_the_server(server: FlightSql, tmp_path: Path) -> None:
    stop, failed = Stop(), list[Exception]()

    def read() -> None:
        try:
            fetch(
                query("select i as id from range(100000000000) t(i)"), tmp_path, tmp_path / "kept", stop=stop
            )
        except SourceFailed as error:
            failed.append(error)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    assert server.began.wait(20)
    stop()
    reading.join(20)
    assert not reading.is_alive()
    assert [str(error) for error in failed] == ["The reading of the source was ended"]
    assert server.ended.wait(20)
