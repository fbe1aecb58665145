"""Credentials from the environment or from files, never from a command line's flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from netaudience.errors import ConfigurationError

__all__ = ["optional", "required"]


def optional(vendor: str, name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return ``NETAUDIENCE_<VENDOR>_<NAME>``, or the content of the file that ``…_FILE`` names.

    Raises:
        ConfigurationError: both are set, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    variable = _variable(vendor, name)
    value, file = environ.get(variable), environ.get(f"{variable}_FILE")
    if value and file:
        raise ConfigurationError(f"Both {variable} and {variable}_FILE are set: unset one of them")
    if not file:
        return value or None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"The file named by {variable}_FILE cannot be read: {what}") from error


def required(vendor: str, name: str, what: str, environ: Mapping[str, str] | None = None) -> str:
    """Return a variable like `optional`, and demand that it is there.

    Raises:
        ConfigurationError: it is not set.
    """
    value = optional(vendor, name, environ)
    if value is None:
        variable = _variable(vendor, name)
        raise ConfigurationError(f"{variable} is not set: set it (or {variable}_FILE) to {what}")
    return value


def _variable(vendor: str, name: str) -> str:
    return f"NETAUDIENCE_{vendor.upper()}_{name.upper()}"
