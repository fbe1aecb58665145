"""Lets others see a run of the command: Prometheus, OpenTelemetry, OpenLineage, each by its own package.

It refuses nothing of the run: a file of metrics that cannot be written is reported, and the exit code stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from netaudience.cli.display import tell
from netaudience.errors import ConfigurationError
from netaudience.events import Hook, hooks

if TYPE_CHECKING:
    from netaudience.cli.job_options import Manner
    from netaudience.integrations.prometheus import MetricsFile
    from netaudience.jobs.spec.model import JobFile
    from netaudience.jobs.state.summary import Summary


class Watched(NamedTuple):
    """What a run tells."""

    #: Its clients' events; None where nobody wants them.
    on_event: Hook | None
    #: Its counts.
    on_progress: Callable[[Summary], object]


@contextlib.contextmanager
def watching(
    manner: Manner, job: JobFile, shown: Callable[[Summary], object]
) -> Generator[Watched, None, None]:
    """Give what a run tells; what is kept until its end is written when this is left.

    Args:
        manner: The flags.
        job: The job.
        shown: Shows the counts on the terminal.

    Raises:
        ConfigurationError: a package is missing, or what sets up one of them is wrong.
    """
    found: list[Hook] = []
    seen = [shown]
    with contextlib.ExitStack() as stack:
        try:
            if manner.otel:
                from netaudience.integrations.opentelemetry import Telemetry  # noqa: PLC0415 - an extra

                found.append(Telemetry())
            if manner.metrics_file is not None:
                from netaudience.integrations.prometheus import MetricsFile  # noqa: PLC0415 - an extra

                metrics = MetricsFile(manner.metrics_file)
                found.append(metrics)
                stack.callback(_write, metrics)
            if manner.lineage:
                from netaudience.jobs.report.lineage import Lineage  # noqa: PLC0415 - an extra

                seen.append(Lineage(job))
        except ImportError as error:
            raise ConfigurationError(str(error)) from error
        if len(seen) == 1:
            yield Watched(hooks(*found) if found else None, shown)
            return

        def both(summary: Summary) -> None:
            for one in seen:
                one(summary)

        yield Watched(hooks(*found) if found else None, both)


def _write(metrics: MetricsFile) -> None:
    try:
        metrics.write()
    except OSError as error:
        tell(f"The metrics could not be written to {metrics.path}: {error.strerror}")
