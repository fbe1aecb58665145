"""What is refused before anything is sent: two selectors, none, empty texts, deletions nobody confirmed."""

from __future__ import annotations

import pytest
from scripted_vendors import netmera, reply

from netaudience import (
    CleverTapClient,
    ConfigurationError,
    InvalidItem,
    Misconfigured,
    NetmeraClient,
    Rejected,
    Unreadable,
)
from netaudience.vendors.netmera.models import DeviceToken, EmailUpdate, MsisdnUpdate, WhatsAppUpdate

SELECTED = {
    "enable_push": ("device_token", "a"),
    "disable_push": ("device_token", "a"),
    "enable_mail": ("email", ["a"]),
    "disable_mail": ("email", ["a"]),
    "enable_sms": ("msisdn", ["a"]),
    "disable_sms": ("msisdn", ["a"]),
    "enable_whats_app": ("wp_number", ["a"]),
    "disable_whats_app": ("wp_number", ["a"]),
}


async def refused(call) -> str:
    """Run a call, wherever it is that it refuses, and return the sentence."""
    with pytest.raises(ConfigurationError) as caught:
        await call()
    return str(caught.value)


@pytest.mark.parametrize("by", ["", "extId", "ext_ids", "both", "email,ext_id", "deviceToken"])
@pytest.mark.parametrize("operation", SELECTED)
@pytest.mark.asyncio
async def test_by_names_exactly_one_selector(operation, by) -> None:
    client, transport = netmera()
    other, item = SELECTED[operation]
    sentence = await refused(lambda: getattr(client, operation)(item, by=by))
    assert "ext_id" in sentence
    assert other in sentence
    assert transport.sent == []


@pytest.mark.parametrize("operation", SELECTED)
@pytest.mark.asyncio
async def test_two_selectors_at_once_cannot_be_written(operation) -> None:
    client, transport = netmera()
    other, item = SELECTED[operation]
    with pytest.raises(TypeError):
        await getattr(client, operation)(item, **{other: item})
    assert transport.sent == []


@pytest.mark.parametrize("operation", ["enable_whats_app", "disable_whats_app"])
@pytest.mark.asyncio
async def test_numbers_come_once(operation) -> None:
    client, transport = netmera()
    ask = getattr(client, operation)
    assert "leave wp_numbers out" in await refused(lambda: ask(["+90"], by="wp_number", wp_numbers=["+90"]))
    assert "must be a list of texts" in await refused(lambda: ask(["id1"], wp_numbers="+90"))
    assert transport.sent == []


@pytest.mark.asyncio
async def test_an_empty_number_besides_the_ids_is_refused() -> None:
    client, _ = netmera(reply())
    await refused(lambda: client.enable_whats_app(["id1"], wp_numbers=[""]))


@pytest.mark.parametrize(
    ("operation", "items"),
    [
        ("delete_users_permanently", ["id1"]),
        ("delete_profile_attributes_of_all_users", ["age"]),
        ("delete_profile_attribute_value_of_all_users", [{"key": "a", "value": "b"}]),
    ],
)
@pytest.mark.parametrize("options", [{}, {"confirm": False}, {"confirm": 1}, {"confirm": "yes"}])
@pytest.mark.asyncio
async def test_what_destroys_is_asked_for_twice(operation, items, options) -> None:
    client, transport = netmera()
    assert "confirm=True" in await refused(lambda: getattr(client, operation)(items, **options))
    assert transport.sent == []


@pytest.mark.parametrize("operation", ["tag_users", "untag_users"])
@pytest.mark.parametrize(
    "options",
    [
        {"tag": ""},
        {"tag": None},
        {"tag": ["Sport"]},
    ],
)
@pytest.mark.asyncio
async def test_a_tag_is_text(operation, options) -> None:
    client, transport = netmera()
    assert "text" in await refused(lambda: getattr(client, operation)(["id1"], **options))
    assert transport.sent == []


