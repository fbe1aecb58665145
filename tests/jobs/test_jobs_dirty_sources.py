"""Files as real systems export them: what they say arrives, and what cannot is reported with its place."""

from __future__ import annotations

import codecs
import datetime as dt
import gzip
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from source_rows import columns, problems, read, values

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.duckdb import masked
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.extract.table import open_data, open_source
from netaudience.jobs.spec.model import Source

# CSV: delimiters, headers, encodings.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_usual_delimiters_are_told_from_the_header(opened, tmp_path, delimiter):
    (tmp_path / "u.csv").write_text(f"id{delimiter}name\n1001{delimiter}Ali\n")
    assert read(opened("u.csv"), columns("id", "name"))[0]["fields"] == {"id": "1001", "name": "Ali"}


@pytest.mark.parametrize(("sign", "said"), [("^", "^"), ("~", "~")])
def test_an_only_column_that_holds_a_delimiter_is_refused(opened, tmp_path, sign, said):
    (tmp_path / "u.csv").write_text(f"id{sign}name\n1001{sign}Ali\n")
    with pytest.raises(ConfigurationError) as caught:
        opened("u.csv")
    assert f'delimiter = "{said}"' in str(caught.value)
    assert values(opened("u.csv", delimiter=sign)) == ["1001"]


@pytest.mark.parametrize(
    "text",
    [
        "1001\n1002\n1003\n",
        "ann@example.com\nbob@example.com\n",
        "+905321234567\n+905321234568\n",
        "u1\nu2\n",
        "1001,Ali\n1002,Veli\n",
        "Ali,ann@example.com\nVeli,bob@example.com\n",
        "0b0e1d3c-1111-4222-8333-123456789abc\n0b0e1d3c-1111-4222-8333-123456789abd\n",
        "2026-01-02;1\n2026-01-03;2\n",
    ],
)
def test_a_first_line_that_looks_like_data_is_refused(opened, tmp_path, text):
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(ConfigurationError, match="looks like data") as caught:
        opened("u.csv")
    assert text.split("\n", maxsplit=1)[0] not in str(caught.value)
    without = opened("u.csv", header=False)
    assert len(read(without, columns("column1"))) == text.count("\n")
    assert len(read(opened("u.csv", header=True), {})) == text.count("\n") - 1


@pytest.mark.parametrize("text", ["1,null,0,0\n2,null,0,0\n", "1,,x\n2,,y\n"])
def test_a_row_in_place_of_a_header_is_told_before_its_cells_are_compared(opened, tmp_path, text):
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(ConfigurationError, match="looks like data"):
        opened("u.csv")


