"""Shows the reference: JSON for programs, a table for people, in which every assumed figure says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from netaudience.cli.exit_codes import ExitCode
from netaudience.errors import ConfigurationError
from netaudience.reference import OperationRow, StatedFigure, reference
from netaudience.vendors import VENDORS
from netaudience.wire import dump_json

__all__ = ["list_operations"]


def list_operations(*, as_json: bool, vendor: str | None) -> int:
    """Print the reference.

    Raises:
        ConfigurationError: there is no such vendor.
    """
    slugs = [client.slug for client in VENDORS]
    if vendor is not None and vendor not in slugs:
        raise ConfigurationError(f"There is no such vendor: it is one of {', '.join(slugs)}")
    rows = list(reference(vendor))
    if as_json:
        sys.stdout.buffer.write(dump_json([row.to_json() for row in rows]) + b"\n")
        sys.stdout.buffer.flush()
    else:
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
            f"{row.vendor} {row.operation.replace('_', '-')}",
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
