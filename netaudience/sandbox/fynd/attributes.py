"""Fynd's attribute definitions, the values that users have, and the search for users.

Checks of a body's shape come first; what depends on the state is checked inside `apply`, where no
other request can come between.
"""

from __future__ import annotations

from collections.abc import Callable

from netaudience.sandbox.fynd import requests
from netaudience.sandbox.fynd.provenance import ATTRIBUTE_TYPES
from netaudience.sandbox.fynd.requests import FURTHER, NumberPage, refusal
from netaudience.sandbox.fynd.state import Attribute, Definition, FyndState, FyndUser
from netaudience.sandbox.protocol import Call, Change, Json
from netaudience.sandbox.responses import Answer, json_answer


class Attributes:
    """The operations on attributes of one Fynd state."""

    def __init__(self, state: FyndState) -> None:
        self._state = state

    def definitions(self, call: Call) -> Change:
        """One page of definitions."""
        page = NumberPage.asked(call)
        name, slug, type_ = (call.query.get(each) for each in ("name", "slug", "type"))
        flags = {
            each: requests.asked_flag(call, each)
            for each in ("customer_editable", "encrypted", "pinned", "is_locked")
        }

        def apply() -> Answer:
            found = [
                each
                for each in self._state.definitions.values()
                if requests.contains(each.name, name)
                and requests.equals(each.slug, slug)
                and requests.equals(each.type, type_)
                and all(requests.equals(getattr(each, flag), wanted) for flag, wanted in flags.items())
            ]
            return page.cut(found, lambda each: definition_json(each, call))

        return Change([], apply)

    def create_definition(self, call: Call) -> Change:
        """Add a definition."""
        body = requests.record(call)
        name, slug, description = (requests.text(body, each) for each in ("name", "slug", "description"))
        type_ = _type(body)

        def apply() -> Answer:
            if self._state.by_slug(slug) is not None:
                raise refusal(400, "slug is taken")
            definition = self._state.add_definition(
                slug, requests.moment(call.wall), name=name, description=description, type=type_
            )
            return json_answer(definition_json(definition, call), 201)

        return Change([slug], apply)

    def definition(self, call: Call) -> Change:
        """One definition."""
        return _one(call, lambda: json_answer(definition_json(self._known(call), call)))

    def update_definition(self, call: Call) -> Change:
        """Replace the fields that the body names."""
        body = requests.record(call)
        name, description = requests.maybe_text(body, "name"), requests.maybe_text(body, "description")
        type_ = _type(body) if "type" in body else None
        editable = requests.maybe_flag(body, "customer_editable")

        def apply() -> Answer:
            definition = self._unlocked(call)
            definition.name = name or definition.name
            definition.description = description or definition.description
            definition.type = type_ or definition.type
            if editable is not None:
                definition.customer_editable = editable
            definition.modified_at = requests.moment(call.wall)
            return json_answer(definition_json(definition, call))

        return _one(call, apply)

    def delete_definition(self, call: Call) -> Change:
        """Remove a definition with its values."""

        def apply() -> Answer:
            self._state.remove_definition(self._unlocked(call).id)
            return _deleted("Attribute definition deleted")

        return _one(call, apply)

    def bulk_update(self, call: Call) -> Change:
        """Queue the same values for all users of a file."""
        body = requests.record(call)
        file_url = requests.text(body, "file_url")
        values = {
            requests.text(row, "key"): requests.present(row, "value")
            for row in requests.mappings(body, "attributes")
        }

        def apply() -> Answer:
            if any(self._state.by_slug(key) is None for key in values):
                raise refusal(400, "attributes names a key that no definition has")
            queued = {
                "success": True,
                "message": "The update is queued",
                "processing_type": "async",
                "job_id": self._state.new_id(),
                "status_code": 202,
            }
            return json_answer(queued, 202)

        def effect() -> None:
            user_ids = [self._state.selected(row) for row in self._state.rows(file_url)]
            for key, value in values.items():
                definition = self._state.by_slug(key)
                for user_id in user_ids:
                    if definition is not None and user_id is not None:
                        self._state.set_attribute(user_id, definition.id, value)

        return Change([file_url], apply, effect=effect)

    def of_user(self, call: Call) -> Change:
        """One page of a user's attributes."""
        page = NumberPage.asked(call)
        name, type_ = call.query.get("name"), call.query.get("type")
        user_id = call.path["user_id"]

        def apply() -> Answer:
            user = self._state.users.get(user_id, FyndUser())
            held = [(self._state.definitions[each], user.attributes[each]) for each in user.attributes]
            found = [
                pair
                for pair in held
                if requests.contains(pair[0].name, name) and requests.equals(pair[0].type, type_)
            ]
            return page.cut(found, lambda pair: attribute_json(call, *pair))

        return Change([user_id], apply)

    def one_of_user(self, call: Call) -> Change:
        """One attribute of a user."""
        user_id = call.path["user_id"]
        return Change([user_id], lambda: json_answer(attribute_json(call, *self._held(call))))

    def by_its_id(self, call: Call) -> Change:
        """One attribute of a user, by the id of the value."""
        wanted = call.path["attribute_id"]

        def apply() -> Answer:
            for user_id, user in self._state.users.items():
                for definition_id, held in user.attributes.items():
                    if held.id == wanted:
                        definition = self._state.definitions[definition_id]
                        return json_answer(attribute_json(call, definition, held, user_id))
            raise refusal(404, "The attribute was not found")

        return Change([wanted], apply)

    def set_one(self, call: Call) -> Change:
        """Create or replace one attribute of a user."""
        body = requests.record(call)
        given = requests.mapping(body, "attribute")
        value = requests.present(given, "value")
        # The SDK knows the flag, the page does not say where it stands.
        overridden = requests.maybe_flag(body, "customer_overridden") or requests.maybe_flag(
            given, "customer_overridden"
        )
        user_id, definition_id = call.path["user_id"], call.path["definition_id"]

        def apply() -> Answer:
            self._known_user(user_id)
            definition = self._known(call)
            _require_fit(definition, value)
            attribute = self._state.set_attribute(
                user_id, definition_id, value, overridden=overridden is True
            )
            return json_answer(attribute_json(call, definition, attribute), 201)

        return Change([user_id], apply, [(user_id, {definition_id: value})])

    def delete_one(self, call: Call) -> Change:
        """Remove one attribute of a user."""
        user_id = call.path["user_id"]

        def apply() -> Answer:
            definition, _ = self._held(call)
            del self._state.users[user_id].attributes[definition.id]
            return _deleted("User attribute deleted")

        return Change([user_id], apply)

    def set_several(self, call: Call) -> Change:
        """Create or replace several attributes of a user, all or none."""
        values = {
            requests.text(row, "definition_id"): requests.present(row, "value")
            for row in requests.mappings(requests.record(call), "attributes")
        }
        user_id = call.path["user_id"]

        def apply() -> Answer:
            self._known_user(user_id)
            definitions = [self._definition(each) for each in values]
            for definition in definitions:
                _require_fit(definition, values[definition.id])
            shown = [
                attribute_json(call, each, self._state.set_attribute(user_id, each.id, values[each.id]))
                for each in definitions
            ]
            return json_answer({"success": True, "attributes": shown})

        return Change([user_id], apply, [(user_id, values)])

    def delete_several(self, call: Call) -> Change:
        """Remove several attributes of a user."""
        ids = requests.texts(requests.record(call), "definition_ids")
        user_id = call.path["user_id"]

        def apply() -> Answer:
            user = self._known_user(user_id)
            for each in ids:
                self._definition(each)
            for each in ids:
                user.attributes.pop(each, None)
            return _deleted("User attributes deleted")

        return Change([user_id], apply)

    def _definition(self, definition_id: str) -> Definition:
        definition = self._state.definitions.get(definition_id)
        if definition is None:
            raise refusal(404, "The attribute definition was not found")
        return definition

    def _known(self, call: Call) -> Definition:
        return self._definition(call.path["definition_id"])

    def _unlocked(self, call: Call) -> Definition:
        definition = self._known(call)
        if definition.is_locked:
            raise refusal(400, "The attribute definition is locked")
        return definition

    def _known_user(self, user_id: str) -> FyndUser:
        user = self._state.users.get(user_id)
        if user is None:
            raise refusal(404, "The user was not found")
        return user

    def _held(self, call: Call) -> tuple[Definition, Attribute]:
        user = self._known_user(call.path["user_id"])
        definition = self._known(call)
        if definition.id not in user.attributes:
            raise refusal(404, "The user has no such attribute")
        return definition, user.attributes[definition.id]


