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

import asyncio
import hashlib
import inspect
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

from netaudience.blame import Blamer
from netaudience.blocking import (
    BlockingBatch,
    BlockingCall,
    BlockingHost,
    BlockingPages,
)
from netaudience.coalescing import coalesced
from netaudience.engine.batcher import Batcher, Watch, WhenFull
from netaudience.engine.division import Divider
from netaudience.engine.journal import Journal
from netaudience.engine.packing import Packer
from netaudience.engine.pipeline import Pipeline
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.run import Run
from netaudience.engine.sender import Failure, Sender
from netaudience.engine.source import Items, Source, check_source
from netaudience.errors import ConfigurationError, InvalidItem, Refused, Unreadable
from netaudience.events import RunEnded, RunStarted
from netaudience.facts import Facts, Method, Shape
from netaudience.items import Kind, Nothing
from netaudience.outcomes import Report, SettledChunk
from netaudience.wire import Prepared, Request, Response, decode

__all__ = [
    "Batch",
    "BoundBatch",
    "BoundCall",
    "Call",
    "Host",
    "Operation",
    "PageQuery",
    "Pages",
    "Query",
    "Work",
    "batch",
    "call",
    "operations_of",
    "pages",
    "query",
]

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Page = TypeVar("Page")
Row = TypeVar("Row")


class Host(Protocol):
    """What an operation asks of the client that it is called on."""

    @property
    def allow_empty(self) -> bool:
        """Whether a source may give no item."""
        ...

    #: The vendor's name as people write it.
    vendor: ClassVar[str]

    @property
    def watched(self) -> bool:
        """Whether somebody wants to be told of events."""
        ...

    @property
    def account(self) -> str:
        """What tells the account from others, without showing a key."""
        ...

    @property
    def retry(self) -> RetryPolicy:
        """How patient a request is."""
        ...

    def kind(self, operation: Operation, /) -> Kind:
        """Return what the operation's items are, as the account is set up."""
        ...

    def workers(self, operation: Operation, /) -> int:
        """Return how many requests of the operation may be in flight."""
        ...

    def limits(self, operation: Operation, /) -> tuple[int, int | None, int | None]:
        """Return the rows, the distinct keys and the bytes that a request may have."""
        ...

    def prepare(self, operation: Operation, request: Request[object], /) -> Prepared:
        """Make a request ready to be sent."""
        ...

    def sender(self, operation: Operation, tally: Report, /) -> Sender:
        """Return a sender for the operation, its counts going to the tally."""
        ...


class Operation:
    """One operation of a vendor, as its class attribute."""

    shape: Shape

    def __init__(
        self,
        function: Callable[..., Request[Any]],
        kind: Kind,
        facts: Facts,
        blame: Blamer | None = None,
    ) -> None:
        #: The descriptor's function: arguments to request.
        self.function = function
        #: Reads what an answer says about single items, where the vendor's answers do.
        self.blame = blame
        #: What its items are.
        self.kind = kind
        self.facts = facts
        self.name = getattr(function, "__name__", "operation")
        self._unread: Report | None = None
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __repr__(self) -> str:
        return f"<{self.shape} {self.name}: {self.facts.method} {self.facts.path}>"

    @property
    def signature(self) -> inspect.Signature:
        """The function's signature without the client, its annotations evaluated."""
        signature = inspect.signature(self.function, eval_str=True)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def report(self, host: Host) -> Report:
        """Return a fresh report."""
        return Report(host.vendor, self.name, self.facts.acknowledges)

    def unread(self, host: Host) -> Report:
        """Return a report that nobody reads, one for all single calls: making it costs 2 % of a call."""
        if self._unread is None:
            self._unread = self.report(host)
        return self._unread


