"""Nights in a row over public files that nobody here has made, at each vendor and in each mode.

The files keep their shape from night to night: comments, a title, a dialect of their own, a packed array, and
a total at the end. What the vendors hold afterwards is compared with the file, whatever was reported.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import pytest
from job_runs import applied, clients, run
from vendor_nights import CASES, GUARDS, Case

from netaudience.errors import NetaudienceError
from netaudience.jobs import Job
from netaudience.jobs.deliver.repair import repair_run
from netaudience.jobs.deliver.verify import verify_run
from netaudience.jobs.spec.exit_codes import ExitCode, of_error
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Share, Source
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.sandbox import Fault, Sandbox

pytest.importorskip("duckdb")

#: This many rows of a file are read but in the slow tests.
FEW = 40
LATER = timedelta(days=3)


@attrs.frozen(kw_only=True)
class Public:
    """A public file: whose rows it has, and how a night's export of it is written."""

    path: Path
    #: Users and what is known of them.
    rows: Callable[[bytes], Mapping[str, str]]
    #: Returns the file's bytes with other rows; the last ones are about nobody.
    write: Callable[[bytes, Mapping[str, str], Sequence[str]], bytes]
    #: How a job says what it is.
    source: Callable[[bytes], dict[str, Any]]
    #: What somebody makes of an export by mistake.
    mistake: Callable[[bytes], bytes]
    #: What is then reported.
    told: str


def _carried(package: str, name: str) -> Path:
    """Return where a package has its file; one that is not installed has it nowhere."""
    found = find_spec(package)
    return Path(found.origin if found is not None and found.origin is not None else package).parent / name


def _sql(user: str, city: str) -> str:
    return f"""select {user} as user_id, {user} || '@example.com' as email, {city} as city from source"""


def countries(data: bytes) -> dict[str, str]:
    lines = [line for line in data.decode().splitlines() if not line.startswith("#")]
    return dict(line.lower().split("\t") for line in lines)


def with_countries(data: bytes, rows: Mapping[str, str], nobodys: Sequence[str]) -> bytes:
    lines = [line for line in data.decode().splitlines() if line.startswith("#")]
    lines += [f"{code}\t{name}" for code, name in rows.items()]
    return "\n".join([*lines, *(f"\t{name}" for name in nobodys), ""]).encode()


def prices(data: bytes) -> dict[str, str]:
    return {row["Date"]: row["IBM"] for row in csv.DictReader(data.decode().splitlines()[1:]) if row["IBM"]}


def with_prices(data: bytes, rows: Mapping[str, str], nobodys: Sequence[str]) -> bytes:
    title, *table = data.decode().splitlines()
    held = {row["Date"]: row for row in csv.DictReader(table)}
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, table[0].split(","))
    out.write(f"{title}\r\n")
    writer.writeheader()
    writer.writerows({**held.get(day, {}), "Date": day, "IBM": price} for day, price in rows.items())
    writer.writerows({"Date": "", "IBM": name} for name in nobodys)
    return out.getvalue().encode()


def images(data: bytes) -> dict[str, str]:
    return {one["ami_id"]: one["description"] for one in json.loads(gzip.decompress(data))}


def with_images(data: bytes, rows: Mapping[str, str], nobodys: Sequence[str]) -> bytes:
    held = {one["ami_id"]: one for one in json.loads(gzip.decompress(data))}
    made = [{**held.get(key, {}), "ami_id": key, "description": text or None} for key, text in rows.items()]
    made += [{"ami_id": None, "description": name} for name in nobodys]
    return gzip.compress(json.dumps(made).encode())


