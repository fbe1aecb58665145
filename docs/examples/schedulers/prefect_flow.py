"""A job as a Prefect flow. It is completed only when every row was delivered, and failed with the reason."""

from __future__ import annotations

import asyncio

from prefect import flow

from netaudience.jobs import Job


@flow
async def nightly_audience() -> str:
    """Send the night's changes."""
    summary = await Job.load("job.toml").run()
    summary.raise_for_undelivered()
    return summary.run


if __name__ == "__main__":
    asyncio.run(nightly_audience())
