"""The quota that processes share, as pure arithmetic: a state, a moment, and what a process tells.

A ticket comes back one window after its request's *answer*, by the store's clock. As that is known so long
before, it is lent ahead, with the span after which it holds: exchanges are rare then, and no ticket is idle.
What a process holds is lent for the length of a lease. Of one that is silent for longer the slots are free at
once, and its tickets come back a window after the lease's end, until which it may have used them.
"""

from __future__ import annotations

import math
from typing import TypedDict

from netaudience.engine.adaptive_rate import AdaptiveRate
from netaudience.engine.shared_quota import Ask, Reply
from netaudience.errors import ConfigurationError
from netaudience.model.limits import Quota
from netaudience.quotas.window_state import WindowState, collect, give_back, owe, take, there, when

#: An answer's age is reported in spans of this length, in seconds, so it came up to so much later.
_TICK = 0.001
#: Seconds within which all who knew a state that was lost, or used a share of their own, have told of it.
_SETTLING = 1.0
#: This many urgent requests pass while a bulk one waits, and no more.
_MOST_PASSING = 10
#: Where something is kept free for calls, bulk is spread: a permit to this share of its even distance.
_SPREAD = 0.8


class Lease(TypedDict):
    """What a process holds, until when, and whether it waits for more."""

    until: float
    slots: int
    out: list[int]
    #: The moment at which all that it was lent ahead holds.
    ahead: float
    #: The moment up to which it counts as one that waits, for an urgent and for a bulk request.
    urgent: float
    bulk: float


class State(TypedDict):
    """All that is known of one quota of one account."""

    epoch: str
    #: The latest moment that was seen.
    at: float
    #: What the quota is like, so that two processes cannot mean different ones.
    figures: list[list[float | str]]
    windows: list[WindowState]
    slots: int
    not_before: float
    leases: dict[str, Lease]
    #: Urgent requests that have passed while bulk waited.
    passed: int
    #: What the adaptive rate goes by; empty where the rate is fixed.
    adaptive: list[float]


def exchange(state: State | None, now: float, quota: Quota, ask: Ask, *, epoch: str) -> tuple[State, Reply]:
    """Return the state after an exchange, and what is answered. The state that is given may be changed.

    Args:
        state: What is known; None where nothing is.
        now: This moment by the store's clock, in seconds.
        quota: The quota.
        ask: What a process tells and wants.
        epoch: What tells a new state from any before, where one is made.

    Raises:
        ConfigurationError: another process uses the quota with other figures.
    """
    state = _known(state, now, quota) or _fresh(now, quota, epoch, lost=bool(ask["epoch"]))
    if ask["epoch"] not in {"", state["epoch"]}:
        # It was made by one that knew of none before: what was used of that one may be all.
        _hold_back(state, now, windows=1)
    elif ask["alone"]:
        # What others have used alone is not known yet, and will be soon.
        _hold_back(state, now + _SETTLING, windows=0)
    lease = state["leases"].get(ask["id"])
    if lease is None:
        lease = Lease(until=0.0, slots=0, out=[0] * len(quota.windows), ahead=0.0, urgent=0.0, bulk=0.0)
    _listen(state, now, lease, quota, ask)
    lease["urgent"] = lease["bulk"] = 0.0
    state["leases"][ask["id"]] = lease
    urgent, bulk = _grant(state, now, lease, quota, ask)
    waits = now + 0.1 + 2 * ask["ahead"]
    if len(urgent) < len(ask["urgent"]):
        lease["urgent"] = waits
    if len(bulk) < len(ask["bulk"]):
        lease["bulk"] = waits
    lease["until"] = now + ask["lease"]
    if not (lease["slots"] or any(lease["out"]) or lease["urgent"] or lease["bulk"]):
        del state["leases"][ask["id"]]
    again, full = _room(state, now, quota, ask, urgent, bulk)
    return state, Reply(
        epoch=state["epoch"],
        urgent=urgent,
        bulk=bulk,
        slots=lease["slots"],
        pause=max(0.0, state["not_before"] - now),
        again=again,
        full=full,
        rate=_rate(state, quota),
        sharing=len(_waiting(state, now, ask["id"], "urgent") | _waiting(state, now, ask["id"], "bulk")),
    )


def figures_of(quota: Quota) -> list[list[float | str]]:
    """Return the figures of a quota as they are kept."""
    windows: list[list[float | str]] = [
        [window.figure.value, window.most, window.per, window.counts] for window in quota.windows
    ]
    ceiling = -1.0 if quota.ceiling is None else quota.ceiling.value
    return [*windows, [quota.in_flight.value, quota.reserve, ceiling]]


def _known(state: State | None, now: float, quota: Quota) -> State | None:
    """Return the state of this moment; None where there is none, or nothing of it counts any more.

    Raises:
        ConfigurationError: another process uses the quota with other figures.
    """
    if state is None:
        return None
    _move_on(state, now)
    if state["figures"] == figures_of(quota):
        return state
    if state["leases"] or any(window["back"] for window in state["windows"]):
        raise other_figures(quota)
    return None


