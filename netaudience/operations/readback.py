"""How the effect of an operation is read back: facts, as data, beside a vendor's operations.

A vendor's success means that it has accepted something. For each operation that writes, `Client.read_backs`
says which look-up shows its effect and how the answer is compared with what was sent, or why nothing does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import attrs

from netaudience.errors import NetaudienceError
from netaudience.model.limits import Figure
from netaudience.model.verb_facts import Question
from netaudience.operations.declare import operations_of
from netaudience.operations.dispatch import ClientPort

Sent: TypeAlias = "Mapping[str, Any] | str"
"""What was sent for one item: a row by the vendor's names, or a bare identifier."""

Found: TypeAlias = Literal["landed", "different", "gone"]
"""What a look-up shows: what was sent, something else, or that whom it was about is not there."""


@attrs.frozen(kw_only=True)
class Ask:
    """One question to the vendor."""

    #: The operation that is asked.
    operation: str
    #: Its item; None where it takes none.
    item: str | None = None
    arguments: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


def asked(question: Question, name: str) -> Ask:
    """Return a question about whoever is known by this name."""
    if question.parameter:
        return Ask(operation=question.operation, arguments={**question.arguments, question.parameter: name})
    return Ask(operation=question.operation, item=name, arguments=question.arguments)


def _nothing(_: object) -> str | None:
    return None


@attrs.frozen(kw_only=True)
class ReadBack:
    """A look-up that shows the effect of an operation on one item."""

    #: Returns what to ask for an item, by the operation's arguments; None where nobody can be asked for it.
    ask: Callable[[Any, Mapping[str, Any]], Ask | None]
    #: Compares what was sent with an answer; None is an answer that the vendor has nobody of that name.
    judge: Callable[[Any, Mapping[str, Any], Any], Found]
    #: Seconds after which the effect is there: what differs before is not there yet.
    settles: Figure
    #: The page that says what the look-up shows.
    docs: str
    #: The entries of a row that are compared; None where it is compared as a whole.
    entries: Callable[[Any], Mapping[str, object]] | None = None
    #: Whether what shows as it was sent proves that it was done; False where whom the vendor never knew shows
    #: the same.
    proves: bool = True
    #: Says what a value is that no page tells how the vendor shows, as in "a date"; None where one does.
    unread: Callable[[object], str | None] = _nothing

    def passed_over(self, item: Sent) -> tuple[list[str], bool]:
        """Return what of a row is not compared, each with what it is, and whether that is all of it."""
        held: Mapping[str, object] = {} if self.entries is None else self.entries(item)
        shown = {name: self.unread(value) for name, value in held.items()}
        names = [f"{name} ({what})" for name, what in shown.items() if what is not None]
        return names, bool(names) and len(names) == len(shown)


@attrs.frozen
class NotReadable:
    """Why the effect of an operation cannot be read back."""

    why: str
    docs: str


async def answer_to(client: ClientPort, ask: Ask) -> Any:  # noqa: ANN401 - what the operation answers
    """Ask one question and return the answer: of pages their rows, of a batch that of its request.

    Raises:
        NetaudienceError: there is no answer; `NotFound` where the vendor says that nobody is there.
    """
    bound: Any = getattr(client, ask.operation)
    shape = operations_of(type(client))[ask.operation].shape
    if shape == "pages":
        rows: AsyncIterator[object] = bound(**ask.arguments)
        return [row async for row in rows]
    if shape != "batch":
        return await (bound(**ask.arguments) if ask.item is None else bound(ask.item, **ask.arguments))
    async with bound([ask.item], **ask.arguments) as outcomes:
        async for chunk in outcomes.chunks():
            for undelivered in chunk.undelivered:
                raise undelivered.reason
            return chunk.result
        raise outcomes.report.stopped or NetaudienceError("No answer came")


def equal(sent: object, found: object) -> bool:
    """Return whether two values of JSON are the same, 1 and 1.0 among them."""
    if isinstance(sent, bool) or isinstance(found, bool):
        return sent is found
    if isinstance(sent, Mapping) and isinstance(found, Mapping):
        one, other = cast("Mapping[str, object]", sent), cast("Mapping[str, object]", found)
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(sent, list | tuple) and isinstance(found, list | tuple):
        many, others = cast("Sequence[object]", sent), cast("Sequence[object]", found)
        return len(many) == len(others) and all(map(equal, many, others))
    return sent == found


def holds(sent: Mapping[str, object], found: Mapping[str, object] | None) -> Found:
    """Compare entries that were set with those that are there."""
    if found is None:
        return "gone"
    return (
        "landed"
        if all(name in found and equal(value, found[name]) for name, value in sent.items())
        else "different"
    )


def lacks(names: Collection[str], found: Mapping[str, object] | None) -> Found:
    """Compare entries that were removed with those that are there."""
    return "landed" if found is None or not any(name in found for name in names) else "different"
