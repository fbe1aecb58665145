"""Nothing that a person or a credential could be known by is shown anywhere, however badly a vendor behaves.

Every operation of every vendor is called with items full of canaries, at a vendor that repeats everything;
then all that we show is looked through: texts, reprs and tracebacks of errors, reports, the log at DEBUG,
events, spans, metrics, what a command prints, what a job leaves. Items are kept in two documented places, and
nowhere else: what was not delivered (a command's standard output, a job's rejects), and a run's journal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import leak_watch
import pytest
from echoing import COMMANDING, WAYS, Echo, echoing
from leak_watch import leaks
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from scripted_vendors import Golden, Table
from tables import TABLES, operation_of

from netaudience import NetaudienceError, NetmeraClient, RetryPolicy, Settings
from netaudience.cli import main
from netaudience.client import Client
from netaudience.errors import visible
from netaudience.events import Event, hooks
from netaudience.integrations.opentelemetry import Telemetry
from netaudience.integrations.prometheus import PrometheusMetrics
from netaudience.jobs import Job
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.model.kinds import Nothing
from netaudience.model.rows import Rows
from netaudience.operations.dispatch import Operation
from netaudience.vendors import clients

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
    "moengage": {"WORKSPACE_ID": "KANARYAWORKSPACE1", "DATA_API_KEY": "kanarya_data_key_22",
        "DB_NAME": "KANARYADB1"},
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
    kind = client.kind(client.operations()[golden.operation], golden.options)
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
        for name in ("reason", "vendor_message", "remedy", "code"):
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

    def files(self, folder: Path) -> None:
        """Show what a run leaves, but for the two places in which items are kept, and the source itself."""
        for path in sorted(folder.rglob("*")):
            kept = path.suffix in {".sqlite", ".duckdb"} or path.name in {"rejects.jsonl", "users.csv"}
            if path.is_file() and not kept:
                text = path.read_text(encoding="utf-8", errors="replace")
                # Digests of rows are nothing to read.
                told = visible(text) if path.suffix == ".rejected" else text
                self.show(str(path.relative_to(folder)), told)

    def leaks(self) -> list[str]:
        spans = [span.to_json() for span in self.exporter.get_finished_spans()]
        self.show("a span", *spans)
        data = self.reader.get_metrics_data()
        self.show("a metric", data.to_json() if data else "", generate_latest(self.registry).decode())
        return [
            f"{where} shows {sorted(found)}: {text[:1500]}"
            for text, where in self.texts.items()
            if (found := {*WORDS.findall(text), *leaks(text), *(text if text != visible(text) else ())})
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


#: Every way at every vendor: each way at one vendor at once, at the others with the slow tests.
EACH = [
    pytest.param(
        table, way, id=f"{table.vendor.slug}-{way}",
        marks=() if place == number % len(TABLES) else pytest.mark.slow,
    )
    for number, way in enumerate(way for way in WAYS if way != "no token")
    for place, table in enumerate(TABLES)
]  # fmt: skip


@pytest.mark.parametrize(("table", "way"), EACH)
def test_nothing_is_shown_however_a_vendor_fails(table: Table, way: str, echo: Echo, shown: Shown) -> None:
    echo.way = way
    settings = Settings(rate=1_000_000, retry=IMPATIENT, on_event=shown.hook, timeout=10)

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


def test_the_net_holds(echo: Echo, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the one guard gone that leaves a vendor's words out, it is found everywhere."""
    monkeypatch.setattr(leak_watch, "_watch", leak_watch.Watch())  # its own net would be full, too
    monkeypatch.setattr("netaudience.errors.scrub", lambda words: words)
    (netmera,) = [table for table in TABLES if table.vendor.slug == "netmera"]
    with pytest.raises(AssertionError, match="shows"):
        test_nothing_is_shown_however_a_vendor_fails(netmera, "400", echo, shown)
    places = {
        where.partition(" ")[0] for where, _, _ in (leak.partition(" shows ") for leak in shown.leaks())
    }
    assert {"the", "tag_users", "get_devices"} <= places
    assert leak_watch._watch.found()


