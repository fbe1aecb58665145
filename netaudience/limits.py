"""Figures that a vendor counts by, each with where it is known from.

A figure without a source cannot be written down here: it is *documented* by the vendor, *reported*
by somebody who saw it, or *assumed* by us, and then it says so wherever it is shown.
"""

from __future__ import annotations

import enum
import math

import attrs

from netaudience.errors import ConfigurationError

__all__ = ["Figure", "Limit", "Provenance", "Quota", "assumed", "documented", "reported"]


class Provenance(enum.StrEnum):
    """How a figure is known."""

    #: The vendor says so in its own documents.
    DOCUMENTED = "documented"
    #: Somebody saw or wrote it, outside the vendor's documents.
    REPORTED = "reported"
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
class Quota:
    """An allowance that all requests of one account draw on together."""

    #: Names the allowance; operations that name the same one share it.
    name: str
    #: Requests per `per` seconds. Where `ceiling` is set this is only where the rate starts.
    rate: Figure | None = None
    #: The length of the vendor's window, in seconds.
    per: float = 1.0
    #: Requests at one time.
    in_flight: Figure = attrs.field(factory=lambda: assumed(8, "no documented figure"))
    #: Where set, the rate adapts: halved on a throttle, raised on success up to this many per `per`.
    ceiling: Figure | None = None

    def figures(self) -> dict[str, Figure]:
        """Return the figures that are set, by what they count."""
        per = "second" if self.per == 1 else f"{self.per:g} s"
        named = {
            f"requests per {per}": self.rate,
            "in flight": self.in_flight,
            f"ceiling per {per}": self.ceiling,
        }
        return {name: figure for name, figure in named.items() if figure is not None}

    def minimum_seconds(self, requests: int) -> float:
        """Return the shortest time in which the rate lets this many requests through."""
        if self.rate is None or requests <= 1:
            return 0.0
        return (requests - 1) * self.per / self.rate.value if math.isfinite(self.rate.value) else 0.0
