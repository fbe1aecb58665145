"""State of Fynd put in from outside: JSON of the admin route, and a little for somebody who looks around.

It refuses what it does not understand with a sentence, and then has added nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from netaudience.sandbox.fynd.provenance import ATTRIBUTE_TYPES
from netaudience.sandbox.fynd.state import FyndState, Phone
from netaudience.sandbox.protocol import Json, SandboxUsageError

_Row = dict[str, Json]
_Step = Callable[[], object]

#: What seeded things were created at; the sandbox's clock is not asked for them.
SEEDED_AT = "2023-10-17T10:00:00.000Z"

_COLLECTIONS = ("users", "definitions", "groups", "files")


def seed(state: FyndState, document: Json) -> None:
    """Add `{"users": [...], "definitions": [...], "groups": [...], "files": {...}}`; raises `ValueError`."""
    if not isinstance(document, dict) or not document:
        raise SandboxUsageError("Fynd is seeded with a JSON object of users, definitions, groups and files.")
    for collection in document:
        if collection not in _COLLECTIONS:
            known = ", ".join(_COLLECTIONS)
            raise SandboxUsageError(f"Fynd has {known} to seed, not {collection!r}.")
    slugs = {definition.slug for definition in state.definitions.values()}
    # Definitions come before the users that have values of them, whatever the order in the document.
    steps = [_definition(state, _row(item, "definitions"), slugs) for item in _list(document, "definitions")]
    for item in _list(document, "users"):
        steps += _user(state, {"user_id": item} if isinstance(item, str) else _row(item, "users"), slugs)
    steps += [_group(state, _row(item, "groups")) for item in _list(document, "groups")]
    files = document.get("files", {})
    if not isinstance(files, dict):
        raise SandboxUsageError("'files' is an object of CSV texts by URL.")
    steps += [_file(state, url, content) for url, content in files.items()]
    for step in steps:
        step()


def demo(state: FyndState) -> None:
    """Three users, two definitions, a group of two, and a file to make a second group of."""
    seed(
        state,
        {
            "definitions": [
                {"slug": "city", "name": "City"},
                {"slug": "points", "name": "Points", "type": "number"},
            ],
            "users": [
                {
                    "user_id": "64f222222222222222222222",
                    "emails": ["john.brown@example.com"],
                    "phone_numbers": [{"country_code": 91, "phone": "9999999999"}],
                    "attributes": {"city": "Mumbai", "points": 40},
                },
                {"user_id": "64f222222222222222222223", "emails": ["user@example.com"]},
                "64f222222222222222222224",
            ],
            "groups": [
                {
                    "_id": "64f111111111111111111111",
                    "name": "Group 1",
                    "tags": ["demo"],
                    "members": ["64f222222222222222222222", "64f222222222222222222223"],
                }
            ],
            "files": {
                "https://files.example/members.csv": "email\nuser@example.com\nnobody@example.com\n",
            },
        },
    )


def _definition(state: FyndState, row: _Row, slugs: set[str]) -> _Step:
    slug = _text(row, "slug", "A definition")
    name = _text(row, "name", "A definition", slug)
    description = _text(row, "description", "A definition", "")
    type_ = _text(row, "type", "A definition", "string")
    definition_id = _text(row, "_id", "A definition", "")
    is_locked = row.pop("is_locked", False)
    if not isinstance(is_locked, bool):
        raise SandboxUsageError("A definition needs 'is_locked' as true or false.")
    if type_ not in ATTRIBUTE_TYPES:
        raise SandboxUsageError(f"A definition has no type {type_!r}.")
    if slug in slugs:
        raise SandboxUsageError(f"There are two definitions with the slug {slug!r}.")
    _finish(row, "A definition")
    slugs.add(slug)
    return lambda: state.add_definition(
        slug,
        SEEDED_AT,
        name=name,
        description=description,
        type=type_,
        is_locked=is_locked,
        definition_id=definition_id or None,
    )


def _user(state: FyndState, row: _Row, slugs: set[str]) -> list[_Step]:
    user_id = _text(row, "user_id", "A user")
    emails = _texts(row, "emails", "A user")
    phones = [_phone(_row(item, "phone_numbers")) for item in _list(row, "phone_numbers")]
    row.pop("phone_numbers", None)
    sessions, delete_on = _texts(row, "sessions", "A user"), _text(row, "delete_on", "A user", "")
    attributes = _row(row.pop("attributes", {}), "attributes")
    for slug in attributes:
        if slug not in slugs:
            raise SandboxUsageError(f"A user has the attribute {slug!r}, which no definition has.")
    _finish(row, "A user")

    def value(slug: str) -> _Step:
        return lambda: _set(state, user_id, slug, attributes[slug])

    def add() -> None:
        user = state.add_user(user_id, emails=emails, phones=phones)
        user.sessions, user.delete_on = sessions, delete_on or None

    return [
        add,
        *(value(slug) for slug in attributes),
    ]


def _set(state: FyndState, user_id: str, slug: str, value: Json) -> None:
    definition = state.by_slug(slug)
    if definition is not None:
        state.set_attribute(user_id, definition.id, value)


def _phone(row: _Row) -> Phone:
    number = _text(row, "phone", "A telephone number")
    country_code = row.pop("country_code", None)
    if not isinstance(country_code, int) or isinstance(country_code, bool):
        raise SandboxUsageError("A telephone number needs 'country_code' as a whole number.")
    _finish(row, "A telephone number")
    return Phone(country_code, number)


def _group(state: FyndState, row: _Row) -> _Step:
    name = _text(row, "name", "A group")
    group_id = _text(row, "_id", "A group", "")
    description, category = _text(row, "description", "A group", ""), _text(row, "category", "A group", "l1")
    file_url, status = _text(row, "file_url", "A group", ""), _text(row, "status", "A group", "complete")
    tags, members = _texts(row, "tags", "A group"), _texts(row, "members", "A group")
    blacklisted = _texts(row, "blacklisted", "A group")
    _finish(row, "A group")
    return lambda: state.add_group(
        name,
        SEEDED_AT,
        description=description,
        category=category,
        file_url=file_url,
        tags=tags,
        members=members,
        blacklisted=blacklisted,
        status=status,
        group_id=group_id or None,
    )


def _file(state: FyndState, url: str, content: Json) -> _Step:
    if not isinstance(content, str):
        raise SandboxUsageError("A file is a CSV text.")
    return lambda: state.files.update({url: content})


def _text(row: _Row, name: str, what: str, default: str | None = None) -> str:
    value = row.pop(name, default)
    if not isinstance(value, str):
        raise SandboxUsageError(f"{what} needs {name!r} as a text.")
    return value


def _texts(row: _Row, name: str, what: str) -> list[str]:
    value = row.pop(name, [])
    found = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(found) < len(value):
        raise SandboxUsageError(f"{what} needs {name!r} as a list of texts.")
    return found


def _list(row: _Row, name: str) -> list[Json]:
    value = row.get(name, [])
    if not isinstance(value, list):
        raise SandboxUsageError(f"{name!r} is a list.")
    return value


def _row(value: Json, collection: str) -> _Row:
    if not isinstance(value, dict):
        raise SandboxUsageError(f"Every entry of {collection!r} is a JSON object.")
    return dict(value)


def _finish(row: _Row, what: str) -> None:
    if row:
        raise SandboxUsageError(f"{what} has no {', '.join(map(repr, row))}.")
