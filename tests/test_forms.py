"""What Python's values become at each vendor: the rule of which the SQL is a copy."""

from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import orjson
import pandas as pd
import pytest

from netaudience.errors import InvalidItem
from netaudience.model.rows import Rows
from netaudience.model.scalars import Unwritable
from netaudience.model.value_forms import ISO, PLAIN, TEXT, ValueForm
from netaudience.model.wire import dump_json
from netaudience.vendors.clevertap import CleverTapClient
from netaudience.vendors.clevertap.records import EVENTS, event_record, profile_record
from netaudience.vendors.clevertap.values import SECONDS
from netaudience.vendors.clevertap.values import VALUES as CLEVERTAP
from netaudience.vendors.fynd import FyndClient
from netaudience.vendors.fynd.values import VALUES as FYND
from netaudience.vendors.iterable import IterableClient
from netaudience.vendors.iterable.models import Event
from netaudience.vendors.iterable.values import SECONDS as CREATED_AT
from netaudience.vendors.iterable.values import VALUES as ITERABLE
from netaudience.vendors.moengage import MoEngageClient
from netaudience.vendors.moengage.values import TIME
from netaudience.vendors.moengage.values import VALUES as MOENGAGE
from netaudience.vendors.netmera import NetmeraClient
from netaudience.vendors.netmera.values import VALUES as NETMERA

BORN = dt.date(1990, 5, 17)
MOMENT = dt.datetime.fromisoformat("2026-01-31 15:00:00.123456+03:00")
CLIENTS = [NetmeraClient, IterableClient, CleverTapClient, MoEngageClient, FyndClient]


class Color(enum.Enum):
    RED = "red"
    BIRTH = BORN


def _name(value):
    """Return a name that every process gives the same value: a set has no order, an object has an address."""
    return repr(value) if not isinstance(value, set | frozenset) and " at 0x" not in repr(value) else "thing"


@pytest.mark.parametrize(
    ("form", "date", "moment"),
    [
        (NETMERA, 642902400000, 1769860800123),
        (ITERABLE, "1990-05-17", "2026-01-31 12:00:00 +00:00"),
        (CLEVERTAP, "$D_642902400", "$D_1769860800"),
        (MOENGAGE, "1990-05-17", "2026-01-31T12:00:00Z"),
        (FYND, "1990-05-17", "2026-01-31T12:00:00Z"),
        (SECONDS, 642902400, 1769860800),
        (CREATED_AT, 642902400, 1769860800),
        (TIME, "1990-05-17T00:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_each_vendor_has_its_form_of_a_date_and_of_a_moment(form, date, moment):
    assert form.write(BORN) == date
    naive = MOMENT.astimezone(dt.UTC).replace(tzinfo=None)
    there = MOMENT.astimezone(ZoneInfo("Europe/Istanbul")).replace(tzinfo=None)
    for one in (MOMENT, naive, np.datetime64(naive), pd.Timestamp(MOMENT), pd.Timestamp(naive)):
        assert form.write(one) == moment
    assert form.within(ZoneInfo("Europe/Istanbul")).write(there) == moment
    assert form.write({"a": [BORN], "b": {"c": MOMENT}}) == {"a": [date], "b": {"c": moment}}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "m", "h"])
def test_numpys_moments_are_the_same_whatever_their_unit(unit):
    assert MOENGAGE.write(np.datetime64("2024-01-01T00:00:00", unit)) == "2024-01-01T00:00:00Z"


@pytest.mark.parametrize("unit", ["D", "M", "Y", "W"])
def test_numpys_dates_are_dates(unit):
    assert MOENGAGE.write(np.datetime64("1970-01-01", unit)) == "1970-01-01"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, True),
        (np.bool_(True), True),
        (2**64 - 1, 2**64 - 1),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.int8(-5), -5),
        (np.float32(19.99), 19.99),
        (np.float16(0.1), 0.1),
        (np.float64(0.1), 0.1),
        (Decimal("0.1"), 0.1),
        (Decimal(5), 5),
        (Decimal("5.00"), 5.0),
        (Decimal("1E+3"), 1000),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Color.RED, "red"),
        (Color.BIRTH, "1990-05-17"),
        (np.str_("x"), "x"),
        ("1990-05-17", "1990-05-17"),
        (dt.time(10, 0, 0, 500000), "10:00:00.5"),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({1}), [1]),
        (np.array(["2024-01-01T00:00:00"], "datetime64[ns]"), ["2024-01-01T00:00:00Z"]),
        ([None], [None]),
        (None, None),
        (pd.NaT, None),
        (pd.NA, None),
        (np.datetime64("NaT", "s"), None),
        (np.timedelta64("NaT", "s"), None),
    ],
    ids=_name,
)
def test_values_are_written_with_their_type(value, written):
    found = ISO.write(value)
    assert orjson.dumps(found) == orjson.dumps(written)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("0.123456789012345678"), "has more digits than a number of JSON keeps"),
        (2**64, "has more digits than a number of JSON keeps"),
        (-(2**63) - 1, "has more digits than a number of JSON keeps"),
        (math.nan, "is an infinite number, or not a number"),
        (-math.inf, "is an infinite number, or not a number"),
        (Decimal("NaN"), "is an infinite number, or not a number"),
        (b"x", "holds bytes"),
        (dt.timedelta(days=3), "is a length of time"),
        (object(), "is of the type object"),
        (np.datetime64("10000-01-01"), "lies outside of the years 1 to 9999"),
        ([Decimal("0.123456789012345678")], "holds a value that has more digits"),
        ({"a": {"b": [math.nan]}}, "holds a value that is an infinite number"),
        ({1: "x"}, "holds a name that is no text"),
        ([pd.NaT], "holds a value that is missing"),
    ],
    ids=_name,
)
def test_what_has_no_exact_form_is_not_written(value, words):
    with pytest.raises(Unwritable) as caught:
        ISO.write(value)
    assert caught.value.reason.startswith(words)


