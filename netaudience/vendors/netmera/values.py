"""How Netmera takes values: a date and a moment are a number of milliseconds since 1970.

What has the wrong type is dropped without a word. Source: https://developers.netmera.com (the samples of
user attributes); which midnight a date means is not said. Of events alone times are ISO 8601. Source:
https://user.netmera.com/netmera-developer-guide/api-documentation/api-reference/events/fire-events
"""

from __future__ import annotations

from netaudience.model.value_forms import Epoch, Iso, ValueForm

VALUES = ValueForm(
    moment=Epoch("ms"),
    date=Epoch("ms"),
    assumed="that a date is its midnight in UTC",
)
EVENT_VALUES = ValueForm(moment=Iso(), assumed="which form of ISO 8601 it is")