# A text that the vendor would answer with 200, and change nothing or store as empty.
EMPTY = [
    ("update_email", EmailUpdate, {"extId": "id1", "email": ""}),
    ("update_msisdn", MsisdnUpdate, {"extId": "id1", "msisdn": ""}),
    ("update_whats_app", WhatsAppUpdate, {"extId": "id1", "wpNumber": ""}),
    ("update_email", EmailUpdate, {"extId": "", "email": "a@example.com"}),
    ("update_msisdn", MsisdnUpdate, {"extId": "", "msisdn": "+90"}),
    ("update_whats_app", WhatsAppUpdate, {"extId": "", "wpNumber": "+90"}),
]


@pytest.mark.parametrize(("operation", "row", "named"), EMPTY)
@pytest.mark.asyncio
async def test_empty_texts_are_never_sent(operation, row, named) -> None:
    client, transport = netmera()
    with pytest.raises(InvalidItem):
        row(*named.values())
    with pytest.raises(InvalidItem):
        await getattr(client, operation)(named)
    report = await getattr(client, operation).each([named]).settled()
    assert [type(outcome) for outcome in report.undelivered] == [Rejected]
    assert transport.sent == []


@pytest.mark.parametrize(
    ("operation", "item", "options"),
    [
        ("enable_push", "", {}),
        ("get_devices", "", {}),
        ("get_profile_attributes", "a\nb", {}),
        ("get_category_preferences", 5, {}),
        ("get_segment", "5883", {}),
        ("delete_segment", -1, {}),
        ("send_push_approval", "97", {}),
        ("send_push_approval", True, {}),
        ("send_push_approval", -1, {}),
        ("send_push_approval", 1.0, {}),
        ("send_push_approval", 2**64, {}),
    ],
)
@pytest.mark.asyncio
async def test_a_wrong_item_is_never_sent(operation, item, options) -> None:
    client, transport = netmera()
    with pytest.raises(InvalidItem):
        await getattr(client, operation)(item, **options)
    assert transport.sent == []


UNWRITABLE = [
    ("update_email", {"extId": "id1", "email": "\ud800"}),
    ("update_msisdn", {"extId": "id1", "msisdn": "\ud800"}),
    ("update_whats_app", {"extId": "id1", "wpNumber": "\ud800"}),
]


@pytest.mark.parametrize(("operation", "item"), UNWRITABLE)
@pytest.mark.asyncio
async def test_what_json_cannot_carry_is_an_invalid_item(operation, item) -> None:
    client, _ = netmera()
    with pytest.raises(InvalidItem):
        await getattr(client, operation)(item)


@pytest.mark.parametrize(("operation", "item"), UNWRITABLE)
@pytest.mark.asyncio
async def test_what_json_cannot_carry_is_rejected_in_a_run(operation, item) -> None:
    client, transport = netmera()
    report = await getattr(client, operation).each([item]).settled()
    assert (report.rejected, report.stopped, transport.sent) == (1, None, [])


@pytest.mark.parametrize(
    "profile",
    [
        *({1: 1}, {"a": {1: 1}}, {"a": 2**64}, {"a": "\ud800"}, {"a": b"b"}, {"a": object()}),
        # These would be written as null.
        *({"a": float("nan")}, {"a": [{"b": float("inf")}]}, {"a": None, "b": float("-inf")}),
    ],
)
@pytest.mark.asyncio
async def test_one_row_that_json_cannot_carry_sinks_no_other(profile) -> None:
    client, transport = netmera(reply())
    rows = [{"extId": name, "profile": {"age": 24}} for name in ("id1", "id2")]
    rows.insert(1, {"extId": "bad", "profile": profile})
    report = await client.set_profile_attributes(rows).settled()
    assert [(outcome.position, type(outcome)) for outcome in report.undelivered] == [(1, Rejected)]
    assert (report.delivered, len(transport.sent)) == (2, 1)


PAGE = {"total": 3, "devices": [{"token": "t"}]}


def page(next_page: object = None) -> dict[str, object]:
    return PAGE if next_page is None else {**PAGE, "nextPage": next_page}


