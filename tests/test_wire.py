"""What goes over the wire: JSON both ways, answers read tolerantly, and nothing shown that is carried."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from netaudience.model.texts import Texts
from netaudience.model.wire import (
    Prepared,
    Request,
    Response,
    decode,
    dump_json,
    load_json,
    structure,
    wire_name,
)
from netaudience.vendors.netmera import models as netmera_models
from netaudience.vendors.netmera.models import (
    CategoryPreference,
    CategoryPreferences,
    Device,
    DeviceList,
    DeviceTokenPage,
    Profile,
    ProfileUpdate,
    Segment,
    SegmentList,
    SegmentUser,
    SegmentUsers,
)

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(100))
ANSWERS = [CategoryPreferences, Profile, DeviceList, DeviceTokenPage, SegmentList, SegmentUsers]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@attrs.frozen
class Row:
    """A row with a renamed and an optional field."""

    ext_id: str = attrs.field(metadata=wire_name("extId"))
    profile: dict[str, Any]
    channel: str | None = None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Row("id1", {"a": 1}), b'{"extId":"id1","profile":{"a":1}}'),
        (Row("id1", {}, "SMS"), b'{"extId":"id1","profile":{},"channel":"SMS"}'),
        ([Row("id1", {"b": [True, None, 1.5]})], b'[{"extId":"id1","profile":{"b":[true,null,1.5]}}]'),
        ({"extIds": ("ü", '"')}, '{"extIds":["ü","\\""]}'.encode()),
        (
            [CategoryPreference("id1", "Shopping", enable=False), {"extId": "id2"}],
            b'[{"extId":"id1","category":"Shopping","enable":false},{"extId":"id2"}]',
        ),
        ({"big": 2**64 - 1, "small": -(2**63)}, b'{"big":18446744073709551615,"small":-9223372036854775808}'),
    ],
)
def test_json_is_written_by_the_vendors_names(value, written) -> None:
    assert dump_json(value) == written


@attrs.frozen
class Plain:
    """A row."""

    ext_id: str = attrs.field(metadata=wire_name("extId"))
    city: str | None = None


@attrs.frozen
class Parent(Plain):
    """A row of which there is a kind."""


@attrs.frozen
class Child(Parent):
    """A kind of a row, which has more to write."""

    more: str = "more"


class Lookalike:
    """No row and no JSON value, though it has what a row has."""

    ext_id, city, more = "id9", None, "more"


_PLAIN, _PARENT, _CHILD = Plain("id1"), Parent("id2"), Child("id3", more="other")
_WRITTEN = {"extId": "id1"}


@pytest.mark.parametrize("again", ["first", "writers known"])
@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([_PLAIN, _PLAIN], [_WRITTEN, _WRITTEN]),
        ({"tag": "x", "users": [_PLAIN]}, {"tag": "x", "users": [_WRITTEN]}),
        ({"first": [1], "users": [_PLAIN]}, {"first": [1], "users": [_WRITTEN]}),
        ([_PLAIN, {"extId": "id4"}], [_WRITTEN, {"extId": "id4"}]),
        ([{"extId": "id4"}, _PLAIN], [{"extId": "id4"}, _WRITTEN]),
        ([_PLAIN, _CHILD], [_WRITTEN, {"extId": "id3", "more": "other"}]),
        ([_PARENT, _CHILD], [{"extId": "id2"}, {"extId": "id3", "more": "other"}]),
        ([Plain("id1", _PARENT)], [{"extId": "id1", "city": {"extId": "id2"}}]),
        ([Plain("id1", [_CHILD])], [{"extId": "id1", "city": [{"extId": "id3", "more": "other"}]}]),
        ({"users": _PLAIN}, {"users": _WRITTEN}),
        ({"users": Texts(["a"]), "rows": [_PLAIN]}, {"users": ["a"], "rows": [_WRITTEN]}),
        (_PLAIN, _WRITTEN),
        ([], []),
        ({}, {}),
    ],
)
def test_rows_are_written_by_their_own_class_wherever_they_stand(value, written, again) -> None:
    if again == "writers known":
        dump_json([_PLAIN, _PARENT, _CHILD])
    assert orjson.loads(dump_json(value)) == written


@pytest.mark.parametrize(
    "value",
    [
        [_PLAIN, object()],
        [object()],
        [int],
        {"a": [_PLAIN, {1, 2}]},
        [Child("id1", Lookalike())],
        [_CHILD, Lookalike()],
    ],
)
def test_what_is_no_json_is_refused_beside_rows_too(value) -> None:
    dump_json([_PLAIN, _CHILD])
    with pytest.raises(TypeError):
        dump_json(value)


@pytest.mark.parametrize("value", [float("nan"), [1, float("inf")], {"a": {"b": (float("-inf"),)}}])
def test_a_number_that_json_would_write_as_null_is_a_value_error(value) -> None:
    with pytest.raises(ValueError, match="infinite"):
        dump_json(value)
    with pytest.raises(ValueError, match="infinite"):
        dump_json([ProfileUpdate("id1", {"score": value})])
    assert dump_json({"a": [None, 1.5]}) == b'{"a":[null,1.5]}'


@pytest.mark.parametrize("value", [{"a": {1}}, {"a": object()}, {1: 2}, {"a": "\ud800"}, {"a": 2**64}, b"a"])
def test_what_json_cannot_carry_is_a_type_error(value) -> None:
    with pytest.raises(TypeError):
        dump_json(value)


def test_writing_takes_no_copy_of_the_values_and_changes_nothing() -> None:
    profile = {"list": [1, {"a": None}]}
    row = ProfileUpdate("id1", profile)
    assert dump_json(row) == dump_json(row)
    assert row.profile is profile
    assert profile == {"list": [1, {"a": None}]}


@STEADY
@given(st.dictionaries(st.text("abc", min_size=1), JSON, min_size=1))
def test_what_a_row_carries_is_read_back(profile: dict[str, Any]) -> None:
    assert load_json(dump_json(ProfileUpdate("id1", profile))) == {"extId": "id1", "profile": profile}


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"<html>", b"\xff", b"nan", b"[1,]", b'{"a":1}x'])
def test_what_is_no_json_is_a_value_error(body) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own words
        load_json(body)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_an_answer_without_fields_is_an_answer(answer) -> None:
    assert structure({}, answer) == answer()


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_unknown_fields_are_kept_as_they_came(answer) -> None:
    more = {"addedNextYear": {"a": [1, None]}, "ext_id": "our own name is not the vendor's"}
    read = structure(more, answer)
    assert read.unknown == more
    assert attrs.evolve(read, unknown={}) == answer()
    # The default is shared: keeping a field must not change it for the next answer.
    assert answer().unknown == {}


def test_unknown_fields_are_kept_at_every_depth() -> None:
    read = structure({"devices": [{"token": "t", "battery": 5}, {}], "more": 1}, DeviceList)
    assert [device.unknown for device in read.devices] == [{"battery": 5}, {}]
    assert read.unknown == {"more": 1}


@pytest.mark.parametrize(
    ("value", "answer", "read"),
    [
        ({"extId": None, "devices": []}, DeviceList, DeviceList(devices=())),
        ({"devices": [{"platform": None, "token": None}]}, DeviceList, DeviceList(devices=(Device(),))),
        (
            {"devices": [{"pushPermitted": None, "deviceModel": None}]},
            DeviceList,
            DeviceList(devices=(Device(),)),
        ),
        (
            {"list": [{"id": 1, "name": None, "userCount": None, "type": None}]},
            SegmentList,
            SegmentList((Segment(1),)),
        ),
        ({"list": [{"id": "5883"}]}, SegmentList, SegmentList((Segment(5883),))),
        (
            {"name": None, "list": [{"externalId": None, "msisdn": None, "email": None}]},
            SegmentUsers,
            SegmentUsers(users=(SegmentUser(),)),
        ),
        ({"nextPage": None, "total": None}, DeviceTokenPage, DeviceTokenPage()),
        ({"extId": None, "profile": {"a": None}}, Profile, Profile(profile={"a": None})),
        (
            {"categoryPreferences": {"News ": True, "": False}},
            CategoryPreferences,
            CategoryPreferences({"News ": True, "": False}),
        ),
    ],
)
def test_nulls_and_numbers_as_text_are_tolerated(value, answer, read) -> None:
    got = structure(value, answer)
    assert attrs.asdict(got) == attrs.asdict(read)


# A list or a map that is null: a vendor that marks nothing as required may send it for "none".
NULL_COLLECTIONS = [
    ({"extId": "id1", "devices": None}, DeviceList),
    ({"devices": None}, DeviceTokenPage),
    ({"list": None}, SegmentList),
    ({"list": None}, SegmentUsers),
    ({"profile": None}, Profile),
    ({"categoryPreferences": None}, CategoryPreferences),
    ({"categoryChannelPreferences": None}, CategoryPreferences),
]


@pytest.mark.parametrize(("value", "answer"), NULL_COLLECTIONS)
def test_a_collection_that_is_null_is_empty(value, answer) -> None:
    ours = {field.metadata.get("wire", field.name): field.name for field in attrs.fields(answer)}
    read = structure(value, answer)
    assert [len(getattr(read, ours[name])) for name in value if value[name] is None] == [0]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, DeviceList),
        (5, DeviceList),
        (True, Profile),
        ("abc", DeviceList),
        ({"devices": 5}, DeviceList),
        ({"devices": "ab"}, DeviceList),
        ({"devices": [None]}, DeviceList),
        ({"devices": [5]}, DeviceList),
        ({"total": "many"}, DeviceTokenPage),
        ({"list": [{"id": "abc"}]}, SegmentList),
        ({"profile": []}, Profile),
        ({"profile": "a"}, Profile),
        ({"categoryPreferences": [1]}, CategoryPreferences),
    ],
)
def test_what_does_not_fit_is_a_value_error_without_the_value(value, answer) -> None:
    with pytest.raises(ValueError, match="does not fit") as caught:
        structure(value, answer)
    assert str(caught.value) == f"the answer does not fit {answer.__name__}"


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_no_object_breaks_the_reading_in_another_way(answer) -> None:
    names = [field.metadata.get("wire", field.name) for field in attrs.fields(answer)]

    @STEADY
    @given(st.dictionaries(st.sampled_from([*names, "x"]), JSON | st.lists(JSON, max_size=2)))
    def read(value: Any) -> None:
        try:
            assert isinstance(structure(value, answer), answer)
        except ValueError as error:
            assert str(error) == f"the answer does not fit {answer.__name__}"  # noqa: PT017 - or no error at all

    read()


@pytest.mark.parametrize("value", [[], "", [0], [1]])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_an_answer_that_is_no_object_does_not_fit(value, answer) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        structure(value, answer)


@pytest.mark.parametrize(
    ("value", "answer", "read"),
    [
        ({"devices": [{"pushPermitted": "false"}]}, DeviceList, lambda got: got.devices[0].push_permitted),
        ({"categoryPreferences": {"a": "false"}}, CategoryPreferences, lambda got: got.categories["a"]),
    ],
)
def test_false_as_text_is_never_true(value, answer, read) -> None:
    try:
        got = structure(value, answer)
    except ValueError:
        return
    assert read(got) is False


def test_a_vendor_may_have_a_field_named_unknown() -> None:
    assert structure({"unknown": 5, "extId": "id1"}, DeviceList).ext_id == "id1"


def test_decode_reads_nothing_where_success_says_nothing() -> None:
    assert decode(Response(200, {}, b"<html>"), None) is None
    assert decode(Response(200, {}, b'{"extId":"a"}'), DeviceList) == DeviceList("a")
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own words
        decode(Response(200, {}, b""), DeviceList)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=UTF-8", "application/json"),
        (" text/plain ;a=b", "text/plain"),
        ("", ""),
    ],
)
def test_the_media_type_comes_without_parameters(header, media_type) -> None:
    assert Response(200, CIMultiDict({"content-type": header}), b"").content_type == media_type
    assert Response(200, {}, b"").content_type == ""


def test_what_is_carried_is_never_shown() -> None:
    body = orjson.dumps({"extIds": ["customer-77"]})
    prepared = Prepared("POST", "https://host/?extId=customer-77", {"X-Key": "s3cret"}, body, 30.0, 100)
    response = Response(200, {"Set-Cookie": "s3cret"}, b"a.b@example.com", truncated=True)
    assert repr(prepared) == f"<Prepared POST, {len(body)} bytes>"
    assert repr(response) == "<Response 200, 15 bytes>"
    assert Prepared("GET", "", {}, None, 30.0, 100).size == 0


def test_a_request_is_made_of_plain_values() -> None:
    made = Request()
    assert (made.json, made.query, made.headers, made.path, made.answer) == (None, {}, {}, {}, None)
    with pytest.raises(TypeError):  # all requests share the empty one
        made.query["id"] = "id1"


def test_answers_show_no_identifier_and_no_token() -> None:
    for name in netmera_models.__all__:
        kind = getattr(netmera_models, name)
        if not attrs.has(kind):
            continue
        shown = {field.name for field in attrs.fields(kind) if field.repr is True}
        assert shown.isdisjoint({"ext_id", "token", "msisdn", "email", "wp_number", "profile", "value"})
