"""What a vendor has defined: names such as profile attributes, and what the values of each must be.

Data that a vendor's own answer is turned into; nothing here asks anybody. What a vendor calls by a word that
nobody has read about may hold anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import attrs

Family: TypeAlias = Literal["text", "whole", "number", "truth", "time", "any"]
"""What values are: text, whole numbers, any numbers, true or false, dates and moments, or whatever."""


@attrs.frozen
class Holds:
    """What the values of a name are."""

    family: Family
    #: Whether there are several of them, in a list.
    many: bool = False


ANYTHING = Holds("any")


@attrs.frozen
class Definition:
    """One name, to the letter."""

    name: str
    holds: Holds = ANYTHING
    #: The vendor's own word for the type; empty where it says none.
    word: str = ""
    #: What belongs to it in its turn, such as the attributes of an event; None where nobody says.
    members: Definitions | None = None


@attrs.frozen
class Definitions:
    """All names of one sort that a vendor has."""

    #: What one is called, such as "profile attribute".
    noun: str
    #: The vendor, as people write it.
    vendor: str
    by_name: Mapping[str, Definition]
    #: What the vendor does with a name that it does not have, and with a value of another type: the ends of
    #: sentences.
    unknown: str
    mistyped: str
    #: Whether a name that there is none of is made by its first value, and is no mistake.
    makes: bool = False

    @classmethod
    def of(  # noqa: PLR0913 - what there is to be said
        cls,
        found: Iterable[Definition],
        *,
        noun: str,
        vendor: str,
        unknown: str,
        mistyped: str,
        makes: bool = False,
    ) -> Definitions:
        """Return the definitions of these names."""
        return cls(noun, vendor, {one.name: one for one in found}, unknown, mistyped, makes)

    def named(self, name: str) -> Definition | None:
        """Return what is defined by this name, to the letter."""
        return self.by_name.get(name)

    def meant(self, name: str) -> tuple[str | None, bool]:
        """Return the name that a wrong one may mean, and whether it differs in nothing but its case."""
        folded = {known.casefold(): known for known in self.by_name}
        alike = folded.get(name.casefold())
        if alike is not None:
            return alike, True
        near = difflib.get_close_matches(name.casefold(), folded, 1)
        return (folded[near[0]] if near else None), False
