"""What can be read only once, or only from afar, kept in a folder: queries, lakes, objects, functions, pipes.

A job reads its source several times, and goes on with a run that was killed. So such a source is written down
as it comes, in memory that does not grow with it, and everything is read from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from netaudience.errors import ConfigurationError, NetaudienceError, SourceFailed
from netaudience.jobs.columns.duckdb import connect, import_arrow, literal, quoted, telling
from netaudience.jobs.connectors.databases import open_query
from netaudience.jobs.connectors.functions import open_function
from netaudience.jobs.connectors.lakes import open_delta, open_iceberg
from netaudience.jobs.connectors.objects import copy_objects, is_object
from netaudience.jobs.connectors.rows import Rows, Stop
from netaudience.jobs.connectors.watermark import EVERYTHING, Greatest, Since, Watermark
from netaudience.jobs.extract.blocks import Pipe
from netaudience.jobs.extract.changes import split_changes
from netaudience.jobs.extract.frames import spool_frame, write_batches
from netaudience.jobs.extract.spool import PIPE, Spooled, spool_records, spool_stdin
from netaudience.jobs.formats import FORMATS
from netaudience.jobs.spec.model import Source
from netaudience.model.digests import digest_of, digest_of_file
from netaudience.model.wire import dump_json, load_json, structure

Opener: TypeAlias = Callable[[Source, Path, Stop, Since], AbstractContextManager[Rows]]

#: Keys of a source and what opens it.
_OPENERS: Mapping[str, Opener] = {
    "connection": open_query,
    "python": open_function,
    "delta": open_delta,
    "iceberg": open_iceberg,
}
_TOLD = "source.json"
#: Seconds between two looks at whether somebody has interrupted, and those in which a driver may end then.
_LOOK, _ORDER = 0.1, 1.0
#: The digits of the widest decimal number.
_WIDEST = 38


@attrs.frozen(kw_only=True)
class Fetched:
    """What was fetched into a folder."""

    folder: Path
    #: What people call the source.
    name: str
    #: What tells the rows from others; their order is no part of it, for a query may give them in any.
    digest: str
    #: The file of the rows, where they are no files of their own.
    rows: str | None = None
    #: The file of rows that have left the table since it was read, where its changes tell that.
    left: str | None = None
    #: DuckDB's types of the columns of JSON lines that hold days or points in time.
    kinds: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: DuckDB's types of columns that are kept as text.
    casts: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: By the name in the source, the files that were copied.
    files: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict[str, tuple[str, ...]])
    #: Where it was read from, where only what is new was read.
    since: Watermark | None = None
    #: How far it was read, where anybody asks for it.
    reached: Watermark | None = None
    #: What is worth to be known of that, in a sentence.
    note: str = ""

    @property
    def spooled(self) -> Spooled | None:
        """The rows, where they are no files of their own."""
        return None if self.rows is None else Spooled(self.folder / self.rows, self.kinds, self.digest)

    @property
    def pipe(self) -> Path:
        """What standard input held."""
        return self.folder / PIPE

    def paths(self, name: str) -> list[Path]:
        """Return the files that were copied for a name of the source."""
        return [self.folder / path for path in self.files[name]]


@attrs.frozen(kw_only=True)
class _Kept:
    """What a folder tells of itself."""

    name: str
    digest: str
    rows: str | None = None
    left: str | None = None
    kinds: dict[str, str] = attrs.field(factory=dict[str, str])
    casts: dict[str, str] = attrs.field(factory=dict[str, str])
    files: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    since: Watermark | None = None
    reached: Watermark | None = None
    note: str = ""


def is_fetched(source: Source) -> bool:
    """Return whether a source is read from what was fetched."""
    return _key(source) is not None or "-" in source.files or any(map(is_object, source.files))


def kept_in(folder: Path) -> Fetched | None:
    """Return what was fetched into a folder, if it is there as a whole."""
    try:
        kept = structure(load_json((folder / _TOLD).read_bytes()), _Kept)
    except (OSError, ValueError):
        return None
    return Fetched(
        folder=folder,
        name=kept.name,
        digest=kept.digest,
        rows=kept.rows,
        left=kept.left,
        kinds=kept.kinds,
        casts=kept.casts,
        files={name: tuple(paths) for name, paths in kept.files.items()},
        since=kept.since,
        reached=kept.reached,
        note=kept.note,
    )


def fetch(  # noqa: PLR0913 - the options of a reading
    source: Source,
    job: Path,
    folder: Path,
    *,
    stop: Stop | None = None,
    first: int | None = None,
    since: Since = EVERYTHING,
) -> Fetched:
    """Fetch a source.

    Args:
        source: What the job says.
        job: The folder that its names are relative to.
        folder: Where it is kept; it is made.
        stop: Ends the fetching; without one, the interruption of the thread that waits for it does.
        first: Fetch no more rows than this, to look at the columns.
        since: From where it is read.

    Raises:
        ConfigurationError: it is not to be had as the job says.
        SourceFailed: it cannot be read to its end.
    """
    if stop is None:
        ends = Stop()
        return _waiting(lambda: fetch(source, job, folder, stop=ends, first=first, since=since), ends)
    folder.mkdir(mode=0o700)
    key = _key(source)
    if key is not None:
        with _OPENERS[key](source, job, stop, since) as rows:
            fetched = _write(rows, folder, stop, first, _looking(source))
        if source.incremental is not None:
            fetched = _told_of(fetched, rows, source, since)
    elif "-" in source.files:
        fetched = fetch_pipe(source, folder)
    else:
        fetched = _objects(source, folder, stop)
    record = {**attrs.asdict(fetched)}
    del record["folder"]
    (folder / _TOLD).write_bytes(dump_json(record))
    return fetched


def _key(source: Source) -> str | None:
    return next((key for key in _OPENERS if getattr(source, key) is not None), None)


def _waiting(work: Callable[[], Fetched], stop: Stop) -> Fetched:
    """Do what may wait in a thread of its own, so that an interruption is taken at once."""
    done: list[Fetched] = []
    failed: list[BaseException] = []

    def reading() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            failed.append(error)

    thread = threading.Thread(target=reading, name="netaudience source", daemon=True)
    thread.start()
    try:
        while thread.is_alive():  # a driver may have a handler of its own, which wakes nobody who waits
            thread.join(_LOOK)
    except BaseException:
        stop()
        thread.join(_ORDER)
        raise
    for error in failed:
        raise error
    return done[0]


def _objects(source: Source, folder: Path, stop: Stop) -> Fetched:
    files: dict[str, tuple[str, ...]] = {}
    versions: list[str] = []
    for at, name in enumerate(name for name in source.files if is_object(name)):
        own = Path("objects") / str(at)
        copied = copy_objects(name, folder / own, stop)
        files[name] = tuple(str(own / one.path) for one in copied)
        versions += [f"{one.path} {one.version}" for one in copied]
    return Fetched(folder=folder, name=source.files[0], digest=digest_of("\n".join(versions)), files=files)


def fetch_pipe(source: Source, folder: Path, pipe: Pipe | None = None) -> Fetched:
    """Keep what standard input gives.

    Raises:
        ConfigurationError: nobody has said what it is.
        SourceFailed: it cannot be read.
    """
    if len(source.files) > 1:
        raise ConfigurationError("Standard input (-) is a source of its own: name either it, or files")
    if source.format is None:
        raise ConfigurationError(
            f"Standard input has no name that says what it is: say format ({', '.join(FORMATS)})"
        )
    path = spool_stdin(folder, pipe)
    return Fetched(folder=folder, name="standard input", digest=digest_of_file(path))


def _looking(source: Source) -> Greatest | None:
    """Return what looks for the greatest value of the column by which a source is read."""
    return Greatest(source, source.incremental) if isinstance(source.incremental, str) else None


def _told_of(fetched: Fetched, rows: Rows, source: Source, since: Since) -> Fetched:
    """Return what was fetched, with how far it was read, and the sentence about it."""
    begin, reached = rows.since, fetched.reached or since.watermark
    if begin is None:
        note = f"all rows of {rows.name} were read: {rows.why}"
    elif isinstance(source.incremental, str):
        least = begin.back(source.overlap)
        note = f"only rows of {rows.name} were read whose {source.incremental} is {least} or later, or empty"
    else:
        note = f"only what has changed in {rows.name} since its {begin} was read"
    return attrs.evolve(fetched, since=begin, reached=reached, note=note)


def _write(
    rows: Rows, folder: Path, stop: Stop, first: int | None, greatest: Greatest | None = None
) -> Fetched:
    """Write down what a connector gives."""

    def watched(given: Iterable[Any]) -> Iterator[Any]:
        for one in given:
            stop.check()
            yield one

    def looked_at(given: Iterable[Any]) -> Iterator[Any]:
        if greatest is None:
            return watched(given)
        head = next(given := iter(given), None)
        whole = () if head is None else chain([head], given)
        look = greatest.of_rows if isinstance(head, Mapping) else greatest.of_batches
        return look(watched(whole))

    try:
        spooled = _spool(rows, folder, looked_at, first)
        left = split_changes(spooled.path) if rows.are_changes else None
    except NetaudienceError:
        stop.check()
        raise
    except Exception as error:
        stop.check()
        if isinstance(error, OSError) and error.errno is not None:  # a driver's own has no number
            raise SourceFailed(
                f"What is read of {rows.name} cannot be kept ({error.strerror}): make room where the job's "
                "runs are kept, and where temporary files go"
            ) from error
        raise SourceFailed(
            f"{rows.name} gave no more rows ({type(error).__name__}): look at what runs there, then run again"
        ) from (error if rows.own else None)  # the words of a driver may quote a value of a row
    stop.check()
    digest = _digest(spooled.path, folder)
    return Fetched(
        folder=folder,
        name=rows.name,
        digest=digest if left is None else digest_of(f"{digest} {_digest(left, folder)}", 32),
        rows=spooled.path.name,
        left=None if left is None else left.name,
        kinds=dict(spooled.kinds),
        casts=_casts(spooled.path, rows.numbers, rows.name),
        reached=rows.reaches if greatest is None else greatest.watermark(),
    )


def _spool(
    rows: Rows, folder: Path, watched: Callable[[Iterable[Any]], Iterator[Any]], first: int | None
) -> Spooled:
    """Write rows in the form that they come in: Arrow's as Parquet, mappings as lines of JSON."""
    arrow = import_arrow()
    path = folder / "data.parquet"
    if hasattr(rows.data, "__arrow_c_stream__"):
        if rows.own:
            return spool_frame(rows.data, folder, watched=watched, first=first)
        reader = arrow.RecordBatchReader.from_stream(rows.data)
        write_batches(path, reader.schema, watched(iter(reader)), first=first)
        return Spooled(path)
    given = iter(cast("Iterable[Any]", rows.data))
    head = next(given, None)
    if isinstance(head, Mapping):
        return spool_records(islice(watched(chain([head], given)), first), folder / "data.ndjson")
    if head is None:
        schema = arrow.schema([(name, arrow.string()) for name in rows.columns])
        write_batches(path, schema, ())
    elif hasattr(head, "__arrow_c_array__") or hasattr(head, "__arrow_c_stream__"):
        write_batches(
            path,
            _as_table(head).schema,
            chain.from_iterable(map(_as_batches, watched(chain([head], given)))),
            first=first,
        )
    else:
        raise ConfigurationError(
            f"{rows.name} gives a value of type {type(head).__name__} for a row: give mappings of column to "
            "value, or batches of Arrow",
            key="python",
        )
    return Spooled(path)


