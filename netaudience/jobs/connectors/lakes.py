"""Tables of a lake: Delta, and Iceberg by a catalog. What is read is the newest state that is committed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import import_arrow, quoted
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.connectors.rows import Rows, Stop
from netaudience.jobs.connectors.telling import telling_of
from netaudience.jobs.connectors.watermark import Since, Watermark, column_in, snapshot_at
from netaudience.jobs.spec.model import Source


@contextmanager
def open_delta(source: Source, folder: Path, stop: Stop, since: Since) -> Generator[Rows, None, None]:
    """Open a Delta table; the access to an object store is deltalake's own, by its variables (``AWS_…``).

    Raises:
        ConfigurationError: the package is missing, there is no such table, or it keeps no changes.
    """
    module = need("deltalake", "'netaudience[delta]'", "A Delta table")
    named = source.delta or ""
    place = named if "://" in named else str(folder / Path(named).expanduser())
    name = f"the Delta table {_last(named)}"
    with telling_of(
        "The Delta table cannot be opened",
        stop,
        key="delta",
        remedy="look at its name, and at the access to it",
    ):
        table = module.DeltaTable(place)
        if source.incremental is True:
            rows = _changes(table, name, since)
        else:
            begin, where = since.watermark, ""
            if isinstance(source.incremental, str):
                names = [field.name for field in table.schema().fields]
                column = quoted(column_in(names, source.incremental))
                if begin is not None:
                    least = begin.back(source.overlap).literal
                    where = f" WHERE {column} >= {least} OR {column} IS NULL"
            query = f"SELECT * FROM source{where}"  # noqa: S608 - quoted
            data = _asked(table, query)
            rows = Rows(name=name, data=data, since=begin, why=since.why)
    yield rows


def _changes(table: Any, name: str, since: Since) -> Rows:  # noqa: ANN401 - deltalake's
    """Return what a Delta table tells of its changes, behind the version that was read.

    https://docs.delta.io/latest/delta-change-data-feed.html
    """
    if table.metadata().configuration.get("delta.enableChangeDataFeed") != "true":
        raise ConfigurationError(
            f"{name} keeps no changes: set its property delta.enableChangeDataFeed to true, or name the "
            'column that says when a row has changed, as in incremental = "updated_at"',
            key="incremental",
        )
    now, begin, why = table.version(), since.watermark, since.why
    reaches = Watermark("version", str(now))
    if begin is not None and int(begin.value) <= now:
        try:
            data = table.load_cdf(int(begin.value) + 1, now, allow_out_of_range=True)
        except Exception:  # noqa: BLE001 - old versions are taken away in many ways
            why = f"its changes since {begin} are gone"
        else:
            return Rows(name=name, data=data, since=begin, reaches=reaches, are_changes=True)
    elif begin is not None:
        why = f"it has been made anew since {begin}"
    return Rows(name=name, data=_asked(table, "SELECT * FROM source"), why=why, reaches=reaches)


def _asked(table: Any, query: str) -> Any:  # noqa: ANN401 - deltalake's
    module = need("deltalake", "'netaudience[delta]'", "A Delta table")
    return module.QueryBuilder().register("source", table).execute(query)


@contextmanager
def open_iceberg(
    source: Source,
    folder: Path,  # noqa: ARG001 - as the others
    stop: Stop,
    since: Since,
) -> Generator[Rows, None, None]:
    """Open an Iceberg table; the catalog is pyiceberg's own, by its file or ``PYICEBERG_CATALOG__…``.

    Raises:
        ConfigurationError: the package is missing, or there is no such catalog or table.
    """
    module = need("pyiceberg.catalog", "'netaudience[iceberg]'", "An Iceberg table")
    catalog, _, name = (source.iceberg or "").partition(".")
    with telling_of(
        "The Iceberg table cannot be opened",
        stop,
        key="iceberg",
        remedy="look at its name, and at what .pyiceberg.yaml or PYICEBERG_CATALOG__… says of the catalog",
    ):
        table = module.load_catalog(catalog).load_table(name)
        called = f"the Iceberg table {_last(name, '.')}"
        if source.incremental is True:
            rows = _new_files(table, called, since)
        else:
            scan, begin = table.scan(), since.watermark
            if isinstance(source.incremental, str):
                column = column_in([field.name for field in table.schema().fields], source.incremental)
                if begin is not None:
                    filters = need("pyiceberg.expressions", "'netaudience[iceberg]'", "An Iceberg table")
                    # A point in time is text with a T in it to Iceberg, with its zone if the column has one.
                    least = begin.back(source.overlap)
                    value = least.value.replace(" ", "T") if least.kind == "time" else least.native
                    scan = table.scan(
                        filters.Or(filters.GreaterThanOrEqual(column, value), filters.IsNull(column))
                    )
            rows = Rows(name=called, data=scan.to_arrow_batch_reader(), since=begin, why=since.why)
    yield rows


def _new_files(table: Any, name: str, since: Since) -> Rows:  # noqa: ANN401 - pyiceberg's
    """Return what is in files that the table did not have at the snapshot that was read.

    What was appended since stands there, and whatever was changed or only written anew: files are never
    changed. https://iceberg.apache.org/spec/#overview
    """
    begin, why, line = since.watermark, since.why, list(_line(table))
    reaches = line[0] if line else None
    scan = table.scan()
    if begin is not None and begin in line:
        reading = need("pyiceberg.io.pyarrow", "'netaudience[iceberg]'", "An Iceberg table")
        before = {task.file.file_path for task in table.scan(snapshot_id=begin.native).plan_files()}
        tasks = [task for task in scan.plan_files() if task.file.file_path not in before]
        columns = scan.projection()
        batches = reading.ArrowScan(table.metadata, table.io, columns, scan.row_filter).to_record_batches(
            tasks
        )
        form = reading.schema_to_pyarrow(columns, include_field_ids=False)
        data = import_arrow().RecordBatchReader.from_batches(form, (batch.cast(form) for batch in batches))
        return Rows(name=name, data=data, since=begin, reaches=reaches)
    if begin is not None:
        why = f"its {begin} is gone, or is none of those that the table comes from"
    return Rows(name=name, data=scan.to_arrow_batch_reader(), why=why, reaches=reaches)


def _line(table: Any) -> Generator[Watermark, None, None]:  # noqa: ANN401 - pyiceberg's
    """Give the snapshots that a table comes from, the newest first."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        yield snapshot_at(snapshot.snapshot_id, snapshot.timestamp_ms)
        parent = snapshot.parent_snapshot_id
        snapshot = None if parent is None else table.snapshot_by_id(parent)


def _last(name: str, sign: str = "/") -> str:
    return name.rstrip(sign).rpartition(sign)[2]
