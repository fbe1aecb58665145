"""Standard input as blocks of whole rows, as they arrive: what is there is read, and nothing is waited for.

A block has at least one row, ends where a row does, and holds no more than a few megabytes.
"""

from __future__ import annotations

import os
import select
import sys
import zlib
from codecs import IncrementalDecoder
from collections.abc import Sequence

from netaudience.errors import SourceFailed
from netaudience.jobs.extract.encodings import decoder_of, marked

_CHUNK = 1 << 16
#: Bytes of a block, and of a row that has no end.
_MOST = 4_000_000
#: Blanks that may stand before a quote.
_BLANKS = 100
_GZIP = b"\x1f\x8b"


class Pipe:
    """The bytes of standard input, whose reading can be ended from another thread."""

    def __init__(self) -> None:
        self._ended = False
        self._ahead = b""
        self._awake: tuple[int, int] | None = None
        try:
            self._file: int | None = sys.stdin.fileno()
        except (OSError, AttributeError, ValueError):  # a program has put something else in its place
            self._file = None
        if self._file is not None and os.name == "posix":
            self._awake = os.pipe()

    def peek(self) -> bytes:
        """Return what the next reading will give."""
        self._ahead = self.read()
        return self._ahead

    def read(self) -> bytes:
        """Return what is there, and wait where nothing is; empty at the end.

        Raises:
            SourceFailed: it cannot be read, or somebody ended the reading.
        """
        ahead, self._ahead = self._ahead, b""
        if ahead:
            return ahead
        try:
            if self._file is None:
                return sys.stdin.buffer.read(_CHUNK)
            if self._awake is not None:
                select.select([self._file, self._awake[0]], [], [])
            if self._ended:
                raise SourceFailed("The reading of standard input was ended")
            return os.read(self._file, _CHUNK)
        except OSError as error:
            raise SourceFailed(f"standard input cannot be read any further: {error.strerror}") from error

    def interrupt(self) -> None:
        """End the reading that a thread waits in."""
        self._ended = True
        if self._awake is not None:
            os.write(self._awake[1], b".")

    def close(self) -> None:
        """Give what belongs to the reading free; standard input stays open."""
        awake, self._awake = self._awake, None
        for one in awake or ():
            os.close(one)


class Blocks:
    """Text in UTF-8 from a pipe, unpacked and decoded, in blocks."""

    def __init__(self, pipe: Pipe, encoding: str | None) -> None:
        """Look at how it begins.

        Args:
            pipe: Where the bytes come from.
            encoding: What the text is, where it is not UTF-8 and no mark tells.
        """
        self._pipe = pipe
        self._unpacker = zlib.decompressobj(31) if pipe.peek().startswith(_GZIP) else None
        self._encoding = encoding
        self._decoder: IncrementalDecoder | None = None
        self._begun = False
        self._waiting = b""
        self._ended = False

    def block(self, quote: str | None, delimiters: Sequence[str]) -> bytes:
        """Return the next block, empty at the end.

        Args:
            quote: What stands around cells that may hold line breaks; None or empty where nothing does.
            delimiters: What may stand between cells.

        Raises:
            SourceFailed: it cannot be read any further.
        """
        while not self._ended:
            chunk = self._pipe.read()
            self._ended = not chunk
            self._waiting += self._text(chunk)
            more = len(chunk) >= _CHUNK and len(self._waiting) < _MOST
            if not chunk or more:
                continue
            end = end_of_rows(self._waiting, quote, delimiters)
            if not end and len(self._waiting) >= _MOST:
                end = len(self._waiting)  # the reader tells what is wrong with such a row
            if self._waiting[:end].strip():
                block, self._waiting = self._waiting[:end], self._waiting[end:]
                return block
        block, self._waiting = self._waiting, b""
        return block

    def _text(self, chunk: bytes) -> bytes:
        if self._unpacker is not None:
            try:
                chunk = self._unpacker.decompress(chunk) if chunk else self._unpacker.flush()
            except zlib.error as error:
                raise SourceFailed("standard input is a broken gzip: look at what writes it") from error
            if self._ended and not self._unpacker.eof:
                raise SourceFailed("standard input is a gzip that ends too early: look at what writes it")
        if not self._begun and chunk:
            self._begun = True
            encoding = marked(chunk) or self._encoding
            if encoding is not None and encoding != "utf-8":
                self._decoder = decoder_of(encoding)
        if self._decoder is None:
            return chunk
        text = self._decoder.decode(chunk, final=self._ended)
        return text.removeprefix("\ufeff").encode("utf-8", errors="surrogateescape")


def end_of_rows(text: bytes, quote: str | None, delimiters: Sequence[str]) -> int:
    """Return where the last whole row of a text ends, which begins with a row."""
    if not quote or quote.encode() not in text:
        return text.rfind(b"\n") + 1
    sign, before = quote.encode(), (b"\n", b"\r", *(one.encode() for one in delimiters))
    end = at = 0
    while True:
        opened = text.find(sign, at)
        end = max(end, text.rfind(b"\n", at, None if opened < 0 else opened) + 1)
        if opened < 0:
            return end
        begins = text[max(0, opened - _BLANKS) : opened].rstrip(b" ")
        if begins and not begins.endswith(before):
            at = opened + 1  # within a cell a quote is none
            continue
        closed = opened
        while True:
            closed = text.find(sign, closed + 1)
            if closed < 0:
                return end
            if text[closed + 1 : closed + 2] != sign:
                break
            closed += 1
        at = closed + 1
