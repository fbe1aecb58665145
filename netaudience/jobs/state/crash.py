"""A mistake of ours while a run is under way: told as a sentence, with its traceback in the run's folder.

The traceback holds files, lines and the classes of the errors. What an error says is left out, for it may
repeat a value of a row.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

from netaudience.errors import NetaudienceError
from netaudience.model.memory import MORE_MEMORY, lacks_memory

_log = logging.getLogger("netaudience")


class Crashed(NetaudienceError):
    """Our own code broke down: what was sent before is settled, and the run can be gone on with."""


def crash_of(error: BaseException, folder: Path | None) -> Crashed:
    """Write down where an error came from, and return it as a sentence.

    Args:
        error: What was raised.
        folder: The run's folder; None where the run keeps nothing, and the traceback goes to the log.
    """
    where = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(where[-1].filename).name}, line {where[-1].lineno}" if where else ""
    written = "".join(_lines(error))
    if folder is None or not _wrote(folder / "crash.txt", written):
        _log.error("netaudience broke down:\n%s", written)
        what = "please report it"
    else:
        what = "please report it with crash.txt, which is in the run's folder and holds no row"
    if lacks_memory(error):
        crashed = Crashed(f"There is not enough memory: {MORE_MEMORY}, and go on. What was sent is settled")
        crashed.__cause__ = error
        return crashed
    crashed = Crashed(
        f"netaudience broke down ({type(error).__name__}{place}), which is a mistake of its own: {what}. "
        "What was sent is settled"
    )
    crashed.__cause__ = error
    return crashed


def _wrote(path: Path, text: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        _log.warning("The traceback could not be written: %s", problem.strerror)
        return False
    return True


def _lines(error: BaseException) -> Iterator[str]:
    earlier = error.__cause__ or error.__context__
    if earlier is not None and earlier is not error:
        yield from _lines(earlier)
        yield "\nwhich led to:\n\n"
    yield from traceback.format_list(traceback.extract_tb(error.__traceback__))
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
