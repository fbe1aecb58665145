"""An operation looks like itself to `help`, `inspect.signature` and completion, in both kinds of client."""

from __future__ import annotations

import inspect
import pydoc
from typing import Any

import pytest
from scripted_vendors import Golden, Table
from tables import EVERY, every_golden, every_operation
from test_contract_sync import blocking

from netaudience.client import _MACHINERY
from netaudience.engine.run import Run
from netaudience.operations.blocking import BlockingBatch
from netaudience.operations.bound import BoundBatch, BoundCall
from netaudience.operations.dispatch import ClientPort, Operation
from netaudience.outcomes import Report

RETURNS = {"batch": (Run, Report)}


@pytest.mark.parametrize(("table", "operation"), every_operation())
def test_an_operation_shows_its_own_name_words_and_arguments(table: Table, operation: Operation) -> None:
    for at, client in enumerate([table.make()[0], blocking(table.make()[0])]):
        bound: Any = getattr(client, operation.name)
        shown = inspect.signature(bound)
        assert list(shown.parameters.values()) == list(operation.signature.parameters.values())
        if operation.signature.return_annotation is not inspect.Signature.empty:
            assert shown.return_annotation is not inspect.Signature.empty
        if operation.shape in RETURNS:
            assert shown.return_annotation is RETURNS[operation.shape][at]
        assert (bound.__name__, bound.__doc__) == (operation.name, operation.__doc__)
        told = pydoc.render_doc(bound, renderer=pydoc.plaintext)  # type: ignore[arg-type, unused-ignore]
        assert f"{operation.name}(" in told
        assert (inspect.getdoc(operation) or "").partition("\n")[0] in told


@pytest.mark.parametrize(("table", "golden"), every_golden("batch"))
def test_what_was_given_is_asked_for_no_more(table: Table, golden: Golden) -> None:
    bound = getattr(table.make()[0], golden.operation).given(**golden.options)
    assert not golden.options.keys() & inspect.signature(bound).parameters.keys()


def test_the_classes_of_bound_operations_still_speak_for_themselves() -> None:
    for bound in (BoundBatch, BoundCall, BlockingBatch):
        assert "operation" in (bound.__doc__ or "") or "call" in (bound.__doc__ or "")
        assert "host" in inspect.signature(bound).parameters
        assert bound.__name__.startswith("B")


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.vendor.slug)
def test_a_client_lists_what_a_user_calls(table: Table) -> None:
    client = table.make()[0]
    listed = {name for name in dir(client) if not name.startswith("_")}
    assert set(client.operations()) <= listed
    assert {"aclose", "with_options", "batcher", "settings", "outage", "from_environment"} <= listed
    assert not listed & _MACHINERY
    asked = {name for name in vars(ClientPort) if not name.startswith("_")} - {"account"}
    assert asked <= _MACHINERY, "what an operation asks of its client is no user's business"
