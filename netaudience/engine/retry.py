"""When a request is sent again, and how long it waits before that.

Pure arithmetic around `backoff`'s wait generators. Its decorators are not used: they jitter a
``Retry-After`` downwards, cut the last wait short, and cannot take a fresh slot for every attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from datetime import UTC
from email.utils import parsedate_to_datetime

import attrs

from netaudience.wire import Response

__all__ = ["RetryPolicy", "Waits", "retry_after"]


@attrs.frozen
class RetryPolicy:
    """How patient a request is. All figures are ours, not a vendor's."""

    #: Attempts at one request that a vendor in trouble gets; waiting for the quota is none.
    attempts: int = 8
    #: Seconds of the first wait; each further one is twice as long, with full jitter.
    first_wait: float = 0.5
    #: The longest wait between two attempts, in seconds.
    longest_wait: float = 30.0
    #: Seconds for which throttles are waited out without one success in between.
    throttle_patience: float = 900.0
    #: Requests in a row without a sign of life, each counted once, after which the vendor counts as down
    #: and is asked again with one request at a time; 0 for never. No vendor says when it is down.
    circuit_failures: int = 5


class Waits:
    """The waits of one request or one quota: exponential, each drawn between nothing and its bound."""

    def __init__(self, policy: RetryPolicy) -> None:
        import backoff  # noqa: PLC0415 - costs a program's start, and most requests never wait

        self._jitter: Callable[[float], float] = backoff.full_jitter
        self._bounds: Generator[float, None, None] = backoff.expo(
            factor=policy.first_wait, max_value=policy.longest_wait
        )
        next(self._bounds)  # backoff's generators are primed by their first, empty step

    def next(self, asked: float | None = None) -> float:
        """Return the seconds to wait now; never less than the vendor asked for."""
        wait = self._jitter(next(self._bounds))
        return wait if asked is None else asked + min(wait, 0.1)


def retry_after(response: Response) -> float | None:
    """Read ``Retry-After``, in seconds or as a date, as seconds from now; None where it says nothing.

    A date is taken relative to the answer's own ``Date``, so that a clock that is off does no harm.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    then = _epoch(text)
    if then is None:
        return None
    now = _epoch(response.headers.get("Date", ""))
    return max(0.0, then - (time.time() if now is None else now))


def _epoch(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
