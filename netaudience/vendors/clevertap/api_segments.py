"""CleverTap: segments by API, which are a private beta: made by name, and filled with single users.

CleverTap enables them on request. How a user is told to go in or out stands on the vendor's page, which
could not be read whole: the instruction is the caller's to give, word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.rows import Rows
from netaudience.model.validators import identifier
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import batch, call
from netaudience.vendors.clevertap.facts import (
    CREATE_SEGMENT,
    CREATE_SEGMENT_PAGE,
    ONE,
    SEGMENT_USERS,
    UPDATE_SEGMENT,
    UPDATE_SEGMENT_PAGE,
)
from netaudience.vendors.clevertap.models import ApiSegment, ListTaken, NewApiSegment, NewApiSegmentDict

_NEW = Rows(NewApiSegment, key="customer_segment_id", noun="segment")
_BETA = "A private beta: CleverTap enables it on request."


class ApiSegments:
    """The operations on segments by API."""

    @call(
        "POST",
        "/api/createSegment",
        items=_NEW,
        limit=ONE,
        quota=CREATE_SEGMENT,
        idempotent=False,
        acknowledges="applied",
        note=f"{_BETA} Not safe to repeat: a second one with the same id is refused (inferred).",
        docs=CREATE_SEGMENT_PAGE,
    )
    def create_api_segment(self, segment: NewApiSegment | NewApiSegmentDict) -> Request[ApiSegment]:
        """Make a segment that is filled with `update_api_segment`.

        Args:
            segment: Its name, and your own id of it.
        """
        return Request(json=[_NEW.mapping(segment)], answer=ApiSegment)

    @batch(
        "POST",
        "/api/updateSegment",
        items=Identifiers("user"),
        limit=SEGMENT_USERS,
        quota=UPDATE_SEGMENT,
        idempotent=True,
        note=f"{_BETA} The instruction goes as you give it: the page that names it could not be read whole.",
        unsaid="users and segments that it does not know are shown in the panel's Error Stream alone",
        docs=UPDATE_SEGMENT_PAGE,
    )
    def update_api_segment(
        self,
        users: Sequence[str],
        *,
        instruction: Mapping[str, JsonValue],
        segment_id: str,
        segment_by: Literal["customer_segment_id", "ct_segment_id"] = "customer_segment_id",
        by: Literal["identity", "guid"] = "identity",
    ) -> Request[ListTaken]:
        """Put users into a segment by API, or take them out.

        Args:
            users: Your own identities of the users, or CleverTap's ids of them.
            instruction: What adds or removes: the key and the value that CleverTap's page names.
            segment_id: Your own id of the segment, or CleverTap's.
            segment_by: Which of the two it is.
            by: Which of the two the users are.
        """
        if by not in {"identity", "guid"}:
            raise ConfigurationError("by must be one of identity, guid")
        if segment_by not in {"customer_segment_id", "ct_segment_id"}:
            raise ConfigurationError("segment_by must be one of customer_segment_id, ct_segment_id")
        if problem := identifier("segment id").why_invalid(segment_id):
            raise ConfigurationError(problem)
        given: dict[str, JsonValue] = {segment_by: segment_id}
        if not instruction or given.keys() & instruction.keys():
            raise ConfigurationError(
                "instruction must be the key and the value that add or remove users, as CleverTap's page says"
            )
        profiles = [{by: user} for user in users]
        bulk = {"user_profiles": profiles, "segments": [{**given, **instruction}]}
        return Request(json={"bulk_profiles": [bulk]}, answer=ListTaken)
