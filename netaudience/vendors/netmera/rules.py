"""What Netmera lets into a row: addresses and numbers, and what rows as a whole must hold.

Each rule is a sentence about a value; what the vendor only says in its answers is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import attrs

from netaudience.model.rows import NamesRule
from netaudience.model.validators import (
    email,
    identifier,
    phone,
    phones,
    rule,
)
from netaudience.model.wire import JsonValue

_STORED = re.compile(r"\+?[0-9]{6,15}")


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


EXT_ID = identifier("ext id")
EMAIL = email("email")
MSISDN = phone("phone number")
WP_NUMBERS = phones("list of WhatsApp numbers")
#: A number that must equal a stored one to the letter. Source: the reference, disable-sms-permission.
_STORED_NUMBER = rule(
    "A phone number must be written exactly as Netmera has it, with + or without, and nothing but digits: "
    "another way of writing it is ignored without a word",
    lambda value: isinstance(value, str) and _STORED.fullmatch(value) is not None,
)
#: Where odd identifiers are sent, the vendor judges it.
STORED_NUMBER = attrs.evolve(
    _STORED_NUMBER, lenient=MSISDN.lenient and attrs.evolve(MSISDN.lenient, meant=None)
)
ATTRIBUTES = rule("The attributes must be a mapping of names to values", _is_mapping, sql=lambda _: "true")
UNKNOWN: Mapping[str, JsonValue] = {}


@NamesRule
def values_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a row of values: it names its user in one way."""
    if len(row.keys() & {"extId", "deviceToken"}) != 1:
        return "The row needs an extId or a deviceToken, one of the two"
    return None


@NamesRule
def registration_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with a registration: the vendor would refuse all rows of its request."""
    if not row.keys() & {"platform", "msisdn"}:
        return "The row needs a platform or an msisdn: Netmera refuses the whole request otherwise"
    if not row.keys() & {"extId", "deviceToken", "email", "msisdn"}:
        return "The row names nobody: it needs an extId, a deviceToken, an email or an msisdn"
    return None


@NamesRule
def event_problem(row: Mapping[str, object]) -> str | None:
    """Say what is wrong with an event: an attribute must not take the place of its user or its name."""
    attributes = row.get("attributes")
    if isinstance(attributes, Mapping) and not {"extId", "name"}.isdisjoint(
        cast("Mapping[str, object]", attributes)
    ):
        return "The row's attributes must not be named extId or name: these are the event's own"
    return None
