"""The page's own code blocks, run against the sandbox with every warning as an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "web.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block {number}" for number in range(len(BLOCKS))])
def test_a_block_runs_as_it_stands(code, netaudience_sandbox, tmp_path) -> None:
    netaudience_sandbox.seed("netmera", {"users": [{"extId": "id1"}]})
    environment = {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": netaudience_sandbox.url("netmera"),
        "PYTHONPATH": str(PAGE.parent.parent),
    }
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
