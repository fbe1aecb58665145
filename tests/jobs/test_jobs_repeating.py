"""No run sends again what another one has sent: a killed run, a list sent again, clean-up on the way."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from job_runs import FIRE, SET, TAG, applied, counts, make_job, people, rejects, run, write_rows

from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.state.repeating import sending_again, write_sent_again
from netaudience.jobs.state.replay import letters_as_source
from netaudience.jobs.state.run_folder import JobLock, RunFolder, new_run, prune, runs_of
from netaudience.jobs.state.snapshot import Snapshot
from netaudience.sandbox import Fault, Sandbox

pytest.importorskip("duckdb")

MODES = pytest.mark.parametrize("mode", ["all", "changed-only"])


def kill(folder: str) -> None:
    """Leave a run as a process leaves it that dies before it comes to its summary."""
    (Path(folder) / "summary.json").unlink()


@MODES
@pytest.mark.asyncio
async def test_a_killed_run_of_what_must_not_be_repeated_is_to_be_gone_on_with(
    tmp_path: Path, mode: str
) -> None:
    job = make_job(tmp_path, attrs.evolve(FIRE, mode=mode))
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(100))
        first = await run(job, sandbox)
        kill(first.folder)
        for _ in range(2):
            with pytest.raises(GuardRefused, match=f"was killed.* netaudience resume {first.run}"):
                await run(job, sandbox)
        assert applied(sandbox, "netmera", "fire_events") == (100, 100)
        await run(job, sandbox, resume=first.run)
        assert applied(sandbox, "netmera", "fire_events") == (100, 100)
        assert (await run(job, sandbox)).exit_code == 0  # nothing is open any more


@MODES
@pytest.mark.asyncio
async def test_a_killed_run_does_not_hold_up_what_may_be_repeated_nor_who_says_so(
    tmp_path: Path, mode: str
) -> None:
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(100))
        for step, how in ((TAG, {}), (FIRE, {"in_doubt": "resend"})):
            job = make_job(tmp_path, attrs.evolve(step, mode=mode))
            kill((await run(job, sandbox)).folder)
            assert (await run(job, sandbox, **how)).exit_code == 0


@pytest.mark.asyncio
async def test_a_killed_run_that_has_sent_nothing_holds_up_nobody(tmp_path: Path) -> None:
    job = make_job(tmp_path, FIRE)
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(100))
        sandbox.set_faults([Fault("status", status=401)])
        first = await run(job, sandbox)
        assert first.steps[0].delivered == first.steps[0].in_doubt == 0
        kill(first.folder)
        sandbox.set_faults([])
        assert counts(await run(job, sandbox)) == {"fire": (100, 100, 0, 0, 0, 0, 0)}


@pytest.mark.asyncio
async def test_a_run_that_stopped_half_way_is_not_begun_again_over_the_same_source(tmp_path: Path) -> None:
    job = make_job(tmp_path, FIRE)
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(2000))
        sandbox.set_faults([Fault("status", status=503, after=10)])
        first = await run(job, sandbox)
        sandbox.set_faults([])
        assert 0 < first.steps[0].delivered < 2000
        with pytest.raises(GuardRefused, match=f"has stopped on the way.* resume {first.run}"):
            await run(job, sandbox)
        write_rows(tmp_path, people(10))  # the rows of another night
        assert counts(await run(job, sandbox)) == {"fire": (10, 10, 0, 0, 0, 0, 0)}


@pytest.mark.asyncio
async def test_the_memory_knows_of_a_killed_run_whose_folder_is_gone(tmp_path: Path) -> None:
    job = make_job(tmp_path, attrs.evolve(FIRE, mode="changed-only"))
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(100))
        first = await run(job, sandbox)
        shutil.rmtree(first.folder)
        assert (await run(job, sandbox)).exit_code == 0, "its end was written down"

        second = await run(job, sandbox)
        (path,) = (tmp_path / ".netaudience/nightly/snapshots").glob("fire@*.duckdb")
        with Snapshot(path) as memory:
            memory.open_run(is_open=True)  # as a run has it that is under way
        shutil.rmtree(second.folder)
        with pytest.raises(GuardRefused, match="its folder is gone"):
            await run(job, sandbox)


@MODES
@pytest.mark.parametrize("step", [SET, FIRE], ids=lambda step: step.name)
@pytest.mark.asyncio
async def test_rejects_are_sent_again_once(tmp_path: Path, mode: str, step) -> None:
    write_rows(tmp_path, people(100))
    job = make_job(tmp_path, attrs.evolve(step, mode=mode, max_rows=1))
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("poison", ids=frozenset({f"id{number:05}" for number in range(20)}))])
        first = await run(job, sandbox)
        assert first.steps[0].rejected == 20
        sandbox.set_faults([Fault("poison", ids=frozenset({"id00003"}))])
        second = await run(job, sandbox, retry=first.run)
        assert counts(second) == {step.name: (20, 19, 1, 0, 0, 0, 0)}
        sandbox.set_faults([])
        with pytest.raises(GuardRefused, match=f"sent again at .*: netaudience retry {second.run}"):
            await run(job, sandbox, retry=first.run)
        third = await run(job, sandbox, retry=second.run)
        assert counts(third) == {step.name: (1, 1, 0, 0, 0, 0, 0)}
        with pytest.raises(GuardRefused, match=f"{third.run}, which has delivered all of it"):
            await run(job, sandbox, retry=second.run)
        assert applied(sandbox, "netmera", step.operation) == (100, 100)


@pytest.mark.asyncio
async def test_a_killed_retry_is_gone_on_with_and_one_that_was_refused_counts_for_nothing(
    tmp_path: Path,
) -> None:
    write_rows(tmp_path, people(100))
    job = make_job(tmp_path, attrs.evolve(FIRE, max_rows=1))
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("poison", ids=frozenset({"id00003"}))])
        first = await run(job, sandbox)
        sandbox.set_faults([])
        with JobLock(tmp_path / ".netaudience/nightly", "nightly"), pytest.raises(ConfigurationError):
            await run(job, sandbox, retry=first.run)
        second = await run(job, sandbox, retry=first.run)
        kill(second.folder)
        with pytest.raises(GuardRefused, match=f"netaudience resume {second.run}"):
            await run(job, sandbox, retry=first.run)
        assert counts(await run(job, sandbox, resume=second.run)) == counts(second)
        assert applied(sandbox, "netmera", "fire_events") == (100, 100)


def letters(path: Path, *keys: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        for key in keys:
            told = {
                "position": 1, "key": key, "vendor": "netmera", "operation": "tag_users",
                "outcome": "rejected", "by": "vendor", "reason": "x", "row": key, "arguments": {"tag": "T"},
            }  # fmt: skip
            file.write(json.dumps(told) + "\n")


def test_of_a_file_that_was_sent_again_only_what_was_added_since_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    letters(path, "a", "b")
    write_sent_again(path)
    with pytest.raises(GuardRefused, match=r"sent again at .* take letters.jsonl.sent away"):
        letters_as_source(path)
    letters(path, "c")
    _, table = letters_as_source(path)
    ((page,),) = table.read([Selection(fields={}, where="netmera-tag-users")])
    assert [(row["row"], row["key"]) for row in page] == [(3, "c")]
    path.write_text(path.read_text().replace('"a"', '"A"'))  # mended: nobody knows what was delivered
    with pytest.raises(GuardRefused, match="sent again at"):
        letters_as_source(path)
    assert oct((tmp_path / "letters.jsonl.sent").stat().st_mode)[-3:] == "600"


def test_two_commands_do_not_send_one_file_at_one_time(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    letters(path, "a")
    with (
        sending_again(path),
        pytest.raises(ConfigurationError, match="by another command"),
        sending_again(path),
    ):
        pass
    with sending_again(path):
        pass


# Clean-up.

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_a_run_that_is_resumed_after_the_last_day_keeps_its_folder(tmp_path: Path) -> None:
    old = new_run(tmp_path, now=NOW - timedelta(days=8))
    assert prune(tmp_path, keep_runs=30, keep_days=7, finished=set(), spared={old.id}, now=NOW) == []
    assert old.path.exists()


@pytest.mark.parametrize("clock", [NOW + timedelta(days=9000), NOW - timedelta(days=9000)])
def test_a_clock_that_is_wrong_takes_no_recent_run_away(tmp_path: Path, clock: datetime) -> None:
    runs = [new_run(tmp_path, now=NOW - timedelta(days=days)) for days in (9, 3, 2, 1)]
    this = new_run(tmp_path, now=clock)
    deleted = prune(tmp_path, keep_runs=30, keep_days=7, finished=set(), spared={this.id}, now=clock)
    assert set(deleted) <= {runs[0].id}


@pytest.mark.asyncio
async def test_a_run_and_those_whose_rows_it_sends_again_outlive_the_clean_up(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(20), "id00007": "many"})
    job = make_job(tmp_path, SET, keep_days=7)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        # As if it had been run eight days ago.
        then = RunFolder(Path(first.folder))
        name = f"{then.started - timedelta(days=8):%Y%m%d-%H%M%S}{then.id[15:]}"
        folder = then.path.rename(then.path.with_name(name))
        again = await run(job, sandbox, retry=name)
        assert rejects(again)
        assert [run.id for run in runs_of(tmp_path / ".netaudience/nightly")] == [again.run, folder.name]
