"""JSON and JSON lines: a column for every name, and every value as it is written, whatever other rows hold.

A line that is no JSON object, or that names something twice, is a row with a problem, where it stands. SQL
sees a column as the one type that all of its values have, or as text; what is sent is not touched by that.
"""

# ruff: noqa: S608 - every name and text that stands in the SQL is quoted

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netaudience.jobs.columns.duckdb import file_list, literal, quoted, telling
from netaudience.jobs.columns.read_values import TYPED, json_text
from netaudience.jobs.extract.encodings import transcode
from netaudience.jobs.extract.file_type import open_input
from netaudience.jobs.extract.files import LINE, TEXT, Input
from netaudience.jobs.formats import PROBLEM
from netaudience.plurals import many

if TYPE_CHECKING:
    import duckdb

#: Floating numbers of more digits than DuckDB keeps, among which are some that it would keep.
_LONG = r"[0-9.]{17}|[0-9]\.?[0-9]*[eE]-[0-9]{3}"
_EXACT = "netaudience_exact"
#: Bytes that are read at a time.
_CHUNK = 1_000_000
#: Stands in no text, and here in the place of a byte that is no UTF-8.
_BROKEN = "\ufdd1"


class NumberedLines:
    """The lines of files that are not blank, asked for by ascending numbers from 1."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._lines = self._read()
        self._number = 0

    def line(self, number: int) -> tuple[str, str]:
        """Return what stands in a line, and which line of which file it is; nothing where there is none."""
        if number <= self._number:
            self.close()
            self._lines, self._number = self._read(), 0
        for text, place in self._lines:
            self._number += 1
            if self._number == number:
                return text.decode("utf-8", "backslashreplace").strip(), place
        return "", ""

    def close(self) -> None:
        """Close the file that is open."""
        self._lines.close()

    def _read(self) -> Generator[tuple[bytes, str], None, None]:
        for one in self._inputs:
            with closing(open_input(one)) as stream:
                for number, line in enumerate(stream, 1 + one.before):
                    if line.strip():
                        yield line, f"line {number:,} of {one.name}"


class Objects:
    """Files of JSON objects, united by the names that those have."""

    def __init__(
        self,
        inputs: Sequence[Input],
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        *,
        kinds: Mapping[str, str] | None = None,
        block_of: Sequence[str] | None = None,
    ) -> None:
        """Read which names there are.

        Args:
            inputs: The files.
            connection: Reads them.
            scratch: Where temporary files go.
            kinds: DuckDB's types of columns whose values were more than JSON can say.
            block_of: The columns that are known already, where this is a block of a stream; SQL sees all of
                a stream's columns as text, for no block knows what the next one holds.

        Raises:
            SourceFailed: a file cannot be read.
        """
        self._connection = connection
        self._lines = inputs[0].format == "ndjson"
        #: DuckDB's types of the columns that hold days or points in time, or those beside others.
        self._kinds: dict[str, str] = {}
        self._inputs = list(inputs)
        self._named = inputs[0].name
        self._types: dict[str, str] | None = None
        self._is_block = block_of is not None
        with telling(self._named):
            for one in inputs:
                _check_packed(one)
            try:
                found = self._names()
            except Exception as error:
                if self._lines or "UTF-8" not in str(error):
                    raise
                self._inputs = [_marked(one, scratch) for one in inputs]
                found = self._names()
        #: Whether an object names something twice.
        self._twice = any(len(set(names)) < len(names) for names, _ in found)
        #: Whether an object has a member whose name is empty, by which nobody can ask for it.
        self._nameless = any("" in names for names, _ in found)
        #: Whether a number may have more digits than DuckDB keeps.
        self._long = any(long for _, long in found)
        self._given = any(PROBLEM in names for names, _ in found)
        #: The names of all columns, as they are written.
        self.columns = list(
            dict.fromkeys([*(block_of or ()), *(name for names, _ in found for name in names)])
        )
        self.columns = [name for name in self.columns if name not in {"", PROBLEM}]
        #: Whether the lines are bare values, such as identifiers, and none is an object.
        self._bare = not found and self._holds_values()
        if self._bare and LINE not in self.columns:
            self.columns.append(LINE)
        if self._long:
            _make_exact(connection)
        with telling(self._named):
            self._kinds = self._settled_kinds(kinds or {})

    @property
    def lines(self) -> Sequence[Input]:
        """The files, where each of their lines is a row."""
        return self._inputs if self._lines else []

    @property
    def ambiguous(self) -> set[str]:
        """Names that differ from another in nothing but their case, which SQL cannot tell apart."""
        folded = [name.casefold() for name in self.columns]
        return {name for name in self.columns if folded.count(name.casefold()) > 1}

    def notes(self) -> list[str]:
        """Return what is to be reported of a file that is one object around a list of rows."""
        if self._lines or self._bare or not self.columns or len(self._inputs) > 1:
            return []
        with telling(self._named):
            found = self._connection.execute(f"SELECT found FROM ({self._found()}) LIMIT 2").fetchall()
            if len(found) != 1:
                return []
            rows = self._connection.execute(
                "SELECT place, json_array_length(value) FROM ("
                f"SELECT unnest(range({len(self.columns)})) AS place, unnest(found) AS value "
                f"FROM ({self._found()})) "
                "WHERE json_type(value) = 'ARRAY' AND json_type(value, '$[0]') = 'OBJECT' ORDER BY place"
            ).fetchall()
        notes: list[str] = []
        for place, count in rows:
            name = self.columns[int(place)]
            # As it stands in a text of TOML.
            column = name if name.isidentifier() else quoted(name).replace('"', '\\"')
            notes.append(
                f"{self._named} is one object, and so one row, in which {name!r} is a list of "
                f"{many(count, 'object')}: if those are the rows, ask for their fields, as in sql = "
                f"\"select row->>'id' as id from (select unnest({column}::JSON[]) as row from source)\""
            )
        return notes

    def relation(self, prefix: str | None, *, sql: bool) -> str:
        """Return the SQL that reads the objects, and what is wrong with a row.

        Args:
            prefix: What the columns of the values as they are written are called, before their number; None
                where they are not wanted.
            sql: Whether the columns that SQL sees are wanted.
        """
        columns: list[str] = []
        if prefix is not None:
            columns += [f"{self._value(at)} AS {quoted(f'{prefix}{at}')}" for at in range(len(self.columns))]
        if sql and self.columns:
            ambiguous = self.ambiguous
            columns += [
                f"{self._seen(at, kind)} AS {quoted(name)}"
                for at, (name, kind) in enumerate(self.types().items())
                if name not in ambiguous
            ]
        given = f"line->>{literal(_pointer(PROBLEM))}" if self._given else "NULL"
        twice = ""
        if self._twice:
            keys = "json_keys(line)"
            again = (
                f"list_filter({keys}, lambda one: len(list_filter({keys}, lambda other: other = one)) > 1)"
            )
            twice = (
                f"WHEN len({keys}) > len(list_distinct({keys})) "
                f"THEN 'the object names ' || {again}[1] || ' twice: keep one' "
            )
        nameless = ""
        if self._nameless:
            nameless = (
                f"WHEN nullif(line->{literal(_pointer(''))}, 'null') IS NOT NULL "
                "THEN 'the object has a value without a name: give it one, or leave it out' "
            )
        broken = f"WHEN contains(line, '{_BROKEN}') THEN 'the row is not UTF-8' " if not self._lines else ""
        refused = "IN ('OBJECT', 'ARRAY', 'NULL')" if self._bare else "!= 'OBJECT'"
        why = "the line is no text or number, as others are" if self._bare else "the line is no JSON object"
        problem = (
            "CASE WHEN line IS NULL THEN 'the line is not JSON' "
            f"WHEN json_type(line) {refused} THEN '{why}' "
            f"{broken}{twice}{nameless}ELSE {given} END"
        )
        columns.append(f"{problem} AS {quoted(PROBLEM)}")
        # What says itself why it is no row keeps its columns; a line that is no JSON is read from the file.
        text = (
            f"CASE WHEN line IS NULL THEN '' "
            f"WHEN ({given}) IS NULL AND ({problem}) IS NOT NULL THEN line::VARCHAR END"
        )
        columns.append(f"{text} AS {quoted(TEXT)}")
        return f"SELECT {', '.join(columns)} FROM ({self._found()})"

    def kind(self, name: str) -> str:
        """Return DuckDB's type of a column's values as they are written."""
        return self._kinds.get(name, "JSON")

    def types(self) -> dict[str, str]:
        """Return the type of every name as SQL sees it, told from all objects."""
        if self._is_block:
            return dict.fromkeys(self.columns, "VARCHAR")
        if self._types is None:
            with telling(self._named):
                self._types = self._look_at_types()
        return self._types

    def _value(self, at: int) -> str:
        """Return the SQL of a column's values as they are written."""
        kind = self._kinds.get(self.columns[at])
        plain = f"nullif(found[{at + 1}], 'null')"
        if kind is None:
            return plain
        if kind == "JSON":
            return plain
        return f"replace({plain}->>'$', '{TYPED}', '')::{kind}"

    def _seen(self, at: int, kind: str) -> str:
        """Return the SQL of a column's values as SQL sees them."""
        value = self._value(at)
        if self.columns[at] in self._kinds or kind == "JSON":
            return value
        return json_text(value) if kind == "VARCHAR" else f"({value}->>'$')::{kind}"

    def _settled_kinds(self, kinds: Mapping[str, str]) -> dict[str, str]:
        """Return the types of columns, which are JSON where some values are no days or points in time."""
        settled: dict[str, str] = {}
        for name, kind in kinds.items():
            at = self.columns.index(name) + 1
            row = self._connection.execute(
                f"SELECT bool_and(starts_with(found[{at}]::VARCHAR, '\"{TYPED}')) FROM ({self._found()}) "
                f"WHERE found[{at}] IS NOT NULL AND found[{at}]::VARCHAR != 'null'"
            ).fetchone()
            settled[name] = kind if row and row[0] else "JSON"
        return settled

    def _objects(self) -> str:
        """Return the SQL of all lines, NULL where one is no JSON."""
        function = "read_ndjson_objects" if self._lines else "read_json_objects"
        how = "ignore_errors = true" if self._lines else "format = 'auto'"
        # Some versions of DuckDB take a line with two objects for one, and fail when they look into it.
        line = "CASE WHEN json_valid(json) THEN json END AS line"
        return " UNION ALL ".join(
            f"SELECT {line} FROM {function}({file_list([one.path])}, {how}, compression = "
            f"{literal(one.packing)}, hive_partitioning = false)"
            for one in self._inputs
        )

    def _found(self) -> str:
        """Return the SQL of all lines with their values, each of which was parsed once."""
        pointers = f"[{', '.join(literal(_pointer(name)) for name in self.columns)}]"
        if not self.columns:
            return self._objects()
        if self._bare:
            values = ", ".join("line" if name == LINE else "NULL::JSON" for name in self.columns)
            return f"SELECT line, [{values}] AS found FROM ({self._objects()})"
        found = f"json_extract(line, {pointers})"
        if self._long:
            names = f"[{', '.join(map(literal, self.columns))}]"
            found = (
                f"CASE WHEN json_type(line) = 'OBJECT' AND regexp_matches(line::VARCHAR, {literal(_LONG)}) "
                f"THEN {_EXACT}(line, {names}) ELSE {found} END"
            )
        return f"SELECT line, {found} AS found FROM ({self._objects()})"

    def _names(self) -> list[tuple[list[str], bool]]:
        """Return the lists of names that objects have, in the order in which they come first."""
        rows = self._connection.execute(
            "SELECT names, long FROM ("
            "SELECT json_keys(line) AS names, min(place) AS place, bool_or(long) AS long FROM ("
            "SELECT line, row_number() OVER () AS place, "
            f"regexp_matches(line::VARCHAR, {literal(_LONG)}) AS long FROM ({self._objects()})"
            ") WHERE json_type(line) = 'OBJECT' GROUP BY names) ORDER BY place"
        ).fetchall()
        return [([str(name) for name in names], bool(long)) for names, long in rows]

    def _holds_values(self) -> bool:
        """Return whether a line is a text, a number or a truth."""
        with telling(self._named):
            row = self._connection.execute(
                f"SELECT bool_or(json_type(line) NOT IN ('OBJECT', 'ARRAY', 'NULL')) FROM ({self._objects()})"
            ).fetchone()
        return bool(row and row[0])

    def _look_at_types(self) -> dict[str, str]:
        count = len(self.columns)
        rows_are = "NOT IN ('OBJECT', 'ARRAY')" if self._bare else "= 'OBJECT'"
        rows = self._connection.execute(
            "SELECT place, list(kind) FILTER (WHERE kind != 'NULL'), bool_or(is_long) FROM ("
            "SELECT place, kind, bool_or(kind IN ('DOUBLE', 'BIGINT', 'UBIGINT') AND length(text) > 15 "
            "AND NOT regexp_matches(text, '[.eE]')) AS is_long FROM ("
            f"SELECT unnest(range({count})) AS place, "
            "unnest(list_transform(found, lambda one: json_type(one))) AS kind, "
            f"unnest(found)::VARCHAR AS text FROM ({self._found()}) WHERE json_type(line) {rows_are}"
            ") GROUP BY place, kind) GROUP BY place ORDER BY place"
        ).fetchall()
        return {
            name: self._kinds.get(name) or _type(set(kinds or ()), is_long=bool(is_long))
            for name, (_, kinds, is_long) in zip(self.columns, rows, strict=True)
        }


