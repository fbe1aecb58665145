"""A job's source: ids keep their digits, what is no row is reported, and reading goes on."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_rows import columns, problems, read, values

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.columns.selection import Problem, Selection
from netaudience.jobs.extract import view as opening
from netaudience.jobs.extract.table import gather_data, open_data, open_source
from netaudience.jobs.spec.model import Expression, Source
from netaudience.jobs.state.same_user import Repeats

LONG = "12345678901234567890"
LONGER = "99999999999999999999"
NOON = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - without a zone on purpose

MORE = "quote what holds the delimiter"
FEWER = (
    'fill it up, or write short-rows = "fill" (--short-rows fill in a command) if empty cells at the end are '
    "not written"
)


# Identifiers.


def write_csv(path):
    path.write_text(f"id\n007\n{LONG}\n{LONGER}\n")


def write_tsv(path):
    path.write_text(f"id\tother\n007\tx\n{LONG}\ty\n{LONGER}\tz\n")


def write_ndjson(path):
    path.write_text(f'{{"id": "007"}}\n{{"id": "{LONG}"}}\n{{"id": "{LONGER}"}}\n')


def write_numbers(path):
    path.write_text(f'{{"id": "007"}}\n{{"id": {LONG}}}\n{{"id": {LONGER}}}\n')


def write_array(path):
    path.write_text(json.dumps([{"id": "007"}, {"id": int(LONG)}, {"id": LONGER}]))


def write_gzip(path):
    path.write_bytes(gzip.compress(f"id\n007\n{LONG}\n{LONGER}\n".encode()))


def write_zstd(path):
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(f'{{"id": "007"}}\n{{"id": "{LONG}"}}\n{{"id": "{LONGER}"}}\n'.encode())


def write_zstd_csv(path):
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(f"id,b\n007,1\n{LONG},2\n{LONGER},3\n".encode())


def write_parquet(path):
    pq.write_table(pa.table({"id": ["007", LONG, LONGER]}), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("users.csv", write_csv),
        ("users.tsv", write_tsv),
        ("users.ndjson", write_ndjson),
        ("users.jsonl", write_numbers),
        ("users.json", write_array),
        ("users.csv.gz", write_gzip),
        ("users.ndjson.zst", write_zstd),
        ("users.csv.zst", write_zstd_csv),
        ("USERS.PARQUET", write_parquet),
    ],
)
def test_ids_keep_their_zeros_and_their_digits(opened, tmp_path, name, write):
    write(tmp_path / name)
    table = opened(name, key=("id",))
    assert list(map(str, values(table))) == ["007", LONG, LONGER]
    assert [row["key"] for row in read(table, {})] == ["007", LONG, LONGER]


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (pa.int64(), 2**63 - 1, 2**63 - 1),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.decimal128(38, 0), Decimal(LONGER), Decimal(LONGER)),
        (pa.decimal128(20, 0), Decimal(12), Decimal(12)),
        (pa.decimal128(10, 2), Decimal("12.50"), Decimal("12.50")),
        (pa.decimal128(38, 2), Decimal("123456789012345678.91"), Decimal("123456789012345678.91")),
        (pa.string(), "007", "007"),
        (pa.float64(), 0.1, 0.1),
        (pa.bool_(), True, True),
        (pa.date32(), dt.date(2026, 1, 2), dt.date(2026, 1, 2)),
        (pa.timestamp("us"), NOON, NOON),
        (pa.timestamp("ms"), NOON.replace(microsecond=600000), NOON.replace(microsecond=600000)),
        (
            pa.timestamp("us", "Europe/Istanbul"),
            dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        ),
        (pa.time64("us"), dt.time(3, 4, 5), "03:04:05"),
        *(
            (pa.duration(unit), dt.timedelta(hours=9, minutes=30), "09:30:00")
            for unit in ("s", "ms", "us", "ns")
        ),
        (pa.list_(pa.int64()), [1, None, 3], [1, None, 3]),
        (pa.struct([("a", pa.int64()), ("b", pa.string())]), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (pa.map_(pa.string(), pa.int64()), [("a", 1)], {"a": 1}),
        (pa.dictionary(pa.int8(), pa.string()), "007", "007"),
    ],
    ids=str,
)
def test_the_types_of_parquet_become_those_of_python(opened, tmp_path, kind, value, found):
    pq.write_table(pa.table({"v": pa.array([value, None], kind)}), tmp_path / "types.parquet")
    (first, second) = read(opened("types.parquet"), columns("v"))
    assert first["fields"] == {"v": found}
    assert type(first["fields"]["v"]) is type(found)
    assert second["fields"] == {}, "NULL leaves the field out"


def test_lengths_of_time_in_one_of_several_folders(opened, tmp_path):
    for day, table in (("1", {"Gap": pa.array([5400], pa.duration("s"))}), ("2", {"id": ["x"]})):
        (tmp_path / f"day={day}").mkdir()
        pq.write_table(pa.table(table), tmp_path / f"day={day}" / "u.parquet")
    table = opened("*/u.parquet", hive=True)
    assert [row["fields"] for row in read(table, columns("gap", "id"))] == [{"gap": "01:30:00"}, {"id": "x"}]


def test_a_schema_of_arrow_that_is_damaged_is_left_aside(opened, tmp_path):
    options = "FORMAT parquet, KV_METADATA {'ARROW:schema': 'junk'}"
    duckdb.sql(f"COPY (SELECT 1 AS v) TO '{tmp_path / 'u.parquet'}' ({options})")
    assert [row["fields"] for row in read(opened("u.parquet"), columns("v"))] == [{"v": 1}]


def test_lengths_of_time_are_the_same_in_all_files_or_refused(opened, tmp_path):
    for name, kind in (("a", pa.duration("ms")), ("b", pa.duration("s")), ("c", pa.int64())):
        pq.write_table(pa.table({"v": pa.array([5400], kind)}), tmp_path / f"{name}.parquet")
    pq.write_table(pa.table({"w": ["x"]}), tmp_path / "d.parquet")
    assert [row["fields"] for row in read(opened("[ad].parquet"), columns("v"))] == [{"v": "00:00:05.4"}, {}]
    for other in "bc":
        with pytest.raises(ConfigurationError, match=rf"'v' holds lengths .* a.parquet and {other}.parquet"):
            opened(f"[a{other}].parquet")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("'a'::BLOB", "holds bytes"),
        ("'-infinity'::TIMESTAMP", "is an infinite point in time"),
        ("'infinity'::DATE", "is an infinite point in time"),
        ("'infinity'::TIMESTAMPTZ", "is an infinite point in time"),
        ("['infinity'::DATE]", "is an infinite point in time"),
        ("{'v': ['a'::BLOB]}", "holds bytes"),
    ],
)
def test_what_python_has_no_value_for_is_a_bad_value(opened, sql, words):
    (row,) = read(opened(sql="SELECT 1 AS a"), columns(v=sql))
    assert isinstance(row["fields"]["v"], BadValue)
    assert row["fields"]["v"].reason.startswith(words)


# The shape of files.


def test_quoted_line_breaks_a_byte_order_mark_and_empty_cells(opened, tmp_path):
    (tmp_path / "u.csv").write_bytes('\ufeff"id",name,city\r\n1,"An\r\nna","a ""b"" c"\r\n2,,""\r\n'.encode())
    rows = [row["fields"] for row in read(opened("u.csv"), columns("id", "name", "city"))]
    assert rows == [{"id": "1", "name": "An\r\nna", "city": 'a "b" c'}, {"id": "2"}]


def test_a_glob_is_united_by_name(opened, tmp_path):
    (tmp_path / "u-1.csv").write_text("id,age\n1,10\n2,20\n")
    (tmp_path / "u-2.csv").write_text("age;id;city\n30;3;Izmir\n")
    (tmp_path / "u-3.csv").write_text("")
    (tmp_path / "u-4.csv").write_text("city,id\nBursa,4\n")
    table = opened("u-*.csv")
    assert list(table.columns) == ["id", "age", "city"]
    assert [row["fields"] for row in read(table, columns("id", "age", "city"))] == [
        {"id": "1", "age": "10"},
        {"id": "2", "age": "20"},
        {"id": "3", "age": "30", "city": "Izmir"},
        {"id": "4", "city": "Bursa"},
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("e.csv", ""), ("e.csv", "\n\n"), ("e.ndjson", ""), ("e.json", "[]")]
)
def test_an_empty_file_has_no_columns_and_no_rows(opened, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    table = opened(name, key=("id",))
    assert (table.columns, table.count(), read(table, columns("id"))) == ({}, 0, [])


def test_a_header_alone_has_columns_and_no_rows(opened, tmp_path):
    (tmp_path / "e.csv").write_text("id,name\n")
    table = opened("e.csv", key=("id",))
    assert list(table.columns) == ["id", "name"]
    assert (table.count(), read(table, columns("id"))) == (0, [])


def test_lines_that_are_no_rows_are_told_and_the_rest_goes_on(opened, tmp_path):
    (tmp_path / "u.csv").write_bytes(
        b'id,name\n1,fine\n2,"un"x\n3,too,many\n4\n5,\xff\n6,"two\nlines"\n7,fine\n'
    )
    table = opened("u.csv")
    at = "line 3 of u.csv: a line is no row:"
    assert values(table) == ["1", "6", "7"]
    remedy = "if that is how it was saved (--encoding in a command)"
    told = [
        (
            4,
            f"{at} its quotes are wrong: double the quotes that belong to the text",
        ),
        (
            5,
            "line 4 of u.csv: a line is no row: it has more cells than the header: " + MORE,
        ),
        (
            6,
            "line 5 of u.csv: a line is no row: it has fewer cells than the header: " + FEWER,
        ),
        (
            7,
            f'line 6 of u.csv: a line is no row: it is not UTF-8: write encoding = "windows-1252" {remedy}',
        ),
    ]
    assert problems(table, columns("id")) == told
    assert problems(table, columns("name")) == told, "whatever is read of the rows"
    kept = [row["fields"] for row in read(table, {}) if "problem" in row]
    assert [fields["line"] for fields in kept] == ['2,"un"x', "3,too,many", "4", "5,?"], "and is not lost"
    assert table.count() == 7


def test_lines_that_are_no_json_are_told_by_their_row(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('{"id": 1}\nnonsense\n[1]\n\n{"id": 2}\n')
    table = opened("u.ndjson")
    assert [row["row"] for row in read(table, columns("id"))] == [1, 2, 3, 4]
    assert problems(table, columns("id")) == [
        (2, "line 2 of u.ndjson: the line is not JSON"),
        (3, "line 3 of u.ndjson: the line is no JSON object"),
    ]


#: A file with rows that are none, and the text of each of these as the dead letter has it.
NO_ROWS = [
    ("u.ndjson", b'{"id": "1"}\n\n  \n{"id": "2",\r\n[1, 2]\n"x"\n{"id": 1, "id": 2}\n\xe7a\n',
     ['{"id": "2",', "[1, 2]", '"x"', '{"id": 1, "id": 2}', "\\xe7a"]),
    ("u.json", b'[{"id": "1"}, [1, 2], 7, {"id": 1, "id": 2}]', ["[1, 2]", "7", '{"id": 1, "id": 2}']),
    ("u.csv", b'id,a\n1,x\n2\n3,"y\nz",w\n"4"4,x\nid,a\n5,\xe7\n',
     ["2", '3,"y\nz",w', 'z",w', '"4"4,x', "5,?"]),
]  # fmt: skip


@pytest.mark.parametrize("sql", [None, "SELECT * FROM source"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "content", "texts"), NO_ROWS)
def test_what_is_no_row_keeps_its_text(opened, tmp_path, name, content, texts, packed, sql):
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    for step in (columns("id"), {}):
        rows = [row for row in read(opened(name, sql=sql), step) if "problem" in row]
        found = [row["fields"].get("line", "") for row in rows]
        # The header that stands again has its cells, unless a query has left it out.
        assert [text.replace("\ufffd", "?") for text in found if text not in {"", "id,a"}] == texts
        assert all(row["fields"] for row in rows) or not step
        assert not any(name in row["problem"] or "line 2" in row["problem"] for row in rows)


def test_json_of_mixed_types_keeps_what_is_written(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text(
        '{"id": 1, "n": 1, "o": {"a": [1]}, "f": 1.5}\n'
        '{"id": "02", "n": -2, "o": [1], "f": 2, "a/b~": true}\n'
    )
    names = ("id", "n", "o", "f", "a/b~")
    assert [row["fields"] for row in read(opened("u.ndjson"), columns(*names))] == [
        {"id": 1, "n": 1, "o": {"a": [1]}, "f": 1.5},
        {"id": "02", "n": -2, "o": [1], "f": 2, "a/b~": True},
    ]


@pytest.mark.parametrize(
    ("files", "about", "words"),
    [
        (["none*.csv"], {}, "none*.csv names no file in"),
        (["u.dat"], {}, "u.dat: its name does not say what it is"),
        (["u.csv", "u.ndjson"], {}, "the files are of different formats (csv, ndjson)"),
        (["u.csv"], {"format": "excel"}, "There is no format of that name"),
        (["u.csv"], {"encoding": "klingon"}, "There is no encoding 'klingon'"),
        (["folder"], {}, "folder is a folder: name the files in it"),
        (["twice.csv"], {}, "the column 'ID' stands in the header twice"),
        (["twice.parquet"], {}, "the columns 'ID' and 'id' are one to SQL"),
        (["once.parquet", "twice.parquet"], {}, "the columns 'ID' and 'id' are one to SQL"),
        (["nameless.csv"], {}, "column 2 has no name in the header"),
        (["latin.csv"], {}, "the header is not UTF-8"),
        (["-", "u.csv"], {}, "Standard input (-) is a source of its own"),
        (["-"], {}, "Standard input has no name that says what it is"),
    ],
)
def test_what_is_wrong_with_files_is_a_sentence(opened, tmp_path, files, about, words):
    (tmp_path / "u.csv").write_text("id\n1\n")
    (tmp_path / "u.ndjson").write_text('{"id": 1}\n')
    (tmp_path / "u.dat").write_text("1\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "twice.csv").write_text("ID,id\n1,2\n")
    pq.write_table(pa.table({"ID": [1], "id": [2]}), tmp_path / "twice.parquet")
    pq.write_table(pa.table({"ID": [1], "in": [{"ID": 1}]}), tmp_path / "once.parquet")
    (tmp_path / "nameless.csv").write_text("id,\n1,2\n")
    (tmp_path / "latin.csv").write_bytes(b"id,\xfcber\n1,2\n")
    with pytest.raises(ConfigurationError) as caught:
        opened(*files, **about)
    assert words in str(caught.value)


def test_a_broken_parquet_file_is_a_failed_source(opened, tmp_path):
    (tmp_path / "u.parquet").write_bytes(b"PAR1 nothing of the kind PAR1")
    with pytest.raises(SourceFailed, match=r"u\.parquet"):
        opened("u.parquet")


def test_a_cut_gzip_file_is_a_failed_source(opened, tmp_path):
    text = "id\n" + "".join(f"{number}\n" for number in range(100_000))
    (tmp_path / "u.csv.gz").write_bytes(gzip.compress(text.encode())[:-20_000])
    with pytest.raises(SourceFailed):
        opened("u.csv.gz").count()


# Expressions.


def test_an_expression_that_fails_is_told_of_its_row_alone(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id,age\n1,10\n2,ten\n3,\n")
    first, second, third = read(opened("u.csv"), columns(age="cast(age as integer)  -- years"))
    assert first["fields"] == {"age": 10}
    assert second["fields"]["age"].reason.startswith("cannot be computed: its SQL fails on this row")
    assert third["fields"] == {}, "NULL is no failure"


def test_a_condition_that_fails_is_told_of_its_row_alone(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id,age\n1,10\n2,ten\n3,\n4,40\n5,\n")
    table = opened("u.csv")
    where = "cast(age as integer) > 20 -- years"
    assert [(row["row"], row.get("problem")) for row in read(table, columns("id"), where)] == [
        (2, "the step's where cannot be computed from this row"),
        (4, None),
    ]
    assert table.count(where) == 2


def test_expressions_that_duckdb_cannot_try_work_as_well(opened):
    table = opened(sql="SELECT 1 AS a UNION ALL SELECT 2")
    rows = read(table, columns(v="(SELECT 5)", w="random() < 2"))
    assert [row["fields"] for row in rows] == [{"v": 5, "w": True}] * 2


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        (columns("nam"), None, "The field 'nam': the source has no column 'nam': did you mean name?"),
        (columns(x="upper(nam)"), None, "The SQL of the field 'x' is wrong, line 1 of the SQL (upper(nam))"),
        (columns(x="1 +\n+ * 2"), None, "The SQL of the field 'x' is wrong, line 2 of the SQL (+ * 2)"),
        (columns(x="count(*)"), None, "The SQL of the field 'x' is wrong"),
        (columns(x="1), (2"), None, "field 'x' is wrong: it makes more than one value of a row"),
        (columns("id"), "id = = 2", "The SQL of the step's where is wrong, line 1 of the SQL (id = = 2)"),
        (columns("id"), "[id]", "where is VARCHAR[]: it must be true or false for a row"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_expression_is_a_sentence(opened, tmp_path, fields, where, words):
    (tmp_path / "u.csv").write_text("id,name\n1,Ann\n")
    table = opened("u.csv")
    for ask in (
        lambda: table.check(Selection(fields=fields, where=where)),
        lambda: read(table, fields, where),
    ):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_hash_covers_the_key_and_what_is_sent_and_nothing_else(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id,age,other\n1,10,a\n")
    table = opened("u.csv", key=("id",))

    def hash_of(fields, **about):
        ((row,),) = table.rows(fields, **about)
        return row["hash"]

    fields = columns("id", age="cast(age AS integer)")
    known = hash_of(fields)
    (tmp_path / "v.csv").write_text("id,other,age\n1,b,10\n")
    ((same,),) = opened("v.csv", key=("id",)).rows(fields)
    assert same["hash"] == known, "another column does not count"
    ((other,),) = opened("v.csv", key=("other",)).rows(fields)
    assert other["hash"] != known, "the key does"
    assert hash_of(dict(reversed(fields.items()))) == known, "nor does the order of the fields"
    assert hash_of(columns("id", age="5 + 5")) == known, "nor how a value is made"
    assert hash_of(fields, where="id = '1'") == known
    others = [
        hash_of(columns("id", "age")),
        hash_of(columns("id", age="11")),
        hash_of(columns("id", years="cast(age AS integer)")),
        hash_of(fields | {"source": Expression(value="crm")}),
        hash_of(fields | {"source": Expression(value="web")}),
        hash_of(fields, salt="another operation"),
        hash_of(columns("id")),
    ]
    assert len({known, *others}) == 1 + len(others)


def test_many_selections_are_read_in_one_pass(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id\n" + "".join(f"{number:05}\n" for number in range(2500)))
    table = opened("u.csv")
    odd = Selection(fields=columns("id"), where="cast(id AS integer) % 2 = 1")
    every = Selection(fields=columns(n="cast(id AS integer)"))
    some = Selection(
        fields=columns("id"), only=lambda: iter([[(1, None), (1700, Problem("why not"))], [(2500, None)]])
    )
    pages = list(table.read([odd, every, some]))
    assert max(len(page) for turn in pages for page in turn) <= 1000
    odds, alls, few = ([row for turn in pages for row in turn[at]] for at in range(3))
    assert [row["row"] for row in odds] == list(range(2, 2501, 2))
    assert [row["fields"]["n"] for row in alls] == list(range(2500))
    assert [(row["row"], row["fields"]["id"], row.get("problem")) for row in few] == [
        (1, "00000", None),
        (1700, "01699", "why not"),
        (2500, "02499", None),
    ]


def test_numbers_of_rows_are_the_same_at_every_reading_of_many_files(opened, tmp_path):
    for number in range(20):
        lines = "".join(f"{number}-{line},{'x' * 200}\n" for line in range(3000))
        (tmp_path / f"u-{number:02}.csv").write_text("id,pad\n" + lines)
    table = opened("u-*.csv")
    first = [(row["row"], row["fields"]["id"]) for row in read(table, columns("id"))]
    assert first == [
        (number * 3000 + line + 1, f"{number}-{line}") for number in range(20) for line in range(3000)
    ]
    assert first == [(row["row"], row["fields"]["id"]) for row in read(table, columns("id", "pad"))]


# Queries and databases.


def test_a_query_reads_files_as_text(opened, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "users.csv").write_text("id,city\n007,Izmir\n008,Bursa\nbroken\n")
    pq.write_table(pa.table({"city": ["Izmir"], "code": [35]}), tmp_path / "cities.parquet")
    table = opened(
        sql="SELECT id, code FROM 'out/users.csv' JOIN 'cities.parquet' USING (city);", key=("id",)
    )
    assert [row["fields"] for row in read(table, columns("id", "code")) if "problem" not in row] == [
        {"id": "007", "code": 35}
    ]
    assert [problem for _, problem in problems(table, columns("id"))] == [
        "line 4 of users.csv: a line is no row: it has fewer cells than the header: " + FEWER
    ]


def test_a_query_over_the_files_of_the_source(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('{"id": "1", "n": 2}\nno\n{"id": "2", "n": 3}\n')
    table = opened("u.ndjson", sql="SELECT id, n * 2 AS n FROM source")
    assert [(row["row"], row["fields"], row.get("problem")) for row in read(table, columns("id", "n"))] == [
        (1, {"id": "1", "n": 4}, None),
        (2, {"id": "2", "n": 6}, None),
        (3, {"line": "no"}, "the line is not JSON"),
    ]


def test_a_query_without_an_order_is_ordered_by_the_key(opened, tmp_path):
    numbers = pa.table({"id": [f"{number * 7919 % 100_003:06}" for number in range(100_000)]})
    pq.write_table(numbers, tmp_path / "u.parquet", row_group_size=1000)
    table = opened(sql="SELECT 1 AS a, id, count(*) AS n FROM 'u.parquet' GROUP BY id", key=("id",))
    ids = values(table)
    assert ids == sorted(ids)
    newest = opened(sql="SELECT id FROM 'u.parquet' ORDER BY id DESC LIMIT 3", key=("id",))
    assert values(newest) == ["100002", "100001", "100000"]


def test_a_query_over_a_duckdb_file(opened, tmp_path):
    with duckdb.connect(str(tmp_path / "w.duckdb")) as database:
        database.execute("CREATE TABLE users AS SELECT '00' || range AS id FROM range(3)")
        database.execute("CREATE SCHEMA crm")
        database.execute("CREATE VIEW crm.vip AS SELECT * FROM users WHERE id > '000'")
    table = opened(sql="SELECT id FROM users WHERE id IN (FROM crm.vip)", database="w.duckdb", key=("id",))
    assert values(table) == ["001", "002"]


def test_a_query_over_a_sqlite_file(opened, tmp_path):
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE users (id TEXT, n INTEGER, f REAL, mixed, raw BLOB)")
        rows = [
            ("007", 2**63 - 1, 0.5, 1, None),
            ("008", None, float("inf"), "01", None),
            ("009", 1, 1.0, 2, b"x"),
        ]
        database.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", rows)
    database.close()
    table = opened(sql="SELECT * FROM users ORDER BY id", database="w.db", key=("id",))
    rows = read(table, columns("id", "n", "f", "mixed"))
    assert rows[0]["fields"] == {"id": "007", "n": 2**63 - 1, "f": 0.5, "mixed": 1}
    assert ["problem" in row for row in rows] == [False, True, True]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "SELECT *\nFROM 'u.csv'\nWHERE idd = 1",
            "The source's SQL is wrong, line 3 of the SQL (WHERE idd = 1): ",
        ),
        ("SELECT\n* FRM x", "The source's SQL is wrong, line 2 of the SQL (* FRM x): "),
        ("SELECT * FROM nothing", "The source's SQL is wrong, line 1 of the SQL"),
        ("DELETE FROM x", "must be one SELECT"),
        ("SELECT 1; SELECT 2", "must be one SELECT"),
        ("SELECT * FROM read_csv('u.csv')", "guesses types and takes the zeros off an id"),
        ("SELECT * FROM 'v.csv'", "v.csv names no file"),
        ("SELECT * FROM read_parquet('v.parquet')", "v.parquet names no file"),
    ],
)
def test_what_is_wrong_with_a_query_is_a_sentence(opened, tmp_path, sql, words):
    (tmp_path / "u.csv").write_text("id\n1\n")
    with pytest.raises(ConfigurationError) as caught:
        opened(sql=sql)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_query_that_says_its_types_is_taken(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id\n01\n")
    assert values(opened(sql="SELECT * FROM read_csv('u.csv', all_varchar = true)")) == ["01"]


def test_an_error_of_a_query_repeats_no_value(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id,age\nann@example.com,1\n")
    table = opened(sql="SELECT cast(id AS integer) AS id, age FROM 'u.csv' ORDER BY age")
    assert values(table, "age") == ["1"]
    with pytest.raises(SourceFailed) as caught:
        read(table, columns("id"))
    assert "ann" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["none.db", "text.db"])
def test_a_database_that_is_none(opened, tmp_path, name):
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at")
    with pytest.raises((ConfigurationError, SourceFailed), match=name):
        opened(sql="SELECT 1", database=name)


# Changes.


def test_the_fingerprint_tells_a_source_from_others(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id\n1\n")
    known = opened("u.csv").fingerprint()
    assert opened("u.csv").fingerprint() == known
    others = [opened("u.csv", key=("id",)), opened("u.csv", sql="SELECT * FROM source")]
    os.utime(tmp_path / "u.csv", ns=(1, 1))
    others.append(opened("u.csv"))
    prints = {known, *(table.fingerprint() for table in others)}
    assert len(prints) == 4


@pytest.mark.parametrize("about", [{"files": ("u.csv",)}, {"sql": "SELECT * FROM 'u.csv'"}])
def test_a_file_that_changes_while_it_is_read_is_told(tmp_path, about):
    path = tmp_path / "u.csv"
    path.write_text("id\n" + "".join(f"{number}\n" for number in range(5000)))
    with open_source(Source(**about), tmp_path) as table:
        pages = table.rows(columns("id"))
        next(pages)
        with path.open("a") as file:
            file.write("5000\n")
        with pytest.raises(SourceFailed, match=r"was changed while it was read"):
            list(pages)


def test_a_file_that_goes_away_is_told(tmp_path):
    path = tmp_path / "u.csv"
    path.write_text("id\n1\n")
    with open_source(Source(files=("u.csv",)), tmp_path) as table:
        pages = table.rows(columns("id"))
        next(pages)
        path.unlink()
        with pytest.raises(SourceFailed, match="a file of the source is gone"):
            list(pages)


# Standard input and Python's own.


class Stdin:
    def __init__(self, text):
        self.buffer = io.BytesIO(text.encode())


def test_standard_input_is_read_twice(opened, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin("id\n007\n008\n"))
    table = opened("-", format="csv", key=("id",))
    assert table.count() == 2
    assert values(table) == ["007", "008"]
    monkeypatch.setattr(sys, "stdin", Stdin("id\n007\n008\n"))
    assert opened("-", format="csv", key=("id",)).fingerprint() == table.fingerprint()
    monkeypatch.setattr(sys, "stdin", Stdin("id\n007\n009\n"))
    assert opened("-", format="csv", key=("id",)).fingerprint() != table.fingerprint()


ROWS = [
    {"id": "007", "n": 1, "day": dt.date(2026, 1, 2), "price": Decimal("1.10"), "tags": ["a"]},
    {"id": LONGER, "n": 10**20, "day": None},
    {"id": "8", "n": float("inf")},
    {"id": "9", "raw": b"x"},
    "no mapping",
    {"id": "10", "when": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)},
]


async def one_by_one(rows):
    for row in rows:
        yield row


async def in_lists(rows):
    yield rows[:2]
    yield rows[2:]


@pytest.mark.asyncio
@pytest.mark.parametrize("give", [list, iter, one_by_one, in_lists])
async def test_rows_that_python_has(give):
    with await gather_data(give(ROWS), key=["id"]) as table:
        rows = read(table, columns("id", "n", "day", "price", "tags", "when"))
        assert table.count() == 6
    day = dt.date(2026, 1, 2)
    assert rows[0]["fields"] == {"id": "007", "n": 1, "day": day, "price": 1.1, "tags": ["a"]}
    assert rows[1]["fields"] == {"id": LONGER, "n": 10**20}
    assert rows[5]["fields"] == {"id": "10", "when": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)}
    assert [row["row"] for row in rows if "problem" in row] == [3, 4, 5]
    assert rows[4]["problem"] == "the row is no mapping of column to value, but str"


class Frame:
    """What a DataFrame of any package looks like."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("wrap", [lambda table: table, Frame, lambda table: table.to_reader()])
