"""What a step has delivered, on disk: by key a hash of what was sent, and for a mirror what it has done.

A run's differences from it are staged in the same file, so that the same run finds the same rows when it
goes on; what is delivered is added to a list, and folded into what is known by the next run. Every change is
one transaction: a process that is killed leaves the old or the new, never a mix.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self, cast

import attrs

from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.columns.duckdb import Batch, another, batches, connect, import_duckdb, literal
from netaudience.jobs.columns.effects import Effect, canonical, removal_fields
from netaudience.jobs.columns.fields import sent_as_text
from netaudience.jobs.columns.selection import Problem, Selection, salt_of
from netaudience.jobs.extract.page import Page, SourceRow
from netaudience.jobs.extract.table import PAGE, Table
from netaudience.jobs.spec.model import Step
from netaudience.jobs.state import diff_sql, taking_back
from netaudience.jobs.state.diagnosis import Cause, cause_of, sentence_of
from netaudience.jobs.state.diff_sql import HERE
from netaudience.jobs.state.staging import REMEMBER, stage
from netaudience.model.wire import JsonValue

if TYPE_CHECKING:
    import duckdb

    from netaudience.jobs.extract.scan import Scan

_FORMAT = "netaudience snapshot 4"
#: The kinds of what is done.
_DELIVERED, _REMOVED, _DOUBTFUL = 0, 1, 2
_AT_A_TIME = 100_000
#: What a file holds of which something was delivered.
_SOMETHING = [f"SELECT 1 FROM {table} LIMIT 1" for table in ("done", "state", "owed")]  # noqa: S608 - our names


def selection_of(step: Step) -> Selection:
    """Return what a step wants of every row, its hash covering the operation and its arguments."""
    return Selection(
        fields=step.fields,
        where=step.where,
        salt=salt_of(f"{step.vendor} {step.operation.replace('-', '_')}", step.arguments),
        texts=sent_as_text(step),
    )


def salted(selection: Selection, effect: Effect) -> Selection:
    """Return a selection whose hash covers what is remembered of a row besides."""
    return attrs.evolve(selection, salt=canonical([selection.salt, effect.kept, effect.mappings]))


@attrs.frozen
class Old:
    """What earlier runs did by other arguments, such as another tag, and no row asks for now."""

    #: The number by which its removals are read.
    way: int
    #: The arguments that it was done by, and those that take it back.
    arguments: dict[str, JsonValue]
    removal_arguments: dict[str, JsonValue]
    #: What took it back then.
    removal: str
    users: int


@attrs.frozen(kw_only=True)
class Differences:
    """What a run has to send: rows = added + changed + unchanged + rejected."""

    added: int
    changed: int
    unchanged: int
    #: Rows that cannot be read, or have no key, or whose key stands again further down with other values.
    rejected: int
    #: Rows among the unchanged that have nothing to send: every entry that they would set is empty.
    nothing: int = 0
    #: Rows among the unchanged behind which another one of their user stands, where only the last is sent;
    #: None where nobody has asked for them.
    repeated: int | None = None
    #: Users that have something which this job has put there, and which no row asks for; only for a mirror.
    removed: int = 0
    #: Removals that are not made in this run, because the keys of some rows could not be read.
    held_back: int = 0
    #: In how many runs in a row it was so, this one among them.
    held_runs: int = 0
    #: Users or keys that this job has put something there for, by the runs before this one.
    known: int = 0
    #: Whether there are rows whose keys could not be read, so that nobody knows who is gone.
    keyless: bool = False
    #: What was done by other arguments.
    old: tuple[Old, ...] = ()
    #: What to read of the source: hand it to `Table.read`, alone or beside those of other steps.
    selection: Selection
    _table: Table = attrs.field(alias="table")
    _snapshot: Snapshot = attrs.field(alias="snapshot")

    @property
    def total(self) -> int:
        """The rows of the source that the step wants."""
        return self.added + self.changed + self.unchanged + self.rejected

    def rows(self) -> Iterator[Page]:
        """Read what was added or changed, and what is rejected; the same at every reading of the run."""
        for (page,) in self._table.read([self.selection]):
            if page:
                yield page

    def removals(self, old: Old | None = None) -> Iterator[Page]:
        """Read what is taken back, with the fields that a removal needs.

        Args:
            old: What of earlier runs; what was done by the arguments of now where it is None.
        """
        return self._snapshot.removals(None if old is None else old.way)


class Snapshot:
    """One step's file. Its methods may be called from any thread, one at a time."""

    def __init__(self, path: Path, *, memory: str = "1GB") -> None:
        """Open or make the file.

        Args:
            path: The file.
            memory: How much memory DuckDB may use.

        Raises:
            ConfigurationError: another process has it, or it is no snapshot.
        """
        self.path = path
        self._lock = Lock()
        self._memory = memory
        is_new = not path.exists()
        self._connection = self._open()
        try:
            # What a killed process has left there; the file's lock says that nobody else uses it.
            shutil.rmtree(self._spill, ignore_errors=True)
            if is_new:
                path.chmod(0o600)  # it holds identifiers
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __repr__(self) -> str:
        return f"<Snapshot {self.path.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """End what another thread asks of it, at once: it raises there, and nothing has changed."""
        with suppress(import_duckdb().Error):  # between two connections there is nothing to end
            self._connection.interrupt()

    def close(self) -> None:
        """Give the file free."""
        self._connection.close()

    def forget_if_empty(self) -> None:
        """Close the file, and take it away where nothing was ever delivered: it says nothing then."""
        empty = False
        with suppress(import_duckdb().Error):
            empty = all(not self._connection.execute(query).fetchall() for query in _SOMETHING)
        self.close()
        if empty:
            for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
                path.unlink(missing_ok=True)

    @property
    def run(self) -> str:
        """The run whose differences are staged."""
        return self._fact("run") or ""

    @property
    def is_open(self) -> bool:
        """Whether that run is sending, or was when its process died."""
        return self._fact("open") is not None

    def open_run(self, *, is_open: bool) -> None:
        """Write down that the staged run begins to send, or that all that it has sent is written down.

        Raises:
            JournalFailed: the file cannot be written.
        """
        with self._writing() as connection:
            connection.execute("DELETE FROM facts WHERE name = 'open'")
            if is_open:
                connection.execute("INSERT INTO facts VALUES ('open', 'yes')")

    @property
    def reading(self) -> str:
        """What is known of how far the source was read; empty where nothing is."""
        return self._fact("reading") or ""

    def keep_reading(self, reading: str) -> None:
        """Write down how far the source was read.

        Raises:
            JournalFailed: the file cannot be written.
        """
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('reading', ?)", [reading])

    def differences(
        self, table: Table, step: Step, run: str, effect: Effect, rows: int | None = None
    ) -> Differences:
        """Find what differs from what was delivered, and stage it; for the same run, return what is staged.

        Args:
            table: The source.
            step: What is read of it, and how.
            run: What tells this run from others.
            effect: How the effect of a row is known.
            rows: The rows of the step, where somebody has counted them.

        Raises:
            ConfigurationError: the source has no key, or is another than when the run began.
            SourceFailed: the source cannot be read.
            JournalFailed: the file cannot be written.
        """
        if not table.key:
            raise ConfigurationError(
                f"The step {step.name!r} is {step.mode}, which needs a key: say in [source] which columns "
                'identify a row, as in key = "user_id"'
            )
        selection = salted(selection_of(step), effect)
        # Checks are those of one DuckDB: another may reckon them in another way.
        read_by = import_duckdb().__version__
        fields = sorted(map(str, step.fields.items()))
        about = json.dumps([table.fingerprint(), selection.salt, step.where, fields, read_by])
        if self.run == run:
            if self._fact("about") != about:
                raise ConfigurationError(
                    f"The source or the step, or the version of DuckDB, has changed since run {run} began: "
                    "start a new run; what was delivered is known and is not sent again"
                )
        else:
            with self._writing() as connection:
                connection.execute(diff_sql.RANGES)
                found = connection.execute("SELECT kind FROM ranges WHERE kind != 1").fetchall()
                whole = found == [(_DELIVERED,)]
                connection.execute(diff_sql.SETTLED if whole else diff_sql.SETTLED_IN_PARTS)
                connection.execute(diff_sql.FOLD + diff_sql.RUN)
            total = table.count(step.where) if rows is None else rows
            with self._beside(table, selection) as scan:
                asking = scan.asking(selection, effect) if table.columns else None
                with self._writing() as connection:
                    left = table.left() if table.tells_who_left else None
                    whole = not table.is_part
                    stage(scan, asking, effect, table.name, total, self._damage, whole=whole, left=left)
                    connection.executemany(REMEMBER, [("run", run), ("about", about)])
        return self.staged(table, selection)

    def pass_over(self, table: Table, found: Differences, earlier: Sequence[int]) -> Differences:
        """Count staged rows as unchanged that are not sent, because another one of their user is.

        What is known of their keys stays: they are sent when they are the last of their user.

        Raises:
            JournalFailed: the file cannot be written.
        """
        counts = json.loads(self._fact("counts") or "{}")
        with self._writing() as connection:
            counts["repeated"] = 0
            for start in range(0, len(earlier), _AT_A_TIME):
                rows = [list(earlier[start : start + _AT_A_TIME])]
                for name, passed in connection.execute(diff_sql.PASSED, rows).fetchall():
                    counts[name] -= passed
                    counts["unchanged"] += passed
                    counts["repeated"] += passed
                connection.execute(diff_sql.LEAVE_OUT, rows)
            connection.execute("UPDATE facts SET value = ? WHERE name = 'counts'", [json.dumps(counts)])
        return self.staged(table, found.selection)

    def staged(self, table: Table, selection: Selection) -> Differences:
        """Return what is staged, and how to read it."""
        counts = json.loads(self._fact("counts") or "{}")
        old = tuple(Old(**one) for one in counts.pop("old"))
        every = not counts["rejected"] and not counts["unchanged"]
        selection = attrs.evolve(selection, only=None if every else self._numbers, expected=self._checks)
        return Differences(**counts, old=old, selection=selection, table=table, snapshot=self)

    def commit(
        self,
        delivered: Iterable[int] = (),
        removed: Iterable[int] = (),
        doubtful: Iterable[int] = (),
    ) -> None:
        """Write down what became of rows, by their numbers, in one transaction; twice does no harm.

        Args:
            delivered: Rows that the vendor has taken.
            removed: Numbers of removals that it has taken.
            doubtful: Rows of which nobody knows: the next run sends them again, whatever they say then.

        Raises:
            JournalFailed: the file cannot be written.
        """
        ranges = [
            (first, stop, kind)
            for kind, numbers in ((_DELIVERED, delivered), (_REMOVED, removed), (_DOUBTFUL, doubtful))
            for first, stop in _ranges(numbers)
        ]
        if not ranges:
            return
        columns = [list(column) for column in zip(*ranges, strict=True)]
        with self._writing() as connection:
            connection.execute("INSERT INTO done SELECT unnest(?), unnest(?), unnest(?)", columns)

    def recall(self, delivered: Iterable[str] = (), doubtful: Iterable[str] = ()) -> None:
        """Write down what became of rows of the staged run that another one sent again, by their keys.

        Args:
            delivered: Rows that the vendor has taken as the source has them.
            doubtful: Rows that it took otherwise, or of which nobody knows.

        Raises:
            JournalFailed: the file cannot be written.
        """
        made = [
            (key, kind) for kind, keys in ((_DELIVERED, delivered), (_DOUBTFUL, doubtful)) for key in keys
        ]
        if not made:
            return
        keys, kinds = (list(column) for column in zip(*made, strict=True))
        with self._writing() as connection:
            connection.execute(diff_sql.RECALL, {"keys": keys, "kinds": kinds})

    def removals(self, way: int | None) -> Iterator[Page]:
        """Read the removals of the staged run: those of the arguments of now, or of other ones."""
        with self._telling(), closing(another(self._connection)) as cursor:
            cursor.execute(taking_back.READ, {"way": way})
            while rows := cursor.fetchmany(PAGE):
                yield [_removal(*row) for row in rows]

    def _numbers(self) -> Iterator[list[tuple[int, Problem | None]]]:
        with self._telling(), closing(another(self._connection)) as cursor:
            cursor.execute('SELECT "row", problem, again IS NOT NULL FROM pending ORDER BY "row"')
            while rows := cursor.fetchmany(10 * PAGE):
                yield [  # that another row is sent in the place of one is the run's choice
                    (number, None if reason is None else Problem(reason, "run" if again else "source"))
                    for number, reason, again in rows
                ]

    def _checks(self) -> Iterator[Batch]:
        with self._telling(), closing(another(self._connection)) as cursor:
            yield from batches(
                cursor, 'SELECT "row", "check" FROM pending WHERE problem IS NULL ORDER BY "row"', _AT_A_TIME
            )

    def _prepare(self) -> None:
        (tables,) = cast(
            "tuple[int]", self._connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        )
        if not tables:
            with self._writing() as connection:
                connection.execute(diff_sql.SCHEMA + diff_sql.RUN)
                connection.execute("INSERT INTO facts VALUES ('format', ?)", [_FORMAT])
        if self._fact("format") != _FORMAT:
            raise ConfigurationError(
                f"{self.path.name} is the snapshot of another version of this package: take it away, and the "
                "next run sends every row"
            )

    def _fact(self, name: str) -> str | None:
        with self._lock, self._telling():
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            return connect(self.path, spill=self._spill, memory=self._memory)
        except (import_duckdb().Error, MemoryError) as error:
            cause = cause_of(error, self.path, is_ours=False)
            raise ConfigurationError(f"{self._sentence(cause)}. Nothing was sent") from None

    def _sentence(self, cause: Cause) -> str:
        return sentence_of(
            cause,
            self.path.name,
            remembers="what was delivered",
            lost="the next run knows of nothing, and sends every row again, those too that must not be twice",
        )

    def _private_log(self) -> None:
        """Make the file that DuckDB writes beside its own, for its owner only."""
        log = self.path.with_name(f"{self.path.name}.wal")
        with suppress(FileExistsError, OSError):
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    @property
    def _spill(self) -> Path:
        return self.path.with_suffix(".spill")

    @contextmanager
    def _beside(self, table: Table, selection: Selection) -> Generator[Scan, None, None]:
        """Open the file beside a source, so that one query reads both."""
        self._connection.close()
        try:
            with table.scanning(selection) as scan:
                self._connection = scan.connection
                with self._telling():
                    self._connection.execute(f"ATTACH {literal(str(self.path))} AS {HERE}")
                try:
                    yield scan
                except BaseException:
                    # A disk that is full makes this fail as well, and what came first is what is reported.
                    with suppress(import_duckdb().Error):
                        self._connection.execute(f"DETACH {HERE}")
                    raise
                with self._telling():
                    self._connection.execute(f"DETACH {HERE}")
        finally:
            self._connection = self._open()

    @contextmanager
    def _writing(self) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        with self._lock, self._telling():
            connection = self._connection
            self._private_log()
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(import_duckdb().Error):  # what came first is what is reported
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _damage(self) -> Generator[None, None, None]:
        """Tell of a damaged file where a query reads both it and the source, of which others tell."""
        try:
            yield
        except import_duckdb().Error as error:
            if cause_of(error, self.path) == "damaged":
                raise JournalFailed(self._sentence("damaged")) from None
            raise

    @contextmanager
    def _telling(self) -> Generator[None, None, None]:
        try:
            yield
        except import_duckdb().InterruptException:
            raise  # whoever has ended it knows
        except (import_duckdb().Error, MemoryError) as error:
            raise JournalFailed(self._sentence(cause_of(error, self.path))) from None


def _removal(number: int, kept: str, entries: Sequence[str]) -> SourceRow:
    """Return a row that is taken back; its key is whom it is about."""
    fields = removal_fields(kept, entries)
    key = next((str(value) for value in fields.values() if not isinstance(value, list)), "")
    return {"row": number, "key": key, "hash": "", "fields": fields}


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Give the ranges that numbers make."""
    first = stop = None
    for number in sorted(numbers):
        if first is None or stop is None:
            first = number
        elif number > stop:
            yield first, stop
            first = number
        stop = number + 1
    if first is not None and stop is not None:
        yield first, stop
