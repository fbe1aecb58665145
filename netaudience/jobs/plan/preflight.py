"""Before anything is sent: a step's names and types against what the vendor tells of its own schema.

A vendor drops what it does not know without a word, or fixes a type for ever by its first value. So it is
asked once, and a step is held to the answer: names that are unknown stop it, and values are written in the
type that is defined. Which operation tells is a fact of the vendor's (`Client.schemas`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import attrs

from netaudience.client import Client
from netaudience.errors import GuardRefused
from netaudience.jobs.columns.defined import chosen, defined, fits_type, form_by_name, named
from netaudience.jobs.columns.fields import fields_of, holds_lists, identifier_field
from netaudience.jobs.columns.sql_types import sql_type
from netaudience.jobs.spec.diagnostics import listed
from netaudience.jobs.spec.model import Expression, Step
from netaudience.model.definitions import ANYTHING, Definition, Definitions
from netaudience.model.kinds import Identifiers, Kind
from netaudience.model.rows import Field, Rows
from netaudience.operations.schemas import Answers, Entries, Names, ReadSchema, read_schemas

#: Seconds for all questions of one step's vendor: what is not answered by then is a note; the run goes on.
_PATIENCE = 60.0
_HOW = (
    "rename or cast it in [step.fields] (--column, --skip, --sql in a command), or say --no-preflight to "
    "send it all the same"
)


@attrs.frozen
class Finding:
    """What the vendor would do with a column."""

    sentence: str
    #: Whether something would be lost; otherwise it is only worth to be known.
    stops: bool = True
    #: Whether it is a matter of the plan alone: the run does what was planned.
    planned: bool = False


async def ask_vendor(client: Client, step: Step, answers: Answers) -> Preflight:
    """Ask a step's vendor for its schema, under the vendor's own limits; never raises for what it answers.

    Args:
        client: The vendor's.
        step: What is to be sent.
        answers: What was reported already, for other steps.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            schema = await read_schemas(client, step.operation, step.arguments, answers)
    except TimeoutError:
        why = f"{client.vendor} did not send its schema within {_PATIENCE:g} seconds: nothing was compared"
        schema = ReadSchema(problems=(why,))
    return Preflight(step, schema)


def ask_vendors(accounts: Sequence[tuple[Client | None, Step]]) -> list[Preflight | None]:
    """Ask the vendors of several steps and wait for them; their clients are closed, and ask nothing later.

    Args:
        accounts: The client of each step, None where there is no account, and the step.
    """

    async def ask() -> list[Preflight | None]:
        answers: Answers = {}
        async with contextlib.AsyncExitStack() as stack:
            for client, _ in accounts:
                if client is not None:
                    await stack.enter_async_context(client)
            return [
                None if client is None else await ask_vendor(client, step, answers)
                for client, step in accounts
            ]

    if not any(client is not None and _is_told(client, step) for client, step in accounts):
        return [None] * len(accounts)
    with ThreadPoolExecutor(1) as threads:  # the caller may have a loop of its own
        return threads.submit(lambda: asyncio.run(ask())).result()


def _is_told(client: Client, step: Step) -> bool:
    """Return whether the vendor tells anything of what stands in the step."""
    return any(step.operation in schema.places for schema in client.schemas)


def refuse(step: str, findings: Sequence[Finding]) -> None:
    """Refuse to send what would be lost.

    Raises:
        GuardRefused: something would; nothing was sent.
    """
    stops = [finding.sentence for finding in findings if finding.stops]
    if stops:
        reasons = " ".join(one if one.endswith("?") else f"{one}." for one in stops)
        raise GuardRefused(f"{step}: {reasons} Nothing was sent: {_HOW}")