def test_arrow_streams_and_frames(wrap):
    data = pa.table({"id": ["007", "8"], "n": pa.array([2**62 + 1, None], pa.int64())})
    with open_data(wrap(data), key=["id"]) as table:
        assert [row["fields"] for row in read(table, columns("id", "n"))] == [
            {"id": "007", "n": 2**62 + 1},
            {"id": "8"},
        ]


def test_data_that_raises_is_a_failed_source():
    def rows():
        yield {"id": "1"}
        raise RuntimeError("ann@example.com")

    with pytest.raises(SourceFailed, match="The data raised RuntimeError") as caught:
        open_data(rows())
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("data", ["text", {"id": 1}, 5, one_by_one([])])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(ConfigurationError):
        open_data(data)


def test_without_the_packages_the_remedy_is_named(tmp_path, monkeypatch):
    (tmp_path / "u.csv").write_text("id\n1\n")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'netaudience\[cli\]'"):
        open_source(Source(files=("u.csv",)), tmp_path)


# Nothing is lost without a word.


@pytest.mark.parametrize("at", [[0], [27_186], [59_999], [6_875, 53_463], [10, 11], [100, 20_000, 50_001]])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_quote_that_is_never_closed_loses_no_row_without_a_word(opened, tmp_path, at, ends):
    lines = [f"{number:06},{'y' * 90}" for number in range(60_000)]
    for number in at:
        lines[number] = f'{number:06},"{"y" * 90}'
    (tmp_path / "u.csv").write_text("".join(f"{line}{ends}" for line in ["id,pad", *lines]), newline="")
    table = opened("u.csv")
    try:
        told = table.count()
    except SourceFailed as error:
        told = error
    if isinstance(told, int):
        assert told >= 60_000, "each line is a row, or a row with a problem"
        assert told == len(read(table, columns("id")))
    else:
        assert f"u.csv, line {at[0] + 2:,}: a quote is opened and not closed" in str(told)
        with pytest.raises(SourceFailed):
            read(table, columns("id"))


