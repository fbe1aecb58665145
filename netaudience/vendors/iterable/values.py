"""How Iterable takes values: a moment is a text ``yyyy-MM-dd HH:mm:ss +00:00``, a date ``yyyy-MM-dd``.

The first value fixes a field's type for ever. This form is taken by date fields with and without fractions
of a second, which it has none of.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

from netaudience.model.value_forms import Epoch, Iso, ValueForm, given

VALUES = ValueForm(moment=Iso(between=" ", ending=" +00:00"))
#: The time of an event: a number.
SECONDS = ValueForm(moment=Epoch("s"), date=Epoch("s"), assumed="that a date is its midnight in UTC")


def in_seconds(value: int | dt.date | None) -> int | None:
    """Return a time of an event as the vendor takes it."""
    return cast("int | None", given(SECONDS, value, "time"))
