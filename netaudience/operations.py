"""The grammar in which a vendor's operations are written: `batch`, `call`, `query` and `pages`.

A *thin endpoint descriptor* is a decorated pure function from arguments to a request, whose body is the
vendor's own JSON. Its first parameter is the item or the items, its keyword-only parameters are what a
whole run shares. From this one statement come the typed awaitable, the run over many items, the command,
the sandbox's route and the row of the reference.

==========  ===========================  =======================================================
decorator   what the function takes      what calling it gives
==========  ===========================  =======================================================
``batch``   many items, one request      a `Run`; items are packed into as few requests as fit
``call``    one item, one request        the answer; ``.each(items)`` gives a `Run`
``query``   no item                      the answer
``pages``   no item                      `Pages`: rows of all pages, or page by page
==========  ===========================  =======================================================
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    cast,
    overload,
)

from netaudience.blame import Blamer
from netaudience.bound import BoundBatch, BoundCall, Pages
from netaudience.facts import Facts, Method
from netaudience.items import Kind, Nothing
from netaudience.wire import Request
from netaudience.work import BlockingHost, Host, Operation, ask, name_of

if TYPE_CHECKING:
    from netaudience.blocking import BlockingBatch, BlockingCall, BlockingPages

__all__ = ["Batch", "Call", "PageQuery", "Query", "batch", "call", "operations_of", "pages", "query"]

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Page = TypeVar("Page")
Row = TypeVar("Row")


class Batch(Operation, Generic[Item, P]):
    """An operation that takes many items in one request."""

    shape = "batch"

    @overload
    def __get__(self, host: None, owner: type) -> Batch[Item, P]: ...
    @overload
    def __get__(self, host: BlockingHost, owner: type) -> BlockingBatch[Item, P]: ...
    @overload
    def __get__(self, host: Host, owner: type) -> BoundBatch[Item, P]: ...
    def __get__(
        self, host: Host | BlockingHost | None, owner: type
    ) -> Batch[Item, P] | BlockingBatch[Item, P] | BoundBatch[Item, P]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("Host", host)
        bound: BoundBatch[Item, P] = BoundBatch(client, self)
        if isinstance(host, BlockingHost):
            from netaudience.blocking import BlockingBatch  # noqa: PLC0415 - who never blocks need not load it

            return BlockingBatch(host, name_of(client, self), bound)
        return bound


class Call(Operation, Generic[Item, P, T]):
    """An operation that takes one item in one request."""

    shape = "call"

    @overload
    def __get__(self, host: None, owner: type) -> Call[Item, P, T]: ...
    @overload
    def __get__(self, host: BlockingHost, owner: type) -> BlockingCall[Item, P, T]: ...
    @overload
    def __get__(self, host: Host, owner: type) -> BoundCall[Item, P, T]: ...
    def __get__(
        self, host: Host | BlockingHost | None, owner: type
    ) -> Call[Item, P, T] | BlockingCall[Item, P, T] | BoundCall[Item, P, T]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("Host", host)
        bound: BoundCall[Item, P, T] = BoundCall(client, self)
        if isinstance(host, BlockingHost):
            from netaudience.blocking import BlockingBatch, BlockingCall  # noqa: PLC0415 - who never blocks need not load it

            return BlockingCall(host, bound, BlockingBatch(host, name_of(client, self), bound.each))
        return bound


class Query(Operation, Generic[P, T]):
    """An operation that takes no item and gives one answer."""

    shape = "query"

    @overload
    def __get__(self, host: None, owner: type) -> Query[P, T]: ...
    @overload
    def __get__(self, host: BlockingHost, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, host: Host, owner: type) -> Callable[P, Coroutine[object, object, T]]: ...
    def __get__(
        self, host: Host | BlockingHost | None, owner: type
    ) -> Query[P, T] | Callable[P, T] | Callable[P, Coroutine[object, object, T]]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("Host", host)

        async def ask_once(*args: P.args, **kwargs: P.kwargs) -> T:
            request: Request[T] = self.function(client, *args, **kwargs)
            return await ask(client, self, request)

        if not isinstance(host, BlockingHost):
            return ask_once

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> T:
            return host.conversation(lambda _: ask_once(*args, **kwargs)).run()

        return ask_blocking


class PageQuery(Operation, Generic[P, Page, Row]):
    """An operation that gives its rows page by page."""

    shape = "pages"

    def __init__(
        self,
        function: Callable[..., Request[Page]],
        facts: Facts,
        rows: Callable[[Page], Sequence[Row]],
        following: Callable[[Request[Page], Page], Request[Page] | None],
    ) -> None:
        super().__init__(function, Nothing(), facts)
        #: Takes the rows out of a page.
        self.rows = rows
        #: Makes the request of the page that follows, None after the last.
        self.following = following

    @overload
    def __get__(self, host: None, owner: type) -> PageQuery[P, Page, Row]: ...
    @overload
    def __get__(self, host: BlockingHost, owner: type) -> Callable[P, BlockingPages[Page, Row]]: ...
    @overload
    def __get__(self, host: Host, owner: type) -> Callable[P, Pages[Page, Row]]: ...
    def __get__(
        self, host: Host | BlockingHost | None, owner: type
    ) -> PageQuery[P, Page, Row] | Callable[P, BlockingPages[Page, Row]] | Callable[P, Pages[Page, Row]]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("Host", host)

        def ask(*args: P.args, **kwargs: P.kwargs) -> Pages[Page, Row]:
            return Pages(client, self, self.function(client, *args, **kwargs), self.rows, self.following)

        if not isinstance(host, BlockingHost):
            return ask
        from netaudience.blocking import BlockingPages  # noqa: PLC0415 - who never blocks need not load it

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> BlockingPages[Page, Row]:
            return BlockingPages(host, name_of(client, self), ask(*args, **kwargs).pages, self.rows)

        return ask_blocking


def _facts(
    method: Method, path: str, facts: dict[str, Any], *, idempotent: bool | None, divisible: bool | None
) -> Facts:
    reads = method == "GET"
    safe = reads if idempotent is None else idempotent
    facts = {"acknowledges": "answered" if reads else "accepted", **facts}
    return Facts(
        method=method,
        path=path,
        idempotent=safe,
        divisible=safe if divisible is None else divisible,
        **facts,
    )


# The facts go through **facts, so that they are listed once: `Facts` checks their names when the
# vendor's module is imported.


def batch(  # noqa: PLR0913 - what a vendor may state
    method: Method,
    path: str,
    *,
    items: Kind,
    idempotent: bool,
    divisible: bool | None = None,
    blame: Blamer | None = None,
    **facts: Any,  # noqa: ANN401 - the fields of Facts
) -> Callable[[Callable[Concatenate[Any, Sequence[Item], P], Request[object]]], Batch[Item, P]]:
    """Declare an operation that takes many items in one request.

    `blame` reads what an answer says about single items; without it a success is one for all of them.
    """
    stated = _facts(method, path, facts, idempotent=idempotent, divisible=divisible)

    def declare(function: Callable[Concatenate[Any, Sequence[Item], P], Request[object]]) -> Batch[Item, P]:
        return Batch(function, items, stated, blame)

    return declare


def call(
    method: Method,
    path: str,
    *,
    items: Kind,
    idempotent: bool | None = None,
    **facts: Any,  # noqa: ANN401 - the fields of Facts
) -> Callable[[Callable[Concatenate[Any, Item, P], Request[T]]], Call[Item, P, T]]:
    """Declare an operation that takes one item in one request; a GET is idempotent."""
    stated = _facts(method, path, facts, idempotent=idempotent, divisible=None)

    def declare(function: Callable[Concatenate[Any, Item, P], Request[T]]) -> Call[Item, P, T]:
        return Call(function, items, stated)

    return declare


def query(
    method: Method,
    path: str,
    *,
    idempotent: bool | None = None,
    **facts: Any,  # noqa: ANN401 - the fields of Facts
) -> Callable[[Callable[Concatenate[Any, P], Request[T]]], Query[P, T]]:
    """Declare an operation that takes no item and gives one answer; a GET is idempotent."""
    stated = _facts(method, path, facts, idempotent=idempotent, divisible=None)

    def declare(function: Callable[Concatenate[Any, P], Request[T]]) -> Query[P, T]:
        return Query(function, Nothing(), stated)

    return declare


def pages(
    method: Method,
    path: str,
    *,
    rows: Callable[[Page], Sequence[Row]],
    following: Callable[[Request[Page], Page], Request[Page] | None],
    **facts: Any,  # noqa: ANN401 - the fields of Facts
) -> Callable[[Callable[Concatenate[Any, P], Request[Page]]], PageQuery[P, Page, Row]]:
    """Declare an operation that gives its rows page by page; whatever its method is, it only reads."""
    facts = {"acknowledges": "answered", **facts}
    stated = _facts(method, path, facts, idempotent=True, divisible=None)

    def declare(function: Callable[Concatenate[Any, P], Request[Page]]) -> PageQuery[P, Page, Row]:
        return PageQuery(function, stated, rows, following)

    return declare


def operations_of(owner: type) -> dict[str, Operation]:
    """Return the operations that a client class declares, in the order of their declaration."""
    return {
        name: value
        for part in reversed(owner.__mro__)
        for name, value in vars(part).items()
        if isinstance(value, Operation)
    }
