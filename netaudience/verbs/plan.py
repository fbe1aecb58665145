"""What a verb would do to people at each vendor, found out without sending anything.

The facts say which operation takes which identity; of each person the first one that is known is taken. What
comes of it is a job like any other, whose steps, limits and guards are the jobs' own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from netaudience.client import Client, ClientFactory
from netaudience.errors import ConfigurationError
from netaudience.jobs.plan.estimate import NoAccount, client_of
from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.diagnostics import listed, nearest, no_column
from netaudience.jobs.spec.model import Guards, JobFile, Source, Step
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.spec.verb_steps import has_sql, step_of, untold, ways_of
from netaudience.model.verb_facts import Channel, Identity, Verb, VerbFacts, Way, key_of
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.settings import Settings
from netaudience.vendors import client_of as vendor_client
from netaudience.vendors import names, verbs_of
from netaudience.verbs.asking import shown_by, vendors_here
from netaudience.verbs.beforehand import Beforehand, may
from netaudience.verbs.people import Person, read_people
from netaudience.verbs.subject import Columns, find_columns

if TYPE_CHECKING:
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.plan.plan import Plan
    from netaudience.operations.readback import ReadBack
    from netaudience.verbs.missing import Completed

#: Names become folders.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_NOBODY_LOOKED = "what the vendor can do for it is not written down"


@attrs.frozen(kw_only=True)
class Part:
    """One way of doing a verb at a vendor, and the people whom it is for."""

    way: Way
    #: The column that has their identity.
    column: str
    step: Step
    operation: Operation
    people: int
    #: People whose address is written otherwise than in lower case, where it has to be as it is stored.
    odd: int = 0

    def is_odd(self, person: Person) -> bool:
        """Return whether nobody knows if the person's address is the one that the vendor has stored."""
        value = person.known_by.get(self.column, "").strip()
        return self.way.as_stored and value != value.lower()

    @property
    def shown_by(self) -> tuple[ReadBack, str] | None:
        """The look-up that shows later whether it was done, and its operation."""
        return shown_by(vendor_client(self.step.vendor), self.way)

    def to_json(self) -> JsonValue:
        """Return the part as JSON can say it."""
        way = self.way
        return {
            "operation": way.operation,
            "identity": way.takes,
            "column": self.column,
            "people": self.people,
            "not_in_lower_case": self.odd,
            "within_seconds": None if way.within is None else way.within.total_seconds(),
            "second_look": None if self.shown_by is None else self.shown_by[1],
        }


@attrs.frozen(kw_only=True)
class VendorPlan:
    """What a verb would do at one vendor."""

    #: The vendor's name in commands, and as people write it.
    vendor: str
    name: str
    #: The channel that it is about, if it is about one.
    channel: Channel | None = None
    facts: VerbFacts | None
    parts: tuple[Part, ...] = ()
    #: People who have no id that the vendor takes.
    missing: int = 0
    #: People who must not be written to again, by the reason.
    refused: Mapping[str, int] = attrs.field(factory=dict[str, int])
    #: Why requests cannot be made, where credentials are missing.
    account: str | None = None
    #: Ways that this account does not have, and why.
    left_out: tuple[str, ...] = ()
    #: What has to be told before anything can be done here, in a sentence.
    untold: str | None = None

    @property
    def cannot(self) -> str | None:
        """Why nothing can be done, in a sentence; None where something can."""
        if self.facts is None:
            return _NOBODY_LOOKED
        return self.facts.cannot or self.untold

    def parts_of(self, person: Person) -> tuple[Part, ...]:
        """Return the parts that a person is in."""
        if self.refusal(person) is not None:
            return ()
        found = tuple(part for part in self.parts if part.column in person.known_by)
        return found if self.facts is not None and self.facts.taken == "every" else found[:1]

    def refusal(self, person: Person) -> str | None:
        """Return why a person must not be written to again here, or None."""
        return person.refused.get(f"{self.vendor} {self.channel}")

    @property
    def takes(self) -> str:
        """The identities that the vendor takes, as a sentence lists them."""
        ways = () if self.facts is None else self.facts.ways
        return " or ".join(dict.fromkeys(way.takes for way in ways))

    def to_json(self) -> JsonValue:
        """Return the plan as JSON can say it."""
        facts = self.facts
        return {
            "vendor": self.vendor,
            "channel": self.channel,
            "cannot": self.cannot,
            "by_hand": None if facts is None else facts.by_hand or None,
            "missing_id": self.missing,
            "refused": dict(self.refused),
            "account": self.account,
            "left_out": list(self.left_out),
            "parts": [part.to_json() for part in self.parts],
            "comes_back": None if facts is None else facts.comes_back or None,
            "notes": [] if facts is None else list(facts.notes),
        }