def test_line_breaks_and_blank_lines_are_no_lost_rows(opened, tmp_path):
    chance = random.Random(3)
    cells = ["x", '"a\n\nb"', '"\n"', '""', '"q ""q"""', "", '"\r\n"']
    for name, ends in (("lf.csv", "\n"), ("crlf.csv", "\r\n"), ("bare.csv", "\n")):
        rows = [f"{number},{chance.choice(cells)}" for number in range(20_000)]
        blank = [ends * chance.choice([1, 1, 1, 2, 5]) for _ in rows]
        text = f"{ends}id,text{ends}" + "".join(map("".join, zip(rows, blank, strict=True)))
        (tmp_path / name).write_text(text.rstrip() if name == "bare.csv" else text, newline="")
        assert opened(name).count() == 20_000


def test_lines_of_mixed_ends_are_read(opened, tmp_path):
    (tmp_path / "u.csv").write_bytes(b'id,b\n1,2\r\n3,"x\r\ny"\n5,6,7\r\n8,9\n')
    table = opened("u.csv")
    assert table.count() == 4
    assert values(table, "b") == ["2", "x\r\ny", "9"]
    assert problems(table, columns("id")) == [
        (
            4,
            "line 5 of u.csv: a line is no row: it has more cells than the header: " + MORE,
        )
    ]
    assert values(opened("u.csv", typed=True), "id") == [1, 3, 8]
    with pytest.raises(SourceFailed, match="the lines of a file end in different ways"):
        opened(sql="SELECT * FROM 'u.csv'").count()


