"""One client for a whole web application: opened with it, closed with it, and the runs that it has begun.

It knows no framework: whatever has a lifespan takes `AppClient.lifespan`, and whatever gives parameters to
its routes takes `AppClient.client`. It refuses to be used before it is open, or by two applications at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from netaudience.client import Client as BaseClient
from netaudience.engine.run import Run
from netaudience.errors import ConfigurationError, NetaudienceError

__all__ = ["AppClient"]

Client = TypeVar("Client", bound=BaseClient)

log = logging.getLogger(__name__)


class AppClient(Generic[Client]):
    """A vendor's client as an application has it.

    ::

        netmera = AppClient(lambda: NetmeraClient.from_environment(settings=Settings(rate=20)), deadline=10)
        app = FastAPI(lifespan=netmera.lifespan)

    An application of several vendors has a lifespan of its own: ``async with netmera, iterable: yield``.
    """

    def __init__(self, make: Callable[[], Client], *, deadline: float | None = None) -> None:
        """Say how the client is made; that happens when the application starts.

        Args:
            make: Makes the client, as ``NetmeraClient.from_environment`` does.
            deadline: Seconds that a route's caller waits at most; None for as long as it takes.
        """
        self._make = make
        self._deadline = deadline
        self._opened: AsyncExitStack | None = None
        self._client: Client | None = None
        self._runs = asyncio.TaskGroup()

    def __repr__(self) -> str:
        return "<AppClient, not open>" if self._client is None else f"<AppClient of {self._client!r}>"

    async def __aenter__(self) -> Self:
        """Make the client.

        Raises:
            ConfigurationError: it is open already, or the client cannot be made.
        """
        if self._opened is not None:
            raise ConfigurationError("An AppClient is of one application: make another for the second one")
        async with AsyncExitStack() as opened:
            client = self._make()
            await opened.enter_async_context(client)
            self._runs = await opened.enter_async_context(asyncio.TaskGroup())
            self._client, self._opened = client, opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the runs that were begun, then close the client."""
        opened, self._opened = self._opened, None
        try:
            if opened is not None:
                await opened.__aexit__(kind, error, traceback)
        finally:
            self._client = None

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncGenerator[None, None]:
        """Keep it open as long as an application runs; frameworks call this with their application."""
        async with self:
            yield

    async def client(self) -> Client:
        """Give a route the client, with the deadline of its caller; for ``Depends`` of FastAPI and the like.

        Raises:
            ConfigurationError: it is not open.
        """
        return self._open_client().with_options(deadline=self._deadline)

    def unhurried(self) -> Client:
        """Give the client without a deadline, for a run that `begin` takes.

        Raises:
            ConfigurationError: it is not open.
        """
        return self._open_client().with_options(deadline=None)

    def begin(self, run: Run[Any]) -> None:
        """Begin a run that nobody waits for: the log tells what became of it.

        The end of the application waits for it. A run that takes longer than the application has for its end
        is given a ``journal``, and goes on from there after a restart.

        Raises:
            ConfigurationError: it is not open.
        """
        self._open_client()
        self._runs.create_task(_carry(run))

    def _open_client(self) -> Client:
        if self._client is None:
            raise ConfigurationError(
                "The client is not open: give the application its lifespan, as FastAPI(lifespan=….lifespan)"
            )
        return self._client


async def _carry(run: Run[Any]) -> None:
    try:
        report = await run.settled()
    except NetaudienceError:
        log.exception("A run in the background broke off")
    else:
        log.info("A run in the background is done: %s", report.sentence())
