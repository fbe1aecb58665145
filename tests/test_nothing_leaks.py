"""Nothing that a person or a credential could be known by is shown anywhere, however badly a vendor behaves.

Every operation of every vendor is called with items full of canaries, at a vendor that repeats everything;
then all that we show is looked through: texts, reprs and tracebacks of errors, reports, the log at DEBUG,
events, spans, metrics, what a command prints, what a job leaves. Items are kept in two documented places, and
nowhere else: what was not delivered (a command's standard output, a job's rejects), and a run's journal.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from echoing import WAYS, Echo, echoing
from leak_watch import leaks
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from scripted_vendors import Golden, Table
from tables import TABLES, operation_of

from netaudience import NetaudienceError, RetryPolicy, Settings
from netaudience.client import Client
from netaudience.events import Event, hooks
from netaudience.integrations.opentelemetry import Telemetry
from netaudience.integrations.prometheus import PrometheusMetrics
from netaudience.items import Nothing, Rows
from netaudience.operations import Operation

TELEPHONES = ("+905301234567", "+905307654321")
EMAILS = ("zeynep.kanarya@leak-canary.example", "ayse.kanarya@leak-canary.example")
#: Names and identifiers; the first of each pair is a plain word, as a vendor's own words are.
NAMES = ("Zeynepkanarya", "kanarya-9f8e7d6c")
MORE_NAMES = ("Aysekanarya", "kanarya-1a2b3c4d")
WORDS = re.compile(r"kanarya|leak-canary|5301234567|5307654321", re.IGNORECASE)

CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "netmera": {"API_KEY": "kanarya-rest-key-1f2e3d"},
    "iterable": {"API_KEY": "kanarya0123456789abcdef01234567"},
    "clevertap": {"ACCOUNT_ID": "KANARYA-PROJ-1Z", "PASSCODE": "KANARYA-PASS-9Q"},
    "moengage": {"WORKSPACE_ID": "KANARYAWORKSPACE1", "DATA_API_KEY": "kanarya_data_key_22"},
    "fynd": {
        "CLIENT_ID": "kanaryaclient11",
        "CLIENT_SECRET": "kanarya-secret-33",
        "COMPANY_ID": "4321",
        "APPLICATION_ID": "000000000000000000000001",
    },
}  # fmt: skip


def environment(table: Table, echo: Echo) -> dict[str, str]:
    slug = table.vendor.slug.upper()
    given = {**CREDENTIALS[table.vendor.slug], "BASE_URL": echo.url}
    return {f"NETAUDIENCE_{slug}_{name}": value for name, value in given.items()}


def planted(value: Any, fits: Any, number: int) -> Any:
    """Return the value with a canary for every text in it, wherever `fits` says that one may stand."""
    names = (MORE_NAMES if number else NAMES)[:: -1 if number else 1]
    match value:
        case str():
            for canary in (EMAILS[number], TELEPHONES[number], *names):
                shaped = ("@" in value) is ("@" in canary) and value.startswith("+") is canary.startswith("+")
                if shaped and fits(canary):
                    return canary
            return value
        case Mapping():
            made = dict(value)
            for name, part in value.items():
                made[name] = planted(part, lambda new, name=name: fits({**made, name: new}), number)
            return made
        case list() | tuple():
            parts = list(value)
            for at, part in enumerate(parts):
                parts[at] = planted(
                    part, lambda new, at=at: fits([*parts[:at], new, *parts[at + 1 :]]), number
                )
            return parts
        case _:
            return value


def items_of(client: Client, golden: Golden) -> list[Any]:
    """Return two items like the golden's own, full of canaries; none for what takes no item."""
    kind = client.kind(client.operations()[golden.operation])
    if isinstance(kind, Nothing):
        return []
    given = golden.arguments[0]
    first = given[0] if isinstance(given, list) else given
    if isinstance(kind, Rows):
        first = kind.mapping(first)
    return [planted(first, lambda new: not kind.check([new]), number) for number in (0, 1)]


