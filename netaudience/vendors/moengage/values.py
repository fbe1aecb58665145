"""How MoEngage takes values: a moment is a text ``YYYY-MM-DDTHH:MM:SSZ``, a date ``YYYY-MM-DD``.

Anything else is stored as text, an offset other than ``Z`` included. An array holds one type, and an empty
one empties the attribute.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

from netaudience.model.value_forms import Iso, Lists, Names, ValueForm, given

#: Source: https://help.moengage.com/hc/en-us/articles/360037314991
LONGEST_ARRAY = 50
#: Words that "must not be tracked"; what becomes of them is not said.
#: Source: https://www.moengage.com/docs/api/data/data-overview
RESERVED = frozenset(
    {
        *("USER_ATTRIBUTE_UNIQUE_ID", "USER_ATTRIBUTE_USER_EMAIL", "USER_ATTRIBUTE_USER_MOBILE"),
        *("USER_ATTRIBUTE_USER_NAME", "USER_ATTRIBUTE_USER_GENDER", "USER_ATTRIBUTE_USER_FIRST_NAME"),
        *("USER_ATTRIBUTE_USER_LAST_NAME", "USER_ATTRIBUTE_USER_BDAY", "USER_ATTRIBUTE_NOTIFICATION_PREF"),
        *("USER_ATTRIBUTE_OLD_ID", "MOE_TIME_FORMAT", "MOE_TIME_TIMEZONE", "USER_ATTRIBUTE_DND_START_TIME"),
        *("USER_ATTRIBUTE_DND_END_TIME", "MOE_GAID", "INSTALL", "UPDATE", "MOE_ISLAT", "status", "user_id"),
        "source",
    }
)
VALUES = ValueForm(
    moment=Iso(), lists=Lists(most=LONGEST_ARRAY, one_type=True, filled=True), names=Names(reserved=RESERVED)
)
#: The time of an event, which is a moment also where its source has a date: its midnight in UTC.
TIME = ValueForm(moment=Iso(), date=Iso(), assumed="that a date is its midnight in UTC")


def as_time(value: str | float | dt.date | None) -> str | float | None:
    """Return a time of an event as the vendor takes it."""
    return cast("str | float | None", given(TIME, value, "time"))
