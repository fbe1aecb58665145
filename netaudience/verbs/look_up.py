"""What each vendor holds of one person, as far as it tells.

It only reads. What is held are a customer's data: no repr shows them, and who prints them decides how much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from netaudience.client import Client, from_environment
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound
from netaudience.model.verb_facts import Channel, Identity
from netaudience.model.wire import JsonValue
from netaudience.operations.readback import answer_to, asked
from netaudience.settings import Settings
from netaudience.vendors import client_of, look_up_of
from netaudience.verbs.asking import vendors_here

if TYPE_CHECKING:
    from netaudience.client import ClientFactory
    from netaudience.model.verb_facts import Question
    from netaudience.verbs.subject import Subject

KnownStatus: TypeAlias = Literal["found", "nothing_there", "no_answer", "missing_id"]


@attrs.frozen(kw_only=True)
class Known:
    """What one vendor tells of a person in one respect."""

    #: The vendor's name in commands.
    vendor: str
    #: In which respect, such as ``profile``.
    about: str
    status: KnownStatus
    operation: str | None = None
    identity: Identity | None = None
    #: What is held, by name.
    held: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue], repr=False)
    #: By channel, whether the vendor may write to the person there, where it tells that.
    permissions: Mapping[Channel, bool] = attrs.field(factory=dict["Channel", bool])
    #: Why there is no answer.
    reason: str | None = None
    #: What the vendor may hold besides, and does not tell.
    not_shown: str = ""


async def who(
    subject: Subject,
    *,
    vendors: Iterable[str] | None = None,
    client_factory: ClientFactory | None = None,
) -> list[Known]:
    """Ask vendors what they hold of a person, by all that the person is known by.

    Args:
        subject: The person.
        vendors: By their names in commands; those of the environment if not given.
        client_factory: Makes a vendor's client; from the environment if not given.

    Raises:
        ConfigurationError: nobody is named, no vendor is meant, or credentials are missing.
    """
    slugs = list(vendors or vendors_here())
    if not slugs:
        raise ConfigurationError("No vendor is set up here: set the credentials of those that are meant")
    if not subject.named():
        raise ConfigurationError("Say who is meant: an id, an e-mail address or a phone number")
    asking = [_ask_vendor(client_of(slug), subject, client_factory) for slug in slugs]
    return [known for found in await asyncio.gather(*asking) for known in found]


async def _ask_vendor(
    vendor: type[Client], subject: Subject, client_factory: ClientFactory | None
) -> list[Known]:
    facts = look_up_of(vendor)
    if facts is None:
        reason = "how the vendor is asked is not written down"
        return [Known(vendor=vendor.slug, about="everything", status="no_answer", reason=reason)]
    make = client_factory or from_environment
    account = make(vendor, Settings())
    by_about: dict[str, list[Question]] = {}
    for question in facts.questions:
        by_about.setdefault(question.about, []).append(question)
    found: list[Known] = []
    async with account:
        for about, questions in by_about.items():
            known = await _ask_in_turn(account, subject, about, questions)
            found.append(attrs.evolve(known, not_shown=facts.not_shown))
    return found


async def _ask_in_turn(account: Client, subject: Subject, about: str, questions: list[Question]) -> Known:
    """Ask one question after the other, as far as the person's ids go, until one of them finds something."""
    takes = " or ".join(dict.fromkeys(question.takes for question in questions))
    known = Known(
        vendor=account.slug, about=about, status="missing_id", reason=f"there is no {takes} of the person"
    )
    for question in questions:
        name = _called(subject, question.takes, account.slug)
        if name is None:
            continue
        before, known = known, await _ask(account, name, about, question)
        if before.status == "no_answer" and known.status == "nothing_there":
            known = before  # whoever gave no answer may hold something
        if known.status == "found":
            break
    return known


async def _ask(account: Client, name: str, about: str, question: Question) -> Known:
    known = Known(
        vendor=account.slug,
        about=about,
        status="nothing_there",
        operation=question.operation,
        identity=question.takes,
    )
    try:
        answer = await answer_to(account, asked(question, name))
    except NotFound:
        return known
    except NetaudienceError as error:
        return attrs.evolve(known, status="no_answer", reason=str(error))
    held = {one: value for one, value in question.held(answer).items() if value is not None}
    allowed: Mapping[Channel, bool] = {} if question.permits is None else question.permits(answer)
    return attrs.evolve(known, status="found", held=held, permissions=allowed) if held else known


def _called(subject: Subject, identity: Identity, vendor: str) -> str | None:
    named = subject.named()
    return named.get(f"{vendor}_{identity}", named.get(identity))
