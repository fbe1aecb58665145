"""An audience that is kept the same at several vendors: a job of a mirror each, and its size at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.job import Job
from netaudience.jobs.plan.destinations import Size, sizes_of
from netaudience.jobs.spec.audience_section import audience_steps
from netaudience.jobs.spec.model import Guards, KeptAudience, Source
from netaudience.jobs.state.run_folder import file_name
from netaudience.model.verb_facts import SHARED, Identity
from netaudience.vendors import names
from netaudience.verbs.asking import vendors_here
from netaudience.verbs.subject import Subject, find_columns, rows_of

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.jobs.deliver.carry_out import OnProgress
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.plan.plan import Plan
    from netaudience.jobs.state.summary import Summary


@attrs.frozen(kw_only=True)
class AudienceResult:
    """What became of a sync."""

    #: Of the run: who joined, who left, and who could not.
    summary: Summary
    #: How large the audience is at each vendor, as the vendor tells afterwards.
    sizes: list[Size]

    @property
    def ok(self) -> bool:
        """True when every vendor has taken whoever is to join, and whoever is to leave."""
        return self.summary.ok


@attrs.frozen
class Audience:
    """An audience by its name: a tag, a list, a property, a cohort, a group, whatever each vendor has.

    ::

        result = await Audience("vip", vendors=["netmera", "iterable"]).sync("members.csv")

    What was put into it is remembered in a folder, so that the next sync sends the difference alone; who was
    put there by others is left alone.
    """

    name: str
    #: By their names in commands; those of the environment if not given.
    vendors: Iterable[str] | None = attrs.field(default=None, kw_only=True)
    #: What a vendor calls it, where that is another name, or a number that is known.
    at: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    #: By which identity a vendor knows people, where it is not the first one that it takes.
    by: Mapping[str, Identity] = attrs.field(factory=dict[str, "Identity"], kw_only=True)
    #: What a vendor needs for a list that it only replaces as a whole, and that is kept besides: for
    #: CleverTap's custom list ``{"clevertap": {"email": …, "creator": …}}``.
    lists: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, "Mapping[str, str]"], kw_only=True)
    #: Columns of a file that their names do not tell, by ``id``, ``email`` and ``phone``.
    columns: Mapping[Identity, str | None] = attrs.field(factory=dict["Identity", "str | None"], kw_only=True)
    #: What stops a sync before it does harm.
    guards: Guards = attrs.field(factory=Guards, kw_only=True)
    #: Where it is remembered, in ``.netaudience``; the current one if not given.
    folder: Path | None = attrs.field(default=None, kw_only=True)

    def plan(self, members: str | Path | Source | Iterable[Subject]) -> Plan:
        """Say who would join and who would leave at each vendor; nothing is sent.

        Args:
            members: Everybody who is to be in it: a file with a column for each id, or subjects.

        Raises:
            ConfigurationError: a vendor or a column is not there, or the members cannot be read.
        """
        from netaudience.jobs.plan.plan import plan_job  # noqa: PLC0415 - needs the extra `cli`

        with self._job(members) as (job, table):
            return plan_job(job, table)

    async def sync(  # noqa: PLR0913 - the options of a run
        self,
        members: str | Path | Source | Iterable[Subject],
        *,
        resume: str | None = None,
        grace: float = 20.0,
        on_progress: OnProgress | None = None,
        client_factory: ClientFactory | None = None,
        signals: bool = True,
    ) -> AudienceResult:
        """Make the audience the same as its members at every vendor: who is new joins, who is gone leaves.

        Look at ``result.ok``: somebody who could not be put into it raises nothing.

        Args:
            members: Everybody who is to be in it: a file with a column for each id, or subjects.
            resume: The run to go on with: its id, the path of its folder, or ``latest``.
            grace: Seconds that requests under way have after the first signal.
            on_progress: Called with the job's counts so far, twice a second.
            client_factory: Makes a vendor's client; from the environment if not given.
            signals: Whether SIGINT and SIGTERM end the run in order.

        Raises:
            GuardRefused: too many would leave, or nobody is left; nobody was put anywhere.
            ConfigurationError: a vendor, a column or credentials are wrong, or there is no such audience
                where none can be made.
        """
        with self._job(members) as (job, table):
            summary = await job.run(
                table=table,
                resume=resume,
                grace=grace,
                on_progress=on_progress,
                client_factory=client_factory,
                signals=signals,
            )
            return AudienceResult(summary=summary, sizes=await sizes_of(job, client_factory))

    @contextmanager
    def _job(self, members: str | Path | Source | Iterable[Subject]) -> Generator[tuple[Job, Table | None]]:
        """Open the members, and make the job that keeps them.

        Raises:
            ConfigurationError: a vendor or a column is not there, or the members cannot be read.
        """
        from netaudience.jobs.extract.table import open_data, open_source  # noqa: PLC0415 - needs the extra `cli`

        vendors = tuple(self.vendors or vendors_here())
        if not vendors:
            raise ConfigurationError("No vendor is set up here: set the credentials of those that are meant")
        where = self.folder or Path.cwd()
        source, rows = Source(), None
        if isinstance(members, str | Path):
            source = Source(files=(str(Path(members).expanduser().resolve()),))
        elif isinstance(members, Source):
            source = members
        else:
            rows = rows_of(members)
        if rows is None:
            with open_source(source, where) as looked_at:
                given = list(looked_at.columns)
        else:  # a column in which nobody has anything says nothing of anybody
            said = dict.fromkeys(name for row in rows for name, value in row.items() if value)
            given = list(said or SHARED)
        columns = find_columns(given, names(), self.columns).named()
        key = source.key or (next(iter(columns.values())),)
        source = attrs.evolve(source, key=key)
        audience, steps = audience_steps(
            KeptAudience(
                name=self.name, vendors=vendors, columns=columns, at=self.at, by=self.by, lists=self.lists
            ),
            source.suppression,
        )
        name = f"audience-{file_name(self.name)}"
        job = Job(
            name=name,
            # No file: a run that was interrupted is gone on with by `resume`.
            path=where / f"{name}.audience",
            source=source,
            steps=steps,
            audience=audience,
            guards=self.guards,
        )
        with nullcontext() if rows is None else open_data(rows, key=key if rows else ()) as table:
            yield job, table
