"""Shows the reference: a line for each operation, one whole, JSON for programs, a page for the docs.

A figure that no vendor documents says so, wherever figures are shown.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

from netaudience.cli.display import wrapped
from netaudience.cli.output import StandardOutput
from netaudience.cli.page import page
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.model.wire import dump_json
from netaudience.reference import Named, OperationRow, StatedFigure, reference
from netaudience.vendors import client_of

#: Letters that the name of an operation mostly fits into.
_NAME = 28


def list_operations(
    form: Literal["lines", "json", "markdown"], vendor: str | None, operation: str | None = None
) -> int:
    """Print the reference, of all vendors, of one, or of one operation.

    Raises:
        ConfigurationError: there is no such vendor, or no such operation.
    """
    if vendor is not None:
        client_of(vendor)
    rows = list(reference(vendor))
    if operation is not None:
        rows = [row for row in rows if row.operation == operation.replace("-", "_")]
        if not rows:
            raise ConfigurationError(
                f"{vendor} has no operation {operation!r}: netaudience operations {vendor} lists them"
            )
    match form:
        case "json":
            text = dump_json([row.to_json() for row in rows]) + b"\n"
        case "markdown":
            text = page(rows).encode()
        case "lines":
            lines = _lines(rows) if operation is None else _whole(rows[0])
            text = "".join(f"{line}\n" for line in lines).encode()
    StandardOutput().write_all([text])
    return ExitCode.DELIVERED


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _lines(rows: Sequence[OperationRow]) -> Iterator[str]:
    """Give a line for each operation, no wider than the terminal: its name, its dangers, what it does."""
    for vendor, group in groupby(rows, key=lambda row: row.vendor):
        listed = list(group)
        yield f"netaudience {vendor} (read {', '.join(sorted({row.read for row in listed}))})"
        for row in listed:
            name = row.command.partition(" ")[2]
            mark = "!!" if row.irreversible else "!" if row.destructive or row.app_wide else ""
            yield _cut(f"  {name:{_NAME}} {mark:2} {_plain(row.summary)}", _width())
        yield ""
    yield "! loses data or reaches far, !! cannot be undone"
    yield "netaudience operations VENDOR OPERATION shows one in full, with its limits"


def _plain(text: str) -> str:
    """Return a docstring's words without the marks of emphasis."""
    return text.replace("**", "").replace("*", "").replace("`", "")


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def _whole(row: OperationRow) -> Iterator[str]:
    """Tell all that is known of an operation."""
    dangers = [
        words
        for words, holds in (
            ("cannot be undone", row.irreversible),
            ("loses data", row.destructive and not row.irreversible),
            ("is not limited to the users named", row.app_wide),
        )
        if holds
    ]
    known = "" if row.provenance == "documented" else f" ({row.provenance})"
    facts = [
        ("", _plain(row.summary)),
        ("request", f"{row.method} {row.path}{known}"),
        ("takes", _names(row.fields) or row.item or "nothing"),
        ("for all", _names(row.arguments)),
        ("success", row.acknowledges),
        (
            "repeating",
            "does no harm" if row.idempotent else "may do it twice: a lost answer is in doubt",
        ),
        ("dangers", ", ".join(dangers)),
        ("to know", row.note),
        ("not reported", row.unsaid),
        ("later", row.settles),
        *(("per request", f"{name} {_figure(figure)}") for name, figure in row.limit.items()),
        *(("allowance", f"{name} {_figure(figure)}") for name, figure in row.quota.items()),
        ("documented", f"{row.docs} (read {row.read})"),
    ]
    yield f"netaudience {row.command}"
    for name, text in facts:
        if text:
            first = f"  {name:12}" if name else "  "
            yield from wrapped(text, first, _width())


def _names(named: Sequence[Named]) -> str:
    """Name them; what may be left out has a question mark."""
    return ", ".join(each.name if each.required else f"{each.name}?" for each in named)


def _figure(figure: StatedFigure) -> str:
    return f"{figure.value:,}, {figure.provenance}: {figure.source}"
