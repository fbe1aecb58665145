"""What a connector gives: rows on their way, and what ends them from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import attrs

from netaudience.errors import SourceFailed
from netaudience.jobs.connectors.watermark import Watermark


@attrs.frozen(kw_only=True)
class Rows:
    """Rows on their way; they are taken once, and only while the connector is open."""

    #: What people call the source.
    name: str
    #: What has ``__arrow_c_stream__``, an iterable of Arrow's batches and tables, or one of mappings of a
    #: column's name to its value.
    data: Any
    #: The columns, for an iterable of batches that may give none.
    columns: Sequence[str] = ()
    #: Whether it is the user's own code that gives them, whose errors he is to see.
    own: bool = False
    #: Columns of text that hold decimal numbers of any size.
    numbers: Sequence[str] = ()
    #: Where it was read from; None where everything was read, and then why, as a part of a sentence.
    since: Watermark | None = None
    why: str = ""
    #: How far it is read, where that is known beforehand.
    reaches: Watermark | None = None
    #: Whether the rows are changes, those that are not there any more among them, as Delta Lake tells them.
    are_changes: bool = False


#: Seconds after which an end is asked for again that found nothing to end.
_AGAIN = 0.05


class Stop:
    """Ends what another thread reads, once and for all.

    A query can be ended only when it has begun, and nobody is told when that is: it is asked to end again and
    again, until whoever reads has left the context in which that ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[Callable[[], object]] = []
        #: Whether somebody has asked for the end.
        self.asked = False

    def __call__(self) -> None:
        """Ask for the end."""
        with self._lock:
            first, self.asked = not self.asked, True
        if self._ask() and first:
            with suppress(RuntimeError):  # a thread that cannot be had: it was asked for once
                threading.Thread(target=self._insist, name="netaudience stop", daemon=True).start()

    def _insist(self) -> None:
        while self._ask():
            time.sleep(_AGAIN)

    def _ask(self) -> bool:
        """Ask for the end, and return whether there was anybody to ask."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            # A driver says in its own way that there is nothing to be ended.
            with suppress(Exception):
                end()
        return bool(ends)

    @contextmanager
    def by(self, end: Callable[[], object]) -> Generator[None, None, None]:
        """Say what ends the reading within the context.

        Raises:
            SourceFailed: the end was asked for before.
        """
        with self._lock:
            self.check()
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)

    def check(self) -> None:
        """Look whether the end was asked for.

        Raises:
            SourceFailed: it was.
        """
        if self.asked:
            raise SourceFailed("The reading of the source was ended")
