"""Netmera: its operations, what they take and answer, and how its answers are judged."""

from netaudience.vendors.netmera.client import NetmeraClient

__all__ = ["NetmeraClient"]
