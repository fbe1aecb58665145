"""What one operation would send for a number of items: requests, bytes, time, and the first body.

Reckoned from the first request, which is packed as in a run; nothing is sent, and no header is made. Where
credentials are missing, the facts stand in for the account.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

import attrs

from netaudience.client import Client
from netaudience.engine.chunker import Chunk, Chunker
from netaudience.engine.run_plan import RunPlan
from netaudience.errors import ConfigurationError, VendorError
from netaudience.jobs.state.same_user import Chains, Repeats
from netaudience.model.limits import Quota, assumed
from netaudience.model.wire import JsonValue, Prepared, Request, Response, dump_json, load_json
from netaudience.operations.dispatch import Operation
from netaudience.outcomes import Rejected
from netaudience.plurals import many, rounded
from netaudience.settings import Settings

#: How long one exchange takes, where only the requests at one time bind.
LATENCY = assumed(0.3, "no measurement yet; what a request took in the last run says it better")
#: Items of the first request that are shown.
SHOWN = 2
_SECRET = re.compile(r"pass(code|word|wd)|secret|api_?key|authorization|token|credential", re.IGNORECASE)
_HIDDEN = "***"


@attrs.frozen(kw_only=True)
class Load:
    """What one operation would send."""

    operation: str
    items: int
    requests: int
    #: Of all bodies together, reckoned from the first.
    bytes: int
    #: Rows in the first request.
    rows_per_request: int
    #: True where bytes or distinct keys, and not rows, decide how much goes into a request.
    about: bool
    #: The shortest time in which the vendor's limits let it through.
    seconds: float
    #: The limit that decides on the time, and how it is known.
    binds: str
    #: Users that have several rows, which go one after the other.
    chains: Chains = attrs.field(factory=Chains)
    #: The body of the first request, with few of its items; secrets and headers are never in it.
    body: JsonValue = None


class NoAccount(Client):
    """Stands in for a client whose credentials are not set: it knows the facts, and sends nothing."""

    vendor = "nobody"
    slug = "nobody"

    def headers(self) -> Mapping[str, str]:
        """Return none."""
        return {}

    def classify(self, response: Response) -> VendorError | None:
        """Judge nothing: there is no answer."""
        raise NotImplementedError


def client_of(vendor: type[Client], settings: Settings) -> tuple[Client, str | None]:
    """Return a client to plan with, and why it stands for no account, if so."""
    try:
        return vendor.from_environment(settings=settings), None
    except ConfigurationError as error:
        return NoAccount(base_url="https://localhost", account="", settings=settings), str(error)


def reckon(
    client: Client,
    operation: Operation,
    arguments: Mapping[str, JsonValue],
    pages: Iterator[list[object]],
) -> tuple[Load, str | None]:
    """Reckon the requests of one operation, and say what a run would refuse of the first.

    Args:
        client: Whose limits hold.
        operation: What is sent.
        arguments: What the whole run shares.
        pages: The items, page by page; all of them are counted.
    """
    kind = client.kind(operation, arguments)
    limits = client.run_plan(operation, kind)
    first: list[object] = []
    waiting = limits.rows + 1
    count = 0
    with Repeats() if kind.keyed else nullcontext() as repeats:
        for page in pages:
            if repeats is not None:
                repeats.add(kind.keys(page), range(count, count + len(page)))
            count += len(page)
            if len(first) < waiting:
                first.extend(itertools.islice(page, waiting - len(first)))
        chains = Chains() if repeats is None else repeats.chains()
    encode = _Encoder(client, operation, arguments)
    chunk, problem = _first_chunk(limits, encode, first)
    size, rows = (chunk.prepared.size, len(chunk)) if chunk else (0, limits.rows)
    about = chunk is not None and rows < min(limits.rows, len(first))
    requests = -(-count // rows)
    # Rows of one user may share a request, unless the vendor's answer could not tell them apart then.
    in_turn = chains.longest if kind.unique_per_request else -(-chains.longest // rows)
    if kind.unique_per_request:
        requests = max(requests, in_turn)
    seconds, binds = _time(client.quota(operation), requests, count, in_turn)
    load = Load(
        operation=operation.name,
        items=count,
        requests=requests,
        bytes=round(size * count / rows) if chunk else 0,
        rows_per_request=rows,
        about=about,
        seconds=seconds,
        binds=binds,
        chains=chains,
        body=encode.shown(chunk.items[:SHOWN]) if chunk else None,
    )
    return load, problem


class _Encoder:
    """Writes bodies as a run does, and nothing else of a request."""

    def __init__(self, client: Client, operation: Operation, arguments: Mapping[str, JsonValue]) -> None:
        self._client = client
        self._operation = operation
        self._arguments = operation.with_consent(arguments)

    def __call__(self, page: Sequence[object]) -> Prepared:
        """Write the body of a request for these items."""
        body = self._body(page)
        return Prepared("POST", "", {}, None if body is None else self._written(body), 0.0, 0)

    def shown(self, page: Sequence[object]) -> JsonValue:
        """Return a request's body with what may be a secret hidden."""
        body = self._body(page)
        return None if body is None else _hide(load_json(self._written(body)))

    def _written(self, body: object) -> bytes:
        return dump_json(body, default=self._operation.kind.default)

    def _body(self, page: Sequence[object]) -> object:
        operation = self._operation
        given = page if operation.shape == "batch" else page[0]
        try:
            request: Request[object] = operation.function(self._client, given, **self._arguments)
        except AttributeError:  # it asks its own client, and there is no account
            if isinstance(self._client, NoAccount):
                return list(page)
            raise
        return request.json