def _as_batches(given: Any) -> Iterator[Any]:  # noqa: ANN401 - a batch or a table of any package
    return iter(_as_table(given).to_batches())


def _as_table(given: Any) -> Any:  # noqa: ANN401 - a batch or a table of any package
    arrow = import_arrow()
    if isinstance(given, arrow.Table):
        return given
    if hasattr(given, "__arrow_c_stream__"):
        return arrow.table(given)
    return arrow.Table.from_batches([arrow.record_batch(given)])


def _casts(path: Path, names: Iterable[str], what: str) -> dict[str, str]:
    """Return the decimal types that hold all the numbers of columns that are kept as text.

    Raises:
        ConfigurationError: one holds what no decimal can.
    """
    casts: dict[str, str] = {}
    for name in names:
        digits = f"split_part(ltrim({quoted(name)}, '-'), '.', 1)"
        source = f"read_parquet({literal(str(path))})"
        behind = f"rtrim(split_part({quoted(name)}, '.', 2), '0')"
        query = (
            f"SELECT bool_and(regexp_full_match({quoted(name)}, '-?[0-9]+([.][0-9]*)?')), "  # noqa: S608 - quoted
            f"max(length(ltrim({digits}, '0'))), max(length({behind})) FROM {source}"
        )
        with telling(what), connect(spill=path.parent) as connection:
            ((plain, whole, scale),) = connection.execute(query).fetchall()
        whole, scale = whole or 0, scale or 0
        if plain is False or whole + scale > _WIDEST:
            held = "NaN or infinite numbers" if plain is False else f"numbers of more than {_WIDEST} digits"
            raise ConfigurationError(
                f"The column {name!r} holds {held}: write cast({name} as double precision), or as text, in "
                "the SQL",
                key="sql",
            )
        casts[name] = f"DECIMAL({max(whole + scale, 1)},{scale})"
    return casts


def _digest(path: Path, spill: Path) -> str:
    """Return what tells rows from others, in whatever order they came."""
    if path.suffix != ".parquet":
        with path.open("rb") as file:
            total = sum(int.from_bytes(blake2b(line, digest_size=16).digest()) for line in file)
        return digest_of(f"{path.stat().st_size} {total % 2**128}", 32)
    source = f"read_parquet({literal(str(path))})"
    with telling("The rows"), connect(spill=spill) as connection:
        names = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]  # noqa: S608 - quoted
        connection.execute("SET threads = 1")
        hashed = f"hash({', '.join(map(quoted, names))})"
        row = connection.execute(
            f"SELECT count(*), sum({hashed}::HUGEINT), bit_xor({hashed}) FROM {source}"  # noqa: S608 - quoted
        ).fetchone()
    return digest_of(f"{names} {row}", 32)
