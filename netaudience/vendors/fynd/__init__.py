"""Fynd: its operations, what they take and answer, and how its answers are judged."""

from netaudience.engine.bearer_token import Signer
from netaudience.vendors.fynd.client import FyndClient

__all__ = ["FyndClient", "Signer"]
