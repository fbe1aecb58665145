"""The one door to the packages of databases, lakes and object stores, which says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from netaudience.errors import ConfigurationError


def need(module: str, extra: str, what: str) -> Any:  # noqa: ANN401 - the module
    """Return a module of a package that an extra brings.

    Args:
        module: Its name.
        extra: The extra, or the package where it is nobody's extra.
        what: What it is needed for, as the sentence begins.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        if error.name is not None and not module.startswith(error.name.partition(".")[0]):
            raise ConfigurationError(
                f"{what}: {module.partition('.')[0]} cannot be imported: it lacks {error.name}",
                key="connection",
            ) from error
        raise ConfigurationError(f"{what} needs a package: pip install {extra}", key="connection") from error
