"""Every operation obeys the timeout that the user has set, and no figure is taken that is none."""

import asyncio
import contextlib
import math

import attrs
import pytest
from fuzzing import Answers
from tables import every_golden

from netaudience import ConfigurationError, NetaudienceError, RetryPolicy, Settings


class Watching(Answers):
    def __init__(self):
        super().__init__(0)
        self.timeouts = []

    async def send(self, request, /):
        self.timeouts.append((request.timeout, request.max_answer_bytes))
        return await super().send(request)


@pytest.mark.parametrize(("table", "golden"), every_golden())
def test_every_operation_obeys_the_timeout(table, golden):
    transport = Watching()
    transport.good = golden.answer.encode()
    client, _ = table.make()
    client.settings = attrs.evolve(client.settings, timeout=1.25, max_answer_bytes=1234)
    client._transport = client.authorized(transport)

    async def go():
        with contextlib.suppress(NetaudienceError, TimeoutError):
            await asyncio.wait_for(golden.carry(client), 5)

    asyncio.run(go())
    assert {seconds for seconds, _ in transport.timeouts} == {1.25}
    # The answers to a request for a token, and those of a host that takes a file, have bounds of their own.
    assert {most for _, most in transport.timeouts} <= {1234, 1_000_000}


@pytest.mark.parametrize(
    "name", ["rate", "in_flight", "max_rows", "max_bytes", "timeout", "max_answer_bytes", "deadline"]
)
@pytest.mark.parametrize("value", [math.nan, 0, -1, math.inf, -math.inf])
def test_settings_take_numbers_alone(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} must be a number of more than 0"):
        Settings(**{name: value})


@pytest.mark.parametrize("value", [math.nan, -0.1, 1, math.inf])
def test_a_reserve_is_a_share(value):
    with pytest.raises(ConfigurationError, match="reserve is a share"):
        Settings(reserve=value)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(RetryPolicy)])
@pytest.mark.parametrize("value", [math.nan, -1])
def test_patience_is_a_number(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} must be a number of at least 0"):
        RetryPolicy(**{name: value})
