"""What the sandbox sends back: a status, bytes and headers, made before a socket is touched.

`Refused` carries an answer out of a handler, so that a refusal never needs a second path.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import attrs
import orjson

#: Marks a Retry-After that is sent as an HTTP date that many seconds ahead.
_DATE = "date:"


@attrs.frozen
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: bytes = attrs.field(default=b"", repr=False)
    content_type: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Refused(Exception):
    """A request that is not applied, with the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


def json_answer(value: object, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(status, orjson.dumps(value), "application/json")


def text_answer(text: str, status: int) -> Answer:
    """Answer with plain text, as proxies do."""
    return Answer(status, text.encode(), "text/plain")


def problem_answer(status: int, detail: str, instance: str) -> Answer:
    """Answer with a problem detail, https://www.rfc-editor.org/rfc/rfc9457."""
    problem = {
        "type": "about:blank",
        "title": reason(status),
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    return Answer(status, orjson.dumps(problem), "application/problem+json")


def reason(status: int) -> str:
    """The usual words for an HTTP status; "Status" for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def check_retry_after(retry_after: str | None) -> None:
    """Raise `ValueError` for a Retry-After that could not be sent."""
    if retry_after is None:
        return
    if "\n" in retry_after or "\r" in retry_after:
        raise ValueError("A Retry-After cannot hold a line break.")
    if retry_after.startswith(_DATE):
        try:
            finite = math.isfinite(float(retry_after.removeprefix(_DATE)))
        except ValueError:
            finite = False
        if not finite:
            raise ValueError(f"Write retry_after=date:SECONDS, not {retry_after!r}.")


def with_retry_after(answer: Answer, retry_after: str | None) -> Answer:
    """Add a Retry-After header; `date:SECONDS` becomes an HTTP date that many seconds ahead."""
    if retry_after is None:
        return answer
    if retry_after.startswith(_DATE):
        # An HTTP date has whole seconds: rounded up, so that it never says less than was asked.
        moment = math.ceil(time.time() + float(retry_after.removeprefix(_DATE)))
        retry_after = formatdate(moment, usegmt=True)
    return attrs.evolve(answer, headers={**answer.headers, "Retry-After": retry_after})
