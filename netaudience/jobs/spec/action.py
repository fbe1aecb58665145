"""What is to be done for people: a verb, and what it is about: channels, an audience, or attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import listed, nearest
from netaudience.model.verb_facts import CHANNELS, Channel, Verb

#: The flag by which somebody says for how many people a verb is meant, where it must be said.
AGREED_BY: Mapping[Verb, str] = {"erase": "--yes-delete", "unsuppress": "--yes-opt-in"}
_OF_CHANNELS, _OF_AUDIENCES = ("suppress", "unsuppress"), ("join", "leave")
_OF_ATTRIBUTES = ("set", "unset")


def _as_tuple(given: Sequence[Channel]) -> Sequence[Channel]:
    return tuple(given)


@attrs.frozen(kw_only=True)
class Action:
    """A verb and what it is about.

    Raises:
        ConfigurationError: a channel or an audience is missing, or means nothing to the verb.
    """

    verb: Verb
    #: For ``suppress`` and ``unsuppress``.
    channels: Sequence[Channel] = attrs.field(default=(), converter=_as_tuple)
    #: For ``join`` and ``leave``: the audience's name.
    audience: str | None = None
    #: For ``set`` and ``unset``: attributes by their names at the vendors, and the columns of their values,
    #: of which ``unset`` has none.
    attributes: Mapping[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    #: For ``unsuppress``: the column that says when each person agreed; found by its name if not given.
    consent: str | None = None
    #: What a vendor calls it, where that is another name or a number: by the vendor's name in commands. On a
    #: channel it is ``vendor:channel``.
    places: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        """Hold the parts to the verb."""
        for channel in self.channels:
            if channel not in CHANNELS:
                meant = nearest(channel, CHANNELS) or f": it is one of {listed(CHANNELS)}"
                raise ConfigurationError(f"There is no channel {channel!r}{meant}")
        if bool(self.channels) != (self.verb in _OF_CHANNELS):
            what = f"needs channels: {listed(CHANNELS)}" if not self.channels else "takes no channel"
            raise ConfigurationError(f"{self.verb} {what}")
        if bool(self.audience) != (self.verb in _OF_AUDIENCES):
            what = "needs the name of an audience" if not self.audience else "takes no audience"
            raise ConfigurationError(f"{self.verb} {what}")
        if bool(self.attributes) != (self.verb in _OF_ATTRIBUTES):
            what = "needs the names of attributes" if not self.attributes else "takes no attribute"
            raise ConfigurationError(f"{self.verb} {what}")
        if self.consent is not None and self.verb != "unsuppress":
            raise ConfigurationError(f"{self.verb} takes no column of consents")
        for name, column in self.attributes.items():
            if (column is None) != (self.verb == "unset"):
                what = f"needs a column for {name}" if column is None else f"takes no column for {name}"
                raise ConfigurationError(f"{self.verb} {what}")

    @property
    def parts(self) -> Sequence[Channel | None]:
        """What is done one by one: channels, or the verb itself."""
        return self.channels or (None,)

    def place(self, vendor: str, channel: Channel | None) -> str:
        """Return what a vendor calls the audience or the channel; empty where nobody says."""
        named = self.places.get(vendor, "") if channel is None else self.places.get(f"{vendor}:{channel}", "")
        return named or self.audience or ""
