"""Watches the whole test run for what must never be shown: credentials, e-mail addresses, telephone numbers.

While a test runs, every record of our log (with its extra fields and traceback), every error of ours (text,
repr, notes, and what its traceback would print of others'), every event, report, warning and every file that
a run leaves for people is looked through. What authenticates is learnt from the requests themselves; e-mail
addresses and telephone numbers are known by their shape. The test in which something shows fails.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from netaudience.engine.notifier import EventNotifier
from netaudience.engine.pipeline import Pipeline
from netaudience.errors import NetaudienceError
from netaudience.model.wire import Prepared

__all__ = ["Watch", "leaks", "no_leak", "words_of"]

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
#: In the international form, or any run of as many digits.
_PHONE = re.compile(r"\+\d{7,15}|(?<![\w.,#/$-])\d{10,}(?![\w.,])")
#: Headers whose values are no secret.
_PUBLIC = {"content-type", "accept", "user-agent"}
#: Files that a job's run leaves for people to read; what it keeps of items is in others, and documented.
_FOR_PEOPLE = {"report.html", "summary.json", "metrics.json", "run.json"}

#: What is shown for a reason: a pattern of the test's name, one of the sentence that would fail it, and why.
ALLOWED: tuple[tuple[str, str, str], ...] = (
    ("", r"such as 918888444411 or \+918888444411", "the vendor's own example of a number, in our sentence"),
    ("", r"such as \+905321234567", "our own example of a number, in our sentence"),
    (
        "",
        r"^the traceback of SourceFailed",
        "what a caller's own source raises is the caller's, and the cause",
    ),
)


def words_of(headers: Mapping[str, str]) -> set[str]:
    """Return what in these headers authenticates: whole values, and the words of ``Bearer …``.

    A credential that is a plain word cannot be told from one; those that vendors give hold digits.
    """
    return {
        word
        for name, value in headers.items()
        if name.lower() not in _PUBLIC
        for word in (value, *value.split())
        if len(word) >= 8 and re.search(r"[\d_-]", word)
    }


def leaks(text: str, secrets: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment] # nothing adds to it
    """Return what in a text must not be shown."""
    found = {secret for secret in secrets if secret in text}
    if "@" in text:
        found.update(_EMAIL.findall(text))
    return found.union(_PHONE.findall(text))


class Watch:
    """What was shown during one test."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        #: Where each text was shown first.
        self.shown: dict[str, str] = {}
        #: Errors that are still alive at the end are looked at once more.
        self._errors: list[weakref.ref[NetaudienceError]] = []
        #: An error, and what was being handled when it was made, where that would show something.
        self._chained: list[tuple[NetaudienceError, BaseException]] = []

    def look(self, where: str, text: str) -> None:
        """Take note of a text that was shown."""
        self.shown.setdefault(text, where)

    def error(self, error: NetaudienceError) -> None:
        """Take note of an error that was just made."""
        self._errors.append(weakref.ref(error))
        self._say(error)
        handled = sys.exc_info()[1]
        if (
            handled is not None
            and not isinstance(handled, NetaudienceError)
            and leaks(_printed(handled), self.secrets)
        ):
            self._chained.append((error, handled))

    def _say(self, error: NetaudienceError) -> None:
        try:
            texts = [str(error), repr(error), *getattr(error, "__notes__", ())]
        except (AttributeError, IndexError):
            return  # it is being made, and has its text later
        for text in texts:
            self.look(type(error).__name__, text)

    def _look_behind(self, error: NetaudienceError) -> None:
        """Look at all that a traceback of an error prints, lines of code left out, and at a pickle of it.

        What a person's own source, hook or transport raises is theirs, and stands in a test as it is.
        """
        seen: set[int] = set()
        behind: BaseException | None = error
        while behind is not None and id(behind) not in seen:
            seen.add(id(behind))
            if type(behind).__module__.partition(".")[0] in {"netaudience", "aiohttp", "orjson", "cattrs"}:
                self.look(f"the traceback of {type(error).__name__}", _printed(behind))
            behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
        with contextlib.suppress(Exception):  # a report holds the items, and those may be anything
            if not hasattr(error, "report"):
                self.look(f"the pickle of {type(error).__name__}", pickle.dumps(error).decode("latin-1"))

    def found(self) -> list[str]:
        """Return a sentence for each thing that was shown and must not be."""
        for reference in self._errors:
            if (error := reference()) is not None:
                self._say(error)
                self._look_behind(error)
        for error, handled in self._chained:
            printed = handled is error.__cause__ or (
                handled is error.__context__ and not error.__suppress_context__
            )
            if printed:
                self.look(f"the traceback of {type(error).__name__}", _printed(handled))
        return [
            f"{where} shows {', '.join(sorted(shown))}: {text[:500]}"
            for text, where in self.shown.items()
            if (shown := leaks(text, self.secrets))
        ]


