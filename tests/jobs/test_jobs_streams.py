"""Standard input as a stream: rows come out while it is written, read as a file would be."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_rows import told

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.extract.blocks import end_of_rows
from netaudience.jobs.extract.stdin import StreamTable, open_stream
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Expression, Source

MORE = "quote what holds the delimiter"


def columns(*names):
    return {name: Expression(column=name) for name in names}


class Writer:
    """The other end of standard input."""

    def __init__(self, monkeypatch):
        read_end, self._end = os.pipe()
        self._read_end = os.fdopen(read_end, "rb")
        monkeypatch.setattr(sys, "stdin", self._read_end)

    def __call__(self, text):
        raw = text if isinstance(text, bytes) else text.encode()
        while raw:
            raw = raw[os.write(self._end, raw) :]

    def close(self):
        end, self._end = self._end, None
        if end is not None:
            os.close(end)

    def give_up(self):
        self.close()
        self._read_end.close()


@pytest.fixture
def write(monkeypatch):
    writer = Writer(monkeypatch)
    yield writer
    writer.give_up()


def rows_of(table, *names):
    for page in table.rows(columns(*names)):
        yield from page


@pytest.mark.parametrize(
    ("form", "texts", "rows"),
    [
        (
            "csv",
            ["id,name\n1,a\n", '2,"V\neli"\n', "3,x\n4", ",y\n"],
            [("1", "a"), ("2", "V\neli"), ("3", "x"), ("4", "y")],
        ),
        ("csv", ["id;name\n", "1;a\n"], [("1", "a")]),
        ("tsv", ["id\tname\n1\ta\n", '2\t"b"\n'], [("1", "a"), ("2", "b")]),
        ("ndjson", ['{"id": 1, "name": "a"}\n', '{"id": "2", "name": "b"}\n'], [(1, "a"), ("2", "b")]),
    ],
)  # fmt: skip
def test_rows_come_out_as_they_come_in(write, form, texts, rows):
    write(texts[0])
    with open_stream(Source(format=form)) as table:
        assert isinstance(table, StreamTable)
        assert list(table.columns) == ["id", "name"]
        found = rows_of(table, "id", "name")
        seen = [next(found)] if texts[0].count("\n") > 1 or form == "ndjson" else []
        for text in texts[1:]:
            write(text)
            if text.endswith("\n"):
                seen.append(next(found))
        write.close()
        seen.extend(found)
    assert [(row["fields"]["id"], row["fields"]["name"]) for row in seen] == rows
    assert [row["row"] for row in seen] == list(range(1, len(rows) + 1))


def test_what_many_blocks_hold_is_told_once(write):
    write("id,city,note\n 1,NULL,a\n")
    with open_stream(Source(format="csv")) as table:
        found = rows_of(table, "id")
        next(found)
        for row in ("2 ,b,\n", "3,\\N, c\n", " 4,NULL,d\n"):
            write(row)
            next(found)
        write.close()
        assert list(found) == []
        marks, blanks = table.notes
    assert marks.startswith("standard input: 3 cells hold 'NULL', '\\N', all in column 'city', ")
    assert blanks.startswith("standard input: 4 cells have white space at an end, 3 of them in column 'id': ")


def test_plain_lines_are_the_default(write):
    write(b"\xef\xbb\xbf1001\n\n")
    with open_stream(Source()) as table:
        found = rows_of(table, "line")
        assert next(found)["fields"] == {"line": "1001"}
        write("1002\n")
        assert next(found)["fields"] == {"line": "1002"}
        write("1003")
        write.close()
        assert [row["fields"]["line"] for row in found] == ["1003"]


def test_what_is_wrong_is_told_with_its_line_in_the_whole(write):
    write("id,name\n1,a\n")
    with open_stream(Source(format="csv")) as table:
        found = rows_of(table, "id")
        next(found)
        write("2,b,c\n3,d\nid,name\n")
        write.close()
        rest = list(found)
    assert [(row["row"], row["fields"].get("id"), row.get("problem") and told(row)) for row in rest] == [
        (2, "3", None),
        (3, "id", "the header stands here again: files were joined"),
        (
            4,
            None,
            "line 3 of standard input: a line is no row: it has more cells than the header: " + MORE,
        ),
    ]


@pytest.mark.parametrize("form", ["csv", "lines", "ndjson"])
def test_an_empty_standard_input_has_no_rows(write, form):
    write.close()
    with open_stream(Source(format=form)) as table:
        assert list(rows_of(table)) == []


@pytest.mark.parametrize("header", [False, ("id", "name")])
def test_a_stream_without_a_header(write, header):
    write("1,a\n")
    with open_stream(Source(format="csv", header=header)) as table:
        first, second = table.columns
        found = rows_of(table, first, second)
        next(found)
        write("2,b\n")
        write.close()
        assert [tuple(row["fields"].values()) for row in found] == [("2", "b")]


@pytest.mark.parametrize(
    ("before", "about"),
    [
        ("sep=;\n", {}),
        ("Report\n\n", {"skip_lines": 2}),
        ("Report\n", {"skip_lines": 1, "header": ("id", "n")}),
    ],
)
def test_what_stands_before_the_rows_may_come_by_itself(write, before, about):
    names = "" if "header" in about else "id;n\n"
    write(before)
    ends = threading.Timer(0.01, lambda: write(names + "1;a\n2;b\n"))
    ends.start()
    with open_stream(Source(format="csv", delimiter=";", **about)) as table:
        rows = rows_of(table, "id")
        first = [next(rows), next(rows)]
        write("3;c\n4;d\n")
        write.close()
        assert [row["fields"]["id"] for row in (*first, *rows)] == ["1", "2", "3", "4"]
    ends.join()


def test_a_first_line_that_looks_like_data_is_refused(write):
    write("1001\n1002\n")
    with pytest.raises(ConfigurationError, match="standard input: the first line looks like data"):
        open_stream(Source(format="csv"))


@pytest.mark.parametrize("how", ["utf-16", "windows-1254", "gzip"])
def test_a_stream_is_decoded_and_unpacked(write, how):
    text = "id,şehir\n1,Şişli\n2,Beyoğlu\n"
    raw = gzip.compress(text.encode()) if how == "gzip" else text.encode(how)
    write(raw[:17])
    threading.Thread(target=lambda: (write(raw[17:]), write.close())).start()
    with open_stream(Source(format="csv", encoding=None if how == "gzip" else how)) as table:
        assert [row["fields"]["şehir"] for row in rows_of(table, "şehir")] == ["Şişli", "Beyoğlu"]


def test_a_gzip_that_ends_too_early_is_a_failed_source(write):
    write(gzip.compress(b"id\n" + os.urandom(500).hex().encode())[:-20])
    write.close()
    with (
        pytest.raises(SourceFailed, match="a gzip that ends too early"),
        open_stream(Source(format="csv")) as table,
    ):
        list(rows_of(table, "id"))


def test_members_that_come_later_are_told_unless_they_are_expected(write):
    write('{"id": 1}\n')
    with open_stream(Source(format="ndjson"), expecting=["city"]) as table:
        found = rows_of(table, "id", "city")
        assert next(found)["fields"] == {"id": 1}
        write('{"id": 2, "city": "Izmir", "age": 3}\n')
        write.close()
        assert next(found)["fields"] == {"id": 2, "city": "Izmir"}
        assert list(found) == []
        assert len(table.notes) == 1
        assert "'age' came first after row 1" in table.notes[0]


def test_a_stream_is_read_once_and_not_counted(write):
    write("1\n")
    write.close()
    with open_stream(Source()) as table:
        assert len(list(rows_of(table, "line"))) == 1
        for ask in (table.count, table.fingerprint, lambda: list(rows_of(table, "line"))):
            with pytest.raises(ConfigurationError, match="read once"):
                ask()


@pytest.mark.parametrize("form", ["json", "parquet", "typed"])
def test_what_is_read_as_a_whole_is_kept_first(write, form):
    about = Source(format="csv", typed=True)
    raw = b"id,b\n7,x\n"
    if form == "json":
        about, raw = Source(format="json"), b'[{"id": 7}]'
    elif form == "parquet":
        about, sink = Source(), pa.BufferOutputStream()
        pq.write_table(pa.table({"id": [7]}), sink)
        raw = sink.getvalue().to_pybytes()
    write(raw)
    write.close()
    with open_stream(about) as table:
        assert not isinstance(table, StreamTable)
        assert table.count() == 1
        assert [row["fields"] for row in rows_of(table, "id")] == [{"id": 7}]


def test_a_reading_that_waits_can_be_ended(write):
    write("1\n")
    with open_stream(Source()) as table, ThreadPoolExecutor(1) as threads:
        found = rows_of(table, "line")
        next(found)
        waiting = threads.submit(next, found)
        table.interrupt()
        with pytest.raises(SourceFailed, match=r"was ended|Interrupted"):
            waiting.result(timeout=20)


@pytest.mark.parametrize("form", ["csv", "ndjson", "lines"])
def test_a_long_stream_gives_what_a_file_gives(write, tmp_path, form):
    chance = random.Random(7)
    cells = ["x", '"a\nb"', '"q ""q"" , "', "", '"\n\n"', ' "y"']
    lines = {
        "csv": ["id,v", *(f"{at},{chance.choice(cells)}" for at in range(30_000))],
        "ndjson": [json.dumps({"id": at, "v": "x" * chance.randrange(50)}) for at in range(30_000)],
        "lines": [f"u{at}" for at in range(30_000)],
    }[form]
    text = "".join(f"{line}\n" for line in lines).encode()
    path = tmp_path / "u"
    path.write_bytes(text)
    names = ("line",) if form == "lines" else ("id", "v")

    def give():
        at = 0
        while at < len(text):
            size = chance.choice([100, 5000, 100_000, 70_000])
            write(text[at : at + size])
            at += size
        write.close()

    thread = threading.Thread(target=give)
    thread.start()
    with open_stream(Source(format=form)) as table:
        streamed = list(rows_of(table, *names))
    thread.join()
    with open_source(Source(files=("u",), format=form), tmp_path) as table:
        assert [(row["row"], row["fields"]) for row in streamed] == [
            (row["row"], row["fields"]) for row in rows_of(table, *names)
        ]
        assert table.check(Selection(fields=columns(*names))) is None


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b"a,b\nc", 4),
        (b'a,"b\nc', 0),
        (b'a,"b\nc"\nd', 8),
        (b'a, "b\nc', 0),
        (b'a,5" pipe\nb', 10),
        (b'a\n"b""\n', 2),
        (b'"a\n"\n"b\n', 5),
        (b"a", 0),
    ],
)
def test_where_the_last_whole_row_ends(text, end):
    assert end_of_rows(text, '"', ",") == end
