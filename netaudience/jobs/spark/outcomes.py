"""What became of the rows: a table of those that were not delivered, and counts of all.

Every attempt at a task writes a file of its own. A manifest, written when all tasks have ended, names the
files that count: what an attempt left that died does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Protocol, TypeVar, cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_arrow
from netaudience.jobs.spark.storage import Storage
from netaudience.model.wire import JsonValue, dump_json, load_json, structure
from netaudience.plurals import many

Frame_co = TypeVar("Frame_co", covariant=True)
_MANIFEST = "manifest"
#: The columns of the table, as in a line of a dead letter, and which hold whole numbers.
_COLUMNS = (
    "partition", "position", "key", "vendor", "operation", "outcome", "by", "status", "code", "message",
    "reason", "row", "time",
)  # fmt: skip
#: One account needs no more tasks than these.
TASKS = 4
#: Seconds from which on it matters how many tasks wait for the account's limit.
_WORTH = 10.0
_WHOLE = {"partition", "position", "status"}


class _Reader(Protocol[Frame_co]):
    def parquet(self, *paths: str) -> Frame_co:
        """Read files."""
        ...


class _Session(Protocol[Frame_co]):
    @property
    def read(self) -> _Reader[Frame_co]:
        """What reads files."""
        ...


@attrs.frozen(kw_only=True)
class RowCounts:
    """What became of rows, and what that took."""

    rows: int = 0
    delivered: int = 0
    #: Rows that an earlier attempt at their task had delivered; they were not sent again.
    known: int = 0
    rejected: int = 0
    failed: int = 0
    in_doubt: int = 0
    unsent: int = 0
    requests: int = 0
    throttles: int = 0
    #: Seconds of all tasks together, for which they have held their executors; and those that the account's
    #: limits ask for at the least, however many tasks send.
    seconds: float = 0.0
    least: float = 0.0


@attrs.frozen(kw_only=True)
class Part(RowCounts):
    """What became of the rows of one partition, by the attempt that counts."""

    partition: int
    #: The file of the rows that were not delivered.
    file: str = ""
    #: Why nothing was sent, where no further attempt would mend that.
    refused: str = ""

    @property
    def undelivered(self) -> int:
        """Rows that did not arrive."""
        return self.rejected + self.failed + self.in_doubt + self.unsent


@attrs.frozen(kw_only=True)
class SparkReport(RowCounts):
    """The counts of a write, over all of its partitions."""

    partitions: int = 0
    #: What is not known, in a sentence; empty where the counts account for every row.
    missing: str = ""
    #: What would have been enough, in a sentence; empty where no more tasks than that have sent.
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether every row is accounted for and was delivered."""
        return not self.missing and self.delivered + self.known == self.rows


def report(path: str) -> SparkReport:
    """Return what became of the rows of a write, or of all batches of a stream so far.

    Args:
        path: The folder that the option ``outcomes`` named.
    """
    storage = Storage(path)
    manifests = storage.names(_MANIFEST)
    parts = [part for name in manifests for part in _parts(storage.read(name))]
    total = total_of(parts)
    missing = ""
    counted = total.delivered + total.known + total.rejected + total.failed + total.in_doubt + total.unsent
    if not manifests:
        files = len(storage.names("part-"))
        missing = (
            f"There is no manifest: the write has not ended, or was aborted. Attempts have left {files} "
            "files, whose rows may have been delivered"
        )
    elif any(part.refused for part in parts):
        missing = next(part.refused for part in parts if part.refused)
    elif counted != total.rows:
        missing = f"Of {many(total.rows, 'row')} {counted:,} are accounted for"
    return attrs.evolve(total, missing=missing)


def total_of(parts: Sequence[Part]) -> SparkReport:
    """Return the sum of what became of partitions."""
    counts: dict[str, float] = {name: sum(getattr(part, name) for part in parts) for name in _COUNTS}
    total = structure({"partitions": sum(part.partition >= 0 for part in parts), **counts}, SparkReport)
    sending = sum(part.requests > 0 for part in parts)
    if sending <= TASKS or total.least < _WORTH or total.seconds <= 2 * TASKS * total.least:
        return total
    hint = (
        f"{sending:,} tasks have sent, and held executors for {total.seconds:,.0f} s in all, for requests "
        f"that the account's limits let through in {total.least:,.0f} s, however many send: {TASKS} are "
        f"enough, by ordered(…) or repartition({TASKS})"
    )
    return attrs.evolve(total, hint=hint)


def undelivered(spark: _Session[Frame_co], path: str) -> Frame_co:
    """Return a frame of the rows that were not delivered, each with the reason.

    Args:
        spark: The session.
        path: The folder that the option ``outcomes`` named.

    Raises:
        ConfigurationError: the write has not ended.
    """
    storage = Storage(path)
    manifests = storage.names(_MANIFEST)
    if not manifests:
        raise ConfigurationError("There is no manifest there: the write has not ended, or was aborted")
    files = [part.file for name in manifests for part in _parts(storage.read(name)) if part.file]
    return spark.read.parquet(*[storage.path(name) for name in files])


def write_outcomes(storage: Storage, name: str, partition: int, lines: Iterable[bytes]) -> None:
    """Write the rows that an attempt did not deliver, from lines of dead letters."""
    arrow, parquet = import_arrow(), import_arrow("parquet")
    schema = arrow.schema(
        [(column, arrow.int64() if column in _WHOLE else arrow.string()) for column in _COLUMNS]
    )
    rows: list[dict[str, object]] = []
    for line in lines:
        letter = cast("dict[str, JsonValue]", load_json(line))
        row: dict[str, object] = {column: letter.get(column) for column in _COLUMNS}
        code = letter.get("code")
        row |= {
            "partition": partition,
            "code": None if code is None else str(code),
            "row": dump_json(letter.get("row")).decode(),
        }
        rows.append(row)
    content = BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), content)
    storage.write(name, content.getvalue())


def write_manifest(path: str, parts: Sequence[Part], batch: int | None) -> None:
    """Say which attempts count; a batch of a stream that comes again replaces what it said before."""
    storage = Storage(path)
    name = f"{_MANIFEST}.json" if batch is None else f"{_MANIFEST}-{batch:012d}.json"
    # A table of no rows, so that there is one to read where nothing was written.
    empty = "part-none.parquet"
    write_outcomes(storage, empty, 0, ())
    written = [*parts, Part(partition=-1, file=empty)] if not any(part.file for part in parts) else parts
    storage.write(name, dump_json([attrs.asdict(part) for part in written]))


def check_new(path: str) -> None:
    """Refuse a folder that holds what became of another write.

    Raises:
        ConfigurationError: it does.
    """
    if Storage(path).names(f"{_MANIFEST}.json"):
        raise ConfigurationError(
            "The folder of the option outcomes holds those of another write: give each write one of its own"
        )


_COUNTS = tuple(field.name for field in attrs.fields(RowCounts))


def _parts(content: bytes) -> list[Part]:
    return [structure(part, Part) for part in cast("list[JsonValue]", load_json(content))]
