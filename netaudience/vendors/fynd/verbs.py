"""What Fynd can do for each verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from netaudience.dead_letter import plain
from netaudience.model.verb_facts import Identity, LookUpFacts, Question, VerbFacts, Verbs
from netaudience.model.wire import JsonValue
from netaudience.vendors.fynd.facts import USER
from netaudience.vendors.fynd.models import CustomerSearch

__all__ = ["LOOK_UP", "VERBS"]

VERBS: Verbs = {
    "erase": VerbFacts(
        effect="none",
        cannot="no operation of Fynd erases a customer: archiving can be undone, and attributes are deleted "
        "one by one, while the customer stays",
        by_hand="have Fynd, or the customer in the shop, delete the account; then "
        "`netaudience fynd get-customer-timeline` shows the day as `delete_on`",
        docs=USER,
    ),
}


def _is_told(field: attrs.Attribute[object], value: object) -> bool:
    return field.name != "unknown" and value is not None


def _customers(answer: object) -> Mapping[str, JsonValue]:
    found = cast("CustomerSearch", answer).users
    return {
        f"customer {number} {name}": plain(value)
        for number, customer in enumerate(found, 1)
        for name, value in attrs.asdict(customer, filter=_is_told).items()
        if value not in (None, (), [], {})
    }


#: What a search takes: an id is your own, `external_id`.
_SEARCHED: Sequence[Identity] = ("email", "phone", "id")

LOOK_UP = LookUpFacts(
    questions=tuple(
        Question(
            operation="search_customers", takes=takes, about="customers found", parameter="q", held=_customers
        )
        for takes in _SEARCHED
    ),
    not_shown="attributes and groups, which go by Fynd's own id: list_user_attributes and list_group_users",
)
