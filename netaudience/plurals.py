"""A number in a sentence, and what is counted: the only place that knows how English says several."""

from __future__ import annotations

from decimal import Decimal

#: What is one, and several, where it is not an s that is added to the first word.
_SEVERAL = {"person": "people", "is": "are", "was": "were", "has": "have"}
#: Verbs that lose their s.
_VERBS = frozenset({"counts", "holds", "keeps", "stands"})


def many(count: float, what: str) -> str:
    """Return a count and what is counted, which is given as it is said of one.

    ::

        many(1, "request per second")  # 1 request per second
        many(2, "row is held back")  # 2 rows are held back
        many(1042, "person")  # 1,042 people
    """
    if count != 1:
        noun, *rest = what.split(" ")
        several = [word[:-1] if word in _VERBS else _SEVERAL.get(word, word) for word in rest]
        what = " ".join([_SEVERAL.get(noun, f"{noun}s"), *several])
    return f"{rounded(count, max(6, len(str(int(count)))))} {what}"


def rounded(number: float, digits: int = 3) -> str:
    """Return a finite number rounded to as many digits, written out: 250,000 and never 2.5e+05."""
    return f"{Decimal(f'{number:.{digits}g}'):,f}"
