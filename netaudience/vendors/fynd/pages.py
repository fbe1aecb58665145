"""Fynd's two styles of pages: by number, and by cursor. Each stops where the vendor says so.

What contradicts itself (more is said to follow, and nothing leads there) is an error: rows are not left out
without a word. A list that runs in a circle is found by whoever reads the pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast

import attrs

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.model.wire import Request
from netaudience.vendors.fynd.facts import VENDOR
from netaudience.vendors.fynd.models import CursorPage, GroupUsers, NumberPage

Direction: TypeAlias = Literal["next", "prev"]


class _Numbered(Protocol):
    """A page with a number."""

    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def page(self) -> NumberPage | None: ...


Page = TypeVar("Page", bound=_Numbered)


def given(**values: str | int | bool | None) -> dict[str, str | int | bool]:
    """Return the parameters of a query that are set; 0, False and empty text are.

    Raises:
        ConfigurationError: a number or a size of a page makes no sense.
    """
    number, size = values.get("page_no"), values.get("page_size")
    for value, least in ((number, 0), (size, 1)):
        if value is not None and (isinstance(value, bool | str) or value < least):
            raise ConfigurationError("page_no must be at least 0, and page_size at least 1")
    return {name: value for name, value in values.items() if value is not None}


def next_by_number(request: Request[Page], page: Page) -> Request[Page] | None:
    """Return the request of the page with the next number, None after the last.

    Raises:
        Unreadable: it is not said whether another page follows, or the vendor gives the same again.
    """
    asked, size = int(request.query["page_no"]), int(request.query["page_size"])
    if not _another(page, asked, size):
        return None
    return attrs.evolve(request, query={**request.query, "page_no": asked + 1})


def next_in_body(request: Request[Page], page: Page) -> Request[Page] | None:
    """Return the request of the page with the next number, where the body's query has the number.

    Raises:
        Unreadable: it is not said whether another page follows, or the vendor gives the same again.
    """
    query = cast("dict[str, int]", cast("dict[str, object]", request.json)["query"])
    if not _another(page, query["page"], query["limit"]):
        return None
    return attrs.evolve(request, json={"query": {**query, "page": query["page"] + 1}})


def _another(page: _Numbered, asked: int, size: int) -> bool:
    """Return whether another page follows the one that was asked for."""
    view = page.page or NumberPage()
    if view.has_next is False:
        return False
    if view.has_next is None:
        if len(page.items) < size:
            return False
        raise _unreadable("The page is full, and does not say whether another follows")
    # The total is of no use here: the vendor's own samples have 0 in it beside two rows.
    if not page.items:
        raise _unreadable("The page is empty, and says that another follows")
    if view.current is not None and view.current < asked:
        raise _unreadable("An earlier page was given than the one asked for")
    return True


def first_by_cursor(
    path: dict[str, str],
    *,
    size: int,
    cursor: str | None,
    direction: Direction | None,
    **others: str | int | bool | None,
) -> Request[GroupUsers]:
    """Return the request of the first page.

    Raises:
        ConfigurationError: an argument makes no sense.
    """
    if direction not in {None, "next", "prev"}:
        raise ConfigurationError("direction must be next or prev")
    query = given(page_size=size, cursor=cursor, direction=direction, **others)
    return Request(path=path, query=query, answer=GroupUsers)


def next_by_cursor(request: Request[GroupUsers], page: GroupUsers) -> Request[GroupUsers] | None:
    """Return the request of the page that the cursor leads to, None after the last.

    Raises:
        Unreadable: more is said to follow without a cursor.
    """
    view = page.page or CursorPage()
    direction = request.query.get("direction", "next")
    more, cursor = view.has_next, view.next_cursor
    if direction == "prev":
        more, cursor = view.has_previous, view.prev_cursor
    if more is False:
        return None
    if not cursor:
        if more:
            raise _unreadable("The page says that another follows, and gives no cursor")
        if page.page is None and len(page.items) >= int(request.query["page_size"]):
            raise _unreadable("The page is full, and does not say whether another follows")
        return None
    # The cursor says where to go on; a number besides would be a second, perhaps another, word on it.
    query = {name: value for name, value in request.query.items() if name != "page_no"}
    return attrs.evolve(request, query={**query, "cursor": cursor, "direction": direction})


def _unreadable(what: str) -> Unreadable:
    return Unreadable(VENDOR, 200, remedy=f"{what}: the pages after it are not read")