@pytest.mark.parametrize("header", ["id", "id,2023,2024", "user_id1", "e-mail", "e-posta adresi,ad"])
def test_a_header_is_taken_for_one(opened, tmp_path, header):
    (tmp_path / "u.csv").write_text(f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n")
    assert list(opened("u.csv").columns) == header.split(",")


def test_columns_may_be_named_by_the_job(opened, tmp_path):
    (tmp_path / "u.csv").write_text("1001,Ali\n1002,Veli\n")
    rows = read(opened("u.csv", header=("id", "name")), columns("id", "name"))
    assert [row["fields"]["name"] for row in rows] == ["Ali", "Veli"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_header_that_stands_again_is_no_row(opened, tmp_path, mark):
    (tmp_path / "u.csv").write_text(f"id,name\n1,Ali\n{mark}id,name\n2,Veli\n")
    table = opened("u.csv")
    assert values(table) == ["1", "2"]
    assert problems(table) == [(2, "the header stands here again: files were joined")]
    assert values(opened(sql="SELECT * FROM 'u.csv'")) == ["1", "2"]


def test_a_blank_before_a_quote_is_no_part_of_the_cell(opened, tmp_path):
    (tmp_path / "u.csv").write_text('name,id\nAli, "1001"\nVeli, "10,02"\n')
    assert values(opened("u.csv")) == ["1001", "10,02"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_empty_cell_of_an_only_column_is_a_row_and_a_blank_line_is_none(opened, tmp_path, end):
    (tmp_path / "a.csv").write_text(end.join(["id", "1", '""', "", "2", ""]), newline="")
    table = opened("a.csv")
    assert values(table) == ["1", None, "2"]
    assert table.count() == 3


def test_a_file_without_quotes_keeps_those_that_it_has(opened, tmp_path):
    (tmp_path / "u.csv").write_text('id;size\n1;5" pipe\n2;"x\n')
    assert values(opened("u.csv", quote=""), "size") == ['5" pipe', '"x']


def test_a_cell_that_takes_many_lines_is_told(opened, tmp_path):
    (tmp_path / "u.csv").write_text('id,note\n1,"a' + "\nb" * 30 + '"\n2,c\n')
    opened_by_mistake = "look whether a quote was opened by mistake"
    table = opened("u.csv")
    assert table.count() == 2
    assert table.lines == 33
    assert table.notes == [
        f"u.csv: 1 of its rows take more than 20 lines each, the longest 31: {opened_by_mistake}"
    ]


TURKISH = "müşteri,şehir\n1,Beyoğlu\n2,Şişli\n"


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (TURKISH, "windows-1254", "windows-1254"),
        ("prénom,ville\n1,Orléans\n", "windows-1252", "windows-1252"),
        ("имя,город\n1,Москва\n", "windows-1251", "windows-1251"),
        (TURKISH, "utf-16-le", "utf-16-le"),
    ],
)
def test_an_encoding_is_proposed_and_read(opened, tmp_path, text, encoding, said):
    (tmp_path / "u.csv").write_bytes(text.encode(encoding))
    if not said.startswith("utf-16"):
        with pytest.raises(ConfigurationError) as caught:
            opened("u.csv")
        assert f'encoding = "{said}"' in str(caught.value)
    table = opened("u.csv", encoding=encoding)
    assert list(table.columns) == text.split("\n")[0].split(",")
    name = list(table.columns)[1]
    assert values(table, name) == [line.split(",")[1] for line in text.splitlines()[1:]]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
@pytest.mark.parametrize(
    ("name", "text"), [("u.csv", TURKISH), ("u.ndjson", '{"müşteri": "1", "şehir": "Beyoğlu"}\n')]
)
def test_utf_16_is_known_by_its_mark(opened, tmp_path, mark, name, text):
    little = mark == codecs.BOM_UTF16_LE
    (tmp_path / name).write_bytes(mark + text.encode("utf-16-le" if little else "utf-16-be"))
    assert values(opened(name), "şehir")[0] == "Beyoğlu"


@pytest.mark.parametrize("encoding", [None, "windows-1254", "utf-16-le"])
def test_a_value_that_cannot_be_decoded_rejects_its_row_alone(opened, tmp_path, encoding):
    bad = {None: b"\xff", "windows-1254": b"\x81", "utf-16-le": b"\x00\xdc"}[encoding]
    real = encoding or "utf-8"
    raw = b"".join(["id,name\n1,ş\n2,".encode(real), bad, "x\n3,ç\n".encode(real)])
    (tmp_path / "u.csv").write_bytes(raw)
    table = opened("u.csv", encoding=encoding)
    assert values(table) == ["1", "3"]
    ((_, problem),) = problems(table)
    assert problem.startswith(f"line 3 of u.csv: a line is no row: it is not {encoding or 'UTF-8'}: ")


def test_json_that_cannot_be_decoded_rejects_its_row_alone(opened, tmp_path):
    (tmp_path / "u.ndjson").write_bytes(b'{"id": "1"}\n{"id": "\xff"}\n{"id": "3"}\n')
    (tmp_path / "u.json").write_bytes(b'[{"id": "1"}, {"id": "\xff"}, {"id": "3"}]')
    for name, problem in (
        ("u.ndjson", "line 2 of u.ndjson: the line is not JSON"),
        ("u.json", "the row is not UTF-8"),
    ):
        table = opened(name)
        assert values(table) == ["1", "3"]
        assert problems(table) == [(2, problem)]


# Plain lines and items.


def test_plain_lines(opened, tmp_path):
    (tmp_path / "u.txt").write_bytes(b'\xef\xbb\xbf1001\n"x",y;z\n\n 7 \r\n\xff\nlast')
    table = opened("u.txt")
    assert table.columns == {"line": "VARCHAR"}
    assert values(table, "line") == ["1001", '"x",y;z', " 7 ", "last"]
    assert [row for row, _ in problems(table)] == [5]
    assert values(opened("u.txt", format="lines"), "line")[0] == "1001"


def test_items_are_lines(tmp_path):
    with open_source(Source(items=("007", 'a"b,c')), tmp_path) as table:
        assert values(table, "line") == ["007", 'a"b,c']
    with pytest.raises(ConfigurationError, match="--item must not be empty"):
        open_source(Source(items=("a", "")), tmp_path)


# What a file is.


def write_sheet(path, rows, **more):
    book = Workbook()
    for name, given in {"Sheet": rows, **more}.items():
        sheet = book["Sheet"] if name == "Sheet" else book.create_sheet(name)
        for row in given:
            sheet.append(row)
    book.save(path)


def packed(text, how, name="inside.csv"):
    if how == "gzip":
        return gzip.compress(text)
    if how == "zstd":
        stream = pa.BufferOutputStream()
        with pa.CompressedOutputStream(stream, "zstd") as out:
            out.write(text)
        return stream.getvalue().to_pybytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, text)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["u.csv", "u.csv.gz", "u.zip", "u.csv.zst", "u"])
