"""Items are taken by value: a row becomes its JSON text at the moment at which it is yielded or put.

Whoever gave the row may change it afterwards, or fill it anew and yield it again: what is sent is what stood
there. The text costs nothing extra, for it goes into the request's body as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, filterfalse, repeat
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

import orjson

from netaudience.model.texts import RowTexts
from netaudience.model.wire import OPTIONS, finite, row_writer, written

Item = TypeVar("Item")
#: Gives what orjson does not know in a form that it does, a row of a class as a mapping by wire names.
Writer: TypeAlias = Callable[[Any], object]

_END = object()
_AS_LINE = OPTIONS | orjson.OPT_APPEND_NEWLINE
#: Buffers that nobody writes into, and the size from which one is not kept.
_BUFFERS: list[BytesIO] = []
_LARGE = 1_000_000
NOT_FINITE = "it holds a number that is infinite or not a number"


def text_of(row: object, write: Writer = written) -> bytes | str:
    """Return a row as its JSON text, or as a text why it has none."""
    try:
        text = orjson.dumps(row, write, OPTIONS)
    except Exception as error:  # noqa: BLE001 - a value's own code may be asked
        return _reason(error)
    return NOT_FINITE if b"null" in text and not finite(row) else text


def _reason(error: Exception) -> str:
    """Return what is wrong: what the writer said, where it is asked by orjson."""
    return str(error.__cause__ if isinstance(error.__cause__, ValueError) else error)


class Taken(Sequence[Item], Generic[Item]):
    """Rows that were given, each with the text that it had then; nobody has looked what they hold.

    Whoever looks at one is shown what its text says, or the object where it is no mapping: rows of a class
    cannot be changed.
    """

    __slots__ = ("_lines", "_open", "_texts", "_write", "looked_through", "objects", "reasons")

    def __init__(self, write: Writer = written) -> None:
        """Begin a page; `write` gives what orjson does not know in a form that it does."""
        self._write = write
        self.objects: list[object] = []
        #: Why some have no text, by index: their line says null.
        self.reasons: dict[int, str] = {}
        #: Whether all were taken one by one: what JSON has no number for was found then, and their objects
        #: may have been changed long since.
        self.looked_through = True
        # A text of its own for each would be a thousand blocks of memory, at twice of what writing costs.
        self._open: BytesIO | None = None
        self._lines = b""
        self._texts: list[bytes] | None = None

    def __repr__(self) -> str:
        return f"<{len(self):,} rows taken>"

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[Any]:
        return map(self.row, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Any: ...  # noqa: ANN401 - whatever was given

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self.row(at) for at in range(*index.indices(len(self)))]
        return self.row(index)

    @property
    def lines(self) -> bytes:
        """The texts, a line for each."""
        if self._open is not None:
            buffer, self._open = self._open, None
            size = buffer.tell()
            with buffer.getbuffer() as written_so_far:
                self._lines = bytes(written_so_far[:size])
            if size <= _LARGE:
                buffer.seek(0)
                _BUFFERS.append(buffer)
        return self._lines

    @property
    def _buffer(self) -> BytesIO:
        """What the texts are written into: a buffer that has grown before, for to grow is to be copied."""
        if self._open is None:
            try:
                self._open = _BUFFERS.pop()
            except IndexError:
                self._open = BytesIO()
            self._open.write(self._lines)
        return self._open

    def row(self, index: int) -> object:
        """Return a row as it was when it was taken."""
        one = self.objects[index]
        if not isinstance(one, dict) or index in self.reasons:
            return cast("object", one)  # type: ignore[redundant-cast] # pyright's need
        if self._texts is None:
            self._texts = self.lines.split(b"\n")
        return orjson.loads(self._texts[index])

    def shown(self) -> list[object]:
        """Return what is shown to whoever looks at a row, None where that is what its text says."""
        return [
            None if isinstance(one, dict) and index not in self.reasons else one
            for index, one in enumerate(self.objects)
        ]

    def append(self, row: object) -> None:
        """Take one row."""
        self.put(row, text_of(row, self._write))

    def put(self, row: object, text: bytes | str) -> None:
        """Take one row that was written before."""
        self._add_line(len(self.objects), text)
        self.objects.append(row)
        self._texts = None

    def extend(self, rows: Iterable[object]) -> None:
        """Take rows, each at the moment at which it is given.

        Whatever the rows' source raises is raised when those before it are taken.
        """
        objects, start = self.objects, len(self.objects)
        rows = iter(rows)
        self.looked_through, self._texts = False, None
        first = next(rows, _END)
        if first is _END:
            return
        # What `append` returns is false, so that every row passes, and is kept on its way.
        passing = filterfalse(objects.append, chain((first,), rows))
        # Rows of one class are written by its own writer: asked through orjson it costs as much again.
        own = row_writer(type(first))
        values = passing if own is None else map(own, passing)
        try:
            while True:
                try:
                    self._buffer.writelines(map(orjson.dumps, values, repeat(self._write), repeat(_AS_LINE)))
                except Exception:
                    if self.lines.count(b"\n") == len(objects):
                        raise
                    # It is the row that has no text, or one of another class than the first.
                    self._add_line(len(objects) - 1, text_of(objects[-1], self._write))
                    values = passing
                else:
                    return
        finally:
            if own is not None:
                self._mend(type(first), start)

    def _mend(self, kind: type, start: int) -> None:
        """Write those anew that are of a class derived from the one by whose writer all were written."""
        rows = self.objects[start:]
        if any(one is not kind and issubclass(one, kind) for one in set(map(type, rows))):
            derived = {
                index: row
                for index, row in enumerate(rows, start)
                if type(row) is not kind and isinstance(row, kind)
            }
            mended = self.replaced(derived)
            self._open, self._lines, self._texts = None, mended.lines, None
            self.reasons = mended.reasons

    def _add_line(self, index: int, text: bytes | str) -> None:
        """Add the line of a row, or note why it has none."""
        if isinstance(text, str):
            self.reasons[index] = text
            text = b"null"
        self._buffer.write(text + b"\n")

    def absorb(self, others: Taken[Item]) -> None:
        """Take rows that were taken before, behind these."""
        self.reasons.update({len(self) + index: reason for index, reason in others.reasons.items()})
        self.objects.extend(others.objects)
        self._buffer.write(others.lines)
        self.looked_through, self._texts = self.looked_through and others.looked_through, None

    def replaced(self, rows: Mapping[int, object]) -> Taken[Item]:
        """Return them with other rows in the place of some."""
        some: Taken[Item] = Taken(self._write)
        for index, text in enumerate(self.lines.split(b"\n")[:-1]):
            if index in rows:
                some.append(rows[index])
            else:
                some.put(self.objects[index], self.reasons.get(index, text))
        some.looked_through = self.looked_through
        return some

    def chosen(self, indices: Sequence[int]) -> Taken[Item]:
        """Return some of them."""
        some: Taken[Item] = Taken(self._write)
        texts = self.lines.split(b"\n")
        for index in indices:
            some.put(self.objects[index], self.reasons.get(index, texts[index]))
        some.looked_through = self.looked_through
        return some


def chosen(items: Sequence[Item], indices: Sequence[int]) -> Sequence[Item]:
    """Return the items at these places, in the form in which they are."""
    rows: object = items
    if isinstance(rows, RowTexts | Taken):
        return cast("Sequence[Item]", rows.chosen(indices))
    return [items[index] for index in indices]


def joined(*parts: Sequence[Item]) -> Sequence[Item]:
    """Return items and those that follow them, in the form in which they are."""
    rows = cast("Sequence[object]", parts)
    if not rows:
        return ()
    if all(isinstance(part, RowTexts) for part in rows):
        first, *others = cast("Sequence[RowTexts]", parts)
        return cast("Sequence[Item]", first.followed_by(*others))
    if isinstance(rows[0], Taken):
        taken = cast("Taken[Item]", rows[0])  # pyright: ignore[reportUnnecessaryCast] # mypy needs it
        for part in parts[1:]:
            if isinstance(part, Taken):
                taken.absorb(cast("Taken[Item]", part))  # pyright: ignore[reportUnnecessaryCast] # mypy needs it
            else:
                taken.extend(part)
        return taken
    return list(chain.from_iterable(parts))
