"""Shows the reference: JSON for programs, a page for the documentation, a table for people.

In the table every figure that no vendor documents says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal

from netaudience.cli.exit_codes import ExitCode
from netaudience.cli.page import page
from netaudience.reference import OperationRow, StatedFigure, reference
from netaudience.vendors import client_of
from netaudience.wire import dump_json

__all__ = ["list_operations"]


def list_operations(form: Literal["table", "json", "markdown"], vendor: str | None) -> int:
    """Print the reference.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    if vendor is not None:
        client_of(vendor)
    rows = list(reference(vendor))
    match form:
        case "json":
            sys.stdout.buffer.write(dump_json([row.to_json() for row in rows]) + b"\n")
            sys.stdout.buffer.flush()
        case "markdown":
            sys.stdout.buffer.write(page(rows).encode())
            sys.stdout.buffer.flush()
        case "table":
            _print_table(rows)
    return ExitCode.DELIVERED


def _print_table(rows: list[OperationRow]) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs a program's start
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title="Operations; a figure that no vendor documents is marked", title_justify="left")
    for name in ("command", "request", "limits", "what to know", "documented at"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            row.command,
            f"{row.method} {row.path}",
            "\n".join(_figures(row)),
            "\n".join(_to_know(row)),
            Text(row.docs),
            end_section=True,
        )
    console = Console()
    # Nothing is folded where nobody looks at it: a line of a pipe has no width.
    console.print(table, width=None if console.is_terminal else 240)


def _figures(row: OperationRow) -> Iterator[str]:
    for name, figure in {**row.limit, **row.quota}.items():
        yield f"{name}: {figure.value:,} {_source(figure)}"


def _source(figure: StatedFigure) -> str:
    if figure.provenance == "documented":
        return "(documented)"
    return f"({figure.provenance.upper()}: {figure.source})"


def _to_know(row: OperationRow) -> Iterator[str]:
    yield f"{row.shape}, {row.acknowledges}"
    yield "safe to repeat" if row.idempotent else "NOT safe to repeat"
    if row.destructive:
        yield "DESTRUCTIVE"
    if row.provenance != "documented":
        yield f"the operation is {row.provenance}"
    if row.note:
        yield row.note