def test_nothing_is_shown_where_no_token_is_given(echo: Echo, shown: Shown) -> None:
    (fynd,) = [table for table in TABLES if table.vendor.slug == "fynd"]
    test_nothing_is_shown_however_a_vendor_fails(fynd, "no token", echo, shown)


@each_vendor
def test_the_items_are_full_of_canaries(table: Table) -> None:
    """Else nothing could be seen to be shown."""
    client, _ = table.make()
    for golden in table.golden:
        for item in items_of(client, golden):
            assert isinstance(item, int) or WORDS.search(repr(item)), (golden.operation, item)


# The command, and jobs.

PEOPLE = [
    {"extId": name, "profile": {"name": name, "mail": email, "phone": phone}}
    for name, email, phone in zip((NAMES[0], MORE_NAMES[0]), EMAILS, TELEPHONES, strict=True)
]
#: A name that would command a terminal, as a file or a column may have it.
ODD = COMMANDING.replace("\0", "").replace("\r", "")
ODD_FILE = f"{ODD}.csv"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "ids": ("netmera", "tag-users", "--tag", "Sport", "ids.txt"),
    "rows": ("netmera", "set-profile-attributes", "rows.jsonl"),
    "a call": ("netmera", "get-devices", "--item", NAMES[1]),
    "other rows": ("iterable", "bulk-update-users", "users.jsonl"),
    "other calls": ("iterable", "get-user-by-email", "--item", EMAILS[0]),
    "wrong rows": ("netmera", "set-profile-attributes", "wrong.jsonl"),
    "no rows": ("netmera", "set-profile-attributes", "broken.jsonl"),
    "odd columns": ("netmera", "set-profile-attributes", ODD_FILE),
    "odd identifiers": ("netmera", "tag-users", "--tag", "Sport", "odd.txt"),
    "a file that is not there": ("netmera", "tag-users", "--tag", "Sport", f"no{ODD_FILE}"),
}
FAILURES = ("400", "401", "no http")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, echo: Echo) -> None:
    """Point the vendors' clients at the echo, and let them give up at once."""
    for table in TABLES:
        for name, value in environment(table, echo).items():
            monkeypatch.setenv(name, value)
    for vendor in clients():
        make = vendor.from_environment

        def made(*, settings: Settings, make: Any = make, **given: Any) -> Client:
            return make(settings=attrs.evolve(settings, retry=IMPATIENT), **given)

        monkeypatch.setattr(vendor, "from_environment", made)


def write_sources(folder: Path) -> None:
    def lines(*rows: object) -> str:
        return "".join(f"{json.dumps(row)}\n" for row in rows)

    (folder / "ids.txt").write_text("\n".join([*EMAILS, *TELEPHONES, *NAMES, *MORE_NAMES, ""]))
    (folder / "rows.jsonl").write_text(lines(*PEOPLE))
    users = [
        {"email": email, "dataFields": {"name": name}} for email, name in zip(EMAILS, NAMES, strict=True)
    ]
    (folder / "users.jsonl").write_text(lines(*users))
    (folder / "wrong.jsonl").write_text(lines({"extId": [EMAILS[0]], "profile": NAMES[0]}, {EMAILS[1]: 1}))
    (folder / "broken.jsonl").write_text(f'{{"extId": "{EMAILS[0]}", "profile": {NAMES[0]}}}\n')
    (folder / "odd.txt").write_text(f"a{COMMANDING}\n")
    (folder / ODD_FILE).write_text(f'"ext{ODD}","{ODD}"\n"{ODD}","{ODD}"\n', newline="")
    people = [
        f"{row['extId']},{email},{phone}"
        for row, email, phone in zip(PEOPLE, EMAILS, TELEPHONES, strict=True)
    ]
    (folder / "users.csv").write_text("\n".join(["user_id,mail,phone", *people, ""]))


