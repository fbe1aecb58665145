"""Figures that a vendor counts by, each with where it is known from.

A figure without a source cannot be written down here: it is *documented* by the vendor, *reported*
by somebody who saw it, or *assumed* by us, and then it says so wherever it is shown.
"""

from __future__ import annotations

import enum
import math
from typing import Literal

import attrs

from netaudience.errors import ConfigurationError
from netaudience.plurals import many


class Provenance(enum.StrEnum):
    """How a figure is known."""

    #: The vendor says so in its own documents.
    DOCUMENTED = "documented"
    #: Somebody saw or wrote it, outside the vendor's documents.
    REPORTED = "reported"
    #: The vendor's documents had it, and have it no more.
    WITHDRAWN = "withdrawn"
    #: Nobody says so; it is our default, and it is meant to be configured.
    ASSUMED = "assumed"


@attrs.frozen
class Figure:
    """One number with its source."""

    #: The number; its unit is the field's that holds it.
    value: float
    provenance: Provenance
    #: A URL for a documented figure; words for the others.
    source: str

    def __attrs_post_init__(self) -> None:
        """Demand the source.

        Raises:
            ConfigurationError: there is none, or a documented figure has no URL.
        """
        is_documented = self.provenance is Provenance.DOCUMENTED
        if not self.source.strip() or (is_documented and not self.source.startswith("https://")):
            raise ConfigurationError("A figure needs its source, and a documented one the page's URL")

    def __int__(self) -> int:
        return int(self.value)

    def describe(self) -> str:
        """Return the number, how it is known, and the source."""
        number = f"{self.value:,.0f}" if float(self.value).is_integer() else f"{self.value:,}"
        return f"{number} ({self.provenance}: {self.source})"


def documented(value: float, url: str) -> Figure:
    """State a figure that the vendor's own page gives."""
    return Figure(value, Provenance.DOCUMENTED, url)


def reported(value: float, source: str) -> Figure:
    """State a figure that is known from somebody other than the vendor."""
    return Figure(value, Provenance.REPORTED, source)


def assumed(value: float, why: str) -> Figure:
    """State a default of ours where no figure is known."""
    return Figure(value, Provenance.ASSUMED, why)


@attrs.frozen
class Limit:
    """What one request may carry."""

    #: Distinct keys (user identifiers), where the vendor counts those.
    keys: Figure | None = None
    #: Rows, repeated keys included.
    rows: Figure | None = None
    #: Bytes of the encoded body.
    bytes: Figure | None = None

    def figures(self) -> dict[str, Figure]:
        """Return the figures that are set, by what they count."""
        named = {"keys": self.keys, "rows": self.rows, "bytes": self.bytes}
        return {name: figure for name, figure in named.items() if figure is not None}


@attrs.frozen
class Window:
    """A number of requests, or of records, in a number of seconds."""

    #: How many the vendor lets through.
    figure: Figure
    #: The length of the vendor's window, in seconds.
    per: float = 1.0
    #: ``records`` where the vendor counts the entries of a request's body.
    counts: Literal["requests", "records"] = "requests"
    #: The share of the figure that is used, where others draw on the same allowance; all of it if not set.
    share: Figure | None = None

    @property
    def most(self) -> float:
        """How many we let through in a window."""
        return self.figure.value * (1.0 if self.share is None else self.share.value)

    def tickets(self, rate: float | None = None) -> tuple[int, float]:
        """Return how many may be out at one time, and the seconds after an answer for which each is away.

        Nothing is rounded in our own favour: of a rate that is no whole number the rest is left unused, so
        that the parts of a rate that was divided never make more than the whole, and a rate below one has
        longer gaps. Only a share of a figure is used in full: it never makes more than the figure.

        Args:
            rate: How many pass in a window at this moment, where that adapts; `most` if not given.
        """
        most = self.most if rate is None else rate
        bound = most if self.share is None or rate is not None else self.figure.value
        whole = max(1, min(math.ceil(most - _NOISE), math.floor(bound + _NOISE)))
        return whole, self.per * max(1.0, whole / most)

    @property
    def smoothed(self) -> bool:
        """Whether it is used evenly: who has a day's allowance may use it at once."""
        return self.per <= _LONGEST_SMOOTHED

    @property
    def unit(self) -> str:
        """What is counted, for example ``requests per second``."""
        return self.at(2).partition(" ")[2]

    def at(self, value: float) -> str:
        """Return a number of what is counted, for example ``1 request per second``."""
        return many(value, f"{self.counts[:-1]} per {_SPANS.get(self.per, f'{self.per:g} s')}")


#: What the arithmetic of a share may be off by.
_NOISE = 1e-9
#: Seconds.
_LONGEST_SMOOTHED = 60.0
_SPANS = {1.0: "second", 60.0: "minute", 86_400.0: "day"}


def per_second(figure: Figure, *, share: Figure | None = None) -> Window:
    """State how many requests a second has room for."""
    return Window(figure, share=share)


def per_minute(
    figure: Figure,
    *,
    counts: Literal["requests", "records"] = "requests",
    share: Figure | None = None,
) -> Window:
    """State how many requests, or records, a minute has room for."""
    return Window(figure, 60.0, counts, share)


def per_day(figure: Figure) -> Window:
    """State how many requests any 24 hours have room for."""
    return Window(figure, 86_400.0)


@attrs.frozen
class Quota:
    """An allowance that all requests of one account draw on together."""

    #: Names the allowance; operations that name the same one share it.
    name: str
    #: What is counted; every window holds. Where `ceiling` is set there is one, where the rate starts.
    windows: tuple[Window, ...] = ()
    #: Requests at one time.
    in_flight: Figure = attrs.field(factory=lambda: assumed(8, "no documented figure"))
    #: Where set, the rate adapts: halved on a throttle, raised on success up to this many per window.
    ceiling: Figure | None = None
    #: The share of every window, and of the requests at one time, that bulk runs leave to single calls.
    reserve: float = 0.0

    def __attrs_post_init__(self) -> None:
        """Demand what the rate limiter can keep.

        Raises:
            ConfigurationError: a rate that adapts has not exactly one window, or the reserve is no share.
        """
        if not 0.0 <= self.reserve < 1.0:
            raise ConfigurationError(
                f"The reserve must be a share of the quota, at least 0 and less than 1, not {self.reserve:g}"
            )
        if self.ceiling is not None and len(self.windows) != 1:
            raise ConfigurationError(f"The quota {self.name!r} adapts, so it must have exactly one window")

    def figures(self) -> dict[str, Figure]:
        """Return the figures that are set, by what they count."""
        named: dict[str, Figure | None] = {}
        for window in self.windows:
            named[window.unit] = window.figure
            named[f"share used of {window.unit}"] = window.share
        named["in flight"] = self.in_flight
        if self.ceiling is not None:
            named[f"ceiling of {self.windows[0].unit}"] = self.ceiling
        return {name: figure for name, figure in named.items() if figure is not None}

    def spare(self, whole: int) -> int:
        """Return how many requests in flight bulk runs leave free; at least one stays for them."""
        return min(math.ceil(self.reserve * whole - 1e-9), whole - 1)

    def minimum_seconds(self, requests: int, records: int | None = None) -> float:
        """Return the shortest time in which the windows let a number of a bulk run's requests through."""
        counted = {"requests": requests, "records": requests if records is None else records}
        least = 0.0
        for window in self.windows:
            whole, seconds = window.tickets()
            rate = whole * window.per / seconds - self.spare(whole)
            windows = (counted[window.counts] - 1) / rate
            least = max(least, (windows if window.smoothed else windows // 1) * window.per)
        return least
