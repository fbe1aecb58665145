"""Reads a job file and says everything that is wrong with it at once, by line, before anything is sent.

The file's form is judged here; whether a step fits its operation is judged by `validate`. The source is not
opened: once somebody has, `checking` compares the two.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.audience_section import AUDIENCE, audience_of, audience_steps
from netaudience.jobs.spec.diagnostics import Problems, Section, listed, nearest
from netaudience.jobs.spec.model import (
    EVENTS,
    LEASE,
    PATIENCE,
    Expression,
    Guards,
    JobFile,
    KeptAudience,
    Mode,
    Notify,
    Results,
    Share,
    Source,
    Step,
)
from netaudience.jobs.spec.quotas_section import QUOTAS, quotas_of
from netaudience.jobs.spec.secrets import secret
from netaudience.jobs.spec.source_section import DBAPI, FUNCTION, SOURCE, source_of
from netaudience.jobs.spec.suppression_section import SUPPRESSION, condition_of, suppression_of
from netaudience.jobs.spec.toml_lines import KeyPath, Lines
from netaudience.jobs.spec.validate import (
    check_arguments,
    check_fields,
    find_operation,
    find_vendor,
    is_json,
    problem_of_last,
    removal_problem,
)
from netaudience.jobs.spec.verb_section import VERB, verb_steps
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.vendors import names

__all__ = [
    "GUARDS",
    "JOB",
    "MODES",
    "NOTIFY",
    "RESULTS",
    "RUNS",
    "STEP",
    "read_job",
    "read_notified",
    "read_text",
]

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
STEP = (
    "name", "vendor", "operation", "arguments", "fields", "where", "mode", "removal", "removal_arguments",
    "take_back_old", "duplicates", "suppressed", "verify", "rate", "in_flight", "max_rows",
)  # fmt: skip
GUARDS = (
    "allow_empty", "max_removals", "max_rejected", "max_different", "accept_rejected", "max_deviation",
    "odd_identifiers", "preflight",
)  # fmt: skip
NOTIFY = ("webhook", "format", "on", "new_rejects", "healthcheck", "on_end")
RESULTS = ("connection", "uri", "tables")
RUNS = ("folder", "keep", "keep_days", "patience", "lease")
MODES = ("all", "changed-only", "mirror")
_EXPRESSION = ("column", "value", "sql")
#: Names become folders and files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: How the names of tables begin, behind those of their database and schema.
_BEGINNING = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*\.){0,2}[A-Za-z_][A-Za-z0-9_]*")
#: A folder in an object store.
_STORE = re.compile(r"(?:s3|s3a|gs|az|abfs|abfss)://[A-Za-z0-9._@-]+(?:/[A-Za-z0-9._/=-]*)?")
_SHORTEST = 3
_PERCENT = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%\s*")


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
    told = words[: at.start()].strip() if at else words
    problems.at_line(line, f"this is not TOML: {told}: text stands in quotation marks, and each key once")


def _folder_of(runs: Section) -> tuple[str | None, str | None]:
    """Return the folder that runs are kept in, or the object store."""
    folder = runs.text("folder")
    if folder is None or "://" not in folder:
        return folder, None
    if not _STORE.fullmatch(folder):
        runs.wrong(
            "folder",
            "folder must be a path, or name a bucket and a folder in it without anything secret: "
            'folder = "s3://bucket/nightly", or gs:// or az://',
        )
        return None, None
    return None, folder.rstrip("/")


def _lease_of(runs: Section, store: str | None) -> float:
    lease = runs.number("lease")
    if lease is None:
        return LEASE
    if store is None:
        runs.wrong(
            "lease", 'lease is for a folder in an object store: leave it out, or say folder = "s3://…"'
        )
    elif lease < _SHORTEST:
        runs.wrong("lease", f"lease must be {_SHORTEST} seconds or more: a store may be away for a moment")
    return lease


def _check_incremental(section: Section, source: Source, mode: Mode) -> None:
    """Look whether a step can do with the rows that are new."""
    if mode == "all":
        section.wrong(
            "mode",
            "incremental gives some rows twice, and only the memory of what was delivered leaves them out: "
            'add mode = "changed-only"',
        )
    if mode == "mirror" and source.full_days is None and not source.tells_who_left:
        section.wrong(
            "mode",
            "a mirror takes back what is gone, which only a reading of all rows shows: add full-days = 7 to "
            "[source], or leave incremental out",
        )
    if section.get("duplicates") == "last":
        section.wrong(
            "duplicates",
            "which row of a user is the last is only told where all are read: leave duplicates or "
            "incremental out",
        )


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
        steps += self._verbs(source, {step.name.casefold() for step in steps})
        names = {step.name.casefold() for step in steps}
        steps += self._steps(source, names, needed=audience is None and "verb" not in self._file)
        runs = Section(file.table("runs"), file.place("runs"), self._problems, known=RUNS, name="[runs]")
        folder, store = _folder_of(runs)
        here = self._path.resolve()
        shared = Section(
            file.table("quotas"), file.place("quotas"), self._problems, known=QUOTAS, name="[quotas]"
        )
        return JobFile(
            name=self._name(file, "name", default=self._path.stem) or "job",
            path=here,
            source=source,
            steps=steps,
            audience=audience,
            guards=self._guards(),
            quotas=quotas_of(shared, here.parent),
            notify=self.notify(),
            results=self._results(),
            folder=None if folder is None else here.parent / Path(folder).expanduser(),
            store=store,
            lease=_lease_of(runs, store),
            keep_runs=runs.whole("keep") or 30,
            keep_days=runs.whole("keep_days") or 90,
            patience=runs.number("patience") or PATIENCE,
        )

    def _name(self, section: Section, key: str, *, default: str) -> str | None:
        """Return a name that can be a file's."""
        name = section.text(key) or default
        if _NAME.fullmatch(name):
            return name
        section.wrong(
            key,
            f"{key} becomes the name of a folder: begin with a letter or digit, and use letters, digits, "
            f'dots, dashes and underscores, such as {key} = "nightly"',
        )
        return None

    def _source(self) -> Source:
        problems = self._problems
        if "source" not in self._file:
            self._file.wrong("source", 'where the rows come from is missing: add [source] with files = "…"')
            return Source()
        section = Section(
            self._file.table("source"), self._file.place("source"), problems, known=SOURCE, name="[source]"
        )
        source = source_of(section)
        if "suppression" not in self._file:
            return source
        if source.incremental is not None:
            section.wrong(
                "incremental",
                "with [suppression] all rows are read, for whoever leaves the list is sent again: leave "
                "incremental out",
            )
        held = Section(
            self._file.table("suppression"),
            self._file.place("suppression"),
            problems,
            known=SUPPRESSION,
            name="[suppression]",
        )
        return attrs.evolve(source, suppression=suppression_of(held))

    def _audience(self, source: Source) -> tuple[KeptAudience | None, tuple[Step, ...]]:
        """Read the audience, and make the steps that keep it the same."""
        if "audience" not in self._file:
            return None, ()
        section = Section(
            self._file.table("audience"),
            self._file.place("audience"),
            self._problems,
            known=AUDIENCE,
            name="[audience]",
        )
        if not source.key and "key" not in self._file.table("source"):
            section.wrong("name", 'an audience needs to know people again: add key = "COLUMN" to [source]')
        if source.incremental is not None:
            _check_incremental(section, source, "mirror")
        count = len(self._problems)
        audience = audience_of(section)
        if len(self._problems) > count:
            return audience, ()
        return audience_steps(audience, source.suppression)

    def _verbs(self, source: Source, names: set[str]) -> tuple[Step, ...]:
        """Make the steps of all that is to become of people."""
        value = self._file.get("verb")
        given = cast("list[object]", value if isinstance(value, list) else [] if value is None else [value])
        steps: list[Step] = []
        for index, one in enumerate(given):
            at = (*self._file.place("verb"), index) if isinstance(value, list) else self._file.place("verb")
            if not isinstance(one, dict):
                self._problems.add(at, "a verb is a table: begin it with a line [[verb]]")
                continue
            values = cast("dict[str, object]", one)
            section = Section(values, at, self._problems, known=VERB, name="[[verb]]")
            for step in verb_steps(section, source):
                if step.name.casefold() in names:
                    section.wrong("verb", f"{step.name} is there twice: one verb says what is done there")
                names.add(step.name.casefold())
                steps.append(step)
        return tuple(steps)

    def _steps(self, source: Source, names: set[str], *, needed: bool) -> tuple[Step, ...]:
        value = self._file.get("step")
        place = self._file.place("step")
        given: list[tuple[object, KeyPath]] = []
        if isinstance(value, dict):
            given = [(cast("dict[str, object]", value), place)]
        elif isinstance(value, list):
            given = [(one, (*place, index)) for index, one in enumerate(cast("list[object]", value))]
        elif value is not None:
            self._file.wrong("step", "a step is a table: begin it with a line [[step]]")
            return ()
        if not given and needed:
            self._file.wrong("step", "there is no step: add [[step]] with vendor, operation and fields")
        steps: list[Step] = []
        paces: dict[tuple[str, str], tuple[Section, Step]] = {}
        for one, at in given:
            if not isinstance(one, dict):
                self._problems.add(at, "a step is a table: begin it with a line [[step]]")
                continue
            section = Section(cast("dict[str, object]", one), at, self._problems, known=STEP, name="[[step]]")
            step = self._step(section, source)
            if step is None:
                continue
            if step.name.casefold() in names:
                sentence = f'two steps are called {step.name}: give each a name of its own, name = "…"'
                section.wrong("name", sentence)
            names.add(step.name.casefold())
            steps.append(step)
            self._one_pace(section, step, paces)
        return tuple(steps)

    def _one_pace(
        self, section: Section, step: Step, paces: dict[tuple[str, str], tuple[Section, Step]]
    ) -> None:
        """Look whether a step keeps the pace of those before it that draw on the same allowance."""
        vendor = find_vendor(step.vendor)
        for name in (step.operation, step.removal):
            operation = None if vendor is None or name is None else find_operation(vendor, name)
            if not isinstance(operation, Operation):
                continue
            other, first = paces.setdefault((step.vendor, operation.facts.quota.name), (section, step))
            for key in ("rate", "in_flight"):
                paced = [(other, getattr(first, key)), (section, getattr(step, key))]
                told = any(at.get(key) is not None and pace is None for at, pace in paced)
                if paced[0][1] != paced[1][1] and not told:
                    section.wrong(
                        key,
                        f"{first.name} and {step.name} draw on one allowance of the account, so they have "
                        f"one pace: write the same {key} in both, or in neither",
                    )
                    return

    def _step(self, section: Section, source: Source) -> Step | None:
        vendor, operation = self._operation(section, "operation")
        arguments = self._arguments(section, "arguments", operation)
        count = len(self._problems)
        fields = self._fields(section, operation, arguments)
        mapped = fields if len(self._problems) == count else {}
        mode = cast("Mode", section.choice("mode", MODES) or "all")
        if mode != "all" and not source.key and "key" not in self._file.table("source"):
            section.wrong("mode", f'{mode} needs to know rows again: add key = "COLUMN" to [source]')
        if source.incremental is not None:
            _check_incremental(section, source, mode)
        removal, removal_arguments = self._removal(section, mode, operation, mapped)
        rate, in_flight = section.number("rate"), section.whole("in_flight")
        max_rows = section.whole("max_rows")
        looked_at = self._share(section, "verify", counts=False)
        verify = None if looked_at is None else min(looked_at.share or 0.0, 1.0) or None
        where = section.text("where")
        sends = section.choice("suppressed", ("hold-back", "send")) == "send"
        if "suppressed" in section and source.suppression is None and "suppression" not in self._file:
            section.wrong("suppressed", "there is no list of people: add [suppression], or leave it out")
        if source.suppression is not None and not sends:
            where = condition_of(where, source.suppression.match)
        default = "step" if operation is None else f"{vendor}-{operation.name.replace('_', '-')}"
        name = self._name(section, "name", default=default)
        if vendor is None or operation is None or name is None:
            return None
        return Step(
            name=name,
            vendor=vendor,
            operation=operation.name,
            arguments=arguments,
            fields=fields,
            where=where,
            mode=mode,
            removal=None if removal is None else removal.name,
            removal_arguments=removal_arguments,
            take_back_old=section.flag("take_back_old", default=False),
            duplicates=self._duplicates(section, operation),
            verify=verify,
            rate=rate,
            in_flight=in_flight,
            max_rows=max_rows,
        )

    @staticmethod
    def _duplicates(section: Section, operation: Operation | None) -> Literal["all", "last"]:
        """Return which of several rows of one user are sent."""
        last = section.choice("duplicates", ("all", "last")) == "last"
        if last and operation is not None and (problem := problem_of_last(operation)):
            section.wrong("duplicates", problem)
        return "last" if last else "all"

    def _operation(self, section: Section, key: str) -> tuple[str | None, Operation | None]:
        """Return a step's vendor, and the operation that a key of it names."""
        slugs = list(names())
        name, called = section.text("vendor"), section.text(key)
        if name is None:
            if "vendor" not in section:
                section.wrong("vendor", f'the step names no vendor: add vendor = "…", one of {listed(slugs)}')
            return None, None
        vendor = find_vendor(name)
        if vendor is None:
            meant = nearest(name, slugs) or f": it is one of {listed(slugs)}"
            section.wrong("vendor", f"there is no vendor of that name{meant}")
            return None, None
        if called is None:
            if key not in section:
                section.wrong(
                    key, f'the step has no {key}: add {key} = "…"; netaudience operations lists them'
                )
            return vendor.slug, None
        found = find_operation(vendor, called)
        if isinstance(found, str):
            section.wrong(key, found)
            return vendor.slug, None
        return vendor.slug, found

    def _arguments(self, section: Section, key: str, operation: Operation | None) -> Mapping[str, JsonValue]:
        given = section.table(key)
        if operation is None:
            return {}

        def tell(name: str | None, sentence: str) -> None:
            place = section.place(key)
            self._problems.add(place if name is None else (*place, name), sentence)

        return check_arguments(operation, given, tell)

    def _fields(
        self, section: Section, operation: Operation | None, arguments: Mapping[str, JsonValue]
    ) -> dict[str, Expression]:
        places: dict[str, KeyPath] = {}
        found: list[tuple[str, Expression]] = []
        whole = section.place("fields")
        count = len(self._problems)
        for name, value, place in _spread(section.table("fields"), whole):
            places[name] = place
            expression = self._expression(name, value, place)
            if expression is not None:
                found.append((name, expression))
        if operation is None or (len(self._problems) > count and not found):
            return dict(found)
        known_bad = set(places) - {name for name, _ in found}

        def tell(name: str | None, sentence: str) -> None:
            if name is None and known_bad:
                return  # what is missing may be what could not be read
            self._problems.add(whole if name is None else places[name], sentence)

        return check_fields(operation, found, arguments, tell)

    def _expression(self, name: str, value: object, place: KeyPath) -> Expression | None:
        problem: str | None = None
        if isinstance(value, str) and value.strip():
            return Expression(column=value)
        if isinstance(value, str):
            problem = f'{name} names no column: write {name} = "COLUMN", or leave it out'
        elif not isinstance(value, dict):
            problem = f"{name} is a column's name; a constant is written {name} = {{ value = … }}"
        else:
            given = dict(cast("dict[str, object]", value))
            kinds = [kind for kind in _EXPRESSION if kind in given]
            unset = given.pop("unset", False)
            strange = [key for key in given if key not in _EXPRESSION]
            if not isinstance(unset, bool) or (unset and kinds == ["value"]):
                problem = f"unset of {name} is true or false, beside a column or sql"
            elif len(kinds) != 1 or strange:
                problem = f"{name} is made of one thing: {{ column = … }}, {{ value = … }} or {{ sql = … }}"
            elif kinds == ["value"]:
                if is_json(given["value"]):
                    return Expression(value=cast("JsonValue", given["value"]))
                problem = f"the constant of {name} cannot be sent as JSON: write a date as text or number"
            else:
                (words,) = given.values()
                if isinstance(words, str) and words.strip():
                    if kinds == ["column"]:
                        return Expression(column=words, unset=unset)
                    return Expression(sql=words, unset=unset)
                problem = f"{kinds[0]} of {name} must be text that is not empty"
        self._problems.add(place, problem)
        return None

    def _removal(
        self,
        section: Section,
        mode: Mode,
        operation: Operation | None,
        fields: Mapping[str, Expression],
    ) -> tuple[Operation | None, Mapping[str, JsonValue]]:
        if "removal" not in section:
            if mode == "mirror":
                section.wrong(
                    "mode",
                    "mirror takes back what this job put there and is gone from the source: add "
                    'removal = "…", the operation that does so',
                )
            elif "removal_arguments" in section:
                section.wrong("removal_arguments", "there is no removal that they are for: leave them out")
            return None, {}
        if mode != "mirror" and section.get("mode") in {None, *MODES}:
            section.wrong("removal", 'only a mirror removes: add mode = "mirror", or leave removal out')
        if "vendor" not in section or find_vendor(str(section.get("vendor"))) is None:
            return None, {}
        _, removal = self._operation(section, "removal")
        if removal is None:
            return None, {}
        if operation is not None and fields and (problem := removal_problem(operation, removal, fields)):
            section.wrong("removal", problem)
        return removal, self._arguments(section, "removal_arguments", removal)

    def _guards(self) -> Guards:
        file, default = self._file, Guards()
        guards = Section(
            file.table("guards"), file.place("guards"), self._problems, known=GUARDS, name="[guards]"
        )
        deviation = self._share(guards, "max_deviation", counts=False)
        odd = guards.choice("odd_identifiers", ("reject", "send"))
        return Guards(
            allow_empty=guards.flag("allow_empty", default=default.allow_empty),
            max_removals=self._share(guards, "max_removals") or default.max_removals,
            max_rejected=self._share(guards, "max_rejected") or default.max_rejected,
            max_different=self._share(guards, "max_different") or default.max_different,
            accept_rejected=self._share(guards, "accept_rejected"),
            max_deviation=default.max_deviation if deviation is None else deviation.share,
            odd_identifiers="send" if odd == "send" else "reject",
            preflight=guards.flag("preflight", default=default.preflight),
        )

    def _results(self) -> Results | None:
        if "results" not in self._file:
            return None
        file, default = self._file, Results()
        results = Section(
            file.table("results"), file.place("results"), self._problems, known=RESULTS, name="[results]"
        )
        connection = results.text("connection")
        if connection is not None and not (connection == "postgresql" or DBAPI.fullmatch(connection)):
            results.wrong("connection", "tables are written to postgresql, or by a module: dbapi:MODULE")
        if connection is not None and "uri" not in results:
            results.wrong("connection", 'a connection needs an address: add uri = { env = "RESULTS_URI" }')
        for key in ("uri", "tables"):
            if key in results and connection is None:
                results.wrong(key, f"{key} is about a connection, and there is none: leave it out")
        tables = results.text("tables")
        if tables is not None and not _BEGINNING.fullmatch(tables):
            results.wrong("tables", 'tables is how their names begin, such as tables = "ops.netaudience_"')
        return Results(connection=connection, uri=secret(results, "uri"), tables=tables or default.tables)

    def named(self, notify: Notify) -> JobFile:
        """Return a job without source and steps."""
        name = self._name(self._file, "name", default=self._path.stem) or "job"
        return JobFile(name=name, path=self._path.resolve(), source=Source(), steps=(), notify=notify)

    def notify(self) -> Notify:
        """Read who is told how a run ended."""
        file, default = self._file, Notify()
        notify = Section(
            file.table("notify"), file.place("notify"), self._problems, known=NOTIFY, name="[notify]"
        )
        events = notify.texts("on")
        for event in events:
            if event not in EVENTS:
                notify.wrong("on", f"on lists {', '.join(EVENTS)}{nearest(event, EVENTS)}")
        on_end = notify.text("on_end")
        if on_end is not None and not FUNCTION.fullmatch(on_end):
            notify.wrong("on_end", 'on-end must name a function: on-end = "module:function"')
        return Notify(
            webhook=secret(notify, "webhook"),
            format="json" if notify.choice("format", ("slack", "json")) == "json" else "slack",
            on=events or default.on,
            new_rejects=self._share(notify, "new_rejects") or default.new_rejects,
            healthcheck=secret(notify, "healthcheck"),
            on_end=on_end,
        )

    def _share(self, section: Section, key: str, *, counts: bool = True) -> Share | None:
        """Return ``"5%"`` as a share, and, where rows are counted, a whole number as such."""
        value = section.get(key)
        if value is None:
            return None
        if counts and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return Share(count=value)
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found and (float(found.group(1)) <= 100 or not counts):
            return Share(share=float(found.group(1)) / 100)
        number = " or a number of rows, such as 100" if counts else ""
        section.wrong(key, f'{key.replace("_", "-")} must be a percentage, such as "5%"{number}')
        return None


def _spread(fields: Mapping[str, object], place: KeyPath) -> Iterable[tuple[str, object, KeyPath]]:
    """Give each field; ``profile.age = …`` without quotation marks is the entry of a mapping too."""
    for name, value in fields.items():
        inner = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        if inner and not set(_EXPRESSION) & set(inner):
            for entry, part in inner.items():
                yield f"{name}.{entry}", part, (*place, name, entry)
        else:
            yield name, value, (*place, name)
