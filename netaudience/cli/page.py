"""Writes the reference as a page of the documentation: a table per vendor, and where each figure is from.

``netaudience operations --markdown > docs/operations.md``. Nothing on the page is known here: it is read from
the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from netaudience.reference import Named, OperationRow, StatedFigure

_HEAD = """# All operations

Written from the descriptors by `netaudience operations --markdown`; do not edit it.

A figure is **documented** by the vendor, on the page that is linked; **reported** by somebody who saw it; or
**assumed** by us, which means that it is a default to be configured. The same is said of an operation where
the vendor's page does not give its path.

*Applied*: the vendor confirms the change. *Accepted*: it took the request, and the change comes later.
*Answered*: a question. *Not reported*: what the vendor answers with success and does not do. An operation is
*repeatable* where sending it again does no harm; elsewhere, what got no answer is *in doubt* and is not sent
again. A question mark: it may be left out.
"""
_BAR = "\\|"  # would end a cell otherwise
_COLUMNS = ("Operation", "Command", "Request", "Takes", "Per request", "Success", "Repeatable", "To know")


def page(rows: Sequence[OperationRow]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for vendor, group in groupby(rows, key=lambda row: row.vendor):
        parts.append(_section(vendor, list(group)))
    return "\n".join(parts)


def _section(vendor: str, rows: Sequence[OperationRow]) -> str:
    read = ", ".join(sorted({row.read for row in rows}))
    lines = [
        f"## {vendor} ({len(rows)})",
        "",
        f"Read {read}.",
        "",
        _line(_COLUMNS),
        _line(["---"] * len(_COLUMNS)),
    ]
    lines += [_line(_cells(row)) for row in rows]
    lines += ["", "The figures of a request are from:", ""]
    figures = (item for row in rows for item in row.limit.items())
    lines += dict.fromkeys(f"- {name} {figure.value:,}: {_source(figure)}" for name, figure in figures)
    lines += ["", "The requests of an account share:", ""]
    sharing: dict[str, list[OperationRow]] = {}
    for row in rows:
        sharing.setdefault(row.allowance, []).append(row)
    for members in sharing.values():
        whose = ", ".join(f"`{row.operation}`" for row in members) if len(sharing) > 1 else "all operations"
        shared = (f"{name} {figure.value:,} ({_source(figure)})" for name, figure in members[0].quota.items())
        lines.append(f"- {whose}: {'; '.join(shared)}")
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _cells(row: OperationRow) -> Sequence[str]:
    return (
        f"[`{row.operation}`]({row.docs}): {row.summary}",
        f"`{row.command}`",
        f"`{row.method} {row.path}`{_how(row.provenance)}",
        "; ".join(_takes(row)) or "nothing",
        ", ".join(f"{name} {figure.value:,} ({figure.provenance})" for name, figure in row.limit.items()),
        row.acknowledges,
        "yes" if row.idempotent else "no",
        " ".join(_to_know(row)),
    )


def _how(provenance: str) -> str:
    return "" if provenance == "documented" else f" (**{provenance}**)"


def _takes(row: OperationRow) -> Iterator[str]:
    many = "many" if row.shape == "batch" else "one"
    if row.fields:
        yield f"{many} of {_names(row.fields)}"
    elif row.item:
        yield f"{many} {row.item}" if many == "one" else f"{many}: {row.item}"
    if row.arguments:
        yield f"for all: {_names(row.arguments)}"


def _names(named: Sequence[Named]) -> str:
    """Name them; what may be left out has a question mark."""
    return ", ".join(f"`{each.name}`" + ("" if each.required else "?") for each in named)


def _source(figure: StatedFigure) -> str:
    if figure.provenance == "documented":
        return f"[documented]({figure.source})"
    return f"{figure.provenance}: {figure.source}"


def _to_know(row: OperationRow) -> Iterator[str]:
    if row.irreversible:
        yield "**Cannot be undone.**"
    elif row.destructive:
        yield "**Deletes.**"
    if row.app_wide:
        yield "**Not limited to the users named.**"
    if row.shape == "pages":
        yield "Gives rows, page by page."
    if row.note:
        yield row.note
    if row.unsaid:
        yield f"Not reported: {row.unsaid}."
    if row.settles:
        yield row.settles
