"""A server that speaks Arrow Flight SQL: Arrow's own Flight server, and DuckDB for the queries.

It knows what a client needs to ask one query: a user with a password, or a token, in the headers, and
``CommandStatementQuery``. It has no transactions, as InfluxDB and Dremio have none.
https://arrow.apache.org/docs/format/FlightSql.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

duckdb = pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")
flight = pytest.importorskip("pyarrow.flight")
protobuf = pytest.importorskip("google.protobuf.any_pb2")

__all__ = ["FlightSql", "running_flight_sql"]

_VALUES = {
    "string_value": pa.string(), "bool_value": pa.bool_(), "bigint_value": pa.int64(),
    "int32_bitmask": pa.int32(), "string_list": pa.list_(pa.string()),
    "int32_to_int32_list_map": pa.map_(pa.int32(), pa.list_(pa.int32())),
}  # fmt: skip
#: What a server tells of itself; this one tells nothing.
_INFO = pa.schema(
    [
        pa.field("info_name", pa.uint32(), nullable=False),
        pa.field("value", pa.dense_union([pa.field(*each) for each in _VALUES.items()]), nullable=False),
    ]
)


class _Door(flight.ServerMiddlewareFactory):
    """Lets in who knows the password or the token."""

    def __init__(self, user: str, password: str, token: str) -> None:
        super().__init__()
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._known = {f"Basic {basic}", f"Bearer {token}"}
        self._token = token

    def start_call(self, info: Any, headers: Mapping[str, list[str]]) -> Any:
        """Look at what the caller shows, and give who has a password the token."""
        if not self._known & set(headers.get("authorization", ())):
            raise flight.FlightUnauthenticatedError("nobody is let in without a word")
        return _Token(self._token)


class _Token(flight.ServerMiddleware):
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def sending_headers(self) -> dict[str, str]:
        """Return what goes along with an answer."""
        return {"authorization": f"Bearer {self._token}"}


class _Greeting(flight.ServerAuthHandler):
    """Takes part in the handshake, at which the door has looked before."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        """Say nothing."""

    def is_valid(self, token: bytes) -> bytes:
        """Know nobody by name."""
        return b""


class FlightSql(flight.FlightServerBase):
    """The server; it remembers what it was asked, and whether that has begun and ended."""

    def __init__(self, user: str, password: str, token: str) -> None:
        super().__init__(
            "grpc://127.0.0.1:0",
            auth_handler=_Greeting(),
            middleware={"door": _Door(user, password, token)},
        )
        self._database = duckdb.connect()
        self._database.execute("set threads = 1")
        self.queries: list[str] = []
        self.began, self.ended = threading.Event(), threading.Event()

    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        """Tell the columns of a query."""
        query = _query(descriptor.command)
        schema = _INFO if query is None else self._ask(query).schema
        return flight.FlightInfo(schema, descriptor, [flight.FlightEndpoint(descriptor.command, [])], -1, -1)

    def do_get(self, context: Any, ticket: Any) -> Any:
        """Give the rows of a query."""
        query = _query(ticket.ticket)
        if query is None:
            return flight.RecordBatchStream(_INFO.empty_table())
        self.queries.append(query)
        reader = self._ask(query)

        def batches() -> Iterator[Any]:
            try:
                for batch in reader:
                    yield batch
                    self.began.set()
            finally:  # whoever asked wants no more, or has all of it
                self.ended.set()

        return flight.GeneratorStream(reader.schema, batches())

    def do_action(self, context: Any, action: Any) -> Any:
        """Refuse everything else, as a server does that has no prepared statements and no transactions."""
        raise NotImplementedError(action.type)

    def _ask(self, query: str) -> Any:
        try:
            return self._database.cursor().sql(query).to_arrow_reader(1000)
        except duckdb.Error as error:
            raise flight.FlightServerError(str(error)) from error


def _query(command: bytes) -> str | None:
    """Return the text of a command; None where it asks what the server is."""
    told = protobuf.Any()
    told.ParseFromString(command)
    if not told.type_url.endswith("CommandStatementQuery"):
        return None
    body, length, shift, at = told.value, 0, 0, 1  # the first field is the text, behind its length
    while True:
        length |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if body[at - 1] < 0x80:
            return str(body[at : at + length].decode())


@contextmanager
def running_flight_sql(user: str, password: str, token: str) -> Iterator[FlightSql]:
    """Run a server on a free port of this machine."""
    with FlightSql(user, password, token) as server:
        yield server
