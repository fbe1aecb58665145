"""Iterable: exports, which are jobs: started, asked for until they are done, and cancelled.

The files are at addresses of another host, good for half an hour: nothing here fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from netaudience.errors import ConfigurationError
from netaudience.model.validators import text
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import call, query
from netaudience.vendors.iterable.facts import (
    CANCEL_EXPORT,
    EXPORT_FILES,
    EXPORT_JOBS,
    JOB_IDS,
    ONE,
    SPECIFICATION,
    START_EXPORT,
    whole,
)
from netaudience.vendors.iterable.models import IterableResponse
from netaudience.vendors.iterable.project import ExportJobs, ExportStarted, ExportStatus


class Exports:
    """The operations on exports."""

    @query(
        "POST",
        "/api/export/start",
        quota=START_EXPORT,
        idempotent=False,
        acknowledges="applied",
        note="Each start is a job of its own; four run at a time, more wait. Counted by organisation.",
        settles="The end is reported later: ask get_export_files with the number.",
        docs=SPECIFICATION,
    )
    def start_export(  # noqa: PLR0913 - what an export has
        self,
        *,
        data_type: str,
        start: str,
        end: str,
        output_format: Literal["text/csv", "application/x-json-stream"] = "text/csv",
        only_fields: Sequence[str] = (),
        omit_fields: Sequence[str] = (),
        delimiter: str | None = None,
        campaign_id: int | None = None,
    ) -> Request[ExportStarted]:
        """Begin an export, and give its number.

        Args:
            data_type: What to export, such as ``user`` or ``emailSend``; the vendor lists 53.
            start: From when, as ``2026-01-31 00:00:00``, or with an offset as in ``… +00:00``.
            end: Until when.
            output_format: ``text/csv``, or JSON line by line.
            only_fields: The fields to export; all if there are none.
            omit_fields: The fields to leave out.
            delimiter: What stands between the columns of a CSV file.
            campaign_id: The campaign whose data is meant.
        """
        for what, value in (("data_type", data_type), ("start", start), ("end", end)):
            if problem := text(what).why_invalid(value):
                raise ConfigurationError(problem)
        body: dict[str, JsonValue] = {
            "dataTypeName": data_type,
            "outputFormat": output_format,
            "startDateTime": start,
            "endDateTime": end,
        }
        if only_fields:
            body["onlyFields"] = list(only_fields)
        if omit_fields:
            body["omitFields"] = list(omit_fields)
        if delimiter is not None:
            body["delimiter"] = delimiter
        if campaign_id is not None:
            body["campaignId"] = whole(campaign_id, "campaign_id")
        return Request(json=body, answer=ExportStarted)

    @call(
        "GET",
        "/api/export/{jobId}/files",
        items=JOB_IDS,
        limit=ONE,
        quota=EXPORT_FILES,
        note="Files come as they are made; their addresses are good for half an hour.",
        docs=SPECIFICATION,
    )
    def get_export_files(self, job_id: int, *, start_after: str = "") -> Request[ExportStatus]:
        """Read how far an export is, and which files there are.

        Args:
            job_id: The number of the export.
            start_after: The name of the last file that you have; those after it are listed.
        """
        path = {"jobId": str(job_id)}
        if not start_after:
            return Request(path=path, answer=ExportStatus)
        return Request(path=path, query={"startAfter": start_after}, answer=ExportStatus)

    @query("GET", "/api/export/jobs", quota=EXPORT_JOBS, docs=SPECIFICATION)
    def get_export_jobs(self, *, job_state: str | None = None) -> Request[ExportJobs]:
        """Read which exports there are.

        Args:
            job_state: Only exports in this state: ``Enqueued``, ``Running``, ``Completed`` or ``Failed``.
        """
        if job_state is None:
            return Request(answer=ExportJobs)
        return Request(query={"jobState": job_state}, answer=ExportJobs)

    @call(
        "DELETE",
        "/api/export/{jobId}",
        items=JOB_IDS,
        limit=ONE,
        quota=CANCEL_EXPORT,
        idempotent=True,
        acknowledges="applied",
        docs=SPECIFICATION,
    )
    def cancel_export(self, job_id: int) -> Request[IterableResponse]:
        """End an export.

        Args:
            job_id: The number of the export.
        """
        return Request(path={"jobId": str(job_id)}, answer=IterableResponse)
