"""Many items as one object that is JSON already: texts, and rows.

A thousand identifiers or rows are thousands of objects. Nearly all are delivered, and nobody looks at them
again; kept as JSON they go into a request as they are, and are made again for whoever looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, overload

import orjson

#: This many bytes show where a text begins in another; to look for all of them would take far longer.
_TELLING = 32


class Texts(Sequence[str]):
    """Many texts that are kept as their JSON while their request is out; it cannot be changed.

    Until their answer is there, a thousand objects would take memory, which has left the processor's cache
    when it is wanted again, and the garbage collector would go through the list of them (benchmark P1).
    """

    __slots__ = ("_length", "_start", "_stop", "_texts", "_written")

    def __init__(self, texts: Sequence[str]) -> None:
        #: Bytes of which a part is all of them as a JSON list, and which part that is.
        self._written = orjson.dumps(texts)
        self._start, self._stop = 0, len(self._written)
        self._length = len(texts)
        #: The texts themselves, until they are let go of, and where somebody has asked for one of them.
        self._texts: Sequence[str] | None = texts

    def __repr__(self) -> str:
        return f"<{self._length:,} texts>"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        # Not remembered: who reads all of them is mostly done with them then.
        return iter(orjson.loads(self.json) if self._texts is None else self._texts)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if self._texts is None:
            self._texts = list(self)
        return self._texts[index]

    def __eq__(self, other: object) -> bool:
        """Compare with any list, tuple or other texts."""
        return list(self) == list(other) if isinstance(other, list | tuple | Texts) else NotImplemented  # pyright: ignore[reportUnknownArgumentType] # whatever they hold

    __hash__ = None  # type: ignore[assignment] # as a list has none

    @property
    def json(self) -> bytes:
        """All of them, as a JSON list."""
        return self._written[self._start : self._stop]

    @property
    def plain(self) -> bool:
        """True where surely each is a text, none is empty, and all their signs are printed ones of ASCII.

        A quotation mark and a backslash are none here, for JSON shows them as it shows a control character.
        """
        json = self.json
        try:
            # One look for two questions, at half of what one costs alone: every text begins with an empty
            # one, and what is no text is a TypeError.
            strange = "".startswith(tuple(self if self._texts is None else self._texts))
        except TypeError:
            return False
        return not strange and json.isascii() and b"\\" not in json and b"\x7f" not in json

    def let_go(self, body: bytes | None = None) -> None:
        """Keep nothing but the JSON: the request is written.

        Args:
            body: What was written. It mostly has the JSON in it, and is kept in its place then: of two blocks
                of 16 KB for each request the one that goes leaves a hole, and in ten million identifiers
                these came to 8 % of a process's memory.
        """
        self._texts = None
        if body is not None:
            json = self.json
            start = body.find(json[:_TELLING])
            if start >= 0 and body.startswith(json, start):
                self._written, self._start, self._stop = body, start, start + len(json)


class RowTexts(Sequence[Mapping[str, Any]]):
    """Rows that are finished JSON texts, with a key beside each; a row is decoded only when it is looked at.

    A run's source may give them: as pages, or as the whole of it. They count as checked: whoever makes them
    answers for the rules of the operation, and gives each key as the operation compares it, which is in lower
    case where the vendor knows no case (Iterable's e-mail addresses, say). They cannot be changed.

    ::

        page = RowTexts(["u1"], [b'{"extId":"u1","profile":{"city":"Izmir"}}'])
        await netmera.set_profile_attributes(page)
    """

    __slots__ = ("_lines", "_texts", "given", "keys")

    def __init__(
        self, keys: Sequence[str], texts: Sequence[bytes], *, given: Sequence[object] | None = None
    ) -> None:
        """Take rows as they are.

        Args:
            keys: The key of each row: the user whose rows must keep their order.
            texts: Each row as a JSON object, in UTF-8.
            given: The objects that some of the rows were, and None for the others; whoever looks at a row
                is shown that object instead of what its text says.

        Raises:
            ValueError: there are not as many keys as texts.
        """
        if len(keys) != len(texts):
            raise ValueError(
                f"There are {len(keys):,} keys and {len(texts):,} rows: give one key for each row"
            )
        self.keys = keys
        self.given = given
        self._texts: Sequence[bytes] | None = texts
        self._lines = b""

    @classmethod
    def of_lines(cls, keys: Sequence[str], lines: bytes, given: Sequence[object] | None = None) -> RowTexts:
        """Return rows of which each is a line; as one object they cost next to nothing."""
        rows = cls((), (), given=given)
        rows.keys, rows._texts, rows._lines = keys, None, lines
        return rows

    def __repr__(self) -> str:
        return f"<{len(self):,} rows>"

    def __len__(self) -> int:
        return len(self.keys)

    def single(self) -> tuple[Any, bytes]:
        """Return the only row, and its text (benchmark P2)."""
        text = self.texts[0]
        return orjson.loads(text), text

    def __iter__(self) -> Iterator[Any]:
        if self.given is None:
            return map(orjson.loads, self.texts)
        return map(self._row, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Any: ...  # noqa: ANN401 - whatever its text says

    @overload
    def __getitem__(self, index: slice) -> RowTexts: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, int):
            return self._row(index)
        given = None if self.given is None else self.given[index]
        return RowTexts(self.keys[index], self.texts[index], given=given)

    def __eq__(self, other: object) -> bool:
        """Compare with any list, tuple or other rows."""
        return list(self) == list(other) if isinstance(other, list | tuple | RowTexts) else NotImplemented  # pyright: ignore[reportUnknownArgumentType] # whatever they hold

    __hash__ = None  # type: ignore[assignment] # as a list has none

    @property
    def texts(self) -> Sequence[bytes]:
        """The text of each."""
        if self._texts is None:
            self._texts = self._lines.split(b"\n")[:-1]
        return self._texts

    @property
    def json(self) -> bytes:
        """All of them, as a JSON list."""
        if self._lines:
            written = memoryview(self._lines.replace(b"\n", b","))  # within JSON no line ends
            return b"".join((b"[", written[:-1], b"]"))
        return b"[%b]" % b",".join(self.texts)

    @property
    def written(self) -> RowTexts:
        """The same rows as nothing but what their texts say."""
        if self.given is None:
            return self
        return self.of_lines(self.keys, self._lines) if self._lines else RowTexts(self.keys, self.texts)

    def chosen(self, indices: Sequence[int]) -> RowTexts:
        """Return some of them."""
        given = None if self.given is None else [self.given[index] for index in indices]
        keys = [self.keys[index] for index in indices]
        return RowTexts(keys, [self.texts[index] for index in indices], given=given)

    def followed_by(self, *others: RowTexts) -> RowTexts:
        """Return these rows and those after them."""
        if not others:
            return self
        parts = (self, *others)
        given: list[object] | None = None
        if any(part.given is not None for part in parts):
            given = [one for part in parts for one in (part.given or [None] * len(part))]
        keys = list(chain.from_iterable(part.keys for part in parts))
        return RowTexts(keys, list(chain.from_iterable(part.texts for part in parts)), given=given)

    def _row(self, index: int) -> object:
        given = None if self.given is None else self.given[index]
        return orjson.loads(self.texts[index]) if given is None else given