async def _ask(host: Host, operation: Operation, request: Request[T], prepared: Prepared | None = None) -> T:
    """Send one request and read its answer."""
    report = operation.report(host) if host.watched else operation.unread(host)
    sender = host.sender(operation, report)
    sender.urgent = True
    prepared = prepared or host.prepare(operation, request)
    prepared.items = (*prepared.items, request.path, request.query)
    if not sender.watched:
        return await _answered(host, sender, request, prepared)
    with _watched(sender, report, prepared):
        return await _answered(host, sender, request, prepared)


@contextmanager
def _watched(sender: Sender, report: Report, prepared: Prepared) -> Generator[None]:
    """Tell of a call's beginning and end, for those who watch."""
    clock = asyncio.get_running_loop().time
    started = clock()
    report.items = 1
    sender.tell(RunStarted(sender.run, report.vendor, report.operation))
    error: str | None = None
    try:
        yield
        report.delivered = 1
    except BaseException as raised:
        error = type(raised).__name__
        report.in_doubt = int(prepared.in_doubt)
        report.rejected = int(isinstance(raised, Refused) and not prepared.in_doubt)
        report.failed = 1 - report.in_doubt - report.rejected
        raise
    finally:
        report.seconds = clock() - started
        sender.tell(RunEnded(sender.run, *report.told()[:-1], error))


async def _answered(host: Host, sender: Sender, request: Request[T], prepared: Prepared) -> T:
    answer = await sender.send(prepared)
    if isinstance(answer, Failure):
        raise answer.error
    try:
        return decode(answer, request.answer)  # type: ignore[return-value] # pyright: ignore[reportReturnType] # None is T where success says nothing
    except ValueError as error:
        raise Unreadable(host.vendor, answer.status, words=str(error), may_have_happened=True) from error


class Work(Generic[Item]):
    """An operation with its arguments, ready to carry items."""

    def __init__(
        self,
        host: Host,
        operation: Operation,
        request: Callable[[Sequence[Item]], Request[Any]],
        arguments: object,
    ) -> None:
        self._host = host
        #: What it does.
        self.operation = operation
        self._request = request
        self._arguments = arguments
        self._kind = host.kind(operation)
        self._answer: type[Any] | None = None
        self._name = f"{host.vendor} {operation.name}"

    def run(self, items: Items[Item]) -> Run[Item]:
        """Return a run over items."""
        check_source(items, self._name, self._kind.noun)
        host = self._host
        identity = {
            "vendor": host.vendor,
            "operation": self.operation.name,
            "account": host.account,
            "arguments": hashlib.sha256(repr(self._arguments).encode()).hexdigest()[:16],
        }

        def start(streamed: bool, journal: Journal | None) -> Pipeline[Item]:  # noqa: FBT001 - the run gives it by position
            return self._pipeline(Source(items), streamed=streamed, journal=journal)

        return Run(self._name, start, identity)

    def batcher(
        self,
        *,
        linger: float,
        max_pending: int,
        when_full: WhenFull,
        coalesce: bool,
        watch: Watch[Item] | None = None,
    ) -> Batcher[Item]:
        """Return a batcher for single items."""
        if coalesce and self.operation.facts.coalesces is None:
            raise ConfigurationError(
                f"Each item of {self._name} counts, so two of them never become one: leave coalesce out"
            )
        return Batcher(
            self._name,
            lambda source, told: self._pipeline(source, streamed=False, told=told),
            self.operation.report(self._host),
            self._kind.key,
            linger=linger,
            max_pending=max_pending,
            when_full=when_full,
            combine=self.combine if coalesce else None,
            watch=watch,
        )

    def key(self, item: object) -> str:
        """Return an item's key, whatever is wrong with the item."""
        return self._kind.key(item)

    def combine(self, earlier: Item, later: Item) -> Item | None:
        """Return the one item that stands for two, if there is one that breaks no rule."""
        kind, how = self._kind, self.operation.facts.coalesces
        if how is None or kind.check((earlier, later)):
            return None
        both = coalesced(kind, how, earlier, later)
        return None if both is None or kind.check((both,)) else both

    def _encode(self, page: Sequence[Item]) -> Prepared:
        made = self._request(page)
        self._answer = made.answer
        prepared = self._host.prepare(self.operation, made)
        prepared.records = len(page)
        prepared.items = page
        return prepared

    def _decode(self, answer: Response) -> object:
        return decode(answer, self._answer)

    def _pipeline(
        self,
        source: Source[Item],
        *,
        streamed: bool,
        journal: Journal | None = None,
        told: Callable[[SettledChunk[Item]], None] | None = None,
    ) -> Pipeline[Item]:
        host, operation = self._host, self.operation
        facts = operation.facts
        rows, keys, most_bytes = host.limits(operation)
        report = operation.report(host)
        packer = Packer(self._kind, self._encode, rows=rows, keys=keys, max_bytes=most_bytes, docs=facts.docs)
        sender = host.sender(operation, report)
        # Somebody waits for a run of one request as for a call.
        sender.urgent = source.length is not None and source.length <= rows
        if told is not None:
            sender.deadline = math.inf  # a batcher has no end that could come too early
        divider = Divider(
            packer,
            sender,
            self._decode,
            report,
            divisible=facts.divisible,
            idempotent=facts.idempotent,
            blame=operation.blame,
            policy=host.retry,
        )
        return Pipeline(
            source,
            packer,
            sender,
            divider,
            report,
            workers=host.workers(operation),
            streamed=streamed,
            allow_empty=host.allow_empty or told is not None,
            journal=journal,
            repeatable=facts.idempotent,
            told=told,
        )


