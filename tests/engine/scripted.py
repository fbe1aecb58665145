"""A vendor in virtual time: counts its limits strictly, applies in order, and fails as it is told."""

import asyncio
import json
import random
from collections import Counter, defaultdict, deque

from netaudience import Settings
from netaudience.client import Client
from netaudience.engine.retry import retry_after
from netaudience.errors import (
    AnswerLost,
    ConnectionFailed,
    Refused,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from netaudience.items import Identifiers
from netaudience.limits import Limit, Quota, assumed
from netaudience.operations import batch, call
from netaudience.wire import Request, Response

FAULTS = ("ok", "429", "429 later", "503", "500", "no connection", "lost before", "lost after")


class ScriptedVendor:
    """A `Transport` that is a whole vendor."""

    def __init__(
        self,
        *,
        faults=(),
        rate=None,
        per=1.0,
        in_flight=10**9,
        most_rows=10**9,
        most_keys=10**9,
        most_bytes=10**9,
        poison=(),
        unauthorized_after=None,
        latency=0.05,
        jitter=0.0,
        seed=0,
    ):
        self.faults = deque(faults)
        self.rate, self.per, self.most_in_flight = rate, per, in_flight
        self.most_rows, self.most_keys, self.most_bytes = most_rows, most_keys, most_bytes
        self.poison = set(poison)
        self.unauthorized_after = unauthorized_after
        self.latency, self.jitter, self.random = latency, jitter, random.Random(seed)
        self.arrivals = []
        self.throttled_at = []
        self.in_flight = 0
        self.keys_in_flight = Counter()
        self.applied = Counter()  # by (key, value)
        self.order = defaultdict(list)  # key: values as they were applied
        self.broken = []

    @property
    def requests(self):
        return len(self.arrivals)

    async def aclose(self):
        pass

    async def send(self, request):
        loop = asyncio.get_running_loop()
        fault = self.faults.popleft() if self.faults else "ok"
        if fault == "no connection":
            await asyncio.sleep(self._way())
            raise ConnectionFailed("No connection could be made")
        rows = [
            row if isinstance(row, dict) else {"key": row, "value": 0}
            for row in json.loads(request.body)["rows"]
        ]
        keys = {row["key"] for row in rows}
        self._check_request(request, rows, keys)
        self.in_flight += 1
        self.keys_in_flight.update(keys)
        if self.in_flight > self.most_in_flight:
            self.broken.append(f"{self.in_flight} requests in flight")
        if self.ordered and any(count > 1 for count in self.keys_in_flight.values()):
            self.broken.append("one key in flight in two requests")
        try:
            await asyncio.sleep(self._way())
            over = self._arrive(loop.time())
            answer = self._answer(fault, rows, keys, over=over)
            await asyncio.sleep(self._way())
        finally:
            self.in_flight -= 1
            self.keys_in_flight.subtract(keys)
        if answer is None:
            raise AnswerLost("The request went out and no answer came back")
        return answer

    ordered = False

    def _way(self):
        return self.latency / 2 + self.random.uniform(0, self.jitter)

    def _check_request(self, request, rows, keys):
        if len(rows) > self.most_rows:
            self.broken.append(f"{len(rows)} rows in a request")
        if len(keys) > self.most_keys:
            self.broken.append(f"{len(keys)} keys in a request")
        if len(request.body) > self.most_bytes:
            self.broken.append(f"{len(request.body)} bytes in a request")

    def _arrive(self, now):
        self.arrivals.append(now)
        if self.rate is None:
            return False
        window = [then for then in self.arrivals if now - then < self.per - 1e-9]
        if len(window) > self.rate:
            self.broken.append(f"{len(window)} requests in {self.per} s")
        return len(window) > self.rate

    def _answer(self, fault, rows, keys, *, over):
        now = asyncio.get_running_loop().time()
        if self.unauthorized_after is not None and self.requests > self.unauthorized_after:
            return Response(401, {}, b"")
        if over or fault == "429":
            self.throttled_at.append(now)
            return Response(429, {}, b"")
        if fault == "429 later":
            self.throttled_at.append(now)
            return Response(429, {"Retry-After": "2"}, b"")
        if fault == "503":
            return Response(503, {}, b"")
        if fault == "500":
            if self.random.random() < 0.5:
                self._apply(rows)
            return Response(500, {}, b"")
        if fault == "lost before":
            return None
        if keys & self.poison:
            return Response(400, {}, b"poison")
        self._apply(rows)
        return None if fault == "lost after" else Response(200, {}, b"")

    def _apply(self, rows):
        if {row["key"] for row in rows} & self.poison:
            return
        for row in rows:
            self.applied[row["key"], row["value"]] += 1
            self.order[row["key"]].append(row["value"])


class KeyedRows:
    """Rows ``{"key": …, "value": …}``, whose order matters."""

    noun = "key"
    ordered = True

    def check(self, page, /):
        return {}

    def keys(self, page, /):
        return [row["key"] for row in page]

    def key(self, item, /):
        return item["key"]


def make_client(
    vendor, *, limit=None, quota=None, idempotent=True, ordered=False, settings=None, account="a"
):
    """A client of one batch operation ``put`` and one call ``one``, with these facts."""
    limit = limit or Limit(rows=assumed(10, "test"))
    quota = quota or Quota("test", in_flight=assumed(4, "test"))
    items = KeyedRows() if ordered else Identifiers("key")
    vendor.ordered = ordered
    facts = {
        "items": items,
        "limit": limit,
        "quota": quota,
        "idempotent": idempotent,
        "docs": "https://example.com",
    }

    class ScriptedClient(Client):
        vendor = "Scripted"
        slug = "scripted"

        def headers(self):
            return {}

        def classify(self, response):
            words = response.body.decode()
            match response.status:
                case 200:
                    return None
                case 401:
                    return Unauthorized("Scripted", 401, words=words)
                case 413:
                    return TooLarge("Scripted", 413, words=words)
                case 429:
                    return Throttled("Scripted", 429, words=words, retry_after=retry_after(response))
                case 503:
                    return Unavailable("Scripted", 503, words=words)
                case 500:
                    return Unavailable("Scripted", 500, words=words, may_have_happened=True)
                case status:
                    return Refused("Scripted", status, words=words)

        @batch("POST", "/put", **facts)
        def put(self, rows) -> Request[None]:
            return Request(json={"rows": rows})

        @call("POST", "/one", **facts)
        def one(self, row) -> Request[None]:
            return Request(json={"rows": [row]})

    return ScriptedClient(
        base_url="https://vendor.example", account=account, transport=vendor, settings=settings or Settings()
    )
