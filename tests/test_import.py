"""What `import netaudience` loads, and what it leaves for those who need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import netaudience


@pytest.mark.parametrize(
    "module",
    [
        "aiolimiter",
        "backoff",
        "cattrs",
        "netaudience.operations.blocking",
        "netaudience.operations.batch_router",
        "netaudience.model.merging",
        "netaudience.engine.batcher",
        "netaudience.engine.journal",
        "netaudience.engine.loop_thread",
        "netaudience.engine.notifier",
        "netaudience.events",
        "netaudience.vendors",
        "sqlite3",
        "yaml",
    ],
)
def test_what_not_every_program_needs_is_not_loaded_at_its_start(module, loaded):
    assert module not in loaded
    assert "netaudience.engine.pipeline" in loaded


@pytest.mark.parametrize("module", ["aiohttp", "attrs", "orjson", "netaudience.client", "netaudience.errors"])
def test_the_package_alone_loads_nothing(module):
    code = "import sys, netaudience; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert module not in told.split()


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Return the modules of a fresh interpreter after the import."""
    code = "import sys; from netaudience import Client, Run; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(told.split())


def test_every_public_name_is_there():
    code = (
        "import netaudience\n"
        "assert set(netaudience.__all__) <= set(dir(netaudience))\n"
        "for name in netaudience.__all__: getattr(netaudience, name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["Batchers", "NoSuchClient"])
def test_a_name_that_nobody_has_is_told(name):
    with pytest.raises(AttributeError, match=f"module 'netaudience' has no attribute '{name}'"):
        getattr(netaudience, name)
