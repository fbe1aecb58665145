"""What a vendor can do for one verb: by which operation, with which identity, when, and how it is seen.

A verb is a table of facts beside a vendor's descriptors; whoever carries it out reads the table and knows no
vendor. Every figure and every sentence here is the vendor's, with its page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

import attrs
from attrs.validators import in_, instance_of

from netaudience.model.wire import JsonValue

Identity: TypeAlias = Literal["id", "email", "phone", "device"]
"""What a person is known by: the controller's own id, an e-mail address, a phone number, and a device, which
each vendor calls otherwise: a push token, or an id that its SDK has given to an installation."""
IDENTITIES: tuple[Identity, ...] = get_args(Identity)
#: Those of which a vendor may have its own, in a column ``VENDOR_id``, or has nothing but its own.
OWN: tuple[Identity, ...] = ("id", "device")
#: Those that mean the same at every vendor.
SHARED: tuple[Identity, ...] = ("id", "email", "phone")

Verb: TypeAlias = Literal["erase", "suppress", "unsuppress", "join", "leave", "set", "unset"]
"""What may be asked for a person; the second and the third are about a channel, the next two about an
audience, the last two about attributes."""

Channel: TypeAlias = Literal["email", "sms", "push", "whatsapp"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

Effect: TypeAlias = Literal["erased", "suppressed", "allowed", "joined", "left", "set", "unset", "none"]
"""What the vendor says becomes of the person."""

Unknown: TypeAlias = Literal["told", "accepted"]
"""What becomes of somebody whom the vendor does not know: reported, or accepted like anybody else."""

_text = instance_of(str)


@attrs.frozen(kw_only=True)
class Way:
    """One operation that does a verb for people who have a certain identity.

    What shows later whether it was done says the operation's own look-up: `Client.read_backs`.
    """

    operation: str = attrs.field(validator=_text)
    takes: Identity = attrs.field(validator=in_(IDENTITIES))
    #: The field of the operation's rows that the identity goes into, or the noun of its bare identifiers.
    field: str = attrs.field(validator=_text)
    arguments: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    #: What the operation's rows hold besides, the same for everybody; it is given the name of the place that
    #: people are put into, or an empty text.
    constants: Callable[[str], Mapping[str, JsonValue]] = lambda _: {}
    #: For ``set`` and ``unset``: the field of the rows whose entries the attributes are, by their names.
    entries: str = attrs.field(default="", validator=_text)
    #: For ``unset``: the field of the rows that lists the names of the attributes, instead.
    listed: str = attrs.field(default="", validator=_text)
    #: Arguments that are the name or the number of that place.
    places: tuple[str, ...] = ()
    #: The longest that the vendor says it takes; None where it says nothing.
    within: timedelta | None
    unknown: Unknown = attrs.field(validator=in_(get_args(Unknown)))
    #: Reads the vendor's receipt out of an answer.
    receipt: Callable[[object], str | None] | None = None
    #: Whether an address has to be written as the vendor has stored it; true where no page says otherwise.
    as_stored: bool = attrs.field(default=False, validator=instance_of(bool))
    #: Whom it reaches besides the person, as a sentence.
    reaches: str = attrs.field(default="", validator=_text)


@attrs.frozen(kw_only=True)
class VerbFacts:
    """What one vendor can do for one verb."""

    effect: Effect = attrs.field(validator=in_(get_args(Effect)))
    ways: tuple[Way, ...] = ()
    #: Which of them a person goes, of those whose identity is known: the first one, or every one, where the
    #: vendor may know a person by each of several identities apart.
    taken: Literal["first", "every"] = attrs.field(default="first", validator=in_(("first", "every")))
    #: Why there is no way, as a sentence, and what is left for people to do.
    cannot: str = attrs.field(default="", validator=_text)
    by_hand: str = attrs.field(default="", validator=_text)
    #: What has to be told of the account besides the people, such as the number of a list; empty where that
    #: is nothing, or an audience's name will do.
    place: str = attrs.field(default="", validator=_text)
    #: How somebody who is erased comes back, as a sentence.
    comes_back: str = attrs.field(default="", validator=_text)
    #: What else is to be known, as sentences.
    notes: tuple[str, ...] = ()
    #: The page that says so.
    docs: str = attrs.field(validator=_text)

    def __attrs_post_init__(self) -> None:
        """Refuse facts that say both, or neither.

        Raises:
            ValueError: there is a way and a reason why there is none, or neither.
        """
        if bool(self.ways) == bool(self.cannot):
            raise ValueError("Facts of a verb have ways, or say why there is none")


#: The facts of one vendor by `key_of`; what is left out was not looked at.
Verbs: TypeAlias = Mapping[str, VerbFacts]


def key_of(verb: Verb, channel: Channel | None = None) -> str:
    """Return how the facts of a verb, on a channel if it is about one, are called."""
    return verb if channel is None else f"{verb} {channel}"


@attrs.frozen(kw_only=True)
class Question:
    """One operation that tells what a vendor holds of a person."""

    operation: str = attrs.field(validator=_text)
    takes: Identity = attrs.field(validator=in_(IDENTITIES))
    #: What it tells of. Several questions about one thing are asked in turn, until one finds something.
    about: str = attrs.field(validator=_text)
    arguments: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    #: The parameter that the identity goes into, where the operation takes no item.
    parameter: str = attrs.field(default="", validator=_text)
    #: Takes out of an answer what is held, by name; nothing where nothing is.
    held: Callable[[object], Mapping[str, JsonValue]]
    #: Takes out of an answer what else the vendor knows the very person by, given what it was asked by;
    #: nothing where that is not certain.
    known_by: Callable[[object, str], Mapping[Identity, str | None]] | None = None
    #: Takes out of an answer whether the vendor may write to the person, by channel, as far as it says so.
    permits: Callable[[object], Mapping[Channel, bool]] | None = None
    #: The one channel that it tells that of; None where it may be any.
    channel: Channel | None = None


@attrs.frozen(kw_only=True)
class LookUpFacts:
    """What can be read of a person at one vendor."""

    questions: tuple[Question, ...]
    #: What the vendor may hold and no question tells of, as a sentence.
    not_shown: str = attrs.field(default="", validator=_text)


@attrs.frozen(kw_only=True)
class AudienceFacts:
    """How an audience is found and made at a vendor that gives it an id, and how large it is.

    A vendor whose audiences are called by their names alone, and come to be with their first member, has none
    of these.
    """

    #: The operation that lists what there is, and its arguments for a name: it may give others as well.
    listed: str = attrs.field(validator=_text)
    named: Callable[[str], Mapping[str, JsonValue]] = lambda _: {}
    #: Gives name and id of all that can be joined, out of an answer, or out of a row where it has pages.
    found: Callable[[object], Iterable[tuple[str | None, str]]]
    #: The operation that makes one of a row with a name, and what takes the id out of its answer.
    made: str = attrs.field(default="", validator=_text)
    row: Callable[[str], Mapping[str, JsonValue]] = lambda name: {"name": name}
    made_id: Callable[[object], str] = str
    #: Why none can be made, as a sentence that says what to do.
    cannot_make: str = attrs.field(default="", validator=_text)
    #: The operation that tells of one by its id, and what takes the count of members out of its answer.
    sized: str = attrs.field(validator=_text)
    counted: Callable[[object], int | None]

    def __attrs_post_init__(self) -> None:
        """Refuse facts that say both, or neither.

        Raises:
            ValueError: it can be made and there is a reason why it cannot, or neither.
        """
        if bool(self.made) == bool(self.cannot_make):
            raise ValueError("Facts of audiences say how one is made, or why none can be")


@attrs.frozen(kw_only=True)
class WholeList:
    """How an audience is kept as a list that a vendor only replaces as a whole, besides."""

    #: The operation that takes all ``members``, the ``name``, and ``by`` what they are named.
    operation: str = attrs.field(validator=_text)
    #: What `by` is called there, by identity.
    by: Mapping[Identity, str]
    #: What else has to be told, by the operation's parameters.
    needs: tuple[str, ...] = ()
    #: What the vendor does not answer, as the end of a sentence.
    unsaid: str = attrs.field(validator=_text)
