"""Fynd's operations on customers: search, list, creation and change, who is blocked, archived or logged in.

Facts only, from both of the vendor's current SDKs, read in November 2026. No operation erases a customer or
sets a consent: the vendor has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, assumed
from netaudience.model.rows import Rows
from netaudience.model.validators import texts
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call, pages, query
from netaudience.vendors.fynd.facts import ONE, PAGE_SIZE, PREFIX, REQUESTS, USER
from netaudience.vendors.fynd.models import (
    Customer,
    CustomerList,
    CustomerSearch,
    CustomerUndeletion,
    CustomerUndeletionDict,
    CustomerUpdate,
    CustomerUpdateDict,
    Done,
    NewCustomer,
    NewCustomerDict,
    SessionKey,
    SessionKeyDict,
    Sessions,
    SessionsEnded,
    Timeline,
    UserSummary,
)
from netaudience.vendors.fynd.pages import given, next_by_number
from netaudience.vendors.fynd.paths import split
from netaudience.vendors.fynd.rules import in_path

_USER_IDS = Identifiers("user id", in_path)
_CUSTOMERS = f"{PREFIX}/customers"
_NEW = Rows(
    NewCustomer,
    key=("phone_number", "email", "username", "external_id"),
    noun="customer",
    rule=lambda row: (
        None
        if row.keys() & {"phone_number", "email", "username", "external_id"}
        else "The row names nobody: give a phone_number, an email, a username or an external_id"
    ),
)
_UPDATES = Rows(
    CustomerUpdate,
    key="user_id",
    noun="user id",
    rule=lambda row: (
        None if len(row) > 1 else "The row changes nothing: give at least one field besides the user_id"
    ),
)
_UNDELETIONS = Rows(CustomerUndeletion, key="user_id", noun="user id")
_SESSIONS = Rows(SessionKey, key="id", noun="user id")
_MANY = Limit(
    rows=assumed(100, "no figure is documented"), bytes=assumed(1_000_000, "no figure is documented")
)


def _listed(page: CustomerList) -> Sequence[UserSummary]:
    return page.items


class Customers:
    """The operations on customers."""

    @query("GET", f"{_CUSTOMERS}/search", quota=REQUESTS, docs=USER)
    def search_customers(self, *, q: str | None = None, query: Sequence[str] = ()) -> Request[CustomerSearch]:
        """Search customers by a text, or by several texts that name one each.

        The vendor calls it ``searchUsers``. The answer is not cut into pages. It also finds customers who are
        archived or gone, and says so.

        Args:
            q: A text to search for, such as an e-mail address or a telephone number.
            query: Several texts to search for.
        """
        if not q and not query:
            raise ConfigurationError("Say what to search for: q, or query, or both")
        if query and (not isinstance(query, list | tuple) or texts("query").why_invalid(query)):
            raise ConfigurationError("query must be a list of texts, none of them empty")
        asked = [("q", q)] if q else []
        asked += [("query", one) for one in query]
        return Request(encoded_query=urlencode(asked, quote_via=quote), answer=CustomerSearch)

    @pages("GET", f"{_CUSTOMERS}/list", rows=_listed, following=next_by_number, quota=REQUESTS, docs=USER)
    def list_customers(
        self, *, q: str | None = None, page_no: int = 1, page_size: int = PAGE_SIZE
    ) -> Request[CustomerList]:
        """Read the customers of the application, page by page.

        The vendor calls it ``getCustomers``; it wants the scope ``application/customers/read``.

        Args:
            q: Only customers that this text names.
            page_no: The page to begin with; the first is 1.
            page_size: Customers per page. The SDKs' default is 10 and the maximum is not known.
        """
        return Request(query=given(page_no=page_no, page_size=page_size, q=q), answer=CustomerList)

    @call(
        "GET",
        f"{_CUSTOMERS}/{{user_id}}/timeline",
        items=_USER_IDS,
        limit=ONE,
        quota=REQUESTS,
        docs=USER,
    )
    def get_customer_timeline(self, user_id: str) -> Request[Timeline]:
        """Read what became of a customer, and whether a deletion is under way.

        The vendor calls it ``getUserTimeline``.

        Args:
            user_id: The customer's ``user_id``.
        """
        return Request(path={"user_id": user_id}, answer=Timeline)

    @call(
        "POST",
        _CUSTOMERS,
        items=_NEW,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="applied",
        note="Not safe to repeat: look the customer up with search_customers before sending it again.",
        docs=USER,
    )
    def create_customer(
        self, customer: NewCustomer | NewCustomerDict, *, verified: bool | None = None
    ) -> Request[Customer]:
        """Create a customer.

        The vendor calls it ``createUser``. Where the answer is lost it is in doubt whether there is one.

        Args:
            customer: A telephone number, an e-mail address or another name of the customer, and what else is
                known.
            verified: Whether the number and the address count as verified; left to the vendor if not given.
        """
        return Request(json=customer, query=given(verified=verified), answer=Customer)

    @call(
        "PUT",
        f"{_CUSTOMERS}/{{user_id}}",
        items=_UPDATES,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        note="emails and phone_numbers are overwritten as a whole.",
        docs=USER,
    )
    def update_customer(self, customer: CustomerUpdate | CustomerUpdateDict) -> Request[Customer]:
        """Change a customer: names, day of birth, your own id, addresses and numbers.

        The vendor calls it ``updateUser``.

        Args:
            customer: The customer's ``user_id`` and at least one field that is to change.
        """
        path, fields = split(_UPDATES, customer, "user_id")
        return Request(path=path, json=fields, answer=Customer)

    @batch(
        "PUT",
        f"{_CUSTOMERS}/activation",
        items=Identifiers("user id"),
        limit=_MANY,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        note="Blocks and unblocks. Which of the two a status of true means is not documented: try one "
        "customer, and read `active` with search_customers. Nothing is reported about single customers.",
        docs=USER,
    )
    def set_customer_activation(
        self, user_ids: Sequence[str], *, status: bool, reason: str | None = None
    ) -> Request[Done]:
        """Block customers, or let them in again.

        The vendor calls it ``blockOrUnblockUsers``.

        Args:
            user_ids: The customers' ``user_id``.
            status: What goes as ``status``; the vendor's documents do not say which value blocks.
            reason: Why.
        """
        if not isinstance(status, bool):  # pyright: ignore[reportUnnecessaryIsInstance] # callers without a type checker
            raise ConfigurationError("status must be true or false")
        body: dict[str, object] = {"status": status, "user_id": user_ids}
        if reason is not None:
            body["reason"] = reason
        return Request(json=body, answer=Done)

    @call(
        "PUT",
        f"{_CUSTOMERS}/archive",
        items=Identifiers("user id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        note="Reversible, and so no erasure: what is known of the customer stays.",
        docs=USER,
    )
    def archive_customer(self, user_id: str) -> Request[Done]:
        """Archive a customer, which can be undone.

        The vendor calls it ``archiveUser``.

        Args:
            user_id: The customer's ``user_id``.
        """
        return Request(json={"user_id": user_id}, answer=Done)

    @call(
        "PUT",
        f"{_CUSTOMERS}/undelete",
        items=_UNDELETIONS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        docs=USER,
    )
    def undelete_customer(self, customer: CustomerUndeletion | CustomerUndeletionDict) -> Request[Done]:
        """Take back the deletion of a customer that is under way.

        The vendor calls it ``unDeleteUser``; `get_customer_timeline` tells whether one is.

        Args:
            customer: The customer's ``user_id``, and why.
        """
        return Request(json=customer, answer=Done)

    @call("GET", f"{_CUSTOMERS}/sessions", items=Identifiers("user id"), limit=ONE, quota=REQUESTS, docs=USER)
    def get_customer_sessions(self, user_id: str) -> Request[Sessions]:
        """Read where a customer is logged in.

        The vendor calls it ``getActiveSessions``.

        Args:
            user_id: The customer's ``user_id``.
        """
        return Request(query={"id": user_id}, answer=Sessions)

    @call(
        "DELETE",
        f"{_CUSTOMERS}/sessions",
        items=Identifiers("user id"),
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        note="The customer is logged out everywhere, and stays a customer.",
        docs=USER,
    )
    def end_customer_sessions(self, user_id: str, *, reason: str | None = None) -> Request[SessionsEnded]:
        """End all sessions of a customer.

        The vendor calls it ``deleteActiveSessions``.

        Args:
            user_id: The customer's ``user_id``.
            reason: Why.
        """
        return Request(query={"id": user_id, **given(reason=reason)}, answer=SessionsEnded)

    @call(
        "DELETE",
        f"{_CUSTOMERS}/session",
        items=_SESSIONS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        docs=USER,
    )
    def end_customer_session(
        self, session: SessionKey | SessionKeyDict, *, reason: str | None = None
    ) -> Request[SessionsEnded]:
        """End one session of a customer.

        The vendor calls it ``deleteSession``.

        Args:
            session: The customer's ``user_id``, as ``id``, and the session's own.
            reason: Why.
        """
        fields = {name: str(value) for name, value in _SESSIONS.mapping(session).items()}
        return Request(query={**fields, **given(reason=reason)}, answer=SessionsEnded)
