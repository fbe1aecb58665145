"""The page about what can be seen: its code runs, its tables are whole, its examples print what they show."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from netaudience import events
from netaudience.integrations import opentelemetry, prometheus

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "observability.md").read_text(encoding="utf-8")
EXAMPLES = DOCS / "examples" / "observability"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

#: The job that the page speaks of.
JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Gold" }
fields = { ext_id = "user_id" }
"""


@pytest.fixture
def python(netaudience_sandbox, monkeypatch, tmp_path):
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "sandbox")
    monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", netaudience_sandbox.url("netmera"))
    (tmp_path / "users.csv").write_text("user_id\nid1\n", encoding="utf-8")
    (tmp_path / "job.toml").write_text(JOB, encoding="utf-8")

    def python(*arguments):
        command = [sys.executable, "-W", "error", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done

    return python


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block {number}" for number in range(len(BLOCKS))])
def test_a_block_of_python_runs_as_it_stands(code, python):
    python("-c", code)


def test_the_example_prints_the_tree_that_is_drawn(python):
    lines = [line.split() for line in python(EXAMPLES / "spans.py").stdout.splitlines()]
    assert len({trace for trace, *_ in lines}) == 1
    names = [name for _, _, name, *_ in lines]
    run, call = ["netaudience.request", "netaudience.chunk", "netaudience.run"], ["netaudience.request"]
    assert names == [*run, *call, "netaudience.run", "POST"]
    assert "id1" not in str(lines)


def test_the_log_is_written_as_it_is_shown(python):
    (line,) = python(EXAMPLES / "json_log.py").stderr.splitlines()
    assert line in PAGE
    assert json.loads(line)["wait_seconds"] == 1.5


def test_every_metric_and_event_is_in_a_table():
    registry = CollectorRegistry()
    prometheus.PrometheusMetrics(registry)
    named = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in registry.collect()
    }
    source = Path(opentelemetry.__file__).read_text(encoding="utf-8")
    named |= set(re.findall(r'"((?:http\.client|netaudience\.)[\w.]+)",\n? *"(?:s|1|\{\w+\})"', source))
    named |= {name for name in events.__all__ if name[0].isupper()} - {"Event", "Hook"}
    assert len(named) == 10 + 8 + 7
    assert [name for name in named if f"`{name}`" not in PAGE] == []
