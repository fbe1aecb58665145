"""A mistake of ours ends a run as everything else does: counted, written down, and to be gone on with."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from job_runs import SET, TAG, counts, make_job, people, run, write_rows

from netaudience.jobs.deliver import mappers as mapping
from netaudience.jobs.deliver.step import StepRunner
from netaudience.sandbox import Sandbox

pytest.importorskip("duckdb")

SECRET = "id00001"
FEW = attrs.evolve(TAG, max_rows=None)


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ["the mapping", "the counting"])
async def test_a_crash_is_written_down_and_the_other_step_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    write_rows(tmp_path, people(3000))
    job = make_job(tmp_path, SET, FEW)

    def crash(step: str) -> None:
        if step == "set":
            raise ValueError(f"{SECRET} is not in the list")

    async with Sandbox() as sandbox:
        with monkeypatch.context() as patched:
            if where == "the mapping":
                mapper_of = mapping.mapper

                def mapper(step, *rest):
                    make = mapper_of(step, *rest)

                    def mapped(page):
                        crash(step.name)
                        return make(page)

                    return mapped

                patched.setattr(mapping, "mapper", mapper)
            else:
                settled = StepRunner._settled

                def count(self, chunk):
                    crash(self.order.name)
                    return settled(self, chunk)

                patched.setattr(StepRunner, "_settled", count)
            summary = await run(job, sandbox)
        assert summary.exit_code == 1
        broken, other = summary.steps
        assert broken.stopped_by == "Crashed"
        assert "ValueError" in str(broken.stopped)
        assert "crash.txt" in str(broken.stopped)
        assert other.delivered == 3000
        assert other.stopped is None
        assert summary.resume_command is not None
        written = Path(summary.folder) / "crash.txt"
        assert written.stat().st_mode & 0o077 == 0
        assert "ValueError" in written.read_text()
        assert SECRET not in written.read_text() + str(broken.stopped), "a row's value"
        again = await run(job, sandbox, resume="latest")
        assert again.finished
        assert counts(again)["set"][0] == 3000