@attrs.frozen(kw_only=True)
class VerbPlan:
    """What a verb would do."""

    action: Action
    #: What people call the source.
    source: str
    columns: Columns
    people: Sequence[Person] = attrs.field(repr=False)
    vendors: tuple[VendorPlan, ...]
    #: What carries it out; it has no step where nothing can be sent.
    job: JobFile = attrs.field(repr=False)
    #: What the job would send; None where that is nothing.
    sends: Plan | None = attrs.field(repr=False)
    #: Jobs of this folder that write to these vendors, and would bring back whom their sources still hold.
    brought_back_by: tuple[str, ...] = ()
    #: What vendors were asked for ids, and told; None where nobody asked.
    looked_up: Completed | None = attrs.field(default=None, repr=False)

    @property
    def verb(self) -> Verb:
        """What is done."""
        return self.action.verb

    @property
    def reached(self) -> int:
        """How many people something would be sent for."""
        return sum(any(vendor.parts_of(person) for vendor in self.vendors) for person in self.people)

    @property
    def unreadable(self) -> int:
        """Rows that cannot be read."""
        return sum(person.problem is not None for person in self.people)

    @property
    def repeated(self) -> int:
        """Rows that name somebody whom an earlier row names alike, and who is counted once more."""
        named = [tuple(sorted(one.known_by.items())) for one in self.people if one.known_by]
        return len(named) - len(set(named))

    @property
    def stops(self) -> tuple[str, ...]:
        """Why a run would stop before it sends anything, in sentences."""
        return () if self.sends is None else self.sends.stops

    def to_json(self) -> JsonValue:
        """Return the plan as JSON can say it; it names nobody."""
        vendors: list[JsonValue] = [each.to_json() for each in self.vendors]
        return {
            "verb": self.verb,
            "people": len(self.people),
            "unreadable": self.unreadable,
            "repeated": self.repeated,
            "reached": self.reached,
            "seconds": self.sends.seconds if self.sends else 0.0,
            "brought_back_by": list(self.brought_back_by),
            "stops": list(self.stops),
            "vendors": vendors,
        }


def plan_verb(  # noqa: PLR0913 - its options
    action: Action,
    table: Table,
    source: Source,
    *,
    vendors: Iterable[str] | None = None,
    chosen: Mapping[Identity, str | None] | None = None,
    client_factory: ClientFactory | None = None,
    folder: Path | None = None,
    before: Beforehand | None = None,
    name: str | None = None,
) -> VerbPlan:
    """Read the people, and say what would be done to them.

    Args:
        action: What is to be done.
        table: The people, opened; it stays open.
        source: Where the table is from, as a job says it.
        vendors: By their names in commands; those of the environment if not given, and all where it has none.
        chosen: Columns that somebody has named.
        client_factory: Makes a vendor's client; from the environment if not given.
        folder: Where runs are kept, in ``.netaudience``; the current one if not given.
        before: What was found of the people, and is in the table.
        name: What people call the source, where the table does not say it.

    Raises:
        ConfigurationError: a vendor or a column is not there, or the source cannot be read.
        SourceFailed: the source cannot be read.
    """
    from netaudience.jobs.plan.plan import plan_job  # noqa: PLC0415 - needs the extra `cli`

    columns = find_columns(list(table.columns), names(), chosen)
    for column in action.attributes.values():
        if column is not None and column not in table.columns:
            raise ConfigurationError(f"An attribute: {no_column(column, table.columns)}")
    people = read_people(table, columns)
    before = before or Beforehand()
    if before.refused:
        people = [one._replace(refused=before.refused.get(one.row, {})) for one in people]
    called = name or table.name
    where = folder or Path.cwd()
    planned = plan_vendors(action, vendors, columns, people, client_factory)
    job_name = name_of(action, called)
    job = JobFile(
        name=job_name,
        # No file: a run of a verb says itself how it is gone on with.
        path=where / f"{job_name}.verb",
        source=source,
        steps=tuple(part.step for each in planned for part in each.parts),
        # Who is refused is told one by one, and must not keep others from their right.
        guards=Guards(max_removals=None, max_rejected=None),
    )
    brought = {each.vendor: each.name for each in planned if each.parts} if action.verb == "erase" else {}
    return VerbPlan(
        action=action,
        source=called,
        columns=columns,
        people=people,
        vendors=planned,
        job=job,
        sends=plan_job(job, table) if job.steps else None,
        brought_back_by=tuple(_writers(where, brought)),
        looked_up=before.looked_up,
    )


