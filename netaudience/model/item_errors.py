"""What an answer says about single items of a request, and how its words are matched with them.

A vendor's descriptor reads its answer into `ItemErrors`; the engine does the rest. What cannot be matched
is never counted as a success: it is left open, and open items are asked again singly or are in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from netaudience.errors import VendorError
from netaudience.model.wire import Response


@attrs.frozen(kw_only=True)
class ItemErrors:
    """What an answer says about single items, by their index in the request."""

    #: Refused for good.
    refused: Mapping[int, VendorError] = attrs.field(factory=dict[int, VendorError])
    #: Not done through the vendor's own trouble, and said so: asked again.
    retryable: Mapping[int, VendorError] = attrs.field(factory=dict[int, VendorError])
    #: Set where more failed than can be named: nothing is known of the items that are not named.
    unattributed: VendorError | None = None
    #: Set where the answer says nothing of the items that it does not name, not even how many were taken:
    #: none of them counts as taken, and none is asked again, for the answer to half of them would be alike.
    unread: VendorError | None = None
    #: What was lost without an item having failed, such as fields that the vendor dropped.
    warnings: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(
            self.refused
            or self.retryable
            or self.unattributed is not None
            or self.unread is not None
            or self.warnings
        )


#: An answer that blames nobody.
NOTHING = ItemErrors()

#: Reads the answer to a request of several items; pure. Asked of successes, and of refusals that may name
#: the items at fault.
Blamer: TypeAlias = Callable[[Response, Sequence[Any]], ItemErrors]
