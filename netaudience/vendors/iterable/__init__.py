"""Iterable: its operations, what they take and answer, and how its answers are judged."""

from netaudience.vendors.iterable.client import IterableClient, ProjectType, Region

__all__ = ["IterableClient", "ProjectType", "Region"]
