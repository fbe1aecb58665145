"""A picture with axes, as elements of a page: curves that stretch with it, words as large as its text.

Curves are SVG without a word in it, in a box as wide as the page has room; marks, titles and what the colours
mean are the page's own text around it. So a picture is read on a telephone as on a wide screen, and no word
stands in the way of another. Colours are named by what they mean: the style sheet says what they look like.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement

import attrs

#: The box of the curves, in its own units: it is stretched to whatever the page gives it.
_WIDE, _HIGH = 1000.0, 100.0
_MOST_MARKS = 5


def say(parent: Element, tag: str, text: str, kind: str = "", style: str = "") -> Element:
    """Add an element with a text, of a class and a style, and return it."""
    element = SubElement(parent, tag, {name: to for name, to in (("class", kind), ("style", style)) if to})
    element.text = text
    return element


def key(parent: Element, shown: Iterable[tuple[str, str, str]]) -> None:
    """Say what the colours mean: for each its words, its colour's name, and how it is drawn (a class)."""
    line = SubElement(parent, "div", {"class": "key"})
    for words, role, drawn in shown:
        each = SubElement(line, "span")
        SubElement(each, "i", {"class": drawn, "style": f"color: {_colour(role)}"})
        each[0].tail = words


@attrs.frozen
class Scale:
    """From values to shares of a picture's width or height."""

    low: float
    high: float
    #: Whether equal ways are equal factors; both ends are above 0 then.
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return where a value stands, from 0 to 1; what lies beyond an end stands at it."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0

    def marks(self) -> list[float]:
        """Return a few round values between the ends."""
        if not self.is_log:
            span = self.high - self.low or 1
            unit = 10 ** math.floor(math.log10(span))
            step = next(unit * by for by in (0.1, 0.2, 0.5, 1, 2) if span / (unit * by) < _MOST_MARKS)
            first = math.ceil(self.low / step)
            return [number * step for number in range(first, math.floor(self.high / step) + 1)]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found: list[float] = []
        for steps in ((1, 2, 5), (1,)):
            every = [by * 10.0**decade for decade in decades for by in steps]
            found = [each for each in every if self.low <= each <= self.high]
            if len(found) <= _MOST_MARKS:
                break
        return found[:: math.ceil(len(found) / _MOST_MARKS) or 1]


class Plot:
    """A picture with axes under way.

    Args:
        parent: The element that it becomes a part of.
        title: What it shows.
        across: The scale from left to right.
        up: The scale from below.
        spell: Writes a mark at the left.
    """

    def __init__(
        self, parent: Element, title: str, across: Scale, up: Scale, spell: Callable[[float], str]
    ) -> None:
        self._across = across
        self._up = up
        self._key: list[tuple[str, str, str]] = []
        say(parent, "div", title, "title")
        self._keys = SubElement(parent, "div")
        plot = SubElement(parent, "div", {"class": "plot"})
        left = SubElement(plot, "div", {"class": "left"})
        box = {"viewBox": f"0 0 {_WIDE:g} {_HIGH:g}", "preserveAspectRatio": "none", "aria-hidden": "true"}
        self._svg = SubElement(plot, "svg", box)
        self._below = SubElement(plot, "div", {"class": "below"})
        for mark in up.marks():
            say(left, "span", spell(mark), style=f"bottom: {up.share(mark):.2%}")
            self._line(f"M0 {self._y(mark)}H{_WIDE:g}", "line", "grid")

    def means(self, words: str, role: str, drawn: str = "area") -> None:
        """Say what a colour means; in the order in which it is said."""
        self._key.append((words, role, drawn))

    def area(
        self, edges: Sequence[float], tops: Sequence[float], role: str, below: Sequence[float] = ()
    ) -> None:
        """Fill what lies between two flights of stairs, or a flight and the ground."""
        way = "".join(self._stairs(edges, tops))
        if below:
            back = self._stairs(edges[::-1], below[::-1])
            way += "L" + "".join(back)[1:]
        else:
            way += f"V{_HIGH:g}H{self._x(edges[0])}"
        SubElement(self._svg, "path", {"d": f"{way}Z", "style": f"fill: {_colour(role)}"})

    def stairs(self, edges: Sequence[float], values: Sequence[float], role: str) -> None:
        """Draw a flight of stairs; a value that is no number is a gap."""
        self._line("".join(self._stairs(edges, values)), role, "curve")

    def level(self, value: float) -> None:
        """Draw a dashed line from left to right."""
        self._line(f"M0 {self._y(value)}H{_WIDE:g}", "ink", "dashed")

    def moment(self, at: float, role: str = "ink", drawn: str = "dotted") -> None:
        """Draw a line from the ground to the top."""
        self._line(f"M{self._x(at)} 0V{_HIGH:g}", role, drawn)

    def shade(self, spans: Iterable[tuple[float, float, float]], role: str) -> None:
        """Shade spans from left to right, each to a share of the height, behind everything."""
        way = "".join(
            f"M{self._x(start)} {_HIGH:g}V{_HIGH * (1 - height):.1f}H{self._x(end)}V{_HIGH:g}Z"
            for start, end, height in spans
        )
        if way:
            shape = Element("path", {"d": way, "class": "shade", "style": f"fill: {_colour(role)}"})
            self._svg.insert(0, shape)

    def end(self, marks: Iterable[tuple[float, str]] = (), words: str = "") -> None:
        """Write the marks below, and what the colours mean."""
        for number, (at, text) in enumerate(marks):
            # Where the page is narrow, every other one is left out.
            say(
                self._below,
                "span",
                text,
                "spare" if number % 2 else "",
                f"left: {self._across.share(at):.2%}",
            )
        if words:
            say(self._below, "em", words)
        if not len(self._below):
            self._below.set("class", "below bare")
        key(self._keys, self._key)

    def _stairs(self, edges: Sequence[float], values: Sequence[float]) -> Iterator[str]:
        is_drawing = False
        for start, end, value in zip(edges[:-1], edges[1:], values, strict=True):
            if math.isnan(value):
                is_drawing = False
                continue
            yield f"V{self._y(value)}" if is_drawing else f"M{self._x(start)} {self._y(value)}"
            yield f"H{self._x(end)}"
            is_drawing = True

    def _line(self, way: str, role: str, drawn: str) -> None:
        SubElement(self._svg, "path", {"d": way, "class": drawn, "style": f"stroke: {_colour(role)}"})

    def _x(self, value: float) -> str:
        return f"{_WIDE * self._across.share(value):.4g}"

    def _y(self, value: float) -> str:
        return f"{_HIGH * (1 - self._up.share(value)):.4g}"


def _colour(role: str) -> str:
    return f"var(--{role.replace(' ', '-')})"
