"""What carries a job's rows where the rows are, in place of this process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol

from netaudience.jobs.spec.model import JobFile
from netaudience.jobs.state.summary import Summary

if TYPE_CHECKING:
    from netaudience.jobs.deliver.keeping import Keeping
    from netaudience.jobs.spec.guards import Consent


class _Conf(Protocol):
    def get(self, key: str, default: str | None = ..., /) -> str | None:
        """Return a setting."""
        ...


class Session(Protocol):
    """A SparkSession."""

    @property
    def conf(self) -> _Conf:
        """The settings of the session."""
        ...


class Elsewhere(Protocol):
    """An engine that has the rows."""

    def check(self, job: JobFile, options: Collection[str]) -> None:
        """Refuse what cannot be had there.

        Args:
            job: The job.
            options: The names of what the run was given besides.

        Raises:
            ConfigurationError: something of it cannot.
        """
        ...

    async def carry(
        self, keeping: Keeping, consent: Consent, on_progress: Callable[[Summary], object] | None
    ) -> Summary:
        """Carry the job to its end.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        ...
