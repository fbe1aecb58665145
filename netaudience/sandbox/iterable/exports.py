"""Iterable's exports: a job that is started, files that come as it goes, and their addresses.

A job is running when it is first asked for, and done after that. Its one file names the users; of what else a
project could export this sandbox has nothing.
"""

from __future__ import annotations

import csv
import io
import re

import attrs

from netaudience.sandbox.iterable.fields import refusal
from netaudience.sandbox.iterable.responses import Manners
from netaudience.sandbox.iterable.state import IterableState
from netaudience.sandbox.protocol import Call, Change
from netaudience.sandbox.responses import Answer, Refused, json_answer, text_answer

START = "/api/export/start"
FILES = "/api/export/{jobId}/files"
ONE = "/api/export/{jobId}"
JOBS = "/api/export/jobs"
#: Seconds that the address of a file lives.
LIFETIME = 1800.0
_FORMATS = ("text/csv", "application/x-json-stream")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [+-]\d\d:?\d\d)?")


@attrs.define
class _Job:
    """One export."""

    #: Whether it exports users.
    of_users: bool
    asked: int = 0
    cancelled: bool = False
    #: When the address of its file ends.
    ends: float = 0.0

    @property
    def state(self) -> str:
        """How far it is."""
        return "Failed" if self.cancelled else "Completed" if self.asked > 1 else "Running"


class Exports:
    """The exports of one Iterable project."""

    def __init__(self, state: IterableState, manners: Manners) -> None:
        self._state = state
        self._manners = manners
        self._jobs: dict[int, _Job] = {}

    def clear(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()

    def start(self, call: Call) -> Change:
        """Begin a job."""
        body = self._manners.read(call, START)
        kind, form = body.wanted("dataTypeName"), body.wanted("outputFormat")
        moments = [body.text(name) for name in ("startDateTime", "endDateTime")]
        body.finish()
        if form not in _FORMATS or any(one is not None and not _MOMENT.fullmatch(one) for one in moments):
            raise refusal("BadParams", "Invalid outputFormat or date")

        def apply() -> Answer:
            number = len(self._jobs) + 1
            self._jobs[number] = _Job(kind == "user")
            return json_answer({"jobId": number})

        return Change([kind], apply)

    def files(self, call: Call) -> Change:
        """Say how far a job is, and where its files are."""

        def apply() -> Answer:
            number, job = self._found(call)
            job.asked += 1
            state, done = job.state, job.state == "Completed"
            job.ends = call.now + LIFETIME
            file = f"{number}.csv"
            url = f"{call.url.partition('/api/')[0]}/exported/{file}?X-Amz-Signature={number:08d}"
            after = call.query.get("startAfter", "")
            listed = [{"file": file, "url": url}] if done and after < file else []
            answer = {"jobId": number, "jobState": state, "exportTruncated": False, "files": listed}
            return json_answer(answer)

        return Change([call.path["jobId"]], apply)

    def all(self, call: Call) -> Change:
        """Every job, or those in one state."""
        wanted = call.query.get("jobState")

        def apply() -> Answer:
            found = [
                {"id": number, "jobState": job.state, "dataTypeName": "user" if job.of_users else "other"}
                for number, job in self._jobs.items()
                if wanted in (None, job.state)
            ]
            return json_answer({"jobs": found})

        return Change([], apply)

    def cancel(self, call: Call) -> Change:
        """End a job."""

        def apply() -> Answer:
            _, job = self._found(call)
            job.cancelled = True
            return self._manners.success()

        return Change([call.path["jobId"]], apply)

    def file(self, call: Call) -> Change:
        """Give a file, to whoever has its address."""
        name = call.path["name"].removesuffix(".csv")
        job = self._jobs.get(int(name)) if name.isdigit() else None
        signed = name.isdigit() and call.query.get("X-Amz-Signature") == f"{int(name):08d}"
        if job is None or not signed or job.ends <= call.now or "Api-Key" in call.headers:
            raise Refused(text_answer("AccessDenied", 403))
        written = io.StringIO()
        rows = csv.writer(written)
        rows.writerow(["email", "userId"])
        if job.of_users:
            rows.writerows([one.email or "", one.user_id or ""] for one in self._state.profiles())
        return Change([name], lambda: Answer(200, written.getvalue().encode(), "text/csv"))

    def _found(self, call: Call) -> tuple[int, _Job]:
        text = call.path["jobId"]
        job = self._jobs.get(int(text)) if text.isdigit() else None
        if job is None:
            raise refusal("BadParams", f"Export job {text} does not exist")
        return int(text), job
