"""When a request is sent again, and how long it waits before that.

Pure arithmetic around `backoff`'s wait generators. Its decorators are not used: they jitter a
``Retry-After`` downwards, cut the last wait short, and cannot take a fresh slot for every attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import attrs

from netaudience.errors import ConfigurationError


def _not_less(_policy: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - two types
    if value is not None and not value >= 0:
        raise ConfigurationError(f"{attribute.name} must be a number of at least 0, not {value:g}")


@attrs.frozen
class RetryPolicy:
    """How patient a request is. All figures are ours, not a vendor's."""

    #: Attempts at one request that a vendor in trouble gets; waiting for the quota is none.
    attempts: int = attrs.field(default=8, validator=_not_less)
    #: Seconds of the first wait; each further one is twice as long, with full jitter.
    first_wait: float = attrs.field(default=0.5, validator=_not_less)
    #: The longest wait between two attempts, in seconds.
    longest_wait: float = attrs.field(default=30.0, validator=_not_less)
    #: Seconds for which throttles are waited out without one success in between.
    throttle_patience: float = attrs.field(default=900.0, validator=_not_less)
    #: Seconds for which a vendor that does not answer is asked again before a run stops, whatever attempts
    #: that takes; 0 where the attempts of one request decide. A single call never waits so long.
    outage_patience: float = attrs.field(default=0.0, validator=_not_less)
    #: Seconds for which a connection that cannot be made is tried again by a single call, and by a run that
    #: has had no answer yet: where nobody listens, an address is wrong more often than a vendor is down.
    #: None for as long as the figures above say.
    connection_patience: float | None = attrs.field(default=None, validator=_not_less)
    #: Requests in a row without a sign of life, each counted once, after which the vendor counts as down
    #: and is asked again with one request at a time; 0 for never. No vendor says when it is down.
    circuit_failures: int = attrs.field(default=5, validator=_not_less)


#: The least bound of waits, in seconds, where no number of attempts ends them.
_LEAST = 0.1


class Waits:
    """The waits of one request or one quota: exponential, each drawn between nothing and its bound."""

    def __init__(self, policy: RetryPolicy, *, counted: bool = True) -> None:
        """Begin with the first wait.

        Args:
            policy: How long they are.
            counted: Whether a number of attempts ends them. Where time alone does, none of them may be
                nothing: a vendor that refuses for minutes would be asked without a pause.
        """
        import backoff  # noqa: PLC0415 - costs a program's start, and most requests never wait

        self._jitter: Callable[[float], float] = backoff.full_jitter
        least = 0.0 if counted else _LEAST
        self._bounds: Generator[float, None, None] = backoff.expo(
            factor=max(policy.first_wait, least), max_value=max(policy.longest_wait, least)
        )
        next(self._bounds)  # backoff's generators are primed by their first, empty step

    def next(self, asked: float | None = None) -> float:
        """Return the seconds to wait now; never less than the vendor asked for."""
        wait = self._jitter(next(self._bounds))
        return wait if asked is None else asked + min(wait, 0.1)
