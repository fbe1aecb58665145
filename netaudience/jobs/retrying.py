"""The undelivered rows of a run as a source of their own, so that a new run of the same job sends them again.

The source is the run's ``rejects.jsonl``, mended or not; a row's number is its line there. Rows in doubt are
sent again only where that does no harm, or where somebody says so; rows whose key stands again further down
the source never are. Removals are left out: the next run of a
mirror takes back what is still there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import attrs

from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError
from netaudience.jobs.comparing import OUTDATED
from netaudience.jobs.matching import find_operation, find_vendor
from netaudience.jobs.rejects import digest_of_fields, read_rejects
from netaudience.jobs.rundir import RunFolder
from netaudience.jobs.words import Expression, Guards, JobFile, Source
from netaudience.wire import JsonValue
from netaudience.work import Operation

if TYPE_CHECKING:
    from netaudience.jobs.selecting import Selection
    from netaudience.jobs.sources import Page, SourceRow, Table

__all__ = ["retry_of"]

_PAGE = 1000


def retry_of(run: RunFolder, job: JobFile, in_doubt: OnDoubt) -> tuple[JobFile, Table]:
    """Return the job that sends a run's undelivered rows again, and these rows in the place of a source.

    Args:
        run: The run.
        job: Its job, as the job file has it now.
        in_doubt: ``resend`` sends rows in doubt again whatever the operation; they may then be there twice.

    Raises:
        ConfigurationError: there are none, or their file cannot be read.
    """
    rows = _Rejects(run, job, in_doubt)
    if not rows.counts:
        also = ""
        if rows.left_out:
            also = f"; {rows.left_out:,} are in doubt, which --in-doubt resend sends again"
        raise ConfigurationError(f"The run {run.id} has no row that can be sent again{also}")
    steps = tuple(
        # The fields are what they were made of already; the condition only says whose rows they are.
        attrs.evolve(step, where=step.name, mode="all", removal=None, removal_arguments={})
        for step in job.steps
        if rows.counts[step.name]
    )
    # A few rows that were refused before are no sign of a broken source.
    guards = Guards(allow_empty=True, max_rejected=None)
    return attrs.evolve(job, source=Source(), steps=steps, guards=guards), cast("Table", rows)


class _Rejects:
    """The lines of a ``rejects.jsonl`` in the place of a table; a step's condition is its name."""

    columns: Mapping[str, str] = {}

    def __init__(self, run: RunFolder, job: JobFile, in_doubt: OnDoubt) -> None:
        self._path = run.rejects
        self._origin = f"{run.id} {in_doubt}"
        self._resends = {
            step.name: in_doubt == "resend" or _is_idempotent(step.vendor, step.operation)
            for step in job.steps
        }
        self.counts: Counter[str] = Counter()
        #: Rows in doubt that are not sent again.
        self.left_out = 0
        try:
            for _, line in self._lines():
                self._count(line)
        except FileNotFoundError as error:
            raise ConfigurationError(f"The run {run.id} has no row that was not delivered") from error
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be read: {error.strerror}") from error

    def fingerprint(self) -> str:
        """Return which run's rows these are, and a digest of their file."""
        with self._path.open("rb") as file:
            return f"{self._origin} {hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"

    def count(self, where: str | None = None) -> int:
        """Return how many rows there are, or how many of a step."""
        return self.counts.total() if where is None else self.counts[where]

    def rows(self, expressions: Mapping[str, Expression], where: str | None = None) -> Iterator[Page]:
        """Read the rows of a step."""
        del expressions
        for (page,) in self._pages([where]):
            yield page

    def read(self, selections: Sequence[Selection]) -> Iterator[list[Page]]:
        """Read the rows of several steps, a page for each of them at a time."""
        return self._pages([selection.where for selection in selections])

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _lines(self) -> Iterator[tuple[int, Mapping[str, JsonValue]]]:
        yield from enumerate(read_rejects(self._path), 1)

    def _pages(self, steps: Sequence[str | None]) -> Iterator[list[Page]]:
        pages: dict[str | None, Page] = {step: [] for step in steps}
        read = 0
        for number, line in self._lines():
            page = pages.get(cast("str | None", line.get("step")))
            if page is not None and self._is_wanted(line):
                page.append(_row(number, line))
                read += 1
            if read == _PAGE:
                yield [pages[step] for step in steps]
                pages = {step: [] for step in steps}
                read = 0
        if read:
            yield [pages[step] for step in steps]

    def _count(self, line: Mapping[str, JsonValue]) -> None:
        step = str(line.get("step"))
        if step in self._resends and self._is_wanted(line):
            self.counts[step] += 1
        elif step in self._resends:
            self.left_out += 1

    def _is_wanted(self, line: Mapping[str, JsonValue]) -> bool:
        if str(line.get("reason")).casefold().startswith(OUTDATED):
            return False  # a later row of the same key was sent
        return line.get("kind") != "in doubt" or self._resends.get(str(line.get("step")), False)


def _row(number: int, line: Mapping[str, JsonValue]) -> SourceRow:
    fields, key, digest = line.get("fields"), line.get("key"), ""
    origin = line.get("origin")
    if isinstance(origin, dict):
        key, digest = origin.get("key"), str(origin.get("digest"))
        if digest != digest_of_fields(line):
            digest = ""  # mended: it is not what the source holds
    row: SourceRow = {"row": number, "key": key if isinstance(key, str) else "", "hash": digest, "fields": {}}
    if isinstance(fields, dict):
        row["fields"] = {name: value for name, value in fields.items() if value is not None}
    else:
        row["problem"] = "the line has no fields"
    return row


def _is_idempotent(vendor: str, operation: str) -> bool:
    client = find_vendor(vendor)
    found = None if client is None else find_operation(client, operation)
    return isinstance(found, Operation) and found.facts.idempotent
