"""Reading Iterable's bodies, and refusing them in Iterable's words.

What has the wrong type is gathered by its path, because the vendor names all of it in one answer
that fails the whole body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from netaudience.sandbox.iterable.provenance import MAX_USER_ID
from netaudience.sandbox.protocol import Call, Json, decode
from netaudience.sandbox.responses import Answer, Refused, json_answer

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def envelope(status: int, code: str, message: str, params: Mapping[str, object] | None = None) -> Answer:
    """Iterable's answer to everything that is no read and no bulk call."""
    return json_answer({"code": code, "msg": message, "params": params}, status)


def refusal(
    code: str, message: str, status: int = 400, params: Mapping[str, object] | None = None
) -> Refused:
    """A failure in Iterable's envelope."""
    return Refused(envelope(status, code, message, params))


def invalid_email(email: str) -> Refused:
    """A malformed e-mail, which the vendor repeats in its message."""
    return refusal("InvalidEmailAddressError", f"Invalid email: {email}")


def is_email(text: str) -> bool:
    """Whether Iterable takes it as an e-mail."""
    return _EMAIL.fullmatch(text) is not None


def is_user_id(text: str) -> bool:
    """Whether Iterable takes it as a userId."""
    return 0 < len(text) <= MAX_USER_ID and text.isascii() and text.isprintable() and not text.endswith(" ")


@attrs.frozen
class Identity:
    """The identifiers of one user as a body gave them."""

    email: str | None = attrs.field(default=None, repr=False)
    user_id: str | None = attrs.field(default=None, repr=False)

    @property
    def folded(self) -> str | None:
        """The e-mail as it is compared."""
        return None if self.email is None else self.email.lower()

    @property
    def malformed(self) -> str | None:
        """The name of the first identifier that is malformed."""
        if self.email is not None and not is_email(self.email):
            return "email"
        if self.user_id is not None and not is_user_id(self.user_id):
            return "userId"
        return None


@attrs.define
class _Body:
    """One body on its way in: where it goes, and what in it has the wrong type."""

    call: Call
    endpoint: str
    #: Refuse it as the vendor once did: with its headers and all of it in the message.
    legacy: bool
    #: Wanted types by path.
    problems: dict[str, str] = attrs.field(factory=dict[str, str])

    def refused(self) -> Refused:
        """The refusal of the whole body."""
        if not self.legacy:
            problems: dict[str, object] | None = {
                path: f"{wanted} value expected" for path, wanted in self.problems.items()
            }
            return refusal("BadJsonBody", f"[{self.endpoint}] Invalid JSON body", params=problems or None)
        headers = ", ".join(f"({name},{value})" for name, value in self.call.headers.items())
        body = self.call.body.decode(errors="replace")
        message = f"[{self.endpoint}] body: {body}, hdrs: List({headers})"
        old = {
            path: [{"msg": [f"error.expected.js{wanted.lower()}"], "args": []}]
            for path, wanted in self.problems.items()
        }
        return refusal("BadJsonBody", message, params=old)


class Fields:
    """One JSON object of a body; `finish` refuses the body if any field had the wrong type."""

    def __init__(self, row: Mapping[str, Json], path: str, body: _Body) -> None:
        self._row = row
        self._path = path
        self._body = body

    @classmethod
    def of(cls, call: Call, endpoint: str, *, legacy: bool) -> Fields:
        """The body of a call; anything but an object is refused at once."""
        body = _Body(call, endpoint, legacy)
        try:
            document = decode(call.body)
        except ValueError:
            raise body.refused() from None
        if not isinstance(document, dict):
            body.problems["obj"] = "Object"
            raise body.refused()
        return cls(document, "obj", body)

    def finish(self) -> None:
        """Refuse the whole body for the fields that were read and had the wrong type."""
        if self._body.problems:
            raise self._body.refused()

    def wanted(self, name: str) -> str:
        """A text that must be there; empty where it is not, which `finish` tells."""
        value = self._row.get(name)
        if isinstance(value, str):
            return value
        self._problem(name, "String")
        return ""

    def text(self, name: str) -> str | None:
        """A text."""
        value = self._row.get(name)
        if value is None or isinstance(value, str):
            return value
        self._problem(name, "String")
        return None

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        value = self._row.get(name)
        if value is None or isinstance(value, bool):
            return value
        self._problem(name, "Boolean")
        return None

    def whole(self, name: str, *, required: bool = False) -> int | None:
        """A whole number."""
        value = self._row.get(name)
        if (value is None and not required) or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self._problem(name, "Number")
        return None

    def numbers(self, name: str) -> list[int] | None:
        """A list of whole numbers."""
        value = self._row.get(name)
        if value is None:
            return None
        items = value if isinstance(value, list) else [None]
        found = [item for item in items if isinstance(item, int) and not isinstance(item, bool)]
        if len(found) < len(items):
            self._problem(name, "Array")
        return found

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty where it is left out."""
        value = self._row.get(name)
        found = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        if value is not None and (not isinstance(value, list) or len(found) < len(value)):
            self._problem(name, "Array")
        return found

    def mapping(self, name: str) -> dict[str, Json]:
        """An object as it is; empty where it is left out."""
        value = self._row.get(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self._problem(name, "Object")
        return {}

    def inner(self, name: str) -> Fields:
        """An object that must be there, to be read field by field."""
        value = self._row.get(name)
        if not isinstance(value, dict):
            self._problem(name, "Object")
            # Its own fields are not missing: they have no place to be.
            return Fields(
                {}, f"{self._path}.{name}", _Body(self._body.call, self._body.endpoint, legacy=False)
            )
        return Fields(value, f"{self._path}.{name}", self._body)

    def rows(self, name: str) -> list[Fields]:
        """A list of objects that must be there."""
        value = self._row.get(name)
        if not isinstance(value, list):
            self._problem(name, "Array")
            return []
        found: list[Fields] = []
        for number, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Fields(item, f"{self._path}.{name}[{number}]", self._body))
            else:
                self._problem(f"{name}[{number}]", "Object")
        return found

    def identity(self) -> Identity:
        """The identifiers; there may be none."""
        return Identity(self.text("email"), self.text("userId"))

    def _problem(self, name: str, wanted: str) -> None:
        self._body.problems[f"{self._path}.{name}"] = wanted


def need(identity: Identity) -> Identity:
    """Refuse a user without any identifier."""
    if identity.email is None and identity.user_id is None:
        raise refusal("BadParams", "An email or a userId is required")
    return identity


def need_well_formed(identity: Identity) -> Identity:
    """Refuse identifiers that Iterable does not take."""
    if identity.malformed == "email":
        raise invalid_email(identity.email or "")
    if identity.malformed == "userId":
        raise refusal("InvalidUserIdError", f"Invalid userId: {identity.user_id}")
    return identity
