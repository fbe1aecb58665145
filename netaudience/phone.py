"""Phone numbers in the one form that vendors demand: E.164, ``+`` and the country's code first.

The door to phonenumbers, which is imported when the first number needs it, for it costs a program's start.
"""

from __future__ import annotations

from functools import lru_cache

from netaudience.errors import InvalidItem

__all__ = ["e164"]


@lru_cache(maxsize=10_000)
def e164(number: str) -> str:
    """Return a phone number as E.164, such as ``+905321234567``; spaces and hyphens are left out.

    Raises:
        InvalidItem: it has no country code, or its country has no numbers of that length.
    """
    import phonenumbers  # noqa: PLC0415 - costs a program's start

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException as error:
        raise InvalidItem(
            "The phone number must be written with + and the country's code, such as +90 532 123 45 67"
        ) from error
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidItem("The phone number has too few or too many digits for its country")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
