"""What a user may set differently from our defaults, and what each of these may be."""

from __future__ import annotations

import math
import ssl
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from netaudience.engine.retry import RetryPolicy
from netaudience.engine.shared_quota import SharedQuotas
from netaudience.engine.transport import check_proxy
from netaudience.errors import ConfigurationError

if TYPE_CHECKING:
    from netaudience.events import Hook


def _positive(_settings: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - two types
    if value is not None and not 0 < value < math.inf:
        raise ConfigurationError(f"{attribute.name} must be a number of more than 0, not {value:g}")


def _proxy(_settings: object, _attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_proxy(value)


def _share(_settings: object, attribute: attrs.Attribute[float | None], value: float | None) -> None:
    if value is not None and not 0 <= value < 1:
        raise ConfigurationError(
            f"{attribute.name} is a share of the quota: at least 0 and less than 1, not {value:g}"
        )


def _named(_settings: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None and not value.strip():
        raise ConfigurationError(f"{attribute.name} is a name that is not empty, such as shop-tr")


OddIdentifiers: TypeAlias = Literal["reject", "send"]


def _reject_or_send(
    _settings: object, attribute: attrs.Attribute[OddIdentifiers], value: OddIdentifiers
) -> None:
    if value not in {"reject", "send"}:
        raise ConfigurationError(f"{attribute.name} is either reject or send")


@attrs.frozen(kw_only=True)
class Settings:
    """What may be set differently from our defaults; None keeps the operation's own figure."""

    #: Requests per second of the account (records, where the vendor counts those), fixed: it replaces a
    #: documented and an adaptive rate alike. Of one that is no whole number only the whole requests are used,
    #: so that shares of a rate never make more than all of it; one below 1 has longer gaps.
    rate: float | None = attrs.field(default=None, validator=_positive)
    #: Requests at one time.
    in_flight: int | None = attrs.field(default=None, validator=_positive)
    #: Rows per request; never more than the vendor documents.
    max_rows: int | None = attrs.field(default=None, validator=_positive)
    #: Bytes of a request's body.
    max_bytes: int | None = attrs.field(default=None, validator=_positive)
    #: Seconds for one exchange with the vendor; 30 where the operation has no figure of its own.
    timeout: float | None = attrs.field(default=None, validator=_positive)
    #: The longest answer that is read, in bytes; 16,000,000 where the operation has no figure of its own.
    max_answer_bytes: int | None = attrs.field(default=None, validator=_positive)
    #: How patient a request is.
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    #: Seconds that a call, one page, or a whole run may take from the moment it is awaited, all waits
    #: included: what cannot leave in time is not sent. None for as long as it takes.
    deadline: float | None = attrs.field(default=None, validator=_positive)
    #: The share of the quota, at least 0 and less than 1, that bulk runs leave free for single calls and for
    #: runs that fit in one request. All clients of an account must give the same. None is 0, or
    #: 0.1 where `quotas` is set.
    reserve: float | None = attrs.field(default=None, validator=_share)
    #: Where all processes that use the account keep what they take of its limits, such as
    #: `netaudience.quotas.SqliteQuotas`; None where this event loop is alone.
    quotas: SharedQuotas | None = None
    #: A name for the account, in place of its key: two keys of one account share its limits then.
    account: str | None = attrs.field(default=None, validator=_named)
    #: Whether a source may give no item at all.
    allow_empty: bool = False
    #: Whether identifiers that can hardly be meant, such as NULL, 1.00E+09 or one with a blank at an end, and
    #: what is plainly no e-mail address or phone number, are rejected or sent for the vendor to judge.
    odd_identifiers: OddIdentifiers = attrs.field(default="reject", validator=_reject_or_send)
    #: Whether proxies are taken from ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.
    trust_env: bool = False
    #: Whether a base URL that begins with ``http://`` may have a public host, where the key can be read on
    #: the way. ``NETAUDIENCE_PLAIN_HTTP=true`` says so as well, to a client from the environment.
    plain_http: bool = False
    #: The proxy of all requests, as ``http://user:password@host:port``. It is shown nowhere.
    proxy: str | None = attrs.field(default=None, validator=_proxy, repr=False)
    #: Whom to trust and what certificate to show, where the system's authorities are not enough.
    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    #: Called with an event for every request that is over and every pause.
    on_event: Hook | None = attrs.field(default=None, repr=False, eq=False)
