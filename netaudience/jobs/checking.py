"""Whether a job agrees with its source: every column is there, and every piece of SQL is one.

Asked when the source is open and before anything is read or sent. What is wrong is told all at once, with
the line of the job file.
"""

from __future__ import annotations

from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.problems import Problems, listed, nearest
from netaudience.jobs.reading import read_text
from netaudience.jobs.selecting import Selection
from netaudience.jobs.sources import Table, open_source
from netaudience.jobs.toml_lines import KeyPath, Lines
from netaudience.jobs.words import JobFile, Step

__all__ = ["check_source", "open_checked"]


def open_checked(job: JobFile) -> Table:
    """Open a job's source, and compare the job with it.

    Raises:
        ConfigurationError: the source cannot be opened as the job says, or they do not agree; with the line.
        SourceFailed: it cannot be read.
    """
    try:
        table = open_source(job.source, job.path.parent)
    except ConfigurationError as error:
        problems = Problems(_shown(job.path), _lines(job))
        problems.add(_origin(str(error)), str(error))
        problems.tell()
        raise  # not reached: there is a problem
    try:
        check_source(job, table)
    except BaseException:
        table.close()
        raise
    return table


def _origin(sentence: str) -> KeyPath:
    """Return the key of the file that an error of the source is about."""
    if sentence.startswith("The key"):
        return ("source", "key")
    if sentence.startswith("The source's SQL"):
        return ("source", "sql")
    return ("source", "files")


def _shown(path: Path) -> str:
    """Return the file's path as short as it can be said here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


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
    for index, step in enumerate(job.steps):
        checker.step(step, ("step", index))
    problems.tell()


class _Checker:
    """Asks the source about one thing after another."""

    def __init__(self, problems: Problems, lines: Lines | None, table: Table) -> None:
        self._problems = problems
        self._lines = lines
        self._table = table
        self._known = {name.casefold() for name in table.columns}

    def column(self, name: str, place: KeyPath) -> None:
        """Look for a column."""
        if name.casefold() not in self._known:
            columns = tuple(self._table.columns)
            meant = nearest(name, columns) or f": it has {listed(columns)}"
            self._problems.add(place, f"the source has no column {name!r}{meant}")

    def step(self, step: Step, place: KeyPath) -> None:
        """Look at a step's fields and condition."""
        for name, expression in step.fields.items():
            at = self._place(place, name)
            if expression.column is not None:
                self.column(expression.column, at)
            elif expression.sql is not None:
                self._sql(Selection(fields={name: expression}), at)
        if step.where is not None:
            self._sql(Selection(fields={}, where=step.where), (*place, "where"))

    def _sql(self, selection: Selection, place: KeyPath) -> None:
        try:
            self._table.check(selection)
        except ConfigurationError as error:
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
