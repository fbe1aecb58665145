"""What drivers raise, as sentences without a secret and without a value of a row.

A driver's words may quote either. They are passed on only where they can be of nothing but the query itself.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.columns.duckdb import masked
from netaudience.jobs.connectors.rows import Stop

#: The class of SQLSTATE for queries that are wrong, or ask for what the user may not see.
_WRONG_QUERY = "42"
_STATE = re.compile(r"[0-9A-Z]{5}")
#: Shorter pieces of a URI, such as its port, stand in many words by chance.
_LONG = 4


@contextmanager
def telling_of(
    what: str, stop: Stop, *, key: str, secret: str = "", remedy: str
) -> Generator[None, None, None]:
    """Turn whatever a driver raises into a sentence.

    Args:
        what: What was done, as the sentence begins.
        stop: Tells whether somebody has ended it on purpose.
        key: The key of the source that is to be mended.
        secret: What no sentence may hold, nor a part of it.
        remedy: What to do, as the sentence ends.

    Raises:
        ConfigurationError: the query, or what the key says, is wrong.
        SourceFailed: somebody has ended it.
    """
    try:
        yield
    except NetaudienceError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        if stop.asked:
            raise SourceFailed("The reading of the source was ended") from None
        # The driver's own error holds its words, so it is not passed on.
        raise ConfigurationError(
            f"{what} ({_kind(error)}){_words(error, secret)}: {remedy}", key=key
        ) from None


def _kind(error: Exception) -> str:
    state = _state(error)
    return type(error).__name__ + (f", SQLSTATE {state}" if state else "")


def _state(error: Exception) -> str:
    for name in ("sqlstate", "pgcode"):
        state = getattr(error, name, None)
        if isinstance(state, str) and _STATE.fullmatch(state):
            return state
    return ""


def _words(error: Exception, secret: str) -> str:
    """Return what the driver says of the query, on one line; empty where it may be of a row."""
    state, kind = _state(error), type(error)
    of_query = state.startswith(_WRONG_QUERY) if state else kind.__name__ == "ProgrammingError"
    if not of_query and not (kind.__module__ == "sqlite3" and kind.__name__ == "OperationalError"):
        return ""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    said = re.sub(r"^.*?ERROR: +", "", said)
    for piece in sorted(set(_pieces(secret)), key=len, reverse=True):
        said = said.replace(piece, "…")
    return f": {masked(said)}" if said else ""


def _pieces(secret: str) -> Iterator[str]:
    """Give a secret and what it is made of."""
    found = [secret, *re.findall(r'[^\s"\';=,{}:]+', secret)]
    try:
        url = urlsplit(secret)
        found += [url.netloc, url.username or "", url.password or "", url.hostname or "", url.path.strip("/")]
        found += [value for _, value in parse_qsl(url.query)]
    except ValueError:
        pass
    for piece in found:
        yield from (one for one in (piece, unquote(piece)) if len(one) >= _LONG)
