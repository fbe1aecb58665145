"""A sixth vendor is sent to, by program, by command, by a job and without an event loop, and is listed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import netaudience
from netaudience import sync
from netaudience.cli import main
from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox

JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "acme"
operation = "tag_users"
arguments = { tag = "Job" }
[step.fields]
user_id = "id"
"""


async def tag() -> None:
    async with netaudience.AcmeClient.from_environment() as acme:
        report = await acme.tag_users([f"id{n}" for n in range(250)], tag="Sport")
    assert (report.delivered, report.requests) == (250, 3)  # 100 users in a request


Path("users.csv").write_text("id\n1\n2\n", encoding="utf-8")
Path("job.toml").write_text(JOB, encoding="utf-8")
with BackgroundSandbox() as sandbox:
    os.environ |= sandbox.environment()
    asyncio.run(tag())
    with sync.AcmeClient.from_environment() as acme:
        assert acme.tag_users(["a"], tag="Sport").ok
    assert main(["acme", "tag-users", "--tag", "Command", "--item", "b", "--quiet"]) == 0
    assert asyncio.run(Job.load("job.toml").run()).ok
    tags = sandbox._sandbox.vendors["acme"].tags
    assert (tags["id249"], tags["a"], tags["b"], tags["2"]) == ({"Sport"}, {"Sport"}, {"Command"}, {"Job"})
    assert len(tags) == 254
command = [sys.executable, "-m", "netaudience", "operations", "--markdown"]
page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
assert "## acme (1)" in page
assert "rows 100 (documented)" in page
