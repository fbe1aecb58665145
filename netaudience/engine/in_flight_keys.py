"""Which users have a row on its way, so that a later row of theirs waits for it.

Pure: no clock, no loop. Rows that come in the order of their keys, as a table gives them that is read by its
key, need no set of the keys: what begins behind the end of all that came before meets none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_NOTHING_SEEN: tuple[Sequence[str], str] = (), ""


class InFlightKeys:
    """The keys of the chunks that are on their way."""

    __slots__ = ("_highest", "_keys", "_out", "_seen", "_settled")

    def __init__(self) -> None:
        #: What each chunk that is out has kept busy, by the identity of that collection.
        self._out: dict[int, Collection[str]] = {}
        #: What was let go of and is still among `_keys`: answers often come many at a time, and to begin anew
        #: with the few keys that are left is quicker then than to take out each of the others.
        self._settled: list[Collection[str]] = []
        #: All of it; None as long as the keys come in their order, page behind page.
        self._keys: set[str] | None = None
        #: The highest of it, as long as the keys come in their order.
        self._highest = ""
        #: The page that was asked about last, if it was in order, and its highest key.
        self._seen = _NOTHING_SEEN

    def among(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that are on their way."""
        return self._all().intersection(keys)

    def meets(self, keys: Sequence[str]) -> bool:
        """Return whether any of these keys is on its way."""
        if not keys or not self._out:
            return False
        if self._keys is None:
            # Sorting what is sorted costs a third of hashing it, and touches nothing else.
            ordered = sorted(keys)
            if ordered[0] > self._highest:
                self._seen = keys, ordered[-1]
                return False
        return not self._all().isdisjoint(keys)

    def add(self, keys: Sequence[str]) -> Collection[str]:
        """Keep keys busy that meet none; return what is to be given back to `remove`."""
        if self._keys is None:
            known, highest = self._seen
            if known is not keys:
                highest = max(keys) if len(keys) > 1 else keys[0]
            self._highest = max(self._highest, highest)
        else:
            self._all().update(keys)
        self._seen = _NOTHING_SEEN
        # The garbage collector looks at a tuple of texts once, and into a list or a set again and again.
        kept = tuple(keys)
        self._out[id(kept)] = kept
        return kept

    def remove(self, kept: Collection[str]) -> None:
        """Let go of what `add` returned."""
        del self._out[id(kept)]
        if not self._out:
            # Whatever comes next, it may be in order again.
            self._keys, self._highest = None, ""
            self._settled.clear()
        elif self._keys is not None:
            self._settled.append(kept)

    def _all(self) -> set[str]:
        settled = self._settled
        if self._keys is None or len(settled) > len(self._out):
            self._keys = set[str]().union(*self._out.values())
        else:
            self._keys.difference_update(*settled)
        settled.clear()
        return self._keys
