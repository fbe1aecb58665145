"""Bytes out, bytes in: the only door to aiohttp's client.

A transport sends a prepared request once and returns the whole answer, or raises one of two errors:
nothing was sent (`ConnectionFailed`), or it was sent and the answer is lost (`AnswerLost`). It never
retries, follows no redirect (credentials must not travel), and judges no status.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Protocol

import aiohttp
from yarl import URL

from netaudience.errors import AnswerLost, ConfigurationError, ConnectionFailed
from netaudience.wire import Prepared, Response

__all__ = ["AiohttpTransport", "Transport", "host_of", "make_url", "port_of"]

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


class AiohttpTransport:
    """Sends with aiohttp. Its session is made at the first request, inside the running loop."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        connect_timeout: float = 30.0,
    ) -> None:
        self._session = session
        self._owned = session is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trust_env = trust_env
        self._connect_timeout = connect_timeout
        self._watch = _Watch()
        #: Sessions of other loops that are not closed; kept, for a finalizer would close their connections.
        self._elsewhere: list[aiohttp.ClientSession] = []

    def __repr__(self) -> str:
        state = "not opened" if self._session is None else "closed" if self._session.closed else "open"
        return f"<AiohttpTransport {state}>"

    async def send(self, request: Prepared, /) -> Response:
        """Send the request once and read the whole answer."""
        session = self._session
        if session is None or self._loop is not asyncio.get_running_loop():
            session = await self._open()
        body = request.body
        overdue = self._watch.enter(request.timeout)
        try:
            async with session.request(
                request.method,
                request.url,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # made by make_url
                data=io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body,
                headers=request.headers,
                allow_redirects=False,
            ) as answer:
                content, truncated = await _read(answer, request.max_answer_bytes)
                return Response(answer.status, answer.headers, content, truncated=truncated)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ClientHttpProxyError,
            aiohttp.ConnectionTimeoutError,
        ) as error:
            raise ConnectionFailed(
                f"No connection to {host_of(request.url)} could be made ({_what(error)}): "
                "look at the base URL, the network and the proxy"
            ) from _shown(error)
        except aiohttp.InvalidURL as error:
            words = "The URL of the request is malformed: look at the base URL"
            raise ConfigurationError(words) from _shown(error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AnswerLost(
                f"The request went to {host_of(request.url)} and no whole answer came back ({_what(error)})"
            ) from _shown(error)
        except asyncio.CancelledError as error:
            if not self._watch.absorbs(overdue):
                raise
            raise AnswerLost(
                f"The request went to {host_of(request.url)} and no whole answer came back within "
                f"{request.timeout:g} s: raise the timeout, or send less in one request"
            ) from error
        finally:
            self._watch.leave(overdue)

    async def aclose(self) -> None:
        """Close the session, unless the caller brought it."""
        self._watch.stop()
        session, self._session = self._session, None
        if session is not None and self._owned and not session.closed:
            await session.close()

    async def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if not self._owned and self._session is not None:
            self._loop = loop
            return self._session
        # A session belongs to the loop in which it was made: a client that meets a new loop starts anew.
        if self._session is not None and self._loop is not None:
            if self._loop.is_closed():
                self._session.detach()
            else:  # it is in use there; after a fork that is in the parent, whose sockets are shared
                self._elsewhere.append(self._session)
        self._session = aiohttp.ClientSession(
            # The pacer holds the requests in flight; a second limit here would only hide it.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
            trust_env=self._trust_env,
            # A cookie set by one answer has no business in the next request.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._loop = loop
        return self._session


class _Overdue:
    """One request's deadline."""

    __slots__ = ("cancelling", "deadline", "fired", "task")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.task = asyncio.current_task()
        self.cancelling = 0 if self.task is None else self.task.cancelling()
        self.fired = False


class _Watch:
    """Cancels overdue requests with one timer for all of them.

    A timeout of aiohttp's own costs 8 % of a request, a timer for each request about 3 %.
    """

    def __init__(self) -> None:
        self._out: set[_Overdue] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self, timeout: float) -> _Overdue:
        loop = asyncio.get_running_loop()
        overdue = _Overdue(loop.time() + timeout)
        self._out.add(overdue)
        if self._timer is None or self._loop is not loop or self._timer.when() > overdue.deadline:
            self.stop()
            self._loop = loop
            self._timer = loop.call_at(overdue.deadline, self._look)
        return overdue

    def leave(self, overdue: _Overdue) -> None:
        # The timer is left to run out: renewing it for each request is what it is there to avoid.
        self._out.discard(overdue)

    def absorbs(self, overdue: _Overdue) -> bool:
        """Return whether a cancellation was ours alone, and undo it then, as `asyncio.timeout` does."""
        return overdue.fired and overdue.task is not None and overdue.task.uncancel() <= overdue.cancelling

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for overdue in [one for one in self._out if one.deadline <= now]:
            # Its task is suspended in `send`, so that is where the cancellation arrives.
            self._out.discard(overdue)
            overdue.fired = True
            if overdue.task is not None:
                overdue.task.cancel()
        if self._out:
            self._timer = loop.call_at(min(one.deadline for one in self._out), self._look)


async def _read(answer: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """Read the body, but no more than so many bytes of it; say whether it was longer."""
    length = answer.content_length
    if length is not None and length <= most and "Content-Encoding" not in answer.headers:
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


def host_of(url: object) -> str:
    """Return the host of a URL that `make_url` made."""
    return str(url.host) if isinstance(url, URL) else "the vendor"


def port_of(url: object) -> int:
    """Return the port of a URL that `make_url` made; 0 where it is not known."""
    return (url.port or 0) if isinstance(url, URL) else 0


def _shown(error: BaseException) -> BaseException | None:
    """Return an error that a traceback may show: what these say is a URL, or what came instead of HTTP."""
    return None if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL) else error


def _what(error: BaseException) -> str:
    """Name a failure without its text, which may hold addresses and what was sent."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
