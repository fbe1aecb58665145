"""Fynd's OAuth tokens: issued to a client, good for one company, ended by the clock or by `revoke`.

It serves the client_credentials grant and no other, and keeps no secret beyond those it was given.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import parse_qsl

from netaudience.sandbox.fynd.provenance import TOKEN_LIFETIME
from netaudience.sandbox.fynd.requests import record, refusal
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, json_answer


class Tokens:
    """The tokens of one sandbox."""

    def __init__(self, clients: Mapping[str, str]) -> None:
        self._clients = clients
        #: Seconds that a new token lives.
        self.lifetime = TOKEN_LIFETIME
        #: Tokens issued since the sandbox was made.
        self.issued = 0
        #: Company and end on the sandbox's clock, by token.
        self._known: dict[str, tuple[str, float]] = {}

    def revoke(self) -> None:
        """End all tokens."""
        self._known.clear()

    def check(self, call: Call) -> None:
        """Raise `Refused` unless the call carries a token that is good now."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        company, end = self._known.get(token.strip(), ("", 0.0))
        if scheme.lower() != "bearer" or company != call.path["company_id"] or end <= call.now:
            raise refusal(401, "The access token is missing, unknown or expired")

    def issue(self, call: Call) -> Change:
        """Give a client a token."""
        client_id, secret = _basic(call.headers.get("Authorization", ""))
        expected = self._clients.get(client_id)
        if expected is None or not compare_digest(secret.encode(), expected.encode()):
            raise refusal(401, "The client is unknown or its secret is wrong")
        if _parameters(call).get("grant_type") != "client_credentials":
            raise refusal(400, "grant_type must be client_credentials")

        def apply() -> Answer:
            self.issued += 1
            token = f"sandbox-token-{self.issued}"
            self._known[token] = (call.path["company_id"], call.now + self.lifetime)
            return json_answer({"access_token": token, "expires_in": int(self.lifetime)})

        return Change([], apply)


def _basic(header: str) -> tuple[str, str]:
    """Client id and secret of a Basic header; two empty texts for any other header."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        return "", ""
    client_id, _, secret = decoded.partition(":")
    return client_id, secret


def _parameters(call: Call) -> Mapping[str, Json]:
    """The parameters of a form or of a JSON object."""
    content_type = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(call.body.decode("utf-8", "replace")))
    return record(call)
