"""Fynd's jobs, which import and export customers.

A job is answered as it starts; its rows are read as its effect, when the vendor's delay has passed.
"""

from __future__ import annotations

from typing import Literal

from netaudience.sandbox.fynd import requests
from netaudience.sandbox.fynd.requests import NumberPage, refusal
from netaudience.sandbox.fynd.state import FyndState, Job
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, json_answer


class Jobs:
    """The operations on the jobs of one Fynd state."""

    def __init__(self, state: FyndState) -> None:
        self._state = state

    def start_import(self, call: Call) -> Change:
        """Start a job that reads customers from a file."""
        body = requests.record(call)
        url, kind = requests.text(body, "absolute_url"), requests.text(body, "file_format")
        started: list[Job] = []

        def apply() -> Answer:
            job = self._state.add_job("import", kind, requests.moment(call.wall), url)
            started.append(job)
            return json_answer(job_json(job, call))

        def effect() -> None:
            for job in started:
                self._state.import_users(job)

        return Change([url], apply, effect=effect)

    def start_export(self, call: Call) -> Change:
        """Start a job that writes customers into a file."""
        kind = requests.text(requests.record(call), "file_format")
        started: list[Job] = []

        def apply() -> Answer:
            job = self._state.add_job("export", kind, requests.moment(call.wall), "")
            started.append(job)
            return json_answer(job_json(job, call))

        def effect() -> None:
            for job in started:
                self._state.export_users(job)

        return Change([], apply, effect=effect)

    def jobs(self, call: Call, *, action: Literal["import", "export"]) -> Change:
        """One page of jobs."""
        page, kind = NumberPage.asked(call), call.query.get("file_format")
        status = call.query.get("status")

        def apply() -> Answer:
            found = [
                job
                for job in self._state.jobs.values()
                if job.action == action
                and requests.equals(job.status, status)
                and requests.equals(job.file_format, kind)
            ]
            return page.cut(found, lambda job: job_json(job, call))

        return Change([], apply)

    def job(self, call: Call) -> Change:
        """One job."""
        job_id = call.path["job_id"]

        def apply() -> Answer:
            job = self._state.jobs.get(job_id)
            if job is None:
                raise refusal(404, "The job was not found")
            return json_answer(job_json(job, call))

        return Change([job_id], apply)


def job_json(job: Job, call: Call) -> dict[str, object]:
    """A job as the SDKs show it."""
    return {
        "_id": job.id,
        "file_format": job.file_format,
        "action_type": job.action,
        "count": {"total": job.success + job.failed, "success": job.success, "error": job.failed},
        "status": job.status,
        "links": {
            name: {"absolute_url": url, "relative_url": url}
            for name, url in (("file", job.file_url), ("error", job.error_url))
            if url
        },
        "application_id": call.path["application_id"],
        "company_id": call.path["company_id"],
        "created_at": job.created_at,
    }
