"""What is sent is what the vendors' pages show, to the letter; what they answer is read whole."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import golden_clevertap
import golden_netmera
import pytest
from scripted_vendors import Golden, clevertap, differences, netmera

from netaudience import CleverTapClient, Delivered, NetmeraClient, Report

NETMERA = {"X-netmera-api-key": "the-rest-key"}
CLEVERTAP = {"X-CleverTap-Account-Id": "PROJECT", "X-CleverTap-Passcode": "PASS-CODE"}

VENDORS = {
    NetmeraClient: (golden_netmera.GOLDEN, netmera, NETMERA),
    CleverTapClient: (golden_clevertap.GOLDEN, clevertap, CLEVERTAP),
}
ALL = [
    pytest.param(vendor, golden, id=f"{vendor.slug} {golden.id}")
    for vendor, (goldens, _, _) in VENDORS.items()
    for golden in goldens
]


def shape_of(vendor, golden: Golden) -> str:
    return vendor.operations()[golden.operation].shape


@pytest.mark.parametrize(("vendor", "golden"), ALL)
@pytest.mark.asyncio
async def test_the_request_is_the_golden_one_and_the_answer_is_read(vendor, golden) -> None:
    _, make, headers = VENDORS[vendor]
    client, transport = make(golden.response)
    given = await golden.carry(client)
    assert [differences(golden, sent, headers) for sent in transport.sent] == [{}]
    if isinstance(given, Report):
        wanted = len(golden.arguments[0])
        assert (given.items, given.delivered, given.requests) == (wanted, wanted, 1)
        assert given.acknowledges == "accepted"
    else:
        assert given == golden.reads


@pytest.mark.parametrize(("vendor", "golden"), [case for case in ALL if shape_of(*case.values) == "call"])
@pytest.mark.asyncio
async def test_a_call_for_each_item_sends_the_same_and_keeps_the_answer(vendor, golden) -> None:
    _, make, headers = VENDORS[vendor]
    client, transport = make(golden.response, golden.response)
    items = [golden.arguments[0], golden.arguments[0]]
    async with getattr(client, golden.operation).each(items, **golden.options) as outcomes:
        settled = [outcome async for outcome in outcomes]
    assert [differences(golden, sent, headers) for sent in transport.sent] == [{}, {}]
    assert sorted(settled, key=lambda outcome: outcome.position) == [
        Delivered(position, item, golden.reads) for position, item in enumerate(items)
    ]


@pytest.mark.parametrize(("vendor", "count"), [(NetmeraClient, 28), (CleverTapClient, 1)])
def test_every_operation_has_a_golden_request_and_a_path_of_its_own(vendor, count) -> None:
    goldens, _, _ = VENDORS[vendor]
    operations = vendor.operations()
    assert {golden.operation for golden in goldens} == set(operations)
    assert len(operations) == len({operation.facts.path for operation in operations.values()}) == count


@pytest.mark.parametrize(("vendor", "golden"), ALL)
def test_method_and_path_are_the_descriptors(vendor, golden) -> None:
    facts = vendor.operations()[golden.operation].facts
    assert (facts.method, facts.path) == (golden.method, urlsplit(golden.url).path)


@pytest.mark.parametrize(
    "item", ["a b", "a+b", "a&x=1", "ü/ğ", "100%41", "a#b", "?", "../up", "{id}", "+905312345678"]
)
@pytest.mark.asyncio
async def test_any_id_survives_the_query(item) -> None:
    client, transport = netmera(*[Golden(operation="", url="", answer="{}").response] * 3)
    await client.get_devices(item)
    await client.get_category_preferences(item)
    await client.get_segment_users(item, os="IOS")
    queries = [parse_qs(sent.url.raw_query_string, strict_parsing=True) for sent in transport.sent]
    assert queries == [{"extId": [item]}, {"externalId": [item]}, {"id": [item]}]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu", "https://api.clevertap.com"),
        ("in1", "https://in1.api.clevertap.com"),
        ("sg1", "https://sg1.api.clevertap.com"),
        ("us1", "https://us1.api.clevertap.com"),
        ("aps3", "https://aps3.api.clevertap.com"),
        ("mec1", "https://mec1.api.clevertap.com"),
    ],
)
def test_the_region_chooses_the_host(region, host) -> None:
    assert CleverTapClient("a", "b", region=region).base_url == host
