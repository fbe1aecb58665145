"""The base of every vendor's client: its lifecycle, its settings, and the two hooks of a vendor.

A vendor's client states its operations and overrides `headers` (how requests are authenticated) and
`classify` (how an answer is judged). A client may be made anywhere, at import too: nothing is opened
before the first request, and a new event loop gets a session of its own.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import math
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias
from urllib.parse import quote

import attrs

from netaudience.engine.circuit import Circuit, circuit_for
from netaudience.engine.pacing import Pacer, pacer_for
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.sender import Sender
from netaudience.engine.transport import AiohttpTransport, Transport, add_query, check_proxy, make_url
from netaudience.errors import ConfigurationError, VendorError
from netaudience.items import Kind
from netaudience.limits import Figure, Quota, Window, assumed, per_second
from netaudience.operations import operations_of
from netaudience.outcomes import Report
from netaudience.wire import Prepared, Request, Response, dump_json
from netaudience.work import Operation

if TYPE_CHECKING:
    from netaudience.client_batcher import ClientBatcher
    from netaudience.engine.sink import WhenFull
    from netaudience.engine.teller import Teller
    from netaudience.events import Hook

__all__ = ["Client", "Settings", "confirmed", "secret"]


def _positive(_settings: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - two types
    if value is not None and value <= 0:
        raise ConfigurationError(f"{attribute.name} must be more than 0, not {value:g}")


def _proxy(_settings: object, _attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_proxy(value)


def _share(_settings: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigurationError(
            f"{attribute.name} is a share of the quota: at least 0 and less than 1, not {value:g}"
        )


@attrs.frozen(kw_only=True)
class Settings:
    """What may be set differently from our defaults; None keeps the operation's own figure."""

    #: Requests per second of the account (records, where the vendor counts those), fixed: it replaces a
    #: documented and an adaptive rate alike.
    rate: float | None = attrs.field(default=None, validator=_positive)
    #: Requests at one time.
    in_flight: int | None = attrs.field(default=None, validator=_positive)
    #: Rows per request; never more than the vendor documents.
    max_rows: int | None = attrs.field(default=None, validator=_positive)
    #: Bytes of a request's body.
    max_bytes: int | None = attrs.field(default=None, validator=_positive)
    #: Seconds for one exchange with the vendor.
    timeout: float = attrs.field(default=30.0, validator=_positive)
    #: The longest answer that is read, in bytes.
    max_answer_bytes: int = attrs.field(default=16_000_000, validator=_positive)
    #: How patient a request is.
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    #: Seconds that a call, one page, or a whole run may take from the moment it is awaited, all waits
    #: included: what cannot leave in time is not sent. None for as long as it takes.
    deadline: float | None = attrs.field(default=None, validator=_positive)
    #: The share of the quota, at least 0 and less than 1, that bulk runs leave free for single calls and for
    #: runs that fit in one request. All clients of an account must give the same.
    reserve: float = attrs.field(default=0.0, validator=_share)
    #: Whether a source may give no item at all.
    allow_empty: bool = False
    #: Whether proxies are taken from ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.
    trust_env: bool = False
    #: The proxy of all requests, as ``http://user:password@host:port``. It is shown nowhere.
    proxy: str | None = attrs.field(default=None, validator=_proxy, repr=False)
    #: Whom to trust and what certificate to show, where the system's authorities are not enough.
    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    #: Called with an event for every request that is over and every pause.
    on_event: Hook | None = attrs.field(default=None, repr=False, eq=False)


class _Held:
    """What a client and its views hold together in one event loop."""

    __slots__ = ("callers", "circuit", "pacers")

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.pacers: dict[str, Pacer] = {}
        #: By operation, what sends its single calls.
        self.callers: dict[str, Sender] = {}


#: Method, URL and headers.
_Address: TypeAlias = tuple[str, object, Mapping[str, str]]
_JSON = {"Content-Type": "application/json"}


