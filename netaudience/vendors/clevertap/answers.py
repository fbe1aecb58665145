"""How CleverTap's answers are judged: status and body together, and the records that it gives back.

A failure may come under HTTP 200. The answer to a list of records counts those it took and gives back the
others, without their index and with other types than they had: what cannot be matched is left open.
Source: https://developer.clevertap.com/docs/api-errors
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from netaudience.errors import NotFound, Refused, Unavailable, Unreadable, VendorError
from netaudience.model.item_errors import NOTHING, Blamer, ItemErrors
from netaudience.model.verdicts import Judge, json_object, plain_words
from netaudience.model.wire import JsonValue, Response

_VENDOR = "CleverTap"
_REGION = (
    "Look at account id and passcode, and at the region: valid credentials get this answer "
    "from every region but their own"
)
_JUDGE = Judge(_VENDOR, remedies={401: _REGION})
_NOT_READY = "What was asked for is not ready yet: ask again with the same cursor"
#: Statuses that a failure's body may give while its HTTP status is 200. The codes of single records, 509
#: to 535, look like statuses of an outage and are none; 555 is the one that is.
_STATUSES = frozenset({*range(400, 500), 500, 502, 503, 504, 555})
#: Those of them by which a request is refused.
_CLEAR = frozenset(range(400, 500))
#: The codes of single records. Source: the page of errors.
_OF_RECORDS = frozenset({509, *range(512, 536)})
#: Who is not there, in the vendor's words. How an unknown profile is reported is not documented.
_ABSENT = re.compile(
    r"\b(?:profile|user|identity)\b.*\b(?:not found|not exist)|\bno (?:such )?(?:profile|user)", re.IGNORECASE
)
_EMPTY_SUCCESS = frozenset({201, 202, 204})
#: "Request still in progress", of reads that go by a cursor.
_IN_PROGRESS = 2
#: A record's code of trouble that is the vendor's own; the only one worth asking again for.
_SERVER_ERROR = 555


def classify(response: Response) -> VendorError | None:
    """Judge an answer of CleverTap: None for a success, else what to do next.

    The body is read whatever the status is: failures come under HTTP 200 too. An answer that gives records
    back, or has taken some, is no failure of the request, whatever it calls itself: it goes to the blame.
    Source: https://developer.clevertap.com/docs/api-errors
    """
    status = response.status
    body, words = _read(response)
    stated, code = _text(body.get("status")), _whole(body.get("code"))
    if not 200 <= status < 300:
        # What the vendor says of the request itself is believed whatever the status is.
        meant = code if status >= 500 and code in _CLEAR else None
        return _failed(response, code, words, meant=meant, own=stated is not None)
    if stated == "success" or (status in _EMPTY_SUCCESS and not response.body):
        return None
    if stated in {"partial", "fail"} and _is_about_records(body, stated):
        return None
    if stated == "partial" and _whole(body.get("req_id")) is not None:
        return None  # a count that is not ready: who asked for it asks again
    if stated == "fail" and code == _IN_PROGRESS:
        # Nothing was refused, and nothing is broken: the same question is answered a little later.
        return Unavailable(_VENDOR, status, code=code, vendor_message=words, remedy=_NOT_READY)
    if stated == "fail":
        return _failed(response, code, words, meant=code if code in _STATUSES else 400, own=True)
    what = f"Neither success nor fail was reported, but {response.content_type or 'nothing'}"
    return _JUDGE.unreadable(response, what, vendor_message=words)


def _is_about_records(body: Mapping[str, JsonValue], status: str) -> bool:
    """Return whether an answer is about single records instead of the request.

    A fail that has taken none and gives none back is about the request: it says of no record that it was
    looked at. A fail that has taken some is not, for to halve it would send those once more.
    """
    processed, unprocessed = body.get("processed"), body.get("unprocessed")
    if not isinstance(unprocessed, list):
        return False
    if status == "partial":
        return _whole(processed) is not None or bool(unprocessed)
    return bool(unprocessed) or bool(_whole(processed))


def _failed(
    response: Response, code: int | None, words: str, *, meant: int | None = None, own: bool
) -> VendorError:
    told_code = None if code == response.status else code
    kind: type[VendorError] | None = Refused if told_code in _OF_RECORDS else None
    if own and (meant or response.status) in {400, 404} and _ABSENT.search(words):
        kind = NotFound
    return _JUDGE.failure(response, kind=kind, code=told_code, vendor_message=words, meant=meant, own=own)


def _read(response: Response) -> tuple[Mapping[str, JsonValue], str]:
    """Read the object and the words out of the body, whatever it is."""
    body = json_object(response)
    if body is None:
        return {}, plain_words(response)
    return body, _text(body.get("error")) or ""


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# Which of the records of a request were not taken.

_RecordOf: TypeAlias = Callable[[Any], Mapping[str, JsonValue]]
#: The names by which the records of all lists are told apart; subscriptions have their ``value`` alone.
_NAMING = ("identity", "objectId", "FBID", "GPID", "value")
#: As in "Age is invalid.Skipped record number : 2", counted from 1 within the request.
_NUMBER = re.compile(r"\s*(?:Skipped )?record number\s*:\s*([0-9]{1,7})")


def blame_records(record_of: _RecordOf) -> Blamer:
    """Return what reads the answer to a list of records.

    Args:
        record_of: Makes the record that was sent for an item.
    """

    def blame(response: Response, items: Sequence[Any]) -> ItemErrors:
        body, _ = _read(response)
        status = _text(body.get("status"))
        if status is None:
            return NOTHING  # it cannot be read: the engine finds that out, and judges it as a whole
        entries = body.get("unprocessed")
        listed: Sequence[JsonValue] = entries if isinstance(entries, list) else ()
        sent = _Sent(record_of(item) for item in items) if listed else _Sent(())
        refused: dict[int, VendorError] = {}
        again: dict[int, VendorError] = {}
        unattributed: VendorError | None = None
        for entry in listed:
            error = _record_error(response, entry)
            index = sent.find(entry)
            if index is None or index in refused or index in again:
                # Given back, and not known which it is: none of the others can be counted as taken.
                unattributed = unattributed or error
            else:
                (again if isinstance(error, Unavailable) else refused)[index] = error
        processed, found = _whole(body.get("processed")), len(refused) + len(again)
        if unattributed is None and not _adds_up(processed, status, len(listed), len(items)):
            unattributed = _miscounted(response)
            if processed is None:  # an answer to each of them alone would count nothing either
                return ItemErrors(refused=refused, unread=unattributed)
        elif found and processed == len(items) - found:
            unattributed = None  # whatever else was given back: what became of all of them is counted
        return ItemErrors(refused=refused, retryable=again, unattributed=unattributed)

    return blame


def _adds_up(processed: int | None, status: str, given_back: int, sent: int) -> bool:
    """Return whether the records that were taken and those given back are all that were sent."""
    if processed is None:  # it counts none: a success that gives none back is one of all of them
        return given_back == sent or (status == "success" and not given_back)
    return processed + given_back == sent


def _miscounted(response: Response) -> Unreadable:
    return Unreadable(
        _VENDOR,
        response.status,
        remedy="The records that it took and those that it gave back are not as many as were sent",
        may_have_happened=True,
    )


def _record_error(response: Response, entry: JsonValue) -> VendorError:
    """Judge one record that was given back; what it was is personal data and is reported nowhere."""
    record: Mapping[str, JsonValue] = entry if isinstance(entry, Mapping) else {}
    code = _whole(record.get("code"))
    # Its number counts within the request: the outcome's position is the one that says where it stands.
    words = _NUMBER.sub("", _text(record.get("error")) or "")
    kind = Unavailable if code == _SERVER_ERROR else Refused
    return _JUDGE.failure(response, kind=kind, code=code, vendor_message=words)


class _Sent:
    """The records of a request, to find one again among them by what the vendor gives back."""

    def __init__(self, records: Iterable[Mapping[str, JsonValue]]) -> None:
        self._records = list(records)
        self._named: dict[tuple[str, str], list[int]] = {}
        for index, record in enumerate(self._records):
            for name in _names(record):
                self._named.setdefault(name, []).append(index)

    def find(self, entry: JsonValue) -> int | None:
        """Return the index of the record that an entry gives back; None where it is not certain.

        The identifier is compared first, for the vendor changes the types of other values. Where several
        records have it, the whole decides, and among equals the number in the entry's words: alone it is
        not relied on, for nothing documents it.
        """
        if not isinstance(entry, Mapping):
            return None
        echo = entry.get("record")
        if not isinstance(echo, Mapping):
            return None
        found = {index for name in _names(echo) for index in self._named.get(name, ())}
        if len(found) <= 1:
            return next(iter(found), None)
        equal = {index for index in found if _same(self._records[index], echo)} or found
        if len(equal) == 1:
            return next(iter(equal))
        number = _NUMBER.search(_text(entry.get("error")) or "")
        pointed_at = int(number[1]) - 1 if number else -1
        return pointed_at if pointed_at in equal else None


def _names(record: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name in _NAMING if isinstance(value := record.get(name), str | int)]


def _plain(value: str | float) -> str:
    """Return text and numbers in the one form in which the vendor's echo and what was sent are alike."""
    return str(value).strip().removeprefix("+")


