"""What keeps two runs from sending the same rows: a run that has not come to its end, a list sent again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Self

import attrs

from netaudience.engine.lease import FileLock
from netaudience.errors import ConfigurationError, GuardRefused, JournalFailed
from netaudience.jobs.state.run_folder import RunFolder, replace, runs_of
from netaudience.jobs.state.summary import Summary, read_summary
from netaudience.model.digests import digest_of_parts
from netaudience.model.wire import dump_json, load_json, structure
from netaudience.operations.dispatch import Operation

_ONCE_MORE = "--in-doubt resend sends all of its rows once more"


def touched(journal: Path) -> bool:
    """Return whether something of a run was sent, or may have been, as its journal says."""
    if not journal.exists():
        return False
    try:
        with closing(sqlite3.connect(journal, timeout=5.0)) as database:
            for table in ("settled", "sending"):
                if database.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]:  # noqa: S608 - ours
                    return True
    except sqlite3.Error:
        return True  # nobody knows
    return False


def check_last_run(  # noqa: PLR0913 - what is known of both runs
    folder: Path,
    this: str,
    step: str,
    operations: Mapping[str, Operation],
    *,
    source: str | None,
    memory: str,
) -> None:
    """Refuse to send again what the last run of a step has sent, or may have, where that would repeat it.

    Args:
        folder: The job's folder.
        this: The run that asks.
        step: The step's name.
        operations: By the names of their journals, what the step does.
        source: What tells the source from others, where a run sends all rows; None where what was delivered
            is remembered.
        memory: The run that has the step's memory open; empty where none has.

    Raises:
        GuardRefused: a run was killed, or has stopped on the way.
    """
    names = [name for name, operation in operations.items() if not operation.facts.idempotent]
    if not names:
        return
    once = " and ".join(dict.fromkeys(operations[name].name for name in names))
    for run in runs_of(folder):
        if run.id == this:
            continue
        with suppress(ConfigurationError):
            start = run.start()
            if step not in start.steps or start.again is not None:
                continue
            summary = _summary_of(run)
            killed = summary is None or summary.attempts < start.attempts or bool(summary.unwritten)
            if killed and start.sending and any(touched(run.journal(name)) for name in names):
                raise GuardRefused(
                    f"The last run of {step}, {run.id}, was killed, and {once} must not be repeated: go on "
                    f"with that run first, then start a new one; nothing was sent. netaudience resume "
                    f"{run.id}, or, where its source is gone, {_ONCE_MORE}"
                )
            if summary is not None and start.source == source and not _at_its_end(summary, step):
                raise GuardRefused(
                    f"The last run of {step}, {run.id}, has stopped on the way through the same source, and "
                    f"{once} must not be repeated: go on with that run; nothing was sent. netaudience resume "
                    f"{run.id}; {_ONCE_MORE}"
                )
            break
    if memory and memory != this and not (folder / "runs" / memory).exists():
        raise GuardRefused(
            f"The last run of {step}, {memory}, was killed, its folder is gone, and {once} must not be "
            f"repeated: put the folder back and go on with the run; nothing was sent. {_ONCE_MORE}"
        )


def _summary_of(run: RunFolder) -> Summary | None:
    try:
        return read_summary(run.summary)
    except ConfigurationError:
        return None  # what cannot be read says nothing of its end


def _at_its_end(summary: Summary, step: str) -> bool:
    """Return whether a run has nothing left of a step, or has sent nothing of it."""
    return all(
        one.exhausted or not (one.delivered or one.in_doubt) for one in summary.steps if one.name == step
    )


@attrs.frozen(kw_only=True)
class SentAgain:
    """The mark beside a list of rows that was sent again: nobody sends them another time by mistake."""

    #: When, in UTC.
    time: str
    #: The lines that the list had then, and a digest of them.
    lines: int
    digest: str
    #: The run that has sent them; empty where a command has, which keeps nothing.
    run: str = ""


def mark_of(letters: Path) -> Path:
    """Return where it is written down that a list was sent again."""
    return letters.with_name(f"{letters.name}.sent")


def write_sent_again(letters: Path, run: str = "") -> None:
    """Write down, before anything is sent, that a list is sent again.

    Raises:
        JournalFailed: it cannot be written.
    """
    lines, digest = _state(letters)
    mark = SentAgain(time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", lines=lines, digest=digest, run=run)
    try:
        replace(mark_of(letters), dump_json(attrs.asdict(mark)))
    except OSError as error:
        raise JournalFailed(
            f"{mark_of(letters).name} cannot be written beside the rows that are sent again "
            f"({error.strerror}), and without it they might be sent twice: make room, or look at who may "
            "write there; nothing was sent"
        ) from error


class sending_again:  # noqa: N801 - used as a function is
    """Keep a file of dead letters while a command sends it again: ``with sending_again(path) as again:``."""

    def __init__(self, letters: Path) -> None:
        self._letters = letters
        self._lock = FileLock(letters.with_name(f"{letters.name}.lock"))
        self._before: bytes | None = None

    def __enter__(self) -> Self:
        """Keep others away.

        Raises:
            ConfigurationError: another command is sending it, or the folder cannot be written.
        """
        try:
            taken = self._lock.take()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"The folder of {self._letters} cannot be written, so nobody could know later that its lines "
                "were sent again: copy the file to another place, and send the copy"
            ) from error
        if not taken:
            raise ConfigurationError(f"{self._letters} is being sent again by another command: wait for it")
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have it."""
        self._lock.release()

    def begin(self) -> None:
        """Write down that it is sent.

        Raises:
            JournalFailed: that is not possible; nothing was sent.
        """
        with suppress(FileNotFoundError):
            self._before = mark_of(self._letters).read_bytes()
        write_sent_again(self._letters)

    def end(self, summary: Summary) -> None:
        """Take that back where nothing was delivered, and nothing may have been."""
        if any(step.delivered or step.in_doubt for step in summary.steps):
            return
        if self._before is None:
            mark_of(self._letters).unlink(missing_ok=True)
        else:
            replace(mark_of(self._letters), self._before)


