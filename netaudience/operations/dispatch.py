"""An operation with its arguments at work: one request that is answered, or many items on their way.

Here an operation meets its client (`ClientPort`) and the engine. It knows nothing of how an operation is
written.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
from collections.abc import Callable, Coroutine, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
)

from netaudience.engine.bisection import Bisector
from netaudience.engine.chunker import Chunker
from netaudience.engine.pipeline import Pipeline
from netaudience.engine.retry import RetryPolicy, Waits
from netaudience.engine.run import Run
from netaudience.engine.run_plan import RunPlan
from netaudience.engine.sender import Failure, Sender
from netaudience.engine.source import Items, Source, check_source
from netaudience.errors import ConfigurationError, Refused, Unavailable, Unreadable
from netaudience.model.digests import digest_of
from netaudience.model.facts import Facts, Shape
from netaudience.model.item_errors import Blamer
from netaudience.model.kinds import Kind
from netaudience.model.surprises import not_read
from netaudience.model.texts import RowTexts
from netaudience.model.wire import Prepared, Request, Response, decode
from netaudience.outcomes import Report, SettledChunk

if TYPE_CHECKING:  # who puts no single items, keeps no journal or never blocks need not load it
    from netaudience.engine.batcher import Batcher, Watch
    from netaudience.engine.batcher_base import WhenFull
    from netaudience.engine.loop_thread import Caller, Conversation
    from netaudience.engine.recorder import Notes

#: The parameter by which a caller says that a loss is meant.
CONSENT = "confirm"

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
Page = TypeVar("Page")
Row = TypeVar("Row")


class ClientPort(Protocol):
    """What an operation asks of the client that it is called on."""

    #: The vendor's name as people write it, and as it is in commands.
    vendor: ClassVar[str]
    slug: ClassVar[str]

    @property
    def watched(self) -> bool:
        """Whether somebody wants to be notified of events."""
        ...

    @property
    def account(self) -> str:
        """What tells the account from others, without showing a key."""
        ...

    @property
    def retry(self) -> RetryPolicy:
        """How patient a request is."""
        ...

    def kind(self, operation: Operation, arguments: Mapping[str, object], /) -> Kind:
        """Return what the operation's items are, as these arguments and the account have them."""
        ...

    def run_plan(self, operation: Operation, kind: Kind, /) -> RunPlan:
        """Return what is decided about a run of the operation over items of a kind."""
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

    def step_sender(self, operation: Operation, tally: Report, request: Request[Any], /) -> Sender:
        """Return a sender for one step of the operation that is judged, or repeated, as itself."""
        ...


