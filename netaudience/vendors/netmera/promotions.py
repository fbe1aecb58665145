"""Netmera: promotion codes of users, and the test devices of an app."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, cast

import attrs

from netaudience.errors import ConfigurationError, mask
from netaudience.model.rows import Rows
from netaudience.model.validators import email, identifier, text
from netaudience.model.value_forms import given
from netaudience.model.wire import Request, wire_name
from netaudience.operations.declare import batch
from netaudience.vendors.netmera.facts import ENTRIES, EXT_IDS, REFERENCE, REQUESTS
from netaudience.vendors.netmera.values import VALUES

#: Seconds have fewer digits for the next three thousand years.
_MILLISECONDS = 100_000_000_000


@attrs.frozen
class PromotionCode:
    """A code of a promotion, and whose it is."""

    #: Your own id of the user.
    ext_id: str = attrs.field(validator=identifier("ext id"), metadata=wire_name("extId"), repr=mask)
    code: str = attrs.field(validator=text("code"), repr=False)


class PromotionCodeDict(TypedDict):
    """`PromotionCode` by the vendor's names."""

    extId: str
    code: str


@attrs.frozen
class Tester:
    """A user all of whose devices get test messages; one of the two names the user."""

    ext_id: str | None = attrs.field(
        default=None, validator=identifier("ext id"), metadata=wire_name("extId"), repr=mask
    )
    email: str | None = attrs.field(default=None, validator=email("email"), repr=mask)


class TesterDict(TypedDict):
    """`Tester` by the vendor's names."""

    extId: NotRequired[str]
    email: NotRequired[str]


def _somebody(row: Mapping[str, object]) -> str | None:
    return (
        None
        if row
        else "The row names nobody, and Netmera takes it without a word: give an extId or an email"
    )


_CODES = Rows(PromotionCode, key="ext_id")
_TESTERS = Rows(Tester, key=("ext_id", "email"), noun="user", rule=_somebody)


class Promotions:
    """The operations on promotion codes and test devices."""

    @batch(
        "POST",
        "/rest/3.0/promotion/add",
        items=_CODES,
        limit=EXT_IDS,
        quota=REQUESTS,
        idempotent=False,
        note="Whether it may be repeated is not documented. A promotion that is there keeps its date.",
        unsaid="an id that it does not know gets no code",
        docs=f"{REFERENCE}/promotion-codes/assign-promotion-codes",
    )
    def add_promotion_codes(
        self,
        codes: Sequence[PromotionCode | PromotionCodeDict],
        *,
        promotion: str,
        expiry_date: int | dt.date,
    ) -> Request[None]:
        """Give users codes of a promotion.

        Args:
            codes: One row per code.
            promotion: What the promotion is called.
            expiry_date: When it ends: a `datetime`, or milliseconds since 1970. Without it Netmera answers
                with success and gives nobody a code.
        """
        if problem := text("promotion").why_invalid(promotion):
            raise ConfigurationError(problem)
        ends = cast("object", given(VALUES, expiry_date, "expiry_date"))
        if not isinstance(ends, int) or isinstance(ends, bool) or ends < _MILLISECONDS:
            raise ConfigurationError("expiry_date must be a datetime, or milliseconds since 1970")
        # The body is read as it comes: a name, or a date, behind the codes is none.
        return Request(json={"name": promotion, "expiryDate": ends, "codes": codes})

    @batch(
        "POST",
        "/rest/3.0/addTesters",
        items=_TESTERS,
        limit=ENTRIES,
        quota=REQUESTS,
        idempotent=True,
        note="All devices of a user become test devices.",
        unsaid="an id or an address that it does not know does nothing",
        docs=f"{REFERENCE}/devices/add-test-devices",
    )
    def add_testers(self, users: Sequence[Tester | TesterDict]) -> Request[None]:
        """Make the devices of users test devices.

        Args:
            users: One row per user.
        """
        return Request(json=list(users))
