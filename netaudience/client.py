"""The base of every vendor's client: its lifecycle, its settings, and the two hooks of a vendor.

A vendor's client states its operations and overrides `headers` (how requests are authenticated) and
`classify` (how an answer is judged). A client may be made anywhere, at import too: nothing is opened
before the first request, and a new event loop gets a session of its own.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self, TypeAlias
from urllib.parse import quote

import attrs

from netaudience.credentials import variable
from netaudience.engine.circuit_breaker import CircuitBreaker, circuit_breaker_for
from netaudience.engine.plain_http import leaves_the_house
from netaudience.engine.rate_limiter import RateLimiter, rate_limiter_for
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.run_plan import RunPlan
from netaudience.engine.sender import Sender
from netaudience.engine.transport import (
    AiohttpTransport,
    Transport,
    add_query,
    make_url,
    signed_url,
)
from netaudience.errors import ConfigurationError, Misconfigured, VendorError
from netaudience.model.digests import digest_of
from netaudience.model.facts import Probe
from netaudience.model.kinds import Kind
from netaudience.model.limits import Figure, Quota, Window, assumed, per_second
from netaudience.model.verdicts import Judge
from netaudience.model.wire import Prepared, Request, Response, dump_json
from netaudience.operations.declare import operations_of
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import Report
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.engine.batcher_base import WhenFull
    from netaudience.engine.notifier import EventNotifier
    from netaudience.operations.batch_router import ClientBatcher
    from netaudience.operations.readback import NotReadable, ReadBack
    from netaudience.operations.schemas import Schema

#: Seconds for one exchange, and bytes of an answer, where neither the settings nor the operation say.
TIMEOUT, MAX_ANSWER_BYTES = 30.0, 16_000_000
#: What a host that takes a file has to say is short.
_FOREIGN_ANSWER = 1_000_000
_EXPIRED = "The signed address is not accepted: it has expired, or was changed on the way; begin again"


class Outage(NamedTuple):
    """A vendor that does not answer."""

    #: Seconds since the first request that got no answer.
    seconds: float
    #: Seconds for which a run goes on asking, before it stops; see `RetryPolicy`.
    left: float


class _Held:
    """What a client and its views hold together in one event loop."""

    __slots__ = ("callers", "circuit", "limiters")

    def __init__(self, circuit: CircuitBreaker) -> None:
        self.circuit = circuit
        self.limiters: dict[str, RateLimiter] = {}
        #: By operation, what sends its single calls.
        self.callers: dict[str, Sender] = {}


class _Address(NamedTuple):
    """What is the same in the requests of an operation for as long as the account's headers are."""

    method: str
    url: object
    #: What `Client.headers` gave, and what is sent.
    own: Mapping[str, str]
    headers: Mapping[str, str]
    #: Seconds for the whole exchange, and the most bytes of an answer.
    timeout: float
    most: int


#: The share of a quota that bulk leaves free where processes share it and nothing else is said.
_SHARED_RESERVE = 0.1
_JSON = {"Content-Type": "application/json"}
_NO_ARGUMENTS: Mapping[str, object] = {}
#: A vendor's hooks, and what `ClientPort` says that an operation asks for: no user calls them.
_MACHINERY = frozenset({
    "authorized", "caller", "classify", "conversation", "headers", "items_of", "kind", "may_repeat",
    "prepare", "quota", "read_backs", "retry", "route", "run_plan", "schemas", "sender", "step_sender",
    "watched",
})  # fmt: skip


