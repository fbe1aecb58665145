"""The sink that Spark knows as ``netaudience``, for frames and for streams."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, cast

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import Batch
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.spark.memory import forget
from netaudience.jobs.spark.options import Options
from netaudience.jobs.spark.outcomes import Part, check_new, total_of, write_manifest
from netaudience.jobs.spark.partition import carry
from netaudience.plurals import many

_log = logging.getLogger("netaudience.spark")
_spark: Any = need("pyspark.sql.datasource", "'netaudience[spark]'", "Spark")


if not hasattr(_spark, "DataSourceStreamArrowWriter"):
    raise ConfigurationError("Spark 4.1 or newer is needed, on the driver and on the executors")


class _Message(_spark.WriterCommitMessage):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass]
    """What became of a partition, on its way to the driver."""

    def __init__(self, part: Part) -> None:
        self.part = part


def _written(options: Options, batches: Iterator[Batch]) -> _Message:
    context = need("pyspark", "'netaudience[spark]'", "Spark").TaskContext.get()
    batch = context.getLocalProperty("streaming.sql.batchId")
    number = None if batch is None else int(batch)
    return _Message(carry(options, batches, context.partitionId(), context.taskAttemptId(), number))


def _ended(options: Options, messages: Sequence[_Message | None], batch: int | None) -> None:
    """Write which attempts count, and say what was not delivered.

    Raises:
        ConfigurationError: nothing could be sent, or rows that were not delivered are a failure.
    """
    parts = [message.part for message in messages if message is not None]
    if options.outcomes is not None:
        write_manifest(options.outcomes, parts, batch)
    if hint := total_of(parts).hint:
        _log.warning("%s", hint)
    for part in parts:
        if part.refused:
            raise ConfigurationError(part.refused)
    failed = sum(part.undelivered for part in parts)
    if options.fail_on == "failed":
        failed -= sum(part.rejected for part in parts)
    if options.fail_on != "none" and failed:
        where = (
            "the table of the option outcomes says why" if options.outcomes else "name outcomes to see why"
        )
        total = sum(part.rows for part in parts)
        raise ConfigurationError(f"Of {many(total, 'row')} {failed:,} were not delivered: {where}")


class _Writer(_spark.DataSourceArrowWriter):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass]
    def __init__(self, options: Options) -> None:
        self._options = options

    def write(self, iterator: Iterator[Batch]) -> _Message:
        """Carry a partition; it raises only what another attempt may mend."""
        return _written(self._options, iterator)

    def commit(self, messages: Sequence[_Message | None]) -> None:
        """End a write. Spark calls `abort` after this where it raises, which takes nothing back."""
        _ended(self._options, messages, None)

    def abort(self, messages: Sequence[_Message | None]) -> None:
        """Do nothing: what was delivered cannot be taken back, and without a manifest nothing counts."""


class _StreamWriter(_spark.DataSourceStreamArrowWriter):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass]
    def __init__(self, options: Options) -> None:
        self._options = options

    def write(self, iterator: Iterator[Batch]) -> _Message:
        """Carry a partition of a batch."""
        return _written(self._options, iterator)

    def commit(self, messages: Sequence[_Message | None], batchId: int) -> None:  # noqa: N803 - Spark's name
        """End a batch."""
        _ended(self._options, messages, batchId)
        if self._options.memory is not None:
            forget(self._options.memory, batchId)

    def abort(self, messages: Sequence[_Message | None], batchId: int) -> None:  # noqa: N803 - Spark's name
        """Do nothing: what was delivered cannot be taken back."""


class NetaudienceDataSource(_spark.DataSource):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass]
    """``format("netaudience")``."""

    options: dict[str, str]

    @classmethod
    def name(cls) -> str:
        """Return what the format is called."""
        return "netaudience"

    def writer(self, schema: Any, overwrite: bool) -> _Writer:  # noqa: ANN401, FBT001 - Spark's signature
        """Return what writes a frame.

        Raises:
            ConfigurationError: an option is wrong, or a field has no column.
        """
        return _Writer(self._checked(schema, overwrite=overwrite))

    def streamWriter(self, schema: Any, overwrite: bool) -> _StreamWriter:  # noqa: ANN401, FBT001, N802 - likewise
        """Return what writes a stream.

        Raises:
            ConfigurationError: as for a frame.
        """
        return _StreamWriter(self._checked(schema, overwrite=overwrite, streams=True))

    def _checked(self, schema: Any, *, overwrite: bool, streams: bool = False) -> Options:  # noqa: ANN401 - Spark's
        if overwrite:
            raise ConfigurationError('What was delivered cannot be overwritten: say mode("append")')
        options = Options.of(dict(self.options))
        columns = [str(field.name) for field in cast("Sequence[Any]", schema.fields)]
        options.job(columns)
        if options.outcomes is not None and not streams:
            check_new(options.outcomes)
        return options.begun(columns)
