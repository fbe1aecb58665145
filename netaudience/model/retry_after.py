"""The header ``Retry-After``: for how long a vendor wants not to be asked again."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

from netaudience.model.wire import Response

#: What is no number of seconds to wait, but a moment: the year 2001 in seconds since 1970.
_EPOCHS = 1_000_000_000


def retry_after(response: Response, *, throttled: bool = False) -> float | None:
    """Read how long an answer asks to wait, in seconds from now; None where it says nothing.

    That is ``Retry-After``, in seconds or as a date; of a throttle also ``X-RateLimit-Reset``, which
    successes may carry as well, and which is a number of seconds or the moment itself, told apart by its
    size. A moment is taken relative to the answer's own ``Date``, so that a clock that is off does no harm.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = response.headers.get("Retry-After", "").strip()
    if not text and throttled:
        text = response.headers.get("X-RateLimit-Reset", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
        if seconds < _EPOCHS:
            return seconds
        then: float | None = seconds if seconds < _EPOCHS * 1000 else seconds / 1000
    else:
        then = epoch_of(text)
    if then is None:
        return None
    now = epoch_of(response.headers.get("Date", ""))
    return max(0.0, then - (time.time() if now is None else now))


def epoch_of(text: str) -> float | None:
    """Return the seconds since 1970 of a header's date; None where it is none."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except Exception:  # noqa: BLE001 - a header may hold anything, and the parser raises whatever it likes
        return None
