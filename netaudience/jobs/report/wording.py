"""The words of a report: what became of a run at one glance, and what to do next.

They hold no identifier and no address, whatever a database or a vendor put into a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from signal import Signals
from typing import Literal, TypeAlias

import attrs

from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.plurals import many

MEANINGS: Mapping[str, str] = {
    "applied": "the vendor made the change before it answered",
    "accepted": "the vendor took the row and makes the change later; it does not say when that is done",
    "answered": "the vendor answered a question; nothing was changed",
}
Level: TypeAlias = Literal["good", "warn", "bad"]

_LONGEST = 400
_NUMBER = re.compile(r"^[^\w@]*(\d{1,6}|\d{1,3}(,\d{3})+)(\.\d+)?[^\w@]*$")
#: So long may a number be that is no count (counts have commas) and no code.
_SHORT = 3
#: From this share on, rejected rows are a broken run and not a few broken rows.
_MANY = 0.05


def without_names(words: str) -> str:
    """Return a sentence without the tokens that could name a person: an address, an id, a telephone number.

    Errors hold no such thing to begin with; what a database says about a row may.
    """
    sentences: list[str] = []
    before, digits = "", False
    for token in words.split():
        numeric = any(letter.isdigit() for letter in token)
        if numeric:
            known = _NUMBER.match(token)
            short = known is not None and (len(known[1]) <= _SHORT or "," in known[1] or before == "code")
            if digits:  # numbers in a row are a telephone number
                sentences[-1] = "…"
            sentences.append(token if short and not digits else "…")
        else:
            sentences.append("…" if "@" in token else token)
        before, digits = token, numeric
    text = re.sub(r"…(?: …)+", "…", " ".join(sentences))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@attrs.frozen
class Verdict:
    """What became of a run, in words."""

    level: Level
    headline: str
    sentences: tuple[str, ...]
    #: What to do next: words, and the command.
    commands: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, summary: Summary) -> Verdict:
        """Judge a run."""
        level, headline = _headline(summary)
        return cls(level, headline, tuple(_sentences(summary)), tuple(_commands(summary)))


def times(summary: Summary) -> str:
    """Say when the run was, and how long it took from its beginning to its end."""
    began = _moment(summary.started)
    if began is None:
        return ""
    text = f"{began:%A, %d %B %Y, %H:%M:%S} UTC"
    ended = None if summary.ended is None else _moment(summary.ended)
    if ended is None:
        return text
    whole = max(0, round((ended - began).total_seconds()))
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    spans = ((hours, f"{hours} h {minutes} min"), (minutes, f"{minutes} min {seconds} s"))
    text += f", for {next((words for count, words in spans if count), f'{seconds} s')}"
    return f"{text} in {summary.attempts} attempts" if summary.attempts > 1 else text


def _headline(summary: Summary) -> tuple[Level, str]:
    steps = summary.steps
    rows, left = sum(step.total for step in steps), sum(step.missing for step in steps)
    accepted = sum(step.undelivered for step in steps) - left
    stopped = {step.stopped: step for step in steps if step.stopped is not None}
    if summary.ended is None:
        return "bad", "The run did not come to its end."
    if stopped:
        reason, step = next(iter(stopped.items()))
        where = f"Step {step.name}" if len(steps) > 1 and len(stopped) < len(steps) else "The run"
        return "bad", f"{where} stopped early: {_ended(without_names(reason or ''))}"
    if summary.signal is not None:
        return "bad", f"The run was interrupted ({_signal(summary.signal)})."
    if left:
        lost = left - sum(step.rejected for step in steps if not step.accepted)
        level: Level = "bad" if lost or left > _MANY * rows else "warn"
        if len(steps) == 1:
            return level, f"{left:,} of {many(rows, 'row')} {'was' if left == 1 else 'were'} not delivered."
        names = [step.name for step in steps if step.missing]
        return level, (
            f"{many(left, 'row was')} not delivered, "
            f"in {len(names)} of {len(steps)} steps: {', '.join(names)}."
        )
    if summary.unwritten or not summary.reconciles:
        return "bad", "Everything was delivered, but look at what is said here."
    if accepted:
        rejected = many(accepted, "row that is rejected")
        return "good", f"Everything was delivered but {rejected}, which the job accepts."
    if not rows:
        return "warn", "The source gave no row: nothing was sent."
    if not any(step.delivered for step in steps):
        return "good", "Nothing had changed, so nothing was sent."
    return "good", "Everything was delivered."


def _sentences(summary: Summary) -> Iterator[str]:
    if summary.ended is None:
        yield (
            "There is no summary: the run is still under way, or its process was killed. "
            "What was settled is in its journal; the pictures show what was measured until then."
        )
        return
    several = len(summary.steps) > 1
    for step in summary.steps:
        yield f"{step.name}: {_became(step)}" if several else _became(step)
        yield from (without_names(f"{step.name}: {aside}" if several else aside) for aside in step.asides())
        if step.stopped is not None and several:
            yield f"{step.name} stopped early: {_ended(without_names(step.stopped))}"
        if step.warnings:
            words, answers = max(step.warnings.items(), key=lambda each: each[1])
            where = f" of {step.name}" if several else ""
            yield f"Warning, in {many(answers, 'answer')}{where}: {_ended(without_names(words))}"
        if not step.reconciles:
            yield (
                f"The counts of {step.name} do not add up: {many(step.total, 'row')}, "
                f"{many(step.rows, 'outcome')}. That is a mistake of netaudience: please report it."
            )
    yield from (without_names(sentence) for sentence in summary.unwritten)


def _became(step: StepSummary) -> str:
    text = f"of {many(step.total, 'row')}, {step.listed(step.acknowledges)}."
    if step.resumed:
        text += f" An earlier attempt had settled {step.resumed:,} of them."
    return f"{text[0].upper()}{text[1:]}"


def _commands(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.ended is None:
        yield "If it is not under way, go on with:", summary.resume_command or ""
        return
    if summary.resume_command is not None:
        yield "Go on, and send again what failed:", summary.resume_command
    if summary.retry_command is not None:
        doubtful = any(step.in_doubt for step in summary.steps)
        rejected = any(step.rejected for step in summary.steps)
        words = {
            (True, False): "Mend the rejected rows in rejects.jsonl, then send them again:",
            (False, True): "What is in doubt may be there already; to send it again:",
        }.get(
            (rejected, doubtful),
            "Mend the rejected rows in rejects.jsonl, then send them and what is in doubt:",
        )
        yield words, summary.retry_command


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
