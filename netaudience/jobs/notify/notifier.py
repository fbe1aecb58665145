"""Those whom a job notifies how its runs end. One that cannot be sent is a note in the run's summary."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.functions import find_function
from netaudience.jobs.notify.events import Ended, last_told, remember_told
from netaudience.jobs.notify.send import message_of, ping, post
from netaudience.jobs.spec.model import JobFile, Notify, Secret
from netaudience.jobs.spec.parse import read_notified
from netaudience.jobs.spec.secrets import read
from netaudience.jobs.state.run_folder import job_folder
from netaudience.jobs.state.summary import Summary

_log = logging.getLogger("netaudience")


class Notifier:
    """Tells of one run of a job. All of it may wait for others, so it is called in a thread."""

    def __init__(self, job: JobFile) -> None:
        """Look at what can be told.

        Raises:
            ConfigurationError: an address is not set, or there is no such function.
        """
        notify = job.notify
        here = job.path.parent
        self._job = job
        self._webhook = _address(notify.webhook, here, "webhook")
        self._healthcheck = _address(notify.healthcheck, here, "healthcheck")
        self._on_end: Callable[[Ended], object] | None = None
        if notify.on_end is not None:
            self._on_end = find_function(notify.on_end, here, key="on_end")

    @classmethod
    def of_broken(cls, path: Path, error: ConfigurationError) -> None:
        """Tell that a job file is wrong, where it still says whom to tell."""
        job = read_notified(path)
        if job is not None:
            with suppress(ConfigurationError):
                cls(job).failed(error)

    @property
    def _asked(self) -> bool:
        return self._job.notify != Notify()

    def begin(self) -> None:
        """Tell the health check that a run begins."""
        if self._healthcheck is not None:
            self._note(ping(_below(self._healthcheck, "start")), "healthcheck")

    def failed(self, error: Exception) -> None:
        """Tell of a run that was refused."""
        self._tell(Ended.of_error(self._job.name, error))

    def ended(self, summary: Summary) -> None:
        """Tell of a run that has ended; what could not be reported is added to its notes."""
        if self._asked:
            last = last_told(job_folder(self._job))
            self._tell(Ended.of_summary(summary, last, self._job.notify.new_rejects))

    def _tell(self, ended: Ended) -> None:
        if not self._asked:
            return
        notify, folder = self._job.notify, job_folder(self._job)
        problems: list[str | None] = []
        if self._webhook is not None and ended.event in notify.on:
            problems.append(self._note(post(self._webhook, message_of(ended, notify.format)), "webhook"))
        if self._healthcheck is not None:
            address = self._healthcheck if ended.ok else _below(self._healthcheck, "fail")
            problems.append(self._note(ping(address), "healthcheck"))
        if self._on_end is not None:
            problems.append(self._call(self._on_end, ended))
        if not any(problems):  # what did not arrive is told by the next run
            remember_told(folder, ended, last_told(folder))
        if ended.summary is not None:
            ended.summary.notes.extend(problem for problem in problems if problem is not None)

    def _call(self, function: Callable[[Ended], object], ended: Ended) -> str | None:
        try:
            function(ended)
        except Exception as error:  # noqa: BLE001 - the run is over, and is what it is
            problem = (
                f"{self._job.notify.on_end} raised {type(error).__name__}, which changes nothing of the run"
            )
            _log.warning("%s", problem, exc_info=error)
            return problem
        return None

    def _note(self, problem: str | None, what: str) -> str | None:
        if problem is None:
            return None
        note = f"The {what} of [notify] was not reached ({problem}): look at its address"
        _log.warning("%s", note)
        return note


def _address(secret: Secret | None, here: Path, what: str) -> str | None:
    if secret is None:
        return None
    address = read(secret, here, what)
    if address is None:
        missing = f"The file {secret.file} is empty" if secret.env is None else f"{secret.env} is not set"
        raise ConfigurationError(f"{missing}: put the address of {what} there, or leave it out of [notify]")
    return address


def _below(address: str, word: str) -> str:
    """Return an address of the health check with a word behind its path."""
    path, mark, query = address.partition("?")
    return f"{path.rstrip('/')}/{word}{mark}{query}"
