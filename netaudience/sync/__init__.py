"""The same clients for code without an event loop: Django, Celery, scripts, notebooks.

::

    with NetmeraClient.from_environment() as netmera:
        report = netmera.tag_users(["id1", "id2"], tag="Sport")

An operation returns its result: a batch its `Report`, or it raises `RunFailed`. There is one event loop, in
one thread of the process, for all clients and all the threads that use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netaudience.operations.blocking import BlockingOutcomes
from netaudience.sync.client import BlockingClient

if TYPE_CHECKING:
    from netaudience.vendors import clevertap, fynd, iterable, moengage, netmera

    # What `__getattr__` makes of every vendor's client, for type checkers and editors.
    class CleverTapClient(BlockingClient, clevertap.CleverTapClient):
        """One CleverTap project; see `netaudience.CleverTapClient`."""

    class FyndClient(BlockingClient, fynd.FyndClient):
        """One application of a company at Fynd; see `netaudience.FyndClient`."""

    class IterableClient(BlockingClient, iterable.IterableClient):
        """One Iterable project; see `netaudience.IterableClient`."""

    class MoEngageClient(BlockingClient, moengage.MoEngageClient):
        """One MoEngage workspace; see `netaudience.MoEngageClient`."""

    class NetmeraClient(BlockingClient, netmera.NetmeraClient):
        """One Netmera app; see `netaudience.NetmeraClient`."""


__all__ = [
    "BlockingClient",
    "BlockingOutcomes",
    "CleverTapClient",
    "FyndClient",
    "IterableClient",
    "MoEngageClient",
    "NetmeraClient",
]


def __getattr__(name: str) -> type[BlockingClient]:
    """Make a vendor's client when it is first asked for: nobody needs all of them at a program's start."""
    if name.endswith("Client"):
        from netaudience.vendors import clients  # noqa: PLC0415 - as the sentence above says

        for client in clients(name):
            made = type(name, (BlockingClient, client), {"__doc__": client.__doc__, "__module__": __name__})
            globals()[name] = made
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
