"""Two items of one user become one only where that one surely has the effect of both."""

import pytest

from netaudience.model.merging import coalesced
from netaudience.vendors import clients
from netaudience.vendors.clevertap.models import ProfileUpload
from netaudience.vendors.iterable.models import SubscriptionUpdate, UserUpdate
from netaudience.vendors.netmera.models import EmailUpdate, ProfileUpdate

OPERATIONS = {
    (client.slug, name): operation for client in clients() for name, operation in client.operations().items()
}
CASES = [
    ("the same id twice", ("netmera", "tag_users"), "1", "1", "1"),
    (
        "attributes, key by key",
        ("netmera", "set_profile_attributes"),
        {"extId": "1", "profile": {"a": 1, "b": 1}},
        {"extId": "1", "profile": {"b": 2, "c": None}},
        {"extId": "1", "profile": {"a": 1, "b": 2, "c": None}},
    ),
    (
        "attributes of instances",
        ("netmera", "set_profile_attributes"),
        ProfileUpdate("1", {"a": 1, "b": [1]}),
        ProfileUpdate("1", {"b": [2]}),
        ProfileUpdate("1", {"a": 1, "b": [2]}),
    ),
    (
        "an instance and a mapping, in the later one's form",
        ("netmera", "set_profile_attributes"),
        {"extId": "1", "profile": {"a": 1}},
        ProfileUpdate("1", {"b": 2}),
        ProfileUpdate("1", {"a": 1, "b": 2}),
    ),
    (
        "two objects under one key: a vendor may merge them or not",
        ("netmera", "set_profile_attributes"),
        {"extId": "1", "profile": {"a": {"x": 1}}},
        {"extId": "1", "profile": {"a": {"y": 1}}},
        None,
    ),
    (
        "the later address",
        ("netmera", "update_email"),
        EmailUpdate("1", "a@example.com"),
        EmailUpdate("1", "b@example.com"),
        EmailUpdate("1", "b@example.com"),
    ),
    (
        "fields of one only",
        ("iterable", "bulk_update_users"),
        UserUpdate(user_id="1", data_fields={"a": 1}),
        UserUpdate(user_id="1", data_fields={"b": 1}),
        UserUpdate(user_id="1", data_fields={"a": 1, "b": 1}),
    ),
    (
        "a switch that differs",
        ("iterable", "bulk_update_users"),
        UserUpdate(user_id="1", data_fields={"a": 1}, merge_nested_objects=True),
        UserUpdate(user_id="1", data_fields={"b": 1}),
        None,
    ),
    (
        "a switch that only one sets",
        ("iterable", "bulk_update_users"),
        {"userId": "1", "dataFields": {"a": 1}},
        {"userId": "1", "preferUserId": True, "dataFields": {"b": 1}},
        None,
    ),
    (
        "lists that are overwritten, all of them by the later one",
        ("iterable", "bulk_update_subscriptions"),
        SubscriptionUpdate(user_id="1", email_list_ids=[1]),
        SubscriptionUpdate(user_id="1", email_list_ids=[2], unsubscribed_channel_ids=[]),
        SubscriptionUpdate(user_id="1", email_list_ids=[2], unsubscribed_channel_ids=[]),
    ),
    (
        "lists that are overwritten, not all of them by the later one",
        ("iterable", "bulk_update_subscriptions"),
        SubscriptionUpdate(user_id="1", email_list_ids=[1], unsubscribed_channel_ids=[]),
        SubscriptionUpdate(user_id="1", email_list_ids=[2]),
        None,
    ),
    (
        "times that differ",
        ("clevertap", "upload_profiles"),
        ProfileUpload(identity="1", profile_data={"a": 1}, ts=2_000_000_000),
        ProfileUpload(identity="1", profile_data={"b": 1}, ts=1_900_000_000),
        None,
    ),
]


@pytest.mark.parametrize(
    ("name", "operation", "earlier", "later", "both"), CASES, ids=[case[0] for case in CASES]
)
def test_two_become_one(name, operation, earlier, later, both):
    facts = OPERATIONS[operation].facts
    kind = OPERATIONS[operation].kind
    assert kind.check((earlier, later)) == {}
    assert coalesced(kind, facts.coalesces, earlier, later) == both


@pytest.mark.parametrize("slug_and_name", OPERATIONS, ids="-".join)
def test_what_an_operation_says_of_becoming_one_holds_together(slug_and_name):
    slug, name = slug_and_name
    operation = OPERATIONS[slug_and_name]
    facts = operation.facts
    if facts.coalesces is not None:
        # What is not the same when it is repeated is not the same when it is left out once.
        assert facts.idempotent
        assert not facts.destructive
        assert operation.shape in {"batch", "call"}
        assert facts.acknowledges != "answered"
    if facts.opposite:
        other = OPERATIONS[slug, facts.opposite]
        assert other.facts.opposite == name
        assert facts.coalesces == other.facts.coalesces == "replace"
        assert not operation.kind.keyed
        assert str(other.signature) == str(operation.signature)