@pytest.mark.parametrize("how", ["gzip", "zstd", "zip"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_packed_files_are_known_by_their_first_bytes(opened, tmp_path, name, how, form):
    text = b"id,b\n007,1\n" if form == "csv" else b'{"id": "007"}\n'
    (tmp_path / name).write_bytes(packed(text, how, "inside"))
    assert values(opened(name, format=form)) == ["007"]


def test_a_zip_says_by_its_file_what_that_is(opened, tmp_path):
    (tmp_path / "u.zip").write_bytes(packed(b"id,b\n007,1\n", "zip"))
    assert values(opened("u.zip")) == ["007"]
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "id\n")
        archive.writestr("b.csv", "id\n")
    with pytest.raises(ConfigurationError, match="a zip with 2 files"):
        opened("two.zip")


@pytest.mark.parametrize("name", ["u.csv", "u.parquet", "u.json", "u"])
def test_parquet_is_known_by_its_first_bytes(opened, tmp_path, name):
    pq.write_table(pa.table({"id": ["007"]}), tmp_path / name)
    assert values(opened(name)) == ["007"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(100)), "a SQLite database"),
        (lambda path: duckdb.connect(str(path)).close(), "a DuckDB database"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0 old"), "an Excel file of the old kind"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "a PDF"),
        (lambda path: path.write_bytes(b"\xfd7zXZ\0"), "packed with xz"),
    ],
)  # fmt: skip
def test_what_no_reader_knows_is_named(opened, tmp_path, make, words):
    make(tmp_path / "u.csv")
    with pytest.raises(ConfigurationError, match=rf"u\.csv is {words}"):
        opened("u.csv")


@pytest.mark.parametrize("reader", ["python_calamine", "openpyxl"])
def test_a_workbook_keeps_what_its_cells_show(opened, tmp_path, monkeypatch, reader):
    if reader == "openpyxl":
        monkeypatch.setitem(sys.modules, "python_calamine", None)
    day, noon = dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 12)  # noqa: DTZ001 - a sheet knows no zone
    write_sheet(
        tmp_path / "u.csv",
        [
            ["id", "n", "day", "when", "mixed"],
            [1042, 1.5, day, noon, "a"],
        ],
        other=[["id"], ["007"], [None], [8.0]],
    )
    table = opened("u.csv", key=("id",))
    (row,) = read(table, columns("id", "n", "day", "when", "mixed"))
    assert row["fields"] == {
        "id": 1042, "n": 1.5, "day": day, "when": noon, "mixed": "a",
    }  # fmt: skip
    assert (row["key"], table.columns["day"], table.columns["when"]) == ("1042", "DATE", "TIMESTAMP")
    assert values(opened("u.csv", sheet="other")) == ["007", 8]
    with pytest.raises(ConfigurationError, match="has no sheet 'third': it has Sheet, other"):
        opened("u.csv", sheet="third")


def test_a_workbook_without_a_reader_says_what_to_do(opened, tmp_path, monkeypatch):
    write_sheet(tmp_path / "u.xlsx", [["id"], [1]])
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'netaudience\[xlsx\]'"):
        opened("u.xlsx")


# JSON: no value depends on another row.

NUMBERS = [
    "9007199254740993", "1.10", "123456789012345678901234567890", "0.123456789012345678901", "1e400", "-0.5",
    "1042.0",
]  # fmt: skip


