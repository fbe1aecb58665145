"""Fynd: its operations, what they take and answer, and how its answers are judged."""

from netaudience.vendors.fynd.client import FyndClient, Signer

__all__ = ["FyndClient", "Signer"]
