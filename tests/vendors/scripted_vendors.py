"""What the tests of the vendors share: a scripted transport, and the form of a golden request.

A golden says what must go over the wire, in the vendor's words. It refuses to know our encoders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import orjson
from multidict import CIMultiDict
from yarl import URL

from netaudience import CleverTapClient, NetmeraClient, Settings
from netaudience.client import Client
from netaudience.engine.retry import RetryPolicy
from netaudience.wire import Prepared, Response

#: One attempt per request, and no pacing that a test would have to sit through.
AT_ONCE = Settings(rate=1_000_000, retry=RetryPolicy(attempts=1, first_wait=0))


def reply(status: int = 200, body: Any = b"", content_type: str = "", **headers: str) -> Response:
    """Make an answer; a body that is no bytes is written as JSON."""
    if not isinstance(body, bytes):
        body, content_type = orjson.dumps(body), content_type or "application/json"
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    if content_type:
        named["Content-Type"] = content_type
    return Response(status, named, body)


class Scripted:
    """Gives the next answer of a script and keeps what it was sent; ends in an error of the test."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.sent: list[Prepared] = []

    async def send(self, request: Prepared, /) -> Response:
        self.sent.append(request)
        assert self.answers, f"request {len(self.sent)} was not in the script"
        return self.answers.pop(0)

    async def aclose(self) -> None:
        pass


def netmera(*answers: Response) -> tuple[NetmeraClient, Scripted]:
    """Make a Netmera client on a script."""
    transport = Scripted(*answers)
    return NetmeraClient("the-rest-key", settings=AT_ONCE, transport=transport), transport


def clevertap(*answers: Response) -> tuple[CleverTapClient, Scripted]:
    """Make a CleverTap client on a script."""
    transport = Scripted(*answers)
    client = CleverTapClient("PROJECT", "PASS-CODE", region="in1", settings=AT_ONCE, transport=transport)
    return client, transport


@attrs.frozen(kw_only=True)
class Golden:
    """One call of an operation, and what must be sent for it."""

    operation: str
    #: The item, the items, or nothing.
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    method: str = "POST"
    url: str
    query: Sequence[tuple[str, str]] = ()
    #: Besides those that every request of the vendor has.
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: The body as JSON text; None where there must be none.
    body: str | None = None
    #: The vendor's own sample of an answer, as JSON text; nothing for the empty success.
    answer: str = ""
    #: What the answer is read into.
    reads: object = None

    @property
    def id(self) -> str:
        chosen = ",".join(f"{name}={value}" for name, value in self.options.items())
        kinds = {type(item).__name__ for item in self._items if not isinstance(item, str)}
        return " ".join(part for part in (self.operation, chosen, *sorted(kinds)) if part)

    @property
    def _items(self) -> Sequence[Any]:
        first = self.arguments[0] if self.arguments else ()
        return first if isinstance(first, list) else [first]

    @property
    def response(self) -> Response:
        body = self.answer.encode()
        return reply(200, body, "application/json" if body else "")

    async def carry(self, client: Client) -> object:
        """Call the operation and return what it gives: a report, an answer, or all rows."""
        ask = getattr(client, self.operation)
        shape = type(client).operations()[self.operation].shape
        if shape == "pages":
            return [row async for row in ask(*self.arguments, **self.options)]
        return await ask(*self.arguments, **self.options)


def differences(golden: Golden, sent: Prepared, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return where a request is not the golden one: what was sent, and what should have been."""
    url = sent.url
    assert isinstance(url, URL)
    if golden.body is not None:
        headers = {**headers, "Content-Type": "application/json"}
    pairs = {
        "method": (sent.method, golden.method),
        "url": (str(url.with_query(None)), golden.url),
        "query": (sorted(url.query.items()), sorted(golden.query)),
        "headers": (dict(sent.headers), {**headers, **golden.headers}),
        "body": (
            None if sent.body is None else orjson.loads(sent.body),
            None if golden.body is None else orjson.loads(golden.body),
        ),
    }
    return {name: (got, wanted) for name, (got, wanted) in pairs.items() if got != wanted}
