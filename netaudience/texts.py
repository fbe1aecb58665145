"""Many texts that are kept as one while their request is out.

A thousand identifiers are a thousand objects. Nearly all are delivered, and nobody looks at them again; but
until their answer is there they take memory, which has left the processor's cache when it is wanted again,
and the garbage collector goes through the list of them. So one object stands for them all, and they are made
again for whoever looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

__all__ = ["Texts"]

_BREAK = "\n"


class Texts(Sequence[str]):
    """Texts of which none has a line break, kept as one; it cannot be changed, and has no hash."""

    __slots__ = ("_joined", "_length", "_texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self._joined = _BREAK.join(texts)
        self._length = len(texts)
        #: The texts again, where somebody has asked for one of them.
        self._texts: list[str] | None = None

    def __repr__(self) -> str:
        return f"<{self._length:,} texts>"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        # Not remembered: who reads all of them is mostly done with them then.
        return iter(self._joined.split(_BREAK) if self._texts is None else self._texts)

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
