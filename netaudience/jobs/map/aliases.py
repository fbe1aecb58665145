"""What people call the column of an identifier, by what the vendor calls the identifier.

The command and the first job file find columns by these names, which are written as `plain` leaves them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from netaudience.model.verb_facts import Identity

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

#: What people call the columns of who is meant, in exports of any tool and in Turkish ones.
_PEOPLE: Mapping[str, Identity] = {
    **dict.fromkeys((*USER, "musterino", "musteriid", "uyeno", "uyeid", "kullaniciid", "kullanicino"), "id"),
    **dict.fromkeys((*_EMAIL, "eposta", "epostaadresi"), "email"),
    **dict.fromkeys(
        (
            *OBVIOUS["msisdn"],
            *("mobile", "mobilephone", "whatsapp"),
            *("telefon", "telefonno", "telefonnumarasi", "ceptelefonu", "cep", "cepno"),
        ),
        "phone",
    ),
}
_CONTACTS = {"email": "e-mail addresses", "phone": "phone numbers"}


def called(column: str) -> Identity | None:
    """Return what a column says of people by its name, if its name tells that."""
    letters = unicodedata.normalize("NFKD", column.lower().replace("\u0131", "i"))
    return _PEOPLE.get(re.sub("[^a-z0-9]", "", letters))


def other_than_ids(column: str) -> str | None:
    """Return what the identifiers of a column are by its name, where they are no ids."""
    return _CONTACTS.get(called(column) or "")


def are_addresses(values: Iterable[object]) -> bool:
    """Return whether most of the values that there are look like e-mail addresses."""
    there = [value for value in values if value not in {None, ""}]
    return 2 * sum(isinstance(value, str) and "@" in value for value in there) > len(there)
