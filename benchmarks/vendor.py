"""A vendor of the benchmarks' own, written in the same grammar as the real ones.

Its quotas have no rate where speed is measured, so that the rate limiter is on the way and never waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import attrs

from netaudience.client import Client
from netaudience.errors import Misconfigured, Refused, Throttled, Unavailable, VendorError
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, assumed, per_second
from netaudience.model.retry_after import retry_after
from netaudience.model.rows import Rows
from netaudience.model.validators import identifier, json_object
from netaudience.model.wire import Request, Response, load_json, wire_name
from netaudience.operations.declare import batch, call
from netaudience.settings import Settings

__all__ = ["CHUNK", "IN_FLIGHT", "Device", "Record", "VendorClient", "blame"]

#: Items of a full request.
CHUNK = 1000
#: Requests at one time, for the hand-written loop and for ours.
IN_FLIGHT = 32

_WHY = "chosen for the benchmark"
_DOCS = "https://vendor.example/docs"
_FREE = Quota("free", in_flight=assumed(IN_FLIGHT, _WHY))
_UNKNOWN = Quota(
    "unknown",
    (per_second(assumed(10, _WHY)),),
    ceiling=assumed(200, _WHY),
    in_flight=assumed(IN_FLIGHT, _WHY),
)
_MANY = Limit(keys=assumed(CHUNK, _WHY), rows=assumed(CHUNK, _WHY), bytes=assumed(500_000, _WHY))
_ONE = Limit(rows=assumed(1, _WHY), bytes=assumed(500_000, _WHY))


@attrs.frozen
class Record:
    """A row with a key, as the real vendors have them."""

    ext_id: str = attrs.field(validator=identifier("ext id"), metadata=wire_name("extId"))
    profile: Mapping[str, object] = attrs.field(validator=json_object("profile"))


def blame(response: Response, ext_ids: Sequence[str]) -> ItemErrors:
    """Read which identifiers a success names as refused, as the real vendors name them."""
    body = load_json(response.body)
    named = body.get("refused") if isinstance(body, dict) else None
    if not isinstance(named, list):
        return NOTHING
    places = {ext_id: place for place, ext_id in enumerate(ext_ids)}
    words = "the identifier is malformed"
    return ItemErrors(
        refused={
            places[str(ext_id)]: Refused("Benchmark", response.status, code=2004, vendor_message=words)
            for ext_id in named
        }
    )


@attrs.frozen
class Device:
    """A typed answer, as the real vendors give them."""

    ext_id: str | None = attrs.field(default=None, metadata=wire_name("extId"))


class VendorClient(Client):
    """One account at a sink."""

    vendor: ClassVar[str] = "Benchmark"
    slug: ClassVar[str] = "benchmark"

    def __init__(
        self, base_url: str, *, account: str = "benchmark", settings: Settings | None = None
    ) -> None:
        super().__init__(base_url=base_url, account=account, settings=settings)
        self._key = account

    def headers(self) -> Mapping[str, str]:
        """Return a key's header, for the real ones have one."""
        return {"X-Api-Key": self._key}

    def classify(self, response: Response) -> VendorError | None:
        """Judge an answer of the sink."""
        status = response.status
        match status:
            case 200:
                return None
            case 429:
                return Throttled(self.vendor, status, retry_after=retry_after(response))
            case 503:
                return Unavailable(self.vendor, status, retry_after=retry_after(response))
            case 400:
                body = load_json(response.body)
                code = body.get("code") if isinstance(body, dict) else None
                return Refused(self.vendor, status, code=code)
            case _:
                return Misconfigured(self.vendor, status)

    @batch("POST", "/tag", items=Identifiers("ext id"), limit=_MANY, quota=_FREE, idempotent=True, docs=_DOCS)
    def tag(self, ext_ids: Sequence[str], *, tag: str = "Sport") -> Request[None]:
        """Send bare identifiers, a thousand in a request."""
        return Request(json={"tag": tag, "extIds": ext_ids})

    @batch(
        "POST",
        "/tag",
        items=Identifiers("ext id"),
        limit=_MANY,
        quota=_FREE,
        idempotent=True,
        blame=blame,
        docs=_DOCS,
    )
    def tag_named(self, ext_ids: Sequence[str], *, tag: str = "Sport") -> Request[None]:
        """Send bare identifiers, a thousand in a request; the answer names those that are refused."""
        return Request(json={"tag": tag, "extIds": ext_ids})

    @batch(
        "POST", "/tag", items=Identifiers("ext id"), limit=_MANY, quota=_FREE, idempotent=False, docs=_DOCS
    )
    def tag_once(self, ext_ids: Sequence[str], *, tag: str = "Sport") -> Request[None]:
        """Send bare identifiers, a thousand in a request, that must not be sent twice."""
        return Request(json={"tag": tag, "extIds": ext_ids})

    @batch(
        "POST",
        "/records",
        items=Rows(Record, key="ext_id"),
        limit=_MANY,
        quota=_FREE,
        idempotent=True,
        docs=_DOCS,
    )
    def write(self, records: Sequence[Record | dict[str, object]]) -> Request[None]:
        """Send records, a thousand in a request; those of one key keep their order."""
        return Request(json=records)

    @call(
        "POST",
        "/record",
        items=Rows(Record, key="ext_id"),
        limit=_ONE,
        quota=_FREE,
        idempotent=True,
        docs=_DOCS,
    )
    def write_one(self, record: Record | dict[str, object]) -> Request[None]:
        """Send one record in a request."""
        return Request(json=record)

    @call("POST", "/touch", items=Identifiers("ext id"), limit=_ONE, quota=_FREE, idempotent=True, docs=_DOCS)
    def touch(self, ext_id: str) -> Request[None]:
        """Send one identifier in a request."""
        return Request(json={"extId": ext_id})

    @call("GET", "/device", items=Identifiers("ext id"), limit=_ONE, quota=_FREE, docs=_DOCS)
    def look_up(self, ext_id: str) -> Request[Device]:
        """Read what is known of one identifier."""
        return Request(query={"extId": ext_id}, answer=Device)

    @call(
        "POST", "/touch", items=Identifiers("ext id"), limit=_ONE, quota=_UNKNOWN, idempotent=True, docs=_DOCS
    )
    def touch_at_unknown_rate(self, ext_id: str) -> Request[None]:
        """Send one identifier in a request, under a limit that nobody told us."""
        return Request(json={"extId": ext_id})
