"""A command asks databases and files as a job does: the same readers stand behind both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from netaudience.sandbox import BackgroundSandbox

_TABLE = "create table users (id varchar, city varchar)"
_ROWS = "insert into users values ('007', 'Izmir'), ('8', 'Ankara'), ('9', 'Adana')"


@pytest.fixture(params=["sqlite", "duckdb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "crm.db"  # the name does not say which
    with closing(sqlite3.connect(path) if request.param == "sqlite" else duckdb.connect(str(path))) as made:
        made.execute(_TABLE)
        made.execute(_ROWS)
        made.commit()
    return path


def tagged(sandbox: BackgroundSandbox) -> set[str]:
    return {name for name, user in sandbox.netmera.users.items() if "vip" in user.tags}


def test_a_database_is_asked(netmera, sandbox: BackgroundSandbox, database: Path) -> None:
    query = "select id from users where city <> 'Adana'"
    result = netmera("tag-users", "--tag", "vip", "--sql", query, database)
    assert (result.code, result.out) == (0, b"")
    assert tagged(sandbox) == {"007", "8"}


def test_a_database_without_a_query_says_how_it_is_asked(netmera, database: Path) -> None:
    result = netmera("tag-users", "--tag", "vip", database)
    assert result.code == 2
    assert "--sql" in result.err


@pytest.mark.parametrize("name", ["users.csv", "users.ndjson"])
def test_a_file_is_asked_as_the_table_source(netmera, sandbox: BackgroundSandbox, file, name: str) -> None:
    rows = {
        "users.csv": "id,city\n007,Izmir\n8,Ankara\n",
        "users.ndjson": '{"id": "007", "city": "Izmir"}\n{"id": "8", "city": "Ankara"}\n',
    }
    query = "select id from source where city = 'Izmir'"
    assert netmera("tag-users", "--tag", "vip", "--sql", query, file(name, rows[name])).code == 0
    assert tagged(sandbox) == {"007"}


def test_folders_are_columns_where_that_is_said(netmera, sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    (tmp_path / "country=TR").mkdir()
    (tmp_path / "country=TR" / "users.csv").write_text("id,city\n1,Izmir\n")
    pattern = tmp_path / "country=*" / "users.csv"
    assert netmera("set-profile-attributes", "--column", "ext_id=id", pattern).code == 0
    assert sandbox.netmera.users["1"].profile == {"city": "Izmir"}
    assert netmera("set-profile-attributes", "--column", "ext_id=id", "--hive", pattern).code == 0
    assert sandbox.netmera.users["1"].profile == {"city": "Izmir", "country": "TR"}