def _same(sent: JsonValue, echo: JsonValue) -> bool:
    """Return whether a value is given back, in whatever type."""
    if isinstance(sent, Mapping):
        return (
            isinstance(echo, Mapping)
            and sent.keys() == echo.keys()
            and all(_same(value, echo[name]) for name, value in sent.items())
        )
    if isinstance(sent, list | tuple):
        if not isinstance(echo, list):
            return False
        parts = cast("Sequence[JsonValue]", sent)
        return len(parts) == len(echo) and all(map(_same, parts, echo))
    if isinstance(sent, bool) or isinstance(echo, bool) or sent is None or echo is None:
        return sent is echo
    if isinstance(echo, Mapping | list):
        return False
    return sent == echo or _plain(cast("str | float", sent)) == _plain(cast("str | float", echo))


def blame_list(response: Response, _items: Sequence[Any]) -> ItemErrors:
    """Read the answer to a list of identities, which is documented to say nothing about single ones.

    Should it count records, or give some back, then it is not known of which entries it speaks: it must not
    pass for a success.
    """
    body, words = _read(response)
    status = body.get("status")
    if status == "success" and not body.get("unprocessed"):
        return NOTHING
    if status is None:  # a success without a body
        return NOTHING
    return ItemErrors(
        unattributed=Refused(_VENDOR, response.status, code=_whole(body.get("code")), vendor_message=words)
    )
