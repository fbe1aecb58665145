"""Where an audience is at vendors that number it: found by its name, made if there is none, and counted.

What is found is a number of the account, and is asked for at the beginning of each run, so that no run puts
people on a list of another account. One is made when the guards have agreed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from netaudience.client import Client, ClientFactory, from_environment
from netaudience.errors import ConfigurationError, NetaudienceError
from netaudience.jobs.plan.estimate import client_of
from netaudience.jobs.spec.audience_section import numbered, with_places
from netaudience.jobs.spec.model import JobFile, KeptAudience
from netaudience.jobs.spec.quotas_section import store_of
from netaudience.model.kinds import WholeNumbers
from netaudience.operations.bound import BoundCall, Pages
from netaudience.settings import Settings
from netaudience.vendors import audiences_of, verbs_of
from netaudience.vendors import client_of as vendor_of

if TYPE_CHECKING:
    from netaudience.model.verb_facts import AudienceFacts

T = TypeVar("T", bound=JobFile)


@attrs.frozen(kw_only=True)
class Size:
    """How large an audience is at one vendor, as the vendor counts it."""

    #: The vendor's name in commands, and as people write it.
    vendor: str
    name: str
    #: What the audience is called there: its name or its number.
    place: str
    #: None where the vendor does not tell, or has not counted yet.
    count: int | None = None
    #: Why there is no count.
    reason: str | None = None


async def find_or_make(job: T, client_factory: ClientFactory | None = None, *, make: bool = True) -> T:
    """Return a job whose audience is at every vendor; where there is none of its name, one is made.

    Args:
        job: The job.
        client_factory: Makes a vendor's client; from the environment if not given.
        make: Whether one is made; what is not there is left as it is otherwise.

    Raises:
        ConfigurationError: there are several of its name, it cannot be made, or credentials are missing.
        VendorError: a vendor gave no answer.
    """
    audience = job.audience
    if audience is None:
        return job
    found = dict(audience.found)
    missing = list[type[Client]]()
    for slug in numbered(audience):
        if slug in found:
            continue
        vendor = vendor_of(slug)
        async with account_of(job, vendor, client_factory) as account:
            place = await _find(account, _facts(vendor), audience)
        if place is None:
            missing.append(vendor)
        else:
            found[slug] = place
    if make:
        for vendor in missing:  # all of them are looked at before one is made
            if why := _facts(vendor).cannot_make:
                raise ConfigurationError(f"{vendor.vendor} has no audience {audience.name!r}: {why}")
        for vendor in missing:
            facts = _facts(vendor)
            async with account_of(job, vendor, client_factory) as account:
                made = await _call(account, facts.made)(facts.row(audience.name))
            found[vendor.slug] = facts.made_id(made)
    return _found(job, audience, found)


def unplaced(job: JobFile) -> bool:
    """Return whether the audience of a job is to be made somewhere."""
    return job.audience is not None and bool(set(numbered(job.audience)) - job.audience.found.keys())


def find_for_plan(job: T) -> tuple[T, list[str]]:
    """Look for an audience as far as there are credentials, make nothing, and say what a run would make."""
    audience = job.audience
    if audience is None:
        return job, []
    found, notes = dict(audience.found), list[str]()

    async def look(slug: str, facts: AudienceFacts, account: Client) -> None:
        async with account:
            place = await _find(account, facts, audience)
        if place is not None:
            found[slug] = place
        elif facts.cannot_make:
            notes.append(f"{account.vendor} has no audience {audience.name!r}: {facts.cannot_make}")
        else:
            notes.append(f"{account.vendor} has no audience {audience.name!r} yet: the run makes it")

    for slug in audience.lists:
        called = f"{vendor_of(slug).vendor}: the list {audience.name!r}"
        notes.append(f"{called} is replaced as a whole when the run has come to its end")
    for slug in numbered(audience):
        vendor = vendor_of(slug)
        try:
            account, missing = client_of(vendor, settings_of(job))
            if missing is None and slug not in found:
                coroutine = look(slug, _facts(vendor), account)
                with ThreadPoolExecutor(1) as threads:  # the caller may have a loop of its own
                    threads.submit(asyncio.run, coroutine).result()
        except NetaudienceError as error:
            notes.append(f"{vendor.vendor} was not asked for the audience {audience.name!r}: {error}")
    return _found(job, audience, found), notes


async def sizes_of(job: JobFile, client_factory: ClientFactory | None = None) -> list[Size]:
    """Ask every vendor how large the audience is there; a vendor that does not tell is no error.

    Args:
        job: The job of the audience.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: credentials are missing.
    """
    audience = job.audience
    sizes: list[Size] = []
    if audience is None:
        return sizes
    for slug in audience.vendors:
        vendor, facts = vendor_of(slug), audiences_of(vendor_of(slug))
        named = Size(vendor=slug, name=vendor.vendor, place=audience.at.get(slug, audience.name))
        if facts is None:
            sizes.append(attrs.evolve(named, reason="the vendor does not say how many they are"))
            continue
        async with account_of(job, vendor, client_factory) as account:
            try:
                place = audience.at.get(slug) or audience.found.get(slug)
                place = place or await _find(account, facts, audience)
                if place is not None:
                    named = await _size(account, facts, attrs.evolve(named, place=place))
            except NetaudienceError as error:
                named = attrs.evolve(named, reason=str(error))
        sizes.append(named)
    return sizes


async def _size(account: Client, facts: AudienceFacts, named: Size) -> Size:
    whole = isinstance(account.operations()[facts.sized].kind, WholeNumbers)
    answer = await _call(account, facts.sized)(int(named.place) if whole else named.place)
    count = facts.counted(answer)
    return attrs.evolve(named, count=count, reason=None if count is not None else "it was not counted yet")


async def _find(account: Client, facts: AudienceFacts, audience: KeptAudience) -> str | None:
    """Return the number of the audience of this name, or None.

    Raises:
        ConfigurationError: there are several.
    """
    bound = cast("Callable[..., object]", getattr(account, facts.listed))
    asked = bound(**facts.named(audience.name))
    if isinstance(asked, Pages):
        given = [one async for row in cast("Pages[object, object]", asked) for one in facts.found(row)]
    else:
        given = list(facts.found(await cast("Awaitable[object]", asked)))
    fitting = [place for name, place in given if name == audience.name]
    if len(fitting) > 1:
        raise ConfigurationError(
            f"{account.vendor} has {len(fitting)} audiences of the name {audience.name!r}: say which one, "
            f"at = {{ {account.slug} = … }} in [audience]"
        )
    return fitting[0] if fitting else None


def _call(account: Client, operation: str) -> Callable[[object], Awaitable[object]]:
    return cast("BoundCall[object, [], object]", getattr(account, operation))


def _facts(vendor: type[Client]) -> AudienceFacts:
    facts = audiences_of(vendor)
    if facts is None:
        place = verbs_of(vendor)["join"].place
        raise ConfigurationError(f"Say at = {{ {vendor.slug} = … }} in [audience], with {place}")
    return facts


def settings_of(job: JobFile) -> Settings:
    """Return the settings of a job's clients: whose account it is, and with whom its limits are shared."""
    return Settings(quotas=store_of(job.quotas), account=job.quotas.account)


def account_of(job: JobFile, vendor: type[Client], client_factory: ClientFactory | None) -> Client:
    """Make a vendor's client as a job has it; from the environment where nobody makes it."""
    return (client_factory or from_environment)(vendor, settings_of(job))


def _found(job: T, audience: KeptAudience, found: dict[str, str]) -> T:
    return attrs.evolve(
        job,
        audience=attrs.evolve(audience, found=found),
        steps=with_places(job.steps, audience, found),
    )
