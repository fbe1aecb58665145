"""What spreadsheets and reports put into a file beside its rows: titles, totals, empty columns, errors."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import sys
import tomllib
import zipfile
from itertools import takewhile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tzdata
from openpyxl import Workbook
from source_rows import columns, problems, read, values

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.read_values import parse_json
from netaudience.model.odd_identifiers import none_odd, none_odd_in_json, oddity
from netaudience.model.texts import Texts

# CSV: what stands before the header, and columns that have no name.


@pytest.mark.parametrize(
    ("text", "names", "ids"),
    [
        ("sep=;\r\nid;city\r\n1;a,b\r\n", ["id", "city"], ["1"]),
        ("\ufeffSEP=,\nid,city\n1,a\n", ["id", "city"], ["1"]),
        ('"sep=\t"\nid\tcity\n1\ta\n', ["id", "city"], ["1"]),
        ("sep=,\n\nid,city\n1,a\n", ["id", "city"], ["1"]),
        ("\ufeff\ufeffid,city\n1,a\n", ["id", "city"], ["1"]),
        ("id,city,,,\n1,a,,,\n2,b,,, \n", ["id", "city"], ["1", "2"]),
        ("id||city\n1||a\n2||b\n", ["id", "city"], ["1", "2"]),
        ("id,,city\n1,,a\n", ["id", "city"], ["1"]),
    ],
)
def test_marks_of_a_spreadsheet_and_empty_columns_are_no_data(opened, tmp_path, text, names, ids):
    (tmp_path / "u.csv").write_text(text, newline="")
    table = opened("u.csv")
    assert (list(table.columns), values(table), table.count()) == (names, ids, len(ids))


def test_a_line_that_says_the_delimiter_is_found_in_utf_16(opened, tmp_path):
    (tmp_path / "u.csv").write_text("sep=;\r\nid;şehir\r\n1;İzmir, TR\r\n", encoding="utf-16", newline="")
    assert values(opened("u.csv"), "şehir") == ["İzmir, TR"]


def test_a_value_without_a_name_is_never_dropped(opened, tmp_path):
    (tmp_path / "u.csv").write_text("\n,id,name\n0,1,a\n")
    with pytest.raises(
        ConfigurationError, match="column 1 has no name in the header, and holds values"
    ) as told:
        opened("u.csv")
    said = re.search(r"(header = \[.*?\]) and (skip-lines = \d)", str(told.value))
    how = tomllib.loads("\n".join(said.groups()).replace("-", "_"))
    assert values(opened("u.csv", header=tuple(how["header"]), skip_lines=how["skip_lines"])) == ["1"]
    (tmp_path / "u.csv").write_text("id,name,\n" + "1,a,\n" * 300 + "2,b,x\nid,name,\n3,c,\n")
    table = opened("u.csv")
    assert problems(table) == [
        (301, "column 3 has no name in the header, and holds a value here"),
        (302, "the header stands here again: files were joined"),
    ]
    assert values(table)[-1] == "3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # As statistical offices write a table: the column of its rows' names has none.
        (
            'Title,"Area"\nUnits,km\n\n ,"Area","People"\n"North","1","2"\n"South","2","3"\n',
            "skip-lines = 3 ",
        ),
        ("*****\n*** Weekly averages ***\n*****\n1 2\n", "the first line looks like data"),
        ("-----\nid\n1\n", "the first line looks like data"),
        # As R and numpy write numbers.
        (".064289,.0594801\n-.3263345,.5\n", "the first line looks like data"),
        ("5.185e-02,4.861E-02\n8.561e-01,4.734e-01\n", "the first line looks like data"),
    ],
)
def test_what_stands_above_a_table_is_not_its_header(opened, tmp_path, text, told):
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=told):
        opened("u.csv")


REPORT = [
    ("Report\n2026-11-01\n\nid,n,city\n1,2,a\n2,3,b\n", 3),
    ("# id and n\nid;n\n1;2\n2;3\n", 1),
    ("Report;;\n;;\nid;n;city\n1;2;a\n2;3;b\nSum;5;\n", 2),
    ('Notes "as of today\nid,n,x\n1,2,\n2,3,\n', 1),
]


@pytest.mark.parametrize(("text", "before"), REPORT)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_title_is_told_from_the_names_of_columns(opened, tmp_path, text, before, end):
    (tmp_path / "u.csv").write_text(text.replace("\n", end), newline="")
    with pytest.raises(ConfigurationError, match=f"skip-lines = {before} ") as caught:
        opened("u.csv")
    assert "Report" not in str(caught.value)
    table = opened("u.csv", skip_lines=before)
    assert values(table)[:2] == ["1", "2"]
    assert table.lines == len(text.splitlines())
    assert list(opened("u.csv", skip_lines=before + 1, header=("a", "b", "c")).columns) == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["note\nhello\nyou\nall\n", "tags\na;b\nc\nd\n", "id,n\n1,2,3\n4,5\n6,7\n"])
def test_a_header_is_no_title(opened, tmp_path, text):
    (tmp_path / "u.csv").write_text(text)
    assert list(opened("u.csv").columns) == text.split("\n")[0].split(",")


ZONES = Path(tzdata.__file__).parent / "zoneinfo"


def test_comments_at_the_beginning_are_no_header(opened, tmp_path):
    # A public file: its first 27 lines are comments, of which the last two name the columns.
    text = (ZONES / "zone.tab").read_text(encoding="utf-8")
    comments = sum(1 for _ in takewhile(lambda line: line.startswith("#"), text.splitlines()))
    (tmp_path / "zone.tab").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"first {comments} lines begin with #.*= {comments}, or"):
        opened("zone.tab")
    names = ("country", "coordinates", "zone", "comments")
    table = opened("zone.tab", skip_lines=comments, header=names)
    # Where nothing is to be said, its last cell is left out: told, for it may be any other as well.
    assert problems(table)[0][1].startswith(f"line {comments + 1} ")
    assert "it has fewer cells than the header" in problems(table)[0][1]
    assert values(table, "country")[0] == "AQ"
    assert list(table.columns) == list(names)
    # A single line that begins so names the columns.
    (tmp_path / "u.tsv").write_text("#id\tcity\n1\ta\n2\tb\n")
    assert list(opened("u.tsv").columns) == ["#id", "city"]
    (tmp_path / "u.csv").write_text("#id\n#2\n#3\n")
    assert values(opened("u.csv", header=True), "#id") == ["#2", "#3"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # scikit-learn's linnerud_exercise.csv, statsmodels' scotvote.csv, NOAA's table of El Niño.
        ("Chins Situps Jumps\n5 162 60\n2 110 60\n12 101 101\n", 'delimiter = " "'),
        ('"Yes" "No"\n"60.3" "39.7"\n"60.0" "40.0"\n', 'delimiter = " "'),
        (
            " YR   MON  NINO1+2\n1950   1   23.11\n1950   2   24.20\n1950   3   25.37\n",
            "any number of blanks",
        ),
    ],
)
def test_blanks_between_cells_are_told(opened, tmp_path, text, words):
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        opened("u.csv")
    if words.startswith("delimiter"):
        table = opened("u.csv", delimiter=" ")
        assert len(table.columns) == len(text.split("\n")[0].split())
    # A column of names is one, where somebody says so, and where not all are of as many words.
    (tmp_path / "n.csv").write_text("full name\nAda Lovelace\nGrace Hopper\nAlan Turing\n")
    assert len(values(opened("n.csv", header=True), "full name")) == 3
    (tmp_path / "n.csv").write_text("full name\nAda Lovelace\nGrace Hopper\nAlan M. Turing\n")
    assert list(opened("n.csv").columns) == ["full name"]


def test_an_object_around_a_list_of_rows_is_told(opened, tmp_path):
    rows = [{"id": "1", "city": "a"}, {"id": "2", "city": "b"}]
    for member in ("features", "the rows"):
        (tmp_path / "u.json").write_text(json.dumps({"type": "FeatureCollection", member: rows, "at": [1]}))
        (note,) = opened("u.json").notes
        assert f"is one object, and so one row, in which {member!r} is a list of 2 objects" in note
        (sql,) = tomllib.loads(note[note.index("sql = ") :]).values()
        assert values(opened("u.json", sql=sql)) == ["1", "2"]
    for text in (json.dumps(rows), json.dumps([{"id": "1", "tags": [{"a": 1}]}, {"id": "2"}]), '{"id": "1"}'):
        (tmp_path / "u.json").write_text(text)
        assert opened("u.json").notes == []


def test_a_line_too_long_for_a_row_says_so(opened, tmp_path):
    (tmp_path / "u.csv").write_text(f"id,bio\n1,{'x' * 4_100_000}\n2,ok\n")
    table = opened("u.csv")
    assert values(table) == ["2"]
    assert "longer than any row should be" in problems(table)[0][1]


# What a file is.


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("u.csv", "<!DOCTYPE html>\n<html>log in</html>", "is a web page or XML"),
        ("u.json", "\ufeff \n<html></html>", "is a web page or XML"),
        ("u.tsv", '<?xml version="1.0"?>\n<Workbook/>', "is a web page or XML"),
        ("u.csv", '{"error":"gone"}\n', 'is JSON, whatever its name says.*format = "json"'),
        ("u.csv", '[\n {"id": 1}]\n', "is JSON, whatever its name says"),
    ],
)  # fmt: skip
def test_an_answer_in_place_of_an_export_is_named(opened, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        opened(name)


def test_an_array_is_read_as_one_whatever_the_name_says(opened, tmp_path):
    (tmp_path / "u.ndjson").write_text('[{"id": "1"}, {"id": "2"}]')
    assert values(opened("u.ndjson")) == ["1", "2"]


def test_what_a_system_adds_to_a_zip_is_no_file_of_it(opened, tmp_path):
    with zipfile.ZipFile(tmp_path / "u.zip", "w") as archive:
        archive.writestr("data/users.csv", "id,n\n1,2\n")
        for litter in ("__MACOSX/data/._users.csv", "data/.DS_Store", ".DS_Store", "data/Thumbs.db"):
            archive.writestr(litter, b"\0\5")
    assert values(opened("u.zip")) == ["1"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_folder_without_a_value_is_no_value(opened, tmp_path, form):
    for country in ("TR", "__HIVE_DEFAULT_PARTITION__"):
        file = tmp_path / f"country={country}" / f"u.{form}"
        file.parent.mkdir()
        if form == "csv":
            file.write_text("id,n\n1,2\n")
        else:
            pq.write_table(pa.table({"id": ["1"], "n": [2]}), file)
    assert values(opened(f"*/u.{form}", hive=True), "country") == ["TR", None]


def test_moments_of_nanoseconds_with_a_zone_are_read(opened, tmp_path):
    zoned = pa.array([1, 1_700_000_000_123_456_789, None], pa.timestamp("ns", tz="Europe/Istanbul"))
    pq.write_table(pa.table({"id": ["1", "2", "3"], "at": zoned}), tmp_path / "u.parquet")
    found = values(opened("u.parquet"), "at")
    assert found[:2] == [
        dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2023, 11, 14, 22, 13, 20, 123456, dt.UTC),
    ]  # fmt: skip


@pytest.mark.parametrize("depth", [201, 900, 5000])
@pytest.mark.parametrize("marks", ["[]", "{}"])
def test_a_value_nested_too_deep_costs_its_own_row_alone(opened, tmp_path, depth, marks):
    inside = "1" if marks == "{}" else ""
    opens = '{"a":' if marks == "{}" else "["
    deep = opens * depth + inside + marks[1] * depth
    assert "nested beyond measure" in parse_json(deep).reason
    (tmp_path / "u.ndjson").write_text(f'{{"id": "1", "p": {deep}}}\n{{"id": "2", "p": 1}}\n')
    rows = read(opened("u.ndjson"), columns("id", "p"))
    assert rows[-1]["fields"] == {"id": "2", "p": 1}
    assert parse_json(f"[{','.join(['[1]'] * 500)}]") == [[1]] * 500


# Workbooks.


@pytest.fixture(params=["python_calamine", "openpyxl"])
def workbook(request, monkeypatch, tmp_path):
    """Give a sheet that is written, and read by each reader."""
    if request.param == "openpyxl":
        monkeypatch.setitem(sys.modules, "python_calamine", None)
    book = Workbook()
    yield book
    book.close()


def saved(book, tmp_path):
    book.save(tmp_path / "u.xlsx")
    return "u.xlsx"


@pytest.mark.parametrize(("top", "left"), [(0, 0), (2, 0), (0, 1), (3, 2)])
def test_a_cell_without_a_value_of_its_own_rejects_its_row(opened, tmp_path, workbook, top, left):
    """Wherever the table stands in its sheet."""
    sheet = workbook.active
    rows = (
        ["id", "n", "group"],
        [1, "=1+1", "a"],
        [2, "#N/A", "b"],
        [3, 5, "c"],
        [4, 6, None],
        [5, 7, "d"],
    )
    for down, row in enumerate(rows, top + 1):
        for across, cell in enumerate(row, left + 1):
            sheet.cell(down, across, cell)
    sheet.merge_cells(start_row=top + 4, end_row=top + 5, start_column=left + 3, end_column=left + 3)
    table = opened(saved(workbook, tmp_path))
    assert problems(table) == [
        (1, "the column 'n' holds a formula without its result: open the file in a spreadsheet, and save it"),
        (2, "the column 'n' holds an error of the spreadsheet: mend its formula, or empty the cell"),
        (4, "the column 'group' is merged with a cell of a row above: split it, and fill in both"),
    ]
    assert values(table) == [3, 5]
    rejected = [row for row in read(table, columns("id", "n")) if "problem" in row]
    assert rejected[1]["fields"] == {"id": 2, "n": "#N/A"}


def test_zeros_before_a_number_are_kept_as_they_show(opened, tmp_path, workbook):
    sheet = workbook.active
    sheet.append(["id", "share"])
    sheet.append([1067, 0.5])
    sheet.cell(2, 1).number_format = "00000000"
    sheet.cell(2, 2).number_format = "0.00"
    assert read(opened(saved(workbook, tmp_path)), columns("id", "share"))[0]["fields"] == {
        "id": "00001067", "share": 0.5,
    }  # fmt: skip


def test_a_hidden_sheet_is_not_taken_for_the_first(opened, tmp_path, workbook):
    workbook.active.append(["internal"])
    workbook.active.sheet_state = "hidden"
    for name in ("Users", "Others"):
        workbook.create_sheet(name).append(["id"])
        workbook[name].append([name])
    workbook.active = 1
    table = opened(saved(workbook, tmp_path))
    assert values(table) == ["Users"]
    assert table.notes == ["u.xlsx has 2 sheets, of which 'Users' is read: say sheet if another is meant"]
    assert opened("u.xlsx", sheet="Others").notes == []


@pytest.mark.parametrize("hidden", [None, "python_calamine"])
def test_an_empty_first_sheet_is_not_an_empty_source(opened, tmp_path, monkeypatch, hidden):
    if hidden is not None:
        monkeypatch.setitem(sys.modules, hidden, None)
    book = Workbook()
    book.active.title = "Cover"
    sheet = book.create_sheet("Users")
    sheet.append(["id", "city"])
    sheet.append(["1", "a"])
    book.save(tmp_path / "u.xlsx")
    with pytest.raises(ConfigurationError, match=r"first sheet, 'Cover', is empty: .* is meant of Users"):
        opened("u.xlsx")
    assert values(opened("u.xlsx", sheet="Users")) == ["1"]
    assert values(opened("u.xlsx", sheet="Cover")) == []


@pytest.mark.parametrize(
    ("rows", "about", "ids"),
    [
        ([["Report"], [], ["id", "n"], [1, 2], [2, 3]], {"skip_lines": 2}, [1, 2]),
        ([["id", None, "n", None], [1, None, 2, None]], {}, [1]),
        ([["id", 2024], [1, 5]], {"header": True}, [1]),
        ([[None, "id"], [None, 1]], {}, [1]),
        ([["n", "id"], [None, 1], [None, 2]], {}, [1, 2]),
    ],
)
def test_sheets_that_people_lay_out_are_read(opened, tmp_path, workbook, rows, about, ids):
    for row in rows:
        workbook.active.append(row)
    table = opened(saved(workbook, tmp_path), **about)
    assert values(table) == ids
    assert set(table.columns) <= {str(cell) for row in rows for cell in row}
    assert {str(cell) for cell in rows[about.get("skip_lines", 0)] if cell} == set(table.columns)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["Report"], [], ["id", "n"], [1, 2], [2, 3]], "skip-lines = 2"),
        ([["id", None], [1, "note"]], "column 2 has no name in the sheet's first row, and holds values"),
        (
            [[], [], ["id", None], [1, "note"]],
            r"column 2 has no name in row 3 of the sheet.* and skip-lines = 3;",
        ),
        ([["id", 2024], [1, 5]], "write header = true"),
    ],
)
def test_a_sheet_that_is_not_understood_says_what_to_do(opened, tmp_path, workbook, rows, words):
    for row in rows:
        workbook.active.append(row)
    with pytest.raises(ConfigurationError, match=words):
        opened(saved(workbook, tmp_path))


def test_a_cell_beyond_the_header_rejects_its_row(opened, tmp_path, workbook):
    workbook.active.append(["id", "n"])
    for number in range(300):
        workbook.active.append([number, 1])
    workbook.active.append([7, 1, "aside"])
    table = opened(saved(workbook, tmp_path))
    assert problems(table) == [(301, "a cell beyond the columns that have a name holds a value")]


def test_a_workbook_of_other_prefixes_is_looked_through(opened, tmp_path):
    """Some programs write every element with a prefix, and name cells by their order alone."""

    def prefixed(name, text):
        if name != "xl/worksheets/sheet1.xml":
            return text
        text = text.replace(b"<", b"<x:").replace(b"<x:/", b"</x:").replace(b"<x:?", b"<?")
        return text.replace(b"xmlns=", b"xmlns:x=")

    write_anew(tmp_path / "u.xlsx", prefixed, ["id"], ["#REF!"])
    assert [number for number, _ in problems(opened("u.xlsx"))] == [1]


def test_a_workbook_in_strict_open_xml_is_read_or_told(opened, tmp_path, workbook):
    """Excel saves such files where it is asked to; openpyxl finds no sheet in them."""

    def strict(_, text):
        text = text.replace(b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/")
        return text.replace(b"/2006/", b"/")

    del workbook
    write_anew(tmp_path / "u.xlsx", strict, ["id"], ["1"])
    if sys.modules["python_calamine"] is not None:
        assert values(opened("u.xlsx")) == ["1"]
        return
    with pytest.raises(SourceFailed, match="cannot be read as an Excel file: save it anew"):
        opened("u.xlsx")


def write_anew(path, change, *rows):
    """Save a workbook as another program writes it."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(path, "w") as target:
        for one in source.namelist():
            target.writestr(one, change(one, source.read(one)))


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("within", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("about", [{}, {"header": False}])
def test_a_line_end_within_a_header_is_none_of_its_rows(opened, tmp_path, end, within, about):
    """Excel ends lines in a cell in one way, and rows in another: Italy's list of communes is written so."""
    text = f'id;"code{within}(as of today)"{end}1;"a{within}b"{end}2;c{end}'
    (tmp_path / "u.csv").write_bytes(text.encode())
    table = opened("u.csv", **about)
    first, second = table.columns
    header = [] if not about else [("id", f"code{within}(as of today)")]
    assert list(zip(values(table, first), values(table, second), strict=True)) == [
        *header, ("1", f"a{within}b"), ("2", "c"),
    ]  # fmt: skip


def test_a_blank_before_a_quotation_mark_is_no_part_of_a_name(opened, tmp_path):
    (tmp_path / "u.csv").write_text('"id", "name, first",  "city"\n"1", "a", "b"\n', newline="")
    table = opened("u.csv")
    assert list(table.columns) == ["id", "name, first", "city"]
    assert values(table, "name, first") == ["a"]


NAMELESS = [["id", "", "name", "name"], ["1", "2", "3", "4"]]


@pytest.mark.parametrize("rows", [NAMELESS, [["id", "column3", "ID"], ["1", "2", "3"]]])
@pytest.mark.parametrize("is_sheet", [True, False])
def test_the_names_that_are_proposed_can_be_written(opened, tmp_path, workbook, rows, is_sheet):
    if is_sheet:
        for row in rows:
            workbook.active.append(row)
        name = saved(workbook, tmp_path)
    else:
        name = "u.csv"
        (tmp_path / name).write_text("".join(",".join(row) + "\n" for row in rows))
    with pytest.raises(ConfigurationError) as told:
        opened(name)
    said = re.search(r"(header = \[.*?\]) and (skip-lines = 1)", str(told.value))
    how = tomllib.loads("\n".join(said.groups()).replace("-", "_"))
    table = opened(name, header=tuple(how["header"]), skip_lines=how["skip_lines"])
    assert [values(table, name) for name in table.columns] == [[cell] for cell in rows[1]]


# Totals.


@pytest.mark.parametrize("text", ["Total", "TOTAL", "Grand total", "Grand Total", "toplam", "Genel Toplam"])
def test_a_line_of_totals_is_no_user(text):
    assert "a report calls its last line" in str(oddity(text))
    assert not none_odd(["u1", text])
    assert not none_odd_in_json(Texts(["u1", text]))
    assert none_odd_in_json(Texts(["totalis", "u1", "kroton"]))
    assert oddity(f"{text} energies") is None


def test_a_row_of_json_is_no_user() -> None:
    row, braced = '{"id":"1"}', "{6F9619FF-8B86-D011-B42D-00CF4FC964FF}"
    assert "a row as JSON" in str(oddity(row))
    assert not none_odd(["u1", row])
    assert not none_odd_in_json(Texts(["u1", row]))
    assert oddity(braced) is None
    assert none_odd_in_json(Texts(["u1", braced]))


def test_json_of_rows_from_python_keeps_the_columns_of_a_rejected_row(tmp_path):
    from netaudience.jobs.extract.table import open_data  # noqa: PLC0415 - one test needs it

    with open_data([{"id": "1", "n": b"\xff"}, {"id": "2", "n": json.loads("1")}]) as table:
        bad, good = read(table, columns("id", "n"))
    assert (bad["fields"], good["fields"]) == ({"id": "1"}, {"id": "2", "n": 1})
    assert "column 'n'" in bad["problem"]


# CSV: what databases, data frames and spreadsheets write where there is nothing.

#: As MySQL's and PostgreSQL's dumps, Excel and pandas write it.
MARKED = "id,city,score\n1,\\N,10\n2,Izmir,#N/A\n3,,NULL\n4,N,nan\n"


@pytest.mark.parametrize(
    ("nulls", "cities", "scores"),
    [
        ((), ["\\N", "Izmir", None, "N"], ["10", "#N/A", "NULL", "nan"]),
        (("\\N",), [None, "Izmir", None, "N"], ["10", "#N/A", "NULL", "nan"]),
        (("\\N", "#N/A", "NULL", "nan"), [None, "Izmir", None, "N"], ["10", None, None, None]),
        (("",), ["\\N", "Izmir", None, "N"], ["10", "#N/A", "NULL", "nan"]),
    ],
)
def test_what_a_file_writes_for_nothing_is_said_once(opened, tmp_path, nulls, cities, scores):
    (tmp_path / "u.csv").write_text(MARKED)
    table = opened("u.csv", nulls=nulls)
    assert (values(table, "city"), values(table, "score")) == (cities, scores)


def test_a_column_alone_is_read_without_what_it_writes_for_nothing(opened, tmp_path):
    (tmp_path / "u.csv").write_text("id\n1\n\\N\n2\n")
    assert values(opened("u.csv", nulls=("\\N",))) == ["1", None, "2"]


@pytest.mark.parametrize(
    ("text", "nulls", "told"),
    [
        (MARKED, (), "u.csv: 4 cells hold '#N/A', 'NULL', '\\N', 'nan', 3 of them in column 'score'"),
        ("id\n1\n\\N\n2\n", (), "u.csv: 1 cell holds '\\N', in column 'id'"),
        (MARKED, ("\\N",), None),
        (MARKED, ("",), None),
        ("id,city\n1,Nan\n2,N/A street\n3,NULLs\n", (), None),
    ],
)
def test_marks_of_nothing_that_would_be_sent_as_texts_are_told(opened, tmp_path, text, nulls, told):
    (tmp_path / "u.csv").write_text(text)
    table = opened("u.csv", nulls=nulls)
    table.count()
    notes = [note for note in table.notes if "nulls" in note]
    assert [note.partition(", and a field")[0] for note in notes] == ([] if told is None else [told])


# CSV: cells that are not written, and white space around those that are.

#: Row 2 ends early, row 3 is a cell of two lines alone, row 5 has one too many.
RAGGED = 'id,city,age\n1, İzmir ,30\n2,Bursa\n"3\n"\n\n\u00a04,"  Van",\t\n5,a,b,c\n6, "x, y" ,7'


@pytest.mark.parametrize(
    ("about", "rows", "told"),
    [
        (
            {},
            [("1", " İzmir ", "30"), ("\u00a04", "  Van", "\t"), ("6", "x, y", "7")],
            [("line 3", "fewer"), ("line 4", "fewer"), ("line 5", "fewer"), ("line 8", "more")],
        ),
        (
            {"short_rows": "fill"},
            [
                ("1", " İzmir ", "30"), ("2", "Bursa", None), ("3\n", None, None),
                ("\u00a04", "  Van", "\t"), ("6", "x, y", "7"),
            ],
            [("line 8", "more")],
        ),
        (
            {"short_rows": "fill", "trim": True},
            [
                ("1", "İzmir", "30"), ("2", "Bursa", None), ("3", None, None), ("4", "Van", None),
                ("6", "x, y", "7"),
            ],
            [("line 8", "more")],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_cells_that_are_left_out_and_white_space_are_as_somebody_says(
    opened, tmp_path, about, rows, told, ends
):
    (tmp_path / "u.csv").write_text(RAGGED.replace("\n", ends), newline="")
    table = opened("u.csv", **about)
    names = ("id", "city", "age")
    found = [row["fields"] for row in read(table, columns(*names)) if "problem" not in row]
    assert [tuple(row.get(name) for name in names) for row in found] == [
        tuple(cell and cell.replace("\n", ends) for cell in row) for row in rows
    ]
    said = [problem for _, problem in problems(table)]
    assert [(one.split(" of ")[0], re.search("fewer|more", one)[0]) for one in said] == told
    assert table.count() == len(rows) + len(told)


@pytest.mark.parametrize(
    ("text", "trim", "told"),
    [
        (RAGGED, None, "u.csv: 4 cells have white space at an end, 2 of them in column 'city'"),
        (RAGGED, True, None),
        (RAGGED, False, None),
        ("id\n 1\n", None, "u.csv: 1 cell has white space at an end, in column 'id'"),
        ('id, city\n1, "a"\n', None, None),
    ],
)
def test_white_space_that_would_be_sent_is_told(opened, tmp_path, text, trim, told):
    (tmp_path / "u.csv").write_text(text)
    table = opened("u.csv", trim=trim)
    table.count()
    notes = [note for note in table.notes if "trim" in note]
    assert [note.partition(": write")[0] for note in notes] == ([] if told is None else [told])


def test_lines_that_are_only_read_are_trimmed_as_well(opened, tmp_path):
    (tmp_path / "u.txt").write_text(" 1\n2\u3000\n  \n3\n")
    assert values(opened("u.txt", format="lines", trim=True), "line") == ["1", "2", None, "3"]