PUBLIC = {
    "iso3166.tab": Public(
        path=_carried("tzdata", "zoneinfo/iso3166.tab"),
        rows=countries,
        write=with_countries,
        source=lambda data: {
            "format": "tsv",
            "header": ("code", "country"),
            "skip_lines": sum(line.startswith(b"#") for line in data.splitlines()),
            "sql": _sql("code", "country"),
        },
        mistake=lambda data: data.replace(b"\t", b","),
        told="max-rejected",
    ),
    "Stocks.csv": Public(
        path=_carried("matplotlib", "mpl-data/sample_data/Stocks.csv"),
        rows=prices,
        write=with_prices,
        source=lambda _: {"skip_lines": 1, "sql": _sql('"Date"', '"IBM"')},
        mistake=lambda data: data.replace(b"Date,", b"Day,"),
        told="Date",
    ),
    "amis.json.gz": Public(
        path=_carried("moto", "ec2/resources/amis.json.gz"),
        rows=images,
        write=with_images,
        source=lambda _: {"sql": _sql("ami_id", "description")},
        mistake=lambda data: data[: len(data) // 2],
        told="amis.json.gz",
    ),
}


def _modes(case: Case) -> list[str]:
    return ["all", "changed-only", *(["mirror"] if case.step.removal else [])]


NIGHTS = [(name, mode) for name, case in CASES.items() for mode in _modes(case)]
#: A file each that is tried with all tests; every step and mode meets every file in the slow ones.
QUICK = {
    ("netmera profiles", "mirror", "Stocks.csv"),
    ("moengage", "changed-only", "iso3166.tab"),
    ("fynd", "all", "Stocks.csv"),
}
MET = [
    pytest.param(name, mode, file, marks=[] if (name, mode, file) in QUICK else pytest.mark.slow)
    for name, mode in NIGHTS
    for file in PUBLIC
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "mode", "file"), MET)
async def test_nights(
    tmp_path: Path, name: str, mode: str, file: str, request: pytest.FixtureRequest
) -> None:
    case, public = CASES[name], PUBLIC[file]
    if not public.path.is_file():
        pytest.skip(f"the package that carries {file} is not installed")
    step = attrs.evolve(case.step, mode=mode)
    if mode != "mirror":
        step = attrs.evolve(step, removal=None, removal_arguments={})
    export, data = tmp_path / file, public.path.read_bytes()
    few = None if request.node.get_closest_marker("slow") else FEW
    everybody = dict(islice(public.rows(data).items(), few))
    rows = {user: text for user, text in everybody.items() if user not in case.forbids}
    forbidden = len(everybody) - len(rows)
    source = Source(files=(file,), key=("user_id",), **public.source(data))
    guards = attrs.evolve(GUARDS, max_rejected=Share(share=0.5))  # of two rows that were sent one is half
    job = Job(name="nightly", path=tmp_path / "job.toml", steps=(step,), guards=guards, source=source)
    changed, emptied, gone, *_, poisoned = list(rows)
    consent = Consent(yes=True)

    async with Sandbox() as sandbox:
        case.seed(sandbox, [*rows, "new"])

        def held() -> dict[str, object]:
            found = dict(case.held(sandbox))
            return found if case.carries else dict.fromkeys(found, None)

        def wanted(known: Mapping[str, object]) -> dict[str, object]:
            return dict(known) if case.carries else dict.fromkeys(known, None)

        async def night(**how: object) -> tuple[int, int, int]:
            told = (await run(job, sandbox, consent=consent, **how)).steps[0]
            return told.delivered, told.rejected, told.unchanged

        # The first one, in which the vendor refuses somebody for a while.
        export.write_bytes(public.write(data, everybody, ["total"]))
        sandbox.set_faults([Fault("poison", ids=frozenset({poisoned, f"{poisoned}@example.com"}))])
        assert await night() == (len(rows) - 1, 2 + forbidden, 0)
        sandbox.set_faults([])
        assert poisoned not in held()
        assert await night(retry="latest") == (1, 1 + forbidden, 0)
        assert held() == wanted(rows)

        # Nothing has changed.
        again = (len(rows), 1 + forbidden, 0) if mode == "all" else (0, 1 + forbidden, len(rows))
        assert await night() == again
        assert held() == wanted(rows)

        # Somebody has changed, lost a value, gone, and come.
        later = {**everybody, changed: "another", emptied: "", "new": "here"}
        del later[gone]
        export.write_bytes(public.write(data, later, ["total"]))
        before = applied(sandbox, step.vendor, case.route)[1]
        summary = await run(job, sandbox, consent=consent, report=True)
        told = summary.steps[0]
        assert told.rows == told.delivered + told.rejected + told.unchanged == len(later) + 1
        assert mode == "all" or told.delivered <= 3
        expected: dict[str, object] = {**rows, changed: "another", "new": "here"}
        assert held() == wanted(expected)

        # The page says what the summary does, and what has come to the vendor.
        page = (Path(summary.folder) / "report.html").read_text()
        assert _counts(page, "Rows by what became of them") == [
            *(told.rows, told.delivered, told.unchanged, told.rejected),
            *(0, 0, 0),
        ]
        assert _counts(page, "Requests")[:3] == [told.requests, 0, 0], "what was asked before is no sending"
        assert "was resumed" not in page
        assert applied(sandbox, step.vendor, case.route)[1] - before == told.delivered

        # The look afterwards says the same, sees what the vendor has lost since, and sends that again.
        folder = RunFolder(Path(summary.folder))
        how = {"share": 1.0, "client_factory": clients(sandbox), "now": datetime.now(UTC) + LATER}
        seen = await verify_run(job, folder, **how)
        assert seen.ok
        assert (seen.steps[0].chosen, seen.steps[0].problem) == (told.delivered, None)
        assert seen.steps[0].landed == (told.delivered if case.forget else 0), (
            "the others cannot be read back"
        )
        if case.forget:
            case.forget(sandbox, "new")
            assert held() != wanted(expected)
            seen = await verify_run(job, folder, **how)
            assert (seen.wrong, seen.steps[0].landed) == (1, told.delivered - 1)
            mended = await repair_run(
                job, folder, seen, consent=consent, client_factory=clients(sandbox), signals=False
            )
            assert (mended.ok, mended.steps[0].delivered) == (True, 1)
            assert held() == wanted(expected)

        # A mirror takes nothing back while a row does not say whose it is: it may be theirs.
        if mode == "mirror":
            assert "held back: the key" in summary.sentences()[0]
            export.write_bytes(public.write(data, later, []))
            summary = await run(job, sandbox, consent=consent)
            assert summary.steps[0].delivered == 0
            assert summary.steps[1].delivered == summary.steps[1].total > 0
            if case.emptied is None:
                expected[emptied] = None
            expected[gone] = None
            if not case.stays:
                del expected[gone]
            assert held() == wanted(expected)

        # An export that somebody has spoilt does nothing, and takes nothing back.
        export.write_bytes(public.mistake(public.write(data, later, [])))
        code, words = await _code_and_words(job, sandbox, consent)
        assert code != ExitCode.DELIVERED
        assert public.told in words
        assert held() == wanted(expected)


def _counts(page: str, title: str) -> list[int]:
    """Return the counts of a run's only step, as its page has them among all figures."""
    (table,) = re.findall(rf"{title}</h3>.*?<tbody>(.*?)</tbody>", page)
    return [int(cell.replace(",", "")) for cell in re.findall(r">([\d,]+)</td>", table)]


async def _code_and_words(job: Job, sandbox: Sandbox, consent: Consent) -> tuple[int, str]:
    """Return how a run ends, and what it tells."""
    try:
        told = await run(job, sandbox, consent=consent)
    except NetaudienceError as error:
        return of_error(error), str(error)
    return told.exit_code, " ".join(told.sentences())
