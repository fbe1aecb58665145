"""Sources on real servers and lakes: PostgreSQL, Delta, Iceberg, S3; and clients of warehouses."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from killing import deadly_sandbox
from postgres import PASSWORD, running_postgres

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.extract.fetch import fetch
from netaudience.jobs.extract.table import Table, open_source
from netaudience.jobs.spec.model import Expression, Secret, Source
from netaudience.sandbox import BackgroundSandbox

pytestmark = pytest.mark.slow

pa = pytest.importorskip("pyarrow")
URI = Secret(env="WAREHOUSE_URI")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("adbc_driver_postgresql")
    with running_postgres(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WAREHOUSE_URI", server)
    return server


def execute(uri: str, *statements: str) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def query(sql: str, **about: object) -> Source:
    return Source(connection="postgresql", uri=URI, sql=sql, **about)  # type: ignore[arg-type]


def values(table: Table) -> list[dict[str, object]]:
    fields = {name: Expression(column=name) for name in table.columns}
    with table:
        return [row["fields"] for page in table.rows(fields) for row in page]


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("'00420'::text", "VARCHAR", "00420"),
        ("9007199254740993::bigint", "BIGINT", 9007199254740993),
        ("19.90::numeric(10,2)", "DECIMAL(3,1)", Decimal("19.9")),
        (
            "123456789012345678901234567890.123::numeric",
            "DECIMAL(33,3)",
            Decimal("123456789012345678901234567890.123"),
        ),
        ("0::numeric", "DECIMAL(1,0)", Decimal(0)),
        ("-0.05::numeric", "DECIMAL(2,2)", Decimal("-0.05")),
        ("true", "BOOLEAN", True),
        ("date '2026-01-31'", "DATE", dt.date(2026, 1, 31)),
        (
            "timestamptz '2026-01-31 12:00:00+03'",
            "TIMESTAMP WITH TIME ZONE",
            dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC),
        ),
        ("timestamp '2026-01-31 12:00:00'", "TIMESTAMP", dt.datetime(2026, 1, 31, 12)),  # noqa: DTZ001 - it has no zone
        ("'{\"a\": [1]}'::jsonb", "JSON", {"a": [1]}),
        ("array['a', 'b']", "VARCHAR[]", ["a", "b"]),
        ("'6f1ed002-ab5d-4f9c-8f8d-9f1d2c3b4a59'::uuid", "UUID", "6f1ed002-ab5d-4f9c-8f8d-9f1d2c3b4a59"),
        ("null::numeric", "DECIMAL(1,0)", None),
    ],
)
def test_a_value_of_postgresql_keeps_its_type(
    postgres: str, tmp_path: Path, sql: str, kind: str, value: object
) -> None:
    table = open_source(query(f"select {sql} as it"), tmp_path)
    assert dict(table.columns) == {"it": kind}
    assert values(table) == [{} if value is None else {"it": value}]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "5::money",
            "The column 'it' is money, which is not read as it stands there: write cast.it as numeric.",
        ),
        (
            "inet '127.0.0.1'",
            "The column 'it' is inet, which is not read as it stands there: write cast.it as text.",
        ),
        ("array[1.5]::numeric[]", "The column 'it' is numeric"),
        ("'NaN'::numeric", "The column 'it' holds NaN or infinite numbers"),
        ("repeat('9', 40)::numeric", "The column 'it' holds numbers of more than 38 digits"),
    ],
)
def test_what_arrow_has_no_form_for_is_told_with_the_cast(
    postgres: str, tmp_path: Path, sql: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        open_source(query(f"select {sql} as it"), tmp_path)


@pytest.mark.parametrize(
    ("sql", "error", "sentence"),
    [
        ("select * from nope", ConfigurationError, r'SQLSTATE 42P01.: relation "nope" does not exist'),
        ("select 1; select 2", ConfigurationError, "SQLSTATE 42601"),
        (
            "select 'a@b.example'::int",
            ConfigurationError,
            r"\(DataError, SQLSTATE 22P02\): look at the query",
        ),
        (
            "select n::int from (values ('1'), ('a@b.example')) t(n)",
            SourceFailed,
            "the query gave no more rows",
        ),
    ],
)
def test_what_postgresql_says_is_told_without_a_value(
    postgres: str, tmp_path: Path, sql: str, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        open_source(query(sql), tmp_path)
    assert "a@b" not in str(caught.value)


def test_a_wrong_password_is_told_without_it(postgres: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URI", postgres.replace(PASSWORD, "wrong-password"))
    with pytest.raises(ConfigurationError, match="The uri of WAREHOUSE_URI leads to no database") as caught:
        open_source(query("select 1"), tmp_path)
    assert "wrong-password" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "sql", ["select pg_sleep(3600)::text as a", "select i from generate_series(1, 10000000000) i"]
)
def test_a_query_of_postgresql_is_ended_at_once_and_at_the_server(
    postgres: str, tmp_path: Path, sql: str
) -> None:
    stop, failed = Stop(), list[Exception]()

    def read() -> None:
        try:
            fetch(query(sql), tmp_path, tmp_path / "kept", stop=stop)
        except SourceFailed as error:
            failed.append(error)

    running = running_like(sql[7:25])
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    while not values(open_source(query(f"{running} and state = 'active'"), tmp_path))[0]["n"]:
        assert reading.is_alive()
    stop()
    reading.join(10)
    assert not reading.is_alive()
    assert [str(error) for error in failed] == ["The reading of the source was ended"]
    while values(open_source(query(running), tmp_path))[0]["n"]:
        pass


def running_like(text: str) -> str:
    """Return a query for how many others run one that holds a text."""
    return (
        f"select count(*) as n from pg_stat_activity where query like '%{text}%' and pid <> pg_backend_pid()"
    )


def job_of(folder: Path, sql: str) -> Path:
    path = folder / "job.toml"
    path.write_text(
        f'[source]\nconnection = "postgresql"\nuri = {{ env = "WAREHOUSE_URI" }}\nsql = "{sql}"\nkey = "id"\n'
        '[[step]]\nname = "fire"\nvendor = "netmera"\noperation = "fire_events"\nmax_rows = 20\nrate = 400\n'
        '[step.fields]\next_id = "id"\nname = { value = "Seen" }\n"attributes.age" = "age"\n'
    )
    return path


def command(
    *arguments: object, sandbox: BackgroundSandbox, results: str = "", **how: object
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "RESULTS_URI": results,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "netaudience", *map(str, arguments)],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how,  # type: ignore[call-overload]
    )  # fmt: skip


def test_a_killed_run_of_a_query_goes_on_with_the_rows_that_it_has_read(
    postgres: str, tmp_path: Path
) -> None:
    """Rows change, come and go meanwhile, and the query has no order: what was counted is what is sent."""
    execute(
        postgres,
        "create table users as select 'id' || i as id, i as age from generate_series(1, 3000) i",
    )
    job = job_of(tmp_path, "select id, age from users order by random()")
    served, executioner = deadly_sandbox()
    with BackgroundSandbox(served) as sandbox:
        process = command("run", job, sandbox=sandbox, cwd=tmp_path)
        executioner.condemn(process, 40)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        execute(postgres, "update users set age = age + 1000", "delete from users where age % 3 = 0")
        process = command("resume", "latest", "--in-doubt", "resend", "--json", sandbox=sandbox, cwd=tmp_path)
        out, err = process.communicate()
        assert process.returncode == 0, err
        (step,) = json.loads(out)["steps"]
        assert (step["delivered"], step["unsent"], step["rejected"]) == (3000, 0, 0)
        report = sandbox.check("netmera", "fire_events")
        assert report.applied == 3000
        assert report.applications <= 3000 + 8 * 20  # what was in doubt was sent once more, as was asked for


#: Opens a query and reads all of it; says how many kilobytes this process has had at most.
READER = """
import re, sys
from pathlib import Path
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Expression, Secret, Source
sql = f"select 'id' || i as id, i % 90 as age, md5(i::text) as note from generate_series(1, {sys.argv[1]}) i"
source = Source(connection="postgresql", uri=Secret(env="WAREHOUSE_URI"), sql=sql, key=("id",))
kept, rows = [], 0
with open_source(source, Path()) as table:
    for page in table.rows({"id": Expression(column="id")}):
        rows += len(page)
        if sys.argv[2] == "keeps":
            kept.extend(page)
