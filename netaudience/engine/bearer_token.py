"""A transport around another one that sends each request with a bearer token.

The token is fetched when it is first needed, kept until shortly before it ends, and fetched once for all
who wait for it. It knows no vendor: how a token is asked for, and how the answer is read, it is told. It
shows the token to nobody but the inner transport and the signer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias
from weakref import WeakKeyDictionary

from netaudience.engine.cancellation import is_being_cancelled
from netaudience.engine.transport import Transport
from netaudience.errors import (
    AccountError,
    ConfigurationError,
    ConnectionFailed,
    NetaudienceError,
    Refused,
    Throttled,
    TransportError,
    Unauthorized,
    Unavailable,
    VendorError,
)
from netaudience.model.surprises import not_read
from netaudience.model.wire import Prepared, Response

_log = logging.getLogger("netaudience")

#: Takes the method, the URL, the headers and the body of a request; returns headers to send besides.
Signer: TypeAlias = Callable[[str, str, Mapping[str, str], bytes | None], Mapping[str, str]]

#: A token is renewed this many seconds before it ends.
#: Reported of https://github.com/gofynd/fdk-client-python, which renews one that has less left.
_EARLY = 120.0


class TokenTransport:
    """Adds ``Authorization: Bearer …`` to what another transport sends.

    A request that is answered with 401 is sent once more with a fresh token; a second 401 is given back as
    it is. Each event loop has a token of its own, so a client may be used in one loop after another.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        ask: Callable[[], Prepared],
        read: Callable[[Response], tuple[str, float]],
        signer: Signer | None = None,
    ) -> None:
        """Prepare the transport; no token is fetched yet.

        Args:
            inner: Sends the requests; `aclose` closes it.
            ask: Makes the request for a token.
            read: Takes the token and its life in seconds (infinite where the answer does not say) out of
                the answer, or raises the `VendorError` that the answer amounts to.
            signer: Asked for further headers of every request, that for a token included.
        """
        self._inner = inner
        self._ask = ask
        self._read = read
        self._signer = signer
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, _Held] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<TokenTransport around {self._inner!r}>"

    async def send(self, request: Prepared, /) -> Response:
        """Send the request with a token, once more with a fresh one if the first is not accepted.

        Raises:
            ConnectionFailed: nothing was sent, or no token could be fetched.
            AnswerLost: it was sent, and no whole answer came back.
            VendorError: the vendor gives no token.
        """
        held = self._held.setdefault(asyncio.get_running_loop(), _Held())
        token = await self._token(held)
        answer = await self._send(request, token)
        if answer.status != 401:
            return answer
        # Another request may have met the same answer before, and have replaced the token already.
        if held.token == token:
            held.token = None
        return await self._send(request, await self._token(held))

    async def aclose(self) -> None:
        """Close the inner transport. No fetch is open by itself: it ends with the last who waits for it."""
        await self._inner.aclose()

    async def _token(self, held: _Held) -> str:
        """Return the token, fetched first where there is none or it is about to end."""
        loop = asyncio.get_running_loop()
        if held.token is not None and loop.time() < held.renew_at:
            return held.token
        fetch = held.fetch
        if fetch is None:
            fetch = held.fetch = _Fetch(loop.create_task(self._fetch(held)))
        fetch.waiting += 1
        try:
            # Awaiting the task itself would hand one waiter's cancellation on to all the others.
            await asyncio.wait((fetch.task,))
        finally:
            fetch.waiting -= 1
            if not fetch.waiting:
                if held.fetch is fetch:
                    held.fetch = None
                if not fetch.task.done():
                    # The last one leaves, cancelled: no task of ours outlives those it works for.
                    fetch.task.cancel()
                    await asyncio.wait((fetch.task,))
        if fetch.task.cancelled():
            raise _fetch_cancelled()
        return fetch.task.result()

    async def _fetch(self, held: _Held) -> str:
        """Fetch a token and keep it; keep the old one where only its early renewal fails."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            token, life = await self._asked()
        except (ConnectionFailed, Throttled, Unavailable) as error:
            left = held.ends_at - clock()
            if held.token is None or left <= 0:
                raise
            extra = {"operation": "token", "wait_seconds": left / 2}
            if isinstance(error, VendorError):
                extra |= {"vendor": error.vendor, "status": error.status}
            _log.warning("%s; the token at hand is good for another %.0f s", error, left, extra=extra)
            held.renew_at = clock() + left / 2
            return held.token
        # A short life leaves no room for two minutes: half of it is as early as is useful.
        held.token, held.ends_at = token, started + life
        held.renew_at = started + max(life / 2, life - _EARLY)
        _log.debug("a token was fetched", extra={"operation": "token"})
        return token

    async def _asked(self) -> tuple[str, float]:
        """Ask for a token once, and tell every failure as one before the operation itself was sent."""
        try:
            request = self._ask()
            answer = await self._inner.send(self._signed(request, request.headers))
            return self._token_in(answer)
        except TransportError as error:
            raise ConnectionFailed(f"Nothing was sent, because no token could be fetched: {error}") from error
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise _fetch_cancelled() from error
        except VendorError as error:
            raise _before_sending(error) from error

    def _token_in(self, answer: Response) -> tuple[str, float]:
        try:
            return self._read(answer)
        except NetaudienceError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever comes in
            raise not_read(error, "The vendor", answer.status) from None

    async def _send(self, request: Prepared, token: str) -> Response:
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        return await self._inner.send(self._signed(request, headers))

    def _signed(self, request: Prepared, headers: Mapping[str, str]) -> Prepared:
        """Return the request with these headers and the signer's; the request itself stays as it is."""
        if self._signer is not None:
            extra = self._signer(request.method, str(request.url), headers, request.body)
            for name, value in extra.items():
                if not value.isprintable():
                    raise ConfigurationError(
                        f"The signer's header {name} holds a line break or a control character"
                    )
            headers = {**headers, **extra}
        signed = Prepared(
            request.method, request.url, headers, request.body, request.timeout, request.max_answer_bytes
        )
        signed.records, signed.items, signed.spooled = request.records, request.items, request.spooled
        return signed


class _Held:
    """The token of one event loop."""

    __slots__ = ("ends_at", "fetch", "renew_at", "token")

    def __init__(self) -> None:
        self.token: str | None = None
        #: When a new one is fetched, and when this one ends, on the loop's clock.
        self.renew_at = self.ends_at = 0.0
        #: The fetch that is under way.
        self.fetch: _Fetch | None = None


class _Fetch:
    """One request for a token, and how many wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[str]) -> None:
        self.task = task
        self.waiting = 0
        # Where all who waited are gone, nobody asks how it ended.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _fetch_cancelled() -> ConnectionFailed:
    return ConnectionFailed(
        "Nothing was sent, because another part of the program cancelled the request for a token: look at "
        "who closes or cancels the transport"
    )


def _before_sending(error: VendorError) -> VendorError:
    """Tell what the vendor answered to the request for a token: it says nothing about the operation.

    A refusal is not one of the item, and an answer that leaves things open leaves open only the token.
    """
    match error:
        case AccountError() | Throttled():
            return error
        case Unavailable() if not error.may_have_happened:
            return error
        case _:
            kind = Unauthorized if isinstance(error, Refused) else Unavailable
            return kind(
                error.vendor,
                error.status,
                code=error.code,
                vendor_message=error.vendor_message,
                remedy=error.remedy,
                retry_after=error.retry_after,
            )