class BlockingClientPort:
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
        self.function = _consented(function, facts.consent)
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

    @cached_property
    def plain_signature(self) -> inspect.Signature:
        """The function's signature as it stands there: what arguments there may be."""
        return inspect.signature(self.function)

    @property
    def signature(self) -> inspect.Signature:
        """The function's signature without the client, its annotations evaluated."""
        signature = inspect.signature(self.function, eval_str=True)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """What a whole run shares, by name, without the consent, which guards ask for in their own way."""
        return {
            name: parameter
            for name, parameter in self.signature.parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
            and not (self.facts.consent and name == CONSENT)
        }

    def with_consent(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Return the arguments of a caller who has asked for the consent that the operation wants, if any."""
        return {**arguments, CONSENT: True} if self.facts.consent else dict(arguments)

    def report(self, host: ClientPort) -> Report:
        """Return a fresh report."""
        return Report(host.vendor, self.name, self.facts.acknowledges, unsaid=self.facts.unsaid)

    def unread(self, host: ClientPort) -> Report:
        """Return a report that nobody reads, one for all calls: making it costs 2 % of one (benchmark C1)."""
        if self._unread is None:
            self._unread = self.report(host)
        return self._unread


def _consented(function: Callable[..., Request[Any]], consent: str) -> Callable[..., Request[Any]]:
    """Return a descriptor's function that refuses what its caller must mean and did not say so.

    Raises:
        TypeError: the function has the parameter and no such fact, or the other way round.
    """
    stated = inspect.signature(function).parameters.get(CONSENT)
    if (stated is not None) != bool(consent):
        raise TypeError(
            f"{function.__qualname__} states consent=… exactly where its function takes {CONSENT}"
        )
    if stated is None:
        return function

    @functools.wraps(function)
    def guarded(*args: object, confirm: bool = False, **kwargs: object) -> Request[Any]:
        if confirm is not True:
            raise ConfigurationError(f"This operation {consent}: pass {CONSENT}=True if that is meant")
        return function(*args, confirm=confirm, **kwargs)

    return guarded


#: An operation of several requests: it yields each of them, and is given the answer.
Steps: TypeAlias = Generator[Request[Any], Any, T]


async def ask_in_steps(host: ClientPort, operation: Operation, steps: Steps[T]) -> T:
    """Send one request after the other, each made of the answers so far.

    Raises:
        Unavailable: an answer was not ready for as long as the vendor's throttles are waited out.
    """
    waits, patience = Waits(host.retry, counted=False), host.retry.throttle_patience
    answer: object = None
    while True:
        try:
            request = steps.send(answer)
        except StopIteration as ended:
            return cast("T", ended.value)
        if request.again:
            wait = waits.next()
            if wait > patience:
                raise Unavailable(host.vendor, 200, remedy="The answer is still not ready: ask again later")
            patience -= wait
            await asyncio.sleep(wait)
        answer = await ask(host, operation, request)


async def ask(
    host: ClientPort, operation: Operation, request: Request[T], prepared: Prepared | None = None
) -> T:
    """Send one request and read its answer."""
    prepared = prepared or host.prepare(operation, request)
    prepared.items = (*prepared.items, request.path, request.query)
    plain = not request.foreign_url and request.repeatable is None
    if plain and not host.watched:
        return _read(host, operation, await host.caller(operation).send(prepared), request)
    report = operation.report(host)
    sender = host.sender(operation, report) if plain else host.step_sender(operation, report, request)
    sender.urgent = True
    with _watched(sender, report, prepared):
        return _read(host, operation, await sender.send(prepared), request)


@contextmanager
def _watched(sender: Sender, report: Report, prepared: Prepared) -> Generator[None]:
    """Tell of a call's beginning and end, for those who watch."""
    notifier, started, counts = sender.notifier, sender.now(), report.counts
    report.items = 1
    if notifier is not None:
        notifier.run_started()
    error: str | None = None
    try:
        yield
        counts.delivered = 1
    except BaseException as raised:
        error = type(raised).__name__
        counts.in_doubt = int(prepared.in_doubt)
        counts.rejected = int(isinstance(raised, Refused) and not prepared.in_doubt)
        counts.failed = 1 - counts.in_doubt - counts.rejected
        raise
    finally:
        report.seconds = sender.now() - started
        if notifier is not None:
            notifier.run_ended(error=error)


def _read(host: ClientPort, operation: Operation, answer: Response | Failure, request: Request[T]) -> T:
    """Read an answer, or raise why there is none."""
    if isinstance(answer, Failure):
        raise answer.error
    try:
        return decode(answer, request.answer, paged=operation.shape == "pages")  # type: ignore[return-value] # pyright: ignore[reportReturnType] # None is T where success says nothing
    except ValueError as error:
        raise Unreadable(
            host.vendor, answer.status, vendor_message=str(error), may_have_happened=True
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever comes in
        raise not_read(error, host.vendor, answer.status) from None


class OperationRunner(Generic[Item]):
    """An operation with its arguments, ready to carry items."""

    def __init__(
        self,
        host: ClientPort,
        operation: Operation,
        request: Callable[[Sequence[Item]], Request[Any]],
        arguments: Arguments,
    ) -> None:
        self._host = host
        #: What it does.
        self.operation = operation
        self._request = request
        self._arguments = told_apart(arguments)
        self._kind = host.kind(operation, arguments[1])
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
            "arguments": digest_of(repr(self._arguments)),
        }

        def start(streamed: bool, journal: Notes | None) -> Pipeline[Item]:  # noqa: FBT001 - the run gives it by position
            return self._pipeline(Source(items, self._kind.default), streamed=streamed, journal=journal)

        return Run(self._name, start, identity, repeatable=self.operation.facts.idempotent)

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
            lambda source, on_settled: self._pipeline(source, streamed=False, on_settled=on_settled),
            self.operation.report(self._host),
            self.key,
            self._kind.default,
            linger=linger,
            max_pending=max_pending,
            when_full=when_full,
            combine=self.combine if coalesce else None,
            watch=watch,
        )

    def key(self, item: object) -> str:
        """Return an item's key, whatever is wrong with the item; nothing where none can be read."""
        try:
            return self._kind.key(item)
        except Exception:  # noqa: BLE001 - the item is rejected for it when it is looked at
            return ""

    def combine(self, earlier: Item, later: Item) -> Item | None:
        """Return the one item that stands for two, if there is one that breaks no rule."""
        from netaudience.model.merging import coalesced  # noqa: PLC0415 - as above

        kind, how = self._kind, self.operation.facts.coalesces
        try:
            if how is None or kind.check((earlier, later)):
                return None
            both = coalesced(kind, how, earlier, later)
            return None if both is None or kind.check((both,)) else both
        except Exception:  # noqa: BLE001 - each goes by itself, and is told by itself what is wrong with it
            return None

    def _encode(self, page: Sequence[Item]) -> Prepared:
        rows: object = page
        if type(rows) is RowTexts and rows.given is not None:
            page = cast("Sequence[Item]", rows.written)
        made = self._request(page)
        self._answer = made.answer
        return self._host.prepare(self.operation, made)

    def _decode(self, answer: Response) -> object:
        return None if self._answer is None else decode(answer, self._answer)

    def _pipeline(
        self,
        source: Source[Item],
        *,
        streamed: bool,
        journal: Notes | None = None,
        on_settled: Callable[[SettledChunk[Item]], None] | None = None,
    ) -> Pipeline[Item]:
        host, operation = self._host, self.operation
        plan = host.run_plan(operation, self._kind)
        report = operation.report(host)
        chunker = Chunker(plan, self._encode)
        sender = host.sender(operation, report)
        # Somebody waits for a run of one request as for a call.
        sender.urgent = source.length is not None and source.length <= plan.rows
        if on_settled is not None:
            sender.deadline = math.inf  # a batcher has no end that could come too early
        bisector = Bisector(plan, chunker, sender, self._decode, report)
        return Pipeline(
            plan,
            source,
            chunker,
            sender,
            bisector,
            report,
            streamed=streamed,
            journal=journal,
            on_settled=on_settled,
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


def name_of(host: ClientPort, operation: Operation) -> str:
    """Return what an operation of a client is called in a message."""
    return f"{host.vendor} {operation.name}"
