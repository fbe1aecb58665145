"""What is defined in Netmera's panel: attributes with their types, and events with their attributes.

A value that does not fit is dropped without a word, so this says what fits and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from netaudience.sandbox.protocol import Json

#: JSON's types by the vendor's words; what has another word takes everything.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "INT": (int,),
    "LONG": (int,),
    "DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "DATE": (int,),
    "TIME_STAMP": (int,),
}


@attrs.frozen
class Attribute:
    """One attribute: its key in a profile is its code."""

    code: str
    data_type: str = "STRING"
    array: bool = False
    name: str = ""
    #: Whether an event without it is rejected; of an event's attributes alone.
    mandatory: bool = False
    #: Of those that the vendor has built in.
    standard: bool = False

    def fits(self, value: Json) -> bool:
        """Whether a value has the attribute's type."""
        if self.array:
            return isinstance(value, list) and all(map(self.fits_one, value))
        return self.fits_one(value)

    def fits_one(self, value: Json) -> bool:
        """Whether one value, or one of an array's values, has the attribute's type."""
        types = _TYPES.get(self.data_type, (bool, int, float, str, list, dict))
        # True is no number in JSON.
        return isinstance(value, types) and (bool in types or not isinstance(value, bool))

    def to_json(self) -> dict[str, object]:
        """Show it as the app's lists do; what has no value is left out."""
        shown: dict[str, object] = {
            "code": self.code,
            "dataType": self.data_type,
            "name": self.name or self.code,
            "label": self.name or self.code,
        }
        if self.array:
            shown["array"] = True
        if self.mandatory:
            shown["mandatory"] = True
        return shown


@attrs.frozen
class Event:
    """One event, known by its code or its name."""

    code: str
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    standard: bool = False

    def known_as(self, name: str) -> bool:
        """Whether an event is called so, to the letter."""
        return name in {self.code, self.name}

    def to_json(self) -> dict[str, object]:
        """Show it as the app's list does."""
        return {
            "code": self.code,
            "name": self.name or self.code,
            "attributes": [attribute.to_json() for attribute in self.attributes],
        }


#: What every app has, defined or not.
STANDARD: Mapping[str, Attribute] = {code: Attribute(code, standard=True) for code in ("email", "msisdn")}
