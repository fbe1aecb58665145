"""Looks at what a run needs before there is one: ``netaudience doctor``.

Of a vendor it sends one documented read, its client's `probe`, and nothing else. It refuses to guess:
what it could not look at is reported as such.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast

import attrs

from netaudience.cli.display import tell, wrapped
from netaudience.cli.doctor_job import look_at_job
from netaudience.cli.findings import Finding, wrong
from netaudience.cli.output import StandardOutput, json_line, width_of_output
from netaudience.client import Client, shared
from netaudience.engine.retry import RetryPolicy
from netaudience.engine.shared_quota import SharedQuotas
from netaudience.errors import (
    ConfigurationError,
    NetaudienceError,
    NotFound,
    QuotasLost,
    Throttled,
    TransportError,
    Unauthorized,
)
from netaudience.events import Event, RequestEnded
from netaudience.jobs import Job
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.state.run_folder import job_folder
from netaudience.model.facts import Probe
from netaudience.model.retry_after import epoch_of
from netaudience.operations.bound import Pages
from netaudience.quotas.store import QuotaStore
from netaudience.settings import Settings
from netaudience.vendors import client_of, names

#: Seconds that a vendor has for its answer.
_PATIENCE = 15.0
#: Seconds that this machine's clock may be off before it is told: a ``Date`` has whole seconds.
_SKEW = 5.0
#: Bytes of a disk below which a night may not fit.
_ROOM = 1_000_000_000
#: What each extra of the package brings.
_EXTRAS = {
    "cli": "duckdb",
    "xlsx": "python_calamine",
    "otel": "opentelemetry",
    "prometheus": "prometheus_client",
    "openlineage": "openlineage",
    "dlt": "dlt",
    "mcp": "mcp",
    "celery": "celery",
    "django": "django",
    "fastapi": "fastapi",
    "redis": "redis",
    "postgresql": "asyncpg",
    "postgresql-source": "adbc_driver_postgresql",
    "flightsql": "adbc_driver_flightsql",
    "snowflake": "snowflake",
    "bigquery": "google.cloud.bigquery",
    "databricks": "databricks",
    "delta": "deltalake",
    "iceberg": "pyiceberg",
    "objects": "obstore",
    "spark": "pyspark",
}


def see_doctor(vendors: Sequence[str], job: Path | None, *, as_json: bool) -> int:
    """Look at everything, print it, and return the exit code: that of the first thing that is wrong.

    Raises:
        ConfigurationError: there is no such vendor, or the job file is wrong.
    """
    findings = asyncio.run(_all(vendors, job))
    output = StandardOutput()
    if as_json:
        output.write_all([json_line(attrs.asdict(each) | {"code": int(each.code)}) for each in findings])
    else:
        output.write_all([f"{line}\n".encode() for line in _lines(findings, width_of_output())])
    bad = [each for each in findings if each.verdict == "wrong"]
    if bad:
        tell(f"{len(bad)} of {len(findings)} are not as a run needs them: mend the first, and look again")
    return bad[0].code if bad else ExitCode.DELIVERED


def _lines(findings: Sequence[Finding], width: int | None) -> Iterator[str]:
    about = max(len(each.about) for each in findings)
    check = max(len(each.check) for each in findings)
    for each in findings:
        first = f"{each.verdict:7}  {each.about:{about}}  {each.check:{check}}  "
        yield from wrapped(each.sentence, first, width)


async def _all(vendors: Sequence[str], path: Path | None) -> list[Finding]:
    job = None if path is None else Job.load(path)
    chosen = list(vendors) or sorted({step.vendor for step in job.steps} if job else _with_credentials())
    clients = [client_of(slug) for slug in chosen]
    if job is None:
        return [each async for each in look(clients, Path(".netaudience"))]
    found = [each async for each in look(clients, job_folder(job))]
    return [*found, *await look_at_job(job)]


def _with_credentials() -> set[str]:
    """Return the vendors of whom any variable is set."""
    set_here = tuple(os.environ)
    return {
        slug for slug in names() if any(name.startswith(f"NETAUDIENCE_{slug.upper()}_") for name in set_here)
    }


async def look(clients: Sequence[type[Client]], runs: Path) -> AsyncIterator[Finding]:
    """Look at this machine, and at the accounts of these vendors.

    Args:
        clients: The vendors.
        runs: The folder of runs.
    """
    for each in _machine():
        yield each
    yield _writable(runs)
    store = None
    try:
        store = shared(None, None).quotas
    except ConfigurationError as error:
        yield wrong("machine", "quotas", error)
    if not clients:
        yield Finding(
            "vendors",
            "credentials",
            "wrong",
            "No vendor's variables are set here: set those of its page, such as NETAUDIENCE_NETMERA_API_KEY",
            ExitCode.USAGE,
        )
    elif store is not None:
        kept = await _quotas(store)
        yield kept
        if kept.verdict == "wrong":
            store = None  # the vendors are asked all the same
    environ = {
        name: value
        for name, value in os.environ.items()
        if store or not name.startswith("NETAUDIENCE_QUOTAS")
    }
    for found in await asyncio.gather(*(_account(client, environ) for client in clients)):
        for each in found:
            yield each


def _machine() -> Iterator[Finding]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("netaudience", "aiohttp"))
    yield Finding("machine", "versions", "ok", f"{packages}, Python {platform.python_version()}")
    there = {name: _is_installed(module) for name, module in _EXTRAS.items()}
    missing = [name for name, found in there.items() if not found]
    finding = f"installed: {', '.join(name for name in there if name not in missing)}"
    if missing:
        finding += f"; not installed: {', '.join(missing)}"
    yield Finding("machine", "extras", "ok", finding)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package within packages
        return False


def _writable(folder: Path) -> Finding:
    """Write a file where runs are kept, or where their folder would be made, and take it away again."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".netaudience-doctor-") as file:
            file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        room = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(
            "machine",
            "runs folder",
            "wrong",
            f"{folder} cannot be written ({error.strerror}): give its owner the right, or name another "
            "folder in [runs] of the job",
            ExitCode.FAILED,
        )
    finding = f"{folder} can be written, {room / 1e9:,.1f} GB are free"
    if room < _ROOM:
        return Finding("machine", "runs folder", "warning", f"{finding}: a large run may need more")
    return Finding("machine", "runs folder", "ok", finding)


