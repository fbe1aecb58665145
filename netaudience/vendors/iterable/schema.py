"""Iterable: what a project knows besides users: fields with their types, channels and message types."""

from __future__ import annotations

from netaudience.model.wire import Request
from netaudience.operations.declare import query
from netaudience.vendors.iterable.facts import GET_CHANNELS, GET_FIELDS, GET_MESSAGE_TYPES, SPECIFICATION
from netaudience.vendors.iterable.project import ChannelsResponse, GetFieldsResponse, MessageTypesResponse


class Schema:
    """The operations that read what a project has."""

    @query("GET", "/api/users/getFields", quota=GET_FIELDS, docs=SPECIFICATION)
    def get_fields(self) -> Request[GetFieldsResponse]:
        """Read the project's user fields and the type of each, which its first value has fixed for ever."""
        return Request(answer=GetFieldsResponse)

    @query("GET", "/api/channels", quota=GET_CHANNELS, docs=SPECIFICATION)
    def get_channels(self) -> Request[ChannelsResponse]:
        """Read the project's channels: the names of the numbers that subscriptions hold."""
        return Request(answer=ChannelsResponse)

    @query("GET", "/api/messageTypes", quota=GET_MESSAGE_TYPES, docs=SPECIFICATION)
    def get_message_types(self) -> Request[MessageTypesResponse]:
        """Read the project's message types: the names of the numbers that subscriptions hold."""
        return Request(answer=MessageTypesResponse)
