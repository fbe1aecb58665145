"""What SQL makes of a row is what Python makes of it, to the byte; where it is not sure, Python makes it."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import random

import duckdb
import orjson
import pytest

from netaudience.jobs.columns.projection import Column, projector
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.map.items import make_items, mapper, zoned
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.model.texts import RowTexts
from netaudience.model.validators import (
    both,
    email,
    flag,
    identifier,
    json_object,
    one_of,
    text,
    whole_number,
)
from netaudience.model.wire import dump_json
from netaudience.vendors import clients

COLUMN = Expression
COLUMNS = {
    "id": "VARCHAR", "name": "VARCHAR", "city": "VARCHAR", "whole": "BIGINT", "half": "DOUBLE",
    "day": "DATE", "moment": "TIMESTAMP", "truth": "BOOLEAN", "price": "DECIMAL(10, 2)",
    "mail": "VARCHAR", "several": "VARCHAR[]", "huge": "HUGEINT",
}  # fmt: skip
TEXTS = [
    "u1", "007", "Ann", "", " x ", "NULL", "nan", "1.00E+09", '="7"', "-", "a b", "İzmir", "a\u00a0", "tab\t", 'quote"s',
    "back\\slash", "line\nbreak", "\u200bx", "x" * 300, "é", "ann@example.com", "Ann@Example.com ", "a@b", "+905321234567",
    "true", "MALE", "\x7f", "{}", "[]", "null", "2026-01-31", "😀1",
]  # fmt: skip


def values_of(kind: str, chance: random.Random) -> str:
    """Return SQL of a value."""
    if chance.random() < 0.15:
        return "NULL"
    match kind:
        case "VARCHAR":
            return "'" + chance.choice(TEXTS).replace("'", "''") + "'"
        case "BIGINT":
            return str(chance.choice([0, 1, -1, 2**53, -(2**62), 42]))
        case "HUGEINT":
            return str(chance.choice([0, 7, 2**64 - 1, 2**64, 10**30]))
        case "DOUBLE":
            return chance.choice(
                ["0", "1", "-0.5", "1e300", "5e-324", "'nan'", "'inf'", "0.1", "1e15", "5189.82"]
            )
        case "DATE":
            return chance.choice(
                ["'1990-05-17'", "'infinity'", "'0001-01-01'", "'9999-12-31'", "'1969-12-31'"]
            )
        case "TIMESTAMP":
            return chance.choice(["'2026-01-31 15:00:00.123456'", "'1969-12-31 23:59:59.5'", "'infinity'"])
        case "BOOLEAN":
            return chance.choice(["true", "false"])
        case "DECIMAL(10, 2)":
            return chance.choice(["1.00", "-0.01", "12345678.90"])
        case _:
            return chance.choice(["['a','b']", "[]", "['a',NULL]"])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    chance = random.Random(1)
    rows = [
        "(" + ", ".join(f"({values_of(kind, chance)})::{kind}" for kind in COLUMNS.values()) + ")"
        for _ in range(2500)
    ]
    with duckdb.connect() as connection:
        names = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE t ({names})")
        for at in range(0, len(rows), 100):
            connection.execute(f"INSERT INTO t VALUES {', '.join(rows[at : at + 100])}")
        connection.execute(f"COPY t TO '{folder / 'rows.parquet'}' (FORMAT parquet)")
    with open_source(Source(files=("rows.parquet",), key=("id",)), folder) as opened:
        yield opened


def fields(**names: object) -> dict[str, Expression]:
    return {
        name.replace("__", "."): value if isinstance(value, Expression) else Expression(column=str(value))
        for name, value in names.items()
    }


SQL = Expression(sql="1 / (whole - 42) + whole")
STEPS = [
    ("netmera", "tag_users", {"ext_id": "id"}, {"tag": "x"}),
    ("netmera", "tag_users", {"ext_id": "whole"}, {"tag": "x"}),
    ("netmera", "set_profile_attributes", {
        "ext_id": "id", "profile.name": "name", "profile.whole": "whole", "profile.half": "half", "profile.day": "day",
        "profile.moment": "moment", "profile.truth": "truth", "profile.price": "price", "profile.huge": "huge",
        "profile.const": Expression(value="crm"), "profile.several": "several",
    }, {}),
    ("netmera", "set_profile_attributes", {"ext_id": "id", "profile.day": "day", "profile.name": "name"}, {}),
    ("netmera", "set_profile_attributes", {"ext_id": "whole", "profile.made": SQL}, {}),
    ("netmera", "set_category_preferences", {"ext_id": "id", "category": "name", "enable": "truth"}, {}),
    ("clevertap", "upload_profiles", {"identity": "id", "profile_data.Name": "name", "profile_data.Day": "day"}, {}),
    ("clevertap", "upload_events", {"identity": "id", "name": "name", "timestamp": "moment"}, {}),
    ("iterable", "bulk_update_users", {"email": "mail", "user_id": "id", "data_fields.day": "day"}, {}),
    ("iterable", "bulk_update_users", {"user_id": "id", "data_fields.day": "moment"}, {}),
    ("moengage", "import_users", {"customer_id": "id", "attributes.name": "name", "attributes.day": "day"}, {}),
    ("moengage", "import_users", {"customer_id": "id", "attributes.first": "name", "attributes.whole": "whole"}, {}),
    ("moengage", "import_users", {"customer_id": "id", "attributes.u_bd": "name", "attributes.moe_x": "whole"}, {}),
    ("moengage", "import_events", {"customer_id": "id", "action": "name", "attributes.first": "city"}, {}),
    ("iterable", "subscribe_to_list", {"email": "mail", "user_id": "name"}, {}),
    ("iterable", "track_events", {"email": "mail", "user_id": "id", "event_name": "name", "id": "city", "data_fields.day": "day"}, {}),
    ("netmera", "register_users", {"ext_id": "id", "platform": "name", "email": "mail", "device_token": "city"}, {}),
    ("netmera", "push_profile_attributes", {"ext_id": "id", "device_token": "name", "profile.day": "several"}, {}),
    ("netmera", "fire_events", {"ext_id": "id", "name": "name", "attributes.day": "day", "attributes.title": "city"}, {}),
    ("netmera", "fire_events", {"ext_id": "id", "name": "name", "attributes.extId": "day"}, {}),
    ("clevertap", "upload_profiles", {"identity": "id", "fbid": "city", "profile_data.name": "name"}, {}),
    ("clevertap", "upload_events", {"identity": "id", "name": "name", "data.day": "day", "data.title": "city"}, {}),
    ("fynd", "add_group_users", {"user_id": "id", "phone_number": "city"}, {}),
    ("fynd", "add_group_users", {"user_id": "id", "email": "mail"}, {}),
    ("fynd", "set_user_attribute", {"user_id": "id", "definition_id": "name", "value": "city"}, {}),
]  # fmt: skip


#: Operations with a rule for whole rows that is said of columns.
IN_SQL = {
    "bulk_update_users", "subscribe_to_list", "track_events", "register_users", "fire_events", "upload_profiles",
    "upload_events", "add_group_users", "import_users", "import_events",
}  # fmt: skip


def cases():
    found = {vendor.slug: vendor.operations() for vendor in clients()}
    for vendor, operation, names, arguments in STEPS:
        if operation in found[vendor]:
            yield pytest.param(
                found[vendor][operation], names, arguments, id=f"{vendor} {operation} {' '.join(names)[:40]}"
            )


@pytest.mark.parametrize(("operation", "names", "arguments"), list(cases()))
@pytest.mark.parametrize("where", [None, "whole <> 1", "1 / whole > 0"])
def test_what_sql_makes_is_what_python_makes(table, operation, names, arguments, where):
    del arguments
    made = {
        name: one if isinstance(one, Expression) else Expression(column=one) for name, one in names.items()
    }
    step = Step(name="s", vendor="v", operation=operation.name, fields=made, where=where)
    kind = zoned(operation.kind, "Europe/Istanbul")
    selection = Selection(fields=made, where=where, hashed=False, item=projector(step, kind))
    by_sql, by_python = mapper(step, kind), 0
    for (page,) in table.read([selection]):
        rows = list(page)
        assert [repr(page[at]) for at in range(0, len(page), 97)] == list(map(repr, rows[::97]))
        expected, bad = make_items(rows, step, operation, kind)
        mapped = by_sql(page)
        assert [repr(row) for row in mapped.bad if row.by != "rule"] == list(map(repr, bad))
        refused = {row.row: row.reason for row in mapped.bad if row.by == "rule"}
        if isinstance(mapped.items, RowTexts):
            told = kind.check([one.item for one in expected])
            assert refused == {expected[at].row: str(problem) for at, problem in told.items()}
            assert list(mapped.items.keys) == [kind.key(item) for item in mapped.items]
        fine = [one for one in expected if one.row not in refused]
        assert [row["row"] for row in mapped.rows] == [one.row for one in fine]
        assert [dump(item) for item in mapped.items] == [dump(one.item) for one in fine]
        by_python += len(page)
    assert by_python


@pytest.mark.parametrize(("operation", "names", "arguments"), list(cases()))
def test_a_rule_that_names_decide_leaves_rows_to_sql(operation, names, arguments):
    del arguments
    if operation.name not in IN_SQL or not names.keys().isdisjoint(
        {"attributes.extId", "attributes.u_bd", "phone_number"}
    ):
        return
    step = Step(name="s", vendor="v", operation=operation.name, fields=fields(**names))
    projected = projector(step, zoned(operation.kind, "UTC"))
    assert projected is not None
    assert projected({name: Column(COLUMNS[one], one) for name, one in names.items()}, "p") is not None


def dump(item: object) -> object:
    try:
        return dump_json(item)
    except (TypeError, ValueError):
        return repr(item)


RULES = {
    "identifier": identifier("ext id"),
    "email": email("email"),
    "both": both(identifier("email"), email("email")),
    "flag": flag("flag"),
    "one of": one_of("gender", "MALE", "FEMALE"),
    "text": text("name"),
    "number": whole_number("number"),
    "object": json_object("profile"),
}
VALUES = [
    *TEXTS,
    "male",
    "Male",
    "FEMALE",
    True,
    False,
    0,
    1,
    -1,
    2**63,
    1.5,
    {},
    {"a": 1},
    "n/a",
    "N4",
    "(null)",
]


@pytest.mark.parametrize("name", RULES)
def test_what_sql_lets_through_breaks_no_rule(name):
    rule, passed = RULES[name], 0
    assert rule.sql is not None
    with duckdb.connect() as connection:
        for value in VALUES:
            given = value if isinstance(value, str) else orjson.dumps(value).decode()
            (fine,) = connection.execute(f"SELECT {rule.sql('v')} FROM (SELECT ? AS v)", [given]).fetchone()
            if fine and type(value) is {"flag": bool, "number": int, "object": dict}.get(name, str):
                passed += 1
                assert rule.why_invalid(value) is None, value
                assert rule.meant is None or rule.meant(value) == value
    assert passed, "and it lets something through"
