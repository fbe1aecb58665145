"""A memory knows whose it is: what one account was sent says nothing of another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from job_runs import FIRE, IMPATIENT, SET, counts, make_job, people, run, write_rows

from netaudience.client import Client
from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Guards
from netaudience.sandbox import Credentials, Fault, Sandbox
from netaudience.settings import Settings
from netaudience.vendors.netmera import NetmeraClient

pytest.importorskip("duckdb")

MIRROR = attrs.evolve(SET, mode="mirror", removal="unset_profile_attributes")


def account(sandbox: Sandbox, key: str) -> Callable[[type[Client], Settings], Client]:
    def make(_: type[Client], settings: Settings) -> Client:
        settings = attrs.evolve(settings, retry=IMPATIENT)
        return NetmeraClient(key, base_url=sandbox.url("netmera"), settings=settings)

    return make


def sandbox_of(*keys: str) -> Sandbox:
    return Sandbox(credentials=Credentials(netmera_keys=frozenset(keys)))


def memories(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".netaudience/nightly/snapshots").glob("*.duckdb"))


@pytest.mark.parametrize(
    "step", [MIRROR, attrs.evolve(FIRE, mode="changed-only")], ids=lambda step: step.mode
)
@pytest.mark.asyncio
async def test_the_first_run_of_another_account_sends_every_row_and_takes_back_its_own_alone(
    tmp_path: Path, step
) -> None:
    job = make_job(tmp_path, step, guards=Guards(max_removals=None))
    async with sandbox_of("test") as test, sandbox_of("real") as real:
        write_rows(tmp_path, people(200))
        first = await run(job, test, client_factory=account(test, "test"))
        assert counts(first)[step.name] == (200, 200, 0, 0, 0, 0, 0)
        write_rows(tmp_path, people(150))
        second = await run(job, real, client_factory=account(real, "real"))
        assert counts(second) == {step.name: (150, 150, 0, 0, 0, 0, 0)}, "and removes nothing"
        third = await run(job, real, client_factory=account(real, "real"))
        assert counts(third) == {step.name: (150, 0, 0, 0, 0, 0, 150)}
        fourth = await run(job, test, client_factory=account(test, "test"))
        assert counts(fourth)[step.name] == (150, 0, 0, 0, 0, 0, 150), "each has a memory of its own"
        if step is MIRROR:
            assert counts(fourth)["set removal"] == (50, 50, 0, 0, 0, 0, 0)
        assert real.check("netmera", "unset_profile_attributes").applications == 0


@pytest.mark.asyncio
async def test_a_new_key_or_address_of_what_may_be_the_same_account_is_asked_about(tmp_path: Path) -> None:
    job = make_job(tmp_path, attrs.evolve(FIRE, mode="changed-only"))
    async with sandbox_of("old", "new") as sandbox, sandbox_of("old", "new") as moved:
        write_rows(tmp_path, people(100))
        await run(job, sandbox, client_factory=account(sandbox, "old"))
        for where, key in ((sandbox, "new"), (moved, "old")):
            with pytest.raises(GuardRefused, match=r"--account same .* --account other .* nothing was sent"):
                await run_job(job, client_factory=account(where, key), signals=False, report=False)
        assert len(memories(tmp_path)) == 1
        same = Consent(account="same")
        told = await run(job, sandbox, client_factory=account(sandbox, "new"), consent=same)
        assert counts(told) == {"fire": (100, 0, 0, 0, 0, 0, 100)}
        told = await run(job, sandbox, client_factory=account(sandbox, "new"))
        assert counts(told) == {"fire": (100, 0, 0, 0, 0, 0, 100)}, "it is known by its new key now"
        other = Consent(account="other")
        told = await run(job, moved, client_factory=account(moved, "new"), consent=other)
        assert counts(told) == {"fire": (100, 100, 0, 0, 0, 0, 0)}
        assert len(memories(tmp_path)) == 2


@pytest.mark.asyncio
async def test_a_wrong_key_leaves_no_memory_that_somebody_is_asked_about(tmp_path: Path) -> None:
    job = make_job(tmp_path, attrs.evolve(SET, mode="changed-only"))
    async with sandbox_of("right") as sandbox:
        write_rows(tmp_path, people(100))
        first = await run(job, sandbox, client_factory=account(sandbox, "wrong"))
        assert first.exit_code == 4
        assert memories(tmp_path) == []
        told = await run(job, sandbox, client_factory=account(sandbox, "right"), resume=first.run)
        assert counts(told) == {"set": (100, 100, 0, 0, 0, 0, 0)}


@pytest.mark.parametrize("mode", ["all", "changed-only"])
@pytest.mark.asyncio
async def test_a_run_is_gone_on_with_and_sent_again_to_its_own_account(tmp_path: Path, mode: str) -> None:
    job = make_job(tmp_path, attrs.evolve(SET, mode=mode, max_rows=1))
    async with sandbox_of("test") as test, sandbox_of("real") as real:
        write_rows(tmp_path, people(10))
        test.set_faults([Fault("poison", ids=frozenset({"id00003"}))])
        first = await run(job, test, client_factory=account(test, "test"))
        (Path(first.folder) / "summary.json").unlink()
        other = {"client_factory": account(real, "real"), "signals": False, "report": False}
        with pytest.raises(ConfigurationError, match="begun with another account"):
            await run_job(job, resume=first.run, **other)
        with pytest.raises(GuardRefused, match="sent to another account"):
            await run_job(job, retry=first.run, **other)
        assert not real.ledger.requests
