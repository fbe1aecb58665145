"""Records from files: what is read as it stands, what is rejected row by row, what ends the reading."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from netaudience.cli import sources
from netaudience.cli.sources import BadRow, Record, open_records, records_of
from netaudience.errors import ConfigurationError, SourceFailed

Write = Callable[[str, str | bytes], Path]


def read(path: Path, form: sources.Format | None = None, delimiter: str | None = None):
    records = open_records(str(path), form, delimiter)
    try:
        return records.columns, list(records)
    finally:
        records.close()


@pytest.mark.parametrize(
    ("name", "content", "columns", "values"),
    [
        ("plain commas", "a,b\n1,2\n", ("a", "b"), [["1", "2"]]),
        ("semicolons", "a;b\n1,5;2\n", ("a", "b"), [["1,5", "2"]]),
        ("tabs", "a\tb\n1\t2\n", ("a", "b"), [["1", "2"]]),
        ("one column", "a\n1\n", ("a",), [["1"]]),
        ("mark and Windows line ends", "\ufeffa,b\r\n1,2\r\n", ("a", "b"), [["1", "2"]]),
        ("quoted commas and line breaks", 'a,b\n"x,y","1\n2"\n', ("a", "b"), [["x,y", "1\n2"]]),
        ("doubled quotes", 'a,b\n"say ""hi""",2\n', ("a", "b"), [['say "hi"', "2"]]),
        (
            "leading zeros and twenty digits",
            "a\n007\n12345678901234567890\n",
            ("a",),
            [["007"], ["12345678901234567890"]],
        ),
        ("blank lines", "\n\na,b\n\n1,2\n\n", ("a", "b"), [["1", "2"]]),
        ("no line end at the end", "a,b\n1,2", ("a", "b"), [["1", "2"]]),
        ("a header over two lines", '"a\nb",c\n1,2\n', ("a\nb", "c"), [["1", "2"]]),
        ("only a header", "a,b\n", ("a", "b"), []),
        ("nothing at all", "", (), []),
        ("a null byte", "a,b\n1\x002,3\n", ("a", "b"), [["1\x002", "3"]]),
    ],
)
def test_csv_is_read_as_it_stands(file: Write, name: str, content: str, columns, values) -> None:
    found, records = read(file("x.csv", content))
    assert (found, [record.value for record in records]) == (columns, values)
    assert all(type(record) is Record for record in records)


def test_rows_and_lines_are_counted_from_one(file: Write) -> None:
    _, records = read(file("x.csv", 'a,b\n1,"x\ny"\n\n2,z\n'))
    assert [(record.row, record.line) for record in records] == [(1, 2), (2, 5)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1\n2,3\n", "has 1 cells"),
        ("a,b\n1,2,3\n2,3\n", "has 3 cells"),
        ('a,b\n"x"y,1\n2,3\n', "Text follows a closing quote"),
        (f"a,b\n{'x' * (sources.LONGEST_CELL + 1)},1\n2,3\n", "longer than 1,000,000"),
        ("a,b\n1\r2,4\n2,3\n", "carriage return"),
    ],
)
def test_a_bad_row_of_csv_costs_only_itself(file: Write, content: str, reason: str) -> None:
    _, (bad, good) = read(file("x.csv", content))
    assert isinstance(bad, BadRow)
    assert reason in bad.reason
    assert (bad.row, bad.line, good.row, good.value) == (1, 2, 2, ["2", "3"])


def test_a_quote_that_is_never_closed_is_told(file: Write) -> None:
    _, records = read(file("x.csv", 'a,b\n1,2\n"3,4\n5,6\n'))
    assert [type(record) for record in records] == [Record, BadRow]
    assert "never closed" in records[1].reason


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson"])
def test_json_lines_keep_their_types_and_bad_lines_cost_only_themselves(file: Write, name: str) -> None:
    content = '{"a": "007", "b": 12345678901234567890}\n\n{"a": \n"id1"\r\n[NaN]\n' + "[" * 100_000 + "\n5"
    _, records = read(file(name, content))
    good = [(record.row, record.line, record.value) for record in records if isinstance(record, Record)]
    bad = [(record.row, record.line) for record in records if isinstance(record, BadRow)]
    assert good == [(1, 1, {"a": "007", "b": 12345678901234567890}), (3, 4, "id1"), (6, 7, 5)]
    assert bad == [(2, 3), (4, 5), (5, 6)]
    assert "column" in records[1].reason


@pytest.mark.parametrize("name", ["ids.txt", "ids", "ids.dat"])
def test_plain_lines_are_one_record_each(file: Write, name: str) -> None:
    columns, records = read(file(name, "\ufeff007\r\na,b\r\n\r\nlast"))
    assert columns is None
    assert [record.value for record in records] == ["007", "a,b", "last"]


def test_the_format_and_the_delimiter_can_be_said(file: Write) -> None:
    path = file("x.dat", "a|b\n1|2\n")
    assert read(path, "csv", "|") == (("a", "b"), [Record(1, 2, ["1", "2"])])
    assert read(file("y.tsv", "a\tb,c\n1\t2,3\n"))[0] == ("a", "b,c")
    with pytest.raises(ConfigurationError, match="one character"):
        read(path, "csv", "||")


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("missing.csv", lambda path: None, "There is no file"),
        ("directory.csv", lambda path: path.mkdir(), "is a directory"),
        ("latin.csv", lambda path: path.write_bytes(b"\xefd,n\xe4me\n1,2\n"), "line 1 is not UTF-8"),
        ("utf16.csv", lambda path: path.write_bytes("id\n1\n".encode("utf-16")), "line 1 is not UTF-8"),
        ("latin.txt", lambda path: path.write_bytes(b"n\xe4me\n"), "line 1 is not UTF-8"),
        ("list.json", lambda path: path.write_bytes(b"[1]"), "one JSON value per line"),
        ("quote.csv", lambda path: path.write_bytes(b'"id,name\n1,2\n'), "the header cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_name(
    tmp_path: Path, name: str, make, sentence: str
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(ConfigurationError, match=sentence) as told:
        open_records(str(path))
    assert name in str(told.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_that_may_not_be_read_is_told(file: Write) -> None:
    path = file("x.csv", "a\n1\n")
    path.chmod(0)
    with pytest.raises(ConfigurationError, match="permissions"):
        open_records(str(path))


def test_utf8_that_breaks_in_the_middle_keeps_what_came_before(file: Write) -> None:
    with closing(open_records(str(file("x.csv", b"a,b\n1,2\n3,\xff\n5,6\n")))) as source:
        records = iter(source)
        assert next(records).value == ["1", "2"]
        with pytest.raises(SourceFailed, match=r"x\.csv: line 3 is not UTF-8"):
            next(records)


def test_a_file_without_line_breaks_does_not_fill_the_memory(
    file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONGEST_LINE", 100)
    with pytest.raises(ConfigurationError, match="line 1 is longer than 100"):
        open_records(str(file("x.txt", "x" * 101)))


def test_items_of_the_command_line_are_records() -> None:
    assert [record.value for record in records_of(["007", "ü"])] == ["007", "ü"]
    with pytest.raises(ConfigurationError, match="line break"):
        records_of(["a\nb"])
