"""What makes a vendor's client block: it is one by having this class before the vendor's own.

It states no operation, has no loop of its own and judges nothing: operations see that their client blocks,
and give their blocking form. All clients of a process share one loop, and so an account's limits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import NoReturn, Self, TypeVar

from netaudience.client import Client
from netaudience.engine.loop_thread import Caller, Conversation, Occupant, portal, started_portal
from netaudience.engine.transport import Transport
from netaudience.errors import ConfigurationError
from netaudience.operations.dispatch import BlockingClientPort

T = TypeVar("T")


class BlockingClient(BlockingClientPort, Client):
    """One account of a vendor, for code without an event loop. Any thread may use it.

    Use it in a ``with`` block, or call `close` at the end; a client that is as old as the program needs
    neither.
    """

    _occupant: Occupant

    def __enter__(self) -> Self:
        """Return the client; nothing is opened before the first request."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close what this client opened. It cannot be used afterwards, nor can its views.

        What other threads have under way is cancelled, and raises `AnswerLost` there. A view of a client has
        opened nothing, so closing it does nothing.

        Raises:
            ConfigurationError: this was called by code that runs in the client's own loop.
        """
        if self._is_view:
            return
        here = started_portal()
        if here is not None and self._occupant.in_use(here):
            conversation = Conversation(here, self._close)
            self._occupant.closed = True
            conversation.run()
        self._occupant.closed = True

    def conversation(self, work: Callable[[Caller], Coroutine[object, object, T]]) -> Conversation[T]:
        """Return what runs a coroutine in the loop while this thread waits.

        Raises:
            ConfigurationError: this thread is the loop's own.
        """
        here, occupant = portal(), self._occupant
        return Conversation(here, lambda caller: occupant.carry(here, work(caller)))

    def authorized(self, transport: Transport) -> Transport:
        """Take note of what is to be closed in the loop; see `Client.authorized`."""
        self._occupant = Occupant(self.vendor, transport if self._owned else None)
        return super().authorized(transport)

    def batcher(self, **_: object) -> NoReturn:
        """Refuse: what takes single items as they come lives in an event loop.

        Raises:
            ConfigurationError: always.
        """
        raise self._blocks()

    async def __aenter__(self) -> NoReturn:
        """Refuse.

        Raises:
            ConfigurationError: always.
        """
        raise self._blocks()

    async def aclose(self) -> NoReturn:
        """Refuse.

        Raises:
            ConfigurationError: always.
        """
        raise self._blocks()

    def _blocks(self) -> ConfigurationError:
        return ConfigurationError(
            f"This {self.vendor} client blocks: use `with` and close(); for batchers, and for code with an "
            f"event loop, there is the {type(self).__name__} of netaudience itself"
        )

    async def _close(self, _: Caller) -> None:
        await self._occupant.vacate()
        await super().aclose()