class Client:
    """One account of a vendor. Use it as an async context manager, or call `aclose` at the end."""

    #: The vendor's name as people write it.
    vendor: ClassVar[str]
    #: The vendor's name in commands and variables.
    slug: ClassVar[str]

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
        make_url(base_url, "/", {})
        self.base_url = base_url
        self.settings = settings or Settings()
        if transport is not None and (self.settings.tls or self.settings.proxy or self.settings.trust_env):
            raise ConfigurationError(
                "A transport of your own brings its own TLS and proxy: set them up there, not in Settings"
            )
        self._account = hashlib.sha256(f"{self.slug}\0{base_url}\0{account}".encode()).hexdigest()
        self._owned = transport is None
        self._opened = transport or AiohttpTransport(
            tls=self.settings.tls,
            proxy=self.settings.proxy,
            trust_env=self.settings.trust_env,
            # Shorter than the whole exchange: what fails to connect was not sent, and is told so.
            connect_timeout=min(10.0, self.settings.timeout / 2),
        )
        self._transport = self.authorized(self._opened)
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}
        self._is_view = False
        self._path = path or {}
        #: What is the same in all requests of an operation, by its name.
        self._fixed: dict[str, _Address] = {}
        self._quotas: dict[str, Quota] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of account {self._account[:6]}>"

    async def __aenter__(self) -> Self:
        """Return the client; nothing is opened before the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close what this client opened in this loop. A transport that the caller brought stays open.

        A view that `with_options` made opened nothing, so closing it does nothing.
        """
        if self._is_view:
            return
        held = self._held.pop(asyncio.get_running_loop(), None)
        for pacer in held.pacers.values() if held is not None else ():
            pacer.users -= 1
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
        view = copy.copy(self)
        view.settings = attrs.evolve(self.settings, deadline=deadline)
        view._is_view = True  # noqa: SLF001 - it is of this class
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
        from netaudience.client_batcher import ClientBatcher  # noqa: PLC0415 - who needs none need not load it

        return ClientBatcher(
            self.account, linger=linger, max_pending=max_pending, when_full=when_full, coalesce=coalesce
        )

    # The two hooks of a vendor.

    def headers(self) -> Mapping[str, str]:
        """Return the headers that authenticate a request."""
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

    def kind(self, operation: Operation) -> Kind:
        """Return what the operation's items are, where that depends on how the account is set up."""
        return operation.kind

    def route(self, operation: Operation) -> tuple[str, str]:
        """Return the operation's method and path, where a user may set another.

        Raises:
            ConfigurationError: it is not known, and the user has not set it.
        """
        return operation.facts.method, operation.facts.path

    # What the operations ask of their client.

    @property
    def allow_empty(self) -> bool:
        """Whether a source may give no item."""
        return self.settings.allow_empty

    @property
    def watched(self) -> bool:
        """Whether somebody wants to be told of events."""
        return self.settings.on_event is not None

    @property
    def account(self) -> str:
        """What tells the account from others, without showing a key."""
        return self._account[:16]

    @property
    def retry(self) -> RetryPolicy:
        """How patient a request is."""
        return self.settings.retry

    def workers(self, operation: Operation) -> int:
        """Return how many requests of the operation may be in flight."""
        return int(self.quota(operation).in_flight)

    def limits(self, operation: Operation) -> tuple[int, int | None, int | None]:
        """Return the rows, the distinct keys and the bytes that a request of the operation may have."""
        settings, limit = self.settings, operation.facts.limit
        if operation.shape != "batch":
            return 1, None, settings.max_bytes or _whole(limit.bytes)
        keys, rows = _whole(limit.keys), _whole(limit.rows)
        if rows is None:
            rows = keys or 1
        # Bare identifiers: as many rows as keys can never be too many keys.
        if keys is not None and not operation.kind.ordered:
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
            quota = self._quotas[operation.name] = self._quota_as_set(operation.facts.quota)
        return quota

    def _quota_as_set(self, quota: Quota) -> Quota:
        settings = self.settings
        if settings.rate is not None:
            rate = assumed(settings.rate, "set by the caller")
            first, *longer = quota.windows or (per_second(rate),)
            # What the vendor counts by the day stays: a rate says nothing about it.
            windows = (Window(rate, counts=first.counts), *longer)
            quota = attrs.evolve(quota, windows=windows, ceiling=None)
        if settings.in_flight is not None:
            quota = attrs.evolve(quota, in_flight=assumed(settings.in_flight, "set by the caller"))
        if settings.reserve:
            quota = attrs.evolve(quota, reserve=settings.reserve)
        return quota

    def prepare(self, operation: Operation, request: Request[object]) -> Prepared:
        """Make a request ready to be sent."""
        facts, settings = operation.facts, self.settings
        fixed = self._fixed.get(operation.name)
        # Whether its address, the query apart, is not simply its operation's.
        varies = request.path or request.headers or request.encoded_query or request.method
        if fixed is None or varies:
            fixed = self._address(operation, request, keep=not varies)
        method, url, headers = fixed
        return Prepared(
            method,
            add_query(url, request.query) if request.query else url,
            headers,
            None if request.json is None else dump_json(request.json, numbers=operation.kind.ordered),
            facts.timeout or settings.timeout,
            facts.max_answer_bytes or settings.max_answer_bytes,
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

    def sender(self, operation: Operation, tally: Report) -> Sender:
        """Return a sender for the operation, its counts going to the tally."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        held = self._held.get(loop)
        if held is None:
            for ended in [known for known in list(self._held) if known.is_closed()]:
                self._held.pop(ended, None)
            held = self._held[loop] = _Held(circuit_for(self._account, self.vendor))
        quota = self.quota(operation)
        pacer = held.pacers.get(quota.name)
        if pacer is None:
            pacer = held.pacers[quota.name] = pacer_for(self._account, quota)
            held.circuit.queues.add(pacer)
        return Sender(
            self._transport,
            pacer,
            self.classify,
            settings.retry,
            lambda seconds: self.may_repeat(operation, seconds),
            tally,
            # Who does not want one is not stopped by that of another client either.
            held.circuit if settings.retry.circuit_failures else Circuit(self.vendor),
            loop.time,
            reads=operation.facts.acknowledges == "answered",
            teller=self._teller(tally, loop),
            deadline=math.inf if settings.deadline is None else loop.time() + settings.deadline,
        )

    def _teller(self, tally: Report, loop: asyncio.AbstractEventLoop) -> Teller | None:
        hook = self.settings.on_event
        if hook is None:
            return None
        from netaudience.engine.teller import Teller  # noqa: PLC0415 - where nobody watches it is not needed

        return Teller(hook, tally, loop.time)

    def _address(self, operation: Operation, request: Request[object], *, keep: bool) -> _Address:
        """Return the method, the URL and the headers; keep them where nothing in them varies."""
        method, path = self.route(operation)
        for name, value in {**self._path, **request.path}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        headers = {**self.headers(), **request.headers}
        if request.json is not None:
            headers.update(_JSON)
        for name, value in headers.items():
            if not value.isprintable():
                raise ConfigurationError(f"The header {name} holds a line break or a control character")
        url = make_url(self.base_url, path, {}, encoded_query=request.encoded_query)
        made = request.method or method, url, headers
        if keep:
            self._fixed[operation.name] = made
        return made


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


def confirmed(confirm: bool, what: str) -> None:  # noqa: FBT001 - handed on as it was given
    """Demand that what cannot be undone, or acts on everybody, is meant.

    Raises:
        ConfigurationError: `confirm` is not True.
    """
    if confirm is not True:
        raise ConfigurationError(f"This operation {what}: pass confirm=True if that is meant")


def _whole(figure: Figure | None) -> int | None:
    return None if figure is None else int(figure)
