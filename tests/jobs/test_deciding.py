"""What a plan says about the types and the names of columns."""

from __future__ import annotations

import pytest

from netaudience.jobs.plan.decisions import decisions
from netaudience.jobs.spec.model import Expression, Step
from netaudience.vendors.clevertap import CleverTapClient
from netaudience.vendors.moengage import MoEngageClient
from netaudience.vendors.netmera import NetmeraClient

NETMERA = NetmeraClient.operations()["set_profile_attributes"].kind
CLEVERTAP = CleverTapClient.operations()["upload_profiles"].kind
MOENGAGE = MoEngageClient.operations()["import_users"].kind


def told(kind, name, written="VARCHAR", time_zone=None):
    step = Step(name="s", vendor="v", operation="o", fields={name: Expression(column="c")})
    return decisions(step, kind, {"c": written}, time_zone)


def test_the_form_of_a_date_is_told():
    (sentence,) = told(NETMERA, "profile.born", "DATE")
    assert sentence.startswith("profile.born (DATE) goes as epoch milliseconds (assumed: ")


@pytest.mark.parametrize(
    ("time_zone", "words"),
    [
        (None, "is taken as UTC: time-zone in [source] says otherwise"),
        ("Europe/Istanbul", "is taken as Europe/Istanbul, as [source] says"),
    ],
)
def test_a_moment_without_a_zone_is_told(time_zone, words):
    _, sentence = told(MOENGAGE, "attributes.at", "TIMESTAMP[]", time_zone)
    assert sentence == f"attributes.at (TIMESTAMP[] without zone) {words}"
    assert len(told(MOENGAGE, "attributes.at", "TIMESTAMP WITH TIME ZONE", time_zone)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (CLEVERTAP, "profile_data.email", "differs in its case alone from the vendor's own Email"),
        (CLEVERTAP, "profile_data.name.common", "holds ., which the vendor takes in no name: rename"),
        (MOENGAGE, "attributes.status", "is a name that the vendor reserves for itself"),
    ],
)
def test_a_name_that_means_something_else_is_told(kind, name, words):
    (sentence,) = told(kind, name)
    assert words in sentence


def test_what_is_plain_is_not_told():
    for written in ("VARCHAR", "BIGINT", "DOUBLE", "DECIMAL(10,2)", "BOOLEAN"):
        assert told(NETMERA, "profile.a", written) == []
    assert told(CLEVERTAP, "profile_data.Email") == []