def test_numbers_keep_their_digits(opened, tmp_path):
    lines = [f'{{"id": {at}, "n": {number}, "o": {{"x": {number}}}}}' for at, number in enumerate(NUMBERS)]
    (tmp_path / "u.ndjson").write_text("\n".join([*lines, '{"id": 7, "n": "text"}']) + "\n")
    (tmp_path / "u.json").write_text(f"[{','.join(lines)}]")
    for name in ("u.ndjson", "u.json"):
        table = opened(name, key=("n",))
        assert table.columns == dict.fromkeys(("id", "n", "o"), "JSON")
        found = values(table, "n")[: len(NUMBERS)]
        assert [Decimal(str(value)) for value in found] == list(map(Decimal, NUMBERS))
        keys = [row["key"] for row in read(table, {})][: len(NUMBERS)]
        assert [Decimal(key) for key in keys] == list(map(Decimal, NUMBERS))
        assert keys[-1] == "1042"


def test_a_value_is_the_same_whatever_other_rows_hold(opened, tmp_path):
    rows = ['{"id": 1042.0, "n": 1}', '{"id": 1043, "n": true}', '{"id": "1044", "n": null}']
    others = ['{"id": "guest-7", "n": 1.5}', '{"id": 12345678901234567890, "n": "x"}', '{"id": [1], "n": {}}']
    (tmp_path / "clean.ndjson").write_text("\n".join(rows) + "\n")
    (tmp_path / "dirty.ndjson").write_text("\n".join([*rows, *others]) + "\n")
    clean, dirty = (
        read(opened(name, key=("id",)), columns("id", "n")) for name in ("clean.ndjson", "dirty.ndjson")
    )
    assert dirty[:3] == clean
    assert [row["key"] for row in clean] == ["1042", "1043", "1044"]


