"""What a process may do to itself that is the command's own, for the sake of its start (J4)."""

from __future__ import annotations

import atexit
import gc


class _Process:
    """The process that this is."""

    #: Whether it is the command's own.
    is_own = False


def take_over() -> None:
    """Say that the process is the command's own, which then looks for garbage less often, and not at its end.

    The interpreter goes through every module's objects for cycles before it ends, an eighth of what a command
    over few rows costs; whatever has something to finish is closed by then.
    """
    _Process.is_own = True
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)


def import_lean_arrow() -> None:
    """Import Arrow without what rows of files do not need, if the process is the command's own."""
    from netaudience.jobs.columns.duckdb import import_arrow_alone  # noqa: PLC0415 - costs a program's start

    if _Process.is_own:
        import_arrow_alone()
