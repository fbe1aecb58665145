"""A row of a step as a dead letter, so that it can be mended and sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from netaudience.dead_letter import DeadLetter, Fate, Why, plain
from netaudience.jobs.state.letter_types import made_of, shown, types_of
from netaudience.jobs.state.rejects import row_digest
from netaudience.model.wire import JsonValue

if TYPE_CHECKING:
    from netaudience.jobs.deliver.order import Order
    from netaudience.jobs.extract.page import SourceRow


def letter_of(order: Order, row: SourceRow, key: str, outcome: Fate, why: Why) -> DeadLetter:
    """Return what became of a row, with all that is needed to send it again.

    Args:
        order: What the row was for.
        row: The row as it came.
        key: The key of the item that it became, if it did.
        outcome: What became of it.
        why: Why.
    """
    whole = row["whole"]() if "whole" in row else None
    held = row["fields"] if whole is None else whole.row
    kept, fields = shown(held), None if whole is None else made_of(whole.fields, held, row["fields"])
    arguments = cast("Mapping[str, JsonValue]", plain(order.arguments))
    digest = None
    if order.remembers or fields is not None:
        digest = row["hash"] if order.again else row_digest(kept)
    return DeadLetter(
        position=row["row"],
        key=key,
        step=order.name,
        vendor=order.client.slug,
        operation=order.operation.name,
        outcome=outcome,
        **why._asdict(),
        row=kept,
        types=types_of(held) or None,
        fields=fields,
        time_zone=order.time_zone,
        arguments=arguments or None,
        source_position=row.get("source_position"),
        source_key=row["key"] if order.remembers else None,
        digest=digest,
        reference=row.get("place"),
    )
