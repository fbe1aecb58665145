"""Dead letters as a source of their own, so that a job sends them again.

They are those of a run's ``rejects.jsonl``, of a command or of a consumer, mended or not; a row's number is
its line in the file. Rows in doubt are sent again only where that does no harm, or where somebody says so;
rows whose key stands again further down the source never are. Removals are left out: the next run of a
mirror takes back what is still there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from netaudience.dead_letter import DeadLetter
from netaudience.engine.journal import OnDoubt
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.extract.files import LINE
from netaudience.jobs.extract.page import Whole
from netaudience.jobs.spec.model import Expression, Guards, JobFile, Source, Step
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.jobs.state.letter_types import expressions_of, fields_from, typed, unsets
from netaudience.jobs.state.rejects import row_digest
from netaudience.jobs.state.repeating import check_sent_again
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.model.digests import digest_of_file
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation

if TYPE_CHECKING:
    from netaudience.jobs.columns.selection import Only, Selection
    from netaudience.jobs.extract.page import Page, SourceRow
    from netaudience.jobs.extract.table import Table

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
    of = {step.name: step for step in job.steps}
    rows = _Letters(run.rejects, f"The run {run.id}", of, lambda letter: letter.step, in_doubt)
    # The fields are what they were made of already.
    return _again(job, rows)


def letters_as_source(path: Path, in_doubt: OnDoubt = "tell") -> tuple[JobFile, Table]:
    """Return a job of what a file of dead letters says by itself, and its rows in the place of a source.

    Args:
        path: What a command, a job or a consumer has written.
        in_doubt: As for `retry_of`.

    Raises:
        ConfigurationError: there is nothing to send, or the file cannot be read.
        GuardRefused: its lines were sent again before; those that were added since are sent.
    """
    before = check_sent_again(path, str(path))
    steps: dict[str, Step] = {}
    rows = _Letters(path, str(path), steps, lambda letter: _called(letter, steps), in_doubt, before)
    job = JobFile(name=path.stem or "letters", path=path.absolute(), source=Source(), steps=())
    return _again(job, rows)


def _called(letter: DeadLetter, steps: dict[str, Step]) -> str:
    """Return the name of a letter's step, which is made or made larger by it; empty where it has none."""
    if not letter.operation:
        return ""  # an event that could not be read as one
    base = letter.step or f"{letter.vendor}-{letter.operation.replace('_', '-')}"
    arguments = dict(letter.arguments or {})
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        known = steps.get(name)
        if known is None:
            known = Step(name=name, vendor=letter.vendor, operation=letter.operation, arguments=arguments)
        if (known.vendor, known.operation, known.arguments) == (letter.vendor, letter.operation, arguments):
            break
        number += 1
    new = (letter.fields or _fields(letter)).keys() - known.fields.keys()
    if new or name not in steps:
        members = letter.fields or {}
        added = {field: Expression(column=field, unset=unsets(members.get(field))) for field in sorted(new)}
        fields = {**known.fields, **added}
        steps[name] = attrs.evolve(known, fields=fields)
    return name


def _again(job: JobFile, rows: _Letters) -> tuple[JobFile, Table]:
    steps = tuple(
        # The condition only says whose rows they are.
        attrs.evolve(step, where=name, mode="all", removal=None, removal_arguments={})
        for name, step in rows.steps.items()
        if rows.counts[name]
    )
    # A few rows that were refused before are no sign of a broken source.
    guards = Guards(allow_empty=True, max_rejected=None)
    zones = rows.zones or {job.source.time_zone}
    if len(zones) > 1:
        named = ", ".join(sorted(zone or "UTC" for zone in zones))
        raise ConfigurationError(f"{rows.path} has rows of several time zones ({named}): make a file of each")
    source = Source(time_zone=zones.pop())
    return attrs.evolve(job, source=source, steps=steps, guards=guards), cast("Table", rows)


