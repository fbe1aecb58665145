"""Models of a dbt project, by the manifest that dbt writes: what their tables are called in the database.

https://docs.getdbt.com/reference/artifacts/manifest-json
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import listed, nearest
from netaudience.jobs.spec.model import DbtModel
from netaudience.model.wire import load_json

_SCHEMA = re.compile(r"https://schemas\.getdbt\.com/dbt/manifest/v(\d+)\.json")
#: What dbt 1.8 and later write.
_OLDEST = 12
#: What has a table or a view.
_KINDS = ("model", "snapshot", "seed")


@attrs.frozen(kw_only=True)
class Found:
    """A model as the manifest has it."""

    name: str
    package: str
    #: Whether that is the project's own.
    is_own: bool
    #: One of several of that name, where it says so.
    version: str | None
    #: The table's name as the database writes it; None where it has none.
    relation: str | None
    materialized: str


def query_of(dbt: DbtModel, folder: Path) -> str:
    """Return the query of a model's rows.

    Args:
        dbt: The model.
        folder: What the manifest's name is relative to.

    Raises:
        ConfigurationError: the manifest cannot be read, or the model has no table.
    """
    found = find_model(dbt, folder)
    if found.relation is None:
        raise ConfigurationError(
            f"The model {dbt.model} is {found.materialized or 'not materialized'}, so there is no table to "
            "read: make it a table or a view in dbt",
            key="dbt",
        )
    return f"select * from {found.relation}"  # noqa: S608 - as dbt has quoted it


def find_model(dbt: DbtModel, folder: Path) -> Found:
    """Look a model up.

    Raises:
        ConfigurationError: the manifest cannot be read, or has no such model, or several.
    """
    path = folder / Path(dbt.manifest).expanduser()
    project, models = _models(path, dbt.manifest)
    named = {_called(found): found for found in models}
    found = [
        one
        for one in models
        if dbt.model in {one.name, _called(one), f"{one.package}.{one.name}", _called(one).partition(".")[2]}
    ]
    if len(found) == 1:
        return attrs.evolve(found[0], is_own=found[0].package == project)
    if found:
        raise ConfigurationError(
            f"{dbt.manifest} has several models {dbt.model}: name one of {listed(map(_called, found))}",
            key="dbt",
        )
    meant = nearest(dbt.model, [one.name for one in models]) or f": it has {listed(sorted(named)) or 'none'}"
    raise ConfigurationError(f"{dbt.manifest} has no model {dbt.model}{meant}", key="dbt")


def _called(found: Found) -> str:
    version = "" if found.version is None else f".v{found.version}"
    return f"{found.package}.{found.name}{version}"


def _models(path: Path, shown: str) -> tuple[str, list[Found]]:
    """Return the name of a manifest's project, and its models."""
    try:
        document = load_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"The manifest {shown} cannot be read ({error.strerror}): write it with dbt parse or dbt build",
            key="dbt",
        ) from error
    except ValueError:
        document = None
    manifest = _mapping(document)
    metadata = _mapping(manifest.get("metadata"))
    version = _SCHEMA.fullmatch(str(metadata.get("dbt_schema_version")))
    if version is None:
        raise ConfigurationError(
            f"{shown} is no manifest of dbt: name the manifest.json in the project's folder target", key="dbt"
        )
    if int(version.group(1)) < _OLDEST:
        raise ConfigurationError(
            f"{shown} is a manifest of version {version.group(1)}, and {_OLDEST} is the oldest that is read: "
            "write it with dbt 1.8 or later",
            key="dbt",
        )
    return str(metadata.get("project_name")), list(_found(_mapping(manifest.get("nodes"))))


def _found(nodes: Mapping[str, object]) -> Iterator[Found]:
    for node in map(_mapping, nodes.values()):
        if node.get("resource_type") in _KINDS:
            version, relation = node.get("version"), node.get("relation_name")
            yield Found(
                name=str(node.get("name")),
                package=str(node.get("package_name")),
                is_own=False,
                version=None if version is None else str(version),
                relation=relation if isinstance(relation, str) and relation else None,
                materialized=str(_mapping(node.get("config")).get("materialized") or ""),
            )


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
