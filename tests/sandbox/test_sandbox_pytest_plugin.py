"""The pytest plugin in a project of its own: for sync and async tests, with no other plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

import netaudience.sandbox

pytest_plugins = ["pytester"]

PLUGIN = "netaudience.sandbox.pytest_plugin"

SYNC = """
    import json
    import urllib.request

    def send(sandbox, ids):
        return urllib.request.urlopen(urllib.request.Request(
            sandbox.url("netmera") + "/rest/3.0/tagUsers",
            json.dumps({"tag": "Sport", "extIds": ids}).encode(),
            {"X-netmera-api-key": "sandbox", "Content-Type": "application/json"},
        ), timeout=5)

    def test_tagging(netaudience_sandbox):
        with send(netaudience_sandbox, ["id1"]) as response:
            assert (response.status, response.read()) == (200, b"")
        assert netaudience_sandbox.check("netmera", "tagUsers", ["id1"]).ok
        assert netaudience_sandbox.netmera.users["id1"].tags == {"Sport"}
        assert len(netaudience_sandbox.ledger.requests) == 1
        netaudience_sandbox.reset()
        assert netaudience_sandbox.netmera.users == {}
        netaudience_sandbox.seed("clevertap", {"demerged": ["a"]})
        assert netaudience_sandbox.clevertap.demerged == {"a"}

    def test_every_test_has_its_own(netaudience_sandbox):
        assert netaudience_sandbox.netmera.users == {}
        netaudience_sandbox.set_faults("status=503")
        try:
            send(netaudience_sandbox, ["id1"])
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 503
        else:
            raise AssertionError
"""

ASYNC = """
    import aiohttp
    import pytest

    @pytest.mark.asyncio
    async def test_tagging(netaudience_sandbox):
        url = netaudience_sandbox.url("netmera") + "/rest/3.0/tagUsers"
        async with aiohttp.ClientSession(headers={"X-netmera-api-key": "sandbox"}) as session:
            async with session.post(url, json={"tag": "Sport", "extIds": ["id1"]}) as response:
                assert response.status == 200
        assert netaudience_sandbox.check("netmera", "tagUsers", ["id1"]).ok
"""

CONFTEST = """
    import pytest
    from netaudience.sandbox import Sandbox, SandboxLimits

    @pytest.fixture
    def make_netaudience_sandbox():
        return lambda: Sandbox(limits={"netmera": SandboxLimits.rate(1)}, demo=True)
"""


@pytest.fixture
def bare(pytester, monkeypatch):
    """A project whose pytest loads only the plugins that it names."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # The package may be run from its checkout, without having been installed.
    monkeypatch.setenv("PYTHONPATH", str(Path(netaudience.sandbox.__file__).parents[2]))
    return pytester


def _run(pytester, *options):
    return pytester.runpytest_subprocess("-p", PLUGIN, "-W", "error", *options)


def test_sync_tests_need_no_asyncio_plugin(bare):
    bare.makepyfile(SYNC)
    _run(bare).assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_async_tests_in_both_modes(bare, mode):
    bare.makepyfile(ASYNC)
    scope = "-o", "asyncio_default_fixture_loop_scope=function"
    _run(bare, "-p", "pytest_asyncio.plugin", f"--asyncio-mode={mode}", *scope).assert_outcomes(passed=1)


def test_the_sandbox_is_configured_by_overriding_a_fixture(bare):
    bare.makeconftest(CONFTEST)
    bare.makepyfile("""
        def test_demo(netaudience_sandbox):
            assert "id1" in netaudience_sandbox.netmera.users
    """)
    _run(bare).assert_outcomes(passed=1)


def test_a_project_that_does_not_use_it_pays_no_server(bare):
    bare.makepyfile("""
        import sys

        def test_unused():
            assert "netaudience.sandbox.server" not in sys.modules
            assert "netaudience.sandbox.netmera" not in sys.modules
    """)
    _run(bare).assert_outcomes(passed=1)
