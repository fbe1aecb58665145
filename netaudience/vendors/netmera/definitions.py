"""Netmera: what it tells of its own schema, and where the names of it stand in its operations.

What it does with names and values that do not fit is in the reference. Source:
https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference/profile-attributes/set-profile-attributes
and, of categories, ``category-preferences/set-category-preferences``; of events ``events/fire-events``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netaudience.model.definitions import ANYTHING, Definition, Definitions, Family, Holds
from netaudience.operations.schemas import Entries, Names, Schema
from netaudience.vendors.netmera.models import (
    AttributeDefinition,
    AttributeDefinitions,
    EventDefinitions,
    PushCategories,
)

#: The vendor's words for types, an open set. Source: the examples of its OpenAPI file.
_TYPES: Mapping[str, Family] = {
    "STRING": "text",
    "INT": "whole",
    "LONG": "whole",
    "DOUBLE": "number",
    "BOOLEAN": "truth",
    "DATE": "time",
    "TIME_STAMP": "time",
}
_LEFT_OUT = "leaves it out without a word"
_OTHER_TYPE = "leaves out values of another type without a word"


def _attribute(one: AttributeDefinition) -> Definition:
    family = _TYPES.get(one.data_type or "")
    holds = ANYTHING if family is None else Holds(family, many=bool(one.array))
    return Definition(one.code or "", holds, one.data_type or "")


def _attributes(answer: AttributeDefinitions) -> Iterable[Definition]:
    return [_attribute(one) for one in (*answer.standard, *answer.custom) if one.code]


def _events(answer: EventDefinitions) -> Iterable[Definition]:
    for event in (*answer.standard, *answer.custom):
        members = Definitions.of(
            [_attribute(one) for one in event.attributes if one.code],
            noun="attribute of the event",
            vendor="Netmera",
            unknown=_LEFT_OUT,
            mistyped=_OTHER_TYPE,
        )
        # An event goes by its code or its name; one whose attributes are not reported may have any.
        for name in dict.fromkeys(filter(None, (event.code, event.name))):
            yield Definition(name, members=members if members.by_name else None)


def _categories(answer: PushCategories) -> Iterable[Definition]:
    return map(Definition, answer.names)


SCHEMAS = (
    Schema(
        noun="profile attribute",
        told_by="get_attribute_definitions",
        read=_attributes,
        places={
            "set_profile_attributes": Entries("profile"),
            "push_profile_attributes": Entries("profile"),
            "pull_profile_attributes": Entries("profile"),
            "register_users": Entries("profile"),
            "unset_profile_attributes": Names("profile"),
            "delete_profile_attributes_of_all_users": Names(),
            "delete_profile_attribute_value_of_all_users": Names("key"),
        },
        unknown=_LEFT_OUT,
        mistyped=_OTHER_TYPE,
    ),
    Schema(
        noun="event",
        told_by="get_event_definitions",
        read=_events,
        places={"fire_events": Names("name", members="attributes")},
        unknown="does not keep it",
    ),
    Schema(
        noun="category",
        told_by="get_push_categories",
        read=_categories,
        places={"set_category_preferences": Names("category")},
        unknown="passes over the row without a word",
    ),
)
