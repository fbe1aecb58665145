"""A server that costs next to nothing, in a process of its own: it reads a request and gives a fixed answer.

Options make it slow, strict or faulty. It judges no content but the poison, keeps nothing that it is not
asked to keep, and ends when its standard input is closed, so that no sink outlives its benchmark.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable

import attrs
import cyclopts
import orjson

from benchmarks.cores import pin

__all__ = ["Behaviour", "Judge", "most_in_a_window"]

_BUFFER = 256 * 1024
#: Faults come once in so many requests, at a place drawn for each of these blocks.
_BLOCK = 100


def _answer(status: str, body: bytes = b"{}", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


_OK = _answer("200 OK")
_TOO_MANY = _answer("429 Too Many Requests")
#: What elasticsearch's client takes for the success of a thousand items, and no more than that: it asks who
#: answers and reads a status for each item. Where a request holds fewer it leaves the rest alone.
_BULK = b"PUT /people/_bulk "
_ALL_INDEXED = _answer(
    "200 OK",
    orjson.dumps({"items": [{"index": {"status": 201}}] * 1000}),
    more="X-Elastic-Product: Elasticsearch\r\n",
)
_POISONED = _answer("400 Bad Request", b'{"code":2004,"message":"invalid value"}')
_NOT_NOW = _answer("503 Service Unavailable", more="Retry-After: 0\r\n")
_FAULTS = (
    _answer("429 Too Many Requests", more="Retry-After: 1\r\n"),
    _answer("503 Service Unavailable", more="Retry-After: 1\r\n"),
)


@attrs.frozen(kw_only=True)
class Behaviour:
    """What a sink does besides answering."""

    #: Seconds before each answer.
    delay: float = 0.0
    #: Up to so many seconds more, drawn for each answer.
    jitter: float = 0.0
    #: Requests of one key that are accepted in any `window`; no limit at 0.
    limit: int = 0
    #: The length of the sliding window, in seconds.
    window: float = 1.0
    #: Faults in every hundred requests: 429 and 503 in turn, both with ``Retry-After: 1``.
    faults: int = 0
    #: A request that holds these characters is refused; none if empty.
    poison: str = ""
    #: A request that holds these characters is answered 503 with ``Retry-After: 0`` for the first time.
    unavailable: str = ""
    #: Identifiers that begin with these characters are named as refused in the answer, which is a success.
    named: str = ""
    #: Whether to keep when each request arrived and which body was answered with a success.
    track: bool = False
    #: What an identifier looks like, as a regular expression, where those that were taken are to be counted.
    identifier: str = ""
    seed: int = 1

    @property
    def plain(self) -> bool:
        """True where every answer is the same and at once."""
        return self == Behaviour(seed=self.seed)


class Judge:
    """Decides what each request is answered, and remembers what the benchmark will ask for."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._draw = random.Random(behaviour.seed)
        self._accepted: defaultdict[bytes, deque[float]] = defaultdict(deque)
        self._put_off: set[bytes] = set()
        self._faulty: frozenset[int] = frozenset()
        self._faults = 0
        self._arrivals: list[float] = []
        self._successes: Counter[bytes] = Counter()
        self._items: Counter[bytes] = Counter()
        self.requests = 0
        self.over_limit = 0

    def judge(self, body: Callable[[], bytes], now: float, key: bytes = b"") -> tuple[bytes, float]:
        """Return the answer to a request of that account and the seconds until it goes out."""
        behaviour = self._behaviour
        if behaviour.track:
            self._arrivals.append(now)
        answer = self._verdict(body, now, key)
        self.requests += 1
        if behaviour.track and answer is _OK:
            self._successes[body()] += 1
        if behaviour.identifier and answer is _OK:
            self._items.update(re.findall(behaviour.identifier.encode(), body()))
        return answer, behaviour.delay + behaviour.jitter * self._draw.random()

    def _verdict(self, body: Callable[[], bytes], now: float, key: bytes) -> bytes:
        behaviour = self._behaviour
        if behaviour.limit and not self._accepts(now, key):
            self.over_limit += 1
            return _TOO_MANY
        if behaviour.faults:
            place = self.requests % _BLOCK
            if not place:
                # Drawn block by block, so that a short run has its share as well as a long one.
                self._faulty = frozenset(self._draw.sample(range(_BLOCK), behaviour.faults))
            if place in self._faulty:
                self._faults += 1
                return _FAULTS[(self._faults - 1) % len(_FAULTS)]
        if behaviour.poison and behaviour.poison.encode() in body():
            return _POISONED
        if behaviour.unavailable and behaviour.unavailable.encode() in body():
            if body() not in self._put_off:
                self._put_off.add(body())
                return _NOT_NOW
            self._put_off.discard(body())
        if behaviour.named and behaviour.named.encode() in body():
            named = [
                ext_id for ext_id in orjson.loads(body())["extIds"] if ext_id.startswith(behaviour.named)
            ]
            return _answer("200 OK", orjson.dumps({"refused": named}))
        return _OK

    def _accepts(self, now: float, key: bytes) -> bool:
        """Return whether an account's window has room; take it then."""
        accepted = self._accepted[key]
        while accepted and accepted[0] <= now - self._behaviour.window:
            accepted.popleft()
        if len(accepted) >= self._behaviour.limit:
            return False
        accepted.append(now)
        return True

    def stats(self) -> dict[str, int]:
        """Return the counts: what arrived, what was over the limit, what was taken once and twice."""
        return {
            "requests": self.requests,
            "over_limit": self.over_limit,
            "faults": self._faults,
            "most_in_a_window": most_in_a_window(self._arrivals, self._behaviour.window),
            "taken": len(self._successes),
            "taken_again": sum(count - 1 for count in self._successes.values()),
            "items": len(self._items),
            "items_again": sum(count - 1 for count in self._items.values()),
        }