@pytest.mark.parametrize(
    "link",
    [
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=10&max=10",
        "https://evil.example/steal?offset=10&max=10",
        "//evil.example/rest/3.0/getDeviceTokens?max=10&offset=10",
        "/rest/3.0/getDeviceTokens?offset=10&max=10&api_key=x",
        "?offset=10&max=10",
        "?offset=10",
    ],
)
@pytest.mark.asyncio
async def test_the_key_follows_no_link(link) -> None:
    client, transport = netmera(reply(200, page(link)), reply(200, page()))
    rows = [row async for row in client.get_device_tokens(page_size=10)]
    assert rows == [DeviceToken(device_token="t")] * 2
    urls = [str(sent.url) for sent in transport.sent]
    path = "https://restapi.netmera.com/rest/3.0/getDeviceTokens"
    assert urls == [f"{path}?max=10&offset=0", f"{path}?max=10&offset=10"]


@pytest.mark.parametrize(
    "link",
    [
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=0&max=10",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=-10&max=10",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?max=10",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=x",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=10&max=0",
        "https://restapi.netmera.com/rest/3.0/getDeviceTokens?offset=10&max=-1",
        "nonsense",
        pytest.param(
            "http://[/?offset=10&max=10",
        ),
    ],
)
@pytest.mark.asyncio
async def test_a_link_that_leads_nowhere_further_ends_in_an_error(link) -> None:
    client, transport = netmera(reply(200, page(link)))
    rows = client.get_device_tokens(page_size=10).__aiter__()
    assert await anext(rows) == DeviceToken(device_token="t")
    with pytest.raises(Unreadable):
        await anext(rows)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("end", [{}, {"nextPage": None}, {"nextPage": ""}, {"total": 0, "devices": []}])
@pytest.mark.asyncio
async def test_without_a_link_the_pages_end(end) -> None:
    client, transport = netmera(reply(200, end))
    assert [list(page.devices) async for page in client.get_device_tokens().pages()] == [[]]
    assert len(transport.sent) == 1


@pytest.mark.asyncio
async def test_pages_tell_what_the_vendor_says_about_the_whole() -> None:
    client, _ = netmera(reply(200, page("?offset=1&max=1")), reply(200, {**page(), "extra": [1]}))
    pages = [page async for page in client.get_device_tokens(page_size=1).pages()]
    assert [(page.total, len(page.devices), dict(page.unknown)) for page in pages] == [
        (3, 1, {}),
        (3, 1, {"extra": [1]}),
    ]


@pytest.mark.asyncio
async def test_pages_tell_an_error_of_a_later_page() -> None:
    client, _ = netmera(reply(200, page("?offset=1&max=1")), reply(404))
    rows = client.get_device_tokens(page_size=1).__aiter__()
    assert await anext(rows) == DeviceToken(device_token="t")
    with pytest.raises(Misconfigured):
        await anext(rows)


@pytest.mark.parametrize("options", [{"page_size": 0}, {"page_size": -1}, {"offset": -1}])
def test_a_page_has_a_size(options) -> None:
    client, _ = netmera()
    with pytest.raises(ConfigurationError, match="page_size"):
        client.get_device_tokens(**options)


@pytest.mark.parametrize("value", ["", " s3cret", "s3cret\n", "s3\tcret", "s3crét", None, 5])
def test_credentials_are_checked_and_never_shown(value) -> None:
    for make in (
        lambda: NetmeraClient(value),
        lambda: CleverTapClient(value, "passcode", region="eu"),
        lambda: CleverTapClient("account", value, region="eu"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"region": "eu", "base_url": "https://api.clevertap.com"},
        {"region": "us"},
        {"region": "EU"},
        {"region": "eu", "account_time_zone": "Europe/Nowhere"},
        {"region": "eu", "account_time_zone": "../etc/passwd"},
        {"base_url": "api.clevertap.com"},
        {"base_url": "https://user:pass@api.clevertap.com"},
        {"base_url": "ftp://api.clevertap.com"},
    ],
)
def test_where_a_clevertap_account_is_kept_is_never_guessed(options) -> None:
    with pytest.raises(ConfigurationError):
        CleverTapClient("account", "passcode", **options)


def test_no_client_shows_its_credentials() -> None:
    for client in (
        NetmeraClient("secret-key"),
        CleverTapClient("account-id", "secret-passcode", region="eu"),
    ):
        assert "secret" not in f"{client!r}{client}"
        assert "account-id" not in repr(client)
