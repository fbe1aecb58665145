"""The tables of all vendors that have one, and of the sixth; what is asked of all of them is read from here.

It knows no vendor: a vendor without a table is told by `test_contract`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import strategies as st
from scripted_vendors import Golden, Table
from sixth_vendor import TABLE as SIXTH

from netaudience.client import Client
from netaudience.model.rows import Rows
from netaudience.operations.dispatch import Operation
from netaudience.vendors import clients

__all__ = ["EVERY", "TABLES", "every_golden", "every_operation", "items_of", "operation_of"]

#: The vendors of the package.
TABLES: tuple[Table, ...] = tuple(
    import_module(name).TABLE for vendor in clients() if find_spec(name := f"golden_{vendor.slug}")
)
#: Those, and one that no other file has heard of.
EVERY: tuple[Table, ...] = (*TABLES, SIXTH)


def every_operation() -> list[Any]:
    """Return a case for each operation: its table and itself."""
    return [
        pytest.param(table, operation, id=f"{table.vendor.slug} {name}")
        for table in EVERY
        for name, operation in table.vendor.operations().items()
    ]


def every_golden(*shapes: str) -> list[Any]:
    """Return a case for each golden request of operations of these shapes: its table and itself."""
    return [
        pytest.param(table, golden, id=f"{table.vendor.slug} {golden.id}")
        for table in EVERY
        for golden in table.golden
        if not shapes or operation_of(table, golden).shape in shapes
    ]


def operation_of(table: Table, golden: Golden) -> Operation:
    """Return the operation that a golden request is of."""
    return table.vendor.operations()[golden.operation]


def items_of(table: Table, client: Client, operation: Operation, by: str = "") -> st.SearchStrategy[Any]:
    """Return valid items of an operation: those that `by` says, its own, its row class's, or identifiers."""
    kind = client.kind(operation, {"by": by})
    if by in table.items:
        return table.items[by]
    name = kind.row.__name__ if isinstance(kind, Rows) else "str"
    return table.items[operation.name if operation.name in table.items else name]