def most_in_a_window(arrivals: list[float], window: float) -> int:
    """Return the most arrivals (in order) that any window of so many seconds holds."""
    most = first = 0
    for last, arrival in enumerate(arrivals):
        while arrivals[first] <= arrival - window:
            first += 1
        most = max(most, last - first + 1)
    return most


class _Connection(asyncio.BufferedProtocol):
    """One connection of a client that does not pipeline."""

    def __init__(self, judge: Judge, *, plain: bool) -> None:
        self._judge = judge
        self._plain = plain
        self._buffer = bytearray(_BUFFER)
        self._end = 0
        #: Where the request that is being read ends; 0 while its head is not complete.
        self._whole = 0
        self._body = 0
        self._transport: asyncio.Transport | None = None
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, _sizehint: int) -> memoryview:
        if self._end == len(self._buffer):
            self._buffer = self._buffer + bytearray(len(self._buffer))
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        if not self._whole:
            head_end = self._buffer.find(b"\r\n\r\n", 0, self._end)
            if head_end < 0:
                return
            self._body = head_end + 4
            self._whole = self._body + int(
                _header(bytes(self._buffer[: self._body]), b"content-length:") or 0
            )
        if self._end >= self._whole:
            self._serve()
            self._end = self._whole = 0

    def _serve(self) -> None:
        judge = self._judge
        if self._buffer.startswith(b"GET /stats"):
            self._write(_answer("200 OK", orjson.dumps(judge.stats())))
        elif self._plain:
            judge.requests += 1
            self._write(self._success())
        else:
            key = _header(bytes(self._buffer[: self._body]), b"x-api-key:")
            answer, wait = judge.judge(
                lambda: bytes(self._buffer[self._body : self._whole]), self._clock(), key
            )
            if answer is _OK:
                answer = self._success()
            if wait:
                asyncio.get_running_loop().call_later(wait, self._write, answer)
            else:
                self._write(answer)

    def _success(self) -> bytes:
        return _ALL_INDEXED if self._buffer.startswith(_BULK) else _OK

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _header(head: bytes, name: bytes) -> bytes:
    """Return a header's value, empty where there is none; the name is given in small letters."""
    start = head.lower().find(name)
    return b"" if start < 0 else head[start + len(name) : head.index(b"\r\n", start)].strip()


async def _serve(behaviour: Behaviour) -> None:
    loop = asyncio.get_running_loop()
    judge = Judge(behaviour)
    server = await loop.create_server(
        lambda: _Connection(judge, plain=behaviour.plain), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await over.wait()
    server.close()


def main(behaviour: str = "{}", *, core: int | None = None) -> None:
    """Serve on a port that is printed, until standard input is closed.

    Args:
        behaviour: The fields of `Behaviour` as JSON.
        core: The processor core to stay on.
    """
    pin(core)
    asyncio.run(_serve(Behaviour(**orjson.loads(behaviour))))


if __name__ == "__main__":
    cyclopts.run(main)