# What `getrusage` says of a process begins with the peak of the one that started it.
print(rows, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize(("reader", "flat"), [("lets go", True), ("keeps", False)])
def test_ten_million_rows_of_a_query_take_the_memory_of_one_million(
    postgres: str, tmp_path: Path, reader: str, flat: bool
) -> None:
    """One that keeps its rows is seen with far fewer of them."""
    megabytes = []
    for rows in (1_000_000, 10_000_000) if flat else (100_000, 500_000):
        told = subprocess.run(
            [sys.executable, "-c", READER, str(rows), reader],
            cwd=tmp_path, text=True, capture_output=True, check=True,
        )  # fmt: skip
        read, size = map(int, told.stdout.split())
        assert read == rows
        megabytes.append(size / 1024)
    few, many = megabytes
    assert (many < few + 100) is flat, megabytes


def test_ctrl_c_while_a_query_runs_ends_the_command_and_the_query(postgres: str, tmp_path: Path) -> None:
    job = job_of(tmp_path, "select id, 1 as age from (select pg_sleep(3601)::text as id) one")
    running = running_like("sleep(3601)")
    with BackgroundSandbox() as sandbox:
        for word in ("plan", "run"):
            process = command(word, job, sandbox=sandbox, cwd=tmp_path)
            while not values(open_source(query(f"{running} and state = 'active'"), tmp_path))[0]["n"]:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
            assert process.returncode == 130, err
            assert "Traceback" not in err
            while values(open_source(query(running), tmp_path))[0]["n"]:
                pass


def test_a_delta_table_is_a_source(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    place = tmp_path / "lake" / "users"
    users = pa.table({"id": ["00420", "u2"], "sum": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2))})
    deltalake.write_deltalake(str(place), users)
    deltalake.write_deltalake(
        str(place),
        pa.table({"id": ["u3"], "sum": pa.array([Decimal("2.00")], pa.decimal128(10, 2))}),
        mode="append",
    )
    deltalake.DeltaTable(str(place)).delete("id = 'u2'")
    rows = values(open_source(Source(delta="lake/users"), tmp_path))
    assert sorted(rows, key=str) == [
        {"id": "00420", "sum": Decimal("1.50")},
        {"id": "u3", "sum": Decimal("2.00")},
    ]
    asked = Source(delta="lake/users", sql="select count(*) as n from source")
    assert values(open_source(asked, tmp_path)) == [{"n": 2}]
    with pytest.raises(ConfigurationError, match=r"The Delta table cannot be opened \(TableNotFoundError\)"):
        open_source(Source(delta="lake/nope"), tmp_path)


