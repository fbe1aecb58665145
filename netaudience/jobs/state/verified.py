"""What a look afterwards has shown of a run: counts by step, kept beside the run's summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.state.run_folder import RunFolder, replace
from netaudience.model.wire import dump_json, load_json, structure
from netaudience.plurals import many

_FORMAT = "netaudience verify 1"
#: What a look shows of a row, as people read it.
SEEN = {
    "landed": "landed",
    "not_yet": "not yet",
    "different": "different",
    "gone": "gone",
    "unreadable": "cannot be read",
}
#: What it shows of what a mirror took back.
_SEEN_GONE = {
    **SEEN,
    "landed": "taken back",
    "not_yet": "still there, which may change",
    "different": "still there",
}


@attrs.define(kw_only=True)
class StepVerified:
    """What a look has shown of one step: each row that was looked at is in exactly one count."""

    name: str
    vendor: str
    operation: str
    #: Whether it is what a mirror took back.
    takes_back: bool = False
    #: Rows that were delivered, and those of them that were chosen.
    delivered: int = 0
    chosen: int = 0
    #: What is there as it was sent.
    landed: int = 0
    #: What is not, and the vendor may still be at it.
    not_yet: int = 0
    #: Seconds after which that is wrong, if it is not there then.
    settles_in: float = 0.0
    #: What is something else.
    different: int = 0
    #: Rows whose user is not there.
    gone: int = 0
    #: Rows that cannot be read back.
    unreadable: int = 0
    #: Why, in sentences, with the number of rows.
    reasons: dict[str, int] = attrs.field(factory=dict[str, int])
    #: What of rows that were looked at is not compared, for no page says how the vendor shows it: by the name
    #: and what it is, as in "born (a date)", the number of rows.
    passed_over: dict[str, int] = attrs.field(factory=dict[str, int])
    #: Why nothing of the step could be compared, if so.
    problem: str | None = None
    #: The look-up that shows the effect, and the page that says so.
    read_by: str = ""
    docs: str = ""

    @property
    def wrong(self) -> int:
        """Rows that were reported as delivered, and are not there as they were sent."""
        return self.different + self.gone

    def count(self, seen: str, reason: str = "", rows: int = 1) -> None:
        """Count rows."""
        setattr(self, seen, getattr(self, seen) + rows)
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + rows

    def pass_over(self, names: Iterable[str]) -> None:
        """Count what of a row is not compared."""
        for name in names:
            self.passed_over[name] = self.passed_over.get(name, 0) + 1

    def sentence(self) -> str:
        """Say what was seen."""
        of = f"{self.name} ({self.vendor} {self.operation})"
        if self.problem is not None:
            return f"{of}: nothing was compared: {self.problem}"
        seen = _SEEN_GONE if self.takes_back else SEEN
        findings = [f"{getattr(self, name):,} {words}" for name, words in seen.items() if getattr(self, name)]
        if not findings:
            return f"{of}: no row was delivered, so there is nothing to look at"
        by = f" (by {self.read_by})" if self.read_by else ""
        rows = "removals" if self.takes_back else "delivered rows"
        return f"{of}: of {self.chosen:,} of {self.delivered:,} {rows}{by}: {', '.join(findings)}"

    def not_compared(self) -> str:
        """Say what of the rows nobody can compare; empty where all of it was compared."""
        fields = ", ".join(
            f"{name} in {many(count, 'row')}" for name, count in sorted(self.passed_over.items())
        )
        return f"not compared, for no page says how the vendor shows it: {fields}" if fields else ""


@attrs.define(kw_only=True)
class Verified:
    """What a look afterwards has shown of a run."""

    run: str
    #: When it was, in UTC.
    time: str
    steps: list[StepVerified] = attrs.field(factory=list[StepVerified])
    format: str = _FORMAT

    @property
    def wrong(self) -> int:
        """Rows that are not there as they were sent."""
        return sum(step.wrong for step in self.steps)

    @property
    def ok(self) -> bool:
        """True when nothing was seen that is not there as it was sent."""
        return not self.wrong

    @property
    def exit_code(self) -> int:
        """The number for the shell."""
        return ExitCode.DELIVERED if self.ok else ExitCode.UNDELIVERED

    def sentences(self) -> Sequence[str]:
        """Say what was seen."""
        lines: list[str] = []
        for step in self.steps:
            lines.append(f"{step.sentence()}.")
            lines += [f"  {count:,} x {reason}" for reason, count in sorted(step.reasons.items())[:5]]
            lines += [f"  {step.not_compared()}"] if step.passed_over else []
            if step.not_yet:
                later = duration(max(step.settles_in, 60))
                lines.append(f"  what is not there yet may still come: look again in {later}")
        return lines

    def to_json(self) -> bytes:
        """Return the content of ``verify.json``."""
        return dump_json({**attrs.asdict(self), "ok": self.ok})


def write_verified(run: RunFolder, verified: Verified) -> None:
    """Keep what was seen beside the run.

    Raises:
        OSError: it cannot be written.
    """
    replace(run.verified, verified.to_json())


def read_verified(run: RunFolder) -> Verified | None:
    """Return what the last look at a run has shown; None where nobody has looked."""
    try:
        return structure(load_json(run.verified.read_bytes()), Verified)
    except (OSError, ValueError):
        return None
