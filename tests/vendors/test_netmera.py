"""What is special about Netmera's bulk operations: what it would skip without a word is reported beforehand.

Source: https://github.com/ecemnaz1/netmera-rest-api
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from scripted_vendors import Scripted, netmera, reply

from netaudience import (
    AnswerLost,
    ConfigurationError,
    InDoubt,
    InvalidItem,
    NetmeraClient,
    Refused,
    Rejected,
    Settings,
)
from netaudience.engine.retry import RetryPolicy
from netaudience.model.limits import Provenance
from netaudience.model.wire import Prepared, Response, load_json
from netaudience.vendors.netmera.models import UserEvent, UserRegistration

OPERATIONS = NetmeraClient.operations()


def problem(operation: str, item: Any) -> str | None:
    """Return what the operation says about an item before it is sent."""
    client, _ = netmera()
    found = client.kind(OPERATIONS[operation]).check([item])
    return str(found[0]) if found else None


def test_what_the_reference_does_not_have_any_more_says_so() -> None:
    found = {name: operation.facts.provenance for name, operation in OPERATIONS.items()}
    gone = {name for name, known in found.items() if known is Provenance.WITHDRAWN}
    assert gone == {"send_push_approval", "delete_profile_attribute_value_of_all_users"}
    assert {found[name] for name in found.keys() - gone} == {Provenance.DOCUMENTED}


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({}, "platform or an msisdn"),
        ({"extId": "id1"}, "platform or an msisdn"),
        ({"extId": "id1", "email": "a@example.com", "deviceToken": "t"}, "platform or an msisdn"),
        ({"platform": "IOS"}, "names nobody"),
        ({"platform": "IOS", "tags": ["Sport"], "profile": {"a": 1}}, "names nobody"),
        ({"platform": "", "extId": "id1"}, "platform"),
        ({"msisdn": "", "extId": "id1"}, "phone number"),
        ({"msisdn": "+905321234567", "tags": []}, "tags"),
        ({"msisdn": "+905321234567", "tags": "Sport"}, "tags"),
        ({"msisdn": "+905321234567", "profile": {}}, "profile"),
    ],
)
def test_a_registration_that_would_sink_its_request_is_told(row, word) -> None:
    assert word in (problem("register_users", row) or "")


@pytest.mark.parametrize(
    "row",
    [
        {"msisdn": "+905321234567"},
        {"platform": "IOS", "deviceToken": "t"},
        {"platform": "ANDROID", "extId": "id1"},
        {"platform": "Web", "email": "a@example.com"},
        UserRegistration(msisdn="+905321234567"),
        UserRegistration(platform="IOS", ext_id="id1"),
    ],
)
def test_a_registration_that_counts(row) -> None:
    assert problem("register_users", row) is None


def test_a_registration_of_a_class_is_checked_as_a_whole_too() -> None:
    assert "platform or an msisdn" in (problem("register_users", UserRegistration(ext_id="id1")) or "")


@pytest.mark.parametrize("number", ["05321234567", "905321234567", "abc", "+90", "90 532"])
@pytest.mark.parametrize(
    ("operation", "item"),
    [("register_users", lambda number: {"msisdn": number}), ("add_msisdn", lambda number: number)],
)
@pytest.mark.asyncio
async def test_a_number_without_its_country_is_rejected_and_sinks_no_other(operation, item, number) -> None:
    client, transport = netmera(reply())
    report = await getattr(client, operation)([item(number), item("+90 532 123 45 67")]).settled()
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(0, Rejected)]
    assert isinstance(report.undelivered[0].reason, InvalidItem)
    assert b'"+905321234567"' in (transport.sent[0].body or b"")


@pytest.mark.parametrize("name", ["extId", "name"])
@pytest.mark.parametrize(
    "make", [dict, lambda **row: UserEvent(row["extId"], row["name"], row["attributes"])]
)
def test_an_attribute_does_not_take_the_place_of_the_events_own(name, make) -> None:
    row = make(extId="id1", name="Seen", attributes={name: "id2"})
    assert "must not be named extId or name" in (problem("fire_events", row) or "")


@pytest.mark.parametrize("attributes", [None, {}])
@pytest.mark.asyncio
async def test_an_event_without_attributes_has_none(attributes) -> None:
    client, transport = netmera(reply())
    await client.fire_events([UserEvent("id1", "Seen", attributes)])
    assert load_json(transport.sent[0].body or b"") == [{"extId": "id1", "name": "Seen"}]


NESTED = {
    "extId": "id1",
    "name": "Seen",
    "attributes": {"price": Decimal("9.99"), "at": dt.date(2026, 11, 30)},
}
FLAT = {"extId": "id1", "name": "Seen", **NESTED["attributes"]}


@pytest.mark.parametrize(
    "events", [[FLAT], [FLAT, NESTED], [NESTED, FLAT, {"extId": "id2", "name": "Plain"}], [FLAT] * 1500]
)
@pytest.mark.asyncio
async def test_an_events_attributes_may_stand_where_the_vendor_has_them(events) -> None:
    """As in the vendor's own examples; an event that has both is refused, for one may be a mistake."""
    bodies = []
    for given in (events, [NESTED if event is FLAT else event for event in events]):
        client, transport = netmera(*[reply()] * 1500)
        report = await client.fire_events(given).settled()
        assert report.delivered == len(events), report.sentence()
        bodies.append([sent.body for sent in transport.sent])
    assert bodies[0] == bodies[1]
    assert problem("fire_events", {**NESTED, "price": 1}) is not None
    assert "'extId'" in str(problem("fire_events", {"name": "Seen", "price": 1}))