def other_figures(quota: Quota) -> ConfigurationError:
    """Return what is reported where two processes mean different figures of one quota."""
    return ConfigurationError(
        f"Another process uses the quota {quota.name!r} with other figures: give all of an account the same "
        "settings, or wait for a window after the others have ended"
    )


def _fresh(now: float, quota: Quota, epoch: str, *, lost: bool) -> State:
    """Return a state; where one was lost, all its tickets may just have been used."""
    windows: list[WindowState] = []
    for window in quota.windows:
        whole, away = window.tickets()
        windows.append(
            {
                "whole": whole,
                "away": away,
                "free": 0 if lost else whole,
                "back": [(now + away + _TICK, whole)] if lost else [],
            }
        )
    adaptive = (
        [] if quota.ceiling is None else AdaptiveRate(quota.windows[0].most, quota.ceiling.value).memory
    )
    return {
        "epoch": epoch,
        "at": now,
        "figures": figures_of(quota),
        "windows": windows,
        "slots": int(quota.in_flight),
        # Nobody is lent anything of a new state before all have come who may have known another.
        "not_before": now + _SETTLING,
        "leases": {},
        "passed": 0,
        "adaptive": adaptive,
    }


def _move_on(state: State, now: float) -> None:
    """Take back what is due; of a clock that went back, as with a machine's start, no time has passed."""
    behind = min(0.0, now - state["at"])
    if behind:
        state["not_before"] += behind
        for window in state["windows"]:
            window["back"] = [(at + behind, count) for at, count in window["back"]]
        for lease in state["leases"].values():
            lease["until"] += behind
            lease["ahead"] += behind
            lease["urgent"] += behind
            lease["bulk"] += behind
        for index in (2, 3) if state["adaptive"] else ():
            state["adaptive"][index] += behind
    state["at"] = now
    for window in state["windows"]:
        collect(window, now)
    for name in [name for name, lease in state["leases"].items() if lease["until"] <= now]:
        lease = state["leases"].pop(name)
        state["slots"] += lease["slots"]
        for window, out in zip(state["windows"], lease["out"], strict=True):
            # It may have used them until the very end of its lease.
            give_back(window, lease["until"] + window["away"] + _TICK, out)
            collect(window, now)


def _hold_back(state: State, until: float, *, windows: int) -> None:
    """Let nothing that is free out before a moment, and a number of windows more."""
    for window in state["windows"]:
        free = max(0, window["free"])
        window["free"] -= free
        give_back(window, until + windows * window["away"] + _TICK, free)


def _listen(state: State, now: float, lease: Lease, quota: Quota, ask: Ask) -> None:
    """Take note of what a process tells."""
    for index, window in enumerate(state["windows"]):
        holds = ask["holds"][index]
        answered = [(now - age + window["away"] + _TICK, counts[index]) for age, counts in ask["answered"]]
        claimed = holds + sum(count for at, count in answered if at > now)
        if claimed > lease["out"][index]:
            # A state that was lost has lent it, a lease that has ended, or nobody; or it is told again.
            owe(window, claimed - lease["out"][index])
        else:
            # It was not used, or the reply that lent it was lost; some of it may have been lent ahead.
            give_back(window, max(now, lease["ahead"]), lease["out"][index] - claimed)
            collect(window, now)
        for at, count in answered:
            if at > now:
                give_back(window, at, count)
        lease["out"][index] = holds
    # What is out of a lease that has ended still holds its slots, whoever has got them.
    slots = min(ask["slots"], max(lease["slots"], ask["in_flight"]))
    state["slots"] += lease["slots"] - slots
    lease["slots"] = slots
    if ask["pause"]:
        state["not_before"] = max(state["not_before"], now + ask["pause"])
    if quota.ceiling is not None and (ask["throttled"] or ask["successes"]):
        window, per = state["windows"][0], quota.windows[0].per
        away = window["whole"] - window["free"]
        rate = AdaptiveRate.remembered(state["adaptive"], quota.ceiling.value)
        new = (rate.throttled if ask["throttled"] else rate.succeeded)(now, per, away)
        state["adaptive"] = rate.memory
        whole, window["away"] = quota.windows[0].tickets(new)
        window["free"] += whole - window["whole"]
        window["whole"] = whole


def _waiting(state: State, now: float, but: str, lane: str) -> set[str]:
    """Return the other processes in which somebody waits."""
    return {
        name
        for name, lease in state["leases"].items()
        if name != but and (lease["urgent"] if lane == "urgent" else lease["bulk"]) > now
    }


