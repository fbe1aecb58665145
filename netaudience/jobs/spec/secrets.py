"""Secrets that a job file names and does not hold: how they are written there, and where they are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from netaudience.credentials import read_secret, variable
from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def secret(section: Section, key: str) -> Secret | None:
    """Return where a secret stands; one that stands in the file itself is refused."""
    if key not in section:
        return None
    value = section.get(key)
    given = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    names = [(name, text) for name, text in given.items() if isinstance(text, str) and text.strip()]
    if len(given) != 1 or len(names) != 1 or names[0][0] not in {"env", "file"}:
        section.wrong(
            key,
            f"{key} is a secret, so it is not written here, but where it stands: "
            f'{key} = {{ env = "VARIABLE" }}, or {key} = {{ file = "…" }}',
        )
        return None
    ((name, text),) = names
    if name == "env" and not _VARIABLE.fullmatch(text):
        section.wrong(key, f"env of {key} must be the name of a variable: letters, digits and underscores")
        return None
    return Secret(env=text) if name == "env" else Secret(file=text)


def read(one: Secret, folder: Path, key: str) -> str | None:
    """Return a secret; None where nothing stands there.

    Args:
        one: Where it stands.
        folder: What the name of a file is relative to.
        key: What it is for.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if one.env is not None:
        return variable(one.env)
    return read_secret(folder / Path(one.file or "").expanduser(), f"{one.file} of {key}")
