"""One table for all forms of values: what Python writes and what SQL writes are the same bytes."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import orjson
import pytest

from netaudience.jobs.columns.read_values import BadValue, outward
from netaudience.jobs.columns.write_values import odd_of, sql_of
from netaudience.model.scalars import Unwritable
from netaudience.model.value_forms import ISO, PLAIN, TEXT
from netaudience.vendors.clevertap import values as clevertap
from netaudience.vendors.fynd import values as fynd
from netaudience.vendors.iterable import values as iterable
from netaudience.vendors.moengage import values as moengage
from netaudience.vendors.netmera import values as netmera

FORMS = {
    "netmera": netmera.VALUES,
    "iterable": iterable.VALUES,
    "iterable createdAt": iterable.SECONDS,
    "clevertap": clevertap.VALUES,
    "clevertap ts": clevertap.SECONDS,
    "moengage": moengage.VALUES,
    "moengage current_time": moengage.TIME,
    "fynd": fynd.VALUES,
    "text": TEXT,
    "plain": PLAIN,
    "iso": ISO,
    "in Istanbul": netmera.VALUES.within(ZoneInfo("Europe/Istanbul")),
    "in Berlin": moengage.VALUES.within(ZoneInfo("Europe/Berlin")),
    "at +03:30": iterable.VALUES.within(dt.timezone(dt.timedelta(hours=3, minutes=30))),
}

#: By type of DuckDB: expressions of its values.
VALUES = {
    "BOOLEAN": ["true", "false", "NULL"],
    "TINYINT": ["-128", "127", "NULL"],
    "UBIGINT": ["18446744073709551615", "0"],
    "BIGINT": ["-9223372036854775808", "9007199254740993"],
    "HUGEINT": ["18446744073709551615", "18446744073709551616", "-9223372036854775809", "7"],
    "FLOAT": [
        "19.99", "0.1", "100000", "16777216", "1e-7", "1.5e-5", "3.4e38", "-0.0", "'inf'", "'nan'",
        "2771.78125", "-65155688", "0.73829145", "2.5", "NULL",
    ],
    "DOUBLE": [
        "0.1", "1e15", "1e16", "1e22", "1.5e-7", "0.00001", "'-inf'", "'nan'", "9007199254740993", "5",
        "-0.0", "123456.789", "NULL",
    ],
    "DECIMAL(38,18)": ["0.123456789012345678", "0.1", "5", "-19.990", "0.000000000000000001", "NULL"],
    "DECIMAL(38,0)": ["18446744073709551615", "18446744073709551616", "5"],
    "DECIMAL(10,2)": ["5.00", "19.99", "-0.01", "0"],
    "DECIMAL(38,30)": ["0.1", "1.25"],
    "VARCHAR": ["'x'", "''", "'1990-05-17'", "'a\"b\\ö' || chr(1) || chr(10) || '\u2028 €😀'", "NULL"],
    "UUID": ["'79cf0ac0-bba4-4a13-825e-9a0cd8a5fd75'"],
    "ENUM('a', 'b, c')": ["'b, c'", "NULL"],
    "DATE": [
        "'1990-05-17'", "'0001-01-01'", "'9999-12-31'", "'1969-12-31'", "'0044-03-15 (BC)'", "'294247-01-10'",
        "'infinity'", "'-infinity'", "'5874897-12-31'", "NULL",
    ],
    "TIME": ["'10:00:00'", "'10:00:00.500000'", "'23:59:59.123456'"],
    "TIME WITH TIME ZONE": ["'10:00:00.5+03'", "'10:00:00-03:30'"],
    "TIMESTAMP": [
        "'2026-01-31 15:00:00.123456'", "'1969-12-31 23:59:59.9999'", "'0001-01-01'", "'9999-12-31 23:59:59'",
        "'2024-03-31 02:30:00'", "'2024-10-27 02:30:00'", "'1900-01-01'", "'infinity'",
        "'200000-01-01'", "NULL",
    ],
    "TIMESTAMP_S": ["'1969-12-31 23:59:59'", "'2026-01-31 15:00:00'", "'infinity'"],
    "TIMESTAMP_MS": ["'1969-12-31 23:59:59.999'", "'2026-01-31 15:00:00.123'"],
    "TIMESTAMP_NS": ["'1969-12-31 23:59:59.999999999'", "'2026-01-31 15:00:00.123456789'", "NULL"],
    "TIMESTAMP WITH TIME ZONE": [
        "'2026-01-31 15:00:00.123456+03'", "'1969-12-31 23:59:59.9999+00'", "'infinity'", "'0044-03-15 (BC)'",
        "NULL",
    ],
    "INTERVAL": ["'3 days'"],
    "BLOB": ["'x'::BLOB", "NULL"],
    "JSON": [
        "'\"x\"'", "'5'", "'true'", "'null'", "'1.5'", "'0.123456789012345678'", "'[1, 0.5]'",
        "'{\"a\": 1e400}'",
        "'18446744073709551615'", "'18446744073709551616'", "'-0'", "NULL",
    ],
    "INTEGER[]": ["[1, 2, NULL]", "[]", "[1, 1]", "range(60)::INTEGER[]", "NULL"],
    "VARCHAR[]": ["['b', 'a']", "['b', 'a', 'b']", "['x', NULL]"],
    "INTEGER[2]": ["[1, 2]"],
    "BOOLEAN[]": ["[true]", "[]"],
    "FLOAT[]": ["[0.1, 19.99]"],
    "DECIMAL(38,18)[]": ["[0.123456789012345678]", "[0.1, 2]"],
    "DATE[]": ["['1990-05-17', NULL]", "['infinity']"],
    "TIMESTAMP WITH TIME ZONE[]": ["['2024-03-31 02:30:00+00']", "[NULL]"],
    "DATE[][]": ["[['1990-05-17'], NULL, []]"],
    'STRUCT("a b" INTEGER, d DATE, s STRUCT(x DECIMAL(38,18), t TIMESTAMP[]))': [
        "{'a b': 1, 'd': DATE '1990-05-17', 's': {'x': 0.1, 't': [TIMESTAMP '2026-01-31 15:00:00.5']}}",
        "{'a b': NULL, 'd': NULL, 's': {'x': 0.123456789012345678, 't': NULL}}",
        "NULL",
    ],
    "MAP(VARCHAR, DATE)": ["map{'x': DATE '1990-05-17', 'y\"': NULL}", "map{}", "NULL"],
    "MAP(INTEGER, DOUBLE)": ["map{1: 2.5}", "map{1: 'nan'::DOUBLE}"],
    "UNION(k INTEGER, v VARCHAR)": ["union_value(k := 1)"],
}  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        yield made


def by_python(form, value):
    """Return what the rule of Python writes; the reason where it writes nothing."""
    if isinstance(value, BadValue):
        return value
    try:
        written = form.write(value)
    except Unwritable as error:
        return BadValue(error.reason)
    return None if written is None else orjson.dumps(written).decode()


@pytest.mark.parametrize("kind", VALUES)
def test_both_write_the_same(connection, kind):
    expressions = VALUES[kind]
    rows = " UNION ALL ".join(
        f"SELECT {place} AS place, ({one})::{kind} AS v" for place, one in enumerate(expressions)
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE given AS {rows}")
    sql, read = outward(kind, "v")
    values = [value for (value,) in connection.execute(f"SELECT {sql} FROM given ORDER BY place").fetchall()]
    values = [read(value) if read else value for value in values]
    wrong = []
    for name, form in FORMS.items():
        written = sql_of(form, kind, "v")
        if written is None:
            assert kind.startswith("UNION")
            continue
        odd = odd_of(form, kind, "v") or "false"
        found = connection.execute(f"SELECT {written}, {odd} FROM given ORDER BY place").fetchall()
        for expression, value, (text, is_odd) in zip(expressions, values, found, strict=True):
            expected = by_python(form, value)
            if not is_odd and text != expected:
                wrong.append((name, expression, value, text, expected))
    assert wrong == []
