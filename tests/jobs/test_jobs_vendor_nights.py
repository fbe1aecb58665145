"""Three nights at each of five vendors, told by what its sandbox holds: first, unchanged, changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from examples import mostly_slow
from job_runs import counts, make_job, run
from vendor_nights import CASES, GUARDS, NEVER, USERS

from netaudience.jobs.spec.guards import Consent
from netaudience.sandbox import Sandbox

pytest.importorskip("duckdb")


def write(folder: Path, rows: Mapping[str, str]) -> None:
    lines = [f"{name},{NEVER.get(name, f'{name}@example.com')},{city}" for name, city in rows.items()]
    (folder / "users.csv").write_text("\n".join(["user_id,email,city", *lines, ""]))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", mostly_slow(CASES, ["netmera tags", "clevertap members"]))
async def test_three_nights(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    job = make_job(tmp_path, case.step, guards=GUARDS)
    rows = dict.fromkeys([*USERS, *NEVER], "Izmir")
    consent = Consent(yes=True)
    async with Sandbox() as sandbox:
        case.seed(sandbox, [*USERS, "new"])
        write(tmp_path, rows)
        first = await run(job, sandbox, consent=consent)
        assert counts(first) == {"step": (42, 40, 2, 0, 0, 0, 0)}, first.sentences()
        assert (first.ok, first.steps[0].known) == (True, 0)
        assert case.held(sandbox) == dict.fromkeys(USERS, "Izmir")

        second = await run(job, sandbox, consent=consent)
        assert counts(second) == {"step": (42, 0, 2, 0, 0, 0, 40)}
        assert (second.ok, second.steps[0].known, second.steps[0].requests) == (True, 2, 0)
        assert case.held(sandbox) == dict.fromkeys(USERS, "Izmir")

        del rows["u02"]
        write(tmp_path, rows | {"u01": "Ankara", "u03": "", "new": "Bursa"})
        delivered, rejected, unchanged, removed = case.third
        plan = job.plan()
        assert (plan.steps[0].sends.items, plan.steps[0].removed) == (delivered, removed)
        third = await run(job, sandbox, consent=consent)
        told = {"step": (42, delivered, rejected, 0, 0, 0, unchanged)}
        if removed:
            told["step removal"] = (removed, removed, 0, 0, 0, 0, 0)
        assert counts(third) == told, third.sentences()
        assert third.ok
        expected = dict.fromkeys(USERS, "Izmir") | {
            "u01": "Izmir" if not case.carries else "Ankara",
            "u03": case.emptied,
            "new": "Izmir" if not case.carries else "Bursa",
        }
        if removed and case.stays:
            expected["u02"] = None
        elif removed:
            del expected["u02"]
        assert case.held(sandbox) == expected
        fourth = await run(job, sandbox, consent=consent)
        assert counts(fourth) == {"step": (42, 0, rejected, 0, 0, 0, 42 - rejected)}

        if case.renamed is None:
            return
        argument, name = case.renamed
        arguments = {**case.step.arguments, argument: name}
        step = attrs.evolve(case.step, arguments=arguments, removal_arguments=arguments)
        other = make_job(tmp_path, step, guards=GUARDS)
        (told,) = (note for note in other.plan().steps[0].notes if "40 users" in note)
        assert "take-back-old = true" in told
        assert counts(await run(other, sandbox)) == {"step": (42, 40, 2, 0, 0, 0, 0)}
        assert case.held(sandbox) == expected, "the old one stays until somebody asks"
        asked = make_job(tmp_path, attrs.evolve(step, take_back_old=True), guards=GUARDS)
        assert counts(await run(asked, sandbox)) == {
            "step": (42, 0, 2, 0, 0, 0, 40),
            "step removal of old": (40, 40, 0, 0, 0, 0, 0),
        }
        assert case.held(sandbox) == {}
