"""Text that is not UTF-8: which encoding fits, and a copy in UTF-8 in which no bad value spoils another.

A byte that an encoding does not know is carried over as one that UTF-8 does not know either, so that its row
is rejected where it stands, and no other is.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1_000_000
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: Letters that the Turkish code page has in the places of Icelandic ones.
_TURKISH = frozenset(b"\xd0\xdd\xde\xf0\xfd\xfe")
#: A word of more than two letters in the Cyrillic code page; Latin ones have some of them between others.
_CYRILLIC = re.compile(rb"[\xc0-\xff]{3,}")
_HANDLER = "netaudience undecodable"


def _carry_over(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_HANDLER, _carry_over)


def marked(head: bytes) -> str | None:
    """Return the encoding that the mark at a file's beginning tells; None where there is none."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def guessed(sample: bytes) -> str:
    """Return the encoding that fits bytes which are not UTF-8."""
    if sample.count(b"\0") * 4 > len(sample):
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    high = sum(byte >= 0x80 for byte in sample)
    if sum(map(len, _CYRILLIC.findall(sample))) * 2 > high:
        return "windows-1251"
    return "windows-1254" if _TURKISH & set(sample) else "windows-1252"


def decoder_of(encoding: str) -> codecs.IncrementalDecoder:
    """Return what makes text of bytes as they come, whatever is wrong with some of them."""
    return codecs.getincrementaldecoder(encoding)(errors=_HANDLER)


def transcode(stream: BinaryIO, copy: Path, encoding: str) -> None:
    """Write a copy in UTF-8, without a mark at its beginning, in memory that does not grow with the file."""
    decoder = decoder_of(encoding)
    first = True
    with copy.open("wb") as file:
        while True:
            chunk = stream.read(_CHUNK)
            text = decoder.decode(chunk, final=not chunk)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            file.write(text.encode("utf-8", errors="surrogateescape"))
            if not chunk:
                return
