"""Tells a topic at the terminal: sections of the documentation's own pages, so that nothing is written twice.

The pages lie in the installed package, or beside it in a clone.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.table import Table

from netaudience.cli.output import StandardOutput
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.exit_codes import ExitCode

_WIDTH = 80
#: What a block of code is set in by.
_INDENT = 2


class _Table(TableElement):
    """A table that cuts nothing off: a word that is too long for its column goes on in the next line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for made in super().__rich_console__(console, options):
            if isinstance(made, Table):
                for column in made.columns:
                    column.overflow = "fold"
            yield made


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "table_open": _Table}


class Topic(NamedTuple):
    """A section of a page."""

    #: Below ``docs``.
    page: str
    heading: str
    about: str


TOPICS = {
    "job-file": Topic("jobs.md", "The file", "all that a job file may say"),
    "source": Topic("jobs.md", "Source", "what rows are read from, and how"),
    "types": Topic("jobs.md", "Types", "what values of a source become"),
    "step": Topic("jobs.md", "Step", "fields, modes, duplicates, suppression"),
    "guards": Topic("jobs.md", "Guards", "what stops a run before it does harm"),
    "preflight": Topic("jobs.md", "Preflight", "what a vendor's own schema is held against"),
    "plan": Topic("jobs.md", "Plan", "what a run would send"),
    "run": Topic("jobs.md", "Run, resume, retry", "how a run goes on after whatever stopped it"),
    "rejected-rows": Topic("jobs.md", "Rejected rows", "what a line of rejects.jsonl says"),
    "exit-codes": Topic("jobs.md", "Exit codes", "what the end of a command shows"),
    "verify": Topic("jobs.md", "Verify", "how what was delivered is read back"),
    "credentials": Topic("reference/command.md", "Credentials", "variables, and files that hold secrets"),
    "limits": Topic("reference/command.md", "Limits", "requests per second, in flight, rows, seconds"),
}


def tell_topic(name: str | None) -> int:
    """Print a topic, or a line for each.

    Raises:
        ConfigurationError: there is no such topic.
    """
    if name is None:
        wide = max(map(len, TOPICS))
        lines = [f"  {topic:{wide}}  {entry.about}" for topic, entry in TOPICS.items()]
        last = ["", "netaudience help TOPIC shows one, netaudience COMMAND --help a command's flags"]
        text = "\n".join([*lines, *last])
    else:
        text = "\n".join(_lines(_topic(name), min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns)))
    StandardOutput().write_all([f"{text}\n".encode()])
    return ExitCode.DELIVERED


def _topic(name: str) -> Topic:
    wanted = name.lower().replace("_", "-")
    if wanted in TOPICS:
        return TOPICS[wanted]
    near = "".join(f", but {each}" for each in get_close_matches(wanted, TOPICS, n=1))
    raise ConfigurationError(f"There is no topic {name!r}{near}: netaudience help lists them")


def _page(name: str) -> str:
    installed = files("netaudience.cli") / "pages" / name
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")


def _section(topic: Topic) -> str:
    """Return what stands under a heading, up to the next one; a line of a block of code is none."""
    found: list[str] = []
    inside = in_code = False
    for line in _page(topic.page).splitlines():
        in_code ^= line.startswith("```")
        if not in_code and line.startswith("#"):
            inside = line.lstrip("# ") == topic.heading
        elif inside:
            found.append(line)
    return "\n".join(found).strip()


def _lines(topic: Topic, width: int) -> Iterator[str]:
    """Give the lines of a topic, none wider than the terminal and none with a blank at its end."""
    text = "\n".join(_narrow(_section(topic), width - _INDENT))
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(_Page(text, code_theme="bw"))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    before = topic.heading
    yield before
    for line in ("", *lines):
        if line or before:  # one empty line is enough
            yield line
        before = line


def _narrow(text: str, width: int) -> Iterator[str]:
    """Write comments of a block of TOML that are too wide above their lines, so that it may be copied."""
    in_toml = False
    for line in text.splitlines():
        if line.startswith("```"):
            in_toml = line == "```toml"
        if not in_toml or len(line) <= width:
            yield line
            continue
        code, _, comment = line.rpartition("  # ")
        yield from textwrap.wrap(comment, width, initial_indent="# ", subsequent_indent="# ")
        if code:
            yield code.rstrip()
