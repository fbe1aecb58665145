"""Job files as exposures of a dbt project, so that its graph shows who reads a model.

https://docs.getdbt.com/reference/exposure-properties
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.dbt import Found, find_model
from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.spec.parse import read_job
from netaudience.jobs.spec.validate import find_vendor


def exposures(folder: Path, *, owner: str, email: str | None = None) -> list[str]:
    """Return the lines of a YAML file of exposures, one for each job in a folder that reads a model of dbt.

    Args:
        folder: Where the job files are, and below.
        owner: Who answers for them.
        email: Where whoever that is can be reached.

    Raises:
        ConfigurationError: there is no such job, or one of them or its manifest is wrong.
    """
    lines, names = list[str](), dict[str, Path]()
    for path in sorted(folder.rglob("*.toml")):
        if not _reads_dbt(path):
            continue
        job = read_job(path)
        name = re.sub(r"\W+", "_", job.name, flags=re.ASCII)
        if (other := names.setdefault(name, path)) is not path:
            raise ConfigurationError(
                f"{other} and {path} are both called {job.name}: give one of them another name"
            )
        lines += _exposure(job, name, owner, email)
    if not lines:
        raise ConfigurationError(
            f"{folder} has no job file that reads a model of dbt: add dbt = {{ … }} to [source], or name the "
            "folder of the job files"
        )
    return ["version: 2", "", "exposures:", *lines]


def _reads_dbt(path: Path) -> bool:
    """Return whether a file is one of a job, and says so; what else is there is nobody's business here."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    source = document.get("source")
    return isinstance(source, dict) and "dbt" in source and "step" in document


def _exposure(job: JobFile, name: str, owner: str, email: str | None) -> Iterator[str]:
    dbt = job.source.dbt
    if dbt is None:
        return
    found = find_model(dbt, job.path.parent)
    sent = dict.fromkeys(f"{_vendor(step.vendor)} {step.operation}" for step in job.steps)
    yield f"  - name: {name}"
    yield f"    label: {_text(job.name)}"
    yield "    type: application"
    described = f"netaudience carries its rows to {', '.join(sent)}."
    yield f"    description: {_text(described)}"
    yield "    depends_on:"
    yield f"      - {_ref(found)}"
    yield "    owner:"
    yield f"      name: {_text(owner)}"
    if email is not None:
        yield f"      email: {_text(email)}"


def _vendor(slug: str) -> str:
    client = find_vendor(slug)
    return slug if client is None else client.vendor


def _ref(found: Found) -> str:
    given = [] if found.is_own else [f"'{found.package}'"]
    given.append(f"'{found.name}'")
    if found.version is not None:
        given.append(f"v={found.version}" if found.version.isdigit() else f"v='{found.version}'")
    return f"ref({', '.join(given)})"


def _text(text: str) -> str:
    """Return text as YAML writes it, which takes what JSON does."""
    return json.dumps(text, ensure_ascii=False)