def test_an_iceberg_table_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogs = pytest.importorskip("pyiceberg.catalog")
    pytest.importorskip("sqlalchemy")
    (tmp_path / "warehouse").mkdir()
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{tmp_path}/warehouse")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", type(catalogs._ENV_CONFIG)())
    catalog = catalogs.load_catalog("lake")
    catalog.create_namespace("crm")
    users = pa.table({"id": ["00420", "u2"], "born": pa.array([dt.date(1990, 5, 17), None], pa.date32())})
    table = catalog.create_table("crm.users", schema=users.schema)
    table.append(users)
    table.append(users.slice(1))
    rows = values(open_source(Source(iceberg="lake.crm.users"), tmp_path))
    told = sorted((str(row["id"]), row.get("born")) for row in rows)
    assert told == [("00420", dt.date(1990, 5, 17)), ("u2", None), ("u2", None)]
    with pytest.raises(ConfigurationError, match=r"The Iceberg table cannot be opened \(NoSuchTableError\)"):
        open_source(Source(iceberg="lake.crm.nope"), tmp_path)
    catalog.close()


def test_files_in_s3_are_read_as_files_are(bucket: object, tmp_path: Path) -> None:
    obstore = pytest.importorskip("obstore")
    for name, text in {
        "exports/users-1.csv": "id,age\n00420,1\n",
        "exports/users-2.csv": "id,age\nu2,2\n",
        "exports/deep/users-3.csv": "id,age\nu3,3\n",
        "exports/country=TR/users.csv": "id,age\nu4,4\n",
        "exports/other.txt": "x\n",
    }.items():
        obstore.put(bucket, name, text.encode())
    (tmp_path / "here.csv").write_text("id,age\nu5,5\n")

    def ids(*files: str, **about: object) -> list[object]:
        table = open_source(Source(files=files, **about), tmp_path)  # type: ignore[arg-type]
        return [row["id"] for row in values(table)]

    assert ids("s3://crm/exports/users-*.csv") == ["00420", "u2"]
    assert ids("s3://crm/exports/users-[2].csv", "here.csv") == ["u2", "u5"]
    assert sorted(map(str, ids("s3://crm/exports/**/users*.csv"))) == ["00420", "u2", "u3", "u4"]
    table = open_source(Source(files=("s3://crm/exports/*/users.csv",), hive=True), tmp_path)
    assert values(table) == [{"id": "u4", "age": "4", "country": "TR"}]
    asked = Source(files=("s3://crm/exports/users-?.csv",), sql="select count(*) as n from source")
    assert values(open_source(asked, tmp_path)) == [{"n": 2}]
    with pytest.raises(ConfigurationError, match=r"s3://crm/exports/nope.csv names no object"):
        ids("s3://crm/exports/nope.csv")
    with pytest.raises(ConfigurationError, match=r"s3://none/users.csv") as caught:
        ids("s3://none/users.csv")
    assert PASSWORD not in str(caught.value)
    first = open_source(Source(files=("s3://crm/exports/users-1.csv",)), tmp_path)
    before = first.fingerprint()
    first.close()
    obstore.put(bucket, "exports/users-1.csv", b"id,age\n00420,2\n")
    again = open_source(Source(files=("s3://crm/exports/users-1.csv",)), tmp_path)
    assert again.fingerprint() != before
    again.close()


