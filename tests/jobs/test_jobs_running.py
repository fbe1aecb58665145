"""Runs of jobs against a sandbox: every row in one count, whatever stops, fails, or changes on the way."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from job_runs import (
    CREDENTIALS,
    DEMERGE,
    FIRE,
    ID,
    IMPATIENT,
    SET,
    TAG,
    applied,
    counts,
    make_job,
    people,
    rejects,
    run,
    write_rows,
)

from netaudience.client import Client
from netaudience.errors import ConfigurationError, JournalFailed
from netaudience.jobs.columns.comparison import Asking
from netaudience.jobs.extract.scan import Scan
from netaudience.jobs.extract.table import Table, open_source
from netaudience.jobs.spec.model import Expression, Guards, Source, Step
from netaudience.jobs.state.rejects import Rejects
from netaudience.jobs.state.run_folder import RunFolder, job_folder, runs_of
from netaudience.jobs.state.summary import JobFailed
from netaudience.sandbox import Fault, Sandbox
from netaudience.settings import Settings

pytest.importorskip("duckdb")


@pytest.mark.asyncio
async def test_one_reading_feeds_steps_of_several_vendors(tmp_path: Path) -> None:
    rows = {**people(2500), "id00007": "many", "": 3, "id\t9": 4}
    write_rows(tmp_path, rows)
    looks: list[int] = []
    steps = (TAG, attrs.evolve(SET, where="age <> '5'"), DEMERGE)
    async with Sandbox() as sandbox:
        summary = await run(
            make_job(tmp_path, *steps),
            sandbox,
            on_progress=lambda told: looks.append(told.steps[0].delivered),
        )
        five = sum(age == 5 for age in rows.values())
        assert counts(summary) == {
            "tag": (2502, 2500, 2, 0, 0, 0, 0),
            "set": (2502 - five, 2499 - five, 3, 0, 0, 0, 0),
            "demerge": (2502, 2500, 2, 0, 0, 0, 0),
        }
        assert applied(sandbox, "netmera", "tag_users") == (2500, 2500)
        assert applied(sandbox, "netmera", "set_profile_attributes") == (2499 - five, 2499 - five)
        assert applied(sandbox, "clevertap", "demerge") == (2500, 2500)
    assert looks[-1] == 2500
    assert (summary.exit_code, summary.finished, summary.source_rows) == (3, True, 2502)
    wrong = {(line["step"], line["position"]) for line in rejects(summary)}
    assert wrong == {(step, row) for step in ("tag", "set", "demerge") for row in (2501, 2502)} | {("set", 8)}
    with pytest.raises(JobFailed, match="2 rejected"):
        summary.raise_for_undelivered()


@pytest.mark.asyncio
async def test_a_run_that_is_finished_is_told_again_and_reads_and_sends_nothing(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(300), "id00007": "many"})
    job = make_job(tmp_path, TAG, SET)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        told = rejects(first)
        requests = len(sandbox.ledger.requests)
        (tmp_path / "users.csv").rename(tmp_path / "users.old")
        again = await run(job, sandbox, resume="latest")
        assert again == first
        (tmp_path / "users.old").rename(tmp_path / "users.csv")
        # Where one of its files is lost, it is read once more and writes it anew.
        (Path(first.folder) / "rejects.jsonl").unlink()
        again = await run(job, sandbox, resume="latest")
        assert len(sandbox.ledger.requests) == requests
    assert counts(again) == counts(first)
    assert (again.run, again.attempts) == (first.run, 2)
    assert [step.resumed for step in again.steps] == [300, 299]
    assert [step.requests for step in again.steps] == [step.requests for step in first.steps]
    assert rejects(again) == told


@pytest.mark.asyncio
async def test_a_step_whose_vendor_is_down_stops_and_the_other_goes_on_to_its_end(tmp_path: Path) -> None:
    write_rows(tmp_path, people(6000))
    job = make_job(tmp_path, TAG, DEMERGE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, vendor="netmera", after=10)])
        summary = await run(job, sandbox)
        tag, demerge = summary.steps
        assert (demerge.delivered, demerge.stopped) == (6000, None)
        assert (tag.delivered, tag.stopped_by) == (500, "Unavailable")
        assert tag.rows == 6000
        assert tag.unsent > 1000
        assert (summary.exit_code, summary.finished) == (1, False)
        # What a gateway has answered may have been done; sent again when the run goes on, it does no harm.
        assert {line["outcome"] for line in rejects(summary)} == {"failed", "in_doubt"}

        sandbox.set_faults([])
        again = await run(job, sandbox, resume=summary.run)
        assert again.exit_code == 0
        assert counts(again) == {"tag": (6000, 6000, 0, 0, 0, 0, 0), "demerge": (6000, 6000, 0, 0, 0, 0, 0)}
        assert applied(sandbox, "netmera", "tag_users") == (6000, 6000)
        assert applied(sandbox, "clevertap", "demerge") == (6000, 6000)
        assert rejects(again) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("after", [2, 3], ids=["half way", "at the last request"])
async def test_what_a_run_has_rejected_itself_is_not_the_last_runs_when_it_is_gone_on_with(
    tmp_path: Path, after: int
) -> None:
    rows = {**people(200), "id00000": "none", "id00001": "few"}
    write_rows(tmp_path, rows)
    job = make_job(tmp_path, attrs.evolve(SET, in_flight=1))
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        assert (first.steps[0].rejected, first.steps[0].known) == (2, 0)
        write_rows(tmp_path, rows | {"id00002": "many", "id00150": "some"})
        sandbox.set_faults([Fault("status", status=503, vendor="netmera", after=after)])
        stopped = await run(job, sandbox)
        assert (stopped.exit_code, stopped.steps[0].known) == (1, 2)
        sandbox.set_faults([])
        again = await run(job, sandbox, resume=stopped.run)
        assert (again.steps[0].rejected, again.steps[0].known) == (4, 2)
        last = await run(job, sandbox)
        assert (last.steps[0].rejected, last.steps[0].known) == (4, 4)


@pytest.mark.asyncio
async def test_a_vendor_that_is_down_does_not_put_everything_in_doubt_that_must_not_be_repeated(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path, people(6000))
    job = make_job(tmp_path, DEMERGE)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=10)])
        (step,) = (await run(job, sandbox)).steps
        assert (step.delivered, step.stopped_by) == (500, "Unavailable")
        assert 2 * 50 <= step.in_doubt <= 4 * 50  # two attempts, and what was out beside them
        assert step.unsent + step.failed == 6000 - 500 - step.in_doubt
        sandbox.set_faults([])
        again = await run(job, sandbox, resume="latest")
    assert again.exit_code == 3
    assert counts(again) == {"demerge": (6000, 6000 - step.in_doubt, 0, 0, step.in_doubt, 0, 0)}
    assert {line["outcome"] for line in rejects(again)} == {"in_doubt"}
    assert len(rejects(again)) == step.in_doubt


@pytest.mark.asyncio
async def test_credentials_that_are_wrong_are_told_by_their_exit_code(tmp_path: Path) -> None:
    write_rows(tmp_path, people(100))
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=401)])
        summary = await run(make_job(tmp_path, TAG), sandbox)
    assert (summary.exit_code, summary.steps[0].delivered) == (4, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("step", [TAG, DEMERGE], ids=["repeatable", "once"])
async def test_a_run_against_a_server_that_is_not_there_goes_on_when_the_address_is_mended(
    tmp_path: Path, step: Step
) -> None:
    write_rows(tmp_path, people(2000))
    job = make_job(tmp_path, step)

    def nowhere(vendor: type[Client], settings: Settings) -> Client:
        settings = attrs.evolve(settings, retry=IMPATIENT)
        # Nobody listens on the port of tcpmux.
        return vendor(*CREDENTIALS[vendor.slug], base_url="http://127.0.0.1:1", settings=settings)  # type: ignore[call-arg]

    async with Sandbox() as sandbox:
        first = await run(job, sandbox, client_factory=nowhere)
        (told,) = first.steps
        assert (told.delivered, told.in_doubt, told.rejected) == (0, 0, 0)
        assert told.stopped_by == "ConnectionFailed"
        assert "look at the base URL" in str(told.stopped)
        assert (first.exit_code, first.finished) == (1, False)
        assert f"netaudience resume {Path(first.folder)}" in first.sentences()[-1]
        again = await run(job, sandbox, resume=first.run)
        assert counts(again) == {step.name: (2000, 2000, 0, 0, 0, 0, 0)}
        (Path(first.folder) / "summary.json").unlink()  # else it is reported as finished
        with pytest.raises(ConfigurationError, match=r"begun with another account .* or start a new run"):
            await run(job, sandbox, resume=first.run, client_factory=nowhere)


@pytest.mark.asyncio
async def test_what_the_vendor_refuses_is_told_by_row_with_its_words(tmp_path: Path) -> None:
    write_rows(tmp_path, people(400))
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("poison", ids=["id00123"], operation="tag_users")])
        summary = await run(make_job(tmp_path, TAG), sandbox)
        (line,) = rejects(summary)
        assert (line["step"], line["position"], line["key"], line["outcome"]) == (
            "tag",
            124,
            "id00123",
            "rejected",
        )
        assert line["status"] == 400
        assert line["row"] == {"user_id": "id00123", "age": str(123 % 90)}
        assert line["fields"] == {"ext_id": "user_id"}
        again = await run(make_job(tmp_path, TAG), sandbox, resume="latest")
        (told,) = rejects(again)
    assert {**told, "words": None, "code": None} == {**line, "words": None, "code": None}
    assert (told["status"], str(told["code"])) == (400, str(line["code"]))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param("rows", "The source has changed since the run .* start a new run", id="source"),
        pytest.param("fields", "The job has changed since the run .* began, in tag:", id="mapping"),
        pytest.param("steps", "The job has changed since the run .* began, in set:", id="steps"),
        pytest.param("journal", r"The journal tag\.sqlite of the run .* is damaged", id="journal"),
        pytest.param(
            "cut", r"The journal tag\.sqlite of the run .* (is damaged|malformed)", id="cut journal"
        ),
        pytest.param("no journal", r"The journal tag\.sqlite of the run .* is missing", id="no journal"),
        pytest.param("run.json", r"The run\.json of the run .* cannot be read", id="run.json"),
        pytest.param("name", "There is no run 'nonsense': the newest is 2", id="no such run"),
    ],
)
async def test_what_must_not_be_gone_on_with_is_refused_before_anything_is_sent(
    tmp_path: Path, change: str, words: str
) -> None:
    write_rows(tmp_path, people(3000))
    job = make_job(tmp_path, TAG)
    resume = "latest"
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=5)])
        summary = await run(job, sandbox)
        sandbox.set_faults([])
        requests = len(sandbox.ledger.requests)
        folder = RunFolder(Path(summary.folder))
        match change:
            case "rows":
                write_rows(tmp_path, people(3001))
            case "fields":
                other = attrs.evolve(TAG, fields={"ext_id": Expression(sql="upper(user_id)")})
                job = make_job(tmp_path, other)
            case "steps":
                job = make_job(tmp_path, TAG, SET)
            case "journal":
                folder.journal("tag").write_bytes(b"no journal at all" * 1000)
            case "cut":
                whole = folder.journal("tag").read_bytes()
                folder.journal("tag").write_bytes(whole[: len(whole) // 2])
            case "no journal":
                folder.journal("tag").unlink()
            case "run.json":
                (folder.path / "run.json").write_bytes(b'{"job": "nigh')
            case _:
                resume = "nonsense"
        with pytest.raises(ConfigurationError, match=words):
            await run(job, sandbox, resume=resume)
        assert len(sandbox.ledger.requests) == requests


@pytest.mark.asyncio
async def test_pace_and_guards_may_change_between_two_attempts(tmp_path: Path) -> None:
    write_rows(tmp_path, people(1000))
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=5)])
        await run(make_job(tmp_path, TAG), sandbox)
        sandbox.set_faults([])
        larger = attrs.evolve(TAG, max_rows=100)  # a pace of its own, as in another process, would need time
        guards = Guards(max_rejected=None, max_deviation=0.5)
        again = await run(make_job(tmp_path, larger, guards=guards), sandbox, resume="latest")
        assert applied(sandbox, "netmera", "tag_users") == (1000, 1000)
    assert again.exit_code == 0


@pytest.mark.asyncio
async def test_what_a_killed_process_has_cost_is_known_to_the_next_attempt(tmp_path: Path) -> None:
    write_rows(tmp_path, people(2000))
    job = make_job(tmp_path, TAG)
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=10)])
        first = await run(job, sandbox)
        requests = len(sandbox.ledger.requests)
        assert first.steps[0].requests == requests > 10
        # As if it had died before it came to its summary.
        (Path(first.folder) / "summary.json").unlink()
        sandbox.set_faults([])
        again = await run(job, sandbox, resume=first.run)
        assert again.steps[0].requests == len(sandbox.ledger.requests) == requests + 30
        assert again.steps[0].seconds > first.steps[0].seconds > 0


@pytest.mark.asyncio
async def test_a_summary_that_is_cut_is_written_anew(tmp_path: Path) -> None:
    write_rows(tmp_path, people(200))
    job = make_job(tmp_path, TAG)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        path = Path(first.folder) / "summary.json"
        path.write_bytes(path.read_bytes()[:100])
        await run(job, sandbox)  # a new run looks at those before it
        again = await run(job, sandbox, resume=first.run)
    assert counts(again) == counts(first)


@pytest.mark.asyncio
async def test_a_source_that_breaks_is_told_and_what_it_gave_is_settled(tmp_path: Path) -> None:
    write_rows(tmp_path, people(3000))
    job = make_job(tmp_path, TAG, DEMERGE)

    class Breaking:
        def __init__(self, whole: object) -> None:
            self._whole = whole

        def __getattr__(self, name: str) -> object:
            return getattr(self._whole, name)

        def read(self, selections):
            for number, pages in enumerate(self._whole.read(selections)):
                if number == 2:
                    raise OSError("the disk went away")
                yield pages

    async with Sandbox() as sandbox:
        with open_source(job.source, tmp_path) as table:
            summary = await run(job, sandbox, table=Breaking(table))
            assert counts(summary) == {
                "tag": (3000, 2000, 0, 0, 0, 1000, 0), "demerge": (3000, 2000, 0, 0, 0, 1000, 0),
            }  # fmt: skip
            assert {step.stopped_by for step in summary.steps} == {"SourceFailed"}
            assert "OSError" in str(summary.steps[0].stopped)
            again = await run(job, sandbox, table=table, resume=summary.run)
        assert again.ok
        assert applied(sandbox, "clevertap", "demerge") == (3000, 3000)


@pytest.mark.asyncio
async def test_a_task_that_is_cancelled_keeps_its_journal_and_its_summary(tmp_path: Path) -> None:
    write_rows(tmp_path, people(3000))
    job = make_job(tmp_path, attrs.evolve(FIRE, rate=200, max_rows=10))
    async with Sandbox() as sandbox:
        arrived = asyncio.Event()
        task = asyncio.create_task(
            run(job, sandbox, on_progress=lambda told: arrived.set() if told.steps[0].delivered else None)
        )
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (folder,) = runs_of(job_folder(job))
        kept = json.loads(folder.summary.read_bytes())
        assert kept["reconciles"]
        assert 0 < kept["steps"][0]["delivered"] < 3000
        again = await run(job, sandbox, resume="latest")
        report = sandbox.check("netmera", "fire_events")
    assert report.more_than_once == 0
    (step,) = again.steps
    assert step.delivered + step.in_doubt == 3000
    assert 3000 - report.applied <= step.in_doubt


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["all", "changed-only"])
async def test_a_run_that_is_cancelled_while_an_endless_source_is_counted_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    begun = threading.Event()

    def asking(self: Scan, *what: object, own: Callable[..., Asking] = Scan.asking) -> Asking:
        begun.set()
        return own(self, *what)

    monkeypatch.setattr(Scan, "asking", asking)
    endless = "SELECT i AS user_id, 1 AS age FROM range(10000000000000) AS numbers(i)"
    step = attrs.evolve(SET, mode=mode)
    job = attrs.evolve(make_job(tmp_path, step), source=Source(sql=endless, key=("user_id",)))
    if mode == "changed-only":
        monkeypatch.setattr(Table, "count", lambda self, where=None: 1)  # it is staged then
    async with Sandbox() as sandbox:
        task = asyncio.create_task(run(job, sandbox))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not sandbox.ledger.requests
    assert runs_of(job_folder(job)) == []


@pytest.mark.asyncio
async def test_a_slow_step_makes_the_reader_wait(tmp_path: Path) -> None:
    write_rows(tmp_path, people(20_000))
    job = make_job(tmp_path, attrs.evolve(TAG, max_rows=None), attrs.evolve(DEMERGE, max_rows=None))
    ahead: list[int] = []

    class Counting:
        def __init__(self, whole: object, delivered: Callable[[], int]) -> None:
            self._whole, self._delivered = whole, delivered

        def __getattr__(self, name: str) -> object:
            return getattr(self._whole, name)

        def read(self, selections):
            for number, pages in enumerate(self._whole.read(selections)):
                ahead.append(number * 1000 - self._delivered())
                yield pages

    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("latency", seconds=0.01, vendor="clevertap")])

        def delivered() -> int:
            return sum(sandbox.ledger.applied["clevertap", "demerge"].values())

        with open_source(job.source, tmp_path) as table:
            summary = await run(job, sandbox, table=Counting(table, delivered))
    assert summary.ok
    assert max(ahead) <= 6000, "a few pages wait, whatever the source has"


# What stays in the way of writing.


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Give up the rights of root, for whom nothing is read-only, in a folder that anybody may reach."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: what a full disk is to a journal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.asyncio
async def test_a_file_that_could_not_be_written_is_not_named_as_what_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_rows(tmp_path, {**people(20), "": 1})
    job = make_job(tmp_path, TAG)
    async with Sandbox() as sandbox:
        with monkeypatch.context() as patched:
            patched.setattr(Rejects, "_line", full)
            broken = await run(job, sandbox)
        assert "rejects.jsonl could not be written (No space left on device)" in broken.unwritten[0]
        told = broken.sentences()
        assert not any("What was not delivered is in" in sentence for sentence in told), told
        assert told[-1].startswith("Go on with: netaudience resume ")
        whole = await run(job, sandbox, resume=broken.run)
    assert (whole.steps[0].rejected, len(rejects(whole))) == (1, 1)
    assert whole.retry_command is not None


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that is not below one of root's own."""
    folder = Path(tempfile.mkdtemp(prefix="netaudience-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    write_rows(tmp_path, people(10))
    (tmp_path / "file").touch()
    job = make_job(tmp_path, TAG, folder=Path("file/below"))
    async with Sandbox() as sandbox:
        with pytest.raises(JournalFailed, match=r"cannot be written .*set another folder"):
            await run(job, sandbox)
        assert not sandbox.ledger.requests


@pytest.mark.asyncio
async def test_a_folder_that_is_read_only_is_refused_before_anything_is_sent(reachable: Path) -> None:
    write_rows(reachable, people(10))
    job = make_job(reachable, TAG)
    job_folder(job).mkdir(parents=True)
    async with Sandbox() as sandbox:
        with as_nobody(reachable):
            job_folder(job).chmod(0o500)
            with pytest.raises(JournalFailed, match=r"cannot be written .*look at who may write there"):
                await run(job, sandbox)
        assert not sandbox.ledger.requests


@pytest.mark.asyncio
@pytest.mark.parametrize("step", [TAG, FIRE], ids=["repeatable", "not repeatable"])
async def test_a_full_disk_stops_the_run_and_there_is_nothing_that_it_forgets(
    tmp_path: Path, step: Step
) -> None:
    write_rows(tmp_path, people(3000))
    job = make_job(tmp_path, step)
    async with Sandbox() as sandbox:
        with small_disk(100_000):
            summary = await run(job, sandbox)
            assert summary.steps[0].stopped_by == "JournalFailed"
            assert "make room" in str(summary.steps[0].stopped)
            assert summary.exit_code == 1
        # How far it comes is SQLite's affair: with a newer one, all was sent and only not written down.
        assert 0 < summary.steps[0].delivered <= 3000
        again = await run(job, sandbox, resume="latest")
        report = sandbox.check("netmera", step.operation)
    assert again.steps[0].delivered + again.steps[0].in_doubt == 3000
    if step is FIRE:
        assert report.more_than_once == 0
        assert 3000 - report.applied <= again.steps[0].in_doubt
    else:
        assert report.applied == 3000


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["all", "changed-only"])
@pytest.mark.parametrize(
    "bad",
    [{1}, {1000}, {1001}, {999, 1000, 1001}, {2000, 2001}, {2050}, set(range(1001, 2001))],
    ids=["first", "last of a page", "first of a page", "both", "of the next", "last of all", "a whole page"],
)
async def test_a_row_that_is_rejected_at_a_pages_edge_is_that_row_and_no_other(
    bad: set[int], mode: str, tmp_path: Path
) -> None:
    fields = {"identity": ID, "profile_data.Phone": Expression(column="age")}
    step = Step(
        name="step", vendor="clevertap", operation="upload_profiles", fields=fields, rate=1000, mode=mode
    )
    phones = {at: "12 or so" if at in bad else f"+9053{at:08}" for at in range(1, 2051)}
    write_rows(tmp_path, {f"u{at}": phone for at, phone in phones.items()})
    async with Sandbox() as sandbox:
        job = make_job(tmp_path, step, guards=Guards(preflight=False, max_rejected=None))
        summary = await run(job, sandbox)
        held = sandbox.clevertap.profiles
        assert {name: profile.data["Phone"] for name, profile in held.items()} == {
            f"u{at}": phone for at, phone in phones.items() if at not in bad
        }
    assert counts(summary)["step"][:4] == (2050, 2050 - len(bad), len(bad), 0), summary.sentences()
    assert {(line["position"], line["key"]) for line in rejects(summary)} == {(at, f"u{at}") for at in bad}