@pytest.mark.parametrize("share", [0.001, 0.5, 1.0])
def test_every_line_that_is_no_json_is_a_row(opened, tmp_path, share):
    chance = random.Random(5)
    broken = ["nope", '{"id": ', "]", '"', '{"id": "x"} {"id": "y"}', "{'id': 1}", '{"id": "\x01"}', "null"]
    lines = [
        chance.choice(broken) if chance.random() < share else f'{{"id": "{number}"}}'
        for number in range(30_000)
    ]
    (tmp_path / "u.ndjson").write_text("".join(f"{line}\n" for line in lines))
    table = opened("u.ndjson")
    rows = read(table, {})
    assert len(rows) == table.count() == 30_000
    assert [row["row"] for row in rows] == list(range(1, 30_001))
    whole = [at for at, line in enumerate(lines, 1) if line.startswith('{"id": "') and line.count("{") == 1]
    assert [row["row"] for row in rows if "problem" not in row] == [
        at for at in whole if "\x01" not in lines[at - 1]
    ]


@pytest.mark.parametrize(("name", "text"), [("u.ndjson", '{"id": "007"}\n'), ("u.json", '[{"id": "007"}]')])
def test_a_byte_order_mark_before_json(opened, tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert values(opened(name)) == ["007"]


def test_names_with_every_kind_of_sign(opened, tmp_path):
    (tmp_path / "us'ers[1] é.csv").write_text('"we""ird, na\'me",b\n1,2\n', encoding="utf-8")
    (tmp_path / "us'ers1 é.csv").write_text("b\nwrong\n", encoding="utf-8")
    fields = {"x": Expression(column="we\"ird, na'me")}
    assert [row["fields"] for row in read(opened("us'ers[1] é.csv"), fields)] == [{"x": "1"}]


# Memory.

READER = """
import json, re, sys
from pathlib import Path
from netaudience.jobs.spec.model import Expression, Source
from netaudience.jobs.extract.table import open_source

folder, name = Path(sys.argv[1]), sys.argv[2]
fields = {"id": Expression(column="id"), "n": Expression(sql="cast(n AS integer)")}
with open_source(Source(files=(name,), key=("id",)), folder, memory="256MB") as table:
    rows = sum(len(page) for page in table.rows(fields))
# What the system says of the peak elsewhere may be that of the process which started this one.
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(json.dumps([rows, int(peak.group(1))]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_a_million_rows_take_the_memory_of_a_hundred_thousand(tmp_path, form):
    peaks = []
    for count in (100_000, 1_000_000):
        path = tmp_path / f"{count}.{form}"
        if form == "parquet":
            ids = pa.array([f"{number:09}{'x' * 600}" for number in range(count)])
            pq.write_table(pa.table({"id": ids, "n": pa.array(range(count))}), path, row_group_size=50_000)
            del ids
        else:
            line = (
                "{0:09}" + "x" * 600 + ",{0}\n"
                if form == "csv"
                else '{{"id": "{0:09}' + "x" * 600 + '", "n": {0}}}\n'
            )
            with path.open("w") as file:
                file.write("id,n\n" if form == "csv" else "")
                file.writelines(line.format(number) for number in range(count))
        command = [sys.executable, "-c", READER, str(tmp_path), path.name]
        told = subprocess.run(command, capture_output=True, check=True).stdout
        rows, peak = json.loads(told)  # and nothing else: DuckDB draws no progress there
        assert rows == count
        peaks.append(peak)
    small, large = peaks
    # The file of a million has 610 MB; DuckDB may hold 256 of them.
    assert large < 500_000, f"{small:,} kB for a tenth of the rows, {large:,} kB for all"


@pytest.mark.slow
def test_wide_lines_of_json_take_no_more_memory_than_they_must(tmp_path):
    row = {f"k{at}": "v" * 50 if at % 2 else at for at in range(60)}
    (tmp_path / "u.ndjson").write_text(
        "".join(json.dumps({"id": f"{at:06}", **row}) + "\n" for at in range(20_000))
    )
    with open_source(Source(files=("u.ndjson",)), tmp_path, memory="512MB") as table:
        assert len(table.columns) == 61
        (*_, last) = read(table, columns(*table.columns))
    assert last["fields"] == {"id": "019999", **row}


def test_a_short_row_that_ends_as_windows_writes_it_is_one_row(tmp_path) -> None:
    (tmp_path / "x.csv").write_bytes(b"id,a,b\r\n1,x,y\r\n2\r\n3,x,y\r\n")
    with open_source(Source(files=("x.csv",)), tmp_path) as table:
        assert table.count() == 3


@pytest.mark.parametrize("ask", [lambda table: read(table, columns("id")), lambda table: table.count()])
def test_a_reading_that_ends_among_the_lines_set_aside_says_so(opened, tmp_path, monkeypatch, ask):
    (tmp_path / "u.csv").write_text("id,v\n1,a\n2\n")
    table, told = opened("u.csv"), opening.lines_set_aside

    def ended(connection, inputs):
        connection.close()
        return told(connection, inputs)

    monkeypatch.setattr(opening, "lines_set_aside", ended)
    with pytest.raises(SourceFailed, match=r"^u\.csv: "):
        ask(table)


def test_users_that_cannot_be_compared_any_longer_are_told_in_a_sentence():
    with Repeats() as repeats:
        repeats.add(["a"], [1])
    for ask in (lambda: repeats.add(["b"], [2]), repeats.chains, repeats.earlier):
        with pytest.raises(SourceFailed, match=r"^The users of the rows cannot be compared: "):
            ask()