class _Letters:
    """The lines of a file of dead letters in the place of a table; a step's condition is its name."""

    columns: Mapping[str, str] = {}
    #: They are no part of a source.
    is_part = False
    reached = None
    lines = None
    notes: Sequence[str] = ()

    def __init__(  # noqa: PLR0913, PLR0917 - what is known of the file, and of its lines
        self,
        path: Path,
        who: str,
        steps: Mapping[str, Step],
        name_of: Callable[[DeadLetter], str],
        in_doubt: OnDoubt,
        before: int = 0,
    ) -> None:
        """Count what there is.

        Raises:
            ConfigurationError: there is nothing that can be sent again, or the file cannot be read.
        """
        self.steps = steps
        self.path = path
        self._origin = f"{who} {in_doubt}"
        self._name_of = name_of
        self._in_doubt = in_doubt
        #: Lines at the beginning of the file that were sent again before.
        self._before = before
        self._idempotent: dict[tuple[str, str], bool] = {}
        self.counts: Counter[str] = Counter()
        #: The zones of their points in time that say none.
        self.zones = set[str | None]()
        #: Rows in doubt that are not sent again.
        self.left_out = 0
        try:
            for _, letter in self._letters():
                self._count(letter)
        except FileNotFoundError as error:
            raise ConfigurationError(f"{who} has no row that was not delivered") from error
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        if not self.counts:
            also = ""
            if self.left_out:
                also = f"; {self.left_out:,} are in doubt, which --in-doubt resend sends again"
            raise ConfigurationError(f"{who} has no row that can be sent again{also}")

    def fingerprint(self) -> str:
        """Return whose rows these are, and a digest of their file."""
        return f"{self._origin} {digest_of_file(self.path)}"

    def count(self, where: str | None = None) -> int:
        """Return how many rows there are, or how many of a step."""
        return self.counts.total() if where is None else self.counts[where]

    def rows(self, expressions: Mapping[str, Expression], where: str | None = None) -> Iterator[Page]:
        """Read the rows of a step."""
        del expressions
        for (page,) in self._pages([(where, None)]):
            yield page

    def read(self, selections: Sequence[Selection]) -> Iterator[list[Page]]:
        """Read the rows of several steps, a page for each of them at a time."""
        return self._pages([(selection.where, selection.only) for selection in selections])

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _letters(self) -> Iterator[tuple[int, DeadLetter]]:
        yield from islice(enumerate(DeadLetter.read(self.path), 1), self._before, None)

    def _pages(self, wanted: Sequence[tuple[str | None, Only | None]]) -> Iterator[list[Page]]:
        from netaudience.jobs.extract.scan import Wanted  # noqa: PLC0415 - needs the extra `cli`

        steps = [step for step, _ in wanted]
        chosen = {step: Wanted(only()) for step, only in wanted if only is not None}
        pages: dict[str | None, list[SourceRow]] = {step: [] for step in steps}
        read = 0
        for number, letter in self._letters():
            name = self._name_of(letter)
            page = pages.get(name)
            left_out = name in chosen and not chosen[name].within(number, 1)
            if page is not None and not left_out and self._is_wanted(letter):
                page.append(_row(number, letter))
                read += 1
            if read == _PAGE:
                yield [pages[step] for step in steps]
                pages = {step: [] for step in steps}
                read = 0
        if read:
            yield [pages[step] for step in steps]

    def _count(self, letter: DeadLetter) -> None:
        name = self._name_of(letter)
        if name in self.steps and self._is_wanted(letter):
            self.counts[name] += 1
            self.zones.add(letter.time_zone)
        elif name in self.steps and letter.outcome == "in_doubt":
            self.left_out += 1

    def _is_wanted(self, letter: DeadLetter) -> bool:
        if letter.outcome == "in_doubt":
            return self._in_doubt == "resend" or self._repeats(letter.vendor, letter.operation)
        if letter.outcome == "not_yet":
            return False  # it may still come
        # The run itself rejects a row where a later one of the same key was sent.
        return (letter.outcome, letter.by) != ("rejected", "run")

    def _repeats(self, vendor: str, name: str) -> bool:
        """Return whether an operation may be repeated."""
        if (vendor, name) not in self._idempotent:
            client = find_vendor(vendor)
            found = None if client is None else find_operation(client, name)
            self._idempotent[vendor, name] = isinstance(found, Operation) and found.facts.idempotent
        return self._idempotent[vendor, name]


def _row(number: int, letter: DeadLetter) -> SourceRow:
    digest = letter.digest or ""
    mended = bool(digest) and digest != row_digest(letter.row)
    held = typed(_fields(letter), letter.types or {})
    made = letter.fields
    fields, anew = (held, {}) if made is None else fields_from(made, held, mended=mended)
    row: SourceRow = {
        "row": number,
        "key": letter.key if letter.source_key is None else letter.source_key,
        "hash": "" if mended else digest,  # mended, it is not what the source holds
        "fields": fields,
        "source_position": letter.position if letter.source_position is None else letter.source_position,
    }
    if made is not None:
        expressions = expressions_of(made)
        row["whole"] = lambda: Whole(held, expressions)
    if anew and (problem := _make_anew(fields, held, anew)) is not None:
        row["problem"] = problem
    row["fields"] = {name: value for name, value in fields.items() if value is not None}
    if held.keys() == {LINE} and made is not None and LINE not in made.values():
        row["problem"] = (
            "the line is no row as it stands: write its cells into the row of the letter, by their columns"
        )
    elif not row["fields"]:
        row["problem"] = "the line has no row"
    return row


def _make_anew(
    fields: dict[str, object], row: Mapping[str, object], made: Mapping[str, Expression]
) -> str | None:
    """Make fields of a mended row by their SQL; return what is wrong where that cannot be done."""
    from netaudience.jobs.extract.table import open_data  # noqa: PLC0415 - needs the extra `cli`

    given = {name: value.held if isinstance(value, BadValue) else value for name, value in row.items()}
    try:
        with open_data([given]) as table:
            for page in table.rows(made):
                for one in page:
                    fields.update(one["fields"])
    except NetaudienceError:
        names = ", ".join(made)
        return (
            f"the SQL of {names} fails on the mended row: write a value in its place in the letter's fields"
        )
    return None


def _fields(letter: DeadLetter) -> Mapping[str, JsonValue]:
    """Return the fields of the row; an identifier by itself is one."""
    return letter.row if isinstance(letter.row, Mapping) else {"row": letter.row}
