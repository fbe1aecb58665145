"""The report's table of rows has one more count: how many rows waited for an earlier one of their user."""

import asyncio
import os
import re
from pathlib import Path

from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox

JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
max_rows = 1
[step.fields]
ext_id = "id"
"profile.n" = "n"
"""
Path("users.csv").write_text("id,n\n1,1\n1,2\n1,3\n2,1\n", encoding="utf-8")
Path("job.toml").write_text(JOB, encoding="utf-8")
with BackgroundSandbox() as sandbox:
    os.environ |= sandbox.environment()
    summary = asyncio.run(Job.load("job.toml").run())
waited = summary.steps[0].in_turn
assert waited
page = (Path(summary.folder) / "report.html").read_text(encoding="utf-8")
table = page[page.index("Rows by what became of them") :]
heads = re.findall(r"<th(?!ead)[^>]*>([^<]*)", table[: table.index("</thead>")])
assert "in turn" in heads, heads
cells = re.findall(r"<td[^>]*>([^<]*)", table)
assert cells[heads.index("in turn")] == str(waited), (heads, cells[: len(heads)])
