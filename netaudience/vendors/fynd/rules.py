"""What Fynd lets into a row: ids that become a part of a path, files that it fetches, values, and conditions.

Its page has no lengths and no forms, so that little is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from netaudience.errors import InvalidItem
from netaudience.model.validators import (
    both,
    identifier,
    json_object,
    rule,
    text,
)

#: An id that is only dots, or that holds a slash, could make a path lead to another operation: the deletion
#: of a user's attribute would become that of its definition.
in_path = rule(
    "An id must not be . or .. and must hold no slash: it becomes a part of the request's path",
    lambda value: isinstance(value, str) and value not in {".", ".."} and {"/", "\\"}.isdisjoint(value),
)
USER_ID = both(identifier("user id"), in_path)
DEFINITION_ID = both(identifier("definition id"), in_path)
GROUP_ID = both(identifier("group id"), in_path)
FILE_URL = both(
    text("file_url"),
    rule(
        "A file_url must begin with https:// or http://: the vendor fetches the file itself",
        lambda value: isinstance(value, str) and value.lower().startswith(("https://", "http://")),
    ),
)


def number_as_given(number: str) -> str:
    """Return a phone number as it is: whether the country's code stands before it is not documented."""
    if not number.strip() or any(map(str.isalpha, number)):
        raise InvalidItem("The phone number is empty or holds letters: keep nothing else in its column")
    return number


def _is_condition(one: object) -> bool:
    if not isinstance(one, Mapping):
        return False
    return {"user_attribute_definition_id", "type"} <= cast("Mapping[object, object]", one).keys()


CONDITIONS = rule(
    'The conditions must be a list of objects such as {"user_attribute_definition_id": "…", "type": "eq", '
    '"value": "gold"}',
    lambda value: isinstance(value, list | tuple) and bool(value) and all(map(_is_condition, value)),  # pyright: ignore[reportUnknownArgumentType] # whatever it holds
)
VALUE = rule(
    "A value must not be null, but text, a number, true or false, or a list of these: the vendor takes no "
    "objects, and to remove an attribute, delete it",
    lambda value: isinstance(value, str | int | float | list | tuple),
)
SEVERAL_VALUES = both(
    json_object("attributes"),
    rule(
        "The attributes must have values that are neither null nor objects: to remove an attribute, delete "
        "it",
        lambda values: all(
            name and value is not None and not isinstance(value, Mapping) for name, value in values.items()
        ),
    ),
)
