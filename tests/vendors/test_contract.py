"""What every operation of every vendor keeps, whoever adds it: pure, additive in bytes, documented."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import golden_clevertap
import golden_netmera
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_vendors import Golden, clevertap, netmera

from netaudience import CleverTapClient, NetmeraClient
from netaudience.client import Client
from netaudience.items import Nothing, Rows
from netaudience.limits import Provenance
from netaudience.operations import Operation
from netaudience.vendors import VENDORS
from netaudience.wire import JsonValue, dump_json, load_json

OPERATIONS = [
    pytest.param(vendor, operation, id=f"{vendor.slug} {name}")
    for vendor in VENDORS
    for name, operation in vendor.operations().items()
]
GOLDEN = {NetmeraClient: golden_netmera.GOLDEN, CleverTapClient: golden_clevertap.GOLDEN}
CLIENTS = {NetmeraClient: netmera, CleverTapClient: clevertap}
GOLDENS = [
    pytest.param(vendor, golden, id=f"{vendor.slug} {golden.id}")
    for vendor, goldens in GOLDEN.items()
    for golden in goldens
]
BATCHES = [case for case in GOLDENS if case.values[0].operations()[case.values[1].operation].shape == "batch"]


def client_of(vendor: type[Client]) -> Client:
    client, _ = CLIENTS[vendor]()
    return client


def body_of(client: Client, golden: Golden, items: Any) -> bytes:
    """Return the body that a batch operation makes of these items."""
    operation = client.operations()[golden.operation]
    request = operation.function(client, items, **golden.options)
    return client.prepare(operation, request).body or b""


@pytest.mark.parametrize(("vendor", "golden"), GOLDENS)
def test_an_encoder_is_pure(vendor, golden) -> None:
    client = client_of(vendor)
    operation = vendor.operations()[golden.operation]
    arguments, options = copy.deepcopy((golden.arguments, dict(golden.options)))
    first, second = (
        client.prepare(operation, operation.function(client, *arguments, **options)) for _ in range(2)
    )
    assert (first.method, first.url, first.headers, first.body) == (
        second.method,
        second.url,
        second.headers,
        second.body,
    )
    assert (arguments, options) == (golden.arguments, golden.options)


#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=40)
CLEAN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=12)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | CLEAN
NAMES = st.text('abcğ "\\é', min_size=1, max_size=6)
# What an item of each kind may be, by the vendor's names.
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "str": CLEAN,
    "CategoryPreference": st.fixed_dictionaries(
        {"extId": CLEAN, "category": CLEAN, "enable": st.booleans()},
        optional={"channel": st.sampled_from(["SMS", "email"])},
    ),
    "ProfileUpdate": st.fixed_dictionaries(
        {"extId": CLEAN, "profile": st.dictionaries(NAMES, SCALARS, min_size=1, max_size=3)}
    ),
    "ProfileKeys": st.fixed_dictionaries(
        {"extId": CLEAN, "profile": st.lists(CLEAN, min_size=1, max_size=3)}
    ),
    "ProfileValues": st.fixed_dictionaries(
        {
            "extId": CLEAN,
            "profile": st.dictionaries(
                NAMES, st.lists(SCALARS, min_size=1, max_size=3), min_size=1, max_size=2
            ),
        }
    ),
    "AttributeValue": st.fixed_dictionaries({"key": CLEAN, "value": CLEAN}),
}


def item_kind(operation: Operation) -> str:
    return operation.kind.row.__name__ if isinstance(operation.kind, Rows) else "str"


@pytest.mark.parametrize(("vendor", "golden"), BATCHES)
def test_bytes_add_up(vendor, golden) -> None:
    client = client_of(vendor)
    operation = vendor.operations()[golden.operation]
    envelope = len(body_of(client, golden, ()))

    @STEADY
    @given(st.lists(ITEMS[item_kind(operation)], min_size=1, max_size=4), st.data())
    def add_up(items: list[Any], data: st.DataObject) -> None:
        assert not operation.kind.check(items)
        more = data.draw(st.lists(ITEMS[item_kind(operation)], min_size=1, max_size=4))
        sizes = [len(body_of(client, golden, part)) for part in (items, more, items + more)]
        comma = 1
        assert sizes[2] == sizes[0] + sizes[1] - envelope + comma

    add_up()


@pytest.mark.parametrize(("vendor", "golden"), BATCHES)
def test_what_is_encoded_is_read_back_in_order(vendor, golden) -> None:
    client = client_of(vendor)
    operation = vendor.operations()[golden.operation]

    def found(body: JsonValue) -> Any:
        """Return the one list of the body that the items are in."""
        if isinstance(body, list):
            return body[0]["profile"] if golden.operation.startswith("delete_profile_attributes") else body
        lists = {name: value for name, value in body.items() if isinstance(value, list)}
        fixed = {"tag", "wpNumbers"} if "wp_numbers" in golden.options else {"tag"}
        (items,) = (value for name, value in lists.items() if name not in fixed)
        return items

    @STEADY
    @given(st.lists(ITEMS[item_kind(operation)], min_size=1, max_size=4))
    def read_back(items: list[Any]) -> None:
        assert found(load_json(body_of(client, golden, items))) == items

    read_back()


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS)
def test_an_operation_explains_itself(vendor, operation) -> None:
    documentation = inspect.getdoc(operation) or ""
    first, _, rest = documentation.partition("\n")
    assert first.endswith(".")
    assert first[0].isupper()
    assert len(first) <= 110
    if operation.signature.parameters:
        explained = rest.partition("Args:\n")[2]
        for name in operation.signature.parameters:
            assert f"    {name}: " in explained
    assert operation.facts.docs.startswith("https://")
    assert operation.name == next(name for name, found in vendor.operations().items() if found is operation)


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS)
def test_what_a_run_shares_is_given_by_name(vendor, operation) -> None:
    items = 0 if isinstance(operation.kind, Nothing) else 1
    kinds = [parameter.kind for parameter in operation.signature.parameters.values()]
    assert kinds[:items] == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * items
    assert set(kinds[items:]) <= {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS)
def test_every_figure_says_where_it_is_known_from(vendor, operation) -> None:
    figures = operation.facts.figures()
    assert "in flight" in figures
    for what, figure in figures.items():
        assert figure.value > 0, what
        assert isinstance(figure.provenance, Provenance)
        assert figure.source.strip()
        if figure.provenance is Provenance.DOCUMENTED:
            assert figure.source.startswith("https://")
        assert figure.provenance in figure.describe()
        assert figure.source in figure.describe()


def marked(vendor: type[Client], mark: str) -> set[str]:
    return {name for name, operation in vendor.operations().items() if getattr(operation.facts, mark)}


DESTRUCTIVE = {
    "delete_users_permanently",
    "delete_profile_attributes_of_all_users",
    "delete_profile_attribute_value_of_all_users",
}
APP_WIDE = DESTRUCTIVE - {"delete_users_permanently"}
NOT_REPEATABLE = {"push_profile_attributes", "send_push_approval"}


@pytest.mark.parametrize(
    ("vendor", "mark", "names"),
    [
        (NetmeraClient, "idempotent", set(NetmeraClient.operations()) - NOT_REPEATABLE),
        (NetmeraClient, "divisible", set(NetmeraClient.operations()) - NOT_REPEATABLE),
        (NetmeraClient, "destructive", DESTRUCTIVE),
        (NetmeraClient, "irreversible", {"delete_users_permanently"}),
        (NetmeraClient, "app_wide", APP_WIDE),
        (CleverTapClient, "idempotent", set()),
        (CleverTapClient, "divisible", {"demerge"}),
        (CleverTapClient, "app_wide", set()),
    ],
)
def test_the_marks_are_the_sheets(vendor, mark, names) -> None:
    assert marked(vendor, mark) == names


# Shape, ids per request (documented), rows per request, requests in flight.
LIMITS = {
    **{
        (NetmeraClient, name): ("batch", 1000, 1000)
        for name in (
            *("delete_users_permanently", "tag_users", "untag_users", "set_category_preferences"),
            *("set_profile_attributes", "unset_profile_attributes", "push_profile_attributes"),
            *("pull_profile_attributes", "enable_mail", "disable_mail", "enable_sms"),
            *("disable_sms", "enable_whats_app", "disable_whats_app"),
        )
    },
    **{(NetmeraClient, name): ("batch", None, 1000) for name in APP_WIDE},
    **{
        (NetmeraClient, name): ("call", None, 1)
        for name in (
            *("enable_push", "disable_push", "get_category_preferences", "get_profile_attributes"),
            *("get_devices", "get_segment_users", "send_push_approval", "update_email"),
            *("update_msisdn", "update_whats_app"),
        )
    },
    (NetmeraClient, "get_segments"): ("query", None, 1),
    (NetmeraClient, "get_device_tokens"): ("pages", None, 1),
    (CleverTapClient, "demerge"): ("batch", 100, 100),
}


@pytest.mark.parametrize(("vendor", "operation"), OPERATIONS)
def test_shape_and_limits_are_the_sheets(vendor, operation) -> None:
    shape, keys, rows = LIMITS[vendor, operation.name]
    assert operation.shape == shape
    limit = operation.facts.limit
    if keys is None:
        assert limit.keys is None
    else:
        assert (limit.keys.value, limit.keys.provenance) == (keys, Provenance.DOCUMENTED)
    assert client_of(vendor).limits(operation)[0] == rows


@pytest.mark.parametrize(
    ("vendor", "in_flight", "rate", "ceiling"),
    [(NetmeraClient, 8, 10, 20), (CleverTapClient, 2, None, None)],
)
def test_the_quota_is_one_for_all_operations_and_assumed(vendor, in_flight, rate, ceiling) -> None:
    quotas = {operation.facts.quota for operation in vendor.operations().values()}
    (quota,) = quotas
    assert quota.in_flight.value == in_flight
    assert (quota.rate and quota.rate.value) == rate
    assert (quota.ceiling and quota.ceiling.value) == ceiling
    assert {figure.provenance for figure in quota.figures().values()} == {Provenance.ASSUMED}


def test_the_vendors_are_told_apart() -> None:
    assert len({vendor.slug for vendor in VENDORS}) == len(VENDORS)
    assert all(vendor.slug == vendor.slug.lower() for vendor in VENDORS)
    assert set(GOLDEN) == set(VENDORS)


def test_rows_are_written_the_same_from_a_class_and_from_the_vendors_names() -> None:
    instances = [golden for golden in golden_netmera.GOLDEN if "__attrs_attrs__" in dir(_first(golden))]
    assert len(instances) == 9
    for golden in instances:
        assert load_json(dump_json(_first(golden))) in (
            load_json(golden.body or ""),
            load_json(golden.body or "")[0] if golden.body and golden.body[0] == "[" else None,
        )


def _first(golden: Golden) -> object:
    items = golden.arguments[0] if golden.arguments else None
    return items[0] if isinstance(items, list) else items
