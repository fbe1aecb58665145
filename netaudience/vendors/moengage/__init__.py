"""MoEngage: its operations, what they take and answer, and how its answers are judged."""

from netaudience.vendors.moengage.client import DataCenter, MoEngageClient

__all__ = ["DataCenter", "MoEngageClient"]
