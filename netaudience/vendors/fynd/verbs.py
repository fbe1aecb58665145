"""What Fynd can do for each verb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import attrs

from netaudience.dead_letter import plain
from netaudience.model.verb_facts import (
    CHANNELS,
    AudienceFacts,
    Effect,
    Identity,
    LookUpFacts,
    Question,
    VerbFacts,
    Verbs,
    Way,
    key_of,
)
from netaudience.model.wire import JsonValue
from netaudience.vendors.fynd.facts import USER
from netaudience.vendors.fynd.models import CustomerSearch, Group

_NO_CONSENT = VerbFacts(
    effect="none",
    cannot="no operation of Fynd changes what a customer has agreed to: `consent` can only be read",
    by_hand="change it where the shop's messages are sent from",
    docs=USER,
)


_BY_DEFINITION = VerbFacts(
    effect="none",
    cannot="Fynd names the customer by its own id, and an attribute by that of its definition",
    by_hand="run a job of set_user_attributes or delete_user_attribute, whose rows hold both ids",
    docs=USER,
)


def _membership(operation: str, effect: Effect) -> VerbFacts:
    fields: tuple[tuple[Identity, str], ...] = (("email", "email"), ("phone", "phone_number"))
    return VerbFacts(
        effect=effect,
        place="the id of the group, as netaudience fynd list-groups shows it",
        ways=tuple(
            Way(
                operation=operation,
                takes=takes,
                field=field,
                places=("group_id",),
                within=None,
                unknown="accepted",
                as_stored=takes == "email",
            )
            for takes, field in fields
        ),
        notes=("who is not known is counted in the group's error alone: get_group shows it",),
        docs=USER,
    )


VERBS: Verbs = {
    **{key_of(verb, channel): _NO_CONSENT for verb in ("suppress", "unsuppress") for channel in CHANNELS},
    "join": _membership("add_group_users", "joined"),
    "leave": _membership("remove_group_users", "left"),
    "set": _BY_DEFINITION,
    "unset": _BY_DEFINITION,
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


def _known_by(answer: object, name: str) -> Mapping[Identity, str | None]:
    """Return the address of the one customer of an id: a search finds others that resemble it as well."""
    found = [one for one in cast("CustomerSearch", answer).users if one.external_id == name]
    addresses = {each.email for one in found for each in one.emails}
    return {"email": addresses.pop()} if len(addresses) == 1 else {}


#: What a search takes: an id is your own, `external_id`.
_SEARCHED: Sequence[Identity] = ("email", "phone", "id")

LOOK_UP = LookUpFacts(
    questions=tuple(
        Question(
            operation="search_customers",
            takes=takes,
            about="customers found",
            parameter="q",
            held=_customers,
            known_by=_known_by if takes == "id" else None,
        )
        for takes in _SEARCHED
    ),
    not_shown="attributes and groups, which go by Fynd's own id: list_user_attributes and list_group_users",
)


def _groups(row: object) -> Iterator[tuple[str | None, str]]:
    """Give a group, unless its members are found by conditions."""
    group = cast("Group", row)
    if group.id is not None and group.type != "conditional":
        yield group.name, group.id


def _counted(answer: object) -> int | None:
    """Read the count of a group, whose shape no page shows; it is there once the group was counted."""
    total = cast("Group", answer).total_users
    count = total.get("count") if isinstance(total, Mapping) else total
    return count if isinstance(count, int) and not isinstance(count, bool) else None


AUDIENCES = AudienceFacts(
    listed="list_groups",
    named=lambda name: {"name": name},
    found=_groups,
    cannot_make="Fynd makes a group only from a file that it fetches, or by conditions: make it once with "
    "netaudience fynd create-group",
    sized="get_group",
    counted=_counted,
)
