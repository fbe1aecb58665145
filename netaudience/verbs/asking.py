"""What a vendor is asked about one person, and which look-up shows whether a verb was done."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netaudience.model.rows import Rows
from netaudience.operations.readback import ReadBack
from netaudience.vendors import names

if TYPE_CHECKING:
    from netaudience.client import Client
    from netaudience.model.verb_facts import Way
    from netaudience.operations.readback import Sent


def vendors_here() -> list[str]:
    """Return the vendors of which the environment says anything, by their names in commands."""
    return [
        slug
        for slug in names()
        if any(name.startswith(f"NETAUDIENCE_{slug.upper()}_") for name in os.environ)
    ]


def sent_for(vendor: type[Client], way: Way, name: str) -> Sent:
    """Return what is sent for somebody who goes this way, as far as the facts alone say it."""
    kind = vendor.operations()[way.operation].kind
    if not isinstance(kind, Rows):
        return name
    wire = {field.name: field.wire for field in kind.fields}
    given = {way.field: name, **way.constants("")}
    return {wire.get(field, field): value for field, value in given.items()}


def shown_by(vendor: type[Client], way: Way) -> tuple[ReadBack, str] | None:
    """Return the look-up that shows whether a way was done, and its operation; None where nothing does.

    What was set, and which place people were put into, receipts do not hold: nobody can compare it later.
    """
    fact = vendor.read_backs.get(way.operation)
    placed = way.places or way.constants("one") != way.constants("another")
    if not isinstance(fact, ReadBack) or way.entries or way.listed or placed:
        return None
    ask = fact.ask(sent_for(vendor, way, "somebody"), way.arguments)
    return None if ask is None else (fact, ask.operation)
