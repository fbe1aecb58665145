"""What a job's step has delivered, as a table of Parquet: by key a hash of what was sent.

A run compares its rows with it in Spark, and sends those that differ. It is written down which run is open,
before anything is sent: of one whose driver died, the next run takes what its tasks have noted as delivered,
and forgets the rest of its rows, for nobody knows. The table is replaced by one that is written whole.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import Batch, import_arrow
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.extract.table import open_data
from netaudience.jobs.formats import PROBLEM
from netaudience.jobs.spark.memory import DIGEST, SIZE, files, notes_of, taken
from netaudience.jobs.spark.storage import Storage
from netaudience.jobs.spec.model import Step
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.snapshot import selection_of
from netaudience.model.wire import dump_json, load_json
from netaudience.plurals import many

_KEY = 16
_NOW = "now.json"
_NOTHING = "netaudience nothing"


@attrs.frozen(kw_only=True)
class Differing:
    """What a run has to send."""

    #: A frame, with the column of digests.
    frame: Any
    total: int
    added: int
    changed: int
    #: Rows without a key, or that cannot be read.
    wrong: int


class Delivered:
    """The folder of one step and account."""

    def __init__(self, spark: Any, folder: Path) -> None:  # noqa: ANN401 - a session
        """Name it.

        Args:
            spark: The session.
            folder: Where driver and executors reach it.
        """
        self._spark, self._folder = spark, folder
        self._storage = Storage(str(folder))

    def settle(self) -> None:
        """Take note of what became of the run that was begun last, if that was not done.

        Raises:
            ConfigurationError: what it has sent is gone.
        """
        state = self._now()
        run = state.get("open")
        if run is None:
            return
        functions = _spark("functions")
        folder = Path(run)
        if not (folder / "rows").is_dir():
            raise ConfigurationError(
                f"What the run {folder.parents[1].name} has sent is gone from its folder, so "
                f"nobody knows what was delivered: take {self._folder} away, and the next run sends all "
                "rows; nothing was sent"
            )
        name = f"delivered-{folder.parents[1].name}"
        sent = _read(self._spark, folder / "rows").select(_key(DIGEST).alias("key")).where("key is not null")
        digests = self._noted(folder / "memory")
        known = self._known().join(sent, _key("digest") == functions.col("key"), "left_anti")
        table = known.unionByName(digests)
        table.coalesce(8).write.mode("overwrite").parquet(uri_of(self._folder / name))
        self._storage.write(_NOW, dump_json({"table": name}))
        for old in self._folder.glob("delivered-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

    def differing(self, rows: Any, step: Step, key: Sequence[str], run: Path) -> Differing:  # noqa: ANN401 - a frame
        """Find the rows that differ from what was delivered, and write them down.

        Args:
            rows: The rows of the source.
            step: What is sent of them.
            key: The columns that identify a row.
            run: The folder of the run for this step.

        Raises:
            ConfigurationError: a key stands in rows that are not alike.
        """
        functions, types = _spark("functions"), _spark("types")
        schema = types.StructType(
            [
                *rows.schema.fields,
                types.StructField(DIGEST, types.BinaryType()),
                types.StructField(PROBLEM, types.StringType()),
                types.StructField(_NOTHING, types.BooleanType()),
            ]
        )
        staged = run / "staged"
        rows.mapInArrow(partial(_digested, step, tuple(key)), schema).write.parquet(uri_of(staged))
        whole = _read(self._spark, staged)
        total = whole.count()
        keyed = whole.where(functions.col(DIGEST).isNotNull())
        twice = (
            keyed.groupBy(_key(DIGEST)).agg(functions.countDistinct(DIGEST).alias("n")).where("n > 1").count()
        )
        if twice:
            raise ConfigurationError(
                f"{step.name}: {many(twice, 'key stands')} in several rows with other values, and a table "
                "has no last row: keep one row for each key in the source's query; nothing was sent"
            )
        wrong = whole.where(functions.col(DIGEST).isNull())
        known = self._known()
        changed = (
            keyed.where(f"not `{_NOTHING}`")
            .dropDuplicates([DIGEST])
            .join(known, functions.col(DIGEST) == functions.col("digest"), "left_anti")
        )
        changed.unionByName(wrong).drop(_NOTHING).write.parquet(uri_of(run / "rows"))
        frame = _read(self._spark, run / "rows")
        sent = frame.where(functions.col(DIGEST).isNotNull())
        keys = known.select(_key("digest").alias("known")).distinct()
        added = sent.join(keys, _key(DIGEST) == functions.col("known"), "left_anti").count()
        (run / "memory").mkdir(mode=0o700, parents=True, exist_ok=True)
        found = Differing(
            frame=frame,
            total=total,
            added=added,
            changed=sent.count() - added,
            wrong=frame.count() - sent.count(),
        )
        shutil.rmtree(staged, ignore_errors=True)
        return found

    def begin(self, run: Path) -> None:
        """Write down that the rows of a run are being sent."""
        self._storage.write(_NOW, dump_json({**self._now(), "open": str(run)}))

    def _now(self) -> Mapping[str, str]:
        """Return which table counts, and the run that is open."""
        if not self._storage.names(_NOW):
            return {}
        state = cast("Mapping[str, str]", load_json(self._storage.read(_NOW)))
        return dict(state)

    def _known(self) -> Any:  # noqa: ANN401 - a frame
        name = self._now().get("table")
        if name is None:
            return self._spark.createDataFrame([], "digest binary")
        return _read(self._spark, self._folder / name)

    def _noted(self, memory: Path) -> Any:  # noqa: ANN401 - a frame
        """Return what the tasks of a run have noted as delivered, or as being sent where that is in doubt."""
        noted = files(str(memory))
        if not noted:
            return self._spark.createDataFrame([], "digest binary")
        content = self._spark.read.format("binaryFile").load([uri_of(Path(file)) for file in noted])
        rows = content.select("content").mapInArrow(_split, "digest binary, n int")
        return rows.groupBy("digest").sum("n").where("`sum(n)` > 0").select("digest")


def _spark(module: str) -> Any:  # noqa: ANN401 - a module
    return need(f"pyspark.sql.{module}", "'netaudience[spark]'", "Spark")


def _key(column: str) -> Any:  # noqa: ANN401 - a column
    """Return what of a digest tells the row's key."""
    return _spark("functions").substring(column, 1, _KEY)


