"""What the tests of runs share: a small source, steps of two vendors, and a run that is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import attrs

from netaudience.client import Client
from netaudience.engine.retry import RetryPolicy
from netaudience.jobs import Job
from netaudience.jobs.deliver.runner import run_job
from netaudience.jobs.spec.model import Expression, Guards, Source, Step
from netaudience.jobs.state.summary import Summary
from netaudience.sandbox import Sandbox
from netaudience.settings import Settings

#: Two attempts and no wait: a vendor that is down is told so at once.
IMPATIENT = RetryPolicy(attempts=2, first_wait=0.0)
ID = Expression(column="user_id")
TAG = Step(
    name="tag", vendor="netmera", operation="tag_users", arguments={"tag": "Sport"}, fields={"ext_id": ID},
    rate=1000, max_rows=50,
)  # fmt: skip
SET = Step(
    name="set", vendor="netmera", operation="set_profile_attributes", rate=1000, max_rows=50,
    fields={"ext_id": ID, "profile.age": Expression(sql="cast(age as integer)")},
)  # fmt: skip
#: Not safe to repeat.
FIRE = attrs.evolve(
    SET, name="fire", operation="fire_events",
    fields={
        "ext_id": ID, "name": Expression(value="Seen"),
        "attributes.age": Expression(sql="cast(age as integer)"),
    },
)  # fmt: skip
DEMERGE = Step(name="demerge", vendor="clevertap", operation="demerge", fields={"identity": ID}, max_rows=50)
CREDENTIALS = {
    "netmera": ("sandbox",),
    "clevertap": ("sandbox", "sandbox"),
    "iterable": ("sandbox",),
    "moengage": ("sandbox", "sandbox"),
    "fynd": ("sandbox", "sandbox", "1", "2"),
}


def write_rows(folder: Path, rows: dict[str, object]) -> None:
    lines = [f"{user_id},{age}" for user_id, age in rows.items()]
    (folder / "users.csv").write_text("\n".join(["user_id,age", *lines, ""]))


def people(count: int) -> dict[str, object]:
    return {f"id{number:05}": number % 90 for number in range(count)}


def make_job(beside: Path, *steps: Step, **how: object) -> Job:
    source = Source(files=("users.csv",), key=("user_id",))
    how.setdefault("guards", Guards(preflight=False))  # the questions before a run have tests of their own
    return Job(name="nightly", path=beside / "job.toml", source=source, steps=steps, **how)  # type: ignore[arg-type]


def clients(sandbox: Sandbox) -> Callable[[type[Client], Settings], Client]:
    def make(vendor: type[Client], settings: Settings) -> Client:
        settings = attrs.evolve(settings, retry=IMPATIENT)
        return vendor(*CREDENTIALS[vendor.slug], base_url=sandbox.url(vendor.slug), settings=settings)  # type: ignore[call-arg]

    return make


async def run(job: Job, sandbox: Sandbox, **how: object) -> Summary:
    how = {"client_factory": clients(sandbox), "signals": False, "report": False, **how}
    summary = await run_job(job, **how)  # type: ignore[arg-type]
    assert summary.reconciles, summary
    for step in summary.steps:
        assert step.rows == sum(
            (step.delivered, step.rejected, step.failed, step.in_doubt, step.unsent, step.unchanged)
        )
    kept = json.loads((Path(summary.folder) / "summary.json").read_bytes())
    assert [step["delivered"] for step in kept["steps"]] == [step.delivered for step in summary.steps]
    return summary


def rejects(summary: Summary) -> list[dict[str, object]]:
    path = Path(summary.folder) / "rejects.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def counts(summary: Summary) -> dict[str, tuple[int, ...]]:
    return {
        step.name: (
            step.rows,
            step.delivered,
            step.rejected,
            step.failed,
            step.in_doubt,
            step.unsent,
            step.unchanged,
        )
        for step in summary.steps
    }


def applied(sandbox: Sandbox, vendor: str, operation: str) -> tuple[int, int]:
    """Return how many keys an operation has reached, and how often."""
    report = sandbox.check(vendor, operation)
    return report.applied, report.applications
