"""Identifiers that can hardly be meant: what a spreadsheet, a data frame or a copied cell leaves of one.

A vendor takes them without a word, for nobody or for a new user. What is asked of a page is cheap where its
JSON shows that nothing is wrong; the sentence about one identifier does not repeat it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from netaudience.model.texts import Texts

_WORDS = ("\\n", "null", "nan", "none", "nat", "n/a", "#n/a", "(null)", "<na>", "undefined")
#: What a report calls its last lines.
_TOTALS = frozenset(
    written
    for word in ("total", "totals", "subtotal", "grand total", "toplam", "genel toplam")
    for written in (word, word.upper(), word.title(), word.capitalize())
)
#: In every case; and the empty text, which is no identifier either.
_PLACEHOLDERS = frozenset(
    {"", "-"}.union(
        "".join(letters)
        for word in _WORDS
        for letters in itertools.product(*({letter, letter.upper()} for letter in word))
    )
)
#: One of these is within each of the totals, and in few other identifiers.
_OF_TOTALS = ("otal", "OTAL", "oplam", "OPLAM")
#: Signs that take no room: soft hyphen, zero width, marks of direction, byte order mark.
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE]\+[0-9]+")
#: A row of JSON lines begins so; an identifier in braces, as Windows writes one, does not.
_OBJECT = '{"'
_TOTALS_IN_JSON = tuple(sign.encode() for sign in _OF_TOTALS)
_OBJECT_IN_JSON = b'{\\"'
_ARMOUR = re.compile(r"""=".*"|'.*""", re.DOTALL)
_MEANT = 'or let odd identifiers be sent (odd-identifiers = "send") if it is meant'


def oddity(identifier: str) -> str | None:
    """Return what is odd about an identifier, as the rest of a sentence, or None."""
    if identifier != identifier.strip():
        return f"has white space at an end, perhaps one that does not show: trim its column, {_MEANT}"
    if INVISIBLE.search(identifier):
        return f"holds a sign that nobody sees, such as a zero-width space: clean its column, {_MEANT}"
    if identifier in _PLACEHOLDERS:
        return f"is a placeholder for nothing, such as NULL, nan or N/A: leave the row out, {_MEANT}"
    if identifier in _TOTALS:
        return f"is what a report calls its last line, such as Total: leave the row out, {_MEANT}"
    if identifier.startswith(_OBJECT):
        return f"is a row as JSON: say the format of the source, ndjson or json, {_MEANT}"
    if _SCIENTIFIC.fullmatch(identifier):
        return (
            "is what a spreadsheet leaves of a long number, such as 1.00E+09, and its digits are lost: "
            f"export the column as text, {_MEANT}"
        )
    if _ARMOUR.fullmatch(identifier):
        return f"wears a spreadsheet's marks of a text, =\"...\" or a leading ': take them off, {_MEANT}"
    return None


def none_odd(identifiers: Sequence[str]) -> bool:
    """Return whether surely none of many texts is odd, and none empty."""
    joined = "".join(identifiers)
    # What is not printed is a blank other than the common one, a sign without room, or a control character.
    if not joined.isprintable() or not _PLACEHOLDERS.isdisjoint(identifiers):
        return False
    if any(sign in joined for sign in _OF_TOTALS) and any(map(oddity, identifiers)):
        return False
    suspects = any(sign in joined for sign in (" ", "+", "'", '="', _OBJECT))
    return not suspects or not any(map(oddity, identifiers))


def none_odd_in_json(identifiers: Texts) -> bool:
    """Answer for plain ones by their JSON: looking for a byte in it costs next to nothing."""
    json = identifiers.json
    if b" " in json and (b'" ' in json or b' "' in json):
        return False
    if b"'" in json and b"\"'" in json:
        return False
    if b"+" in json and any(map(_SCIENTIFIC.fullmatch, identifiers)):
        return False
    # A single byte is found a dozen times quicker than a word, and each of the totals has an l.
    suspects = (b"{" in json and _OBJECT_IN_JSON in json) or (
        (b"l" in json or b"L" in json) and any(sign in json for sign in _TOTALS_IN_JSON)
    )
    if suspects and any(map(oddity, identifiers)):
        return False
    # Every placeholder but the hyphen has an n. To look for that many words costs more than to ask each text;
    # to look for one, from the end, costs a quarter of that.
    if b"n" in json or b"N" in json:
        return _PLACEHOLDERS.isdisjoint(identifiers)
    return b"-" not in json or json.rfind(b'"-"') < 0
