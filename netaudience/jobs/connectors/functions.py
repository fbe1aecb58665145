"""A function of the user's as a source: the door for whatever Python can reach."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.connectors.rows import Rows, Stop
from netaudience.jobs.connectors.watermark import Since
from netaudience.jobs.spec.model import Source


@contextmanager
def open_function(
    source: Source,
    folder: Path,
    stop: Stop,  # noqa: ARG001 - as the others
    since: Since,  # noqa: ARG001 - likewise
) -> Generator[Rows, None, None]:
    """Call a function for its rows.

    Modules are looked for beside the job file first.

    Raises:
        ConfigurationError: there is none of that name, or it gives no rows.
        SourceFailed: it raised; the original error is the ``__cause__``.
    """
    named = source.python or ""
    function = find_function(named, folder, key="python")
    try:
        data: object = function()
    except NetaudienceError:
        raise
    except Exception as error:
        raise SourceFailed(f"{named} raised {type(error).__name__} when it was asked for rows") from error
    kind = type(data).__name__
    if isinstance(data, AsyncIterable) or not _gives_rows(data):
        raise ConfigurationError(
            f"{named} gives a value of type {kind}, which is no source: return an Arrow "
            "stream, batches, or mappings of column to value",
            key="python",
        )
    yield Rows(name=named, data=data, own=True)


def _gives_rows(data: object) -> bool:
    if hasattr(data, "__arrow_c_stream__"):
        return True
    return isinstance(data, Iterable) and not isinstance(data, str | bytes | Mapping)


def find_function(named: str, folder: Path, *, key: str) -> Callable[..., object]:
    """Return a function of the user's.

    Args:
        named: Its name, as ``module:function``.
        folder: Where its module is looked for first.
        key: The key that names it.

    Raises:
        ConfigurationError: there is none.
    """
    module, _, name = named.partition(":")
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        found: object = import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise ConfigurationError(
            f"The module {module} of {named} cannot be imported: there is no {missing} beside the job file, "
            "and none is installed",
            key=key,
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"The module {module} of {named} raised {type(error).__name__} while it was imported",
            key="python",
        ) from error
    finally:
        sys.path.remove(place)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigurationError(f"{module} has no function {name}: write MODULE:FUNCTION", key=key)
    return found
