"""Every operation of every vendor blocks as it should, and every vendor's blocking client has its types.

No vendor is named here, and the sixth one blocks without a line about it anywhere.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from scripted_vendors import Golden, Scripted, Table, differences
from tables import EVERY, every_golden, operation_of

import netaudience
from netaudience import Delivered, Report, sync
from netaudience.client import Client
from netaudience.sync import BlockingClient
from netaudience.vendors import clients


def blocking(client: Client) -> Any:
    """Make a client block that a vendor's table has made."""
    client.__class__ = type(type(client).__name__, (BlockingClient, type(client)), {})
    client._transport = client.authorized(client._opened)
    return client


def carried(table: Table, golden: Golden, *answers: Any) -> tuple[Any, Scripted]:
    made, transport = table.make(*answers)
    return blocking(made), transport


@pytest.mark.parametrize(("table", "golden"), every_golden())
def test_the_request_is_the_golden_one_and_the_answer_is_returned(table: Table, golden: Golden) -> None:
    client, transport = carried(table, golden, *golden.responses)
    with client:
        ask = getattr(client, golden.operation)
        given = ask(*golden.arguments, **golden.options)
        if operation_of(table, golden).shape == "pages":
            # The example of a vendor whose pages only begin in its documents is its first page.
            given = list(given) if type(golden) is Golden else next(given.pages())
    steps = zip(golden.steps, transport.sent, strict=True)
    assert [differences(step, sent, table.headers) for step, sent in steps] == [{}] * len(golden.steps)
    if isinstance(given, Report):
        wanted = len(golden.arguments[0])
        assert (given.items, given.delivered, given.requests) == (wanted, wanted, 1)
    else:
        assert given == golden.reads


@pytest.mark.parametrize(("table", "golden"), every_golden("call"))
def test_a_call_for_each_item_sends_the_same_and_keeps_the_answer(table: Table, golden: Golden) -> None:
    client, transport = carried(table, golden, golden.response, golden.response)
    items = [golden.arguments[0], golden.arguments[0]]
    with client, getattr(client, golden.operation).each.outcomes(items, **golden.options) as outcomes:
        settled = list(outcomes)
    assert [differences(golden, sent, table.headers) for sent in transport.sent] == [{}, {}]
    assert sorted(settled, key=lambda outcome: outcome.position) == [
        Delivered(position, item, golden.reads) for position, item in enumerate(items)
    ]


def test_every_vendor_has_a_blocking_client_and_its_types() -> None:
    tree = ast.parse(inspect.getsource(sync))
    typed = {
        node.name: [ast.unparse(base) for base in node.bases]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert typed == {
        client.__name__: ["BlockingClient", f"{client.slug}.{client.__name__}"] for client in clients()
    }
    checked = (Path(__file__).parent.parent / "typing" / "right_sync.py").read_text(encoding="utf-8")
    for name in typed:
        assert name in sync.__all__
        assert f": {name}) -> None:" in checked, "its types are not checked"


@pytest.mark.parametrize("vendor", clients(), ids=lambda vendor: vendor.slug)
def test_a_blocking_client_is_the_vendors_with_the_same_arguments(vendor: type[Client]) -> None:
    made: type[BlockingClient] = getattr(sync, vendor.__name__)
    assert issubclass(made, vendor)
    assert getattr(sync, vendor.__name__) is made
    assert made.__name__ == vendor.__name__
    assert made.__module__ == "netaudience.sync"
    assert inspect.signature(made) == inspect.signature(vendor)
    assert made.operations() == vendor.operations()


def test_what_there_is_not_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchClient'"):
        sync.NoSuchClient  # type: ignore[attr-defined]  # noqa: B018 - there is none


def test_the_tables_are_of_all_vendors() -> None:
    assert {table.vendor for table in EVERY} > set(clients())
    assert not issubclass(netaudience.NetmeraClient, BlockingClient)
