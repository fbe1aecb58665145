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

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from netaudience.model.facts import Facts, Method, Stated
from netaudience.model.item_errors import Blamer
from netaudience.model.kinds import Kind, Nothing
from netaudience.model.wire import Request
from netaudience.operations.bound import BoundBatch, BoundCall, Pages
from netaudience.operations.described import as_described
from netaudience.operations.dispatch import (
    BlockingClientPort,
    ClientPort,
    Operation,
    Steps,
    ask,
    ask_in_steps,
    name_of,
)

if TYPE_CHECKING:
    from netaudience.operations.blocking import BlockingBatch, BlockingCall, BlockingPages

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
    def __get__(self, host: BlockingClientPort, owner: type) -> BlockingBatch[Item, P]: ...
    @overload
    def __get__(self, host: ClientPort, owner: type) -> BoundBatch[Item, P]: ...
    def __get__(
        self, host: ClientPort | BlockingClientPort | None, owner: type
    ) -> Batch[Item, P] | BlockingBatch[Item, P] | BoundBatch[Item, P]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("ClientPort", host)
        bound: BoundBatch[Item, P] = BoundBatch(client, self)
        if isinstance(host, BlockingClientPort):
            from netaudience.operations.blocking import BlockingBatch  # noqa: PLC0415 - who never blocks need not load it

            return BlockingBatch(host, name_of(client, self), self, bound)
        return bound


class Call(Operation, Generic[Item, P, T]):
    """An operation that takes one item in one request."""

    shape = "call"

    @overload
    def __get__(self, host: None, owner: type) -> Call[Item, P, T]: ...
    @overload
    def __get__(self, host: BlockingClientPort, owner: type) -> BlockingCall[Item, P, T]: ...
    @overload
    def __get__(self, host: ClientPort, owner: type) -> BoundCall[Item, P, T]: ...
    def __get__(
        self, host: ClientPort | BlockingClientPort | None, owner: type
    ) -> Call[Item, P, T] | BlockingCall[Item, P, T] | BoundCall[Item, P, T]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("ClientPort", host)
        bound: BoundCall[Item, P, T] = BoundCall(client, self)
        if isinstance(host, BlockingClientPort):
            from netaudience.operations.blocking import BlockingBatch, BlockingCall  # noqa: PLC0415 - who never blocks need not load it

            return BlockingCall(host, bound, BlockingBatch(host, name_of(client, self), self, bound.each))
        return bound


class Query(Operation, Generic[P, T]):
    """An operation that takes no item and gives one answer."""

    shape = "query"

    @overload
    def __get__(self, host: None, owner: type) -> Query[P, T]: ...
    @overload
    def __get__(self, host: BlockingClientPort, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, host: ClientPort, owner: type) -> Callable[P, Coroutine[object, object, T]]: ...
    def __get__(
        self, host: ClientPort | BlockingClientPort | None, owner: type
    ) -> Query[P, T] | Callable[P, T] | Callable[P, Coroutine[object, object, T]]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("ClientPort", host)

        async def ask_once(*args: P.args, **kwargs: P.kwargs) -> T:
            made = cast("Request[T] | Steps[T]", self.function(client, *args, **kwargs))
            if isinstance(made, Request):
                return await ask(client, self, made)
            return await ask_in_steps(client, self, made)

        if not isinstance(host, BlockingClientPort):
            return as_described(ask_once, self)

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> T:
            return host.conversation(lambda _: ask_once(*args, **kwargs)).run()

        return as_described(ask_blocking, self)


class PageQuery(Operation, Generic[P, Page, Row]):
    """An operation that gives its rows page by page."""

    shape = "pages"

    def __init__(
        self,
        function: Callable[..., Request[Page]],
        facts: Facts,
        rows: Callable[[Page], Collection[Row]],
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
    def __get__(self, host: BlockingClientPort, owner: type) -> Callable[P, BlockingPages[Page, Row]]: ...
    @overload
    def __get__(self, host: ClientPort, owner: type) -> Callable[P, Pages[Page, Row]]: ...
    def __get__(
        self, host: ClientPort | BlockingClientPort | None, owner: type
    ) -> PageQuery[P, Page, Row] | Callable[P, BlockingPages[Page, Row]] | Callable[P, Pages[Page, Row]]:
        """Bind the operation to a client."""
        if host is None:
            return self
        client = cast("ClientPort", host)

        def ask(*args: P.args, **kwargs: P.kwargs) -> Pages[Page, Row]:
            return Pages(client, self, self.function(client, *args, **kwargs), self.rows, self.following)

        if not isinstance(host, BlockingClientPort):
            return as_described(ask, self, Pages)
        from netaudience.operations.blocking import BlockingPages  # noqa: PLC0415 - who never blocks need not load it

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> BlockingPages[Page, Row]:
            return BlockingPages(host, name_of(client, self), ask(*args, **kwargs).pages, self.rows)

        return as_described(ask_blocking, self, BlockingPages)


def _facts(
    method: Method, path: str, facts: Stated, *, idempotent: bool | None, reads: bool | None = None
) -> Facts:
    reads = method == "GET" if reads is None else reads
    facts.setdefault("acknowledges", "answered" if reads else "accepted")
    safe = reads if idempotent is None else idempotent
    return Facts(method=method, path=path, idempotent=safe, **facts)


def batch(
    method: Method,
    path: str,
    *,
    items: Kind,
    idempotent: bool,
    blame: Blamer | None = None,
    **facts: Unpack[Stated],
) -> Callable[[Callable[Concatenate[Any, Sequence[Item], P], Request[object]]], Batch[Item, P]]:
    """Declare an operation that takes many items in one request.

    `blame` reads what an answer says about single items; without it a success is one for all of them.
    """
    stated = _facts(method, path, facts, idempotent=idempotent)

    def declare(function: Callable[Concatenate[Any, Sequence[Item], P], Request[object]]) -> Batch[Item, P]:
        return Batch(function, items, stated, blame)

    return declare


def call(
    method: Method,
    path: str,
    *,
    items: Kind,
    idempotent: bool | None = None,
    **facts: Unpack[Stated],
) -> Callable[[Callable[Concatenate[Any, Item, P], Request[T]]], Call[Item, P, T]]:
    """Declare an operation that takes one item in one request; a GET is idempotent."""
    stated = _facts(method, path, facts, idempotent=idempotent)

    def declare(function: Callable[Concatenate[Any, Item, P], Request[T]]) -> Call[Item, P, T]:
        return Call(function, items, stated)

    return declare


def query(
    method: Method,
    path: str,
    *,
    idempotent: bool | None = None,
    **facts: Unpack[Stated],
) -> Callable[[Callable[Concatenate[Any, P], Request[T] | Steps[T]]], Query[P, T]]:
    """Declare an operation that takes no item and gives one answer; a GET is idempotent.

    A function that yields requests, and is given the answer of each, is one of several requests.
    """
    stated = _facts(method, path, facts, idempotent=idempotent)

    def declare(function: Callable[Concatenate[Any, P], Request[T] | Steps[T]]) -> Query[P, T]:
        return Query(cast("Callable[..., Request[Any]]", function), Nothing(), stated)

    return declare


def pages(
    method: Method,
    path: str,
    *,
    rows: Callable[[Page], Collection[Row]],
    following: Callable[[Request[Page], Page], Request[Page] | None],
    **facts: Unpack[Stated],
) -> Callable[[Callable[Concatenate[Any, P], Request[Page]]], PageQuery[P, Page, Row]]:
    """Declare an operation that gives its rows page by page; whatever its method is, it only reads."""
    stated = _facts(method, path, facts, idempotent=True, reads=True)

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