class Lossy(Scripted):
    """Loses the answer to the first request."""

    async def send(self, request: Prepared, /) -> Response:
        self.sent.append(request)
        if len(self.sent) == 1:
            raise AnswerLost("No answer came")
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("operation", "items", "options", "repeated"),
    [
        ("fire_events", [{"extId": "id1", "name": "Seen"}], {}, False),
        ("add_email", ["a@example.com"], {}, True),
        ("add_msisdn", ["+905321234567"], {}, True),
        ("push_profile_attributes", [{"extId": "id1", "profile": {"a": ["x"]}}], {}, True),
        ("register_users", [{"msisdn": "+905321234567"}], {}, True),
        ("delete_users", ["id1"], {"confirm": True}, True),
    ],
)
@pytest.mark.asyncio
async def test_what_happens_once_is_not_sent_twice(operation, items, options, repeated) -> None:
    transport = Lossy(reply())
    settings = Settings(retry=RetryPolicy(attempts=3, first_wait=0))
    client = NetmeraClient("key", settings=settings, transport=transport)
    report = await getattr(client, operation)(items, **options).settled()
    assert len(transport.sent) == (2 if repeated else 1)
    assert [type(outcome) for outcome in report.undelivered] == ([] if repeated else [InDoubt])


@pytest.mark.parametrize("options", [{}, {"confirm": False}, {"confirm": 1}, {"confirm": "yes"}])
def test_a_deletion_is_asked_for_twice(options) -> None:
    client, _ = netmera()
    with pytest.raises(ConfigurationError, match="confirm=True"):
        client.delete_users(["id1"], **options)


@pytest.mark.parametrize("operation", ["remove_email", "remove_msisdn", "remove_whats_app"])
@pytest.mark.asyncio
async def test_a_refusal_in_plain_text_is_read(operation) -> None:
    client, _ = netmera(reply(400, b"Please provide an external id.", "text/plain"))
    with pytest.raises(Refused, match="Please provide an external id"):
        await getattr(client, operation)("id1")


@pytest.mark.asyncio
async def test_definitions_have_codes_and_are_no_error() -> None:
    """An error tells a code, too; a definition's own is another."""
    client, _ = netmera(reply(200, {"customProfileAttributes": [{"code": 2001, "name": "a"}]}))
    read = await client.get_attribute_definitions()
    assert [(one.code, one.name) for one in read.custom] == [("2001", "a")]
    assert read.standard == ()


def test_no_row_shows_who_it_is_about() -> None:
    shown = [
        UserRegistration(
            ext_id="customer-77",
            device_token="token-88",
            email="a.b@example.com",
            msisdn="+905321234567",
            profile={"a": "customer-77"},
        ),
        UserEvent("customer-77", "Seen", {"a": "customer-77"}),
    ]
    for told in map(repr, shown):
        assert not any(secret in told for secret in ("customer", "token-88", "@", "90532"))
