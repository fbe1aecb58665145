"""Credentials from the environment or from files, never from a command line's flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from netaudience.errors import ConfigurationError


def optional(vendor: str, name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return ``NETAUDIENCE_<VENDOR>_<NAME>``, or the content of the file that ``…_FILE`` names.

    Raises:
        ConfigurationError: both are set, or the file cannot be read.
    """
    return variable(_variable(vendor, name), environ)


def variable(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return a variable of the environment, or the content of the file that ``…_FILE`` names.

    Raises:
        ConfigurationError: both are set, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    value, file = environ.get(name), environ.get(f"{name}_FILE")
    if value and file:
        raise ConfigurationError(f"Both {name} and {name}_FILE are set: unset one of them")
    if not file:
        return value or None
    return read_secret(Path(file), f"named by {name}_FILE")


def read_secret(path: Path, called: str) -> str | None:
    """Return what a file holds that is there for a secret alone; None where it is empty.

    Args:
        path: The file.
        called: How a sentence goes on after "The file".

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"The file {called} cannot be read: {what}") from error


def required(vendor: str, name: str, what: str, environ: Mapping[str, str] | None = None) -> str:
    """Return a variable like `optional`, and demand that it is there.

    Raises:
        ConfigurationError: it is not set.
    """
    value = optional(vendor, name, environ)
    if value is None:
        missing = _variable(vendor, name)
        raise ConfigurationError(f"{missing} is not set: set it (or {missing}_FILE) to {what}")
    return value


def switch(
    vendor: str, name: str, environ: Mapping[str, str] | None = None, *, default: bool = False
) -> bool:
    """Return a variable like `optional` that is ``true`` or ``false``; the default where it is not set.

    Raises:
        ConfigurationError: it is something else.
    """
    value = (optional(vendor, name, environ) or str(default)).lower()
    if value not in {"true", "false"}:
        raise ConfigurationError(f"{_variable(vendor, name)} must be true or false")
    return value == "true"


def set_to(vendor: str, name: str) -> str:
    """Return how a switch is said to a client and to the environment, as the middle of a sentence."""
    return f"{name}=True (in a job or a command {_variable(vendor, name)}=true)"


def _variable(vendor: str, name: str) -> str:
    return f"NETAUDIENCE_{vendor.upper()}_{name.upper()}"
