"""A job as a Dagster asset. It is materialized only when every row was delivered, its counts beside it."""

from __future__ import annotations

from dagster import MaterializeResult, asset

from netaudience.jobs import Job


@asset
async def audience() -> MaterializeResult:
    """What the vendors have of the night's changes."""
    summary = await Job.load("job.toml").run()
    summary.raise_for_undelivered()
    return MaterializeResult(metadata={step.name: step.delivered for step in summary.steps})