def check_sent_again(letters: Path, who: str, *, this: str = "") -> int:
    """Return how many lines at the beginning of a list were sent again before, and are not to be again.

    Args:
        letters: The list.
        who: What people call it.
        this: The run that sends it, where it goes on.

    Raises:
        GuardRefused: all of it was, or it was changed since.
        ConfigurationError: the mark cannot be read.
    """
    mark = mark_of(letters)
    try:
        earlier = structure(load_json(mark.read_bytes()), SentAgain)
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{mark.name}, which says what of {who} was sent again, cannot be read: look at who may read it"
        ) from error
    if this and earlier.run == this:
        return 0
    lines, _ = _state(letters)
    if lines > earlier.lines and _state(letters, earlier.lines)[1] == earlier.digest:
        return earlier.lines
    raise GuardRefused(f"{who} was sent again at {earlier.time} already{_what_is_left(letters, earlier)}")


def _what_is_left(letters: Path, mark: SentAgain) -> str:
    """Say where what was not delivered is now."""
    run = RunFolder(letters.parent.parent / mark.run)
    if mark.run and (run.path / "run.json").is_file():
        summary = _summary_of(run)
        if summary is None or not summary.finished or summary.attempts < run.start().attempts:
            return f", by the run {run.id}, which has not come to its end: netaudience resume {run.id}"
        if any(step.undelivered for step in summary.steps):
            return f", by the run {run.id}, which has what is left of it: netaudience retry {run.id}"
        return f", by the run {run.id}, which has delivered all of it"
    return (
        ": what that command could not deliver went to its standard output. Send that, or take "
        f"{mark_of(letters).name} away to send all of it once more, what was delivered then as well"
    )


def _state(letters: Path, lines: int | None = None) -> tuple[int, str]:
    """Return how many lines a list has, and a digest of the first ones."""
    count = 0

    def counted(file: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal count
        for line in islice(file, lines):
            count += 1
            yield line

    with letters.open("rb") as file:
        digest = digest_of_parts(counted(file))
    return count, digest