@pytest.mark.parametrize("way", FAILURES)
@pytest.mark.usefixtures("impatient")
def test_a_command_shows_nothing(
    way: str,
    echo: Echo,
    shown: Shown,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """But for the items that were not delivered, which are its output."""
    echo.way = way
    monkeypatch.chdir(tmp_path)
    write_sources(tmp_path)
    for name, command in COMMANDS.items():
        code = main([*command, "--rate", "1000"])
        assert code, name
        captured = capsysbinary.readouterr()
        # What is asked for is named as it was written: a user's own word in a sentence to that user.
        shown.show(f"the command of {name}", captured.err.decode())
        for line in captured.out.splitlines():
            told = json.loads(line)
            kept = {part: told.pop(part, None) for part in ("row", "key", "arguments")}
            # Of a row that has none of the step's columns there is nothing to show.
            assert any(kept.values()) or told["by"] in {"source", "rule"}, (name, line)
            shown.show(f"the output of {name}", json.dumps(told))
    assert shown.leaks() == []


@pytest.mark.parametrize("column", [ODD, "none such"])
@pytest.mark.parametrize("file", [ODD_FILE, f"no{ODD_FILE}"])
def test_a_job_over_odd_names_commands_no_terminal(
    file: str, column: str, echo: Echo, shown: Shown, tmp_path: Path
) -> None:
    """Neither by what it raises, which programs print, nor by what it leaves."""
    echo.way = "400"
    write_sources(tmp_path)
    step = Step(
        name="set", vendor="netmera", operation="set_profile_attributes", rate=1000,
        fields={"ext_id": Expression(column=f"ext{ODD}"), f"profile.{ODD}": Expression(column=column)},
    )  # fmt: skip
    source = Source(files=(file,), key=(f"ext{ODD}",))
    job = Job(name="nightly", path=tmp_path / "job.toml", source=source, steps=(step,))

    def make(_vendor: type[Client], settings: Settings) -> Client:
        settings = attrs.evolve(settings, retry=IMPATIENT)
        return NetmeraClient(CREDENTIALS["netmera"]["API_KEY"], base_url=echo.url, settings=settings)

    async def carry() -> None:
        try:
            summary = await run_job(job, client_factory=make, signals=False)
            shown.show("the summary", summary, summary.markdown(), str(summary), *summary.sentences())
            summary.raise_for_undelivered()
        except NetaudienceError as error:
            shown.error("the job's error", error)

    asyncio.run(carry())
    shown.files(tmp_path / ".netaudience")
    assert shown.texts
    assert shown.leaks() == []


@pytest.mark.parametrize("way", ["400", "no http"])
def test_a_job_leaves_nothing_for_people_to_read(
    way: str, echo: Echo, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo.way = way
    write_sources(tmp_path)
    page = tmp_path / "page.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    person = Expression(column="user_id")
    steps = (
        Step(name="tag", vendor="netmera", operation="tag_users", arguments={"tag": "Sport"}, rate=1000,
             fields={"ext_id": person}),
        Step(name="set", vendor="netmera", operation="set_profile_attributes", rate=1000,
             fields={"ext_id": person, "profile.mail": Expression(column="mail"),
                     "profile.phone": Expression(column="phone")}),
    )  # fmt: skip
    source = Source(files=("users.csv",), key=("user_id",))
    job = Job(name="nightly", path=tmp_path / "job.toml", source=source, steps=steps)

    def make(_vendor: type[Client], settings: Settings) -> Client:
        settings = attrs.evolve(settings, retry=IMPATIENT)
        return NetmeraClient(CREDENTIALS["netmera"]["API_KEY"], base_url=echo.url, settings=settings)

    async def carry() -> None:
        for retry in (None, "latest"):  # the second from the rejects of the first
            summary = await run_job(job, client_factory=make, signals=False, retry=retry, report=not retry)
            assert not summary.ok
            shown.show("the summary", summary, summary.markdown(), str(summary))
            try:
                summary.raise_for_undelivered()
            except NetaudienceError as error:
                shown.error("the job's error", error)

    asyncio.run(carry())
    shown.files(tmp_path / ".netaudience")
    shown.show("the page of the build", page.read_text())
    assert shown.leaks() == []
