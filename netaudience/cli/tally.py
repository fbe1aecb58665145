"""The command's own counts of a run: the engine's report, and the rows that never reached the engine.

Every row that was read is in exactly one count.
"""

from __future__ import annotations

from collections import Counter

import attrs

from netaudience.cli.exit_codes import ExitCode, of_error, of_signal
from netaudience.errors import NetaudienceError, Unauthorized
from netaudience.outcomes import REASONS, Report

__all__ = ["Tally"]


@attrs.define
class Tally:
    """What became of every row."""

    report: Report
    #: Rows that did not become items.
    bad_rows: int = 0
    bad_reasons: Counter[str] = attrs.field(factory=Counter[str])
    #: Items that were given to the engine.
    given: int = 0
    #: Of those without an outcome: failed, because the run stopped.
    unsent_failed: int = 0
    #: Of those: they may be in doubt, for the run was left while more was under way than is remembered.
    perhaps_in_doubt: int = 0
    #: Whether the source was read to its end.
    read_whole: bool = False
    #: The signal that interrupted the run.
    signal: int | None = None
    #: What stopped the run before its source ended.
    stopped: NetaudienceError | None = None
    #: Why the undelivered items could not be written, if so.
    unwritten: str | None = None
    #: True where the reader of standard output went away.
    unread: bool = False
    #: Where the undelivered items are.
    written_to: str = ""
    #: How many of them were written there.
    written: int = 0

    @property
    def rows(self) -> int:
        """Rows read."""
        return self.bad_rows + self.given

    @property
    def delivered(self) -> int:
        """Rows that the vendor took."""
        return self.report.delivered

    @property
    def rejected(self) -> int:
        """Rows that are wrong."""
        return self.report.rejected + self.bad_rows

    @property
    def failed(self) -> int:
        """Rows that were not delivered through no known fault of their own."""
        return self.report.failed + self.unsent_failed

    @property
    def in_doubt(self) -> int:
        """Rows that were sent and of which nobody knows whether they were applied."""
        return self.report.in_doubt + self.perhaps_in_doubt

    @property
    def skipped(self) -> int:
        """Rows that were read and never sent, because the run was interrupted."""
        return self.rows - self.delivered - self.rejected - self.failed - self.in_doubt

    @property
    def reasons(self) -> Counter[str]:
        """Undelivered rows by kind and reason."""
        return self.report.reasons + self.bad_reasons

    def count_bad(self, reason: str) -> None:
        """Count a row that did not become an item."""
        self.bad_rows += 1
        text = f"rejected: {reason}"
        known = text in self.bad_reasons or len(self.bad_reasons) < REASONS
        self.bad_reasons[text if known else "other reasons"] += 1

    def exit_code(self) -> int:
        """Return how the command ends."""
        if self.signal is not None:
            return of_signal(self.signal)
        if isinstance(self.stopped, Unauthorized):
            return ExitCode.UNAUTHORIZED
        if self.unwritten is not None:
            return ExitCode.FAILED
        if self.stopped is not None:
            return of_error(self.stopped)
        if self.unread or not self.read_whole:
            return ExitCode.FAILED
        return ExitCode.UNDELIVERED if self.delivered < self.rows else ExitCode.DELIVERED
