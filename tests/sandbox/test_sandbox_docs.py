"""The page about the sandbox says what is so: its test passes, its faults and routes are all there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from netaudience.sandbox import Sandbox
from netaudience.sandbox.admin import Admin
from netaudience.sandbox.faults import KINDS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_pages_test_passes(tmp_path):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "test_page.py").write_text(block, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = strict\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "1 passed" in ended.stdout, ended.stdout


@pytest.mark.asyncio
async def test_the_pages_request_defines_an_attribute(running):
    (body,) = re.findall(r"/_sandbox/state/netmera --data '(.*)'", PAGE)
    async with running(demo=True) as box:
        assert (await box.send("POST", "/_sandbox/state/netmera", data=body)).status == 200
        assert box.sandbox.netmera.attribute("joined").data_type == "DATE"


def test_every_kind_of_fault_is_on_the_page():
    table = PAGE.partition("## Faults")[2].partition("## Over")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [kind for row in rows for kind in re.findall(r"`([\w-]+)`", row)] == list(KINDS)


def test_every_route_is_on_the_page():
    app = web.Application()
    Admin(Sandbox()).mount(app)
    routes = {(route.method, route.resource.canonical) for route in app.router.routes()} - {("HEAD", "")}
    shown = set(re.findall(r"^\| `(GET|POST) (\S+)`", PAGE, re.MULTILINE))
    assert shown == {route for route in routes if route[0] != "HEAD"}