def test_what_holds_itself_is_not_written():
    value = []
    value.append(value)
    with pytest.raises(Unwritable, match="nested beyond measure"):
        ISO.write(value)


def test_identifiers_keep_their_digits_and_numbers_take_no_dates():
    assert TEXT.write(2**70) == str(2**70)
    assert TEXT.write(Decimal("1.50")) == "1.5"
    assert TEXT.write(np.int64(7)) == "7"
    with pytest.raises(Unwritable, match="is a date"):
        PLAIN.write(BORN)


def test_lists_are_as_the_vendor_keeps_them():
    assert CLEVERTAP.write(["b", 1, "b", Decimal("2.50"), None]) == ["b", "1", "2.5"]
    assert CLEVERTAP.write({"$add": [1, 1]}) == {"$add": ["1"]}
    for form, value, words in [
        (CLEVERTAP, [str(number) for number in range(101)], "more than 100"),
        (MOENGAGE, list(range(51)), "more than 50"),
        (MOENGAGE, ["a", 1], "different types"),
        (MOENGAGE, [], "an empty list"),
    ]:
        with pytest.raises(Unwritable, match=words):
            form.write(value)


# Rows of Python.


def test_rows_are_written_by_the_forms_of_their_fields():
    kind = NetmeraClient.operations()["set_profile_attributes"].kind
    row = {"extId": "1", "profile": {"born": BORN, "at": [MOMENT], "price": Decimal("0.1")}}
    assert kind.check([row]) == {}
    body = dump_json([row], default=kind.default)
    assert body == b'[{"extId":"1","profile":{"born":642902400000,"at":[1769860800123],"price":0.1}}]'


def test_a_time_of_an_event_is_a_datetime_or_seconds_and_never_milliseconds():
    row = {"identity": "u", "evtName": "e", "ts": MOMENT, "evtData": {"born": BORN, "sizes": [1, 1]}}
    problems, _, (written,), _ = EVENTS.examine([row])
    assert problems == {}
    assert orjson.loads(dump_json(event_record(written), default=EVENTS.default)) == {
        "type": "event",
        "identity": "u",
        "evtName": "e",
        "ts": 1769860800,
        "evtData": {"born": "$D_642902400", "sizes": ["1"]},
    }
    assert Event(event_name="e", email="a@example.com", id="1", created_at=MOMENT).created_at == 1769860800
    with pytest.raises(InvalidItem, match="not milliseconds"):
        Event(event_name="e", email="a@example.com", id="1", created_at=1769860800123)


def test_lists_of_profiles_are_texts_each_of_them_once():
    record = profile_record({"identity": "u", "profileData": {"sizes": [41, 42, 41], "n": 5}})
    assert record["profileData"] == {"sizes": ["41", "42"], "n": 5}


@pytest.mark.parametrize("value", [pd.NaT, Decimal("0.123456789012345678"), b"x"], ids=_name)
def test_a_row_with_what_has_no_form_is_refused_with_the_reason(value):
    kind = NetmeraClient.operations()["set_profile_attributes"].kind
    with pytest.raises(Unwritable):
        dump_json([{"extId": "1", "profile": {"a": value}}], default=kind.default)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_mapping_of_a_row_names_its_form(client):
    named = 0
    for operation in client.operations().values():
        if isinstance(operation.kind, Rows):
            for attribute in attrs.fields(operation.kind.row):
                field = next(one for one in operation.kind.fields if one.name == attribute.name)
                if dict in field.types and "JsonValue" not in str(attribute.type):
                    named += isinstance(attribute.metadata.get("form"), ValueForm)
    assert named
