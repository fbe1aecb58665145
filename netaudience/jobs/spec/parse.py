"""Reads a job file and says everything that is wrong with it at once, by line, before anything is sent.

Each table of it is read by a file of its own, and whether a step fits its operation is judged by `validate`.
The source is not opened: once somebody has, `plan.validate_source` compares the two.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.audience_section import AUDIENCE, audience_of, audience_steps
from netaudience.jobs.spec.diagnostics import Problems, Section
from netaudience.jobs.spec.guards_section import GUARDS, guards_of
from netaudience.jobs.spec.model import PATIENCE, JobFile, KeptAudience, Notify, Source, Step
from netaudience.jobs.spec.notify_section import NOTIFY, notify_of
from netaudience.jobs.spec.quotas_section import QUOTAS, quotas_of
from netaudience.jobs.spec.results_section import RESULTS, results_of
from netaudience.jobs.spec.runs_section import RUNS, folder_of, lease_of
from netaudience.jobs.spec.source_section import SOURCE, source_of
from netaudience.jobs.spec.step_section import check_incremental, steps_of
from netaudience.jobs.spec.suppression_section import SUPPRESSION, suppression_of
from netaudience.jobs.spec.toml_lines import Lines
from netaudience.jobs.spec.verb_section import verb_steps

JOB = (
    "name",
    "source",
    "suppression",
    "audience",
    "verb",
    "step",
    "guards",
    "quotas",
    "runs",
    "results",
    "notify",
)


def read_job(path: str | Path) -> JobFile:
    """Read a job file.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong; each problem with its line.
    """
    path = Path(path)
    text = read_text(path)
    problems = Problems(str(path), Lines(text))
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _syntax(error, problems, text)
        problems.tell()
        raise  # not reached: there is a problem
    job = _Reading(path, values, problems).job()
    problems.tell()
    return job


def read_notified(path: str | Path) -> JobFile | None:
    """Return a job file that is wrong, with nothing but who is told; None where that cannot be read."""
    path = Path(path)
    try:
        text = read_text(path)
        values = tomllib.loads(text)
    except (ConfigurationError, tomllib.TOMLDecodeError):
        return None
    problems = Problems(str(path), Lines(text))
    reading = _Reading(path, values, problems)
    notify = reading.notify()
    return None if problems.in_section("notify") else reading.named(notify)


def read_text(path: Path) -> str:
    """Return the text of a job file, a mark at its beginning left out.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the job file cannot be read: {error.strerror}: look at its name, or write one with "
            "netaudience init"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: the job file is not UTF-8: save it as UTF-8") from error


def _syntax(error: tomllib.TOMLDecodeError, problems: Problems, text: str) -> None:
    words = str(error)
    at = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", words)
    line = int(at.group(1)) if at and at.group(1) else text.count("\n") + 1
    reason = words[: at.start()].strip() if at else words
    problems.at_line(line, f"this is not TOML: {reason}: text stands in quotation marks, and each key once")


class _Reading:
    """One reading of a file's values."""

    def __init__(self, path: Path, values: dict[str, object], problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._file = Section(values, (), problems, known=JOB, name="the job file")

    def job(self) -> JobFile:
        """Make the job; what is wrong goes to the problems, and something harmless takes its place."""
        file = self._file
        source = self._source()
        audience, steps = self._audience(source)
        steps += verb_steps(file, source, {step.name.casefold() for step in steps})
        names = {step.name.casefold() for step in steps}
        steps += steps_of(file, source, names, needed=audience is None and "verb" not in file)
        runs = file.section("runs", RUNS)
        folder, store = folder_of(runs)
        here = self._path.resolve()
        return JobFile(
            name=file.name_of_folder("name", default=self._path.stem) or "job",
            path=here,
            source=source,
            steps=steps,
            audience=audience,
            guards=guards_of(file.section("guards", GUARDS)),
            quotas=quotas_of(file.section("quotas", QUOTAS), here.parent),
            notify=self.notify(),
            results=results_of(file.section("results", RESULTS)) if "results" in file else None,
            folder=None if folder is None else here.parent / Path(folder).expanduser(),
            store=store,
            lease=lease_of(runs, store),
            keep_runs=runs.whole("keep") or 30,
            keep_days=runs.whole("keep_days") or 90,
            patience=runs.number("patience") or PATIENCE,
        )

    def _source(self) -> Source:
        if "source" not in self._file:
            self._file.wrong("source", 'where the rows come from is missing: add [source] with files = "…"')
            return Source()
        section = self._file.section("source", SOURCE)
        source = source_of(section)
        if "suppression" not in self._file:
            return source
        if source.incremental is not None:
            section.wrong(
                "incremental",
                "with [suppression] all rows are read, for whoever leaves the list is sent again: leave "
                "incremental out",
            )
        held = self._file.section("suppression", SUPPRESSION)
        return attrs.evolve(source, suppression=suppression_of(held))

    def _audience(self, source: Source) -> tuple[KeptAudience | None, tuple[Step, ...]]:
        """Read the audience, and make the steps that keep it the same."""
        if "audience" not in self._file:
            return None, ()
        section = self._file.section("audience", AUDIENCE)
        if not source.key and "key" not in self._file.table("source"):
            section.wrong("name", 'an audience needs to know people again: add key = "COLUMN" to [source]')
        if source.incremental is not None:
            check_incremental(section, source, "mirror")
        count = len(self._problems)
        audience = audience_of(section)
        if len(self._problems) > count:
            return audience, ()
        return audience_steps(audience, source.suppression)

    def notify(self) -> Notify:
        """Read who is notified how a run ended."""
        return notify_of(self._file.section("notify", NOTIFY))

    def named(self, notify: Notify) -> JobFile:
        """Return a job without source and steps."""
        name = self._file.name_of_folder("name", default=self._path.stem) or "job"
        return JobFile(name=name, path=self._path.resolve(), source=Source(), steps=(), notify=notify)
