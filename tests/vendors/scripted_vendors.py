"""What the tests of the vendors share: a scripted transport, a golden request, and the table of a vendor.

A golden says what must go over the wire, in the vendor's words; a table says what is known about all of a
vendor's operations. Both are written by hand from the vendor's pages: they refuse to know our descriptors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs
import orjson
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from netaudience import CleverTapClient, NetmeraClient, Settings
from netaudience.client import Client
from netaudience.engine.retry import RetryPolicy
from netaudience.model.odd_identifiers import oddity
from netaudience.model.wire import Prepared, Response

#: One attempt per request, and no pacing that a test would have to sit through.
AT_ONCE = Settings(rate=1_000_000, retry=RetryPolicy(attempts=1, first_wait=0))

# What the items of the tables are made of.
CLEAN = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=12
).filter(lambda text: oddity(text) is None)
EMAILS = st.text('abcXğ.+/"', min_size=1, max_size=8).map(lambda local: f"{local}@example.com")
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | CLEAN
NAMES = st.text('abcğ "\\é', min_size=1, max_size=6)


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


def netmera(*answers: Response, settings: Settings = AT_ONCE) -> tuple[NetmeraClient, Scripted]:
    """Make a Netmera client on a script."""
    transport = Scripted(*answers)
    return NetmeraClient("the-rest-key", settings=settings, transport=transport), transport


def clevertap(*answers: Response, settings: Settings = AT_ONCE) -> tuple[CleverTapClient, Scripted]:
    """Make a CleverTap client on a script."""
    transport = Scripted(*answers)
    client = CleverTapClient("PROJECT", "PASS-CODE", region="in1", settings=settings, transport=transport)
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
    status: int = 200
    #: What that sample is written in.
    content_type: str = "application/json"
    #: What the answer is read into.
    reads: object = None
    #: The requests before it, where it is the last of several.
    before: Sequence[Golden] = ()
    #: The body of a request to somebody else's host, which is no JSON; none of the vendor's headers go there.
    content: str | None = None

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
        return reply(self.status, body, self.content_type if body or "json" not in self.content_type else "")

    @property
    def steps(self) -> Sequence[Golden]:
        return [*self.before, self]

    @property
    def responses(self) -> Sequence[Response]:
        return [step.response for step in self.steps]

    async def carry(self, client: Client) -> object:
        """Call the operation and return what it gives: a report, an answer, or all rows."""
        ask = getattr(client, self.operation)
        shape = type(client).operations()[self.operation].shape
        if shape == "pages":
            return [row async for row in ask(*self.arguments, **self.options)]
        return await ask(*self.arguments, **self.options)


@attrs.frozen
class Table:
    """What the tests know of one vendor, restated by hand."""

    vendor: type[Client]
    #: Makes a client on a script, with the settings `AT_ONCE`.
    make: Callable[..., tuple[Client, Scripted]]
    #: What every request carries, without Content-Type.
    headers: Mapping[str, str]
    #: At least one per operation, and one per selector.
    golden: Sequence[Golden]
    #: Which operations are idempotent, destructive, irreversible, app_wide; none if not named.
    marks: Mapping[str, AbstractSet[str]]
    #: Shape, keys per request or None, rows per request of each operation.
    shapes: Mapping[str, tuple[str, int | None, int]]
    #: Figures of each quota by what they count: the number and how it is known.
    quotas: Mapping[str, Mapping[str, tuple[float, str]]]
    #: Valid items by the vendor's names: for an operation, a row class, or ``str`` (bare identifiers).
    items: Mapping[str, st.SearchStrategy[Any]]
    #: A success of one item as JSON text, for operations whose success has a body and unlike the golden's.
    #: A 1 on its first level is how many items were taken.
    answers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    #: Of operations that page: makes a page of a number, with a row or without, that links to the next.
    more: Mapping[str, Callable[[int, bool], object]] = attrs.field(
        factory=dict[str, Callable[[int, bool], object]]
    )
    #: Of an operation: names of fields that stand in its golden answers and that no class of ours has.
    unknown: Mapping[str, AbstractSet[str]] = attrs.field(factory=dict[str, AbstractSet[str]])
    #: Operations whose items are spread over the body, with the bytes by which sizes then do not add up.
    uneven: Mapping[str, int] = attrs.field(factory=dict[str, int])


def differences(golden: Golden, sent: Prepared, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return where a request is not the golden one: what was sent, and what should have been."""
    url = sent.url
    assert isinstance(url, URL)
    if golden.body is not None:
        headers = {**headers, "Content-Type": "application/json"}
    if golden.content is not None:
        headers = {}
    pairs = {
        "method": (sent.method, golden.method),
        "url": (str(url.with_query(None)), golden.url),
        "query": (sorted(url.query.items()), sorted(golden.query)),
        "headers": (dict(sent.headers), {**headers, **golden.headers}),
        "body": (
            None if sent.body is None or golden.content is not None else orjson.loads(sent.body),
            None if golden.body is None else orjson.loads(golden.body),
        ),
        "content": (sent.body, sent.body if golden.content is None else golden.content.encode()),
    }
    return {name: (got, wanted) for name, (got, wanted) in pairs.items() if got != wanted}


def but_for_tokens(
    scripted: Callable[[Prepared], Awaitable[Response]], send: Callable[[Prepared], Awaitable[Response]]
) -> Callable[[Prepared], Awaitable[Response]]:
    """Let a scripted vendor give the token, which is fetched before and is no answer to rows."""

    async def either(request: Prepared) -> Response:
        return await (scripted if "/oauth/" in str(request.url) else send)(request)

    return either
