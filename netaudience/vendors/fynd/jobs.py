"""Fynd's jobs, which import and export customers: started, and asked for until they are done.

What becomes of single rows is told by a job alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.rows import Rows
from netaudience.model.validators import text
from netaudience.model.wire import Request
from netaudience.operations.declare import call, pages, query
from netaudience.operations.dispatch import Steps
from netaudience.vendors.fynd.facts import ONE, PAGE_SIZE, PREFIX, REQUESTS, USER
from netaudience.vendors.fynd.models import Job, JobList, NewImport, NewImportDict
from netaudience.vendors.fynd.pages import given, next_by_number
from netaudience.vendors.fynd.paths import part_of_path
from netaudience.vendors.fynd.rules import in_path

_JOB_IDS = Identifiers("job id", in_path)
_IMPORTS = Rows(NewImport, key="absolute_url", noun="absolute_url")
_JOBS = f"{PREFIX}/users/jobs"
_LATER = (
    "The end is reported later: ask get_user_job with the job's id, whose count says how many rows failed, "
    "and whose links where they are."
)


def _jobs(page: JobList) -> Sequence[Job]:
    return page.items


class Jobs:
    """The operations on jobs about customers."""

    @call(
        "POST",
        f"{_JOBS}/import",
        items=_IMPORTS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="accepted",
        note="Not safe to repeat: it starts a job.",
        settles=_LATER,
        unsaid="rows that fail are counted in the job alone",
        docs=USER,
    )
    def start_user_import(self, file: NewImport | NewImportDict) -> Request[Job]:
        """Have the customers of a file imported, later; `get_user_job` tells what became of it.

        The vendor calls it ``createBulkUserImport``.

        Args:
            file: Where the vendor finds the file, and its format.
        """
        return Request(json=file, answer=Job)

    @pages("GET", f"{_JOBS}/import", rows=_jobs, following=next_by_number, quota=REQUESTS, docs=USER)
    def list_user_imports(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        search: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        status: str | None = None,
        file_format: str | None = None,
        page_no: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Request[JobList]:
        """Read the jobs that import customers, page by page.

        Args:
            search: Only jobs that this text names.
            start_date: Only jobs from this day on, as the vendor writes dates.
            end_date: Only jobs up to this day.
            status: ``inprogress``, ``failed``, ``complete`` or ``partial``.
            file_format: Only jobs with files of this format.
            page_no: The page to begin with; the first is 1.
            page_size: Jobs per page. The maximum is not known.
        """
        asked = given(
            page_no=page_no,
            page_size=page_size,
            search=search,
            start_date=start_date,
            end_date=end_date,
            status=status,
            file_format=file_format,
        )
        return Request(query=asked, answer=JobList)

    @query(
        "POST",
        f"{_JOBS}/export",
        quota=REQUESTS,
        idempotent=False,
        acknowledges="accepted",
        note="Not safe to repeat: it starts a job.",
        settles=_LATER,
        docs=USER,
    )
    def start_user_export(self, *, file_format: str) -> Request[Job]:
        """Have all customers written into a file, later; `get_user_job` tells where it is.

        The vendor calls it ``createBulkUserExport``.

        Args:
            file_format: The format of the file, such as ``csv``.
        """
        if problem := text("file_format").why_invalid(file_format):
            raise ConfigurationError(problem)
        return Request(json={"file_format": file_format}, answer=Job)

    @pages("GET", f"{_JOBS}/export", rows=_jobs, following=next_by_number, quota=REQUESTS, docs=USER)
    def list_user_exports(self, *, page_no: int = 1, page_size: int = PAGE_SIZE) -> Request[JobList]:
        """Read the jobs that export customers, page by page.

        Args:
            page_no: The page to begin with; the first is 1.
            page_size: Jobs per page. The maximum is not known.
        """
        return Request(query=given(page_no=page_no, page_size=page_size), answer=JobList)

    @query("GET", f"{_JOBS}/{{job_id}}", quota=REQUESTS, docs=USER)
    def wait_for_user_job(self, *, job_id: str) -> Steps[Job]:
        """Ask for a job until it has ended, with growing pauses, and return it.

        Args:
            job_id: The job's ``id``.

        Raises:
            Unavailable: it has not ended for as long as throttles are waited out; it may be asked for again.
        """
        path = {"job_id": part_of_path(job_id, "job id")}
        job: Job = yield Request(path=path, answer=Job)
        while not job.done:
            job = yield Request(path=path, answer=Job, again=True)
        return job

    @call("GET", f"{_JOBS}/{{job_id}}", items=_JOB_IDS, limit=ONE, quota=REQUESTS, docs=USER)
    def get_user_job(self, job_id: str) -> Request[Job]:
        """Read a job: whether it is done, how many rows succeeded and failed, and where the failed ones are.

        The vendor calls it ``getUserBulkJob``. That it knows the ``job_id`` of `bulk_update_user_attributes`
        is
        not documented.

        Args:
            job_id: The job's ``id``.
        """
        return Request(path={"job_id": job_id}, answer=Job)
