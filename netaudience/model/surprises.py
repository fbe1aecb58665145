"""What becomes of a mistake of ours: it is told of the one item or answer, and to whoever can mend it.

Rules, readers and hooks know what can be wrong. What they did not think of is told of the item alone, and
never ends a run. The log says where it was, and nothing of what the item holds.
"""

from __future__ import annotations

import logging
from pathlib import PurePath

from netaudience.errors import InvalidItem, Unreadable

_log = logging.getLogger("netaudience")
#: This many places are logged, each once: a million rows that meet the same mistake are one mistake.
_MOST = 1000
_logged: set[str] = set()
_DEEP = "The item holds values that are nested beyond measure"


def surprise(error: Exception) -> str:
    """Log a mistake of ours, and return what and where it was."""
    place, trace = "", error.__traceback__
    while trace is not None:
        parts = PurePath(trace.tb_frame.f_code.co_filename).parts
        if "netaudience" in parts:
            inner = parts[len(parts) - parts[::-1].index("netaudience") :]
            place = f" at {'/'.join(inner)}:{trace.tb_lineno}"
        trace = trace.tb_next
    what = f"{type(error).__name__}{place}"
    if what not in _logged and len(_logged) < _MOST:
        _logged.add(what)
        _log.error(
            "netaudience met something that it does not expect (%s). That is a mistake in it: please report "
            "it, with this line. What it was about is reported, and everything else goes on",
            what,
        )
    return what


def not_checked(error: Exception) -> InvalidItem:
    """Return why an item is rejected on which a rule, or what writes it, has failed."""
    if isinstance(error, InvalidItem):
        return error
    if isinstance(error, RecursionError):
        return InvalidItem(_DEEP)
    return InvalidItem(
        f"netaudience failed on the item ({surprise(error)}), which is a mistake in it: please report it"
    )


def unwritable(error: Exception) -> InvalidItem:
    """Return why an item is rejected of which no request can be made."""
    if isinstance(error, TypeError | ValueError) and not isinstance(error, UnicodeError):
        return InvalidItem(f"The item cannot be written as JSON: {error}")
    return not_checked(error)


def not_read(error: Exception, vendor: str, status: int) -> Unreadable:
    """Return what an answer amounts to on which a reader has failed."""
    if isinstance(error, RecursionError):
        remedy = "Its values are nested beyond measure"
    else:
        remedy = f"netaudience failed on it ({surprise(error)}), which is a mistake in it: please report it"
    return Unreadable(vendor, status, remedy=remedy, may_have_happened=True)