def uri_of(path: Path) -> str:
    """Return a path as Spark is told it, whatever its own file system is."""
    return f"file://{path.absolute()}"


def _read(spark: Any, path: Path) -> Any:  # noqa: ANN401 - a frame
    return spark.read.parquet(uri_of(path))


def _digested(step: Step, key: Sequence[str], batches: Iterator[Batch]) -> Iterator[Batch]:
    """Give the rows of a step with what tells each from others, and what is wrong with it."""
    arrow = import_arrow()
    _, operation = carried_operation(step.vendor, step.operation)
    selection, effect = selection_of(step), effect_of(step, operation)
    for batch in batches:
        if not batch.num_rows:
            continue
        reader = arrow.RecordBatchReader.from_batches(batch.schema, [batch])
        with open_data(reader, key=key) as table, table.scanning(selection) as scan:
            asking = scan.asking(selection, effect)
            outer = asking.outer
            found = scan.connection.execute(
                f"SELECT {asking.row} - 1, ({outer['id']})::VARCHAR, {asking.hash}, {outer['problem']}, "
                f"coalesce({outer['nothing']}, false) FROM ({asking.inner}) ORDER BY {asking.row}"
            ).fetchall()
        places = arrow.array([place for place, *_ in found], arrow.int64())
        digests = [
            None if why is not None else int(key).to_bytes(_KEY, "big") + number.to_bytes(SIZE - _KEY, "big")
            for _, key, number, why, _ in found
        ]
        columns = [
            *batch.take(places).columns,
            arrow.array(digests, arrow.binary()),
            arrow.array([why for *_, why, _ in found], arrow.string()),
            arrow.array([nothing for *_, nothing in found], arrow.bool_()),
        ]
        yield arrow.RecordBatch.from_arrays(columns, names=[*batch.schema.names, DIGEST, PROBLEM, _NOTHING])


def _split(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Give the digests of files of notes: what adds up to more than nothing was delivered, or is in doubt."""
    arrow = import_arrow()
    for batch in batches:
        for content in batch.column(0).to_pylist():
            found = taken(notes_of(content))
            digests, counts = (
                arrow.array([*found], arrow.binary()),
                arrow.array([*found.values()], arrow.int32()),
            )
            yield arrow.RecordBatch.from_arrays([digests, counts], names=["digest", "n"])
