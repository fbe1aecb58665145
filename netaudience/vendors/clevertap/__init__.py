"""CleverTap: its operations, what they take and answer, and how its answers are judged."""

from netaudience.vendors.clevertap.client import CleverTapClient, Region

__all__ = ["CleverTapClient", "Region"]
