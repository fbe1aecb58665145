"""How Fynd takes values: types for dates and moments exist, and their form is not documented.

So both go by ISO 8601, in UTC and to the second.
"""

from __future__ import annotations

from typing import Any

from netaudience.model.value_forms import Iso, RowValue, ValueForm, given

VALUES = ValueForm(moment=Iso(), assumed="the form of dates and times")


def as_value(value: RowValue) -> Any:  # noqa: ANN401 - what the field holds, which its rule judges
    """Return a value as the vendor takes it."""
    return given(VALUES, value, "value")