def _grant(state: State, now: float, lease: Lease, quota: Quota, ask: Ask) -> tuple[list[float], list[float]]:
    """Lend permits to those who wait in a process: who is urgent before all bulk, and bulk not never."""
    if now < state["not_before"]:
        return [], []
    urgent_others = _waiting(state, now, ask["id"], "urgent")
    bulk_others = _waiting(state, now, ask["id"], "bulk")
    turn = bool(ask["bulk"] or bulk_others) and state["passed"] >= _MOST_PASSING
    urgent: list[float] = []
    bulk: list[float] = []
    idle = ask["idle"]
    if not (turn and not ask["bulk"]):
        if turn:
            bulk = _give(state, now, lease, quota, ask["bulk"][:1], ask["ahead"], idle, keep=False, sharers=0)
            idle = max(0, idle - len(bulk))
        if not turn or bulk:
            sharers = len(urgent_others)
            urgent = _give(
                state, now, lease, quota, ask["urgent"], ask["ahead"], idle, keep=False, sharers=sharers
            )
            idle = max(0, idle - len(urgent))
    state["passed"] = 0 if bulk else state["passed"] + (len(urgent) if ask["bulk"] or bulk_others else 0)
    if len(urgent) == len(ask["urgent"]) and not urgent_others and ask["bulk"][len(bulk) :]:
        more = _give(
            state,
            now,
            lease,
            quota,
            ask["bulk"][len(bulk) :],
            ask["ahead"],
            idle,
            keep=True,
            sharers=len(bulk_others),
        )
        if more:
            state["passed"] = 0
        bulk = bulk + more
    return urgent, bulk


def _needs(state: State, quota: Quota, records: int) -> list[int]:
    return [
        min(records, window["whole"]) if stated.counts == "records" else 1
        for window, stated in zip(state["windows"], quota.windows, strict=True)
    ]


def _kept(window: WindowState, need: int, quota: Quota, *, keep: bool) -> int:
    """Return how many tickets stay free; what is larger than the share of bulk takes the whole window."""
    return min(quota.spare(window["whole"]), window["whole"] - need) if keep else 0


def _give(  # noqa: PLR0913, PLR0917 - what is wanted, and how it is shared
    state: State,
    now: float,
    lease: Lease,
    quota: Quota,
    weights: list[int],
    ahead: float,
    idle: int,
    *,
    keep: bool,
    sharers: int,
) -> list[float]:
    """Lend permits to the first of them, each with the span after which it holds."""
    starts: list[float] = []
    windows = state["windows"]
    most = int(quota.in_flight)
    slots = math.ceil(max(0, state["slots"] - (quota.spare(most) if keep else 0)) / (1 + sharers))
    if sharers:
        slots = min(slots, math.ceil(most / (1 + sharers)) - lease["slots"])
    # No more than it can send until it asks again: one that is killed takes little along.
    caps = [
        min(
            math.ceil(max(0, there(window, now + ahead)) / (1 + sharers)),
            math.ceil(window["whole"] * ahead / window["away"]) + max(1, window["whole"] // 50),
        )
        for window in windows
    ]
    last = max((known["ahead"] for known in state["leases"].values()), default=now)
    for records in weights:
        needs = _needs(state, quota, records)
        if idle <= 0 and slots <= 0:
            break
        # The first one may take what is there, although it is more than its share.
        if starts and any(need > cap for need, cap in zip(needs, caps, strict=True)):
            break
        at = now
        for window, need in zip(windows, needs, strict=True):
            kept = _kept(window, need, quota, keep=keep)
            at = max(at, when(window, need + kept, now))
            # What leaves in one bunch comes back in one, and calls that come meanwhile would wait for it.
            apart = need * window["away"] / window["whole"] * _SPREAD
            if kept and apart <= ahead:
                at = max(at, last + apart)
        if at > now + ahead:
            break
        for index, (window, need) in enumerate(zip(windows, needs, strict=True)):
            take(window, need, at)
            caps[index] -= need
            lease["out"][index] += need
        if idle > 0:
            idle -= 1
        else:
            slots -= 1
            state["slots"] -= 1
            lease["slots"] += 1
        last = at
        lease["ahead"] = max(lease["ahead"], at)
        starts.append(at - now)
    return starts


def _room(  # noqa: PLR0913, PLR0917 - what was wanted, and what was given
    state: State, now: float, quota: Quota, ask: Ask, urgent: list[float], bulk: list[float]
) -> tuple[float | None, int]:
    """Return the span after which there is room for the first who waits, and the window that is full."""
    left, keep = ask["urgent"][len(urgent) :], False
    if not left:
        left, keep = ask["bulk"][len(bulk) :], True
    if not left:
        return None, 0
    latest, full = now, 0
    for index, (window, need) in enumerate(zip(state["windows"], _needs(state, quota, left[0]), strict=True)):
        at = when(window, need + _kept(window, need, quota, keep=keep), now)
        if at > latest:
            latest, full = at, index
    return (None if math.isinf(latest) else latest - now), full


def _rate(state: State, quota: Quota) -> float:
    if state["adaptive"]:
        return state["adaptive"][0]
    return quota.windows[0].most if quota.windows else math.inf