class Preflight:
    """What a vendor has told for one step."""

    def __init__(self, step: Step, schema: ReadSchema) -> None:
        self._step = step
        self._schema = schema
        #: What could not be read, in sentences.
        self.problems: Sequence[str] = schema.problems
        #: What is only worth to be known of the step's columns, since somebody has looked at them; and of
        #: that what a run tells too.
        self.planned: Sequence[str] = ()
        self.notes: Sequence[str] = ()

    def kind(self, kind: Kind) -> Kind:
        """Return what the step's items are, as the vendor has defined what stands in them."""
        for place, known in self._schema.places:
            kind = self._held(kind, place, known)
        return kind

    def findings(self, kind: Kind, columns: Mapping[str, str]) -> list[Finding]:
        """Say what of the step's columns the vendor does not have, or has as another type.

        Args:
            kind: What the step's items are.
            columns: DuckDB's types of the source's columns.
        """
        found: list[Finding] = []
        for place, known in self._schema.places:
            if isinstance(place, Entries):
                found += self._of_entries(kind, place.field, known, columns)
            else:
                found += self._of_names(kind, place, known, columns)
        aside = [one for one in dict.fromkeys(found) if not one.stops]
        self.planned = [*self.problems, *(one.sentence for one in aside)]
        self.notes = [*self.problems, *(one.sentence for one in aside if not one.planned)]
        return list(dict.fromkeys(found))

    def _held(self, kind: Kind, place: Entries | Names, known: Definitions) -> Kind:
        if isinstance(kind, Identifiers):
            is_name = isinstance(place, Names) and not place.field
            return kind.written_as(named(kind.form, known)) if is_name else kind
        if not isinstance(kind, Rows):
            return kind
        rows = cast("Rows[object]", kind)
        changed: dict[str, Field] = {}
        by_name = {field.name: field for field in rows.fields}
        if isinstance(place, Entries):
            field = by_name[place.field]
            changed[field.name] = attrs.evolve(field, form=defined(field.form, known))
        elif place.field in by_name:
            field = by_name[place.field]
            changed[field.name] = attrs.evolve(field, form=named(field.form, known))
            expression = self._expression(place.field)
            name = None if expression is None else expression.value
            for belonging in filter(None, (place.value, place.members)):
                its = by_name[belonging]
                form = (
                    chosen(its.form, known, field.wire)  # each row says its own
                    if name is None
                    else form_by_name(its.form, known, name)
                )
                changed[belonging] = attrs.evolve(its, form=form)
        return rows.with_fields(changed.get(field.name, field) for field in rows.fields)

    def _expression(self, field: str) -> Expression | None:
        return next(
            (one for name, one in self._step.fields.items() if name.casefold() == field.casefold()), None
        )

    def _of_entries(
        self, kind: Kind, field: str, known: Definitions, columns: Mapping[str, str]
    ) -> Iterator[Finding]:
        if not isinstance(kind, Rows):
            return
        rows = cast("Rows[object]", kind)
        own = fields_of(rows)[field]
        lists = holds_lists(rows, own)
        new: list[str] = []
        for name, expression in self._step.fields.items():
            whole, dot, entry = name.partition(".")
            if not dot or whole not in {own.name, own.wire}:
                continue
            one = known.named(entry)
            if one is None and known.makes and not known.meant(entry)[1]:
                new.append(name)
            elif one is None:
                yield from _unknown(name, entry, known)
            elif lists and one.holds != ANYTHING and not one.holds.many:
                yield Finding(f"{name} is no list at {known.vendor} ({one.word}), which {known.mistyped}")
            else:
                yield from _type(name, expression, one, known, own, columns)
        if len(new) == 1:
            yield from _unknown(new[0], new[0].partition(".")[2], known)
        elif new:
            sentence = f"{listed(new)}: {known.vendor} has no such {known.noun} yet and {known.unknown}"
            yield Finding(sentence, stops=False)

    def _of_names(
        self, kind: Kind, place: Names, known: Definitions, columns: Mapping[str, str]
    ) -> Iterator[Finding]:
        field = place.field or (identifier_field(self._step, kind) if isinstance(kind, Identifiers) else "")
        expression = self._expression(field)
        if expression is None or expression.value is None:
            return  # each row says its own, and is asked by itself
        values = expression.value if isinstance(expression.value, list) else [expression.value]
        for value in values:
            one = known.named(str(value))
            if one is None:
                yield from _unknown(field, str(value), known)
                continue
            if place.members and one.members is not None:
                yield from self._of_entries(kind, place.members, one.members, columns)  # pyright: ignore[reportUnknownArgumentType] # rows of whatever
            given = self._step.fields.get(place.value)
            if given is not None and isinstance(kind, Rows):
                own = fields_of(cast("Rows[object]", kind))[place.value]
                yield from _type(place.value, given, one, known, own, columns)


def _unknown(name: str, called: str, known: Definitions) -> Iterator[Finding]:
    meant, is_case = known.meant(called)
    has_none = f"{name}: {known.vendor} has no {known.noun} {called!r}"
    if known.makes and not is_case:
        yield Finding(f"{has_none} yet and {known.unknown}", stops=False)
        return
    if is_case:
        yield Finding(
            f"{has_none} but {meant!r}, which differs in its case, and {known.unknown}: write {meant!r}"
        )
        return
    also = f": did you mean {meant!r}?" if meant else ""
    yield Finding(f"{has_none} and {known.unknown}{also}")


def _type(  # noqa: PLR0913, PLR0917 - what there is to compare
    name: str,
    expression: Expression,
    one: Definition,
    known: Definitions,
    field: Field,
    columns: Mapping[str, str],
) -> Iterator[Finding]:
    if expression.column is None:
        return  # a constant is looked at when items are made of it, and SQL says what it makes then
    written = columns.get(expression.column)
    if written is None or one.holds == ANYTHING:
        return
    kind = sql_type(written)
    if not fits_type(one.holds, kind, field.form):
        yield Finding(f"{name} ({written}) is {_word(one)} at {known.vendor}, which {known.mistyped}")
    elif kind.family == "text" and one.holds.family != "text":
        yield Finding(
            f"{name} ({written}) is {_word(one)} at {known.vendor}: its texts go as such",
            stops=False,
            planned=True,
        )


def _word(one: Definition) -> str:
    return f"a list of {one.word}" if one.holds.many else one.word
