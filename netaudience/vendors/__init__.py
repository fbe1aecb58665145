"""The vendors, a room each: a file or a folder here is a vendor, and no list names it.

Its client's class is called after it: ``AcmeClient`` in ``acme.py`` or in ``acme/client.py``. What it can do
for the verbs is ``VERBS``, what it tells of a person ``LOOK_UP``, how its audiences are found, where they
have ids, ``AUDIENCES``, and how one is replaced as a whole ``WHOLE_LIST``: in ``acme.py`` or in
``acme/verbs.py``.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pkgutil import get_data, iter_modules
from typing import TYPE_CHECKING, TypeVar

from netaudience.errors import ConfigurationError

if TYPE_CHECKING:  # costs a program's start
    from netaudience.client import Client
    from netaudience.model.verb_facts import AudienceFacts, LookUpFacts, Verbs, WholeList

__all__ = ["audiences_of", "client_of", "clients", "look_up_of", "names", "verbs_of", "whole_list_of"]

T = TypeVar("T")
_CLIENT = re.compile(rb"^class (\w+)Client\(", re.MULTILINE)


def clients(*names: str) -> tuple[type[Client], ...]:
    """Return the clients of these class names, or of all; each is imported when it is asked for."""
    return tuple(_load(slug) for slug, name in _found().items() if not names or f"{name}Client" in names)


def names() -> dict[str, str]:
    """Return what each vendor calls itself, by its name in commands; none of them is imported."""
    return dict(_found())


def client_of(slug: str) -> type[Client]:
    """Return the client of the vendor that goes by this name in commands and variables.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    if slug not in _found():
        raise ConfigurationError(f"There is no such vendor: it is one of {', '.join(_found())}")
    return _load(slug)


def verbs_of(client: type[Client]) -> Verbs:
    """Return what a vendor can do for each verb: the ``VERBS`` of its file, or of the ``verbs`` beside it.

    A verb that is not among them is one that nobody has looked at.
    """
    nothing: Verbs = {}
    verbs: Verbs = _stated(client, "VERBS", nothing)
    return verbs


def look_up_of(client: type[Client]) -> LookUpFacts | None:
    """Return what can be read of a person at a vendor: the ``LOOK_UP`` that stands beside ``VERBS``."""
    facts: LookUpFacts | None = _stated(client, "LOOK_UP", None)
    return facts


def audiences_of(client: type[Client]) -> AudienceFacts | None:
    """Return how audiences are found and made: ``AUDIENCES`` beside ``VERBS``, None where a name will do."""
    facts: AudienceFacts | None = _stated(client, "AUDIENCES", None)
    return facts


def whole_list_of(client: type[Client]) -> WholeList | None:
    """Return how a list is replaced as a whole: ``WHOLE_LIST`` beside ``VERBS``, None where none is."""
    facts: WholeList | None = _stated(client, "WHOLE_LIST", None)
    return facts


def _stated(client: type[Client], name: str, nothing: T) -> T:
    """Return what a vendor's file, or the ``verbs`` beside it, states by a name."""
    room, _, last = client.__module__.rpartition(".")
    module = f"{room}.verbs" if last == "client" else client.__module__
    try:
        stated: T = getattr(import_module(module), name, nothing)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return nothing
    return stated


@cache
def _found() -> dict[str, str]:
    """Read the names of the clients' classes, for to import them all costs a program's start."""
    found: dict[str, str] = {}
    for room in iter_modules(__path__):
        text = get_data(__name__, f"{room.name}/client.py" if room.ispkg else f"{room.name}.py") or b""
        classes = [name.decode() for name in _CLIENT.findall(text)]
        found[room.name] = next(name for name in classes if name.lower() == room.name)
    return found


def _load(slug: str) -> type[Client]:
    client: type[Client] = getattr(import_module(f"{__name__}.{slug}"), f"{_found()[slug]}Client")
    return client
