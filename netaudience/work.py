"""An operation with its arguments at work: one request that is answered, or many items on their way.

Here an operation meets its client (`Host`) and the engine. It knows nothing of how an operation is written.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Coroutine, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
)

from netaudience.blame import Blamer
from netaudience.engine.division import Divider
from netaudience.engine.packing import Packer
from netaudience.engine.pipeline import Pipeline
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.run import Run
from netaudience.engine.sender import Failure, Sender
from netaudience.engine.source import Items, Source, check_source
from netaudience.errors import ConfigurationError, Refused, Unreadable
from netaudience.facts import Facts, Shape
from netaudience.items import Kind
from netaudience.outcomes import Report, SettledChunk
from netaudience.wire import Prepared, Request, Response, decode

if TYPE_CHECKING:  # who puts no single items, keeps no journal or never blocks need not load it
    from netaudience.engine.batcher import Batcher, Watch
    from netaudience.engine.journal import Journal
    from netaudience.engine.portal import Caller, Conversation
    from netaudience.engine.sink import WhenFull

__all__ = [
    "NONE",
    "Arguments",
    "BlockingHost",
    "Host",
    "Operation",
    "Work",
    "ask",
    "identity_of",
    "joined",
    "name_of",
    "told_apart",
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

    def caller(self, operation: Operation, /) -> Sender:
        """Return a sender for single calls of the operation that nobody watches."""
        ...

    def sender(self, operation: Operation, tally: Report, /) -> Sender:
        """Return a sender for the operation, its counts going to the tally."""
        ...


class BlockingHost:
    """A client whose operations block."""

    def conversation(self, work: Callable[[Caller], Coroutine[object, object, T]]) -> Conversation[T]:
        """Return what runs a coroutine in the client's loop while this thread waits."""
        raise NotImplementedError


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


async def ask(host: Host, operation: Operation, request: Request[T], prepared: Prepared | None = None) -> T:
    """Send one request and read its answer."""
    prepared = prepared or host.prepare(operation, request)
    prepared.items = (*prepared.items, request.path, request.query)
    if not host.watched:
        return _read(host, await host.caller(operation).send(prepared), request)
    report = operation.report(host)
    sender = host.sender(operation, report)
    sender.urgent = True
    with _watched(sender, report, prepared):
        return _read(host, await sender.send(prepared), request)


@contextmanager
def _watched(sender: Sender, report: Report, prepared: Prepared) -> Generator[None]:
    """Tell of a call's beginning and end, for those who watch."""
    teller, started = sender.teller, sender.now()
    report.items = 1
    if teller is not None:
        teller.run_started()
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
        report.seconds = sender.now() - started
        if teller is not None:
            teller.run_ended(error=error)


def _read(host: Host, answer: Response | Failure, request: Request[T]) -> T:
    """Read an answer, or raise why there is none."""
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
        from netaudience.engine.batcher import Batcher  # noqa: PLC0415 - as above

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
        from netaudience.coalescing import coalesced  # noqa: PLC0415 - as above

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
        return prepared

    def _decode(self, answer: Response) -> object:
        return None if self._answer is None else decode(answer, self._answer)

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
Arguments: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]
NONE: Arguments = ((), {})


def joined(given: Arguments, args: Sequence[object], kwargs: Mapping[str, object]) -> Arguments:
    """Return what was given before together with what is given now."""
    return (*given[0], *args), {**given[1], **kwargs}


def told_apart(given: Arguments) -> object:
    """Return what tells arguments from others."""
    return given[0], sorted(given[1].items())


def identity_of(operation: Operation, given: Arguments) -> tuple[str, Hashable]:
    """Return what tells an operation with its arguments from others."""
    arguments = given[0], tuple(sorted(given[1].items()))
    try:
        hash(arguments)
    except TypeError:  # a list among them
        return operation.name, repr(arguments)
    return operation.name, arguments


def name_of(host: Host, operation: Operation) -> str:
    """Return what an operation of a client is called in a message."""
    return f"{host.vendor} {operation.name}"