def name_of(action: Action, source: str) -> str:
    """Return what the job of a verb is called."""
    return f"{action.verb}-{_NOT_IN_NAMES.sub('-', Path(source).stem).strip('-.') or 'people'}"[:100]


def slugs_of(vendors: Iterable[str] | None) -> list[str]:
    """Return the vendors that are meant, by their names in commands.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    return list(dict.fromkeys(_client(name).slug for name in (vendors or vendors_here() or names())))


def plan_vendors(
    action: Action,
    vendors: Iterable[str] | None,
    columns: Columns,
    people: Sequence[Person],
    client_factory: ClientFactory | None,
) -> tuple[VendorPlan, ...]:
    """Say by which operations each vendor would be asked for these people.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    return tuple(
        _plan_vendor(action, channel, vendor_client(slug), columns, people, client_factory)
        for slug in slugs_of(vendors)
        for channel in action.parts
    )


def _client(name: str) -> type[Client]:
    client = find_vendor(name)
    if client is None:
        slugs = list(names())
        raise ConfigurationError(
            f"There is no vendor {name!r}{nearest(name, slugs) or f': it is one of {listed(slugs)}'}"
        )
    return vendor_client(client.slug)


def _plan_vendor(  # noqa: PLR0913, PLR0917 - what a plan is made of
    action: Action,
    channel: Channel | None,
    vendor: type[Client],
    columns: Columns,
    people: Sequence[Person],
    client_factory: ClientFactory | None,
) -> VendorPlan:
    facts = verbs_of(vendor).get(key_of(action.verb, channel))
    unsaid = None if facts is None else untold(action, channel, vendor, facts, "--at {}=…")
    if facts is None or facts.cannot or unsaid is not None:
        return VendorPlan(vendor=vendor.slug, name=vendor.vendor, channel=channel, facts=facts, untold=unsaid)
    place = action.place(vendor.slug, channel)
    account: Client
    missing: str | None = None
    if client_factory is not None:
        account = client_factory(vendor, Settings())
    else:
        account, missing = client_of(vendor, Settings())
    left_out: list[str] = []
    parts: list[Part] = []

    def has(way: Way) -> bool:
        try:
            if not isinstance(account, NoAccount):
                account.items_of(vendor.operations()[way.operation])
        except ConfigurationError as error:
            left_out.append(str(error))
            return False
        return True

    where = f"{vendor.slug} {channel}"
    refused = Counter(why for person in people if (why := person.refused.get(where)) is not None)
    let_in = [person for person in people if where not in person.refused]
    for way, column, before in ways_of(facts, lambda takes: columns.column(takes, vendor.slug), has):
        count = sum(
            column in person.known_by and not person.known_by.keys() & set(before) for person in let_in
        )
        if count:
            called = key_of(action.verb, channel).replace(" ", "-")
            name = f"{vendor.slug}-{called}-by-{way.takes}"
            held = action.attributes
            step = step_of(name, vendor, way, column, before=before, place=place, attributes=held)
            if action.verb == "unsuppress":
                step = attrs.evolve(step, where=f"{step.where} and {has_sql(may(where))}")
            operation = vendor.operations()[way.operation]
            part = Part(way=way, column=column, step=step, operation=operation, people=count)
            odd = sum(part.is_odd(one) for one in let_in if not one.known_by.keys() & set(before))
            parts.append(attrs.evolve(part, odd=odd))
    known = {part.column for part in parts}
    return VendorPlan(
        vendor=vendor.slug,
        name=vendor.vendor,
        channel=channel,
        facts=facts,
        parts=tuple(parts),
        missing=sum(person.problem is None and not person.known_by.keys() & known for person in let_in),
        refused=refused,
        account=missing,
        left_out=tuple(left_out),
    )


def _writers(folder: Path, vendors: Mapping[str, str]) -> Iterator[str]:
    """Give the jobs of a folder that write to these vendors, in a sentence each."""
    from netaudience.jobs.spec.parse import read_job  # noqa: PLC0415 - only where there are files

    for path in sorted(folder.glob("*.toml")):
        try:
            job = read_job(path)
        except ConfigurationError:
            continue  # another tool's, or one that is not run as it is
        written = {step.vendor for step in job.steps if step.vendor in vendors and not _takes(step)}
        if written:
            yield f"{path.name} writes to {listed(vendors[slug] for slug in vendors if slug in written)}"


def _takes(step: Step) -> bool:
    return vendor_client(step.vendor).operations()[step.operation].facts.destructive
