"""MoEngage's operations on audiences: who is in a cohort and who is not.

Facts only, from the vendor's own specification, read in November 2026. No route reads a cohort, counts it or
deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, assumed, documented, per_minute
from netaudience.model.validators import text
from netaudience.model.wire import Request
from netaudience.operations.declare import batch
from netaudience.vendors.moengage.facts import BYTES, IN_FLIGHT, RATES, SHARE
from netaudience.vendors.moengage.models import Accepted
from netaudience.vendors.moengage.rules import CUSTOMER_ID

COHORTS = (
    "https://github.com/moengage/moengage-documentation/blob/05aa064/api/cohort-audience/cohort-audience.yaml"
)

COHORT_SYNCS = Quota(
    "moengage cohort syncs",
    (per_minute(documented(300, RATES), share=SHARE),),
    in_flight=IN_FLIGHT,
)
_MEMBERS = Limit(rows=assumed(1000, "no figure is documented; the bytes come last"), bytes=BYTES)
_FORBIDDEN = frozenset('|*?\\:<>=$"')
_UNREAD = "Nothing tells who is in a cohort: the dashboard alone shows its size. It is of the Default Team."
_PASSED_OVER = "users whom MoEngage does not know are passed over"


class Audiences:
    """The operations on cohorts."""

    _workspace_id: str

    @batch(
        "POST",
        "/v1/integrations/cohortsync",
        items=Identifiers("customer id", CUSTOMER_ID),
        limit=_MEMBERS,
        quota=COHORT_SYNCS,
        # Members are a set (inferred).
        idempotent=True,
        coalesces="replace",
        opposite="remove_cohort_members",
        note=_UNREAD,
        unsaid=_PASSED_OVER,
        docs=COHORTS,
    )
    def add_cohort_members(
        self,
        users: Sequence[str],
        *,
        cohort_id: str,
        cohort_name: str,
        partner: str,
        cohort_description: str | None = None,
    ) -> Request[Accepted]:
        r"""Put users who exist into a cohort, which is made if there is none.

        The answer means *accepted*.

        Args:
            users: Your own ids of the users.
            cohort_id: Your own id of the cohort.
            cohort_name: Its name; it begins with no full stop, and holds none of ``| * ? \ : < > = $ "``.
            partner: What the dashboard calls the cohort's source.
            cohort_description: What the cohort is.
        """
        return self._sync("add_members", users, cohort_id, cohort_name, partner, cohort_description)

    @batch(
        "POST",
        "/v1/integrations/cohortsync",
        items=Identifiers("customer id", CUSTOMER_ID),
        limit=_MEMBERS,
        quota=COHORT_SYNCS,
        idempotent=True,
        coalesces="replace",
        opposite="add_cohort_members",
        note=_UNREAD,
        unsaid=_PASSED_OVER,
        docs=COHORTS,
    )
    def remove_cohort_members(
        self,
        users: Sequence[str],
        *,
        cohort_id: str,
        cohort_name: str,
        partner: str,
        cohort_description: str | None = None,
    ) -> Request[Accepted]:
        """Take users out of a cohort that was made by `add_cohort_members`.

        The answer means *accepted*.

        Args:
            users: Your own ids of the users.
            cohort_id: Your own id of the cohort.
            cohort_name: Its name.
            partner: What the dashboard calls the cohort's source.
            cohort_description: What the cohort is.
        """
        return self._sync("remove_members", users, cohort_id, cohort_name, partner, cohort_description)

    def _sync(  # noqa: PLR0913, PLR0917 - what the vendor takes
        self,
        action: Literal["add_members", "remove_members"],
        users: Sequence[str],
        cohort_id: str,
        name: str,
        partner: str,
        description: str | None,
    ) -> Request[Accepted]:
        for noun, value in (("cohort_id", cohort_id), ("cohort_name", name), ("partner", partner)):
            if problem := text(noun).why_invalid(value):
                raise ConfigurationError(problem)
        if name.startswith(".") or not _FORBIDDEN.isdisjoint(name):
            raise ConfigurationError(
                "The cohort_name must not begin with a full stop, nor hold any of "
                '| * ? \\ : < > = $ ": rename it'
            )
        described: Mapping[str, object] = {} if description is None else {"cohort_description": description}
        parameters = {
            "cohort_name": name,
            "cohort_id": cohort_id,
            **described,
            "members": [{"uid": user} for user in users],
        }
        return Request(
            json={"action": action, "partner": partner, "parameters": parameters},
            headers={"MOE-APPKEY": self._workspace_id},
            answer=Accepted,
        )
