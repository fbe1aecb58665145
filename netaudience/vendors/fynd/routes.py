"""Where Fynd's operations are: the paths of the vendor's SDKs, unless a user sets others.

Three operations are in no SDK. Their paths are inferred, and nothing is sent to them before a user has
confirmed them by setting them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast, get_args

from netaudience.errors import ConfigurationError
from netaudience.model.facts import Method
from netaudience.model.limits import Provenance
from netaudience.model.wire import load_json
from netaudience.operations.dispatch import Operation
from netaudience.vendors.fynd.facts import PREFIX

_METHODS: tuple[str, ...] = get_args(Method)
_ROUTE = re.compile(r"(?:(?P<method>[A-Z]+) )?(?P<path>/\S*)")
#: Letters, digits and what RFC 3986 calls unreserved; a path is sent as it stands here.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~-]|\{[a-z_]+\})+)*")
_NAMES = re.compile(r"\{([a-z_]+)\}")
_FIXED = {"company_id", "application_id"}


def routes_of(
    operations: Mapping[str, Operation], chosen: Mapping[str, str], prefix: str
) -> Mapping[str, tuple[str, str] | None]:
    """Return each operation's method and path, None where the path is only inferred.

    Args:
        operations: The operations by name.
        chosen: ``METHOD /path`` or ``/path`` by the operation's name. A path that begins with
            ``/service/`` is taken whole; any other stands behind the prefix.
        prefix: What the paths begin with.

    Raises:
        ConfigurationError: a route or the prefix is malformed.
    """
    if not prefix or not _PATH.fullmatch(prefix) or not _FIXED.issuperset(_NAMES.findall(prefix)):
        raise ConfigurationError(f"The prefix is malformed: it looks like {PREFIX}")
    if strange := sorted(chosen.keys() - operations.keys()):
        raise ConfigurationError(
            f"There is no operation {strange[0]!r} to set a route of; there are {', '.join(operations)}"
        )
    return {
        name: _chosen(operation, chosen[name], prefix) if name in chosen else _known(operation, prefix)
        for name, operation in operations.items()
    }


def read_routes(text: str | None) -> Mapping[str, str]:
    """Read routes from JSON: an object of texts.

    Raises:
        ConfigurationError: it is something else.
    """
    if text is None:
        return {}
    try:
        routes: object = load_json(text.encode())
    except ValueError:
        routes = None
    if not isinstance(routes, dict) or not all(
        isinstance(route, str) for route in cast("dict[str, object]", routes).values()
    ):
        raise ConfigurationError(
            "The routes must be a JSON object of the operation's name to its route, such as "
            '{"refresh_group": "POST /user_group/{group_id}/refresh"}'
        )
    return cast("dict[str, str]", routes)


def unconfirmed(operation: Operation) -> ConfigurationError:
    """Tell that an operation's path is only inferred, and how to confirm it."""
    route = f"{operation.facts.method} {operation.facts.path.removeprefix(PREFIX)}"
    return ConfigurationError(
        f"No document of Fynd's says where {operation.name} is: {route!r} is inferred and unconfirmed, so "
        f'nothing was sent. To try it, give the client routes={{"{operation.name}": "{route}"}}, or set '
        "NETAUDIENCE_FYND_ROUTES to that object as JSON"
    )


def _known(operation: Operation, prefix: str) -> tuple[str, str] | None:
    facts = operation.facts
    if facts.provenance is Provenance.ASSUMED:
        return None
    return facts.method, prefix + facts.path.removeprefix(PREFIX)


def _chosen(operation: Operation, route: str, prefix: str) -> tuple[str, str]:
    facts, found = operation.facts, _ROUTE.fullmatch(route)
    whole = None if found is None else found["path"]
    if found is None or whole is None or not _PATH.fullmatch(whole) or whole == "/":
        raise ConfigurationError(
            f"The route of {operation.name} is malformed: it looks like "
            f"'{facts.method} {facts.path.removeprefix(PREFIX)}', with or without the method"
        )
    method = found["method"] or facts.method
    if method not in _METHODS:
        raise ConfigurationError(
            f"The route of {operation.name} has an unknown method: it is one of {', '.join(_METHODS)}"
        )
    if method == "GET" and facts.method != "GET":
        raise ConfigurationError(f"The route of {operation.name} must not be GET: the operation writes")
    # A deletion whose path has lost its id would be one of everything.
    named, wanted = set(_NAMES.findall(whole)) - _FIXED, set(_NAMES.findall(facts.path)) - _FIXED
    if named != wanted:
        names = ", ".join(f"{{{name}}}" for name in sorted(wanted)) or "none"
        raise ConfigurationError(
            f"The route of {operation.name} must have these parameters in its path, and no other: {names}"
        )
    return method, whole if whole.startswith("/service/") else prefix + whole
