"""A pytest plugin: `netaudience_sandbox` is a running sandbox, for sync and async tests alike.

The server runs in a thread with a loop of its own, so no asyncio plugin is needed, and none is
disturbed::

    async def test_tagging(netaudience_sandbox):
        async with NetmeraClient("sandbox", base_url=netaudience_sandbox.url("netmera")) as netmera:
            await netmera.tag_users(["id1", "id2"], tag="Sport")
        assert netaudience_sandbox.check("netmera", "tagUsers", ["id1", "id2"]).ok
        assert netaudience_sandbox.netmera.users["id1"].tags == {"Sport"}

    def test_a_busy_vendor(netaudience_sandbox):
        netaudience_sandbox.set_faults("status=503,first=2", "latency=0.01")

Every test gets a fresh sandbox with an empty state. Limits, credentials and the rest are those of
the `Sandbox` that the fixture `make_netaudience_sandbox` makes; override it in a conftest::

    @pytest.fixture
    def make_netaudience_sandbox():
        return lambda: Sandbox(limits={"netmera": SandboxLimits.rate(10)})

The package's entry point loads it. Where autoloading of plugins is off, `-p
netaudience.sandbox.pytest_plugin` does; never both, because pytest refuses a plugin that comes
under two names. No server is imported until a test asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from netaudience.sandbox.background import BackgroundSandbox
    from netaudience.sandbox.server import Sandbox


@pytest.fixture
def make_netaudience_sandbox() -> Callable[[], Sandbox]:
    """How `netaudience_sandbox` makes its sandbox; override it to configure one."""
    from netaudience.sandbox.server import Sandbox  # noqa: PLC0415 - only for those who use it

    return Sandbox


@pytest.fixture
def netaudience_sandbox(
    make_netaudience_sandbox: Callable[[], Sandbox],
) -> Iterator[BackgroundSandbox]:
    """A running sandbox with an empty state."""
    from netaudience.sandbox.background import BackgroundSandbox  # noqa: PLC0415 - as above

    with BackgroundSandbox(make_netaudience_sandbox()) as sandbox:
        yield sandbox
