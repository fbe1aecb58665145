"""The commands ``netaudience quotas``: who holds what of the limits that processes share, and a pause.

No key and no account is shown: the store knows neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal, TypeVar, cast

from netaudience.cli.display import tell, wrapped
from netaudience.cli.output import StandardOutput, json_line, width_of_output
from netaudience.credentials import variable
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.model.limits import Window, assumed
from netaudience.plurals import many, rounded
from netaudience.quotas.at import quotas_at
from netaudience.quotas.store import Kept, QuotaStore

T = TypeVar("T")
#: Letters of an account's digest, as they stand in the name of a client too.
_ACCOUNT = 6


def show_quotas(where: str | None, *, as_json: bool) -> int:
    """Print what is kept, and who holds what of it.

    Raises:
        NetaudienceError: the store is not named, or cannot be reached.
    """
    found = _with(where, lambda store: store.read())
    if as_json:
        StandardOutput().write([json_line(_facts(kept)) for kept in found])
        return ExitCode.DELIVERED
    if not found:
        tell("Nothing is kept: nobody has used these limits yet, or all was cleared")
    width = width_of_output()
    for kept in found:
        first, *others = _sentences(kept)
        lines = wrapped(first, "", width)
        for sentence in others:
            lines += wrapped(sentence, "  ", width)
        StandardOutput().write([f"{line}\n".encode() for line in lines])
    return ExitCode.DELIVERED


def pause_quotas(where: str | None, seconds: float) -> int:
    """Let no process send for so long; 0 ends a pause.

    Raises:
        NetaudienceError: the store is not named, or cannot be reached, or the span is less than 0.
    """
    if not 0 <= seconds < 10_000_000:
        raise ConfigurationError("--seconds is a span of time, and 0 ends a pause")
    count = _with(where, lambda store: store.pause(seconds))
    what = many(count, "quota")
    if not count:
        tell("Nothing is kept yet, so there is nothing to pause")
    elif seconds:
        tell(f"Nothing is sent of {what} for {duration(seconds)}: all processes hear it within a second")
    else:
        tell(f"The pause of {what} is over: all processes hear it within a second")
    return ExitCode.DELIVERED


def clear_quotas(where: str | None) -> int:
    """Forget all that is kept.

    Raises:
        NetaudienceError: the store is not named, or cannot be reached.
    """
    count = _with(where, lambda store: store.clear())
    tell(
        f"{many(count, 'quota is')} forgotten: processes that go on count all of it as used, and wait for "
        "a window"
    )
    return ExitCode.DELIVERED


def _with(where: str | None, ask: Callable[[QuotaStore], Awaitable[T]]) -> T:
    place = where or variable("NETAUDIENCE_QUOTAS")
    if place is None:
        raise ConfigurationError(
            "Say where quotas are shared: a file or a URL, or set NETAUDIENCE_QUOTAS, where nobody sees a "
            "password"
        )
    store = quotas_at(place)

    async def go() -> T:
        try:
            return await ask(store)
        finally:
            await store.aclose()

    return asyncio.run(go())


def _windows(kept: Kept) -> Iterator[tuple[str, int, int]]:
    """Give what each window counts, and how much of it is free, of how many."""
    for figures, window in zip(kept.state["figures"], kept.state["windows"], strict=False):
        value, per = float(figures[0]), float(figures[2])
        counts = cast('Literal["requests", "records"]', figures[3])
        back = sum(count for at, count in window["back"] if at <= kept.now)
        yield Window(assumed(value, "kept"), per, counts).unit, window["free"] + back, window["whole"]


def _sentences(kept: Kept) -> Iterator[str]:
    state = kept.state
    most = int(float(state["figures"][-1][0]))
    free = [f"{max(0, there)} of {whole} {unit}" for unit, there, whole in _windows(kept)]
    free.append(f"{max(0, state['slots'])} of {most} at one time")
    yield f"{kept.quota}, account {kept.account[:_ACCOUNT]}: {', '.join(free)} are free."
    if state["adaptive"]:
        yield f"The rate adapts, and is {rounded(state['adaptive'][0])} at this moment."
    if state["not_before"] > kept.now:
        yield f"It is paused: nothing is sent for another {duration(state['not_before'] - kept.now)}."
    held = False
    for name, lease in sorted(state["leases"].items()):
        if lease["until"] <= kept.now:
            continue
        held = True
        host, process = _process(name)
        tickets = " and ".join(str(count) for count in lease["out"]) or "no"
        waits = "waits for more, " if max(lease["urgent"], lease["bulk"]) > kept.now else ""
        yield (
            f"Process {process} on {host} holds {tickets} {'ticket' if tickets == '1' else 'tickets'} and "
            f"{many(lease['slots'], 'request')} at one time, "
            f"{waits}and keeps them for {lease['until'] - kept.now:.1f} s unless it is heard of again."
        )
    if not held:
        yield "No process holds any of it."


def _process(name: str) -> tuple[str, str]:
    host, _, rest = name.partition(" ")
    return host, rest.partition(" ")[0]


def _facts(kept: Kept) -> dict[str, object]:
    state = kept.state
    return {
        "quota": kept.quota,
        "account": kept.account[:_ACCOUNT],
        "windows": [
            {"counts": unit, "free": max(0, there), "of": whole} for unit, there, whole in _windows(kept)
        ],
        "in_flight": {"free": max(0, state["slots"]), "of": int(float(state["figures"][-1][0]))},
        "rate": state["adaptive"][0] if state["adaptive"] else None,
        "pause": round(max(0.0, state["not_before"] - kept.now), 3),
        "processes": [
            {
                "host": _process(name)[0],
                "process": _process(name)[1],
                "tickets": lease["out"],
                "in_flight": lease["slots"],
                "waits": max(lease["urgent"], lease["bulk"]) > kept.now,
                "lease": round(lease["until"] - kept.now, 3),
            }
            for name, lease in sorted(state["leases"].items())
            if lease["until"] > kept.now
        ],
    }