#: Arguments by position and by name.
_Arguments: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]
_NONE: _Arguments = ((), {})


def _and(given: _Arguments, args: Sequence[object], kwargs: Mapping[str, object]) -> _Arguments:
    """Return what was given before together with what is given now."""
    return (*given[0], *args), {**given[1], **kwargs}


def _told(given: _Arguments) -> object:
    """Return what tells arguments from others."""
    return given[0], sorted(given[1].items())


def _identity(operation: Operation, given: _Arguments) -> tuple[str, Hashable]:
    """Return what tells an operation with its arguments from others."""
    arguments = given[0], tuple(sorted(given[1].items()))
    try:
        hash(arguments)
    except TypeError:  # a list among them
        return operation.name, repr(arguments)
    return operation.name, arguments


def _name(host: Host, operation: Operation) -> str:
    return f"{host.vendor} {operation.name}"


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
        bound = BoundBatch(client, self)
        if isinstance(host, BlockingHost):
            return BlockingBatch(host, _name(client, self), bound)
        return bound


class BoundBatch(Generic[Item, P]):
    """A batch operation of one client."""

    __slots__ = ("_given", "host", "operation")

    def __init__(self, host: Host, operation: Batch[Item, P], given: _Arguments = _NONE) -> None:
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

    def __call__(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        """Return a run that carries the items; see `Run` for its three readings.

        Raises:
            ConfigurationError: the arguments are wrong, or the items are no collection of items.
        """
        return self._work(args, kwargs).run(items)

    def given(self, *args: P.args, **kwargs: P.kwargs) -> BoundBatch[Item, []]:
        """Return the operation with its arguments, so that only the items are left to give."""
        self._work(args, kwargs)
        return BoundBatch(self.host, self.operation, _and(self._given, args, kwargs))  # type: ignore[arg-type] # pyright: ignore[reportReturnType, reportArgumentType] # what is given need not be given again

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

    @property
    def identity(self) -> tuple[str, Hashable]:
        """What tells the operation with the arguments that it was given from others."""
        return _identity(self.operation, self._given)

    def work(self) -> Work[Item]:
        """Return the operation with the arguments that it was given, ready to carry items."""
        return self._work((), {})

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Work[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = _and(self._given, args, kwargs)
        function(host, (), *args, **kwargs)  # wrong arguments are told here, not when the run is read
        return Work(
            host,
            self.operation,
            lambda page: function(host, page, *args, **kwargs),
            _told(given),
        )


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
        bound = BoundCall(client, self)
        if isinstance(host, BlockingHost):
            return BlockingCall(host, bound, BlockingBatch(host, _name(client, self), bound.each))
        return bound


class BoundCall(Generic[Item, P, T]):
    """A call of one client."""

    __slots__ = ("_given", "host", "operation")

    def __init__(self, host: Host, operation: Call[Item, P, T], given: _Arguments = _NONE) -> None:
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
            if self._given is not _NONE:
                args, kwargs = _and(self._given, args, kwargs)  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] # the rest of them
            request: Request[T] = self.operation.function(self.host, item, *args, **kwargs)
        except InvalidItem as error:
            raise error.see(docs) from error.__cause__
        try:
            prepared = self.host.prepare(self.operation, request)
        except (TypeError, ValueError) as error:
            raise InvalidItem(f"The item cannot be written as JSON: {error}").see(docs) from error
        prepared.items = (item,)
        return await _ask(self.host, self.operation, request, prepared)

    def each(self, items: Items[Item], *args: P.args, **kwargs: P.kwargs) -> Run[Item]:
        """Return a run that sends one request per item; see `Run` for its three readings.

        Raises:
            ConfigurationError: the items are no collection of items.
        """
        return self._work(args, kwargs).run(items)

    def given(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall[Item, [], T]:
        """Return the operation with its arguments, so that only the items are left to give."""
        return BoundCall(self.host, self.operation, _and(self._given, args, kwargs))  # type: ignore[arg-type] # pyright: ignore[reportReturnType, reportArgumentType] # what is given need not be given again

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

    @property
    def identity(self) -> tuple[str, Hashable]:
        """What tells the operation with the arguments that it was given from others."""
        return _identity(self.operation, self._given)

    def work(self) -> Work[Item]:
        """Return the operation with the arguments that it was given, ready to carry items."""
        return self._work((), {})

    def _work(self, args: Sequence[object], kwargs: Mapping[str, object]) -> Work[Item]:
        host, function = self.host, self.operation.function
        args, kwargs = given = _and(self._given, args, kwargs)
        return Work(
            host,
            self.operation,
            lambda page: function(host, page[0], *args, **kwargs),
            _told(given),
        )


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

        async def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            return await _ask(client, self, self.function(client, *args, **kwargs))

        if not isinstance(host, BlockingHost):
            return ask

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> T:
            return host.conversation(lambda _: ask(*args, **kwargs)).run()

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
            return Pages(client, self, self.function(client, *args, **kwargs))

        if not isinstance(host, BlockingHost):
            return ask

        def ask_blocking(*args: P.args, **kwargs: P.kwargs) -> BlockingPages[Page, Row]:
            return BlockingPages(host, _name(client, self), ask(*args, **kwargs).pages, self.rows)

        return ask_blocking


class Pages(Generic[Page, Row]):
    """The rows of all pages, one request per page as they are read: ``async for row in ...``."""

    def __init__(self, host: Host, operation: PageQuery[Any, Page, Row], request: Request[Page]) -> None:
        self._host = host
        self._operation = operation
        self._request = request

    def __repr__(self) -> str:
        return f"<Pages of {self._host.vendor} {self._operation.name}>"

    async def __aiter__(self) -> AsyncIterator[Row]:
        """Read row by row.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        async for page in self.pages():
            for row in self._operation.rows(page):
                yield row

    async def pages(self) -> AsyncIterator[Page]:
        """Read page by page, with what the vendor says about the whole.

        Raises:
            TransportError: no answer came.
            VendorError: an answer is not a success.
        """
        request: Request[Page] | None = self._request
        while request is not None:
            page = await _ask(self._host, self._operation, request)
            yield page
            request = self._operation.following(request, page)


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
