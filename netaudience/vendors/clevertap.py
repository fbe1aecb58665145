"""CleverTap: the demerge of user profiles, and how its answers are judged.

Facts only. CleverTap limits requests in flight per account and API, not requests per time; a failure may
come under HTTP 200; a demerge is *accepted* and done in the account's night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Literal, Self, TypeAlias, cast, get_args

from netaudience.client import Client, Settings, secret
from netaudience.engine.transport import Transport
from netaudience.environment import optional, required
from netaudience.errors import ConfigurationError, VendorError
from netaudience.items import Identifiers
from netaudience.judging import by_status, plain_words, unreadable
from netaudience.limits import Limit, Quota, assumed, documented
from netaudience.operations import Operation, batch
from netaudience.wire import Request, Response, load_json

__all__ = ["CleverTapClient", "Region"]

DOCS = "https://developer.clevertap.com/docs/demerge-user-profile-api"
LIMITS = "https://developer.clevertap.com/docs/api-request-limit"

Region: TypeAlias = Literal["eu", "in1", "sg1", "us1", "aps3", "mec1"]
"""Where an account is kept. Source: https://developer.clevertap.com/docs/common-api-components"""

_HOSTS: Mapping[str, str] = {
    "eu": "https://api.clevertap.com",
    **{region: f"https://{region}.api.clevertap.com" for region in get_args(Region) if region != "eu"},
}

#: "A maximum of 100 identities are allowed in one request."
IDENTITIES = Limit(
    keys=documented(100, DOCS),
    rows=documented(100, DOCS),
    bytes=assumed(1_000_000, "no figure is documented"),
)
#: Three in flight are documented; one is left to others, for all partners of an account share them.
DEMERGE = Quota(
    "clevertap demerge",
    in_flight=assumed(2, f"one less than the 3 that are documented at {LIMITS}, shared by all partners"),
)
#: After this many seconds the sending again of a lost demerge is no longer "prompt".
_PROMPT = 300.0
#: The hours of the account's night in which demerges are worked off.
_NIGHT = (4, 7)


