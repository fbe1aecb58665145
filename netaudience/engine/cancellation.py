"""Tells one's own cancellation from another's: a `CancelledError` looks the same either way.

It comes up in a task that nobody has cancelled as well, where what the task awaits was: a pool that is
closed, a client library's reader, a future. That is a failure of what was awaited, and no end of the task.
"""

from __future__ import annotations

import asyncio


def is_being_cancelled() -> bool:
    """Return whether somebody has cancelled the running task, so that a `CancelledError` in it is to pass."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
