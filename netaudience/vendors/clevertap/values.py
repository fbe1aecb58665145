"""How CleverTap takes values: a date and a moment are a text ``$D_`` and seconds since 1970.

Everything else is stored as text. Lists hold texts, each once; numbers in them are not documented, so they
go as text.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

from netaudience.model.value_forms import Epoch, Lists, Names, ValueForm, given
from netaudience.vendors.clevertap.rules import FORBIDDEN, MOST_ENTRIES

#: Properties that the vendor knows, to the letter: another case makes a property of your own.
_OWN = frozenset(
    {
        *(
            "Name",
            "Email",
            "Phone",
            "Gender",
            "Employed",
            "Education",
            "Married",
            "DOB",
            "Age",
            "Photo",
            "Tz",
        ),
        *("MSG-email", "MSG-sms", "MSG-push", "MSG-whatsapp", "MSG-dndPhone"),
    }
)
#: What stands in profiles and events. The vendor keeps the last hundred values of a list.
VALUES = ValueForm(
    moment=Epoch("s", prefix="$D_"),
    date=Epoch("s", prefix="$D_"),
    lists=Lists(most=MOST_ENTRIES, distinct_texts=True),
    names=Names(own=_OWN, forbidden=FORBIDDEN),
    assumed="that a date is its midnight in UTC",
)
#: The time of an event: a number.
SECONDS = ValueForm(moment=Epoch("s"), date=Epoch("s"))


def in_seconds(value: int | dt.date | None) -> int | None:
    """Return a time of an event as the vendor takes it."""
    return cast("int | None", given(SECONDS, value, "time"))
