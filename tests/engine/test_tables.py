"""What is no list of items is refused with the way to give it; a column is one."""

import pytest
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience.errors import ConfigurationError

IDS = ["1001", "1002"]


def pandas_frame():
    return pytest.importorskip("pandas").DataFrame({"id": IDS, "name": ["a", "b"]})


def polars_frame():
    return pytest.importorskip("polars").DataFrame({"id": IDS, "name": ["a", "b"]})


def arrow_table():
    return pytest.importorskip("pyarrow").table({"id": IDS})


def numpy_ids(ids):
    return pytest.importorskip("numpy").array(ids)


TABLES = {
    "pandas": pandas_frame,
    "polars": polars_frame,
    "polars, lazy": lambda: polars_frame().lazy(),
    "arrow": arrow_table,
    "arrow batch": lambda: arrow_table().to_batches()[0],
    "duckdb": lambda: pytest.importorskip("duckdb").sql("select '1001' as id"),
    "numpy": lambda: numpy_ids([IDS]),
}
COLUMNS = {
    "pandas": lambda: pandas_frame()["id"],
    "polars": lambda: polars_frame()["id"],
    "arrow": lambda: arrow_table()["id"],
    "arrow array": lambda: arrow_table()["id"].chunk(0),
    "numpy": lambda: numpy_ids(IDS),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_is_no_list_of_items(table):
    client = make_client(ScriptedVendor())
    with pytest.raises(ConfigurationError, match="give one of its columns"):
        client.put(table())


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_is_one(column):
    client = make_client(ScriptedVendor())

    async def read():
        async with client.put(column()) as stream:
            return [outcome.item async for outcome in stream]

    items = run(read())
    assert items == IDS
    assert {type(item) for item in items} == {str}
