"""The commands of a command line, of which only those are made that its words name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from cyclopts import App, Group


@attrs.frozen
class _Entry:
    """A command, before it is made."""

    #: Adds it.
    add: Callable[[App], object]
    #: What the list of commands says of it.
    summary: str
    group: Group | None


class Menu:
    """Commands by their names, until it is known which of them are asked for.

    Cyclopts takes up to a millisecond to look at a signature and its docstring, and there are ninety (J4).
    Where the first word names no command, all are listed: for the help, and for who has mistyped one.
    """

    def __init__(self, app: App, words: Sequence[str] | None) -> None:
        """Begin with none.

        Args:
            app: What they are commands of.
            words: The arguments behind its name; None to make all commands.
        """
        self._app = app
        self._words = words
        self._entries: dict[str, _Entry] = {}

    def command(
        self,
        command: Callable[..., object],
        *,
        name: str,
        group: Group | None = None,
        **options: Any,  # noqa: ANN401 - of cyclopts
    ) -> None:
        """Add a command, with further options of cyclopts."""
        if group is not None:
            options["group"] = group
        self.later(name, lambda app: app.command(command, name=name, **options), command.__doc__, group)

    def later(
        self, name: str, add: Callable[[App], object], about: str | None, group: Group | None = None
    ) -> None:
        """Add a command, or several under one name.

        Args:
            name: The name.
            add: Adds it to the `App`.
            about: What it does; the list of commands shows the first paragraph.
            group: The part of the list in which it stands.
        """
        self._entries[name] = _Entry(add, inspect.cleandoc(about or "").partition("\n\n")[0], group)

    def made(self) -> App:
        """Make the commands that are named, or the list of all, and return what they are commands of."""
        words, app = self._words, self._app
        first = None if words is None else next((word for word in words if not word.startswith("-")), None)
        for name, entry in self._entries.items():
            if words is None or (name in words and (first is None or first in self._entries)):
                entry.add(app)
            elif first not in self._entries:
                group = () if entry.group is None else entry.group
                app.command(App(name=name, help=entry.summary, group=group, help_flags=(), version_flags=()))
        return app
