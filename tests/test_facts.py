"""An operation's facts are of their types and values, or its vendor's module cannot be imported."""

from __future__ import annotations

from typing import get_type_hints

import attrs
import pytest

from netaudience import Client, ConfigurationError
from netaudience.model.facts import Facts, Stated
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Quota
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, query

FINE = {"docs": "https://vendor.example/docs", "quota": Quota("q")}
#: What the declaration itself says of an operation, by position or by a parameter of its own.
OF_THE_DECORATOR = {"method", "path", "idempotent"}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"quota": "nope"}, TypeError),
        ({"limit": 3}, TypeError),
        ({"acknowledges": "maybe"}, ValueError),
        ({"docs": "the page about tags"}, ValueError),
        ({"coalesces": "add"}, ValueError),
        ({"destructive": "yes"}, TypeError),
        ({"provenance": "documented"}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"consent": True}, TypeError),
        ({"limits": 3}, TypeError),
    ],
    ids=str,
)
def test_a_wrong_fact_fails_when_it_is_stated(wrong, error):
    with pytest.raises(error):
        query("GET", "/x", **{**FINE, **wrong})


def test_a_method_that_there_is_not_fails():
    with pytest.raises(ValueError, match="method"):
        query("READ", "/x", **FINE)


def test_what_a_declaration_may_state_are_the_facts():
    assert set(get_type_hints(Stated)) == {field.name for field in attrs.fields(Facts)} - OF_THE_DECORATOR


def test_consent_is_stated_exactly_where_the_function_takes_it():
    def with_it(self, ids, *, confirm=False):
        return Request(json=ids)

    def without(self, ids):
        return Request(json=ids)

    items = Identifiers("id")
    with pytest.raises(TypeError, match="with_it states consent"):
        batch("POST", "/x", items=items, idempotent=True, **FINE)(with_it)
    with pytest.raises(TypeError, match="without states consent"):
        batch("POST", "/x", items=items, idempotent=True, consent="deletes users", **FINE)(without)


def test_the_declaration_refuses_what_is_not_meant():
    class Vendor(Client):
        vendor, slug = "Vendor", "vendor"

        @batch("POST", "/x", items=Identifiers("id"), idempotent=True, consent="deletes users", **FINE)
        def delete(self, ids, *, confirm=False):
            return Request(json=list(ids))

    client = Vendor(base_url="https://vendor.example", account="a")
    for given in ({}, {"confirm": False}, {"confirm": 1}):
        with pytest.raises(ConfigurationError, match="deletes users: pass confirm=True"):
            client.delete(["a"], **given)
    assert client.delete.given(confirm=True).arguments == {"confirm": True}