def _check_packed(one: Input) -> None:
    """Read what is packed to its end, which compares its checksum; DuckDB gives whatever it finds."""
    if one.packing != "none":
        with closing(open_input(one)) as stream:
            while stream.read(_CHUNK):
                pass


def _type(kinds: set[str], *, is_long: bool) -> str:
    """Return the type of a name whose values are of these kinds."""
    if kinds & {"OBJECT", "ARRAY"}:
        return "JSON"
    if kinds == {"BIGINT", "UBIGINT"}:
        return "HUGEINT"
    if len(kinds) == 1 and kinds <= {"BOOLEAN", "BIGINT", "UBIGINT"}:
        return next(iter(kinds))
    if kinds and kinds <= {"DOUBLE", "BIGINT", "UBIGINT"} and not is_long:
        return "DOUBLE"
    # What is of several types stays as it is written, and so does a whole number longer than a machine's.
    return "VARCHAR"


def _marked(one: Input, scratch: Path) -> Input:
    """Return a copy in which a sign that stands in no text is in the place of what is not UTF-8."""
    copy = scratch / f"mended-{sum(1 for _ in scratch.iterdir())}"
    plain = copy.with_suffix(".bytes")
    with closing(open_input(one)) as stream:
        transcode(stream, plain, "utf-8")
    with plain.open("rb") as file, copy.open("wb") as out:
        while chunk := file.read(1_000_000):
            out.write(chunk.replace(b"\xff", _BROKEN.encode()))
    plain.unlink()
    return Input(copy, one.name, one.format)


def _make_exact(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB a function that cuts values out of an object as they are written."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    blank = re.compile(r"[ \t\r\n]*")

    def exact(line: str, names: list[str]) -> list[str | None]:
        found: dict[str, str] = {}
        at = blank.match(line, line.index("{") + 1).end()  # type: ignore[union-attr] # it matches nothing, too
        while line[at] != "}":
            name, at = decoder.raw_decode(line, at)
            start = blank.match(line, line.index(":", at) + 1).end()  # type: ignore[union-attr]
            _, at = decoder.raw_decode(line, start)
            found.setdefault(name, line[start:at])
            at = blank.match(line, at).end()  # type: ignore[union-attr]
            if line[at] == ",":
                at = blank.match(line, at + 1).end()  # type: ignore[union-attr]
        return [found.get(name) for name in names]

    try:
        register: Any = getattr(connection, "create_function")  # noqa: B009 - its stubs leave types open
        register(_EXACT, exact, ["JSON", "VARCHAR[]"], "JSON[]")
    except Exception as error:
        if "already" not in str(error):
            raise


def _pointer(name: str) -> str:
    """Return the JSON pointer of a name."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
