"""What became of every row of a run, step by step: the counts that are shown, kept, and judged by.

Every row is in exactly one count; where that is not so, the summary says so. It holds no row and no
identifier, and its size does not grow with the source.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs

from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode, of_error, of_signal
from netaudience.jobs.state.markdown import cell
from netaudience.jobs.state.run_folder import replace
from netaudience.jobs.state.verified import StepVerified
from netaudience.model.wire import dump_json, load_json, structure
from netaudience.outcomes import Counts, Reasons, Report, commonest
from netaudience.plurals import many

_FORMAT = "netaudience summary 2"


@attrs.define(kw_only=True)
class StepSummary(Counts):
    """What became of the rows of one step: each of them is in exactly one of its counts."""

    name: str
    #: The vendor's name in commands and variables.
    vendor: str
    operation: str
    mode: str = "all"
    #: What the vendor's success means: applied, accepted or answered.
    acknowledges: str = "accepted"
    #: What the vendor answers with success and does not do, as the end of a sentence; it is in no count.
    unsaid: str = ""
    #: The step's rows: those of the source that its condition holds for, and for removals those removed.
    total: int = 0
    #: Rows that are new to what was delivered, and that differ from it; None where nothing is compared.
    added: int | None = None
    changed: int | None = None
    #: Whether it takes back what is gone.
    takes_back: bool = False
    #: Rejected rows that the last run has rejected for the same reason.
    known: int = 0
    #: True when the rejected rows are no failure, as the job says.
    accepted: bool = False
    #: Rows that an earlier attempt at the run had settled; they are in the counts.
    resumed: int = 0
    #: Requests sent, every attempt counted; of a process that was killed all but its last seconds.
    requests: int = 0
    #: Requests that repeat an earlier one.
    retries: int = 0
    #: Answers that asked us to slow down.
    throttles: int = 0
    #: Rows that waited for an earlier row of the same user; of the last attempt.
    in_turn: int = 0
    seconds: float = 0.0
    #: The share of the time that was spent waiting for the account's quota, 0 to 1.
    waiting_share: float = 0.0
    #: While the vendor does not answer: for how many seconds, and how many more it is asked again.
    silent_seconds: float | None = None
    gives_up_in: float | None = None
    #: Why rows were not delivered: by outcome, each reason with the number of rows.
    reasons: Reasons = attrs.field(factory=dict[str, dict[str, int]])
    #: What the vendor lost although it took the rows, with the number of answers that said so.
    warnings: dict[str, int] = attrs.field(factory=dict[str, int])
    #: Sentences about what was not sent and not taken back.
    notes: list[str] = attrs.field(factory=list[str])
    #: Why the step ended before its rows did, if it did.
    stopped: str | None = None
    #: The name of that error's class, and the exit code for it.
    stopped_by: str | None = None
    stopped_code: int | None = None
    #: True when all rows were read.
    exhausted: bool = False

    @property
    def missing(self) -> int:
        """Undelivered rows that are a failure: those whose rejection the job accepts are none."""
        return self.undelivered - (self.rejected if self.accepted else 0)

    @property
    def reconciles(self) -> bool:
        """True when the counts add up to the rows that were read."""
        return self.rows == self.total

    @property
    def finished(self) -> bool:
        """True when nothing of the step is left to be sent: going on with the run would change nothing."""
        return self.exhausted and self.stopped is None and not self.failed and not self.unsent

    def stop(self, error: BaseException) -> None:
        """Take note of why the step ended early; the first reason is the one."""
        if self.stopped is None:
            self.stopped, self.stopped_by = str(error), type(error).__name__
            code = of_error(error) if isinstance(error, NetaudienceError) else ExitCode.FAILED
            # What is wrong with a configuration shows here only when something was sent already.
            self.stopped_code = ExitCode.FAILED if code == ExitCode.USAGE else code

    def take(self, report: Report, earlier: StepSummary | None) -> None:
        """Take what the engine has counted, with the cost on top of what earlier attempts have told."""
        counted = report.counts
        self.delivered, self.rejected = counted.delivered, counted.rejected
        self.failed, self.in_doubt = counted.failed, counted.in_doubt
        self.resumed, self.in_turn = report.resumed, report.in_turn
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
        counted = self.listed(self.acknowledges)
        of = f"{self.vendor} {self.operation}"  # a command calls its step by the operation
        named = of if self.name == self.operation else f"{self.name} ({of})"
        text = f"{named}: of {many(self.total, 'row')}, {counted}."
        if self.stopped is not None:
            text += f" It stopped early: {self.stopped.removesuffix('.')}."
        return " ".join([text, *self.asides()])

    def asides(self) -> list[str]:
        """Return what is worth to be known beside the counts, in sentences."""
        lines: list[str] = []
        if self.rejected and (self.known or self.accepted):
            also = [f"{self.known:,} of them were rejected by the last run as well"] if self.known else []
            also += ["the job accepts that many"] if self.accepted else []
            lines.append(f"Rejected rows: {', and '.join(also)}.")
        if self.in_turn:
            lines.append(f"Same user: {many(self.in_turn, 'row')} waited for an earlier one.")
        return [*lines, *(f"{note}." for note in self.notes)]


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
    #: Whether only what is new was read of it.
    is_part: bool = False
    #: Lines of the source's files, where it is made of lines.
    source_lines: int | None = None
    #: What is worth to be known of the source, in sentences.
    notes: list[str] = attrs.field(factory=list[str])
    #: The run whose undelivered rows these are, for a run that sends those again.
    again: str | None = None
    #: The engine that has carried the run, where this package's own has not; nothing goes on with it then.
    engine: str | None = None
    #: The signal that interrupted the run.
    signal: int | None = None
    steps: list[StepSummary] = attrs.field(factory=list[StepSummary])
    #: What a look after the run has shown, where the job or the caller asked for one.
    verified: list[StepVerified] = attrs.field(factory=list[StepVerified])
    #: Sentences about files of the run that could not be written.
    unwritten: list[str] = attrs.field(factory=list[str])
    #: Whether the file of undelivered rows is among that.
    lacks_rejects: bool = False
    format: str = _FORMAT

    @property
    def ok(self) -> bool:
        """True when every row was delivered, or is at the vendor as it is."""
        return self.exit_code == ExitCode.DELIVERED

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
        """True when there are rows that can be mended and sent again, and their file is whole."""
        return not self.lacks_rejects and any(step.rejected or step.in_doubt for step in self.steps)

    @property
    def exit_code(self) -> int:
        """The number for the shell."""
        stopped = {step.stopped_code for step in self.steps if step.stopped is not None}
        if self.signal is not None:
            return of_signal(self.signal)
        for code in (ExitCode.UNAUTHORIZED, ExitCode.GUARDED):
            if code in stopped:
                return code
        if stopped or self.unwritten or not self.reconciles:
            return ExitCode.FAILED
        missing = any(step.missing for step in self.steps) or any(step.wrong for step in self.verified)
        return ExitCode.UNDELIVERED if missing else ExitCode.DELIVERED

    @property
    def resume_command(self) -> str | None:
        """The command that goes on with the run; None where it would change nothing."""
        if (self.finished and not self.lacks_rejects) or not self.run or self.engine is not None:
            return None
        return f"netaudience resume {shlex.quote(near(self.folder))}"

    @property
    def retry_command(self) -> str | None:
        """The command that sends the undelivered rows again; None where there is none."""
        return f"netaudience retry {shlex.quote(near(self.folder))}" if self.rejects and self.run else None

    def sentences(self) -> list[str]:
        """Say in sentences what became of the run and what to do next."""
        sentences = [step.sentence() for step in self.steps]
        if not self.reconciles:
            sentences.append("The counts do not add up, which is a mistake of netaudience: please report it.")
        for seen in self.verified:
            sentences += [
                f"Read back: {seen.sentence()}.",
                *([f"  {seen.not_compared()}"] if seen.passed_over else []),
            ]
        sentences.extend([*self.notes, *self.unwritten])
        if self.resume_command is not None:
            sentences.append(f"Go on with: {self.resume_command}")
        elif self.engine is not None and not self.finished:
            sentences.append("Run the job again: with changed-only it sends what was not delivered")
        if self.retry_command is not None:
            sentences.append(
                f"What was not delivered is in {near(self.folder)}/rejects.jsonl: mend it there, then: "
                f"{self.retry_command}"
            )
        return sentences

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
        record = attrs.asdict(self)
        record |= {"reconciles": self.reconciles, "finished": self.finished, "exit_code": int(self.exit_code)}
        record |= {"resume": self.resume_command, "retry": self.retry_command}
        return dump_json(record)

    def markdown(self) -> str:
        """Return the counts as a table, and what to do next, for the page of a build."""
        names = ["rows", *Counts().shown(), "requests", "seconds"]
        verdict = "all delivered" if self.ok else "not all delivered"
        if self.ok and any(step.undelivered for step in self.steps):
            verdict = "delivered but for what the job accepts"
        lines = [
            f"### netaudience: {cell(self.job)} ({verdict})",
            "",
            f"| step | {' | '.join(names)} |",
            f"| --- |{' ---: |' * len(names)}",
        ]
        for step in self.steps:
            cells = [f"{cell(step.name)} ({cell(step.vendor)} {cell(step.operation)})"]
            cells += [f"{count:,}" for count in (step.total, *step.shown().values(), step.requests)]
            lines.append(f"| {' | '.join([*cells, f'{step.seconds:,.1f}'])} |")
        reasons = [(step.name, *each) for step in self.steps for each in commonest(step.reasons)]
        if reasons:
            lines += ["", "| rows | step | outcome | reason |", "| ---: | --- | --- | --- |"]
            lines += [
                f"| {count:,} | {cell(name)} | {outcome} | {cell(reason)} |"
                for name, count, outcome, reason in sorted(reasons, key=lambda each: -each[1])[:_MOST_REASONS]
            ]
        stops = [step.stopped for step in self.steps if step.stopped is not None]
        lines += [part for sentence in [*stops, *self.unwritten] for part in ("", cell(sentence))]
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
            f"else. netaudience resume {shlex.quote(near(str(path.parent)))} writes it anew, and sends "
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
    replace(path, dump_json([attrs.asdict(step) for step in steps]))


def read_costs(path: Path) -> dict[str, StepSummary]:
    """Return by step what a run has cost; nothing where nobody knows."""
    try:
        return {step.name: step for step in structure(load_json(path.read_bytes()), list[StepSummary])}
    except (OSError, ValueError):
        return {}


def near(folder: str) -> str:
    """Return a path as short as it can be said here."""
    path = Path(folder)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
