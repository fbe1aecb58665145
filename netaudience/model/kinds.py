"""What an item of a run is, and what the pipeline asks about it: identifiers, numbers, or no item at all.

Checking happens before anything is sent, for a whole page of items at once: the common page, in which
nothing is wrong, costs a few operations on the page and none per item.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol, Self, TypeAlias, TypeVar, cast

from netaudience.errors import InvalidItem
from netaudience.model.taking import Writer
from netaudience.model.texts import Texts
from netaudience.model.validators import Rule, as_meant, both, identifier, whole_number
from netaudience.model.value_forms import TEXT, ValueForm

Coalescence: TypeAlias = Literal["replace", "merge"]
"""How the later of two items of one user stands for both: alone, or with the earlier one merged in."""

Item = TypeVar("Item")
#: So few items are asked one by one.
_FEW = 125
#: This many texts are worth being kept as one.
_MANY = 50
#: No page has a problem, most of the time: one shared answer for it.
FINE: Mapping[int, InvalidItem] = {}

#: What is wrong with which items of a page, by index; the key of each, if the order of one key's items
#: matters; the page as it is carried on; and where nothing is wrong, the form in which it is written and
#: kept, if that is made by then.
Examined: TypeAlias = tuple[Mapping[int, InvalidItem], Sequence[str], Sequence[Item], Sequence[Item] | None]


class Kind(Protocol):
    """What the pipeline asks about the items of an operation."""

    #: What one item is called in a message, for example ``ext id``.
    noun: str
    #: True where an item carries a value, so that the order of one key's items matters.
    keyed: bool
    #: True where two items of one key never go in one request, because the vendor's answer names keys.
    unique_per_request: bool

    @property
    def default(self) -> Writer | None:
        """What writes values that JSON has no type for; None where items are no rows: those never change."""
        ...

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which items of the page, by index."""
        ...

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the key of each item of a page that was checked."""
        ...

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return all that one look at a page finds out."""
        ...

    def key(self, item: object, /) -> str:
        """Return one item's key for a message, whatever is wrong with the item."""
        ...

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return items that were checked in the form in which they are written and kept."""
        ...

    def under(self, *, by: object = None, odd: bool = False) -> Kind:
        """Return the same items as an argument and an account have them.

        Args:
            by: What the argument of this name says that the identifiers are.
            odd: Whether identifiers that can hardly be meant are sent.
        """
        ...


def search(
    page: Sequence[object],
    places: Sequence[int],
    all_valid: Callable[[Sequence[object]], bool],
    why_invalid: Callable[[object], str | None],
) -> Iterator[tuple[int, str]]:
    """Give what is wrong with which items, of which something perhaps is, at these places of a page.

    Halves in which surely nothing is wrong are asked as a whole: one bad item does not make a thousand dear.
    """
    while len(places) > _FEW:
        middle = len(places) // 2
        first, places = places[:middle], places[middle:]
        if not all_valid([page[index] for index in first]):
            yield from search(page, first, all_valid, why_invalid)
            if all_valid([page[index] for index in places]):
                return
    for index in places:
        if reason := why_invalid(page[index]):
            yield index, reason


def _broken(
    rule: Rule, page: Sequence[object], kept: Sequence[object] | None = None
) -> Mapping[int, InvalidItem]:
    """Return what is wrong with which values, by index; the form in which they are kept may tell sooner."""
    if len(page) == 1:  # a call: the question for many costs four times as much (benchmark C1)
        problem = rule.why_invalid(page[0])
        return FINE if problem is None else {0: InvalidItem(problem)}
    if rule.all_valid(page if kept is None else kept):
        return FINE
    found = search(page, range(len(page)), rule.all_valid, rule.why_invalid)
    return {index: InvalidItem(problem) for index, problem in found}


def _meant(rule: Rule, page: Sequence[object], problems: Collection[int]) -> Mapping[int, object]:
    """Return by index those with which nothing is wrong once they are written as they were meant."""
    if rule.meant is None:
        return {}
    meant = {index: as_meant(rule, page[index]) for index in problems}
    return {index: one for index, one in meant.items() if rule.why_invalid(one) is None}


class _Plain:
    """What items share that are no rows: asking for their keys needs no look at them."""

    keyed = False
    unique_per_request = False
    default: Writer | None = None

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which items."""
        raise NotImplementedError

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the key of each item."""
        raise NotImplementedError

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return what is wrong with which items, and the keys where the order of a key's items matters."""
        return self.check(page), self.keys(page) if self.keyed else (), page, None

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return the items as they are."""
        return items

    def under(self, *, by: object = None, odd: bool = False) -> Self:  # noqa: ARG002 - asked of all kinds
        """Return the same: neither makes a difference."""
        return self


class Identifiers(_Plain):
    """Items that are bare identifiers: text, not empty, without control characters, and what a rule adds."""

    def __init__(
        self, noun: str, rule: Rule | None = None, *, by: Mapping[str, Rule] = MappingProxyType({})
    ) -> None:
        """State what the identifiers are.

        Args:
            noun: What one is called in a message.
            rule: What it must hold besides; all that it must hold where that lets through nothing but texts.
            by: The rule of those that are of another sort, by what the argument `by` calls them.
        """
        self.noun = noun
        if rule is None or not rule.only_texts:
            rule = identifier(noun) if rule is None else both(identifier(noun), rule)
        #: What each must hold.
        self.rule = rule
        #: How a job writes one.
        self.form = TEXT
        self._by = by

    def under(self, *, by: object = None, odd: bool = False) -> Self:
        """Return the identifiers of this sort."""
        rule = self._by.get(by, self.rule) if isinstance(by, str) else self.rule
        if odd and rule.lenient is not None:
            rule = rule.lenient
        return self if rule is self.rule else type(self)(self.noun, rule)

    def written_as(self, form: ValueForm) -> Self:
        """Return the same identifiers, which a job writes in another form."""
        other = copy.copy(self)
        other.form = form
        return other

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return what is wrong with which identifiers."""
        return _broken(self.rule, page)

    def examine(self, page: Sequence[Item], /) -> Examined[Item]:
        """Return what is wrong with which identifiers, and many as one object: its JSON shows it too."""
        try:
            kept = self.kept(page)
        except TypeError:  # something among them cannot be written
            kept = page
        problems = _broken(self.rule, page, kept)
        if meant := _meant(self.rule, page, problems):
            page = cast("Sequence[Item]", [meant.get(at, one) for at, one in enumerate(page)])
            problems = {at: problem for at, problem in problems.items() if at not in meant} or FINE
            kept = page if problems else self.kept(page)
        return problems, self.keys(page) if self.keyed else (), page, None if problems else kept

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the identifiers themselves."""
        return cast("Sequence[str]", page)

    def key(self, item: object, /) -> str:
        """Return the identifier itself."""
        return item if isinstance(item, str) else ""

    def kept(self, items: Sequence[Item], /) -> Sequence[Item]:
        """Return many identifiers as one object."""
        return cast("Sequence[Item]", Texts(cast("Sequence[str]", items))) if len(items) >= _MANY else items


class WholeNumbers(_Plain):
    """Items that are whole numbers, such as the id of a message."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._rule = whole_number(noun)

    def check(self, page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Return which items are no whole numbers."""
        return _broken(self._rule, page)

    def keys(self, page: Sequence[object], /) -> Sequence[str]:
        """Return the numbers as text."""
        return [str(item) for item in page]

    def key(self, item: object, /) -> str:
        """Return the number as text."""
        return "" if self._rule.why_invalid(item) else str(item)


class Nothing(_Plain):
    """An operation that takes no item."""

    noun = "request"

    def check(self, _page: Sequence[object], /) -> Mapping[int, InvalidItem]:
        """Find nothing wrong with nothing."""
        return FINE

    def keys(self, _page: Sequence[object], /) -> Sequence[str]:
        """Return no keys."""
        return ()

    def key(self, _item: object, /) -> str:
        """Return no key."""
        return ""
