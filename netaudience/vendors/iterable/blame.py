"""What Iterable's bulk answers say about single items: failures are named by identifier, not by index.

What is named is matched with the items sent: e-mail addresses without regard to case, userIds to the
letter. What cannot be matched, and what is counted and not named, is left open: the engine asks again.

Policies, each of them a choice: a user who was forgotten is refused, for the change was not stored; so is
one who is not found, for instance on the list to be unsubscribed from. Users of whom nothing had to be
changed are delivered.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from netaudience.errors import NotFound, Refused, ServerFault, VendorError, column_name
from netaudience.model.item_errors import NOTHING, ItemErrors
from netaudience.model.verdicts import json_object
from netaudience.model.wire import JsonValue, Response
from netaudience.vendors.iterable.answers import JUDGE, VENDOR, Body, code_of

_By: TypeAlias = Literal["email", "userId"]

#: What the vendor's lists mean, by the beginning of their names. The lists are open: of another reason no
#: more is reported than its name.
_REASONS: Mapping[str, tuple[type[VendorError], str]] = {
    "conflict": (Refused, "the email and the userId belong to different users"),
    "forgotten": (Refused, "the user was forgotten, so nothing is stored about it"),
    "invalidData": (Refused, "a field has another type in the project"),
    "invalid": (Refused, "the identifier is malformed, or the project has no such user"),
    "notFound": (NotFound, "there is no such user, or it is not on the list"),
}
_LIST = re.compile(r"(?P<reason>\w+?)(?P<by>Emails|UserIds)")
_BY: Mapping[str, _By] = {"Emails": "email", "UserIds": "userId"}
#: The vendor's own trouble with users who are valid.
_AGAIN: Mapping[str, _By] = {"validEmailFailures": "email", "validUserIdFailures": "userId"}
_NO_OPERATIONS = ("noOpEmails", "noOpUserIds")
#: What an answer says about fields.
_OF_THE_SCHEMA: Mapping[str, str] = {
    "filteredOutFields": "Iterable dropped fields that the project does not have",
    "createdFields": "Iterable added fields to the project, and their types stay for ever",
}
#: The most fields that are named, and letters of each.
_NAMED, _LONGEST = 20, 60
#: A path into the request, such as ``obj.users[1].preferUserId``.
_PATH = re.compile(r"obj\.\w+\[(?P<index>[0-9]{1,9})\]\.?(?P<field>.*)", re.DOTALL)


def blame(response: Response, items: Sequence[Any]) -> ItemErrors:
    """Read what an answer to a bulk request says about its items."""
    body = json_object(response)
    if body is None:
        return NOTHING  # it is judged as a whole
    if not 200 <= response.status < 300:
        return ItemErrors(refused=_by_path(response, body, len(items)))
    taken, failed = _count(body, "successCount"), _count(body, "failCount")
    named, strange = _named(body)
    disallowed, more = _texts(body.get("disallowedEventNames"))
    warnings = _warnings(body)
    reasons = named or strange or disallowed or more
    if taken is not None and failed == 0 and taken >= len(items) and not reasons:
        return ItemErrors(warnings=warnings) if warnings else NOTHING
    matched = _match(response, named, disallowed, items)
    matched.unmatched += strange + more
    blamed = len(matched.refused.keys() | matched.retryable.keys())
    if failed and not blamed and len(items) == 1:
        # One failed and one was sent: it is the one, whatever it is named.
        matched.refused[0] = Refused(
            VENDOR, response.status, vendor_message="it failed and no reason is given"
        )
        blamed = 1
    unattributed: VendorError | None = None
    # Whoever else is named: of all that were sent it is known what became of them.
    counted = taken is not None and failed is not None and taken + failed == len(items)
    reconciled = counted and 0 < blamed == failed
    if blamed == len(items) or reconciled:
        pass  # nobody is left of whom anything could be unknown
    elif taken is None or failed is None:
        what = "The answer does not count those that were taken and those that failed"
        return ItemErrors(refused=matched.refused, unread=JUDGE.unreadable(response, what))
    elif matched.unmatched or failed > blamed:
        unattributed = Refused(
            VENDOR, response.status, vendor_message="more items failed than the answer names"
        )
    elif taken + max(failed, blamed) + _spared(body) < len(items):
        unattributed = JUDGE.unreadable(
            response, "The counters of the answer do not add up to the items sent"
        )
    return ItemErrors(
        refused=matched.refused, retryable=matched.retryable, unattributed=unattributed, warnings=warnings
    )


@attrs.frozen
class _Name:
    """One identifier in one of the lists of failures."""

    identifier: str
    by: _By
    reason: str
    #: Whether the vendor failed on a valid user.
    retryable: bool = False


@attrs.define
class _Matched:
    """The items that an answer names, and how many names are of no single item."""

    refused: dict[int, VendorError] = attrs.field(factory=dict[int, VendorError])
    retryable: dict[int, VendorError] = attrs.field(factory=dict[int, VendorError])
    unmatched: int = 0


def _named(body: Body) -> tuple[list[_Name], int]:
    """Return the identifiers in all lists of failures, and how much of them cannot be read.

    A list that is filled wins over a counter that says 0.
    """
    given = body.get("failedUpdates")
    strange = int(bool(given) and not isinstance(given, Mapping))
    updates: Body = given if isinstance(given, Mapping) else {}
    # Older answers have no failedUpdates and name a few at the top; newer ones name those twice.
    older = {
        name: value
        for name, value in body.items()
        if (found := _LIST.fullmatch(name)) is not None and found["reason"] in _REASONS
    }
    names: list[_Name] = []
    for listed in (updates, older):
        for list_name, value in listed.items():
            found = _LIST.fullmatch(list_name)
            if found is None:
                # Whatever it says, it says it among the failures.
                strange += int(bool(value))
                continue
            identifiers, unread = _texts(value)
            strange += unread
            names += [_Name(one, _BY[found["by"]], found["reason"]) for one in identifiers]
    for list_name, by in _AGAIN.items():
        identifiers, unread = _texts(body.get(list_name))
        strange += unread
        names += [_Name(one, by, "valid", retryable=True) for one in identifiers]
    return names, strange


def _texts(value: JsonValue) -> tuple[Sequence[str], int]:
    """Return the texts of a list, and how much of it is something else; null is an empty list."""
    if value is None:
        return (), 0
    if not isinstance(value, list):
        return (), 1
    texts = [part for part in value if isinstance(part, str)]
    return texts, len(value) - len(texts)


def _match(
    response: Response, names: Sequence[_Name], disallowed: Sequence[str], items: Sequence[Any]
) -> _Matched:
    """Find the items that are named; an item with both identifiers goes by either."""
    places: dict[tuple[_By, str], list[int]] = defaultdict(list)
    events: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        if email := _value(item, "email", "email"):
            places["email", _folded(email)].append(index)
        if user_id := _value(item, "userId", "user_id"):
            places["userId", user_id].append(index)
        if disallowed:
            events[_value(item, "eventName", "event_name") or ""].append(index)
    matched = _Matched()
    for name in names:
        identifier = _folded(name.identifier) if name.by == "email" else name.identifier
        # Of a single item, whatever the vendor has made of its identifier, it can only mean that one.
        found = [0] if len(items) == 1 else places.get((name.by, identifier), [])
        if len(found) != 1:
            # Nobody's name, or that of several: who failed is found out by asking, not by guessing.
            matched.unmatched += 1
        elif name.retryable:
            matched.retryable.setdefault(found[0], _again(response))
        else:
            matched.refused.setdefault(found[0], _refused(response, name.reason))
    for event_name in disallowed:
        error = Refused(
            VENDOR,
            response.status,
            code="disallowedEventNames",
            vendor_message="the project takes no event of that name",
        )
        # The name is that of all of them.
        matched.refused.update(dict.fromkeys(events.get(event_name, ()), error))
        matched.unmatched += event_name not in events
    # Refused by one list and to be sent again by another: what is refused would be refused again.
    matched.retryable = {
        index: error for index, error in matched.retryable.items() if index not in matched.refused
    }
    return matched


def _refused(response: Response, reason: str) -> VendorError:
    kind, words = _REASONS.get(reason, (Refused, "it failed"))
    return kind(VENDOR, response.status, code=reason, vendor_message=words)


def _again(response: Response) -> VendorError:
    return ServerFault(
        VENDOR,
        response.status,
        vendor_message="the user is valid and was not updated",
        may_have_happened=False,
    )


def _value(item: Any, wire: str, name: str) -> str | None:  # noqa: ANN401 - a row, or a mapping by wire names
    value = item.get(wire) if isinstance(item, Mapping) else getattr(item, name, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] # a row, or a mapping
    return value if isinstance(value, str) else None


def _folded(email: str) -> str:
    return email.strip().lower()


def _count(body: Body, name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _spared(body: Body) -> int:
    """Return of how many users nothing had to be changed: whether those are counted is not documented."""
    return sum(len(_texts(body.get(name))[0]) for name in _NO_OPERATIONS)


def _warnings(body: Body) -> Sequence[str]:
    """Tell what was lost although its item was taken, and what was decided for ever by the way."""
    return [
        f"{what}: {_listed(sorted(names))}"
        for field, what in _OF_THE_SCHEMA.items()
        if (names := _texts(body.get(field))[0])
    ]


def _listed(fields: Sequence[str]) -> str:
    """Return names of fields, which are the project's and may have dots and digits, as they are."""
    names = ", ".join(column_name(name)[:_LONGEST] if name.isprintable() else "…" for name in fields[:_NAMED])
    more = len(fields) - _NAMED
    return f"{names} and {more:,} more" if more > 0 else names


def _by_path(response: Response, body: Body, count: int) -> Mapping[int, VendorError]:
    """Read which items made the vendor refuse the whole request: it names them by their index."""
    params = body.get("params")
    if not isinstance(params, Mapping):
        return {}
    reasons: dict[int, list[str]] = defaultdict(list)
    for path, value in params.items():
        found = _PATH.fullmatch(path)
        if found is not None and int(found["index"]) < count:
            reasons[int(found["index"])].append(f"{found['field'] or 'it'}: {_problem(value)}")
    code = body.get("code")
    code = code_of(code) if isinstance(code, str) else None
    return {
        index: Refused(VENDOR, response.status, code=code, vendor_message=", ".join(problems))
        for index, problems in reasons.items()
    }


def _problem(value: JsonValue) -> str:
    """Read what is wrong with a field: a text, or a list of objects with one or more messages."""
    while isinstance(value, list) and value:
        value = value[0]
        if isinstance(value, Mapping):
            value = value.get("msg")
    # For instance error.expected.jsstring, which would be left out as it stands.
    return value.removeprefix("error.").replace(".", " ") if isinstance(value, str) else "wrong"
