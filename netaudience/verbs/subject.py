"""A person whom a verb is about, and the columns of a file that say what the person is known by.

Nothing is guessed: a vendor that has a column of its own is asked by that one alone, and who has nothing in
it has no id there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import attrs

from netaudience.errors import ConfigurationError, mask
from netaudience.jobs.map.aliases import called
from netaudience.jobs.spec.diagnostics import listed, nearest, plain
from netaudience.model.verb_facts import OWN, SHARED, Identity


@attrs.frozen(kw_only=True)
class Subject:
    """A person, by all that the person is known by."""

    #: Your own id of the person, for vendors that have none of their own in `ids`.
    id: str | None = attrs.field(default=None, repr=mask)
    email: str | None = attrs.field(default=None, repr=False)
    #: As E.164.
    phone: str | None = attrs.field(default=None, repr=False)
    #: Your own ids of the person at single vendors, by the vendor's name in commands. Once one of the people
    #: has an id at a vendor, `id` is used for nobody there.
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    #: A device of the person, as single vendors name it, by the vendor's name in commands: CleverTap's object
    #: id, a push token. Somebody who has several is several subjects.
    devices: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    #: What ``set`` may set, by the column's name that `Action.attributes` names.
    attributes: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)

    def named(self) -> dict[str, str]:
        """Return all that the person is known by, by what it is: an identity, or a vendor's own."""
        given: dict[str, str | None] = {name: getattr(self, name) for name in SHARED}
        given |= {f"{vendor}_id": value for vendor, value in self.ids.items()}
        given |= {f"{vendor}_device": value for vendor, value in self.devices.items()}
        return {name: value for name, value in given.items() if value and value.strip()}


def same(kind: str, value: str) -> str:
    """Return an id as it is compared: in whatever case an address is, however a number is grouped."""
    value = value.strip()
    if kind == "email":
        return value.casefold()
    return re.sub(r"[\s().-]", "", value) if kind == "phone" else value


class Matching:
    """Says whether something is about a person: a key, or a row whose values hold an address or a number.

    An id that is a mere value of a row says nothing: it may be anything's.
    """

    def __init__(self, subject: Subject) -> None:
        """Take the person.

        Raises:
            ConfigurationError: nobody is named.
        """
        named = subject.named()
        if not named:
            raise ConfigurationError("Say who is meant: an id, an e-mail address or a phone number")
        self._ids = {same(kind, value) for kind, value in named.items() if kind not in {"email", "phone"}}
        self._reached = [(kind, same(kind, named[kind])) for kind in ("email", "phone") if kind in named]

    def __call__(self, *given: object) -> bool:
        """Return whether one of these keys is the person's, or one of these rows holds an address of it."""
        return any(
            (isinstance(one, str) and same("id", one) in self._ids) or self._holds(one) for one in given
        )

    def _holds(self, value: object) -> bool:
        match value:
            case str():
                return any(same(kind, value) == wanted for kind, wanted in self._reached)
            case Mapping():
                return any(map(self._holds, cast("Mapping[str, object]", value).values()))
            case list():
                return any(map(self._holds, cast("list[object]", value)))
            case _:
                return False


def rows_of(people: Iterable[Subject]) -> list[dict[str, object]]:
    """Return people as rows of a source."""
    given = list(people)
    own = sorted({slug for subject in given for slug in subject.ids})
    devices = sorted({slug for subject in given for slug in subject.devices})
    more = sorted({name for subject in given for name in subject.attributes})
    return [
        {
            **{name: getattr(subject, name) for name in SHARED},
            **{f"{slug}_id": subject.ids.get(slug) for slug in own},
            **{f"{slug}_device": subject.devices.get(slug) for slug in devices},
            **{name: subject.attributes.get(name) for name in more},
        }
        for subject in given
    ]


@attrs.frozen(kw_only=True)
class Columns:
    """Which columns of a source say what a person is known by; None where there is none."""

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    #: By ``VENDOR_id`` and ``VENDOR_device``, the column of ids that are the vendor's alone.
    own: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def column(self, identity: Identity, vendor: str) -> str | None:
        """Return the column that has an identity of people at a vendor."""
        own = self.own.get(f"{vendor}_{identity}")
        return own if own is not None or identity == "device" else cast("str | None", getattr(self, identity))

    def named(self) -> dict[str, str]:
        """Return all of them, by what they are: an identity, or a vendor's own id."""
        given: dict[str, str] = {}
        for name in SHARED:
            column: str | None = getattr(self, name)
            if column is not None:
                given[name] = column
        return given | dict(self.own)


def find_columns(
    columns: Sequence[str], vendors: Iterable[str], chosen: Mapping[Identity, str | None] | None = None
) -> Columns:
    """Find the columns by their names.

    Args:
        columns: Those of the source.
        vendors: The names of vendors in commands: ``clevertap_id`` is CleverTap's own column.
        chosen: Columns that somebody has named.

    Raises:
        ConfigurationError: a column that was named is not there, several could be meant, or there is none.
    """
    found: dict[str, str] = {}
    for identity in SHARED:
        given = (chosen or {}).get(identity)
        if given is not None:
            found[identity] = _named(given, columns, identity)
            continue
        meant = [column for column in columns if called(column) == identity]
        if len(meant) > 1:
            raise ConfigurationError(
                f"{listed(meant)} could each be the {identity} of people: say which, "
                f"--{identity}-column {shlex.quote(meant[0])}"
            )
        if meant:
            found[identity] = meant[0]
    own = {
        name: column
        for name in (f"{vendor}_{identity}" for vendor in vendors for identity in OWN)
        for column in columns
        if plain(column) == plain(name)
    }
    if not found and not own:
        raise ConfigurationError(
            f"No column says who is meant: call one id, email, phone or VENDOR_id, or name it as in "
            f"--id-column {shlex.quote(columns[0]) if columns else 'COLUMN'}"
        )
    return Columns(id=found.get("id"), email=found.get("email"), phone=found.get("phone"), own=own)


def _named(given: str, columns: Sequence[str], identity: str) -> str:
    for column in columns:
        if column.casefold() == given.casefold():
            return column
    meant = nearest(given, columns) or f": there is {listed(columns)}"
    raise ConfigurationError(f"There is no column {given!r} for --{identity}-column{meant}")
