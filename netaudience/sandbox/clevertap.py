"""CleverTap's demerge page as a server: one list of identities, taken or refused whole.

It refuses what the documents refuse and says which answers they leave open; an accepted identity is
remembered at once, while the vendor works at night.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from multidict import CIMultiDictProxy

from netaudience.sandbox.answers import Answer, Refused, json_answer, reason
from netaudience.sandbox.words import (
    Call,
    Change,
    Json,
    Operation,
    Rule,
    SandboxLimits,
    SandboxUsageError,
    decode,
)

DEMERGE_PAGE = "https://developer.clevertap.com/docs/demerge-user-profile-api"
LIMITS_PAGE = "https://developer.clevertap.com/docs/api-request-limit"
ERRORS_PAGE = "https://developer.clevertap.com/docs/api-errors"
HEADERS_PAGE = "https://developer.clevertap.com/docs/common-api-components"
DEMERGE_PATH = "/1/demerge/profiles.json"
MAX_IDENTITIES = 100

RULES = (
    Rule(
        "X-CleverTap-Account-Id and X-CleverTap-Passcode are required on every call.",
        "documented",
        HEADERS_PAGE,
    ),
    Rule("Wrong credentials answer HTTP 401.", "documented", ERRORS_PAGE),
    Rule(
        'The body of a 401 is {"status":"fail","error":"Invalid Credentials","code":401}.',
        "reported",
        "https://github.com/rudderlabs/rudder-transformer",
    ),
    Rule("Missing credentials answer as wrong ones do.", "assumed", ERRORS_PAGE),
    Rule(f"At most {MAX_IDENTITIES} identities stand in one request.", "documented", DEMERGE_PAGE),
    Rule(
        "More than 100 identities answer HTTP 400 with a fail body.",
        "assumed",
        DEMERGE_PAGE,
    ),
    Rule("An empty or missing list answers HTTP 400 with a fail body.", "assumed", DEMERGE_PAGE),
    Rule(
        "A text instead of a list, or an entry that is no text, answers HTTP 400 with a fail body.",
        "assumed",
        DEMERGE_PAGE,
    ),
    Rule(
        'A body that is not JSON answers 400 {"status":"fail","error":"Malformed request",...}.',
        "reported",
        "https://github.com/ankit-arora/clevertap-data-upload",
    ),
    Rule(
        'Success is HTTP 200 {"status":"success"}, without a word per identity.',
        "documented",
        DEMERGE_PAGE,
    ),
    Rule("Unknown and repeated identities are taken like any other.", "assumed", DEMERGE_PAGE),
    Rule("At most 3 requests per account and API are in flight.", "documented", LIMITS_PAGE),
    Rule("Above the limit: HTTP 429, Too many concurrent requests.", "documented", LIMITS_PAGE),
    Rule("The body of a 429 has the shape of other failures.", "assumed", ERRORS_PAGE),
    Rule(
        "A whole request may be refused with HTTP 200 and a fail body (fault fail-200).",
        "reported",
        "https://github.com/rudderlabs/rudder-transformer",
    ),
    Rule("The code inside a fail body of HTTP 200 is 400 here.", "assumed", ERRORS_PAGE),
)


class CleverTap:
    """CleverTap's state and the one operation that is served."""

    name = "clevertap"
    rules = RULES
    limits = SandboxLimits(in_flight=3)
    limits_per_operation = True

    def __init__(self, passcodes: Mapping[str, str]) -> None:
        self._passcodes = passcodes
        #: Identities whose demerge was accepted.
        self.demerged: set[str] = set()
        self.operations = (Operation("demerge", "POST", DEMERGE_PATH, self._demerge),)

    def account(self, headers: CIMultiDictProxy[str]) -> str:
        """The account id, if the passcode is its own."""
        account = headers.get("X-CleverTap-Account-Id", "")
        passcode = headers.get("X-CleverTap-Passcode", "")
        expected = self._passcodes.get(account)
        if expected is None or not compare_digest(passcode.encode(), expected.encode()):
            raise Refused(_fail(401, "Invalid Credentials"))
        return account

    def throttled(self) -> Answer:
        """The documented text in the shape of other failures."""
        return _fail(429, "Too many concurrent requests")

    def poisoned(self) -> Answer:
        """A 400 that concerns the whole list."""
        return _fail(400, "Request refused because of one of its identities")

    def failure(self, status: int, code: int | None) -> Answer:
        """The vendor's fail shape."""
        return _fail(status, reason(status), code)

    def failure_in_200(self) -> Answer:
        """A fail body under HTTP 200."""
        return _fail(200, "Request refused", 400)

    def reset(self) -> None:
        """Forget everything."""
        self.demerged.clear()

    def seed(self, document: Json) -> None:
        """Add accepted identities from JSON."""
        identities = document.get("demerged") if isinstance(document, dict) else None
        if not isinstance(identities, list):
            raise SandboxUsageError('CleverTap is seeded with {"demerged": ["identity", ...]}.')
        self.demerged.update(str(identity) for identity in identities)

    def demo(self) -> None:
        """Add nothing: CleverTap's side of a demerge has no state worth exploring beforehand."""

    def counts(self) -> Mapping[str, int]:
        """How many identities were accepted."""
        return {"demerged": len(self.demerged)}

    def look(self, collection: str, key: str) -> object:
        """One accepted identity."""
        if collection == "demerged" and key in self.demerged:
            return {"identity": key, "demerge": "accepted"}
        return None

    def _demerge(self, call: Call) -> Change:
        try:
            document = decode(call.body)
        except ValueError:
            raise Refused(_fail(400, "Malformed request")) from None
        identities = document.get("identities") if isinstance(document, dict) else None
        if not isinstance(identities, list) or not identities:
            raise Refused(_fail(400, "identities must be a list with at least one identity"))
        if len(identities) > MAX_IDENTITIES:
            raise Refused(_fail(400, f"A maximum of {MAX_IDENTITIES} identities are allowed"))
        keys = [identity for identity in identities if isinstance(identity, str) and identity]
        if len(keys) < len(identities):
            raise Refused(_fail(400, "Every identity must be a text"))

        def apply() -> Answer:
            self.demerged.update(keys)
            return json_answer({"status": "success"})

        return Change(keys, apply)


def _fail(status: int, error: str, code: int | None = None) -> Answer:
    body = {"status": "fail", "error": error, "code": status if code is None else code}
    return json_answer(body, status)