def _first_chunk(
    plan: RunPlan, encode: _Encoder, items: list[object]
) -> tuple[Chunk[object] | None, str | None]:
    """Pack the first request as a run does; return it, and why an item cannot be in any."""
    chunker: Chunker[object] = Chunker(plan, encode)
    problem: str | None = None
    parts = chunker.feed(items, range(len(items)))
    if not any(isinstance(part, Chunk) for part in parts):
        parts += chunker.flush()
    for packed in parts:
        if isinstance(packed, Chunk):
            return packed, problem
        problem = next((str(one.reason) for one in packed.undelivered if isinstance(one, Rejected)), None)
    return None, problem


def in_turn(load: Load) -> str:
    """Say that rows of one user wait for each other."""
    chains = load.chains
    return (
        f"{load.operation}: {many(chains.rows, 'row is')} of {many(chains.users, 'user that has')} several, "
        f"{chains.longest:,} at the most: rows of one user go one after the other"
    )


def _time(quota: Quota, requests: int, records: int, in_turn: int) -> tuple[float, str]:
    """Return the shortest time that the limits and the order of rows allow, and what decides on it."""
    in_flight = quota.in_flight
    bound = -(-requests // int(in_flight)) * LATENCY.value
    binds = (
        f"{many(int(in_flight), 'request')} at one time ({in_flight.provenance}), each of them "
        f"{LATENCY.value:g} s ({LATENCY.provenance})"
    )
    if in_turn * LATENCY.value > bound:
        bound = in_turn * LATENCY.value
        binds = (
            f"{many(in_turn, 'request')} with rows of one user, one after the other, each of them "
            f"{LATENCY.value:g} s ({LATENCY.provenance})"
        )
    for window in quota.windows:
        alone = attrs.evolve(quota, windows=(window,), ceiling=None)
        seconds, most, since = alone.minimum_seconds(requests, records), window.most, ""
        if (
            quota.ceiling is not None
        ):  # the rate goes up as long as the vendor bears it: least is the time there
            since = f", adapting from {rounded(most, 6)}"
            seconds, most = seconds * most / quota.ceiling.value, quota.ceiling.value
        if seconds >= bound:
            bound, binds = seconds, f"{window.at(most)} ({window.figure.provenance}{since})"
    return bound, binds


def _hide(value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {
            name: _HIDDEN if _SECRET.search(name) and isinstance(part, str) else _hide(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_hide(part) for part in value]
    return value
