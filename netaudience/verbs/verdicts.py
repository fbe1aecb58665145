"""What became of one person at one vendor: seven verdicts, of which three mean that nothing is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from netaudience.model.verb_facts import Channel, Identity
from netaudience.model.wire import JsonValue

Status: TypeAlias = Literal[
    "applied", "accepted", "nothing_there", "cannot", "missing_id", "in_doubt", "failed"
]
STATUSES: tuple[Status, ...] = get_args(Status)
#: Those that leave nothing to do but, perhaps, a second look.
DONE: frozenset[Status] = frozenset({"applied", "accepted", "nothing_there"})
#: What each means, in words for people.
MEANING: Mapping[Status, str] = {
    "applied": "it is done, and the vendor says so",
    "accepted": "the vendor took the request and does it later; look again from the time that is stated",
    "nothing_there": "the vendor does not know the person: nothing is left to be done",
    "cannot": "it cannot be done there as things are; the reason says what is left to do",
    "missing_id": "the file has no id by which the vendor knows the person; nothing was sent",
    "in_doubt": "it was sent, and nobody knows whether it was done: no answer came, or the reason says why",
    "failed": "it was refused, or was not sent; nothing was done",
}


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one person at one vendor; it names nobody."""

    #: The person's row in the source, counted from 1.
    row: int
    #: The vendor's name in commands.
    vendor: str
    verb: str
    #: The channel, where the verb is about one.
    channel: Channel | None = None
    status: Status
    #: By what the vendor was asked, and with which operations.
    identities: list[Identity] = attrs.field(factory=list["Identity"])
    operations: list[str] = attrs.field(factory=list[str])
    #: When the run knew it, in UTC.
    time: str
    #: From when on a second look tells more, in UTC; None where there is nothing to look at.
    verify_from: str | None = None
    #: The vendor's own receipts of the requests.
    receipts: list[str] = attrs.field(factory=list[str])
    #: Why it is so, or what is left to do, in a sentence.
    reason: str | None = None

    @property
    def done(self) -> bool:
        """True where nothing is left to do but, perhaps, a second look."""
        return self.status in DONE

    def to_json(self) -> dict[str, JsonValue]:
        """Return the verdict as a line of JSON has it; what is not known is left out."""
        record: dict[str, JsonValue] = attrs.asdict(self)
        return {name: value for name, value in record.items() if value not in (None, [])}


def count_verdicts(verdicts: Iterable[Verdict]) -> dict[str, dict[Status, int]]:
    """Count the verdicts of each vendor, in the order of `STATUSES`; what never occurs is left out."""
    counted: dict[str, Counter[Status]] = {}
    for verdict in verdicts:
        counted.setdefault(verdict.vendor, Counter())[verdict.status] += 1
    return {
        vendor: {status: counts[status] for status in STATUSES if counts[status]}
        for vendor, counts in counted.items()
    }
