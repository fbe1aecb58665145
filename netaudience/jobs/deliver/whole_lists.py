"""Lists of an audience that a vendor only replaces as a whole: done when the run has come to its end.

Who joined and who left, the guards, the journal and what is remembered are those of the vendor's mirror,
which holds the same people. The list is put there anew each time, and nothing of it is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from netaudience.client import Client, ClientFactory
from netaudience.errors import NetaudienceError
from netaudience.jobs.deliver.sent_rows import kept_source
from netaudience.jobs.plan.destinations import account_of
from netaudience.jobs.spec.audience_section import way_of
from netaudience.jobs.spec.model import Expression
from netaudience.jobs.spec.people_section import column_of
from netaudience.jobs.state.run_folder import RunFolder
from netaudience.plurals import many
from netaudience.vendors import client_of, whole_list_of

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.spec.model import JobFile, KeptAudience
    from netaudience.jobs.state.summary import Summary
    from netaudience.model.verb_facts import WholeList


async def replace_lists(
    job: JobFile, summary: Summary, table: Table | None, client_factory: ClientFactory | None
) -> None:
    """Replace the lists of a job's audience by its people, and say so in the summary.

    Args:
        job: The job.
        summary: Of its run.
        table: The source, where it is open.
        client_factory: Makes a vendor's client; from the environment if not given.
    """
    audience = job.audience
    for slug in () if audience is None else audience.lists:
        vendor, facts = client_of(slug), whole_list_of(client_of(slug))
        if audience is None or facts is None:
            continue
        what = f"{vendor.vendor}: the list {audience.name!r}"
        if any(one.stopped for one in summary.steps if one.vendor == slug) or summary.signal is not None:
            summary.unwritten.append(f"{what} was left as it is, for the run did not come to its end")
            continue
        try:
            members = await asyncio.to_thread(_members, job, audience, slug, summary, table)
            if not members:
                summary.unwritten.append(f"{what} cannot be emptied: take it away in the vendor's panel")
                continue
            async with account_of(job, vendor, client_factory) as account:
                await _replace(account, facts, audience, slug, members)
        except NetaudienceError as error:
            summary.unwritten.append(f"{what} was not replaced; run it again when that is mended: {error}")
            continue
        summary.notes.append(f"{what} was replaced by {many(len(members), 'member')}: {facts.unsaid}")


async def _replace(
    account: Client, facts: WholeList, audience: KeptAudience, slug: str, members: list[str]
) -> None:
    operation = cast("Callable[..., Awaitable[object]]", getattr(account, facts.operation))
    by = facts.by[way_of(audience, slug).takes]
    await operation(members=members, name=audience.name, by=by, **audience.lists[slug])


def _members(
    job: JobFile, audience: KeptAudience, slug: str, summary: Summary, table: Table | None
) -> list[str]:
    """Read the source once more: everybody whom the vendor's mirror holds, by the identity that it takes."""
    from netaudience.jobs.plan.validate_source import open_checked  # noqa: PLC0415 - needs the extra `cli`

    step = next(one for one in job.steps if one.name == audience.steps[slug])
    column = column_of(audience.columns, slug, way_of(audience, slug).takes) or ""
    kept = None if table is not None else kept_source(RunFolder(Path(summary.folder)), job)
    with nullcontext(table) if table is not None else open_checked(job, kept=kept) as opened:
        pages = opened.rows({"member": Expression(column=column)}, step.where)
        rows = [row for page in pages for row in page if not row.get("problem")]
    return list(dict.fromkeys(str(row["fields"]["member"]) for row in rows))