def definition_json(definition: Definition, call: Call) -> dict[str, object]:
    """A definition as the vendor's samples show it."""
    return {
        "_id": definition.id,
        "name": definition.name,
        "slug": definition.slug,
        "description": definition.description,
        "type": definition.type,
        "validations": [],
        "default_value": None,
        "encrypted": definition.encrypted,
        "pinned": definition.pinned,
        "pin_order": definition.pin_order,
        "customer_editable": definition.customer_editable,
        "is_locked": definition.is_locked,
        "created_at": definition.created_at,
        "modified_at": definition.modified_at,
        "application_id": call.path["application_id"],
        **FURTHER,
    }


def attribute_json(
    call: Call, definition: Definition, attribute: Attribute, user_id: str | None = None
) -> dict[str, object]:
    """A user's attribute as the page lists its fields."""
    return {
        "_id": attribute.id,
        "application_id": call.path["application_id"],
        "user_id": user_id or call.path["user_id"],
        "user_attribute_definition_id": definition.id,
        "attribute": {"key": definition.slug, "value": attribute.value},
        "type": definition.type,
        "updated_by": "sandbox",
        "customer_overridden": attribute.customer_overridden,
        **FURTHER,
    }


def _one(call: Call, apply: Callable[[], Answer]) -> Change:
    return Change([call.path["definition_id"]], apply)


def _type(body: dict[str, Json]) -> str:
    type_ = requests.text(body, "type")
    if type_ not in ATTRIBUTE_TYPES:
        raise refusal(400, "type is none of the types of an attribute")
    return type_


def _require_fit(definition: Definition, value: Json) -> None:
    """Refuse a value of another JSON type than the definition asks for."""
    kind = definition.type.removeprefix("encrypted_")
    match kind:
        case "number":
            fits = _is_number(value)
        case "boolean":
            fits = isinstance(value, bool)
        case "number_array":
            fits = isinstance(value, list) and all(_is_number(each) for each in value)
        case "string_array":
            fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "store_uid_array" | "platform_user_array":
            fits = isinstance(value, list)
        case _:
            fits = isinstance(value, str)
    if value is not None and not fits:
        raise refusal(400, f"value does not fit the type {definition.type}")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _deleted(message: str) -> Answer:
    return json_answer({"message": message, "success": "true"})
