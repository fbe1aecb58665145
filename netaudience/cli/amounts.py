"""Amounts as people write them on a command line: a share, a number of rows or a share of them, a time."""

from __future__ import annotations

import re

from netaudience.errors import ConfigurationError

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(s|m|h|)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def share_of(text: str, flag: str) -> float:
    """Read a share such as 1%.

    Raises:
        ConfigurationError: it is none, or not above 0% and at most 100%.
    """
    found = _SHARE.fullmatch(text.strip())
    share = float(found.group(1)) / 100 if found else 0.0
    if not 0 < share <= 1:
        raise ConfigurationError(f"{flag} is a share above 0% and at most 100%, such as 1%")
    return share


def first_of(text: str) -> float:
    """Read a number of rows, or a share of them, which is below 1 then.

    Raises:
        ConfigurationError: it is neither.
    """
    plain = text.strip()
    if re.fullmatch(r"[0-9]{1,12}", plain) and int(plain) > 0:
        return float(int(plain))
    share = _SHARE.fullmatch(plain)
    if share is None or not 0 < float(share.group(1)) < 100:
        raise ConfigurationError("--first is a number of rows such as 100, or a share of them such as 1%")
    return float(share.group(1)) / 100


def seconds_of(text: str, flag: str) -> float:
    """Read a time such as 60s, 5m or 1h; a number alone is seconds.

    Raises:
        ConfigurationError: it is none.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{flag} is a time such as 60s, 5m or 1h")
    return float(found.group(1)) * _UNITS[found.group(2)]
