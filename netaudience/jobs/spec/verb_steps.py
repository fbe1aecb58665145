"""Steps that are made of a verb: the facts of a vendor say by which operation, and what its rows hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from netaudience.client import Client
from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.model import Expression, Step
from netaudience.jobs.spec.suppression_section import quoted_name
from netaudience.jobs.spec.validate import item_field
from netaudience.model.rows import Rows
from netaudience.model.verb_facts import Channel, Identity, VerbFacts, Way
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation

#: Stands for the number of a place that has to be found or made first.
UNPLACED = "0"


def ways_of(
    facts: VerbFacts, column_of: Callable[[Identity], str | None], has: Callable[[Way], bool] = lambda _: True
) -> Iterator[tuple[Way, str, tuple[str, ...]]]:
    """Give the ways that people can go, each with its column, and the columns of those who go another way.

    Args:
        facts: What the vendor can do.
        column_of: Which column has an identity, None where none has.
        has: Whether the account has a way.
    """
    taken: list[str] = []
    for way in facts.ways:
        column = column_of(way.takes)
        if column is not None and column not in taken and has(way):
            yield way, column, tuple(taken) if facts.taken == "first" else ()
            taken.append(column)


def untold(
    action: Action, channel: Channel | None, vendor: type[Client], facts: VerbFacts, how: str
) -> str | None:
    """Say what of an account has to be told before a verb can be done there, or None.

    Args:
        action: What is to be done.
        channel: The channel that it is about, if it is about one.
        vendor: Where.
        facts: What the vendor can do for it.
        how: How it is told, with ``{}`` for where.
    """
    where = vendor.slug if channel is None else f"{vendor.slug}:{channel}"
    if not facts.place:
        return None
    given = action.places.get(where)
    wanted = f"say {how.format(where)} with {facts.place}"
    if not given:
        return wanted
    unfit = unfit_place(vendor, facts, given)
    return None if unfit is None else f"{unfit}: {wanted}"


def has_sql(column: str) -> str:
    """Return the SQL of whether a row has something in a column: more than blanks."""
    return f"coalesce(trim(cast({quoted_name(column)} as varchar)), '') <> ''"


def step_of(  # noqa: PLR0913 - what a step is made of
    name: str,
    vendor: type[Client],
    way: Way,
    column: str,
    *,
    before: Sequence[str] = (),
    place: str = "",
    attributes: Mapping[str, str | None] | None = None,
) -> Step:
    """Return the step that goes one way.

    Args:
        name: The step's name.
        vendor: Whose way it is.
        way: The way.
        column: The column that has the identity.
        before: Columns of other ways: whoever has something in one of them goes that way.
        place: The name or the number of what people are put into; empty where they are put into nothing.
        attributes: What is set, by its name at the vendor the column of its values; None takes it away.
    """
    operation = vendor.operations()[way.operation]
    field = way.field if isinstance(operation.kind, Rows) else item_field(operation)
    conditions = [has_sql(column), *(f"not ({has_sql(one)})" for one in before)]
    return Step(
        name=name,
        vendor=vendor.slug,
        operation=operation.name,
        arguments=_arguments(operation, way, place),
        fields={
            field: Expression(column=column),
            **{name: Expression(value=value) for name, value in way.constants(place).items()},
            **dict(_attributes(way, attributes or {})),
        },
        where=" and ".join(conditions),
    )


def _attributes(way: Way, attributes: Mapping[str, str | None]) -> Iterator[tuple[str, Expression]]:
    if way.listed and attributes:
        yield way.listed, Expression(value=list[JsonValue](attributes))
        return
    for name, column in attributes.items():
        # An empty value of an entry that may be unset is what takes it away.
        gone = Expression(sql="null", unset=True)
        yield f"{way.entries}.{name}", gone if column is None else Expression(column=column)


def mirrored(step: Step, vendor: type[Client], back: Way, place: str) -> Step:
    """Return a step that takes back by another way what no row asks for any more."""
    operation = vendor.operations()[back.operation]
    return attrs.evolve(
        step,
        mode="mirror",
        removal=operation.name,
        removal_arguments=_arguments(operation, back, place),
        removal_fields=dict(back.constants(place)),
    )


def placed(step: Step, vendor: type[Client], ways: tuple[Way, Way], place: str) -> Step:
    """Return the step of an audience, of which way and way back are given, with another place."""
    forth, back = ways
    operations = vendor.operations()
    return attrs.evolve(
        step,
        arguments={**step.arguments, **_places(operations[forth.operation], forth, place)},
        removal_arguments={**step.removal_arguments, **_places(operations[back.operation], back, place)},
    )


def _arguments(operation: Operation, way: Way, place: str) -> Mapping[str, JsonValue]:
    return {**way.arguments, **_places(operation, way, place)}


def _places(operation: Operation, way: Way, place: str) -> Mapping[str, JsonValue]:
    return {name: as_argument(operation, name, place) for name in way.places}


def as_argument(operation: Operation, name: str, place: str) -> JsonValue:
    """Return a place as an argument has it, which may be a number; None where it is none and has to be."""
    if operation.parameters[name].annotation is not int:
        return place
    return int(place) if place.isascii() and place.isdigit() else None


def unfit_place(vendor: type[Client], facts: VerbFacts, place: str) -> str | None:
    """Say why a place cannot be meant at a vendor, or None."""
    operations = [(vendor.operations()[way.operation], name) for way in facts.ways for name in way.places]
    whole = all(as_argument(operation, name, place) is not None for operation, name in operations)
    return None if whole else f"{place!r} is no number"
