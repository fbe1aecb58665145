"""What becomes a part of a path of Fynd's, and what is left for the body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from netaudience.errors import ConfigurationError
from netaudience.model.rows import Rows
from netaudience.model.validators import identifier
from netaudience.vendors.fynd.rules import in_path


def part_of_path(value: str, noun: str) -> str:
    """Check an id that becomes a part of a path.

    Raises:
        ConfigurationError: it is empty, or would change the path.
    """
    problem = identifier(noun).why_invalid(value) or in_path.why_invalid(value)
    if problem:
        raise ConfigurationError(problem)
    return value


def split(kind: Rows[Any], row: object, *in_the_path: str) -> tuple[dict[str, str], Mapping[str, object]]:
    """Return those fields of a row that its path has, and the others that are set."""
    fields = dict(kind.mapping(row))
    return {name: cast("str", fields.pop(name)) for name in in_the_path}, fields
