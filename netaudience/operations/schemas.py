"""Where a vendor tells its own schema, and where the names of it stand in its operations: facts, as data.

A vendor states them beside its operations, as `Client.schemas`. Whoever sends asks `read_schemas` once, and
compares names and types with what it has. What cannot be read is reported and compared with nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import attrs

from netaudience.errors import NetaudienceError, VendorError
from netaudience.model.definitions import Definition, Definitions

_NOT_FOUND = 404


@attrs.frozen
class Entries:
    """The names are those of a mapping's entries, whose values have the type of each."""

    #: The mapping, by its name in Python.
    field: str


@attrs.frozen
class Names:
    """The names are the values of a field, or of a list in it; of bare identifiers where `field` is empty."""

    field: str = ""
    #: The field whose values have the type of the name in the same row.
    value: str = ""
    #: The mapping whose entries are what belongs to the name in the same row.
    members: str = ""


Place: TypeAlias = Entries | Names


@attrs.frozen(kw_only=True)
class Schema:
    """One sort of names that a vendor tells."""

    #: What one is called, such as "profile attribute".
    noun: str
    #: The operation that tells them.
    told_by: str
    #: Reads the operation's answer; of one that gives pages, each row of them.
    read: Callable[[Any], Iterable[Definition]]
    #: Where the names stand, by the operation's name.
    places: Mapping[str, Place]
    #: What the vendor does with a name that it does not have, and with a value of another type: the ends of
    #: sentences, as in "leaves it out without a word".
    unknown: str
    mistyped: str = ""
    #: The argument by which a caller decides whether a name that there is none of is made; empty where there
    #: is none.
    makes: str = ""


class SchemaClient(Protocol):
    """What is asked of a client."""

    vendor: ClassVar[str]
    schemas: ClassVar[tuple[Schema, ...]]

    @property
    def home(self) -> tuple[str, str]:
        """What tells the server and the account from others."""
        ...


@attrs.frozen
class ReadSchema:
    """What a vendor has told of the names in one operation."""

    #: Each place with what stands there.
    places: tuple[tuple[Place, Definitions], ...] = ()
    #: What could not be read, in sentences.
    problems: tuple[str, ...] = ()


Answers: TypeAlias = dict[tuple[str, str, str], "Sequence[Definition] | str"]
"""What was reported already, by account and operation: definitions, or why there are none."""


async def read_schemas(
    client: SchemaClient, operation: str, arguments: Mapping[str, object], answers: Answers
) -> ReadSchema:
    """Ask a vendor for each sort of names that stand in an operation.

    Args:
        client: Asked under its own limits; what it does not answer is reported in `ReadSchema.problems`.
        operation: The operation's name.
        arguments: What all of its items share.
        answers: What was reported before: each account is asked once for each.
    """
    places: list[tuple[Place, Definitions]] = []
    problems: list[str] = []
    for schema in client.schemas:
        place = schema.places.get(operation)
        if place is None:
            continue
        asked = (*client.home, schema.told_by)
        if asked not in answers:
            answers[asked] = await _definitions(client, schema)
        found = answers[asked]
        if isinstance(found, str):
            problems.append(found)
            continue
        wanted = arguments.get(schema.makes) if schema.makes else False
        left_out = schema.makes and wanted is False
        known = Definitions.of(
            found,
            noun=schema.noun,
            vendor=client.vendor,
            unknown="leaves it out, as the step asks for" if left_out else schema.unknown,
            mistyped=schema.mistyped,
            makes=bool(schema.makes) and wanted is not False,
        )
        places.append((place, known))
    return ReadSchema(tuple(places), tuple(problems))


async def _definitions(client: SchemaClient, schema: Schema) -> Sequence[Definition] | str:
    """Return what a vendor tells, or why it does not, in a sentence."""
    asked: object = getattr(client, schema.told_by)()
    found: list[Definition] = []
    try:
        if isinstance(asked, AsyncIterable):
            async for row in cast("AsyncIterable[object]", asked):
                found += schema.read(row)
        else:
            found += schema.read(await cast("Awaitable[object]", asked))
    except NetaudienceError as error:
        why = str(error)
        if isinstance(error, VendorError) and error.status == _NOT_FOUND:
            why = f"{client.vendor} does not tell it here (HTTP 404)"
        return f"No {schema.noun} was compared, for {schema.told_by} was not answered: {why}"
    return found