async def _quotas(store: SharedQuotas) -> Finding:
    """Read what the store keeps: nothing is lent, and nobody's state changes."""
    try:
        if isinstance(store, QuotaStore):
            await asyncio.wait_for(store.read(), _PATIENCE)
        await store.aclose()
    except QuotasLost as error:
        finding = f"{error}: look at what NETAUDIENCE_QUOTAS names"
        return Finding("machine", "quotas", "wrong", finding, ExitCode.FAILED)
    except NetaudienceError as error:
        return wrong("machine", "quotas", error)
    except TimeoutError:
        finding = f"The store does not answer within {_PATIENCE:g} s: look at what NETAUDIENCE_QUOTAS names"
        return Finding("machine", "quotas", "wrong", finding, ExitCode.FAILED)
    return Finding("machine", "quotas", "ok", f"{store!r} answers")


async def _account(vendor: type[Client], environ: Mapping[str, str]) -> list[Finding]:
    """Look at the credentials of one account, at the way to its vendor, and at its vendor's clock."""
    ended: list[RequestEnded] = []

    def watch(event: Event) -> None:
        if isinstance(event, RequestEnded):
            ended.append(event)

    settings = Settings(
        on_event=watch,
        deadline=_PATIENCE,
        # One that is busy or in trouble is reported, and not waited for.
        retry=RetryPolicy(attempts=2, first_wait=0.2, throttle_patience=0.0),
    )
    try:
        client = vendor.from_environment(settings=settings, environ=environ)
    except ConfigurationError as error:
        return [wrong(vendor.slug, "credentials", error)]
    if vendor.probe is None:
        finding = "they are set; there is no read by which they could be tried"
        return [Finding(vendor.slug, "credentials", "warning", finding)]
    async with client:
        found = [await _asked(client, vendor.probe)]
    answered = [each for each in ended if each.status is not None]
    if answered:
        last = answered[-1]
        finding = f"{last.host} answers in {last.seconds * 1000:,.0f} ms"
        found.insert(0, Finding(vendor.slug, "reachable", "ok", finding))
        found.extend(_clock(vendor, last))
    return found


async def _asked(client: Client, probe: Probe) -> Finding:
    """Ask the vendor, and tell what it says to the credentials."""
    slug, name = client.slug, probe.operation.replace("_", "-")
    items = [] if probe.item is None else [probe.item]
    asked = f"netaudience {slug} {name}"
    try:
        answer = getattr(client, probe.operation)(*items)
        if isinstance(answer, Pages):
            await anext(cast("Pages[object, object]", answer).pages(), None)  # one page tells enough
        else:
            await answer
    except NotFound:
        pass  # whoever may hear that somebody is not there is let in
    except Throttled as error:
        return Finding(slug, "credentials", "warning", f"{client.vendor} asks to slow down: {error}")
    except Unauthorized as error:
        finding = f"{error} {probe.needs.capitalize()}." if probe.needs else str(error)
        return Finding(slug, "credentials", "wrong", finding, ExitCode.UNAUTHORIZED)
    except TransportError as error:
        return wrong(slug, "reachable", error)
    except NetaudienceError as error:
        return wrong(slug, "answer", error)
    return Finding(slug, "credentials", "ok", f"they are accepted: {asked} was answered")


def _clock(vendor: type[Client], request: RequestEnded) -> Iterator[Finding]:
    """Compare this machine's clock with the vendor's, as it was about the middle of the exchange."""
    theirs = epoch_of(request.date)
    if theirs is None:
        yield Finding(vendor.slug, "clock", "warning", "its answer has no Date to compare with")
        return
    # A Date is cut to its second, so on the average it was half a second later.
    off = time.time() - request.seconds / 2 - (theirs + 0.5)
    if abs(off) <= _SKEW:
        yield Finding(vendor.slug, "clock", "ok", f"this machine's is at most {_SKEW:g} s away from it")
        return
    way = "ahead of" if off > 0 else "behind"
    yield Finding(
        vendor.slug,
        "clock",
        "warning",
        f"this machine's is {abs(off):,.0f} s {way} the vendor's: set it by NTP, for times of events and "
        "signatures are judged by it",
    )
