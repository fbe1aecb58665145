"""What is sent is what the vendors' pages show, to the letter; what they answer is read whole.

No vendor is named here: the golden requests are those of the tables.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from scripted_vendors import Golden, Table, differences
from tables import every_golden, operation_of

from netaudience import Delivered, Report


@pytest.mark.parametrize(("table", "golden"), every_golden())
@pytest.mark.asyncio
async def test_the_request_is_the_golden_one_and_the_answer_is_read(table: Table, golden: Golden) -> None:
    client, transport = table.make(*golden.responses)
    given = await golden.carry(client)
    steps = zip(golden.steps, transport.sent, strict=True)
    assert [differences(step, sent, table.headers) for step, sent in steps] == [{}] * len(golden.steps)
    if isinstance(given, Report):
        wanted = len(golden.arguments[0])
        assert (given.items, given.delivered, given.requests) == (wanted, wanted, 1)
        assert given.acknowledges == operation_of(table, golden).facts.acknowledges
    else:
        assert given == golden.reads


@pytest.mark.parametrize(("table", "golden"), every_golden("call"))
@pytest.mark.asyncio
async def test_a_call_for_each_item_sends_the_same_and_keeps_the_answer(table: Table, golden: Golden) -> None:
    client, transport = table.make(golden.response, golden.response)
    items = [golden.arguments[0], golden.arguments[0]]
    async with getattr(client, golden.operation).each(items, **golden.options) as outcomes:
        settled = [outcome async for outcome in outcomes]
    assert [differences(golden, sent, table.headers) for sent in transport.sent] == [{}, {}]
    assert sorted(settled, key=lambda outcome: outcome.position) == [
        Delivered(position, item, golden.reads) for position, item in enumerate(items)
    ]


@pytest.mark.parametrize(("table", "golden"), every_golden())
def test_method_and_path_are_the_descriptors(table: Table, golden: Golden) -> None:
    facts = operation_of(table, golden).facts
    template = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(facts.path))
    assert golden.method == facts.method
    assert re.fullmatch(template, urlsplit(golden.url).path)
