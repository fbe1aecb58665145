"""Bytes out, bytes in: the only door to aiohttp's client.

A transport sends a prepared request once and returns the whole answer, or raises one of two errors:
nothing was sent (`ConnectionFailed`), or it was sent and the answer is lost (`AnswerLost`). It never
retries, follows no redirect (credentials must not travel), and judges no status.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import ssl
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import hdrs
from yarl import URL

from netaudience.engine.spooled import Spooled
from netaudience.engine.timeouts import TimeoutWatchdog
from netaudience.errors import AnswerLost, ConfigurationError, ConnectionFailed, NetaudienceError
from netaudience.model.wire import Prepared, Response

#: The longest body that stays in memory where a long one is kept in a file.
_SHORT = 1_000_000
#: aiohttp warns above this size that writing the bytes blocks the loop, and streams files instead.
_LARGE_BODY = 1_000_000


class Transport(Protocol):
    """The seam at which tests and other clients of HTTP come in."""

    async def send(self, request: Prepared, /) -> Response:
        """Send the request once.

        Raises:
            ConnectionFailed: nothing was sent.
            AnswerLost: it was sent, and no whole answer came back.
        """
        ...

    async def aclose(self) -> None:
        """Close what this transport opened."""
        ...


def make_url(base_url: str, path: str, query: Mapping[str, str], *, encoded_query: str = "") -> URL:
    """Join a base URL, a path that is already percent-encoded, and a query, or one already encoded.

    Raises:
        ConfigurationError: the base URL is malformed.
    """
    try:
        base = URL(base_url)
    except ValueError as error:
        raise ConfigurationError(f"The base URL is malformed ({error}): give https://host") from error
    if base.scheme not in {"http", "https"} or not base.host or base.user or base.query_string:
        raise ConfigurationError(
            "The base URL is malformed: give a scheme and a host, with no user and no query, "
            "such as https://restapi.netmera.com"
        )
    if encoded_query:
        path = f"{path}?{encoded_query}"
    url = URL(str(base).rstrip("/") + path, encoded=True)
    return url.with_query(query) if query else url


def signed_url(text: str, *, plain: bool) -> URL:
    """Read an address that a vendor has signed; not a sign of it may change.

    Args:
        text: The address.
        plain: Whether it may be one without encryption, as the vendor's own is.

    Raises:
        ConfigurationError: it is none; the message does not hold it, for whoever has it may use it.
    """
    try:
        url = URL(text, encoded=True)
    except ValueError:
        url = URL()
    if url.scheme not in ({"http", "https"} if plain else {"https"}) or not url.host or url.user:
        raise ConfigurationError(
            "The vendor named an address to send a file to that is none, or that is not encrypted: "
            "look at the base URL, and at a proxy that may answer in the vendor's place"
        )
    return url


def add_query(url: object, query: Mapping[str, str | int | bool]) -> object:
    """Return a URL that `make_url` made, with a query; booleans are written as ``true`` and ``false``."""
    if not isinstance(url, URL):
        return url
    return url.with_query(
        {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
    )


def check_proxy(proxy: str) -> URL:
    """Read a proxy's URL.

    Raises:
        ConfigurationError: it is malformed; the message does not hold it.
    """
    try:
        url = URL(proxy)
        f"{url.user}{url.password}".encode("latin1")  # as aiohttp is going to
    except (TypeError, ValueError):
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(
            "The proxy's URL is malformed: give http://host:port, or http://user:password@host:port "
            "with each sign of the two percent-encoded that is no letter and no digit"
        )
    return url


class AiohttpTransport:
    """Sends with aiohttp: each event loop gets a session of its own, made at its first request.

    `aclose` closes the session of the loop that it is called in. Where a loop ends before, as a program's
    loop under `asyncio.run` does, its session is closed with it.

    Args:
        session: The caller's own session, used as it is set up and never closed here. It belongs to the
            loop in which it was made.
        tls: Whom to trust and what certificate to show, where the system's authorities are not enough.
        proxy: The URL of the proxy for all requests.
        trust_env: Whether proxies are taken from ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.
        connect_timeout: Seconds for finding the host, connecting and TLS.

    Raises:
        ConfigurationError: the proxy's URL is malformed, or there is a session and another option: these
            belong into the session then.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        connect_timeout: float = 30.0,
    ) -> None:
        self._here: dict[asyncio.AbstractEventLoop, _Here] = {}
        if session is not None and (tls is not None or proxy is not None or trust_env):
            raise ConfigurationError(
                "A session of your own brings its own TLS and proxy: set them up there, not here"
            )
        self._brought = session
        self._tls = tls
        self._proxy = None if proxy is None else check_proxy(proxy)
        self._trust_env = trust_env and proxy is None
        self._connect_timeout = connect_timeout
        self._from_environment: dict[str, URL | None] = {}

    def __repr__(self) -> str:
        states = {"closed" if here.session.closed else "open" for here in self._here.values()}
        return f"<AiohttpTransport {' and '.join(sorted(states)) or 'not opened'}>"

    def __del__(self) -> None:
        """Warn of what was never closed, and have it closed."""
        open_still = False
        for loop, here in self._here.items():
            if loop.is_closed():
                _abandon(here)
            elif here.closing is not None and not here.session.closed:
                _forgotten.setdefault(loop, []).append(here)
                open_still = True
        if open_still:
            warnings.warn(
                "A client of netaudience was forgotten with its connections open: make it in an "
                "`async with`, or `await client.aclose()` at the end",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    async def send(self, request: Prepared, /) -> Response:
        """Send the request once and read the whole answer.

        Raises:
            ConnectionFailed: nothing was sent.
            AnswerLost: it was sent, and no whole answer came back.
            ConfigurationError: the URL is malformed, or the caller's own session cannot be used.
        """
        loop = asyncio.get_running_loop()
        here = self._here.get(loop)
        if here is None or here.session.closed:
            here = await self._open(loop)
        proxy = self._environment(request.url) if self._trust_env else self._proxy
        body, watch = request.body, here.watch
        task = asyncio.current_task(loop)
        watch.enter(loop, task, request.timeout)
        answer: aiohttp.ClientResponse | None = None
        failure: NetaudienceError
        try:
            answer = await here.session.request(
                request.method,
                request.url,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # made by make_url
                data=io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body,
                headers=request.headers,
                allow_redirects=False,
                proxy=proxy,
            )
            # An answer that is read to its end has given its connection back: `async with` would only ask.
            arriving, truncated = answer.content, False
            spooled: Spooled | None = None
            try:
                if arriving.is_eof() and arriving.total_bytes <= request.max_answer_bytes:
                    # It came together with its headers, as most do: five coroutines less than to wait for it.
                    content = arriving.read_nowait()
                elif request.spooled and answer.status == 200:
                    content, truncated, spooled = await _spool(answer, request.max_answer_bytes)
                else:
                    content, truncated = await _read(answer, request.max_answer_bytes)
            except BaseException:
                answer.close()
                raise
            if answer.status == 407:  # the proxy's own: no vendor's server may say so
                raise _refused_by_proxy(proxy, 407)
            return Response(answer.status, answer.headers, content, truncated=truncated, spooled=spooled)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = _failure_of(error, request.url, proxy, answered=answer is not None)
            failure.__cause__ = _cause(error)
        except asyncio.CancelledError:
            if not watch.absorbs(task):
                raise
            failure = AnswerLost(
                f"The request went to {host_of(request.url)} and no whole answer came back within "
                f"{request.timeout:g} s: raise the timeout, or send less in one request"
            )
        finally:
            watch.leave(task)
        # Here, where nothing is handled: what aiohttp raised names the URL, and would be its context.
        raise failure

    async def aclose(self) -> None:
        """Close this loop's session, unless the caller brought it."""
        here = self._here.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.aclose()
        self._let_go()

    async def _open(self, loop: asyncio.AbstractEventLoop) -> _Here:
        """Open this loop's session; let go of what other loops left behind."""
        self._let_go()
        for here in _forgotten.pop(loop, ()):
            await here.aclose()
        if self._brought is not None:
            here = _Here(_usable(self._brought, loop), None)
        else:
            session = aiohttp.ClientSession(
                # The rate limiter holds the requests in flight; a second limit here would only hide it.
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout),
                # A cookie set by one answer has no business in the next request.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            closing = _closing(session)
            await anext(closing)
            here = _Here(session, closing)
        self._here[loop] = here
        return here

    def _let_go(self) -> None:
        """Forget the sessions of loops that have ended."""
        for loop, here in list(self._here.items()):
            if loop.is_closed():
                del self._here[loop]
                _abandon(here)
        for loop in [loop for loop in list(_forgotten) if loop.is_closed()]:
            for here in _forgotten.pop(loop, ()):
                _abandon(here)

    def _environment(self, url: object) -> URL | None:
        """Return the proxy that the environment names for a URL.

        aiohttp would ask in a thread for each request, and take the vendor's credentials from netrc.
        """
        if not isinstance(url, URL):
            return None
        origin = str(url.origin())
        if origin not in self._from_environment:
            named = getproxies()
            address = named.get(url.scheme) or named.get("all")
            if address is None or proxy_bypass(f"{url.host}:{url.port}"):
                self._from_environment[origin] = None
            else:
                whole = address if "://" in address else f"http://{address}"
                self._from_environment[origin] = check_proxy(whole)
        return self._from_environment[origin]


class _Here:
    """What one event loop has of a transport."""

    __slots__ = ("closing", "session", "watch")

    def __init__(self, session: aiohttp.ClientSession, closing: AsyncGenerator[None] | None) -> None:
        self.session = session
        #: Closes the session when it ends; None where the caller brought it.
        self.closing = closing
        self.watch = TimeoutWatchdog()

    async def aclose(self) -> None:
        self.watch.stop()
        if self.closing is not None:
            await self.closing.aclose()


#: What dropped transports left open: closed with its loop, or before the loop's next session is opened.
_forgotten: dict[asyncio.AbstractEventLoop, list[_Here]] = {}


async def _closing(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    """Close a session at the end of this generator, which is that of its loop at the latest.

    `asyncio.run`, and whatever else ends a loop with care, closes the generators that are still open.
    """
    try:
        yield
    finally:
        await session.close()


def _abandon(here: _Here) -> None:
    """Close a session whose loop is closed: it has nothing left to wait for."""
    if here.closing is not None:
        with suppress(StopIteration):
            here.session.close().send(None)


def _usable(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
    """Return the caller's session where it can be used in this loop."""
    if session.closed:
        raise ConfigurationError(
            "The session that the client was given is closed: close the client first, or leave the making "
            "of sessions to it"
        )
    if session._loop is not loop:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] # there is no public way to ask
        raise ConfigurationError(
            "The session that the client was given belongs to another event loop: make one in this loop, "
            "or leave the making of sessions to the client"
        )
    return session


async def _read(answer: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """Read the body up to a number of bytes; say whether it was longer."""
    headers = answer.headers
    length = headers.get(hdrs.CONTENT_LENGTH)
    if (
        length is not None
        and length.isdecimal()
        and int(length) <= most
        and hdrs.CONTENT_ENCODING not in headers
    ):
        return await answer.read(), False
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > most:
            answer.close()
            return b"".join(parts)[:most], True
    return b"".join(parts), False


async def _spool(answer: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool, Spooled | None]:
    """Read the body into memory where it is short, else into a file; say whether it was longer than that."""
    parts: list[bytes] = []
    size, spooled = 0, None
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            answer.close()
            return b"", True, None
        if spooled is None and size > _SHORT:
            spooled = Spooled()
            spooled.write(b"".join(parts))
            parts.clear()
        if spooled is None:
            parts.append(part)
        else:
            spooled.write(part)
    return b"".join(parts), False, spooled


def host_of(url: object) -> str:
    """Return the host of a URL that `make_url` made."""
    return str(url.host) if isinstance(url, URL) else "the vendor"


def port_of(url: object) -> int:
    """Return the port of a URL that `make_url` made; 0 where it is not known."""
    return (url.port or 0) if isinstance(url, URL) else 0


_TLS = (
    "nothing was sent. Give Settings(tls=…) an ssl.SSLContext with the authority to trust "
    "(load_verify_locations) and the certificate to show (load_cert_chain)"
)


def _failure_of(error: Exception, url: object, proxy: URL | None, *, answered: bool) -> NetaudienceError:
    """Tell what aiohttp raised: was something sent, and what is there to do."""
    host = host_of(url)
    match error:
        case aiohttp.ClientHttpProxyError():
            return _refused_by_proxy(proxy, error.status)
        case aiohttp.ClientProxyConnectionError():
            return ConnectionFailed(
                f"No connection to the proxy {_named(proxy)} could be made ({_what(error)}): nothing was "
                "sent. Look at the proxy's address and whether it runs"
            )
        case aiohttp.ClientConnectorError(os_error=ssl.SSLCertVerificationError() as reason):
            return ConnectionFailed(
                f"The certificate of {host} is not trusted ({reason.verify_message}): {_TLS}"
            )
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError() as reason):
            why = (reason.reason or "no reason given").lower().replace("_", " ")
            return ConnectionFailed(f"No TLS connection to {host} could be made ({why}): {_TLS}")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return ConnectionFailed(
                f"No connection to {host} could be made ({_what(error)}): "
                "look at the base URL, the network and the proxy"
            )
        case aiohttp.InvalidURL():
            return ConfigurationError("The URL of the request is malformed: look at the base URL")
        case ValueError() if not answered:
            return ConfigurationError(
                "aiohttp does not take the request as the session is set up: a session of your own must "
                "add no credentials (its auth, and netrc with its trust_env)"
            )
        case _ if _demands_certificate(error):
            return ConnectionFailed(f"{host} demands a client certificate, or another one: {_TLS}")
        case _:
            return AnswerLost(
                f"The request went to {host} and no whole answer came back ({_what(error)}): look at the "
                "network and the proxies in between, and whether it was done before you send it again"
            )


def _cause(error: Exception) -> Exception | None:
    """Return what a traceback may show: the system's errors, and none of aiohttp's, which name the URL."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, socket.gaierror):
        return inner
    if isinstance(inner, ssl.SSLError):
        return ssl.SSLError(getattr(inner, "reason", None) or "TLS")
    if isinstance(inner, OSError) and type(inner).__module__ == "builtins" and inner.errno is not None:
        return OSError(inner.errno, os.strerror(inner.errno))  # its own text may be anybody's
    return None


def _refused_by_proxy(proxy: URL | None, status: int) -> ConnectionFailed:
    """Tell of a proxy that passed nothing on."""
    if status == 407:
        return ConnectionFailed(
            f"The proxy {_named(proxy)} demands other credentials (HTTP 407): nothing was sent. "
            "Give them in the proxy's URL, as http://user:password@host:port"
        )
    return ConnectionFailed(
        f"The proxy {_named(proxy)} made no connection (HTTP {status}): nothing was sent. "
        "Look at what it allows"
    )


def _named(proxy: URL | None) -> str:
    return "of the session" if proxy is None else host_of(proxy)


def _demands_certificate(error: BaseException) -> bool:
    """Return whether the server ended a TLS connection for want of a certificate.

    In TLS 1.3 it says so after the client's part of the handshake is done, and reads no request before.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    why: str = getattr(cause, "reason", None) or ""
    return "_ALERT_" in why and why.endswith(("CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_REQUIRED"))


def _what(error: BaseException) -> str:
    """Name a failure without its text, which may hold addresses, the URL and what was sent."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, socket.gaierror):
        return inner.strerror or "the name is not known"
    if isinstance(inner, OSError) and not isinstance(inner, ssl.SSLError) and inner.errno is not None:
        return os.strerror(inner.errno)
    return type(error).__name__