def test_one_fraction_changes_one_hash(opened, tmp_path):
    rows = [{"id": at, "score": 0} for at in range(10)]
    hashes = []
    for score in (0, 1.5):
        rows[0]["score"] = score
        (tmp_path / "u.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
        hashes.append([row["hash"] for row in read(opened("u.ndjson"), columns("id", "score"))])
    assert sum(one != other for one, other in zip(*hashes, strict=True)) == 1


def test_sql_sees_the_type_that_all_values_have(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text(
        '{"id": "1", "age": 9, "city": "Izmir", "ok": true, "f": 1, "mixed": 1, "o": {"a": 1}}\n'
        '{"id": "2", "age": 30, "city": "BURSA", "ok": false, "f": 1.5, "mixed": "x", "o": null}\n'
    )
    table = opened("u.ndjson")
    fields = columns(
        age="age + 1", city="lower(city)", ok="NOT ok", f="f * 2", mixed="mixed || '!'", o="o.a",
        whole="cast(age AS integer)",
    )  # fmt: skip
    assert [row["fields"] for row in read(table, fields)] == [
        {"age": 10, "city": "izmir", "ok": False, "f": 2.0, "mixed": "1!", "o": 1, "whole": 9},
        {"age": 31, "city": "bursa", "ok": True, "f": 3.0, "mixed": "x!", "whole": 30},
    ]
    assert [row["row"] for row in read(table, columns("id"), "age > 10")] == [2]
    assert [row["row"] for row in read(table, columns("id"), "city = 'Izmir'")] == [1]
    assert values(opened(sql="SELECT id FROM 'u.ndjson' WHERE age > 10")) == ["2"]


def test_an_object_that_names_something_twice_is_no_row(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('{"id": "1"}\n{"id": "2", "n": 1, "id": "3"}\n{"id": "4", "n": 2}\n')
    table = opened("u.ndjson")
    assert values(table) == ["1", "4"]
    assert problems(table) == [(2, "line 2 of u.ndjson: the object names id twice: keep one")]


@pytest.mark.parametrize("name", ["u.ndjson", "u.json"])
def test_a_value_without_a_name_is_no_silent_loss(opened, tmp_path, name):
    lines = ['{"id": "u-1", "": null}', '{"id": "u-2", "": "x"}', '{"id": "u-3"}']
    text = "\n".join(lines) if name == "u.ndjson" else f"[{', '.join(lines)}]"
    (tmp_path / name).write_text(text)
    ((row, problem),) = problems(opened(name))
    assert row == 2
    assert problem.endswith("the object has a value without a name: give it one, or leave it out")


def test_lines_of_json_may_be_bare_values(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('"007"\n1042\n[1]\nnull\nno\n"a\\"b"\n')
    table = opened("u.ndjson", key=("line",))
    assert table.columns == {"line": "JSON"}
    assert values(table, "line") == ["007", 1042, 'a"b']
    assert [row for row, _ in problems(table)] == [3, 4, 5]
    assert [row["key"] for row in read(table, columns(x="line || '!'"))][:2] == ["007", "1042"]


def test_an_object_within_a_row_that_names_something_twice_is_no_value(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('{"id": 1, "o": {"a": {"b": 1, "b": 2}}}\n{"id": 2, "o": {"b": 1}}\n')
    first, second = values(opened("u.ndjson"), "o")
    assert isinstance(first, BadValue)
    assert first.reason == "holds an object that names something twice: keep one"
    assert second == {"b": 1}


def test_names_that_differ_in_case_are_kept_apart(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('{"id": 1, "URL": "a"}\n{"id": 2, "url": "b", "n": 5}\n')
    table = opened("u.ndjson")
    assert values(table, "URL") == ["a", None]
    assert values(table, "url") == [None, "b"]
    assert [row["fields"] for row in read(table, columns(n="n + 1"))] == [{}, {"n": 6}]
    for fields in (columns("Url"), columns(u="lower(url)")):
        with pytest.raises(ConfigurationError, match="differ in nothing but their case"):
            read(table, fields)


# Columns that fall together, folders, and types of Parquet.


def write_alike(path, first, second):
    pq.write_table(pa.table({"id": [1], "n": first}), path / "u-1.parquet")
    pq.write_table(pa.table({"id": [2], "n": second}), path / "u-2.parquet")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([9007199254740993]), pa.array([1.5])),
        (pa.array([1]), pa.array(["1"])),
        (pa.array([1.5], pa.float32()), pa.array([1.5])),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([1])),
        (pa.array([dt.date(2026, 1, 2)]), pa.array([dt.datetime(2026, 1, 2)])),  # noqa: DTZ001
        (pa.array([{"a": 1}]), pa.array([{"a": 1.5}])),
    ],
)
def test_types_of_parquet_that_would_change_values_are_refused(opened, tmp_path, first, second):
    write_alike(tmp_path, first, second)
    with pytest.raises(
        ConfigurationError, match=r"The column 'n' is .* in u-1\.parquet and .* in u-2\.parquet"
    ):
        opened("u-*.parquet")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([2**62 + 1]), pa.array([7], pa.int8())),
        (pa.array([Decimal("1.5")], pa.decimal128(5, 1)), pa.array([Decimal("2.25")], pa.decimal128(9, 2))),
        (pa.array([None], pa.null()), pa.array(["x"])),
    ],
)
def test_types_of_parquet_that_lose_nothing_are_united(opened, tmp_path, first, second):
    write_alike(tmp_path, first, second)
    wanted = [value.as_py() for value in (first[0], second[0])]
    assert values(opened("u-*.parquet"), "n") == wanted


