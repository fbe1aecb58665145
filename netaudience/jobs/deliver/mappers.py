"""What makes the items of a step's rows: what is read of a source for them, and what is made of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from netaudience.jobs.columns.projection import projector
from netaudience.jobs.columns.selection import Selection
from netaudience.jobs.extract.page import Page
from netaudience.jobs.map.items import MappedPage, make_removals, mapped, mapper
from netaudience.model.kinds import Kind
from netaudience.operations.dispatch import Operation

if TYPE_CHECKING:
    from netaudience.jobs.deliver.prepare import Prepared


def mapper_of(prepared: Prepared) -> Callable[[Page], MappedPage]:
    """Return what makes items of a page of a step's rows."""
    return mapper(prepared.step, _kind(prepared), prepared.operation.facts.docs)


def removal_mapper_of(prepared: Prepared, operation: Operation) -> Callable[[Page], MappedPage]:
    """Return what makes items of a page of rows that are taken back."""
    step = prepared.step
    kind = prepared.kind(operation, step.removal_arguments)
    return lambda page: mapped(page, *make_removals(page, step, operation, kind))


def selection_of_items(prepared: Prepared) -> Selection:
    """Return what a step reads to send it: most items are made in SQL, and nobody asks for hashes."""
    item = projector(prepared.step, _kind(prepared))
    return attrs.evolve(prepared.selection(), hashed=False, item=item, whole=True)


def _kind(prepared: Prepared) -> Kind:
    return prepared.kind(prepared.operation, prepared.step.arguments)
