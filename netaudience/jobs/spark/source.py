"""A job's source as a frame of a session, and what of a job cannot be had in Spark, in a sentence each."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.deliver.elsewhere import Session
from netaudience.jobs.spark.options import check_operation
from netaudience.jobs.spec.model import JobFile, Source
from netaudience.jobs.spec.validate import find_operation, find_vendor

_EXTRA = "'netaudience[spark]'"
_PACKAGES = (
    "needs the package of the lake and its catalog: say them by spark.jars.packages and spark.sql.catalog, "
    "in the versions for its Spark"
)
#: Files that Spark reads as a job does, by the ends of their names: the form, and what is between cells.
_FORMS = {".parquet": ("parquet", ""), ".csv": ("csv", ","), ".tsv": ("csv", "\t")}


def check_job(job: JobFile, options: Collection[str]) -> None:
    """Refuse what a job cannot have in Spark.

    Args:
        job: The job.
        options: The names of what the run was given besides.

    Raises:
        ConfigurationError: there is some of it.
    """
    for sentence in (*_of_run(job, options), *_of_source(job.source), *_of_steps(job)):
        raise ConfigurationError(f"{job.name} cannot run on Spark: {sentence}; nothing was sent")


def _of_run(job: JobFile, options: Collection[str]) -> Iterator[str]:
    for name in options:
        yield f"{name} is for a run in one process. Leave it out, or run the job without Spark"
    if job.store is not None:
        yield (
            "store keeps the job's folder in an object store, and executors read it as a folder. Mount it, "
            "and name it as folder"
        )


def _of_source(source: Source) -> Iterator[str]:
    in_query = "Say it in the query: sql is Spark's own here"
    if source.connection is not None or source.database is not None:
        yield "the source is another database. Make it a table of the session, and name that in sql"
    if source.python is not None or source.items or "-" in source.files:
        yield "the source is of one process. Make it a table of the session, and name that in sql"
    if source.incremental is not None:
        yield f"incremental is for sources that are asked for what is new. {in_query}"
    if source.suppression is not None:
        yield f"[suppression] reads a list beside the source. {in_query}"
    if source.typed:
        yield f"typed looks at whole columns. {in_query}"
    written = (
        source.hive or source.skip_lines or source.nulls or source.trim or source.encoding or source.sheet
    )
    if written or source.format or source.header not in {None, True} or source.quote != '"':
        yield "Spark reads files as they are. Leave out what says how they are written, or make it a table"
    for name in source.files:
        if Path(name).suffix.lower() not in _FORMS:
            yield "only Parquet, CSV and TSV are read alike there. Make it a table, and name that in sql"


def _of_steps(job: JobFile) -> Iterator[str]:
    for step in job.steps:
        if step.mode == "mirror":
            yield "mirror takes back what is gone, which needs one process. Use changed-only"
        if step.duplicates == "last":
            yield "a table has no last row. Keep one row of each user in the query, and leave duplicates out"
        if step.verify is not None:
            yield "verify reads back in one process. Leave it out"
        vendor = find_vendor(step.vendor)
        operation = "" if vendor is None else find_operation(vendor, step.operation)
        if not isinstance(operation, str):
            check_operation(operation, remembers=step.mode == "changed-only")


def frame_of(session: Session, job: JobFile) -> Any:  # noqa: ANN401 - a frame of Spark's
    """Return the rows of a job's source; nothing is read before they are asked for.

    Raises:
        ConfigurationError: the source is wrong, or Spark cannot find it.
    """
    spark: Any = session
    source = job.source
    own = source.delta is not None or source.iceberg is not None
    beside = f". The session {_PACKAGES}" if own else ""
    with spark_told("Spark cannot read the source", beside=beside):
        if source.delta is not None:
            frame = spark.read.format("delta").load(_place(job, source.delta))
        elif source.iceberg is not None:
            frame = spark.table(source.iceberg)
        else:
            frame = _files(spark, job) if source.files else None
        if source.sql is None:
            return frame
        if frame is not None:
            frame.createOrReplaceTempView("source")
        return spark.sql(source.sql)


def _files(spark: Any, job: JobFile) -> Any:  # noqa: ANN401 - Spark's
    places = [_place(job, name) for name in job.source.files]
    form, between = _FORMS[Path(job.source.files[0]).suffix.lower()]
    if form == "parquet":
        return spark.read.parquet(*places)
    defaults = {
        "header": "true",
        "sep": {"tab": "\t", "\\t": "\t"}.get(job.source.delimiter or "", job.source.delimiter) or between,
        "escape": '"',
        "multiLine": "true",
        "mode": "FAILFAST",
        # A cell without anything is none, in quotes as well.
        "nullValue": "",
        "emptyValue": "",
    }
    return spark.read.options(**defaults).csv(places)


def _place(job: JobFile, name: str) -> str:
    return name if "://" in name else f"file://{(job.path.parent / name).absolute()}"


@contextmanager
def spark_told(what: str, *, beside: str = "") -> Generator[None, None, None]:
    """Tell an error of Spark's as ours; it is no cause of it, for it shows values of rows.

    Args:
        what: What Spark does not do, as the beginning of a sentence.
        beside: What is to be known besides.

    Raises:
        ConfigurationError: there was one.
    """
    try:
        yield
    except _spark_errors() as error:
        raise ConfigurationError(f"{what}: {first_line(error)}{beside}") from None


def first_line(error: Exception) -> str:
    """Return what an error says, without a plan and a trace; of one that Spark has of rows its kind."""
    if not isinstance(error, _spark_errors()):
        return str(error).strip().partition("\n")[0].strip()
    said = str(error)
    errors = need("pyspark.errors", _EXTRA, "Spark")
    if isinstance(error, errors.AnalysisException | errors.PySparkRuntimeError):  # no row was read yet
        return said.strip().partition("\n")[0].strip()
    kind = re.search(r"\[([A-Z][A-Z0-9_.]+)\]", said)
    return f"{kind[1] if kind else type(error).__name__}, as its log says"


def _spark_errors() -> tuple[type[Exception], ...]:
    """Return what Spark raises: what it knows of, and what comes from Java as it is."""
    known = need("pyspark.errors", _EXTRA, "Spark").PySparkException
    return known, need("py4j.protocol", _EXTRA, "Spark").Py4JError