def test_folders_are_no_columns(opened, tmp_path):
    folder = tmp_path / "country=TR"
    folder.mkdir()
    (folder / "u.csv").write_text("id,country\n1,Turkey\n")
    (folder / "u.ndjson").write_text('{"id": 1, "country": "Turkey"}\n')
    pq.write_table(pa.table({"id": [1], "country": ["Turkey"]}), folder / "u.parquet")
    for name in ("u.csv", "u.ndjson", "u.parquet"):
        table = opened(f"*/{name}")
        assert list(table.columns) == ["id", "country"]
        assert values(table, "country") == ["Turkey"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_folders_are_columns_where_the_job_says_so(opened, tmp_path, form):
    for country in ("TR", "KKTC%20"):
        folder = tmp_path / f"country={country}"
        folder.mkdir()
        if form == "csv":
            (folder / "u.csv").write_text("id,n\n1,2\n")
        else:
            pq.write_table(pa.table({"id": ["1"], "n": ["2"]}), folder / "u.parquet")
    table = opened(f"*/u.{form}", hive=True)
    assert sorted(values(table, "country")) == ["KKTC ", "TR"]
    assert values(table, "n") == ["2", "2"]
    taken = tmp_path / "N=1"
    taken.mkdir()
    (tmp_path / "country=TR" / f"u.{form}").rename(taken / f"u.{form}")
    with pytest.raises(ConfigurationError, match="has a column 'N', and so has its folder"):
        opened(f"N*/u.{form}", hive=True)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", ""])
@pytest.mark.parametrize("other", ["id", "ID"])
def test_two_columns_of_one_name_are_refused(opened, tmp_path, kind, other):
    name = f"w.{kind}" if kind else None
    if kind == "sqlite":
        with closing(sqlite3.connect(tmp_path / name)) as database:
            database.execute("CREATE TABLE t (a)")
    elif kind:
        duckdb.connect(str(tmp_path / name)).close()
    with pytest.raises(ConfigurationError, match="two columns called 'id'"):
        opened(sql=f"SELECT 1 AS id, 2 AS {other}", database=name)


def test_text_of_sqlite_that_is_not_utf_8_rejects_its_row_alone(opened, tmp_path):
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE users (id TEXT, name TEXT)")
        database.execute("INSERT INTO users VALUES ('1', 'a'), ('2', CAST(x'ff41' AS TEXT)), ('3', 'c')")
    table = opened(sql="SELECT * FROM users ORDER BY id", database="w.db", key=("id",))
    assert values(table) == ["1", "3"]
    ((row, problem),) = problems(table)
    assert (row, problem) == (
        2, "the column 'name' holds text that is not UTF-8: write it anew in the database, or leave it out",
    )  # fmt: skip
    assert read(table, {})[1]["key"] == "2"


# Typed columns.


def test_a_column_is_typed_as_a_whole(opened, tmp_path):
    (tmp_path / "u.csv").write_text(
        "id,zip,version,amount,n,ok,tags,half\n"
        '1,34000,1.10,123456789012345.125,7,true,"[1, 2]",1\n'
        '2,02139,5.2.1,1.5,8,false,"{""a"": 1}",1.5\n'
        "3,,,,,,,\n"
    )
    names = ("zip", "version", "amount", "n", "ok", "tags", "half")
    for typed in (True, names):
        first, second, third = read(opened("u.csv", typed=typed), columns(*names))
        assert first["fields"] == {
            "zip": "34000", "version": "1.10", "amount": "123456789012345.125", "n": 7, "ok": True,
            "tags": [1, 2], "half": 1,
        }  # fmt: skip
        assert second["fields"]["zip"] == "02139"
        assert second["fields"]["half"] == 1.5
        assert third["fields"] == {}
    assert values(opened("u.csv", typed=("ok",)), "n")[:2] == ["7", "8"]


# Tables of other packages.


def test_a_frame_of_pandas_with_numbers_beside_texts():
    frame = pd.DataFrame({"id": [1, 2, 3], "v": [1, "x", None], "f": [1.5, float("nan"), 2.0]})
    with open_data(frame, key=["id"]) as table:
        rows = [row["fields"] for row in read(table, columns("id", "v", "f"))]
    assert rows == [{"id": 1, "v": 1, "f": 1.5}, {"id": 2, "v": "x"}, {"id": 3, "f": 2.0}]


@pytest.mark.parametrize(
    "series",
    [
        pl.Series("v", ["a", "b", None], dtype=pl.Categorical),
        pl.Series("v", ["a", "b", None], dtype=pl.Enum(["a", "b"])),
        pl.Series("v", ["a", "b", None]),
    ],
    ids=lambda series: str(series.dtype),
)
def test_categories_of_polars_are_text(series):
    with open_data(pl.DataFrame({"id": ["1", "2", "3"]}).with_columns(series)) as table:
        assert values(table, "v") == ["a", "b", None]


def test_lists_of_polars():
    frame = pl.DataFrame({"v": [["a", "b"], []], "s": [{"x": "y"}, {"x": None}]})
    with open_data(frame) as table:
        assert values(table, "v") == [["a", "b"], []]


def test_categories_of_arrow_and_views_are_text():
    data = pa.table(
        {
            "a": pa.array(["x", None]).dictionary_encode(),
            "b": pa.array(["x", None], pa.string_view()),
            "c": pa.array([7, None]).dictionary_encode(),
        }
    )
    with open_data(data) as table:
        assert [row["fields"] for row in read(table, columns("a", "b", "c"))] == [
            {"a": "x", "b": "x", "c": 7},
            {},
        ]


# What is imported, and what is reported.


def test_text_is_read_without_arrow(tmp_path):
    (tmp_path / "u.csv").write_text("id,n\n1,2\n")
    code = (
        "import sys; from pathlib import Path; from netaudience.jobs.extract.view import Opened;"
        "from netaudience.jobs.columns.duckdb import connect; from netaudience.jobs.spec.model import Source;"
        f"p = Path({str(tmp_path)!r});"
        "o = Opened(connect(spill=p), Source(files=('u.csv',)), p, p); o.verify();"
        "print('pyarrow' in sys.modules, list(o.columns))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert told == "False ['id', 'n']\n"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 'it''s secret' AS a", "SELECT '…' AS a"),
        ("SELECT \"name\", 'x'", "SELECT \"name\", '…'"),
        ("SELECT 'a\nb', c", "SELECT '…'\n, c"),
        ("SELECT 'open", "SELECT '…'"),
        ("SELECT $$secret$$, $t$more$t$", "SELECT '…', '…'"),
    ],
)
def test_texts_of_sql_are_masked(sql, told):
    assert masked(sql) == told


