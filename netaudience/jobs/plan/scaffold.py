"""The first job file, written from a source's columns and an operation's fields, with what is to be decided.

What is plain by its name is mapped; what is not stands there as a question in a comment. It guesses nothing
else, and it never writes over a file.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import textwrap
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import attrs

from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.map.columns import Columns, find_columns
from netaudience.jobs.plan.decisions import decisions
from netaudience.jobs.spec.diagnostics import COLUMN, listed, nearest
from netaudience.jobs.spec.model import Expression, Secret, Source, Step
from netaudience.jobs.spec.schema import job_schema
from netaudience.jobs.spec.source_section import OF_FILES
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.model.rows import Field, Rows
from netaudience.model.wire import dump_json
from netaudience.operations.dispatch import Operation
from netaudience.vendors import names

#: Rows of a query that are fetched to see its columns.
_LOOKED_AT = 1000
#: Where editors find the form of a job file: beside the job's runs.
_SCHEMA = ".netaudience/job.schema.json"
_PLAIN = Source()


def write_first_job(path: Path, source: Source, vendor: str, operation: str) -> list[str]:
    """Write a job file and return what is still to be decided in it.

    Args:
        path: The file to write.
        source: Where the rows come from, its files relative to here or absolute.
        vendor: The vendor's name in commands.
        operation: The operation's name.

    Raises:
        ConfigurationError: the file is there already, or vendor, operation or source are wrong.
    """
    client, found = _find(vendor, operation)
    if path.exists():
        raise ConfigurationError(f"{path} is there already: take another name, or move it away")
    from netaudience.jobs.extract.table import open_source  # noqa: PLC0415 - needs the extra `cli`

    with open_source(source, Path.cwd(), first=_LOOKED_AT) as table:
        columns, notes = dict(table.columns), list(table.notes)
    if not columns:
        raise ConfigurationError("The source has no column: give one with a header, or with a row at least")
    text = first_job(_beside(source, path), columns, client, found, notes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(f"#:schema {_SCHEMA}\n{text}")
        schema = path.parent / _SCHEMA
        schema.parent.mkdir(exist_ok=True)
        schema.write_bytes(dump_json(job_schema()))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}: take another place") from error
    marks = (_text(COLUMN), ' = ""')
    undecided = [line for line in text.splitlines() if line[:1] != "#" and any(one in line for one in marks)]
    placed = {place.name for place in find_columns(found, list(columns)).places if place.column is not None}
    kind: object = found.kind
    keys = cast("Rows[object]", kind).key_names if isinstance(kind, Rows) else ()
    asked = {line.partition(" = ")[0] for line in undecided}
    if keys and not (placed | asked).intersection(keys):
        undecided.append(f"whose row it is: {'one of ' if keys[1:] else ''}{listed(keys)}")
    return undecided


def first_job(
    source: Source,
    columns: Mapping[str, str],
    vendor: type[Client],
    operation: Operation,
    notes: Sequence[str] = (),
) -> str:
    """Return the text of a job file.

    Args:
        source: Where the rows come from, its files relative to the job file.
        columns: The source's columns and their types.
        vendor: The vendor's client.
        operation: What is to be done with the rows.
        notes: What is worth to be known of the source.
    """
    found = find_columns(operation, list(columns))
    placed = {place.name: place.column for place in found.places if place.column is not None}
    if found.spread is not None:
        placed |= {f"{found.spread.name}.{column}": column for column in found.rest}
    fields = {name: Expression(column=column) for name, column in placed.items()}
    step = Step(name=operation.name, vendor=vendor.slug, operation=operation.name, fields=fields)
    decided = decisions(step, operation.kind, columns, source.time_zone)
    lines = [
        f"# {vendor.vendor}: {_first_line(operation.__doc__)}",
        f"# {operation.facts.docs}",
        *([f"# {operation.facts.note}"] if operation.facts.note else []),
        "# Look at it with  netaudience plan FILE  and send it with  netaudience run FILE.",
        "# Credentials stay in the environment. All keys: docs/jobs.md",
        "",
        "[source]",
        *(f"# {_printable(note)}" for note in notes),
        *_source_lines(source, found.key, list(columns)),
        "",
        "[[step]]",
        f"vendor = {_text(vendor.slug)}",
        f"operation = {_text(operation.name)}",
        *_argument_lines(operation),
        '# mode = "changed-only"       # send only rows that differ from what was delivered; needs key',
        "# where = \"country = 'TR'\"    # an SQL condition: other rows are left out",
        "# rate = 10                   # requests per second, in place of the vendor's limit",
        "",
        "[step.fields]",
        '# field = "column", or { value = "always this" }, or { sql = "lower(trim(column))" }',
        *_field_lines(found),
        *(f"# {_printable(sentence)}" for sentence in decided),
        "",
        "[guards]",
        '# max-rejected = "20%"        # the run stops when more rows than this are wrong',
        '# max-deviation = "50%"       # it does not begin when the row count differs from the usual by more',
        "# allow-empty = true          # an empty source is an error unless this is set",
        "",
    ]
    return "\n".join(lines)


def _find(vendor: str, operation: str) -> tuple[type[Client], Operation]:
    client = find_vendor(vendor)
    if client is None:
        slugs = list(names())
        meant = nearest(vendor, slugs) or f": it is one of {listed(slugs)}"
        raise ConfigurationError(f"There is no vendor {vendor!r}{meant}")
    found = find_operation(client, operation)
    if isinstance(found, str):
        raise ConfigurationError(found)
    return client, found


def _beside(source: Source, path: Path) -> Source:
    """Return the source with its files' names relative to the folder of the job file."""
    folder = path.resolve().parent

    def near(name: str) -> str:
        if name == "-" or "://" in name or Path(name).expanduser().is_absolute():
            return name
        return Path(os.path.relpath(name, folder)).as_posix()

    uri = source.uri
    return attrs.evolve(
        source,
        files=tuple(map(near, source.files)),
        database=None if source.database is None else near(source.database),
        delta=None if source.delta is None else near(source.delta),
        uri=uri if uri is None or uri.file is None else Secret(file=near(uri.file)),
    )


