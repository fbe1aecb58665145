"""Nights over a public file whose processes are killed: the vendor holds what the file says, each time.

A real process, a real server, SIGKILL at a request; `resume` until it has come to its end. Every vendor, and
mirrors, whose removals are killed as well.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import attrs
import pytest
from killing import deadly_sandbox
from test_jobs_public_nights import PUBLIC
from vendor_nights import CASES

from netaudience.jobs import Job
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Guards, Share, Source
from netaudience.sandbox import BackgroundSandbox

pytestmark = pytest.mark.slow

FILE = "Stocks.csv"
ROWS = 200
CHUNK = 5
IN_FLIGHT = 2
KILLS = 2
HERE = Path(__file__).parent
CARRIER = f"""
import sys
sys.path[:0] = {[str(HERE), str(HERE.parent)]!r}
from test_jobs_public_kills import night
night(*sys.argv[1:])
"""


def night(name: str, folder: str) -> None:
    """Run the job of a case in a folder, or go on with its run; tell how many rows were delivered."""
    step = attrs.evolve(CASES[name].step, rate=1000, max_rows=CHUNK, in_flight=IN_FLIGHT)
    job = Job(
        name="nightly",
        path=Path(folder) / "job.toml",
        steps=(attrs.evolve(step, max_rows=1) if step.vendor == "fynd" else step,),
        guards=Guards(max_removals=Share(share=1.0), preflight=False),
        source=Source(files=(FILE,), key=("user_id",), **PUBLIC[FILE].source(b"")),
    )
    resume = "latest" if (Path(folder) / "killed").exists() else None
    summary = asyncio.run(run_job(job, resume=resume, report=False, consent=Consent(yes=True)))
    print(  # noqa: T201 - the process tells it
        summary.ok, summary.reconciles, *[step.delivered for step in summary.steps]
    )


@pytest.mark.parametrize("name", CASES)
def test_nights_that_are_killed_go_on(name: str, tmp_path: Path) -> None:
    case, public, chance = CASES[name], PUBLIC[FILE], random.Random(name)
    if not public.path.is_file():
        pytest.skip(f"the package that carries {FILE} is not installed")
    data = public.path.read_bytes()
    rows = dict(islice(public.rows(data).items(), ROWS))
    users = list(rows)
    server, executioner = deadly_sandbox(chance)
    case.seed(server, [*users, "new"])
    with BackgroundSandbox(server) as sandbox:
        environment = {**os.environ, **sandbox.environment()}

        def process() -> subprocess.Popen[str]:
            words = [sys.executable, "-c", CARRIER, name, str(tmp_path)]
            pipe = subprocess.PIPE
            return subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True)

        def carry_out(now: dict[str, str], kills: int, every: int) -> list[str]:
            """Kill it so often, within so many requests each time; return what the last one tells."""
            (tmp_path / FILE).write_bytes(public.write(data, now, []))
            (tmp_path / "killed").unlink(missing_ok=True)
            for _ in range(kills):
                carrier = process()
                executioner.condemn(carrier, chance.randint(1, every))
                _, told = carrier.communicate()
                assert carrier.returncode == -signal.SIGKILL, told
                (tmp_path / "killed").touch()
            carrier = process()
            said, told = carrier.communicate()
            assert carrier.returncode == 0, told
            assert said.split()[:2] == ["True", "True"], said
            return said.split()[2:]

        def held() -> dict[str, object]:
            found = dict(case.held(server))
            return found if case.carries else dict.fromkeys(found, None)

        def wanted(known: dict[str, str]) -> dict[str, object]:
            return dict(known) if case.carries else dict.fromkeys(known, None)

        assert carry_out(rows, KILLS, ROWS // CHUNK // KILLS - IN_FLIGHT) == [str(ROWS)]
        assert held() == wanted(rows)
        assert carry_out(rows, 0, 0)[0] == "0"

        # Most of it has changed, and half of it is gone: where it is taken back, that is killed too.
        later = {user: f"{rows[user]}0" for user in users[: ROWS // 2]}
        mirror = case.step.removal is not None
        sent = (case.carries + mirror) * ROWS // 2
        if sent:
            carry_out(later, KILLS, sent // CHUNK // KILLS - IN_FLIGHT)
        stays = {} if mirror else {user: rows[user] for user in users[ROWS // 2 :]}
        expected = wanted({**later, **stays})
        if mirror and case.stays:
            expected |= dict.fromkeys(users[ROWS // 2 :])
        assert held() == expected
        assert carry_out(later, 0, 0)[0] == "0"
        assert held() == expected
