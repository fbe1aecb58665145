"""What became of every row of a run, step by step: the counts that are shown, kept, and judged by.

Every row is in exactly one count; where that is not so, the summary says so. It holds no row and no
identifier, and its size does not grow with the source.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.wire import dump_json, load_json, structure

if TYPE_CHECKING:
    from netaudience.outcomes import Report

__all__ = ["JobFailed", "StepSummary", "Summary", "read_costs", "read_summary", "write_costs"]

_FORMAT = "netaudience summary 1"
#: What the shell is told; the command line has the same numbers.
_DELIVERED, _FAILED, _UNDELIVERED, _UNAUTHORIZED, _GUARDED, _SIGNALLED = 0, 1, 3, 4, 5, 128
_GUARDS = frozenset({"GuardRefused", "EmptySource"})


@attrs.define(kw_only=True)
class StepSummary:
    """What became of the rows of one step."""

    name: str
    #: The vendor's name in commands and variables.
    vendor: str
    operation: str
    mode: str = "all"
    #: What the vendor's success means: applied, accepted or answered.
    acknowledges: str = "accepted"
    #: The step's rows: those of the source that its condition holds for, and for removals those removed.
    rows: int = 0
    #: Rows that the vendor took.
    delivered: int = 0
    #: Rows that are wrong: they do not map, a documented rule or the vendor refuses them.
    rejected: int = 0
    #: Rows that were not delivered through no known fault of their own.
    failed: int = 0
    #: Rows that were sent and of which nobody knows whether they were applied.
    in_doubt: int = 0
    #: Rows that were never sent, because the run ended before their turn.
    skipped: int = 0
    #: Rows that are at the vendor as they are, and were not sent again.
    unchanged: int = 0
    #: Rows that an earlier attempt at the run had settled; they stand in the counts above.
    resumed: int = 0
    #: Requests sent, every attempt counted; of a process that was killed all but its last seconds.
    requests: int = 0
    #: Requests that repeat an earlier one.
    retries: int = 0
    #: Answers that asked us to slow down.
    throttles: int = 0
    seconds: float = 0.0
    #: The share of the time that was spent waiting for the account's quota, 0 to 1.
    waiting_share: float = 0.0
    #: Undelivered rows by kind and reason.
    reasons: dict[str, int] = attrs.field(factory=dict[str, int])
    #: What the vendor lost although it took the rows, with the number of answers that said so.
    warnings: dict[str, int] = attrs.field(factory=dict[str, int])
    #: Why the step ended before its rows did, if it did.
    stopped: str | None = None
    #: The name of that error's class.
    stopped_by: str | None = None
    #: True when all rows were read.
    exhausted: bool = False

    @property
    def accounted(self) -> int:
        """Rows that stand in some count."""
        return self.delivered + self.rejected + self.failed + self.in_doubt + self.skipped + self.unchanged

    @property
    def undelivered(self) -> int:
        """Rows that should have been delivered and were not, or perhaps not."""
        return self.rejected + self.failed + self.in_doubt + self.skipped

    @property
    def reconciles(self) -> bool:
        """True when every row is in exactly one count."""
        return self.rows == self.accounted

    @property
    def finished(self) -> bool:
        """True when nothing of the step is left to be sent: going on with the run would change nothing."""
        return self.exhausted and self.stopped is None and not self.failed and not self.skipped

    def stop(self, error: BaseException) -> None:
        """Take note of why the step ended early; the first reason is the one."""
        if self.stopped is None:
            self.stopped, self.stopped_by = str(error), type(error).__name__

    def take(self, report: Report, earlier: StepSummary | None) -> None:
        """Take what the engine has counted of the cost, on top of what earlier attempts have told."""
        self.resumed = report.resumed
        self.requests, self.retries, self.throttles = report.requests, report.retries, report.throttles
        self.seconds, self.waiting_share = report.seconds, report.waiting_share
        warnings = Counter(report.warnings)
        if earlier is not None:
            self.requests += earlier.requests
            self.retries += earlier.retries
            self.throttles += earlier.throttles
            self.seconds += earlier.seconds
            waited = report.waiting_share * report.seconds + earlier.waiting_share * earlier.seconds
            self.waiting_share = min(1.0, waited / self.seconds) if self.seconds else 0.0
            warnings.update(earlier.warnings)
        self.warnings = dict(warnings)

    def sentence(self) -> str:
        """Say in a sentence what became of the step."""
        counts = {
            f"{self.delivered:,} {self.acknowledges}": True,
            f"{self.unchanged:,} unchanged": self.unchanged,
            f"{self.rejected:,} rejected": self.rejected,
            f"{self.failed:,} failed": self.failed,
            f"{self.in_doubt:,} in doubt": self.in_doubt,
            f"{self.skipped:,} not sent": self.skipped,
        }
        told = ", ".join(text for text, shown in counts.items() if shown)
        text = f"{self.name} ({self.vendor} {self.operation}): of {self.rows:,} rows, {told}."
        if self.stopped is not None:
            text += f" It stopped early: {self.stopped}"
        return text


@attrs.define(kw_only=True)
class Summary:
    """What became of a run."""

    #: The run's id.
    run: str
    job: str
    #: The job file.
    file: str
    #: The run's folder.
    folder: str
    #: When the run's first attempt began and its last one ended, in UTC.
    started: str
    ended: str | None = None
    #: How often a process has carried the run.
    attempts: int = 1
    #: Rows of the whole source, where they could be counted beforehand.
    source_rows: int | None = None
    #: The run whose undelivered rows these are, for a run that sends those again.
    again: str | None = None
    #: The signal that interrupted the run.
    signal: int | None = None
    steps: list[StepSummary] = attrs.field(factory=list[StepSummary])
    #: Sentences about files of the run that could not be written.
    unwritten: list[str] = attrs.field(factory=list[str])
    format: str = _FORMAT

    @property
    def ok(self) -> bool:
        """True when every row was delivered, or is at the vendor as it is."""
        return self.exit_code == _DELIVERED

    @property
    def reconciles(self) -> bool:
        """True when every row of every step is in exactly one count."""
        return all(step.reconciles for step in self.steps)

    @property
    def finished(self) -> bool:
        """True when nothing is left to be sent: going on with the run would change nothing."""
        return self.signal is None and all(step.finished for step in self.steps)

    @property
    def rejects(self) -> bool:
        """True when there are rows that can be mended and sent again."""
        return any(step.rejected or step.in_doubt for step in self.steps)

    @property
    def exit_code(self) -> int:
        """The number for the shell."""
        stopped = {step.stopped_by for step in self.steps} - {None}
        if self.signal is not None:
            return _SIGNALLED + self.signal
        if "Unauthorized" in stopped:
            return _UNAUTHORIZED
        if stopped & _GUARDS:
            return _GUARDED
        if stopped or self.unwritten or not self.reconciles:
            return _FAILED
        return _UNDELIVERED if any(step.undelivered for step in self.steps) else _DELIVERED

    @property
    def resume_command(self) -> str | None:
        """The command that goes on with the run; None where it would change nothing."""
        return None if self.finished else f"netaudience resume {shlex.quote(_near(self.folder))}"

    @property
    def retry_command(self) -> str | None:
        """The command that sends the undelivered rows again; None where there is none."""
        return f"netaudience retry {shlex.quote(_near(self.folder))}" if self.rejects else None

    def sentences(self) -> list[str]:
        """Say in sentences what became of the run and what to do next."""
        told = [step.sentence() for step in self.steps]
        if not self.reconciles:
            told.append("The counts do not add up, which is a mistake of netaudience: please report it.")
        told.extend(self.unwritten)
        if self.resume_command is not None:
            told.append(f"Go on with: {self.resume_command}")
        if self.retry_command is not None:
            told.append(
                f"What was not delivered is in {_near(self.folder)}/rejects.jsonl: mend it there, then: "
                f"{self.retry_command}"
            )
        return told

    def raise_for_undelivered(self) -> Summary:
        """Return the summary if every row was delivered, so that a task of a scheduler is green only then.

        Raises:
            JobFailed: some row was not, or the run was stopped or interrupted.
        """
        if not self.ok:
            raise JobFailed(self)
        return self

    def to_json(self) -> bytes:
        """Return the content of ``summary.json``."""
        told = attrs.asdict(self)
        told |= {"reconciles": self.reconciles, "finished": self.finished, "exit_code": self.exit_code}
        told |= {"resume": self.resume_command, "retry": self.retry_command}
        return dump_json(told)

    def markdown(self) -> str:
        """Return the counts as a table, and what to do next, for the page of a build."""
        names = [
            "rows",
            "delivered",
            "unchanged",
            "rejected",
            "failed",
            "in doubt",
            "not sent",
            "requests",
            "seconds",
        ]
        lines = [
            f"### netaudience: {_cell(self.job)} ({'all delivered' if self.ok else 'not all delivered'})",
            "",
            f"| step | {' | '.join(names)} |",
            f"| --- |{' ---: |' * len(names)}",
        ]
        for step in self.steps:
            counts = (
                step.rows, step.delivered, step.unchanged, step.rejected,
                step.failed, step.in_doubt, step.skipped, step.requests,
            )  # fmt: skip
            cells = [f"{_cell(step.name)} ({_cell(step.vendor)} {_cell(step.operation)})"]
            cells += [f"{count:,}" for count in counts]
            lines.append(f"| {' | '.join([*cells, f'{step.seconds:,.1f}'])} |")
        reasons = [
            (count, step.name, reason) for step in self.steps for reason, count in step.reasons.items()
        ]
        if reasons:
            lines += ["", "| rows | step | reason |", "| ---: | --- | --- |"]
            lines += [
                f"| {count:,} | {_cell(name)} | {_cell(reason)} |"
                for count, name, reason in sorted(reasons, key=lambda each: -each[0])[:_MOST_REASONS]
            ]
        told = [step.stopped for step in self.steps if step.stopped is not None]
        lines += [part for sentence in [*told, *self.unwritten] for part in ("", _cell(sentence))]
        for command in (self.resume_command, self.retry_command):
            if command is not None:
                lines += ["", "```console", f"$ {command}", "```"]
        return "\n".join([*lines, "", ""])


_MOST_REASONS = 10


class JobFailed(NetaudienceError):
    """Not every row of a job was delivered; `summary` says what became of them."""

    def __init__(self, summary: Summary) -> None:
        #: The counts of the run.
        self.summary = summary
        super().__init__(summary)

    def __str__(self) -> str:
        return " ".join(self.summary.sentences())


def read_summary(path: Path) -> Summary | None:
    """Read a ``summary.json``; None where there is none yet.

    Raises:
        ConfigurationError: the file is cut or is something else.
    """
    try:
        summary = structure(load_json(path.read_bytes()), Summary)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The summary.json of the run {path.parent.name} cannot be read: it is cut, or is something "
            f"else. netaudience resume {shlex.quote(_near(str(path.parent)))} writes it anew, and sends "
            "nothing that was delivered"
        ) from error
    if summary.format != _FORMAT:
        raise ConfigurationError(
            f"The summary of the run {path.parent.name} was written by another version of netaudience "
            f"({summary.format}): read it with that version"
        )
    return summary


def write_costs(path: Path, steps: Sequence[StepSummary]) -> None:
    """Write down what a run has cost so far, for another attempt if this one is killed.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(dump_json([attrs.asdict(step) for step in steps]))
    part.replace(path)


def read_costs(path: Path) -> dict[str, StepSummary]:
    """Return by step what a run has cost; nothing where nobody knows."""
    try:
        return {step.name: step for step in structure(load_json(path.read_bytes()), list[StepSummary])}
    except (OSError, ValueError):
        return {}


def _near(folder: str) -> str:
    """Return a path as short as it can be said here."""
    path = Path(folder)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _cell(text: str) -> str:
    """Return text that a cell of a Markdown table shows as it is."""
    plain = " ".join(text.split())
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "<", ">", "#"):
        plain = plain.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return plain