class Client:
    """One account of a vendor. Use it as an async context manager, or call `aclose` at the end."""

    #: The vendor's name as people write it.
    vendor: ClassVar[str]
    #: The vendor's name in commands and variables.
    slug: ClassVar[str]
    #: What the vendor tells of its own schema, and where the names of it stand in the operations.
    schemas: ClassVar[tuple[Schema, ...]] = ()
    #: How the effect of each operation that writes is read back, or why it is not, by the operation's name.
    read_backs: ClassVar[Mapping[str, ReadBack | NotReadable]] = {}
    #: The month in which the vendor's pages were read, as ``2026-11``; an operation may say another.
    read: ClassVar[str]
    #: The read by which ``netaudience doctor`` sees whether the account answers; None where there is none.
    probe: ClassVar[Probe | None] = None

    def __init__(
        self,
        *,
        base_url: str,
        account: str,
        path: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Prepare a client; nothing is opened yet.

        Args:
            base_url: Scheme and host, and a path where the vendor is behind one.
            account: What tells this account from others; only its digest is kept.
            path: The path parameters that are the same in all requests of the account.
            settings: What to do differently from the defaults.
            transport: Sends the requests instead of aiohttp; it is not closed by this client.

        Raises:
            ConfigurationError: the base URL is malformed, or the settings speak of a transport that is
                not made here.
        """
        # As requests are sent to it: two spellings of one address are one account.
        address = make_url(base_url, "", {})
        self.base_url = base_url
        self.settings = settings or Settings()
        if not self.settings.plain_http and leaves_the_house(address.scheme, address.host or ""):
            raise ConfigurationError(
                f"The base URL of {self.vendor} is http:// and its host is public, so everybody on the way "
                "could read the key and the users: write https://, or say that it is meant, by "
                "Settings(plain_http=True), --plain-http or NETAUDIENCE_PLAIN_HTTP=true"
            )
        name = account if self.settings.account is None else f"name {self.settings.account}"
        if transport is not None and (self.settings.tls or self.settings.proxy or self.settings.trust_env):
            raise ConfigurationError(
                "A transport of your own brings its own TLS and proxy: set them up there, not in Settings"
            )
        self._account = digest_of(f"{self.slug}\0{address}\0{name}")
        parts = (f"server\0{address}", f"{self.slug}\0{name}")
        server, own = (digest_of(part, 12) for part in parts)
        self._home = (server, own)
        self._owned = transport is None
        self._opened = transport or AiohttpTransport(
            tls=self.settings.tls,
            proxy=self.settings.proxy,
            trust_env=self.settings.trust_env,
            # Shorter than the whole exchange: what fails to connect was not sent, and is told so.
            connect_timeout=min(10.0, (self.settings.timeout or TIMEOUT) / 2),
        )
        self._transport = self.authorized(self._opened)
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}
        self._is_view = False
        self._path = path or {}
        #: What is the same in all requests of an operation, by its name.
        self._fixed: dict[str, _Address] = {}
        self._quotas: dict[str, Quota] = {}

    def __dir__(self) -> list[str]:
        """List what a user calls; what operations and vendors ask of their client is left out."""
        return sorted({*super().__dir__()} - _MACHINERY)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of account {self._account[:6]}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the bytes would hold the key, and go wherever those go.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            f"A {self.vendor} client is not pickled, for it holds a key: make one in each process, as by "
            "from_environment()"
        )

    async def __aenter__(self) -> Self:
        """Return the client; nothing is opened before the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close what this client opened in this loop. A transport that the caller brought stays open.

        A view that `with_options` made opened nothing, so closing it does nothing.
        """
        if self._is_view:
            return
        held = self._held.pop(asyncio.get_running_loop(), None)
        for limiter in held.limiters.values() if held is not None else ():
            limiter.users -= 1
            await limiter.aclose()
        if self._owned:
            await self._opened.aclose()

    def with_options(self, *, deadline: float | None) -> Self:
        """Return a view of this client with another deadline; it costs microseconds.

        The view uses this client's connections, quotas and circuit, and need not be closed.

        Args:
            deadline: Seconds as in `Settings.deadline`; None for as long as it takes.

        Raises:
            ConfigurationError: the deadline is not more than 0.
        """
        view = object.__new__(type(self))
        vars(view).update(vars(self))
        view.settings = attrs.evolve(self.settings, deadline=deadline)
        view._is_view = True
        return view

    @classmethod
    def operations(cls) -> dict[str, Operation]:
        """Return the operations of this vendor by name."""
        return operations_of(cls)

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_<VENDOR>_…`` variables, or files that ``…_FILE`` names.

        Raises:
            ConfigurationError: a variable is missing or wrong.
        """
        raise NotImplementedError

    def batcher(
        self,
        *,
        linger: float = 0.2,
        max_pending: int = 10_000,
        when_full: WhenFull = "wait",
        coalesce: bool = False,
    ) -> ClientBatcher:
        """Return a sink for single changes of many operations, which keeps each user's in their order.

        Args:
            linger: The longest that a change waits for others to fill its request, in seconds.
            max_pending: Changes that may be on their way; further ones wait.
            when_full: ``raise`` raises `BatcherFull` instead of waiting for room.
            coalesce: Whether changes of one user that wait together become one where that has the same
                effect: attributes are merged key by key, and of two opposites the later one is sent.

        Raises:
            ConfigurationError: an argument is wrong.
        """
        from netaudience.operations.batch_router import ClientBatcher  # noqa: PLC0415 - who needs none need not load it

        return ClientBatcher(
            self.account, linger=linger, max_pending=max_pending, when_full=when_full, coalesce=coalesce
        )

    # The two hooks of a vendor.

    def headers(self) -> Mapping[str, str]:
        """Return the headers that authenticate a request; asked for each one, for a key may change."""
        raise NotImplementedError

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer: None for a success, else the error that says what to do next."""
        raise NotImplementedError

    # Hooks for what few vendors need.

    def authorized(self, transport: Transport) -> Transport:
        """Return what sends the requests: the transport itself, or one around it that adds a token."""
        return transport

    def may_repeat(self, operation: Operation, seconds: float) -> bool:  # noqa: ARG002 - a vendor's hook
        """Return whether a request whose outcome is unknown may be sent again, so long after it was."""
        return operation.facts.idempotent

    def items_of(self, operation: Operation) -> Kind:
        """Return what the operation's items are, where that depends on how the account is set up."""
        return operation.kind

    def route(self, operation: Operation) -> tuple[str, str]:
        """Return the operation's method and path, where a user may set another.

        Raises:
            ConfigurationError: it is not known, and the user has not set it.
        """
        return operation.facts.method, operation.facts.path

    # What the operations ask of their client.

    def kind(self, operation: Operation, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> Kind:
        """Return what the operation's items are, as these arguments and the account have them."""
        kind = self.items_of(operation)
        return kind.under(by=arguments.get("by"), odd=self.settings.odd_identifiers == "send")

    @property
    def watched(self) -> bool:
        """Whether somebody wants to be notified of events."""
        return self.settings.on_event is not None

    @property
    def account(self) -> str:
        """What tells the account from others, without showing a key."""
        return self._account

    @property
    def home(self) -> tuple[str, str]:
        """What tells the server and, whatever the server, the account from others, without showing either."""
        return self._home

    @property
    def retry(self) -> RetryPolicy:
        """How patient a request is."""
        return self.settings.retry

    def run_plan(self, operation: Operation, kind: Kind) -> RunPlan:
        """Return what is decided about a run of the operation over items of a kind."""
        facts, settings = operation.facts, self.settings
        rows, keys, max_bytes = self._limits(operation)
        return RunPlan(
            kind=kind,
            rows=rows,
            keys=keys,
            max_bytes=max_bytes,
            workers=int(self.quota(operation).in_flight),
            idempotent=facts.idempotent,
            erases=facts.erases,
            blame=operation.blame,
            retry=settings.retry,
            allow_empty=settings.allow_empty,
            docs=facts.docs,
        )

    def _limits(self, operation: Operation) -> tuple[int, int | None, int | None]:
        """Return the rows, the distinct keys and the bytes that a request of the operation may have."""
        settings, limit = self.settings, operation.facts.limit
        if operation.shape != "batch":
            return 1, None, settings.max_bytes or _whole(limit.bytes)
        keys, rows = _whole(limit.keys), _whole(limit.rows)
        if rows is None:
            rows = keys or 1
        # Bare identifiers: as many rows as keys can never be too many keys.
        if keys is not None and not operation.kind.keyed:
            rows = min(rows, keys)
        quota = self.quota(operation)
        for window in quota.windows:
            if window.counts == "records":
                most = max(1, int(window.most))
                # What takes the reserve as well would wait for a window with nothing else in it.
                rows = min(rows, most - quota.spare(most))
        return min(rows, settings.max_rows or rows), keys, settings.max_bytes or _whole(limit.bytes)

    def quota(self, operation: Operation) -> Quota:
        """Return the quota of the operation as the settings have it."""
        quota = self._quotas.get(operation.name)
        if quota is None:
            quota = self._quotas[operation.name] = quota_as_set(operation.facts.quota, self.settings)
        return quota

    def prepare(self, operation: Operation, request: Request[object]) -> Prepared:
        """Make a request ready to be sent."""
        kind, fixed = operation.kind, self._fixed.get(operation.name)
        # Whether its address, the query apart, is not simply its operation's.
        varies = request.path or request.headers or request.encoded_query or request.method or request.route
        if request.foreign_url:
            return self._foreign(operation, request)
        own = self.headers()
        if fixed is None or varies or fixed.own != own:
            fixed = self._address(operation, request, own, keep=not varies)
        return Prepared(
            fixed.method,
            add_query(fixed.url, request.query) if request.query else fixed.url,
            fixed.headers,
            request.content
            if request.json is None
            else dump_json(request.json, numbers=kind.keyed, default=kind.default),
            fixed.timeout,
            fixed.most,
            spooled=operation.facts.spooled,
        )

    def caller(self, operation: Operation) -> Sender:
        """Return a sender for single calls that nobody watches: one for all of them that have no deadline."""
        held = self._held.get(asyncio.get_running_loop())
        lasting = self.settings.deadline is None
        if held is not None and lasting and operation.name in held.callers:
            return held.callers[operation.name]
        made = self.sender(operation, operation.unread(self))
        made.urgent = True
        if lasting:
            self._held[asyncio.get_running_loop()].callers[operation.name] = made
        return made

    def _foreign(self, operation: Operation, request: Request[object]) -> Prepared:
        """Make a request to a signed address of somebody else's: none of the account's headers go there."""
        facts, settings = operation.facts, self.settings
        url = signed_url(request.foreign_url, plain=self.base_url.startswith("http://"))
        timeout = settings.timeout or facts.timeout or TIMEOUT
        return Prepared(
            request.method or "PUT", url, dict(request.headers), request.content, timeout, _FOREIGN_ANSWER
        )

    def step_sender(self, operation: Operation, tally: Report, request: Request[Any]) -> Sender:
        """Return a sender for one step of the operation that is judged, or repeated, as itself."""
        judge = _foreign_judge(self.vendor) if request.foreign_url else None
        made = self.sender(operation, tally, judge)
        if request.repeatable is not None:
            made.repeats(always=request.repeatable)
        return made

    def sender(
        self,
        operation: Operation,
        tally: Report,
        judge: Callable[[Response], VendorError | None] | None = None,
    ) -> Sender:
        """Return a sender for the operation, its counts going to the tally."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        held = self._held.get(loop)
        if held is None:
            for ended in [known for known in list(self._held) if known.is_closed()]:
                self._held.pop(ended, None)
            held = self._held[loop] = _Held(circuit_breaker_for(self._account, self.vendor))
        quota = self.quota(operation)
        limiter = held.limiters.get(quota.name)
        if limiter is None:
            limiter = held.limiters[quota.name] = rate_limiter_for(self._account, quota, settings.quotas)
            held.circuit.queues.add(limiter)
        return Sender(
            self._transport,
            limiter,
            judge or self.classify,
            settings.retry,
            lambda seconds: self.may_repeat(operation, seconds),
            tally,
            # A client that switched its circuit breaker off is not stopped by the shared one either.
            held.circuit if settings.retry.circuit_failures else CircuitBreaker(self.vendor),
            loop.time,
            reads=operation.facts.acknowledges == "answered",
            notifier=self._notifier(tally, loop),
            deadline=math.inf if settings.deadline is None else loop.time() + settings.deadline,
        )

    def outage(self) -> Outage | None:
        """Return since when requests of this event loop get no answer; None while they do."""
        held = self._held.get(asyncio.get_running_loop())
        if held is None or held.circuit.silent_since is None:
            return None
        silent = asyncio.get_running_loop().time() - held.circuit.silent_since
        retry = self.settings.retry
        patience = retry.outage_patience
        never = not any(limiter.successes for limiter in held.limiters.values())
        if retry.connection_patience is not None and held.circuit.unreachable and never:
            patience = retry.connection_patience
        return Outage(silent, max(0.0, patience - silent))

    def _notifier(self, tally: Report, loop: asyncio.AbstractEventLoop) -> EventNotifier | None:
        hook = self.settings.on_event
        if hook is None:
            return None
        from netaudience.engine.notifier import EventNotifier  # noqa: PLC0415 - where nobody watches it is not needed

        return EventNotifier(hook, tally, loop.time)

    def _address(
        self, operation: Operation, request: Request[object], own: Mapping[str, str], *, keep: bool
    ) -> _Address:
        """Return the method, the URL and the headers; keep them where nothing in them varies."""
        method, path = self.route(operation)
        path = request.route or path
        for name, value in {**self._path, **request.path}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        headers = {**own, **request.headers}
        if request.json is not None or request.content is not None:
            headers.update(_JSON)
        for name, value in headers.items():
            if not value.isprintable():
                raise ConfigurationError(f"The header {name} holds a line break or a control character")
        url = make_url(self.base_url, path, {}, encoded_query=request.encoded_query)
        # A copy, for a vendor may change its own mapping in place.
        facts, settings = operation.facts, self.settings
        made = _Address(
            request.method or method,
            url,
            dict(own),
            headers,
            settings.timeout or facts.timeout or TIMEOUT,
            settings.max_answer_bytes or facts.max_answer_bytes or MAX_ANSWER_BYTES,
        )
        if keep:
            self._fixed[operation.name] = made
        return made


ClientFactory: TypeAlias = Callable[[type[Client], Settings], Client]
"""What makes a vendor's client with the settings of whoever asks for it."""


def from_environment(vendor: type[Client], settings: Settings) -> Client:
    """Make a vendor's client from the environment: the factory of whoever gives none."""
    return vendor.from_environment(settings=settings)


def _foreign_judge(vendor: str) -> Callable[[Response], VendorError | None]:
    """Return how answers of a host are judged that the vendor has signed an address of."""
    judge = Judge(vendor)

    def judged(response: Response) -> VendorError | None:
        if 200 <= response.status < 300:
            return None
        expired = response.status == 403
        return judge.failure(
            response, kind=Misconfigured if expired else None, remedy=_EXPIRED if expired else ""
        )

    return judged


def shared(settings: Settings | None, environ: Mapping[str, str] | None) -> Settings:
    """Return settings with what the environment says of all vendors, where they say nothing themselves.

    That is ``NETAUDIENCE_QUOTAS``, where quotas are shared, and ``NETAUDIENCE_PLAIN_HTTP``.

    Raises:
        ConfigurationError: a variable, or the file that ``NETAUDIENCE_QUOTAS_FILE`` names, is wrong.
    """
    environ = os.environ if environ is None else environ
    settings = settings or Settings()
    plain = environ.get("NETAUDIENCE_PLAIN_HTTP") or "false"
    if plain not in {"true", "false"}:
        raise ConfigurationError("NETAUDIENCE_PLAIN_HTTP must be true or false")
    if plain == "true":
        settings = attrs.evolve(settings, plain_http=True)
    where = None if settings.quotas is not None else variable("NETAUDIENCE_QUOTAS", environ)
    if where is None:
        return settings
    from netaudience.quotas import quotas_at  # noqa: PLC0415 - who shares nothing need not load it

    try:
        return attrs.evolve(settings, quotas=quotas_at(where))
    except ConfigurationError as error:
        raise ConfigurationError(f"NETAUDIENCE_QUOTAS: {error}") from None


def secret(value: str, what: str) -> str:
    """Check a credential without ever showing it.

    Raises:
        ConfigurationError: it is empty, or holds white space or control characters.
    """
    if not isinstance(value, str) or not value:  # pyright: ignore[reportUnnecessaryIsInstance] # callers without a type checker
        raise ConfigurationError(f"The {what} is missing: it must be text that is not empty")
    if not value.isprintable() or value != value.strip() or not value.isascii():
        raise ConfigurationError(
            f"The {what} holds white space or control characters: copy it again, without the line break"
        )
    return value


def _whole(figure: Figure | None) -> int | None:
    return None if figure is None else int(figure)


def quota_as_set(quota: Quota, settings: Settings) -> Quota:
    """Return a vendor's quota as settings have it."""
    if settings.rate is not None:
        rate = assumed(settings.rate, "set by the caller")
        first, *longer = quota.windows or (per_second(rate),)
        # What the vendor counts by the day stays: a rate says nothing about it.
        windows = (Window(rate, counts=first.counts), *longer)
        quota = attrs.evolve(quota, windows=windows, ceiling=None)
    if settings.in_flight is not None:
        quota = attrs.evolve(quota, in_flight=assumed(settings.in_flight, "set by the caller"))
    # Without a reserve a call would wait for what is lent to other processes ahead.
    reserve = settings.reserve
    if reserve is None:
        reserve = 0.0 if settings.quotas is None else _SHARED_RESERVE
    if reserve:
        quota = attrs.evolve(quota, reserve=reserve)
    return quota
