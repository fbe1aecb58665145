"""What people call the column of an identifier, by what the vendor calls the identifier.

The command and the first job file find columns by these names, which are written as `plain` leaves them.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["OBVIOUS", "USER"]

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
