"""Celery: tasks that send again what did not arrive, and only that.

For the clients of `netaudience.sync`. It refuses to repeat what may have happened: such a task fails, with
the error that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

try:
    from celery import Task
except ImportError as missing:
    raise ImportError("The helpers for Celery need it: pip install 'netaudience[celery]'") from missing

from netaudience.errors import NetaudienceError
from netaudience.integrations.answers import answer_to
from netaudience.outcomes import Failed, Report, RunFailed

__all__ = ["DeliveringTask"]


if TYPE_CHECKING:
    _Task = Task[..., object]
else:
    _Task = Task  # it is generic for type checkers alone


class DeliveringTask(_Task):
    """A task that is tried again when nothing of its call was done: ``@app.task(base=DeliveringTask)``.

    Nothing was done where the quota had no room, or the vendor could not be reached, was out of order or
    asked for patience. It waits as long as the vendor asks, and at least 1, 2, 4, … seconds. Any other error
    fails the task. ``max_retries`` is the task's own, as Celery has it.
    """

    abstract = True
    max_retries = 5

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run it; a worker calls this."""
        try:
            return super().__call__(*args, **kwargs)
        except RunFailed:  # some of the items may have arrived: `settle` sends the others again
            raise
        except NetaudienceError as error:
            wait = answer_to(error).retry_after
            if wait is None:
                raise
            raise self.retry(exc=error, countdown=max(wait, self._pause())) from error

    def settle(self, report: Report, again: Callable[[list[object]], Sequence[object]]) -> int:
        """Return how many items were delivered, or try the task again with those that failed.

        Rejected items never arrive, and those in doubt may have: both are left to whoever reads the report.

        Args:
            report: What became of a run of at most a thousand items, as ``settled`` gives it.
            again: Makes the task's positional arguments of the items that failed.

        Raises:
            RunFailed: the report does not name all that failed, for there were more, or the run was stopped.
            celery.exceptions.Retry: the task will be tried again.
        """
        failed = [outcome for outcome in report.undelivered if isinstance(outcome, Failed)]
        if len(failed) < report.counts.failed or not report.exhausted:
            raise RunFailed(report)
        if not failed:
            return report.counts.delivered
        waits = [answer_to(outcome.reason).retry_after or 0 for outcome in failed]
        countdown = max(*waits, self._pause())
        arguments = again([outcome.item for outcome in failed])
        raise self.retry(args=tuple(arguments), kwargs={}, exc=RunFailed(report), countdown=countdown)

    def _pause(self) -> int:
        return int(2 ** (self.request.retries or 0))
