"""Tables that other packages hold in memory, kept as Parquet, or as JSON lines where Arrow cannot take them.

A category is the text that it stands for. A column of pandas that holds numbers beside texts has no type in
Arrow, so its frame is taken row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from netaudience.errors import SourceFailed
from netaudience.jobs.columns.duckdb import Batch, import_arrow, telling
from netaudience.jobs.extract.spool import Spooled, spool_records

#: Where a group of rows ends: what is held in memory before it is written.
_GROUP_ROWS, _GROUP_BYTES = 100_000, 32_000_000

#: What pandas has in the place of nothing, besides a number that is none.
_NOTHING = {"NAType", "NaTType"}


def spool_frame(
    data: Any,  # noqa: ANN401 - whatever package it is of
    scratch: Path,
    *,
    watched: Callable[[Iterator[Any]], Iterator[Any]] = iter,
    first: int | None = None,
) -> Spooled:
    """Write a table.

    Args:
        data: What has ``__arrow_c_stream__``.
        scratch: Where the file goes.
        watched: Gives what it is given, for as long as it is to be read.
        first: Write no more rows than this.

    Raises:
        SourceFailed: it cannot be read.
    """
    arrow = import_arrow()
    try:
        reader = arrow.RecordBatchReader.from_stream(data)
    except arrow.ArrowException as error:
        if hasattr(data, "itertuples") and hasattr(data, "columns"):
            return spool_records(islice(watched(_rows(data)), first), scratch / "data.ndjson")
        raise SourceFailed(
            "The data cannot be read as Arrow: a column holds values of several types: make it text, or give "
            "the rows as mappings"
        ) from error
    path = scratch / "data.parquet"
    with telling("The data"):
        write_batches(path, reader.schema, watched(iter(reader)), first=first)
    return Spooled(path)


def write_batches(path: Path, schema: Batch, batches: Iterable[Batch], *, first: int | None = None) -> None:
    """Write batches as a Parquet file, in groups of rows that are large enough to be read fast.

    Args:
        path: The file.
        schema: What the batches have in common.
        batches: The batches; those that have the columns in another type are cast.
        first: Write no more rows than this.
    """
    arrow, parquet = import_arrow(), import_arrow("parquet")
    plain = arrow.schema([field.with_type(_plain(field.type)) for field in schema]).remove_metadata()
    with parquet.ParquetWriter(str(path), plain) as writer:
        waiting: list[Batch] = []
        rows = size = 0
        left = first
        for given in batches:
            batch = given if left is None else given.slice(0, left)
            columns = [_cast(column, field.type) for column, field in zip(batch.columns, plain, strict=True)]
            waiting.append(arrow.RecordBatch.from_arrays(columns, schema=plain))
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                writer.write_table(arrow.Table.from_batches(waiting, schema=plain), row_group_size=rows)
                waiting, rows, size = [], 0, 0
            if left is not None and (left := left - batch.num_rows) <= 0:
                break
        if rows:
            writer.write_table(arrow.Table.from_batches(waiting, schema=plain), row_group_size=rows)


def _plain(kind: Batch) -> Batch:
    """Return a type without what is only another way to keep the same values."""
    arrow = import_arrow()
    types = arrow.types
    if getattr(kind, "extension_name", None) == "arrow.opaque":
        return _plain(kind.storage_type)
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_string_view(kind):
        return arrow.large_string()
    if types.is_binary_view(kind):
        return arrow.large_binary()
    if types.is_list(kind) or types.is_large_list(kind):
        plain = _plain(kind.value_type)
        if plain != kind.value_type:
            return arrow.large_list(plain) if types.is_large_list(kind) else arrow.list_(plain)
    if types.is_struct(kind):
        return arrow.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _cast(column: Batch, kind: Batch) -> Batch:
    if column.type == kind:
        return column
    arrow = import_arrow()
    if getattr(column.type, "extension_name", None) == "arrow.opaque":
        column = column.storage
    if arrow.types.is_dictionary(column.type):
        meant = column.dictionary.cast(_plain(column.type.value_type))
        column = arrow.DictionaryArray.from_arrays(column.indices, meant).dictionary_decode()
    return column if column.type == kind else column.cast(kind)


def _rows(frame: Any) -> Iterator[Mapping[str, object]]:  # noqa: ANN401 - a frame of pandas
    names = [str(name) for name in frame.columns]
    for row in frame.itertuples(index=False, name=None):
        yield {name: None if _is_nothing(value) else value for name, value in zip(names, row, strict=True)}


def _is_nothing(value: object) -> bool:
    return type(value).__name__ in _NOTHING or (isinstance(value, float) and value != value)  # noqa: PLR0124 - not a number
