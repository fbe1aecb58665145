"""What a sandbox is and what moves in it, as JSON can say it.

Accounts are numbered in the order they came: where a vendor's account is named by its key, a name
would be a secret on a page without credentials. Of bodies, what is named as a secret is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice

import attrs

from netaudience.sandbox.core import SandboxCore
from netaudience.sandbox.limits import Meter
from netaudience.sandbox.protocol import Vendor

#: Keys that are listed at once.
_LISTED = 100
#: What secrets are called in bodies.
_NAMES = r"[\w-]*(?:secret|password|passcode|api[_-]?key|authorization|(?:access|refresh)[_-]?token)"
_IN_JSON = re.compile(rf'("{_NAMES}"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[\w.+-]+)', re.IGNORECASE)
_IN_FORM = re.compile(rf"((?:^|&){_NAMES}=)[^&\s]+", re.IGNORECASE)


def standing(core: SandboxCore) -> dict[str, object]:
    """What the sandbox serves, and the rules and limits of every vendor."""
    return {
        "routes": [
            {**attrs.asdict(route), "served": point.served is not None}
            for point in core.endpoints
            for route in point.routes
        ],
        "vendors": {
            name: {
                "limits": attrs.asdict(core.limits_of(name)),
                "allowances": {
                    allowance: attrs.asdict(core.limits_of(name, allowance))
                    for allowance in core.allowances(name)
                },
                "state": dict(vendor.counts()),
                "commands": _commands(core, name),
                "rules": [attrs.asdict(rule) for rule in vendor.rules],
            }
            for name, vendor in core.vendors.items()
        },
    }


def moving(core: SandboxCore) -> dict[str, object]:
    """State, limits in use, requests, faults, clock and delays."""
    # First, because it lets the effects whose time has come change the state.
    pending = dict(core.pending())
    return {
        "clock": clock(core),
        "state": {name: dict(vendor.counts()) for name, vendor in core.vendors.items()},
        "delay": dict(core.effects.delay),
        "pending": pending,
        "faults": faults(core),
        "requests": {
            f"{vendor} {operation}": dict(statuses)
            for (vendor, operation), statuses in core.ledger.statuses.items()
        },
        "applied": {
            f"{vendor} {operation}": len(keys) for (vendor, operation), keys in core.ledger.applied.items()
        },
        "allowances": _allowances(core),
    }


def clock(core: SandboxCore) -> dict[str, float]:
    """The sandbox's clock."""
    return {"now": core.now(), "wall": core.clock.wall(), "advanced": core.clock.advanced}


def faults(core: SandboxCore) -> list[dict[str, object]]:
    """The faults that are switched on."""
    return [{**attrs.asdict(fault), "ids": sorted(fault.ids)} for fault in core.plan.faults]


def last_requests(core: SandboxCore, count: int) -> list[dict[str, object]]:
    """The last requests of the log, the newest first."""
    kept = {body.ordinal for body in core.ledger.bodies}
    last = islice(reversed(core.ledger.requests), count)
    return [{**attrs.asdict(entry), "body": entry.ordinal in kept} for entry in last]


def body_of(core: SandboxCore, ordinal: int) -> dict[str, object] | None:
    """What one of the last requests carried, as text and without secrets; None where it is not kept."""
    for body in core.ledger.bodies:
        if body.ordinal == ordinal:
            text = _IN_FORM.sub(r"\1…", _IN_JSON.sub(r'\1"…"', body.text.decode(errors="replace")))
            return {"ordinal": ordinal, "size": body.size, "whole": body.size == len(body.text), "text": text}
    return None


def keys(vendor: Vendor, collection: str, containing: str) -> dict[str, object]:
    """The first keys of a collection, those that contain a text, and whether there are more."""
    wanted = containing.casefold()
    found = list(islice((key for key in vendor.keys(collection) if wanted in key.casefold()), _LISTED + 1))
    return {"keys": found[:_LISTED], "more": len(found) > _LISTED}


def _commands(core: SandboxCore, vendor: str) -> dict[str, list[str]]:
    """By the vendor's own names: what the callers' command calls an operation, where they said it."""
    called: defaultdict[str, list[str]] = defaultdict(list)
    for point in core.endpoints:
        if point.vendor == vendor and point.served is not None and point.commands:
            called[point.served.operation.name] += point.commands
    return called


def _allowances(core: SandboxCore) -> list[dict[str, object]]:
    """What every account does with each of its allowances now, against what it may do."""
    now = core.now()
    accounts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows: list[dict[str, object]] = []
    for (vendor, allowance, account), meter in core.meters().items():
        known = accounts[vendor]
        number = 0 if not account else known.setdefault(account, len(known) + 1)
        rows.append({"vendor": vendor, "allowance": allowance, "account": number, **_use(meter, now)})
    return rows


def _use(meter: Meter, now: float) -> dict[str, object]:
    return {
        "rate": meter.rate(now),
        "peak_rate": meter.peak_in_a_second,
        "windows": [
            {
                **attrs.asdict(counted.window),
                "used": counted.used(now),
                "arrived": counted.arrived(now),
                "peak": counted.peak,
            }
            for counted in (*meter.requests, *meter.records)
        ],
        "in_flight": meter.in_flight,
        "in_flight_limit": meter.limits.in_flight,
        "peak_in_flight": meter.peak_in_flight,
        "refused": meter.refused,
    }