def _printed(error: BaseException) -> str:
    """Return the last lines of an error's traceback, which is what it says of itself.

    What stands behind it is not gone through: traceback's own function does, at each of a thousand levels.
    """
    text = ""
    with contextlib.suppress(Exception):  # what a test raises may have no text
        text = str(error)
    return "\n".join((f"{type(error).__qualname__}: {text}", *getattr(error, "__notes__", ())))


_watch = Watch()
_formatter = logging.Formatter()
_PLAIN = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


def _look_at_record(record: logging.LogRecord) -> bool:
    """Look at every record of ours, and let through what would have been logged anyway."""
    text = _formatter.format(record)
    extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    _watch.look("the log", f"{text} {extra}" if extra else text)
    return logging.Logger.isEnabledFor(logging.getLogger("netaudience"), record.levelno)


def _after(owner: type, name: str, look: Callable[..., None]) -> None:
    """Look at what a method was given, when it is done."""
    original = getattr(owner, name)

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        made = original(self, *arguments, **named)
        look(self, *arguments)
        return made

    setattr(owner, name, watched)


def _look_at_report(pipeline: Pipeline[Any]) -> None:
    report = pipeline.report
    _watch.look("a report", f"{report!r} {report.sentence()}")


def _look_at_file(_part: Path, target: Any) -> None:
    target = Path(target)
    if target.name in _FOR_PEOPLE:
        _watch.look(target.name, target.read_text(encoding="utf-8"))


def _watch_all() -> None:
    """Put the watch in its places, once for the process."""
    log = logging.getLogger("netaudience")
    log.isEnabledFor = lambda _level: True  # type: ignore[method-assign] # the filter asks the real one
    log.addFilter(_look_at_record)
    _after(NetaudienceError, "__init__", lambda error, *_: _watch.error(error))
    _after(EventNotifier, "_tell", lambda _, event: _watch.look("an event", repr(event)))
    _after(Pipeline, "_close", _look_at_report)
    _after(Path, "replace", _look_at_file)
    _after(Prepared, "__init__", lambda prepared, *_: _watch.secrets.update(words_of(prepared.headers)))
    warn = warnings.warn

    def watched_warn(
        message: Any, category: Any = None, stacklevel: int = 1, *more: Any, **named: Any
    ) -> None:
        if sys._getframe(1).f_globals.get("__name__", "").startswith("netaudience"):
            _watch.look("a warning", str(message))
        warn(message, category, stacklevel + 1, *more, **named)

    warnings.warn = watched_warn  # type: ignore[assignment] # the same for those who call it


_watch_all()


@pytest.fixture(autouse=True)
def no_leak(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Fail the test in which something shows that must not."""
    global _watch
    before, _watch = _watch, Watch()
    yield _watch
    watch, _watch = _watch, before
    found = [
        sentence
        for sentence in watch.found()
        if not any(
            re.search(test, request.node.nodeid) and re.search(text, sentence) for test, text, _ in ALLOWED
        )
    ]
    assert not found, "\n".join(found)
