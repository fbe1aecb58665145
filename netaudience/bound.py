"""An operation of one client, ready to be called: what a descriptor gives where it is looked up on one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Generic,
    ParamSpec,
    TypeVar,
)

from netaudience.engine.run import Run
from netaudience.engine.source import Items
from netaudience.errors import InvalidItem
from netaudience.wire import Request
from netaudience.work import NONE, Arguments, Host, Operation, Work, ask, identity_of, joined, told_apart

if TYPE_CHECKING:  # who puts no single items need not load it
    from netaudience.engine.batcher import Batcher
    from netaudience.engine.sink import WhenFull

__all__ = ["BoundBatch", "BoundCall", "Pages"]

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Page = TypeVar("Page")
Row = TypeVar("Row")


class _Bound(Generic[Item]):
    """What the two kinds of operation that take items share: their client, and the arguments given before."""

    __slots__ = ("_given", "host", "operation")

    def __init__(self, host: Host, operation: Operation, given: Arguments = NONE) -> None:
        #: The client.
        self.host = host
        self.operation = operation
        self._given = given

    def __repr__(self) -> str:
        return f"<{self.host.vendor} {self.operation!r}>"

    @property
    def arguments(self) -> Mapping[str, object]:
        """What `given` was given, by name."""
        return self._given[1]

    @property
    def identity(self) -> tuple[str, Hashable]:
        """What tells the operation with the arguments that it was given from others."""
        return identity_of(self.operation, self._given)

    def work(self) -> Work[Item]:
        """Return the operation with the arguments that it was given, ready to carry items."""
        return self._work((), {})

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Work[Item]:
        raise NotImplementedError


class BoundBatch(_Bound[Item], Generic[Item, P]):
    """A batch operation of one client."""

    __slots__ = ()

    def __call__(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        """Return a run that carries the items; see `Run` for its three readings.

        Raises:
            ConfigurationError: the arguments are wrong, or the items are no collection of items.
        """
        return self._work(args, kwargs).run(items)

    def given(self, *args: P.args, **kwargs: P.kwargs) -> BoundBatch[Item, []]:
        """Return the operation with its arguments, so that only the items are left to give."""
        self._work(args, kwargs)
        return BoundBatch(self.host, self.operation, joined(self._given, args, kwargs))

    def batcher(
        self,
        *,
        linger: float = 0.2,
        max_pending: int = 10_000,
        when_full: WhenFull = "wait",
        coalesce: bool = False,
    ) -> Batcher[Item]:
        """Return a sink for items that come one at a time; arguments are given by `given` before.

        Args:
            linger: The longest that an item waits for others to fill its request, in seconds.
            max_pending: Items that may be on their way; further ones wait.
            when_full: ``raise`` raises `BatcherFull` instead of waiting for room.
            coalesce: Whether items of one user that wait together become one, where one has the same effect.

        Raises:
            ConfigurationError: an argument is wrong, or the operation's items can never become one.
        """
        return self.work().batcher(
            linger=linger, max_pending=max_pending, when_full=when_full, coalesce=coalesce
        )

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Work[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = joined(self._given, args, kwargs)
        function(host, (), *args, **kwargs)  # wrong arguments are told here, not when the run is read
        return Work(
            host,
            self.operation,
            lambda page: function(host, page, *args, **kwargs),
            told_apart(given),
        )


class BoundCall(_Bound[Item], Generic[Item, P, T]):
    """A call of one client."""

    __slots__ = ()

    async def __call__(self, item: Item, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send one item and return the answer.

        Raises:
            InvalidItem: the item breaks a documented rule; it was not sent.
            TransportError: no answer came.
            VendorError: the answer is not a success.
        """
        problems = self.host.kind(self.operation).check((item,))
        if problems:
            raise problems[0].see(self.operation.facts.docs)
        docs = self.operation.facts.docs
        try:
            if self._given is not NONE:
                args, kwargs = joined(self._given, args, kwargs)  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] # the rest of them
            request: Request[T] = self.operation.function(self.host, item, *args, **kwargs)
        except InvalidItem as error:
            raise error.see(docs) from error.__cause__
        try:
            prepared = self.host.prepare(self.operation, request)
        except (TypeError, ValueError) as error:
            raise InvalidItem(f"The item cannot be written as JSON: {error}").see(docs) from error
        prepared.items = (item,)
        return await ask(self.host, self.operation, request, prepared)

    def each(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        """Return a run that sends one request per item; see `Run` for its three readings.

        Raises:
            ConfigurationError: the items are no collection of items.
        """
        return self._work(args, kwargs).run(items)

    def given(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[Item, [], T]:
        """Return the operation with its arguments, so that only the items are left to give."""
        return BoundCall(self.host, self.operation, joined(self._given, args, kwargs))

    def batcher(
        self,
        *,
        linger: float = 0.0,
        max_pending: int = 10_000,
        when_full: WhenFull = "wait",
        coalesce: bool = False,
    ) -> Batcher[Item]:
        """Return a sink for items that come one at a time, each sent in a request of its own.

        Args:
            linger: How long an item waits for others of its user to become one with, in seconds.
            max_pending: Items that may be on their way; further ones wait.
            when_full: ``raise`` raises `BatcherFull` instead of waiting for room.
            coalesce: Whether items of one user that wait together become one, where one has the same effect.

        Raises:
            ConfigurationError: an argument is wrong, or the operation's items can never become one.
        """
        return self.work().batcher(
            linger=linger, max_pending=max_pending, when_full=when_full, coalesce=coalesce
        )

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Work[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = joined(self._given, args, kwargs)
        return Work(
            host,
            self.operation,
            lambda page: function(host, page[0], *args, **kwargs),
            told_apart(given),
        )


class Pages(Generic[Page, Row]):
    """The rows of all pages, one request per page as they are read: ``async for row in ...``."""

    def __init__(
        self,
        host: Host,
        operation: Operation,
        request: Request[Page],
        rows: Callable[[Page], Sequence[Row]],
        following: Callable[[Request[Page], Page], Request[Page] | None],
    ) -> None:
        self._host = host
        self._operation = operation
        self._request = request
        self._rows = rows
        self._following = following

    def __repr__(self) -> str:
        return f"<Pages of {self._host.vendor} {self._operation.name}>"

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Read row by row.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        async for page in self.pages():
            for row in self._rows(page):
                yield row

    async def pages(self) -> AsyncIterator[Page]:
        """Read page by page, with what the vendor says about the whole.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        request: Request[Page] | None = self._request
        while request is not None:
            page = await ask(self._host, self._operation, request)
            yield page
            request = self._following(request, page)
