"""Whether a job agrees with its source: every column is there, and every piece of SQL is one.

Asked when the source is open and before anything is read or sent. What is wrong is reported all at once, with
the line of the job file.
"""

from __future__ import annotations

from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.fields import identifier_field
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.connectors.rows import Stop
from netaudience.jobs.connectors.watermark import EVERYTHING, Since
from netaudience.jobs.extract.page import Page
from netaudience.jobs.extract.table import Table, open_source
from netaudience.jobs.map.aliases import are_addresses, other_than_ids
from netaudience.jobs.plan.own_opt_outs import held_by
from netaudience.jobs.spec.diagnostics import Problems, no_column
from netaudience.jobs.spec.model import JobFile, Step
from netaudience.jobs.spec.parse import read_text
from netaudience.jobs.spec.suppression_section import quoted_name
from netaudience.jobs.spec.toml_lines import KeyPath, Lines
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.model.kinds import Identifiers
from netaudience.operations.dispatch import Operation


def open_checked(  # noqa: PLR0913 - the options of a reading
    job: JobFile,
    *,
    kept: Path | None = None,
    beside: Path | None = None,
    stop: Stop | None = None,
    since: Since = EVERYTHING,
    first: int | None = None,
) -> Table:
    """Open a job's source, and compare the job with it.

    Args:
        job: The job.
        kept: Where an earlier attempt has kept what it fetched of the source.
        beside: The folder in which it is fetched.
        stop: Ends the fetching from another thread.
        since: From where it is read, where only what is new is.
        first: Fetch no more rows than this, to look at the columns.

    Raises:
        ConfigurationError: the source cannot be opened as the job says, or they do not agree; with the line.
        SourceFailed: it cannot be read.
    """
    try:
        table = open_source(
            held_by(job), job.path.parent, kept=kept, beside=beside, stop=stop, since=since, first=first
        )
    except ConfigurationError as error:
        problems = Problems(_shown(job.path), _lines(job))
        problems.add(_place_of(error.key or "files"), str(error))
        problems.tell()
        raise  # not reached: there is a problem
    try:
        check_source(job, table)
    except BaseException:
        table.close()
        raise
    return table


def _shown(path: Path) -> str:
    """Return the file's path as short as it can be said here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _place_of(key: str) -> KeyPath:
    """Return where the file has what an error about the source is about."""
    return ("suppression", key) if key == "match" else ("source", key)


def _lines(job: JobFile) -> Lines | None:
    try:
        return Lines(read_text(job.path))
    except ConfigurationError:  # a job that Python made has no file
        return None


def check_source(job: JobFile, table: Table) -> None:
    """Compare a job with its source.

    Raises:
        ConfigurationError: a column is missing, or a piece of SQL is wrong.
    """
    if not table.columns:
        return  # nothing is there at all, which a guard judges
    lines = _lines(job)
    problems = Problems(_shown(job.path), lines)
    checker = _Checker(problems, lines, table)
    for column in job.source.key:
        checker.column(column, ("source", "key"))
    for key, column in table.missing:
        checker.column(column, _place_of(key))
    written = (
        0 if lines is None else len({path[1] for path in lines.known if path[:1] == ("step",) and path[1:]})
    )
    made = max(0, len(job.steps) - written)  # of people's tables; they come first
    kept: set[str] = set() if job.audience is None else set(job.audience.steps.values())
    for index, step in enumerate(job.steps):
        place: KeyPath = ("audience", "columns") if step.name in kept else ("verb",)
        checker.step(step, place if index < made else ("step", index - made))
    problems.tell()


def takes_for_ids(step: Step, operation: Operation) -> str | None:
    """Return as what a step takes its identifiers, where they are ids only because nobody said what."""
    by = operation.signature.parameters.get("by")
    if by is None or "by" in step.arguments or not isinstance(operation.kind, Identifiers):
        return None
    return None if by.default in {"email", "msisdn"} else str(by.default)


def check_first(step: Step, operation: Operation, page: Page) -> None:
    """Refuse e-mail addresses that would be taken for ids; the first page of a step's rows tells.

    Raises:
        ConfigurationError: most of them are addresses, and nobody said by what the users are known.
    """
    by = takes_for_ids(step, operation)
    if by is None or not page:
        return
    name = identifier_field(step, operation.kind)
    if are_addresses(row["fields"].get(name) for row in page):
        column = step.fields[name].column if name in step.fields else None
        where = f"the field {name!r}" if column is None else f"the column {column!r}"
        raise ConfigurationError(
            f"Most values of {where} look like e-mail addresses, and {step.operation} would take them for "
            f"{by}: say which of them it is, as by in the step's arguments (--by in a command); nothing was "
            "sent"
        )


class _Checker:
    """Asks the source about one thing after another."""

    def __init__(self, problems: Problems, lines: Lines | None, table: Table) -> None:
        self._problems = problems
        self._lines = lines
        self._table = table
        self._known = {name.casefold() for name in table.columns}
        #: As SQL names columns that are missing: who is told so has no use for what that makes of the SQL.
        self._missing: set[str] = set()

    def column(self, name: str, place: KeyPath) -> None:
        """Look for a column."""
        if name.casefold() not in self._known:
            self._missing.add(quoted_name(name))
            self._problems.add(place, no_column(name, self._table.columns))

    def step(self, step: Step, place: KeyPath) -> None:
        """Look at a step's fields and condition."""
        for name, expression in step.fields.items():
            at = self._place(place, name)
            if expression.column is not None:
                self.column(expression.column, at)
            elif expression.sql is not None:
                self._sql(Selection(fields={name: expression}), at)
        self._by(step, place)
        if step.where is not None:
            self._sql(Selection(fields={}, where=step.where), (*place, "where"))

    def _by(self, step: Step, place: KeyPath) -> None:
        """Refuse addresses and numbers that would be taken for ids because nobody said what they are."""
        vendor = find_vendor(step.vendor)
        operation = find_operation(vendor, step.operation) if vendor is not None else ""
        by = None if isinstance(operation, str) else takes_for_ids(step, operation)
        for name, expression in step.fields.items() if by is not None else ():
            what = None if expression.column is None else other_than_ids(expression.column)
            if what is not None:
                self._problems.add(
                    self._place(place, name),
                    f"the column {expression.column!r} is called as {what} are, and {step.operation} takes "
                    f"what it holds for {by}: say which of them it is, as by in the step's arguments",
                )

    def _sql(self, selection: Selection, place: KeyPath) -> None:
        try:
            self._table.check(selection)
        except ConfigurationError as error:
            # A key that is missing is reported where the file names it.
            if error.key != "key" and not any(
                f"column {name} not found" in str(error) for name in self._missing
            ):
                self._problems.add(place, str(error))

    def _place(self, step: KeyPath, name: str) -> KeyPath:
        """Return where the file has a field, which it may call by the vendor's name or in another case."""
        base: KeyPath = (*step, "fields")
        if self._lines is None:
            return base
        wanted = _plain(name)
        for path in self._lines.known:
            rest = path[len(base) :]
            if path[: len(base)] == base and rest and _plain(".".join(map(str, rest))) == wanted:
                return path
        return base


def _plain(name: str) -> str:
    head, dot, entry = name.partition(".")
    return head.casefold().replace("_", "").replace("-", "") + dot + entry
