"""What the commands of audiences do: plan or sync by the job's own ways, and tell how large they are then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from netaudience.cli.display import tell
from netaudience.cli.job_actions import carry_job, load_job, show_plan
from netaudience.cli.output import StandardOutput, json_line
from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.plan.destinations import Size, sizes_of
from netaudience.jobs.spec.exit_codes import ExitCode

if TYPE_CHECKING:
    from netaudience.cli.job_options import Agreement, Manner

#: The codes of a run that has come to its end.
_ENDED = (ExitCode.DELIVERED, ExitCode.UNDELIVERED)


def plan_audience(path: Path, agreement: Agreement, manner: Manner) -> int:
    """Print who would join and who would leave.

    Raises:
        NetaudienceError: there is no plan, for the reason that it tells.
    """
    _audience_of(Job.load(path), path)
    form: Literal["json", "lines"] = "json" if manner.json else "lines"
    return show_plan(path, form, detailed=False, preflight=not agreement.no_preflight, quiet=manner.quiet)


def sync_audience(path: Path, agreement: Agreement, manner: Manner) -> int:
    """Make an audience the same at every vendor, and tell how large it is there.

    Raises:
        NetaudienceError: nobody was put anywhere, for the reason that it tells.
    """
    job = load_job(path)
    name = _audience_of(job, path)
    code = carry_job(job, agreement, manner)
    if code not in _ENDED:
        return code
    sizes = asyncio.run(sizes_of(job))
    if manner.json:
        lines = [json_line({"audience": name, **attrs.asdict(size)}) for size in sizes]
        output = StandardOutput()
        output.write(lines)
        return ExitCode.FAILED if output.broken is not None else code
    if not manner.quiet:
        for size in sizes:
            tell(_sentence(size, name))
    return code


def _sentence(size: Size, name: str) -> str:
    called = name if size.place == name else f"{name} ({size.place})"
    if size.count is None:
        return f"{size.name}: how many are in {called} is not known: {size.reason}"
    return f"{size.name}: {size.count:,} in {called}, as the vendor counts"


def _audience_of(job: Job, path: Path) -> str:
    if job.audience is None:
        raise ConfigurationError(
            f"{path} has no [audience]: add the table with name, vendors and columns, or run it with "
            f"netaudience run {path}"
        )
    return job.audience.name
