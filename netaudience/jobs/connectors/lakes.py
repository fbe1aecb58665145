"""Tables of a lake: Delta, and Iceberg by a catalog. What is read is the newest state that is committed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from netaudience.jobs.connectors.packages import need
from netaudience.jobs.connectors.rows import Rows, Stop
from netaudience.jobs.connectors.telling import telling_of
from netaudience.jobs.spec.model import Source

__all__ = ["open_delta", "open_iceberg"]


@contextmanager
def open_delta(source: Source, folder: Path, stop: Stop) -> Generator[Rows, None, None]:
    """Open a Delta table; the access to an object store is deltalake's own, by its variables (``AWS_…``).

    Raises:
        ConfigurationError: the package is missing, or there is no such table.
    """
    module = need("deltalake", "'netaudience[delta]'", "A Delta table")
    named = source.delta or ""
    place = named if "://" in named else str(folder / Path(named).expanduser())
    with telling_of(
        "The Delta table cannot be opened",
        stop,
        key="delta",
        remedy="look at its name, and at the access to it",
    ):
        table = module.DeltaTable(place)
        data = module.QueryBuilder().register("source", table).execute("SELECT * FROM source")
    yield Rows(name=f"the Delta table {_last(named)}", data=data)


@contextmanager
def open_iceberg(source: Source, folder: Path, stop: Stop) -> Generator[Rows, None, None]:  # noqa: ARG001 - as the others
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
        data = table.scan().to_arrow_batch_reader()
    yield Rows(name=f"the Iceberg table {_last(name, '.')}", data=data)


def _last(name: str, sign: str = "/") -> str:
    return name.rstrip(sign).rpartition(sign)[2]