def _source_lines(source: Source, key: str | None, columns: Sequence[str]) -> Iterator[str]:
    if source.files:
        yield f"files = {_one_or_many(source.files)}"
    for name in ("connection", "python", "delta", "iceberg"):
        if (value := getattr(source, name)) is not None:
            yield f"{name} = {_text(value)}"
    if source.uri is not None:
        where = "env" if source.uri.env is not None else "file"
        yield f"uri = {{ {where} = {_text(source.uri.name)} }}"
    for name in (*OF_FILES, "time_zone"):
        if (value := getattr(source, name)) != getattr(_PLAIN, name):
            yield f"{name.replace('_', '-')} = {dump_json(value).decode()}"
    if source.database is not None:
        yield f"database = {_text(source.database)}"
    if source.sql is not None:
        yield f"sql = {_text(source.sql)}"
    keys = source.key or ((key,) if key is not None else ())
    if keys:
        yield f"key = {_one_or_many(keys)}"
    else:
        yield f'# key = {_text(columns[0])}    # the column that identifies a row, for "changed-only"'


def _argument_lines(operation: Operation) -> Iterator[str]:
    """Give the arguments: required ones to be filled in, the others as comments."""
    words = _words(operation)
    known = operation.parameters
    required = [name for name, one in known.items() if one.default is inspect.Parameter.empty]
    others = [name for name in known if name not in required]
    if required:
        # Empty on purpose: nothing is sent before somebody has said what.
        inside = ", ".join(f'{name} = ""' for name in required)
        described = " ".join(f"{name}: {words[name]}" for name in required if name in words)
        yield from _commented(described)
        yield f"arguments = {{ {inside} }}"
    for name in others:
        default = known[name].default
        shown = json.dumps(default, ensure_ascii=False, default=str)
        value = shown if default is not None else _example(known[name].annotation)
        yield from _commented(f"{name} may be set in arguments, as {name} = {value}: {words.get(name, '')}")


def _commented(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, 100):
        yield f"# {line}"


def _example(hint: Any) -> str:  # noqa: ANN401 - a type as it is written
    """Return a value that fits an argument, to be replaced."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _text(str(inner[0]))
    parts = [part for part in inner if part is not type(None)]
    if origin is not None and not isinstance(origin, type) and parts:
        return _example(parts[0])
    if hint is bool:
        return "true"
    if hint in {int, float}:
        return "1"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "{ }"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"[{_example(parts[0])}]" if parts else "[]"
    return _text("…")


def _field_lines(found: Columns) -> Iterator[str]:
    """Give a line for each field: what is plain, and as a question what is not."""
    for place in found.places:
        meaning = f"the {place.called}" if place.field is None else _meaning(place.field)
        if place.column is not None:
            yield f"{_key(place.name)} = {_text(place.column)}"
        elif place.required:
            yield f"{_key(place.name)} = {_text(COLUMN)}    # required: {meaning}"
        else:
            yield f"# {_key(place.name)} = {_text(COLUMN)}    # may be left out: {meaning}"
    spread = found.spread
    if spread is not None:
        yield f"# Entries of {spread.name}: take out what is not to be sent."
        if not found.rest:
            yield f"{_key(f'{spread.name}.NAME')} = {_text(COLUMN)}    # required: an entry of the mapping"
        yield from (f"{_key(f'{spread.name}.{column}')} = {_text(column)}" for column in found.rest)
    if found.unused:
        yield f"# Not used: {', '.join(map(_printable, found.unused))}"


def _printable(text: str) -> str:
    """Return text that can stand in a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _meaning(field: Field) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a mapping"}
    kinds = sorted({names.get(kind, "a list") for kind in field.types})
    return " or ".join(kinds) if kinds else field.name


def _words(operation: Operation) -> dict[str, str]:
    """Return the words of the docstring about each argument."""
    section = inspect.cleandoc(operation.__doc__ or "").partition("\nArgs:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n      .*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _first_line(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n")[0]


def _one_or_many(texts: Sequence[str]) -> str:
    return _text(texts[0]) if len(texts) == 1 else f"[{', '.join(map(_text, texts))}]"


def _key(name: str) -> str:
    """Return a key as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    """Return text as TOML writes it, which is as JSON does but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