USERS = {"ID": ["00420", "u2"], "N": [1, 2]}


def test_snowflake_is_asked_by_its_own_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = pytest.importorskip("snowflake.connector")
    cursor = create_autospec(connector.cursor.SnowflakeCursor, instance=True)
    connection = create_autospec(connector.SnowflakeConnection, instance=True)
    connection.cursor.return_value = cursor
    cursor.description = [
        connector.cursor.ResultMetadata(name, 2, None, None, None, None, True) for name in USERS
    ]
    cursor.fetch_arrow_batches.return_value = iter([pa.table(USERS), pa.table(USERS).slice(1)])
    given: dict[str, object] = {}
    monkeypatch.setattr(connector, "connect", lambda **how: given.update(how) or connection)
    monkeypatch.setenv(
        "WAREHOUSE_URI", f"snowflake://loader:{PASSWORD}%21@acme-eu1/CRM/PUBLIC?warehouse=SMALL&role=READER"
    )
    source = Source(connection="snowflake", uri=URI, sql="select id, n from users")
    assert values(open_source(source, tmp_path)) == [
        {"ID": "00420", "N": 1},
        {"ID": "u2", "N": 2},
        {"ID": "u2", "N": 2},
    ]
    assert given == {
        "user": "loader", "password": f"{PASSWORD}!", "account": "acme-eu1", "database": "CRM",
        "schema": "PUBLIC", "warehouse": "SMALL", "role": "READER",
    }  # fmt: skip
    cursor.execute.assert_called_once_with("select id, n from users")
    cursor.fetch_arrow_batches.return_value = iter(())
    with open_source(source, tmp_path) as empty:
        assert dict(empty.columns) == {"ID": "VARCHAR", "N": "VARCHAR"}
    cursor.execute.side_effect = connector.errors.ProgrammingError(
        "Object 'X' does not exist", sqlstate="42S02"
    )
    with pytest.raises(ConfigurationError, match=r"SQLSTATE 42S02\)"):
        open_source(source, tmp_path)


