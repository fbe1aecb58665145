"""One file, one result: the command, a job and the Python API send the same for the same rows.

The rows are those of the vendors' own samples, and made ones with every kind of cell, in every format that
can hold them. What is sent goes over a socket to a server that keeps it.
"""

from __future__ import annotations

import asyncio
import copy
import csv
import datetime as dt
import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from echoing import Handling
from openpyxl import Workbook
from scripted_vendors import Golden
from tables import TABLES, every_golden, operation_of
from test_vendor_samples import SAMPLES
from yarl import URL

from netaudience.cli.one_shot import Order, execute, open_table
from netaudience.cli.options import Pace, Reading, Reporting
from netaudience.client import Client
from netaudience.engine.transport import AiohttpTransport
from netaudience.jobs import Job
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.map.columns import find_columns
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Guards, Source, Step
from netaudience.model.rows import Rows
from netaudience.model.wire import Response, dump_json, load_json
from netaudience.operations.dispatch import Operation
from netaudience.settings import Settings

CARRIED = [case for case in every_golden("batch", "call") if case.values[0] in TABLES]
Sent = list[tuple[str, str, bytes]]
Factory = Callable[[type[Client], Settings], Client]


class Vendor:
    """A server that takes whatever comes, and keeps it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: Sent = []
        self._sockets: list[AiohttpTransport] = []
        #: How the next requests are answered: the status, what it is written in, and the body.
        self.answer = (200, "", b"")
        #: How clients are set up besides.
        self.setting: dict[str, Any] = {}

    def client(self, vendor: type[Client], settings: Settings) -> Client:
        """Return a client as the tests set it up, whose requests go to this server over a socket."""
        del settings
        client, transport = next(table for table in TABLES if table.vendor is vendor).make(**self.setting)
        socket = AiohttpTransport()
        self._sockets.append(socket)

        async def send(request: Any, /) -> Response:
            moved = copy.copy(request)
            moved.url = URL(self.url).join(URL(str(request.url)).relative())
            return await socket.send(moved)

        transport.send = send  # type: ignore[method-assign]
        return client

    async def taken(self) -> Sent:
        """Return what was sent since somebody has asked, in an order that does not depend on the sockets."""
        while self._sockets:
            await self._sockets.pop().aclose()  # whoever brings a transport closes it
        sent, self.sent = self.sent, []
        return sorted(sent)


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    class Handler(Handling):
        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, kind, answer = vendor.answer
            if "oauth/token" in self.path:
                status, kind, answer = 200, "application/json", b'{"access_token": "t", "expires_in": 3600}'
            else:
                vendor.sent.append((self.command, self.path, body))
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815 - their names

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    vendor = Vendor(f"http://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vendor
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def canonical(body: bytes) -> bytes:
    """Return a body with its names in order: a dict has an order of its own, a file that of its columns."""
    return json.dumps(json.loads(body), sort_keys=True).encode() if body else body


def in_order(sent: Sent) -> Sent:
    return sorted((method, path, canonical(body)) for method, path, body in sent)


def csv_of(rows: Sequence[Mapping[str, Any]], delimiter: str) -> str | None:
    """Return rows as text; None where a value is no text, or a row lacks a column."""
    names = list(rows[0])
    flat = all(isinstance(value, str) and value for row in rows for value in row.values())
    if not flat or any(list(row) != names for row in rows):
        return None
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in rows)
    return text.getvalue()


def files_of(rows: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    """Write the rows in every format that can hold them as they are."""
    path = folder / "rows.ndjson"
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    yield path
    for suffix, delimiter in (("csv", ","), ("tsv", "\t")):
        if (text := csv_of(rows, delimiter)) is not None:
            path = folder / f"rows.{suffix}"
            path.write_text(text, encoding="utf-8", newline="")
            yield path
    alike = all(row.keys() == rows[0].keys() for row in rows)
    if alike and all(isinstance(value, str | bool | int) for row in rows for value in row.values()):
        path = folder / "rows.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        yield path
    texts = [next(iter(row.values())) for row in rows]
    if all(list(row) == ["item"] for row in rows) and all(isinstance(text, str) for text in texts):
        path = folder / "rows.txt"
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        yield path


def way_of(table: Any, golden: Golden) -> tuple[Any, ...]:
    """Return what decides which way an operation's items go, from whichever door.

    That is the vendor, the shape, rows of a class or texts, whether somebody must agree, what the vendor's
    answer acknowledges, and what else a run is given.
    """
    operation = operation_of(table, golden)
    facts = operation.facts
    return (
        table.vendor,
        operation.shape,
        isinstance(operation.kind, Rows),
        facts.irreversible,
        facts.acknowledges,
        bool(golden.options.keys() - {"confirm"}),
    )


#: Of each way one sample, in one of the formats. The slow test has all of every operation, in all formats.
FIRST = list({way_of(*case.values): case for case in CARRIED}.values())


@pytest.mark.parametrize(
    ("at", "table", "golden"),
    [(at, *case.values) for at, case in enumerate(FIRST)],
    ids=[case.id for case in FIRST],
)
def test_three_doors_send_the_same(
    at: int, table: Any, golden: Golden, server: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = list(files_of(rows_of(table, golden), tmp_path))
    asyncio.run(_compare(table, golden, server, [files[at % len(files)]]))


@pytest.mark.slow
@pytest.mark.parametrize(("table", "golden"), CARRIED)
def test_three_doors_send_the_same_of_every_format(
    table: Any, golden: Golden, server: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(_compare(table, golden, server, list(files_of(rows_of(table, golden), tmp_path))))


def items_of_golden(table: Any, golden: Golden) -> list[Any]:
    shape = operation_of(table, golden).shape
    items = golden.arguments[0] if shape == "batch" else [golden.arguments[0]]
    return [load_json(dump_json(item)) for item in items]


def rows_of(table: Any, golden: Golden) -> list[dict[str, Any]]:
    plain = items_of_golden(table, golden)
    is_rows = isinstance(operation_of(table, golden).kind, Rows)
    return plain if is_rows else [{"item": one} for one in plain]


async def by_python(server: Vendor, vendor: type[Client], golden: Golden, items: list[Any]) -> Sent:
    """Send items by the Python API."""
    said = golden.response
    server.answer = (said.status, said.content_type, bytes(said.body))
    async with server.client(vendor, Settings()) as client:
        bound = getattr(client, golden.operation)
        batch = vendor.operations()[golden.operation].shape == "batch"
        await (bound(items, **golden.options) if batch else bound.each(items, **golden.options))
    return await server.taken()


async def by_both_doors(
    server: Vendor,
    vendor: type[Client],
    operation: Operation,
    path: Path,
    options: Mapping[str, Any],
    count: int,
) -> tuple[Sent, Sent | None]:
    """Send a file by the command, and by a job, where a job can carry the operation."""
    named = isinstance(operation.kind, Rows) or path.suffix == ".txt"
    order = Order(
        vendor=vendor,
        operation=operation,
        arguments=options,
        source=str(path),
        consent=Consent(yes=True, yes_delete=count if operation.facts.irreversible else None),
        pace=Pace(),
        reading=Reading(column=() if named else ("item",), no_preflight=True),
        reporting=Reporting(quiet=True, rejects=path.with_name(f"{path.name}.rejects")),
    )
    with open_table(order) as opened:
        await execute(order, opened, server.client)
        columns = find_columns(operation, list(opened.columns), chosen=order.reading.column)
    command = await server.taken()
    if operation.facts.acknowledges == "answered":
        return command, None
    step = Step(
        name="step", vendor=vendor.slug, operation=operation.name, arguments=options, fields=columns.fields()
    )
    job = Job(
        name=path.name,
        path=path.with_name("job.toml"),
        source=Source(files=(path.name,)),
        steps=(step,),
        guards=Guards(max_rejected=None, preflight=False),
    )
    await run_job(job, consent=order.consent, client_factory=server.client, signals=False, report=False)
    return command, await server.taken()


async def _compare(table: Any, golden: Golden, server: Vendor, files: Sequence[Path]) -> None:
    items = items_of_golden(table, golden)
    python = await by_python(server, table.vendor, golden, items)
    assert python
    options = {name: value for name, value in golden.options.items() if name != "confirm"}
    operation = operation_of(table, golden)
    for path in files:
        command, job = await by_both_doors(server, table.vendor, operation, path, options, len(items))
        assert in_order(command) == in_order(python), path.suffix
        assert job is None or job == command, path.suffix


@pytest.mark.parametrize(
    ("called", "given", "options", "sample", "setting"), SAMPLES, ids=[sample[0] for sample in SAMPLES]
)
def test_what_a_page_shows_is_what_a_command_and_a_job_send(
    called: str, given: Any, options: dict[str, Any], sample: str, setting: dict[str, Any],
    server: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    slug, name = called.split()
    table = next(table for table in TABLES if table.vendor.slug == slug)
    golden = next(golden for golden in table.golden if golden.operation == name)
    monkeypatch.setattr(server, "setting", setting)
    answer = golden.response
    server.answer = (answer.status, answer.content_type, bytes(answer.body))
    items = given if operation_of(table, golden).shape == "batch" else [given]
    is_rows = isinstance(operation_of(table, golden).kind, Rows)
    path = next(files_of(items if is_rows else [{"item": one} for one in items], tmp_path))
    said = {name: value for name, value in options.items() if name != "confirm"}

    async def send() -> None:
        doors = by_both_doors(server, table.vendor, operation_of(table, golden), path, said, len(items))
        for sent in await doors:
            assert [canonical(body) for _, _, body in sent or ()] == [canonical(sample.encode())]

    asyncio.run(send())


# Every kind of cell.

TEXTS: dict[str, Any] = {
    "plain": "Ann", "turkish": "İstanbul ğ😀", "lines": "two\nlines", "quotes": 'a "quote" \'s',
    "signs": "a,b;c|d\te",
    "zeros": "0002", "power": "1e5", "truth": "true", "nothing": "null", "minus": "-5", "day": "2026-01-31",
    "blank": " x ", "json": '{"a": 1}', "slash": "back\\slash",
}  # fmt: skip
JSONS: dict[str, Any] = {
    **TEXTS, "whole": 36, "long": 2**53 + 1, "negative": -1, "half": 1.5, "small": 1e-7,
    "yes": True, "no": False,
}  # fmt: skip
TYPED: dict[str, Any] = {
    **JSONS, "date": dt.date(1990, 5, 17), "moment": dt.datetime(2026, 1, 31, 12, 0, 5, tzinfo=dt.UTC),
    "decimal": Decimal("12.25"),
}  # fmt: skip
#: Operations whose rows take columns that nobody has named.
FREE = [
    ("netmera", "set_profile_attributes", "ext_id", "extId", "profile", "{}"),
    ("iterable", "bulk_update_users", "user_id", "userId", "dataFields",
     '{"successCount": 3, "failCount": 0}'),
    ("clevertap", "upload_profiles", "identity", "identity", "profileData",
     '{"status": "success", "processed": 3, "unprocessed": []}'),
    ("moengage", "import_users", "customer_id", "customer_id", "attributes", '{"status": "success"}'),
]  # fmt: skip


def delimited(rows: Sequence[Mapping[str, Any]], delimiter: str) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return text.getvalue().encode()


def workbook(rows: Sequence[Mapping[str, Any]]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    book, written = Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.append(names)
    for row in rows:
        book.active.append([row.get(name) for name in names])
    book.save(written)
    return written.getvalue()


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.BytesIO()
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), written)
    return written.getvalue()


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.csv", content)
    return packed.getvalue()


def lines_of_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


FORMATS: dict[str, tuple[Mapping[str, Any], Callable[[Sequence[Mapping[str, Any]]], bytes]]] = {
    "csv": (TEXTS, lambda rows: delimited(rows, ",")),
    "tsv": (TEXTS, lambda rows: delimited(rows, "\t")),
    "psv": (TEXTS, lambda rows: delimited(rows, "|")),
    "ssv": (TEXTS, lambda rows: delimited(rows, ";")),
    "csv.gz": (TEXTS, lambda rows: gzip.compress(delimited(rows, ","))),
    "csv.zst": (TEXTS, lambda rows: pa.compress(delimited(rows, ","), codec="zstd", asbytes=True)),
    "zip": (TEXTS, lambda rows: zipped(delimited(rows, ","))),
    "xlsx": (TEXTS, workbook),
    "ndjson": (JSONS, lines_of_json),
    "ndjson.gz": (JSONS, lambda rows: gzip.compress(lines_of_json(rows))),
    "json": (JSONS, lambda rows: json.dumps(rows).encode()),
    "parquet": (TYPED, parquet),
}


@pytest.mark.parametrize(
    ("form", "slug", "name", "key", "wire", "free", "answer"),
    [
        # Every format, at one vendor after the other; each at each with the slow tests.
        pytest.param(
            form,
            *one,
            id=f"{one[0]}-{form}",
            marks=() if (row - column) % len(FREE) == 0 else pytest.mark.slow,
        )
        for row, form in enumerate(FORMATS)
        for column, one in enumerate(FREE)
    ],
)
def test_every_kind_of_cell_is_sent_the_same_byte_for_byte(
    slug: str, name: str, key: str, wire: str, free: str, answer: str, form: str,
    server: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    cells, write = FORMATS[form]
    fewer = {
        column: value for column, value in cells.items() if column not in {"plain", "zeros", "whole", "date"}
    }
    rows = [{key: f"u{at}", **values} for at, values in enumerate((cells, fewer, cells))]
    path = tmp_path / f"rows.{form}"
    path.write_bytes(write(rows))
    vendor = next(table.vendor for table in TABLES if table.vendor.slug == slug)
    golden = Golden(operation=name, url="", answer=answer)
    items = [
        {wire: row[key], free: {column: row[column] for column in cells if column in row}} for row in rows
    ]

    async def compare() -> None:
        python = await by_python(server, vendor, golden, items)
        command, job = await by_both_doors(server, vendor, vendor.operations()[name], path, {}, len(rows))
        assert len(python) == 1
        assert command == python
        assert job == command

    asyncio.run(compare())
