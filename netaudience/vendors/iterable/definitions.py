"""Iterable: where its own schema is reported, and where the names of it stand in the operations.

A field that a project does not have is made by its first value, whose type it has for ever; a later value of
another type refuses its row. Source: https://support.iterable.com/hc/en-us/articles/208183076. What becomes
of the number of a channel, or of a message type, that there is none of is not documented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netaudience.model.definitions import ANYTHING, Definition, Family, Holds
from netaudience.operations.schemas import Entries, Names, Schema
from netaudience.vendors.iterable.project import ChannelsResponse, GetFieldsResponse, MessageTypesResponse

#: The vendor's words for types; lists and objects may hold what they want.
_TYPES: Mapping[str, Family] = {
    "string": "text",
    "long": "whole",
    "double": "number",
    "boolean": "truth",
    "date": "time",
}
_SUBSCRIPTIONS = ("update_subscriptions", "bulk_update_subscriptions")
_NOT_SAID = "does not document what becomes of it"


def _fields(answer: GetFieldsResponse) -> Iterable[Definition]:
    for name, word in answer.fields.items():
        family = _TYPES.get(word)
        yield Definition(name, ANYTHING if family is None else Holds(family), word)
        whole, dot, _ = name.partition(".")
        if dot and whole not in answer.fields:  # what is within an object is listed by its path
            yield Definition(whole)


def _channels(answer: ChannelsResponse) -> Iterable[Definition]:
    return [Definition(str(channel.id)) for channel in answer.channels]


def _message_types(answer: MessageTypesResponse) -> Iterable[Definition]:
    return [Definition(str(kind.id)) for kind in answer.message_types]


SCHEMAS = (
    Schema(
        noun="user field",
        told_by="get_fields",
        read=_fields,
        places=dict.fromkeys(
            ("update_user", "bulk_update_users", "subscribe_to_list"), Entries("data_fields")
        ),
        unknown="makes it, with the type of its first value for ever",
        mistyped="refuses rows with a value of another type",
        makes="create_new_fields",
    ),
    Schema(
        noun="channel",
        told_by="get_channels",
        read=_channels,
        places=dict.fromkeys(_SUBSCRIPTIONS, Names("unsubscribed_channel_ids")),
        unknown=_NOT_SAID,
    ),
    Schema(
        noun="message type",
        told_by="get_message_types",
        read=_message_types,
        places=dict.fromkeys(_SUBSCRIPTIONS, Names("unsubscribed_message_type_ids")),
        unknown=_NOT_SAID,
    ),
    Schema(
        noun="message type",
        told_by="get_message_types",
        read=_message_types,
        places={
            **dict.fromkeys(_SUBSCRIPTIONS, Names("subscribed_message_type_ids")),
            "subscribe_to_double_opt_in": Names("message_type_ids"),
        },
        unknown=_NOT_SAID,
    ),
)
