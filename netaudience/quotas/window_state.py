"""The tickets of one window that no process holds: those that are free, and when others come back."""

from __future__ import annotations

import math
from typing import TypedDict

#: Tickets that come back within this share of a window come back together, at its end.
_GRAIN = 1 / 200


class WindowState(TypedDict):
    """The tickets of one window that no process holds."""

    whole: int
    #: Seconds for which a ticket is away after its answer.
    away: float
    free: int
    #: When tickets come back, and how many.
    back: list[tuple[float, int]]


def collect(window: WindowState, now: float) -> None:
    """Let those be free that are back by now."""
    back = window["back"]
    while back and back[0][0] <= now:
        window["free"] += back.pop(0)[1]


def give_back(window: WindowState, at: float, count: int) -> None:
    """Remember that tickets come back at that moment; those of one grain together, at its end."""
    if not count:
        return
    grain = window["away"] * _GRAIN
    at = math.ceil(at / grain) * grain
    back = window["back"]
    index = len(back)
    while index and back[index - 1][0] > at:
        index -= 1
    if index and back[index - 1][0] == at:
        back[index - 1] = (at, back[index - 1][1] + count)
    else:
        back.insert(index, (at, count))


def take(window: WindowState, count: int, until: float) -> None:
    """Take tickets, the latest of those that are there until then: the earlier ones are for who is urgent."""
    back = window["back"]
    for index in range(len(back) - 1, -1, -1):
        at, there = back[index]
        if at <= until and count:
            taken = min(count, there)
            count -= taken
            back[index] = (at, there - taken)
    window["back"] = [(at, there) for at, there in back if there]
    window["free"] -= count


def owe(window: WindowState, count: int) -> None:
    """Take tickets that are known too late, those that others would get first; there may be too few."""
    taken = min(count, max(0, window["free"]))
    count -= taken
    window["free"] -= taken
    back = window["back"]
    while back and count:
        at, there = back[0]
        taken = min(count, there)
        count -= taken
        if taken == there:
            back.pop(0)
        else:
            back[0] = (at, there - taken)
    window["free"] -= count


def there(window: WindowState, until: float) -> int:
    """Return how many are free by then."""
    return window["free"] + sum(count for at, count in window["back"] if at <= until)


def when(window: WindowState, need: int, now: float) -> float:
    """Return when a number of tickets are there; infinite where that is not known yet."""
    missing = need - window["free"]
    if missing <= 0:
        return now
    for at, count in window["back"]:
        missing -= count
        if missing <= 0:
            return at
    return math.inf
