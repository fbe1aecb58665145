"""What people call the column of an identifier, by what the vendor calls the identifier.

The command and the first job file find columns by these names, which are written as `plain` leaves them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["OBVIOUS", "USER", "are_addresses", "other_than_ids"]

#: A user's own id.
USER = ("extid", "externalid", "userid", "customerid", "id")
_EMAIL = ("email", "emailaddress", "mail")
OBVIOUS: Mapping[str, tuple[str, ...]] = {
    "extid": USER,
    "identity": ("identity", *USER),
    "user": USER,
    "userid": USER,
    "customerid": USER,
    "useridentifiervalue": USER,
    "email": _EMAIL,
    "currentemail": ("currentemail", "oldemail"),
    "msisdn": ("msisdn", "phone", "phonenumber", "gsm"),
    "wpnumber": ("wpnumber", "whatsapp", "whatsappnumber", "phone", "phonenumber"),
    "devicetoken": ("devicetoken", "token"),
    "attributekey": ("attributekey", "attribute", "key"),
}

#: What columns of addresses and numbers are called, by what they are.
_CONTACTS = {
    **dict.fromkeys((*_EMAIL, "eposta", "epostaadresi"), "e-mail addresses"),
    **dict.fromkeys(
        ("msisdn", "phone", "phonenumber", "mobile", "mobilephone", "gsm", "telefon", "whatsapp"),
        "phone numbers",
    ),
}


def other_than_ids(column: str) -> str | None:
    """Return what the identifiers of a column are by its name, where they are no ids."""
    return _CONTACTS.get(re.sub("[^a-z0-9]", "", column.lower()))


def are_addresses(values: Iterable[object]) -> bool:
    """Return whether most of the values that there are look like e-mail addresses."""
    there = [value for value in values if value not in {None, ""}]
    return 2 * sum(isinstance(value, str) and "@" in value for value in there) > len(there)
