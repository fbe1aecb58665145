"""What a step has delivered, on disk: by key a hash of what was sent, and what a removal needs.

A run's differences from it are staged in the same file, so that the same run finds the same rows when it
goes on; what is delivered is added to a list, and folded into the state by the next run. Every change is
one transaction: a process that is killed leaves the old or the new, never a mix.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.comparing import BORROW, COMPARE, COUNT, FOLD, GIVE_BACK, RECALL, REMOVE, RUN, SCHEMA
from netaudience.jobs.database import another, connect, import_arrow, import_duckdb, literal
from netaudience.jobs.selecting import Selection, salt_of
from netaudience.jobs.sources import PAGE, Page, Table
from netaudience.jobs.words import Step

if TYPE_CHECKING:
    import duckdb

__all__ = ["Differences", "Snapshot", "selection_of"]

_FORMAT = "netaudience snapshot 1"
#: The kinds of what is done.
_DELIVERED, _REMOVED, _DOUBTFUL = 0, 1, 2
#: Rows that are staged at a time.
_STAGED = 100_000


def selection_of(step: Step) -> Selection:
    """Return what a step wants of every row, its hash covering the operation and its arguments."""
    return Selection(
        fields=step.fields,
        where=step.where,
        salt=salt_of(f"{step.vendor} {step.operation.replace('-', '_')}", step.arguments),
    )


@attrs.frozen
class Differences:
    """What a run has to send: rows = added + changed + unchanged + rejected."""

    added: int
    changed: int
    unchanged: int
    #: Rows that cannot be read, or have no key, or whose key stands again further down with other values.
    rejected: int
    #: Keys that this job has delivered and the source does not have any more; only for a mirror.
    removed: int
    #: Removals that are not made in this run, because rows could not be read that may be theirs.
    held_back: int
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

    def removals(self) -> Iterator[Page]:
        """Read what was removed: numbered from 1, with the fields that a removal needs."""
        return self._snapshot.removals()


class Snapshot:
    """One step's file. Its methods may be called from any thread, one at a time."""

    def __init__(
        self,
        path: Path,
        *,
        memory: str = "1GB",
        known: Path | None = None,
        held: AbstractContextManager[object] | None = None,
    ) -> None:
        """Open or make the file.

        Args:
            path: The file.
            memory: How much memory DuckDB may use.
            known: The file that knows what was delivered, where it is not this one: it is looked at while
                differences are found, and never changed.
            held: What is held meanwhile.

        Raises:
            ConfigurationError: another process has it, or it is no snapshot.
        """
        self.path = path
        self._lock = Lock()
        self._known, self._held = known, held or nullcontext()
        #: Keys that the other file knows.
        self._known_keys: int | None = None
        duckdb = import_duckdb()
        is_new = not path.exists()
        try:
            spill = path.with_suffix(".spill")
            self._connection = connect(path, spill=spill, memory=memory)
            # What a killed process has left there; the file's lock says that nobody else uses it.
            shutil.rmtree(spill, ignore_errors=True)
            if is_new:
                path.chmod(0o600)  # it holds keys
            self._prepare()
        except duckdb.Error as error:
            words = str(error)
            if "lock" in words:
                raise ConfigurationError(
                    f"{path.name} is in use by another process: a job runs once at a time"
                ) from error
            raise ConfigurationError(
                f"{path.name} is no snapshot of a job, or it is damaged: take it away, and the next "
                "run sends every row"
            ) from error

    def __repr__(self) -> str:
        return f"<Snapshot {self.path.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """End what another thread asks of it, at once: it raises there, and nothing has changed."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give the file free."""
        self._connection.close()

    @property
    def run(self) -> str:
        """The run whose differences are staged."""
        return self._fact("run") or ""

    def differences(self, table: Table, step: Step, run: str, kept: Sequence[str] = ()) -> Differences:
        """Find what differs from what was delivered, and stage it; for the same run, return what is staged.

        Args:
            table: The source.
            step: What is read of it, and how.
            run: What tells this run from others.
            kept: The fields that a removal needs.

        Raises:
            ConfigurationError: the source has no key, or is another than when the run began.
            SourceFailed: the source cannot be read.
            JournalFailed: the file cannot be written.
        """
        if not table.key:
            raise ConfigurationError(
                f"The step {step.name!r} is {step.mode}, which needs a key: say in [source] which columns "
                'tell a row from others, as in key = "user_id"'
            )
        selection = selection_of(step)
        about = json.dumps(
            [table.fingerprint(), selection.salt, step.where, sorted(map(str, step.fields.items()))]
        )
        if self.run == run:
            if self._fact("about") != about:
                raise ConfigurationError(
                    f"The source or the step has changed since run {run} began: start a new run; what was "
                    "delivered is known and is not sent again"
                )
        else:
            self._stage(table, selection, kept)
            with self._borrowed() if self._known is not None else self._folded():
                self._compare(run, about, mirror=step.mode == "mirror")
        counts = json.loads(self._fact("counts") or "{}")
        return Differences(
            **counts, selection=attrs.evolve(selection, only=self._numbers), table=table, snapshot=self
        )

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
        arrow = import_arrow()
        ranges = [
            (first, stop, kind)
            for kind, numbers in ((_DELIVERED, delivered), (_REMOVED, removed), (_DOUBTFUL, doubtful))
            for first, stop in _ranges(numbers)
        ]
        if not ranges:
            return
        firsts, stops, kinds = zip(*ranges, strict=True)
        made = arrow.table({"first": firsts, "stop": stops, "kind": kinds})
        with self._writing() as connection:
            connection.register("made", made)
            connection.execute("INSERT INTO done SELECT first, stop, kind FROM made")
            connection.unregister("made")

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
        keys, kinds = zip(*made, strict=True)
        table = import_arrow().table({"key": keys, "kind": kinds})
        with self._writing() as connection:
            connection.register("made", table)
            connection.execute(RECALL)
            connection.unregister("made")

    def delivered(self) -> int:
        """Return how many keys are known as delivered, by the runs before this one."""
        if self._known_keys is not None:
            return self._known_keys
        with self._lock:
            return cast("tuple[int]", self._connection.execute("SELECT count(*) FROM state").fetchone())[0]

    def removals(self) -> Iterator[Page]:
        """Read the removals of the staged run."""
        with closing(another(self._connection)) as cursor:
            cursor.execute('SELECT "row", key, kept FROM removals ORDER BY "row"')
            while rows := cursor.fetchmany(PAGE):
                yield [
                    {"row": number, "key": key, "hash": "", "fields": _kept(kept)}
                    for number, key, kept in rows
                ]

    def _numbers(self) -> Iterator[list[tuple[int, str | None]]]:
        with closing(another(self._connection)) as cursor:
            cursor.execute('SELECT "row", problem FROM pending ORDER BY "row"')
            while rows := cursor.fetchmany(10 * PAGE):
                yield rows

    def _prepare(self) -> None:
        (tables,) = cast(
            "tuple[int]", self._connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        )
        if not tables:
            with self._writing() as connection:
                connection.execute(SCHEMA + RUN)
                connection.execute("INSERT INTO facts VALUES ('format', ?)", [_FORMAT])
        if self._fact("format") != _FORMAT:
            raise ConfigurationError(
                f"{self.path.name} is the snapshot of another version of this package: take it away, and the "
                "next run sends every row"
            )

    def _fact(self, name: str) -> str | None:
        with self._lock:
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    @contextmanager
    def _folded(self) -> Generator[None, None, None]:
        """Make what the last run has delivered part of the state."""
        with self._writing() as connection:
            connection.execute(FOLD)
        yield

    @contextmanager
    def _borrowed(self) -> Generator[None, None, None]:
        """See another file's state as this one's, with what the last run has delivered."""
        known = cast("Path", self._known)
        with self._held:
            try:
                self._connection.execute(f"ATTACH {literal(str(known))} AS known (READ_ONLY)")
            except import_duckdb().Error as error:
                raise ConfigurationError(
                    f"{known.name}, which knows what was delivered, cannot be read: a run of the job is "
                    "under way, or it is damaged. Wait until the run is over; if none is, take the file "
                    "away, and every row counts as new"
                ) from error
            try:
                with self._writing() as connection:
                    connection.execute(BORROW)
                self._known_keys = None
                self._known_keys = self.delivered()
                yield
            finally:
                with self._lock:
                    self._connection.execute(GIVE_BACK)

    def _stage(self, table: Table, selection: Selection, kept: Sequence[str]) -> None:
        arrow = import_arrow()
        with self._telling():
            self._connection.execute(
                'CREATE OR REPLACE TABLE staged ("row" BIGINT, key VARCHAR, hash UBIGINT, problem VARCHAR, '
                "kept VARCHAR)"
            )
        gathered: list[Any] = []
        rows = 0

        def write() -> None:
            with self._writing() as connection:
                connection.register("gathered", arrow.Table.from_batches(gathered))
                connection.execute("INSERT INTO staged SELECT * FROM gathered")
                connection.unregister("gathered")
            gathered.clear()

        for batch in table.keys(selection, kept):
            gathered.append(batch)
            rows += batch.num_rows
            if rows >= _STAGED:
                write()
                rows = 0
        if gathered:
            write()

    def _compare(self, run: str, about: str, *, mirror: bool) -> None:
        with self._writing() as connection:
            connection.execute(RUN)
            connection.execute(COMPARE)
            if mirror:
                connection.execute(REMOVE)
            found = cast("tuple[int, ...]", connection.execute(COUNT).fetchone())
            names = ("added", "changed", "unchanged", "rejected", "removed")
            counts = {**dict(zip(names, found, strict=True)), "held_back": 0}
            unknown = "SELECT EXISTS (SELECT 1 FROM staged WHERE key IS NULL)"
            if counts["removed"] and cast("tuple[bool]", connection.execute(unknown).fetchone())[0]:
                # A row that could not be read may be the very one that seems to be gone.
                connection.execute("DELETE FROM removals")
                counts |= {"held_back": counts["removed"], "removed": 0}
            connection.execute("DROP TABLE staged")
            facts = {"run": run, "about": about, "counts": json.dumps(counts)}
            connection.executemany("INSERT INTO facts VALUES (?, ?)", list(facts.items()))

    @contextmanager
    def _writing(self) -> Generator[duckdb.DuckDBPyConnection, None, None]:
        with self._lock, self._telling():
            connection = self._connection
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _telling(self) -> Generator[None, None, None]:
        try:
            yield
        except import_duckdb().Error as error:
            kind = type(error).__name__
            raise JournalFailed(
                f"The snapshot {self.path.name} cannot be written ({kind}): make room, or look at who may "
                "write there. What it has recorded is safe"
            ) from error


def _kept(text: str | None) -> dict[str, object]:
    """Return the fields that were kept for a removal."""
    fields: dict[str, object] = json.loads(text or "{}")
    return {name: value for name, value in fields.items() if value is not None}


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
