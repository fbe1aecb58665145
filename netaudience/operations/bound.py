"""An operation of one client, ready to be called: what a descriptor gives where it is looked up on one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Generic,
    ParamSpec,
    TypeVar,
)

from netaudience.engine.run import Run
from netaudience.engine.source import Items
from netaudience.errors import ConfigurationError, InvalidItem, NetaudienceError, Unreadable
from netaudience.model.surprises import not_checked, not_read, unwritable
from netaudience.model.texts import RowTexts
from netaudience.model.wire import Request, dump_json, links_on
from netaudience.operations.described import described
from netaudience.operations.dispatch import (
    NONE,
    Arguments,
    ClientPort,
    Operation,
    OperationRunner,
    ask,
    identity_of,
    joined,
)

if TYPE_CHECKING:  # who puts no single items need not load it
    from netaudience.engine.batcher import Batcher
    from netaudience.engine.batcher_base import WhenFull

#: Pages without a row, one after the other, that link on: no vendor says how many there may be.
_MOST_EMPTY = 20
P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Page = TypeVar("Page")
Row = TypeVar("Row")


class _Bound(Generic[Item]):
    """What the two kinds of operation that take items share: their client, and the arguments given before."""

    __slots__ = ("_given", "host", "operation")

    def __init__(self, host: ClientPort, operation: Operation, given: Arguments = NONE) -> None:
        #: The client.
        self.host = host
        self.operation = operation
        self._given = given

    def __repr__(self) -> str:
        return f"<{self.host.vendor} {self.operation!r}>"

    @property
    def __name__(self) -> str:
        return self.operation.name

    @property
    def described(self) -> tuple[Operation, Arguments]:
        """The operation, and the arguments that it was given."""
        return self.operation, self._given

    @property
    def arguments(self) -> Mapping[str, object]:
        """What `given` was given, by name."""
        return self._given[1]

    @property
    def identity(self) -> tuple[str, Hashable]:
        """What tells the operation with the arguments that it was given from others."""
        return identity_of(self.operation, self._given)

    def work(self) -> OperationRunner[Item]:
        """Return the operation with the arguments that it was given, ready to carry items."""
        return self._work((), {})

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> OperationRunner[Item]:
        raise NotImplementedError


@described(Run)
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

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> OperationRunner[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = joined(self._given, args, kwargs)
        function(host, (), *args, **kwargs)  # wrong arguments are reported here, not when the run is read
        return OperationRunner(
            host,
            self.operation,
            lambda page: function(host, page, *args, **kwargs),
            given,
        )


@described()
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
        docs = self.operation.facts.docs
        if self._given is not NONE:
            args, kwargs = joined(self._given, args, kwargs)  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] # the rest of them
        kind = self.host.kind(self.operation, kwargs)
        try:
            problems: Mapping[int, InvalidItem] = kind.check((item,))
            if problems:  # what JSON has no type for may be written first
                problems, _, (item,), _ = kind.examine((item,))
        except Exception as error:  # noqa: BLE001 - whatever a rule did not think of
            problems = {0: not_checked(error)}
        if problems:
            raise problems[0].see(docs)
        try:
            request: Request[T] = self.operation.function(self.host, item, *args, **kwargs)
        except InvalidItem as error:
            raise error.see(docs) from error.__cause__
        try:
            prepared = self.host.prepare(self.operation, request)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever comes in
            raise unwritable(error).see(docs) from None
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
        self._work(args, kwargs)
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

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> OperationRunner[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = joined(self._given, args, kwargs)
        self.operation.plain_signature.bind(
            host, None, *args, **kwargs
        )  # as for a batch, there is no item yet

        def of_one(page: Sequence[Item]) -> Request[object]:
            rows: object = page
            if type(rows) is not RowTexts:
                return function(host, page[0], *args, **kwargs)
            row, text = rows.single()
            request = function(host, row, *args, **kwargs)
            if request.json is row:
                request.json, request.content = None, text
            return request

        return OperationRunner(host, self.operation, of_one, given)


class Pages(Generic[Page, Row]):
    """The rows of all pages, one request per page as they are read: ``async for row in ...``."""

    def __init__(
        self,
        host: ClientPort,
        operation: Operation,
        request: Request[Page],
        rows: Callable[[Page], Collection[Row]],
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
            try:
                for row in self._rows(page):
                    yield row
            except Exception as error:  # noqa: BLE001 - whatever comes in
                raise not_read(error, self._host.vendor, 200) from None

    async def pages(self) -> AsyncIterator[Page]:
        """Read page by page, with what the vendor says about the whole.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success, or its link to a next page leads nowhere new.
        """
        request = self._request
        asked: dict[int, int] = {}
        last: Collection[Row] = ()
        empty = 0
        while True:
            asked[_place(request)] = len(asked) + 1
            page = await ask(self._host, self._operation, request)
            yield page
            try:
                rows = self._rows(page)
                following = self._following(request, page)
            except NetaudienceError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever comes in
                raise not_read(error, self._host.vendor, 200) from None
            number = len(asked)
            if following is None:
                if links_on(getattr(page, "unknown", None)):
                    raise self._endless(f"Page {number:,} links to a next one in a way that is not read")
                return
            request = following
            empty = 0 if rows else empty + 1
            if (earlier := asked.get(_place(request))) is not None:
                raise self._endless(f"The link of page {number:,} repeats that to page {earlier:,}")
            if empty >= _MOST_EMPTY:
                raise self._endless(f"{empty} pages in a row were empty, and page {number:,} links on")
            if rows and rows == last:
                raise self._endless(f"Page {number:,} is page {number - 1:,} again, and links on")
            last = rows

    def _endless(self, what: str) -> Unreadable:
        return Unreadable(self._host.vendor, 200, remedy=f"{what}: the pages after it are not read")


def _place(request: Request[object]) -> int:
    """Return what tells the page that a request asks for from others."""
    body = b"" if request.json is None else dump_json(request.json)
    where = tuple(sorted(request.query.items())), tuple(sorted(request.path.items()))
    return hash((request.method, where, request.encoded_query, body))
