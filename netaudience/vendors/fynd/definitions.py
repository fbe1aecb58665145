"""Fynd: where it tells which attributes there are, and where the ids of these stand in the operations.

Source: https://partners.sngz0.de/help/docs/sdk/latest/platform/application/audience for the definitions, and
the vendor's SDKs for the types. Its bulk file names attributes by their keys, which are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netaudience.model.definitions import ANYTHING, Definition, Family, Holds
from netaudience.operations.schemas import Entries, Names, Schema
from netaudience.vendors.fynd.models.attributes import AttributeDefinition

#: The vendor's words for types; of the others it is not said what they hold.
_TYPES: Mapping[str, Family] = {
    "string": "text",
    "number": "number",
    "boolean": "truth",
    "date": "time",
    "date_time": "time",
    "dropdown": "text",
    "html_string": "text",
    "image_url": "text",
}


def _definition(definition: AttributeDefinition) -> Iterable[Definition]:
    if not definition.id:
        return
    word = definition.type or ""
    single = word.removeprefix("encrypted_").removesuffix("_array")
    family = _TYPES.get(single)
    many = word.endswith("_array") or bool(definition.is_multi_value)
    yield Definition(definition.id, ANYTHING if family is None else Holds(family, many=many), word)


SCHEMAS = (
    Schema(
        noun="attribute definition",
        told_by="list_attribute_definitions",
        read=_definition,
        places={
            "set_user_attribute": Names("definition_id", value="value"),
            "set_user_attributes": Entries("attributes"),
            "delete_user_attribute": Names("definition_id"),
            "delete_user_attributes": Names("definition_ids"),
        },
        unknown="refuses the row",
        mistyped="refuses rows with a value of another type",
    ),
)
