"""A job as an Airflow task. It is green only when every row was delivered, and red with the reason.

Airflow ends a task with SIGTERM: what is under way is then settled, and the log has the command that goes on.
"""

from __future__ import annotations

import asyncio

from airflow.sdk import dag, task

from netaudience.jobs import Job


@dag(schedule="0 3 * * *", catchup=False)
def nightly_audience() -> None:
    """Send the night's changes."""

    @task
    def send() -> str:
        summary = asyncio.run(Job.load("job.toml").run())
        summary.raise_for_undelivered()
        return summary.run

    send()


nightly_audience()
