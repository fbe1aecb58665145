"""The second half of the demo: a look afterwards, at a vendor that has taken rows and lost some of them.

Between the run and the look somebody else changes one customer and removes another one. The look has to tell
both, to send them again, and to see them landed then; the sandbox says whether that is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from netaudience.cli.display import tell, tell_summary
from netaudience.cli.output import Rejected, StandardOutput
from netaudience.client import Client
from netaudience.jobs import Job
from netaudience.jobs.deliver.repair import repair_run
from netaudience.jobs.deliver.verify import verify_run
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.jobs.state.verified import StepVerified
from netaudience.sandbox import Sandbox
from netaudience.settings import Settings

#: This many customers are looked at.
CUSTOMERS = 40
_JOB = """name = "tiers"

[source]
files = "tiers.csv"
key = "customer_id"

[[step]]
vendor = "netmera"
operation = "set-profile-attributes"
[step.fields]
ext_id = "customer_id"
"profile.tier" = "tier"
"""
#: What the vendor has in its queue is there a minute later: the demo looks with the clock of then.
_LATER = timedelta(minutes=2)
_Factory: TypeAlias = Callable[[type[Client], Settings], Client]


async def look_afterwards(
    directory: Path, sandbox: Sandbox, ids: Sequence[str], factory: _Factory, *, quiet: bool
) -> list[tuple[bool, str]]:
    """Run a small job, lose what it has delivered, look, and repair; return what was to be seen, and whether.

    Args:
        directory: Where the job's files go.
        sandbox: The vendor.
        ids: Customers.
        factory: Makes a client of the sandbox.
        quiet: Whether nothing is shown but what went wrong.
    """
    ids = list(ids)[:CUSTOMERS]
    rows = "".join(f"{name},gold\n" for name in ids)
    (directory / "tiers.csv").write_text(f"customer_id,tier\n{rows}", encoding="utf-8")
    (directory / "tiers.toml").write_text(_JOB, encoding="utf-8")
    job = Job.load(directory / "tiers.toml")
    tell("\nnetaudience run tiers.toml")
    summary = await job.run(client_factory=factory, report=False)
    tell_summary(summary, quiet=quiet)
    run = RunFolder(Path(summary.folder))

    async def look() -> StepVerified:
        tell(f"\nnetaudience verify {run.id} --all")
        verified = await verify_run(
            job, run, share=1.0, client_factory=factory, now=datetime.now(UTC) + _LATER
        )
        for sentence in verified.sentences():
            tell(sentence)
        return verified.steps[0]

    users = sandbox.netmera.users
    spoilt, lost = ids[0], ids[-1]
    users[spoilt].profile = {**users[spoilt].profile, "tier": "silver"}
    sandbox.netmera.remove_user(lost)
    tell("\nMeanwhile somebody else overwrites one customer there, and removes another")
    first = await look()
    tell(f"\nnetaudience verify {run.id} --all --repair")
    verified = await verify_run(job, run, share=1.0, client_factory=factory, now=datetime.now(UTC) + _LATER)
    output = StandardOutput()
    repaired = await repair_run(job, run, verified, Rejected(output, output), client_factory=factory)
    tell_summary(repaired, quiet=quiet)
    second = await look()
    tiers = [users[name].profile.get("tier") for name in ids if name in users]
    return list(_checks(len(ids), first, second, tiers))


def _checks(
    count: int, first: StepVerified, second: StepVerified, tiers: Sequence[object]
) -> Iterator[tuple[bool, str]]:
    yield (
        (first.different, first.gone, first.landed) == (1, 1, count - 2),
        f"the look showed who is different and who is gone, and that {first.landed:,} customers landed",
    )
    yield (
        second.landed == count and list(tiers) == ["gold"] * count,
        f"repaired, all {count:,} have landed, and the sandbox holds what was sent",
    )
