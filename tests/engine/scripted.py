"""A vendor in virtual time: counts its limits strictly, applies in order, and fails as it is told."""

import asyncio
import json
import random
from collections import Counter, defaultdict, deque

from netaudience import Settings
from netaudience.client import Client
from netaudience.errors import (
    AnswerLost,
    ConnectionFailed,
    InvalidItem,
    Refused,
    ServerFault,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, assumed
from netaudience.model.retry_after import retry_after
from netaudience.model.taking import Taken
from netaudience.model.texts import RowTexts
from netaudience.model.wire import Request, Response, written
from netaudience.operations.declare import batch, call

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
        blames=None,
        retryable=(),
        faulty=(),
        counts="requests",
        unauthorized_after=None,
        latency=0.05,
        jitter=0.0,
        seed=0,
    ):
        self.faults = deque(faults)
        self.rate, self.per, self.most_in_flight = rate, per, in_flight
        self.most_rows, self.most_keys, self.most_bytes = most_rows, most_keys, most_bytes
        self.poison = set(poison)
        #: None: a poisoned request is refused whole. Else its answer is a success that blames them: "named",
        #: "half" of them named, or "counted" alone; or "path": a refusal that names them.
        self.blames = blames
        self.retryable = Counter(retryable)  # keys that are not done so often, and said to be asked for again
        self.faulty = set(faulty)  # keys on which the vendor's program fails
        self.counts = counts
        self.unauthorized_after = unauthorized_after
        self.latency, self.jitter, self.random = latency, jitter, random.Random(seed)
        self.arrivals = []
        self.weights = []
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
        if self.keyed and any(count > 1 for count in self.keys_in_flight.values()):
            self.broken.append("one key in flight in two requests")
        try:
            await asyncio.sleep(self._way())
            over = self._arrive(loop.time(), len(rows) if self.counts == "records" else 1)
            answer = self._answer(fault, rows, keys, over=over)
            await asyncio.sleep(self._way())
        finally:
            self.in_flight -= 1
            self.keys_in_flight.subtract(keys)
        if answer is None:
            raise AnswerLost("The request went out and no answer came back")
        return answer

    keyed = False

    def _way(self):
        return self.latency / 2 + self.random.uniform(0, self.jitter)

    def _check_request(self, request, rows, keys):
        if len(rows) > self.most_rows:
            self.broken.append(f"{len(rows)} rows in a request")
        if len(keys) > self.most_keys:
            self.broken.append(f"{len(keys)} keys in a request")
        if len(request.body) > self.most_bytes:
            self.broken.append(f"{len(request.body)} bytes in a request")

    def _arrive(self, now, weight):
        self.arrivals.append(now)
        if self.rate is None:
            return False
        self.weights.append((now, weight))
        counted = sum(weight for then, weight in self.weights if now - then < self.per - 1e-9)
        if counted > self.rate:
            self.broken.append(f"{counted} {self.counts} in {self.per} s")
        return counted > self.rate

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
        if fault == "429 at once":
            return Response(429, {"Retry-After": "0"}, b"")
        if fault == "503":
            return Response(503, {}, b"")
        if fault == "500":
            if self.random.random() < 0.5:
                self._apply(rows)
            return Response(500, {}, b"")
        if fault == "lost before":
            return None
        if keys & self.faulty:
            return Response(500, {"Fault": "yes"}, b"fault")
        poisoned = sorted(keys & self.poison)
        if poisoned and self.blames in {None, "path"}:
            named = json.dumps({"named": poisoned}) if self.blames else "poison"
            return Response(400, {}, named.encode())
        told = {
            "failed": len(poisoned),
            "named": poisoned,
            "again": sorted(keys & (+self.retryable).keys() - self.poison),
        }
        self._apply(rows)
        if fault == "lost after":
            return None
        if self.blames == "half":
            told["named"] = poisoned[: len(poisoned) // 2]
        elif self.blames == "counted":
            told["named"] = []
        return Response(200, {}, json.dumps(told).encode())

    def _apply(self, rows):
        keys = {row["key"] for row in rows}
        if keys & self.faulty or (keys & self.poison and self.blames in {None, "path"}):
            return
        left_out = keys & (+self.retryable).keys()
        self.retryable.subtract(left_out)
        for row in rows:
            if row["key"] in self.poison | left_out:
                continue
            self.applied[row["key"], row["value"]] += 1
            self.order[row["key"]].append(row["value"])


class KeyedRows:
    """Rows ``{"key": …, "value": …}``, whose order matters."""

    noun = "key"
    keyed = True
    default = staticmethod(written)

    def __init__(self, *, unique_per_request=False):
        self.unique_per_request = unique_per_request

    def under(self, *, by=None, odd=False):
        return self

    def check(self, page, /):
        return {}

    def keys(self, page, /):
        return [row["key"] for row in page]

    def examine(self, page, /):
        if isinstance(page, RowTexts):
            return {}, page.keys, page, page
        if isinstance(page, Taken):
            bad = {
                at: InvalidItem(f"The item cannot be written as JSON: {why}")
                for at, why in page.reasons.items()
            }
            keys = self.keys(page)
            given = [page.objects[at] if at in bad else None for at in range(len(page))] if bad else None
            return bad, keys, RowTexts.of_lines(keys, page.lines, given), None
        return self.check(page), self.keys(page), page, None

    def key(self, item, /):
        return item["key"]

    def kept(self, items, /):
        return items


def blame(response, items):
    """Read what the scripted vendor says about single keys."""
    try:
        told = json.loads(response.body)
    except ValueError:
        return NOTHING
    at = defaultdict(list)
    for index, item in enumerate(items):
        at[item["key"] if isinstance(item, dict) else item].append(index)
    refused = {
        index: Refused("Scripted", 200, vendor_message="poison") for key in told["named"] for index in at[key]
    }
    again = {
        index: Unavailable("Scripted", 200, vendor_message="once more")
        for key in told.get("again", ())
        for index in at[key]
        if index not in refused
    }
    unattributed = None
    if told.get("failed", 0) > len(told["named"]):
        unattributed = Refused("Scripted", 200, vendor_message="more failed than are named")
    return ItemErrors(refused=refused, retryable=again, unattributed=unattributed)


def make_client(
    vendor,
    *,
    limit=None,
    quota=None,
    idempotent=True,
    keyed=False,
    unique_per_request=False,
    settings=None,
    account="a",
    acknowledges="accepted",
    base_url="https://vendor.example",
):
    """A client of one batch operation ``put`` and one call ``one``, with these facts."""
    limit = limit or Limit(rows=assumed(10, "test"))
    quota = quota or Quota("test", in_flight=assumed(4, "test"))
    items = KeyedRows(unique_per_request=unique_per_request) if keyed else Identifiers("key")
    vendor.keyed = keyed
    facts = {
        "items": items,
        "limit": limit,
        "quota": quota,
        "idempotent": idempotent,
        "acknowledges": acknowledges,
        "docs": "https://example.com",
    }

    blamed = blame if vendor.blames or vendor.retryable else None

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
                    return Unauthorized("Scripted", 401, vendor_message=words)
                case 413:
                    return TooLarge("Scripted", 413, vendor_message=words)
                case 429:
                    return Throttled("Scripted", 429, vendor_message=words, retry_after=retry_after(response))
                case 503:
                    return Unavailable("Scripted", 503, vendor_message=words)
                case 500 if "Fault" in response.headers:
                    return ServerFault("Scripted", 500, vendor_message=words, may_have_happened=True)
                case 500:
                    return Unavailable("Scripted", 500, vendor_message=words, may_have_happened=True)
                case status:
                    return Refused("Scripted", status, vendor_message=words)

        @batch("POST", "/put", blame=blamed, **facts)
        def put(self, rows) -> Request[None]:
            return Request(json={"rows": rows})

        @call("POST", "/one", **facts)
        def one(self, row) -> Request[None]:
            return Request(json={"rows": [row]})

    return ScriptedClient(
        base_url=base_url, account=account, transport=vendor, settings=settings or Settings()
    )