def test_databricks_is_asked_by_its_own_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("databricks.sql")
    client = pytest.importorskip("databricks.sql.client")
    cursor = create_autospec(client.Cursor, instance=True)
    connection = create_autospec(client.Connection, instance=True)
    connection.cursor.return_value = cursor
    cursor.description = [(name, "string", None, None, None, None, None) for name in USERS]
    cursor.fetchmany_arrow.side_effect = [pa.table(USERS), pa.table(USERS).slice(2)]
    given: dict[str, object] = {}
    monkeypatch.setattr(sql, "connect", lambda **how: given.update(how) or connection)
    monkeypatch.setenv(
        "WAREHOUSE_URI",
        f"databricks://token:{PASSWORD}@adb-1.net?http_path=/sql/1.0/warehouses/a&catalog=crm",
    )
    source = Source(connection="databricks", uri=URI, sql="select id, n from users")
    assert values(open_source(source, tmp_path)) == [{"ID": "00420", "N": 1}, {"ID": "u2", "N": 2}]
    assert given == {
        "server_hostname": "adb-1.net", "http_path": "/sql/1.0/warehouses/a",
        "access_token": PASSWORD, "catalog": "crm",
    }  # fmt: skip
    monkeypatch.setenv("WAREHOUSE_URI", f"databricks://token:{PASSWORD}@adb-1.azuredatabricks.net")
    with pytest.raises(ConfigurationError, match=r"must end with \?http_path"):
        open_source(source, tmp_path)


@pytest.mark.parametrize(("uri", "project"), [(None, None), ("bigquery://acme-crm?location=EU", "acme-crm")])
def test_bigquery_is_asked_by_its_own_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str | None, project: str | None
) -> None:
    bigquery = pytest.importorskip("google.cloud.bigquery")
    client = create_autospec(bigquery.Client, instance=True)
    job = create_autospec(bigquery.QueryJob, instance=True)
    rows = create_autospec(bigquery.table.RowIterator, instance=True)
    rows.schema = [bigquery.SchemaField("ID", "STRING"), bigquery.SchemaField("N", "INTEGER")]
    rows.to_arrow_iterable.return_value = iter(pa.table(USERS).to_batches())
    client.query.return_value = job
    job.result.return_value = rows
    given: dict[str, object] = {}
    monkeypatch.setattr(bigquery, "Client", lambda **how: given.update(how) or client)
    if uri is not None:
        monkeypatch.setenv("WAREHOUSE_URI", uri)
    source = Source(
        connection="bigquery", uri=None if uri is None else URI, sql="select id, n from crm.users"
    )
    assert values(open_source(source, tmp_path)) == [{"ID": "00420", "N": 1}, {"ID": "u2", "N": 2}]
    assert given == ({} if project is None else {"project": project, "location": "EU"})


def test_three_nights_of_a_query_and_their_results_in_postgresql(postgres: str, tmp_path: Path) -> None:
    """A mirror of a query: what was added, changed and gone each night, and the outcomes read back by SQL."""
    execute(
        postgres,
        "create schema if not exists ops",
        "create table night as select 'id' || i as id, i as age from generate_series(1, 300) i",
    )
    page = (Path(__file__).parent.parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (asked,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    job = tmp_path / "nightly.toml"
    job.write_text(
        '[source]\nconnection = "postgresql"\nuri = { env = "WAREHOUSE_URI" }\n'
        'sql = "select id, age from night"\nkey = "id"\n'
        '[[step]]\nname = "set"\nvendor = "netmera"\noperation = "set_profile_attributes"\n'
        'mode = "changed-only"\nrate = 400\n[step.fields]\next_id = "id"\n"profile.age" = "age"\n'
        f"{section}"
    )
    nights = [
        (),
        ("update night set age = 1000 where id in ('id1', 'id2')", "insert into night values ('', 7)"),
        ("delete from night where id = 'id3'", "insert into night values ('id301', 1)"),
    ]
    with BackgroundSandbox() as sandbox:
        for statements in nights:
            execute(postgres, *statements)
            process = command("run", job, sandbox=sandbox, cwd=tmp_path, results=postgres)
            _, err = process.communicate()
            assert process.returncode in {0, 3}, err
    sql = "select delivered, unchanged, rejected, known from ops.netaudience_steps order by run"
    rows = [tuple(row.values()) for row in values(open_source(query(sql), tmp_path))]
    assert rows == [(300, 0, 0, 0), (2, 298, 1, 0), (1, 299, 1, 1)]
    assert [row["rows"] for row in values(open_source(query(asked), tmp_path))] == [1]
