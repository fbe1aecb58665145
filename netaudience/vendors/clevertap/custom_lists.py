"""CleverTap: segments of users by a file, in three requests: a signed address, the file, its completion.

The file goes to a host that is not CleverTap's own, and so without the account's headers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

from netaudience.errors import ConfigurationError, Unreadable
from netaudience.model.kinds import Identifiers
from netaudience.model.validators import email as email_rule
from netaudience.model.validators import text
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import query
from netaudience.operations.dispatch import Steps
from netaudience.vendors.clevertap.facts import CUSTOM_LIST, CUSTOM_LIST_PAGE
from netaudience.vendors.clevertap.models import CustomList, SignedAddress

_ADDRESS = "/get_custom_list_segment_url"
_COMPLETED = "/upload_custom_list_segment_completed"
#: As the file names what it identifies by. Reported.
_TYPES = {"identity": "i", "guid": "g"}
_MEMBERS = Identifiers("member")
_EMAIL = email_rule("email")
_REQUESTS = "Three requests, the file without our headers."
_VERDICT = "who is no profile and is left out, and a file that cannot be used"
_LATER = "How many were found is reported later: CleverTap writes to the e-mail address that was given."


class CustomLists:
    """The operations on custom lists."""

    @query(
        "POST",
        _COMPLETED,
        quota=CUSTOM_LIST,
        idempotent=False,
        timeout=600.0,
        note=f"A name that is there is refused. {_REQUESTS}",
        unsaid=_VERDICT,
        settles=_LATER,
        docs=CUSTOM_LIST_PAGE,
    )
    def create_custom_list(
        self,
        *,
        members: Sequence[str],
        name: str,
        email: str,
        creator: str,
        by: Literal["identity", "guid"] = "identity",
    ) -> Steps[CustomList]:
        """Make a segment of users who are profiles already.

        Not safe to repeat: where the last answer is lost, look for the name in the panel, or use
        `replace_custom_list`.

        Args:
            members: Your own identities of the users, or CleverTap's ids of them; held in memory as a whole.
            name: What the segment is called.
            email: Where to CleverTap writes how many were found.
            creator: Who made it, as the panel shows.
            by: Which of the two the members are.
        """
        return _uploaded(members, by, name=name, email=email, creator=creator, replace=False)

    @query(
        "POST",
        _COMPLETED,
        quota=CUSTOM_LIST,
        idempotent=True,
        destructive=True,
        timeout=600.0,
        note=f"Whoever is not in it is no member any more. {_REQUESTS}",
        unsaid=_VERDICT,
        settles=_LATER,
        docs=CUSTOM_LIST_PAGE,
    )
    def replace_custom_list(
        self,
        *,
        members: Sequence[str],
        name: str,
        email: str,
        creator: str,
        by: Literal["identity", "guid"] = "identity",
    ) -> Steps[CustomList]:
        """Replace all members of a segment, or make it.

        Args:
            members: Your own identities of the users, or CleverTap's ids of them; held in memory as a whole.
            name: What the segment is called.
            email: Where to CleverTap writes how many were found.
            creator: Who made it, as the panel shows.
            by: Which of the two the members are.
        """
        return _uploaded(members, by, name=name, email=email, creator=creator, replace=True)


def _uploaded(  # noqa: PLR0913 - what a list has
    members: Sequence[str], by: str, *, name: str, email: str, creator: str, replace: bool
) -> Steps[CustomList]:
    """Check what is given now, and return the three requests."""
    for what, value in (("name", name), ("creator", creator)):
        if problem := text(what).why_invalid(value):
            raise ConfigurationError(problem)
    if problem := _EMAIL.why_invalid(email):
        raise ConfigurationError(problem)
    if by not in _TYPES:
        raise ConfigurationError("by must be one of identity, guid, one at a time")
    if isinstance(members, str) or not members:
        raise ConfigurationError("members must be a list of at least one member")
    if broken := _MEMBERS.check(members):
        at, error = min(broken.items())
        raise ConfigurationError(f"Member {at} cannot be sent: {error}")
    file = _file(members, _TYPES[by])
    about: dict[str, JsonValue] = {"name": name, "email": email, "creator": creator, "replace": replace}
    return _steps(file, about)


def _steps(file: bytes, about: dict[str, JsonValue]) -> Steps[CustomList]:
    # An address may be asked for twice, and the file put there twice: without the last, nothing comes of it.
    address: SignedAddress = yield Request(route=_ADDRESS, answer=SignedAddress, repeatable=True)
    if not address.url:
        raise Unreadable("CleverTap", 200, remedy="The answer holds no signed address: ask CleverTap why")
    yield Request(
        method="PUT",
        foreign_url=address.url,
        content=file,
        headers={"Content-Type": "text/csv"},
        repeatable=True,
    )
    taken: CustomList = yield Request(
        json={**about, "filename": "netaudience.csv", "url": address.url}, answer=CustomList
    )
    return taken


def _file(members: Sequence[str], kind: str) -> bytes:
    """Write each member once, in the form that is reported: a header, and a type with each."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(["Type", "Identity"])
    rows.writerows([kind, member] for member in dict.fromkeys(members))
    return written.getvalue().encode()