class Shown:
    """Everything that we show to anybody, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.registry = CollectorRegistry()
        self.hook = hooks(
            Telemetry(tracers, MeterProvider([self.reader], shutdown_on_exit=False)),
            PrometheusMetrics(self.registry),
            self.event,
        )

    def show(self, where: str, *texts: object) -> None:
        for text in texts:
            self.texts.setdefault(text if isinstance(text, str) else repr(text), where)

    def event(self, event: Event) -> None:
        self.show("an event", event)

    def error(self, where: str, error: BaseException) -> None:
        self.show(where, str(error), error, *getattr(error, "__notes__", ()))
        self.show(f"{where}, its traceback", "".join(traceback.format_exception(error)))
        back = pickle.loads(pickle.dumps(error))
        self.show(f"{where}, pickled", str(back), back)
        for name in ("reason", "words", "remedy", "code"):
            self.show(f"{where}, its {name}", str(getattr(error, name, "")))

    def report(self, where: str, report: Any) -> None:
        self.show(where, report, report.sentence(), report.reasons, report.warnings)
        if report.stopped is not None:
            self.error(f"{where}, what stopped it", report.stopped)
        for outcome in report.undelivered:
            self.outcome(where, outcome)

    def outcome(self, where: str, outcome: Any) -> None:
        self.show(f"{where}, an outcome", outcome, str(outcome))
        if hasattr(outcome, "reason"):
            self.error(f"{where}, an outcome's reason", outcome.reason)

    def leaks(self) -> list[str]:
        spans = [span.to_json() for span in self.exporter.get_finished_spans()]
        self.show("a span", *spans)
        data = self.reader.get_metrics_data()
        self.show("a metric", data.to_json() if data else "", generate_latest(self.registry).decode())
        return [
            f"{where} shows {sorted(found)}: {text[:1500]}"
            for text, where in self.texts.items()
            if (found := {*WORDS.findall(text), *leaks(text)})
        ]


@pytest.fixture
def shown() -> Iterator[Shown]:
    shown, log = Shown(), logging.getLogger("netaudience")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.show("the log", self.format(record), vars(record))

    handler, level = Keep(), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield shown
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with echoing() as echo:
        yield echo


each_vendor = pytest.mark.parametrize("table", TABLES, ids=[table.vendor.slug for table in TABLES])
#: Nobody knows where it is, so that nothing is sent.
UNCONFIRMED = {"refresh_group"}
IMPATIENT = RetryPolicy(attempts=2, first_wait=0.0)


async def carry_all_ways(shown: Shown, client: Client, operation: Operation, golden: Golden) -> None:
    """Call an operation as it can be called, and show all that comes of it."""
    name, ask = operation.name, getattr(client, operation.name)
    items = items_of(client, golden)
    shown.show(name, ask)

    async def attempt(where: str, awaitable: Any) -> None:
        try:
            got = await awaitable
        except NetaudienceError as error:
            shown.error(f"{where}, its error", error)
            if (report := getattr(error, "report", None)) is not None:
                shown.report(f"{where}, its report", report)
        else:
            # A typed answer has what was asked for, and shows only what is not personal.
            shown.show(f"{where}, its answer", got)

    async def rows() -> None:
        pages = ask(**golden.options)
        shown.show(name, pages)
        async for row in pages:
            shown.show(f"{name}, a row", row)

    async def streamed(run: Any) -> None:
        shown.show(name, run)
        async with run as outcomes:
            shown.show(name, outcomes)
            async for chunk in outcomes.chunks():
                shown.show(f"{name}, a chunk", chunk)
                for outcome in chunk:
                    shown.outcome(name, outcome)

    match operation.shape:
        case "batch":
            shown.report(name, await ask(items, **golden.options).settled())
            await attempt(f"{name} awaited", ask(items[:1], **golden.options))
            await attempt(f"{name} streamed", streamed(ask(items, **golden.options)))
        case "call":
            await attempt(f"{name} called", ask(items[0], **golden.options))
            if name not in UNCONFIRMED:
                shown.report(f"{name} for each", await ask.each(items, **golden.options).settled())
        case "query":
            await attempt(f"{name} asked", ask(**golden.options))
        case _:
            await attempt(f"{name} read", rows())


@pytest.mark.parametrize("way", WAYS)
@each_vendor
def test_nothing_is_shown_however_a_vendor_fails(table: Table, way: str, echo: Echo, shown: Shown) -> None:
    echo.way = way
    settings = Settings(
        rate=1_000_000, retry=IMPATIENT, on_event=shown.hook, timeout=10, max_answer_bytes=20_000
    )

    async def carry() -> None:
        client = table.vendor.from_environment(settings=settings, environ=environment(table, echo))
        shown.show("a client", client, str(client), settings, client.settings, client._transport)
        async with client:
            # One of each operation: an answer is judged by who sent it, not by what was asked.
            for golden in {golden.operation: golden for golden in reversed(table.golden)}.values():
                await carry_all_ways(shown, client, operation_of(table, golden), golden)

    before = echo.requests
    asyncio.run(carry())
    assert echo.requests > before
    assert shown.leaks() == []


@each_vendor
def test_the_items_are_full_of_canaries(table: Table) -> None:
    """Else nothing could be seen to be shown."""
    client, _ = table.make()
    for golden in table.golden:
        for item in items_of(client, golden):
            assert isinstance(item, int) or WORDS.search(repr(item)), (golden.operation, item)
