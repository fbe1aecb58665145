"""What a file is by its first bytes, whatever its name says, and how its bytes are read.

What DuckDB reads as it is stays where it is; what it does not (a zip, text in another encoding) is read from
a copy. What no reader knows is refused with the name of what it is.
"""

from __future__ import annotations

import gzip
import re
import shutil
import zipfile
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import attrs

from netaudience.errors import ConfigurationError, SourceFailed
from netaudience.jobs.columns.duckdb import import_arrow, telling
from netaudience.jobs.extract.encodings import marked, transcode
from netaudience.jobs.extract.files import Files, Input, folders_of, format_of
from netaudience.jobs.formats import FORMATS, Format, readers
from netaudience.jobs.spec.model import Source
from netaudience.jobs.spec.source_section import known_encoding
from netaudience.plurals import many

_HEAD = 512
_SQLITE, _DUCKDB = b"SQLite format 3\x00", b"DUCK"
Packing: TypeAlias = Literal["none", "gzip", "zstd"]
_AS_IT_IS: Packing = "none"
_PACKED: dict[bytes, Packing] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_ASKED = 'name it as database = "{name}", and ask it with sql (--sql in a command)'
#: What no reader of rows knows, and what to do about it.
_OTHERS = {
    _SQLITE: f"a SQLite database: {_ASKED}",
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind: save it as .xlsx, or as CSV in UTF-8",
    b"%PDF": "a PDF: ask for the data as CSV",
    b"ORC": "an ORC file: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"BZh": "packed with bzip2: unpack it (bunzip2), or pack it with gzip",
    b"\xfd7zXZ": "packed with xz: unpack it (unxz), or pack it with gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it, or pack it with gzip",
}
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|table|\?xml)\b", re.IGNORECASE)
_JSON = re.compile(rb'\{\s*(?:"|\})|\[\s*(?:[\[{"\]])')
#: What a system puts into an archive beside what it was asked to.
_LITTER = re.compile(r"(?:^|/)(?:__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)")


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file as they are."""
    with path.open("rb") as file:
        return file.read(_HEAD)


def _packing(head: bytes) -> Packing:
    for mark, packing in _PACKED.items():
        if head.startswith(mark):
            return packing
    return _AS_IT_IS


def is_database(head: bytes) -> bool:
    """Return whether a file that begins so is a database, whose tables a query may name."""
    return head.startswith(_SQLITE) or head[8:12] == _DUCKDB


def is_text(head: bytes) -> bool:
    """Return whether a file that begins so is text, or text that is packed with gzip."""
    if head.startswith((b"PK\x03\x04", b"PAR1", b"\x28\xb5\x2f\xfd")):
        return False
    return head[8:12] != _DUCKDB and not any(head.startswith(mark) for mark in _OTHERS)


def open_input(one: Input) -> BinaryIO:
    """Open a file to read its bytes, unpacked."""
    return open_bytes(one.path, one.packing)


def open_bytes(path: Path, packing: str) -> BinaryIO:
    """Open a file to read its bytes, unpacked in the way that is given."""
    if packing == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return _open_zstd(path) if packing == "zstd" else path.open("rb")


def _open_zstd(path: Path) -> BinaryIO:
    try:
        module: Any = import_module("compression.zstd")  # Python's own since 3.14
    except ImportError:
        # The package zstandard would give what there is of a file that was cut off, and not say so.
        return cast("BinaryIO", import_arrow().input_stream(str(path), compression="zstd"))
    return cast("BinaryIO", module.open(path, "rb"))


def prepare(files: Files, source: Source, scratch: Path) -> list[Input]:
    """Return files as they are read, all of one format.

    Args:
        files: What was found.
        source: What the job says of the files.
        scratch: Where copies go.

    Raises:
        ConfigurationError: it is not known what a file is, it cannot be read, or they are of many formats.
        SourceFailed: a file cannot be read.
    """
    if source.format is not None and source.format not in FORMATS:
        raise ConfigurationError(
            f"There is no format of that name: it is one of {', '.join(FORMATS)}", key="format"
        )
    encoding = None if source.encoding is None else known_encoding(source.encoding)
    if source.encoding is not None and encoding is None:
        raise ConfigurationError(
            f"There is no encoding {source.encoding!r}: write it as Python does, such as windows-1254",
            key="encoding",
        )
    preparing = _Preparing(source.format, encoding, source.encoding or "UTF-8", scratch)
    inputs: list[Input] = []
    for path in files.paths:
        with telling(path.name):
            one = preparing.input(path, path.name)
            folders = folders_of(path, files.folder) if source.hive else ()
            inputs.append(attrs.evolve(one, folders=folders))
    forms = sorted({one.format for one in inputs})
    if source.hive and not {*forms} <= {"csv", "tsv", "parquet"}:
        raise ConfigurationError(
            f"{files.name}: hive is for CSV and Parquet: leave it out of [source]", key="hive"
        )
    if len(forms) > 1:
        raise ConfigurationError(
            f"{files.name}: the files are of different formats ({', '.join(forms)}): give one job to each"
        )
    return inputs


class _Preparing:
    """Looks at one file after another."""

    def __init__(self, said: str | None, encoding: str | None, standard: str, scratch: Path) -> None:
        self._said = said
        self._encoding = encoding
        #: The encoding as the job calls it.
        self._standard = standard
        self._scratch = scratch

    def input(self, path: Path, name: str) -> Input:
        """Return a file as it is read."""
        head = first_bytes(path)
        packing = _packing(head)
        if packing != _AS_IT_IS:
            with closing(open_bytes(path, packing)) as stream:
                head = stream.read(_HEAD)
        if head.startswith(b"PK\x03\x04"):
            return self._archive(self._unpacked(path, packing), name)
        if head.startswith(b"PAR1"):
            return Input(self._unpacked(path, packing), name, "parquet")
        self._refuse(head, name)
        said: Format | None = next((one for one in FORMATS if one == self._said), None)
        form = said or format_of(Path(name))
        if form is None:
            raise ConfigurationError(
                f"{name}: its name does not say what it is: say format ({', '.join(FORMATS)})"
            )
        if form in {"parquet", "xlsx"} and head:
            what = "Parquet" if form == "parquet" else "an Excel file (.xlsx)"
            raise SourceFailed(f"{name} is not {what}, whatever its name says: say the format that it has")
        if said is None and form != "lines":
            form = self._by_content(head, form, name)
        if form in readers():
            return Input(self._unpacked(path, packing), name, form)
        return self._text(path, name, form, packing, head)

    def _text(self, path: Path, name: str, form: Format, packing: Packing, head: bytes) -> Input:
        mark = marked(head)
        encoding = mark or self._encoding
        # A mark before CSV is no matter to its reader; the reader of JSON does not know any.
        if encoding is None or encoding == "utf-8" or (mark == "utf-8-sig" and form in {"csv", "tsv"}):
            return Input(path, name, form, packing)
        copy = self._place("text")
        with closing(open_bytes(path, packing)) as stream:
            transcode(stream, copy, encoding)
        found = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(mark or "", self._standard)
        return Input(copy, name, form, encoding=found)

    def _archive(self, path: Path, name: str) -> Input:
        """Return the workbook that a zip is, or the one file that it holds."""
        try:
            with zipfile.ZipFile(path) as archive:
                if "xl/workbook.xml" in archive.namelist():
                    return Input(path, name, "xlsx")
                inside = [
                    one for one in archive.infolist() if not one.is_dir() and not _LITTER.search(one.filename)
                ]
                if len(inside) != 1:
                    raise ConfigurationError(
                        f"{name} is a zip with {many(len(inside), 'file')}: unpack it, and name what is meant"
                    )
                copy = self._place("unpacked")
                with archive.open(inside[0]) as packed, copy.open("wb") as file:
                    shutil.copyfileobj(packed, file)
        except zipfile.BadZipFile as error:
            raise SourceFailed(
                f"{name} is a zip that was cut off, or whose bytes are broken: copy it, or pack it, once more"
            ) from error
        except (NotImplementedError, RuntimeError) as error:  # of another kind, or with a password
            raise SourceFailed(f"{name} is a zip that cannot be unpacked: unpack it yourself") from error
        own = Path(inside[0].filename).name
        return self.input(copy, own if format_of(Path(own)) else name)

    def _unpacked(self, path: Path, packing: str) -> Path:
        """Return a file that DuckDB cannot unpack by itself."""
        if packing == "none":
            return path
        copy = self._place("unpacked")
        with closing(open_bytes(path, packing)) as stream, copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
        return copy

    def _by_content(self, head: bytes, form: Format, name: str) -> Format:
        """Return what text is whose name says another thing."""
        begins = head.lstrip(_BLANKS)
        if form in {"csv", "tsv"} and _JSON.match(begins):
            raise ConfigurationError(
                f"{name} is JSON, whatever its name says: look whether it holds rows or an error, and if "
                'rows, say format = "json" (--format in a command)'
            )
        return "json" if form == "ndjson" and begins.startswith(b"[") else form

    def _refuse(self, head: bytes, name: str) -> None:
        what = next((what for mark, what in _OTHERS.items() if head.startswith(mark)), None)
        if head[8:12] == _DUCKDB:
            what = f"a DuckDB database: {_ASKED}"
        if _MARKUP.match(head.lstrip(_BLANKS)):
            what = "a web page or XML: look whether the download has failed, and ask for the data as CSV"
        if what is not None:
            raise ConfigurationError(f"{name} is {what.format(name=name)}")

    def _place(self, what: str) -> Path:
        return self._scratch / f"{what}-{sum(1 for _ in self._scratch.iterdir())}"