def test_an_error_shows_no_text_of_the_sql(opened):
    with pytest.raises(ConfigurationError) as caught:
        opened(sql="SELECT * FROM nothing('postgres://me:secret@host/db') WHERE x = 'ann@example.com'")
    assert "secret" not in str(caught.value)
    assert "ann" not in str(caught.value)


# Files that were cut off, or are broken.

CUT, BROKEN = "ends too early: it was cut off, so copy it", "its packed bytes are broken: copy it"
LINES = b"".join(b"id%d,5\n" % number for number in range(20_000))
OBJECTS = b"".join(b'{"id": "%d"}\n' % number for number in range(20_000))


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("u.csv", content)
    return packed.getvalue()


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def _parquet() -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table({"id": [str(number) for number in range(1000)]}), written)
    return written.getvalue()


DAMAGED = [
    ("u.json", b'[{"id": "1"}, {"id": "2"', "its JSON ends in the middle: it was cut off, so copy it"),
    ("u.json", b'{"id": "1"', "its JSON ends in the middle"),
    ("u.json", b'[{"id": "1"}, {"id": }]', "no JSON stands near value 3: mend it, or write JSON lines"),
    ("u.csv.gz", gzip.compress(b"id,age\n" + LINES, mtime=0)[:-5000], CUT),
    ("u.csv.gz", gzip.compress(b"id,age\n" + LINES, mtime=0)[:-4], CUT),
    ("u.txt.gz", gzip.compress(LINES, mtime=0)[:-5000], CUT),
    ("u.ndjson.gz", gzip.compress(OBJECTS, mtime=0)[:-500], CUT),
    ("u.json.gz", gzip.compress(OBJECTS, mtime=0)[:-500], CUT),
    ("u.csv.zst", pa.compress(b"id,age\n" + LINES, codec="zstd", asbytes=True)[:-900], CUT),
    ("u.csv.gz", _flipped(gzip.compress(b"id,age\n" + LINES, mtime=0)), BROKEN),
    ("u.ndjson.gz", _flipped(gzip.compress(OBJECTS, mtime=0)), BROKEN),
    ("u.zip", _zipped(b"id\n" + LINES)[:-200], "a zip that was cut off, or whose bytes are broken: copy it"),
    ("u.zip", _flipped(_zipped(b"id\n" + LINES)), "copy it"),
    ("u.parquet", _parquet()[:-300], "it is no whole Parquet file: it was cut off, or is being written"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "told"), DAMAGED, ids=[f"{at} {case[0]}" for at, case in enumerate(DAMAGED)]
)
def test_a_damaged_file_is_told_with_what_to_do(opened, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceFailed) as failed:
        read(opened(name), {})
    assert str(failed.value).startswith(name)
    assert told in str(failed.value)
    assert str(tmp_path) not in str(failed.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("u.psv", b"id|name\n1|a,b\n"),
        ("u.psv", b"id|na,me\n1|a\n"),  # the name decides where the header does not
        ("u.ssv", b"id;na,me\n1;a\n"),
        ("U.PSV.gz", gzip.compress(b"id|name\n1|a\n", mtime=0)),
        ("u.psv", b"id,name\n1,a\n"),  # what the file is, whatever its name says
        ("u.psv", b"id\n1\n"),
    ],
)
def test_what_stands_between_cells_may_be_in_the_name(opened, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert values(opened(name)) == ["1"]