class CleverTapClient(Client):
    """One CleverTap account.

    Args:
        account_id: The project id.
        passcode: A passcode of the account.
        region: Where the account is kept; there is no default, for valid credentials get a 401
            from every other region.
        base_url: A host of your own in place of the region's.
        account_time_zone: The account's time zone, such as ``Europe/Istanbul``. With it, a demerge whose
            answer is lost is sent again at once outside the account's night; without it, such items
            are in doubt.
        settings: What to do differently from the defaults.
        transport: Sends the requests instead of aiohttp.

    Raises:
        ConfigurationError: a credential, the region, the time zone or the base URL is wrong.
    """

    vendor: ClassVar[str] = "CleverTap"
    slug: ClassVar[str] = "clevertap"

    def __init__(  # noqa: PLR0913 - what a vendor needs
        self,
        account_id: str,
        passcode: str,
        *,
        region: Region | None = None,
        base_url: str | None = None,
        account_time_zone: str | tzinfo | None = None,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if (region is None) == (base_url is None):
            raise ConfigurationError(
                "CleverTap needs either a region or a base_url, one of the two: the region is in the "
                f"dashboard's address; it is one of {', '.join(_HOSTS)}"
            )
        if region is not None and region not in _HOSTS:
            raise ConfigurationError(
                f"CleverTap has no region of that name: it is one of {', '.join(_HOSTS)}"
            )
        self._headers = {
            "X-CleverTap-Account-Id": secret(account_id, "CleverTap account id"),
            "X-CleverTap-Passcode": secret(passcode, "CleverTap passcode"),
        }
        self._zone = _zone(account_time_zone)
        super().__init__(
            base_url=base_url or _HOSTS[cast("str", region)],
            account=account_id,
            settings=settings,
            transport=transport,
        )

    @classmethod
    def from_environment(
        cls, *, settings: Settings | None = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make a client from ``NETAUDIENCE_CLEVERTAP_…``.

        The names are ``ACCOUNT_ID``, ``PASSCODE``, ``REGION`` or ``BASE_URL``, and ``TIME_ZONE``.
        """
        return cls(
            required(cls.slug, "account_id", "the CleverTap project id", environ),
            required(cls.slug, "passcode", "a passcode of the CleverTap account", environ),
            region=cast("Region | None", optional(cls.slug, "region", environ)),
            base_url=optional(cls.slug, "base_url", environ),
            account_time_zone=optional(cls.slug, "time_zone", environ),
            settings=settings,
        )

    def headers(self) -> Mapping[str, str]:
        """Return the account's headers. Source: the page of common components."""
        return self._headers

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer; see `classify`."""
        return classify(response)

    def may_repeat(self, operation: Operation, seconds: float) -> bool:
        """Return whether a demerge whose answer is lost may be sent again.

        Repeated within the same day it does no harm; repeated after the night in which it was worked
        off, and after a new login, it would strip the fresh identity.
        """
        if operation.facts.idempotent:
            return True
        if self._zone is None or seconds > _PROMPT:
            return False
        now = datetime.now(self._zone)
        return not any(
            _NIGHT[0] <= moment.hour < _NIGHT[1]
            for moment in (now - timedelta(seconds=seconds), now, now + timedelta(seconds=_PROMPT))
        )

    @batch(
        "POST",
        "/1/demerge/profiles.json",
        items=Identifiers("identity"),
        limit=IDENTITIES,
        quota=DEMERGE,
        idempotent=False,
        divisible=True,
        note="Taken now and worked off in the account's night; event data may be lost.",
        docs=DOCS,
    )
    def demerge(self, identities: Sequence[str]) -> Request[None]:
        """Split user profiles into one per device, without identity or e-mail address.

        Args:
            identities: Your own identities of the users.
        """
        return Request(json={"identities": identities})


def _zone(zone: str | tzinfo | None) -> tzinfo | None:
    if not isinstance(zone, str):
        return zone
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - costs a program's start

    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            "The account's time zone is not known: give a name such as Europe/Istanbul"
        ) from error


_REGION = (
    "Look at account id and passcode, and at the region: valid credentials get this answer "
    "from every region but their own"
)


def classify(response: Response) -> VendorError | None:
    """Judge an answer of CleverTap: None for a success, else what to do next.

    The body is read whatever the status is: failures come under HTTP 200 too.
    Source: https://developer.clevertap.com/docs/api-errors
    """
    status = response.status
    told, code, words = _told(response)
    if 200 <= status < 300:
        if told == "success" or (status in _EMPTY_SUCCESS and not response.body):
            return None
        if told == "fail":
            return _failed(response, code, words, meant=code if code in _STATUSES else 400)
        what = f"Neither success nor fail was told, but {response.content_type or 'nothing'}"
        return unreadable("CleverTap", response, what, words=words)
    return _failed(response, code, words)


#: Statuses that a failure's body may give while its HTTP status is 200. The codes of single records, 509
#: to 535, look like statuses of an outage and are none; 555 is the one that is.
_STATUSES = frozenset({*range(400, 500), 500, 502, 503, 504, 555})
_EMPTY_SUCCESS = frozenset({201, 202, 204})


def _failed(response: Response, code: int | None, words: str, *, meant: int | None = None) -> VendorError:
    told = None if code == response.status else code
    return by_status("CleverTap", response, code=told, words=words, meant=meant, remedies={401: _REGION})


def _told(response: Response) -> tuple[str | None, int | None, str]:
    """Read status, code and words out of the body, whatever it is."""
    if response.truncated:
        return None, None, ""
    try:
        body = load_json(response.body)
    except ValueError:
        return None, None, plain_words(response)
    if not isinstance(body, Mapping):
        return None, None, ""
    status, code, words = body.get("status"), body.get("code"), body.get("error")
    return (
        status if isinstance(status, str) else None,
        code if isinstance(code, int) else None,
        words if isinstance(words, str) else "",
    )
