"""A format that no reader knew is read by a job, by the end of its name."""

import asyncio
import os
from pathlib import Path

from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox

CARDS = "BEGIN:VCARD\r\nUID:{}\r\nFN:Ayşe\r\nEMAIL;TYPE=work:a@example.com\r\nEND:VCARD\r\n"
JOB = """
[source]
files = "users.vcf"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
[step.fields]
ext_id = "uid"
"profile.name" = "fn"
"""
Path("users.vcf").write_text(CARDS.format("007") + CARDS.format("1042"), encoding="utf-8")
Path("job.toml").write_text(JOB, encoding="utf-8")
with BackgroundSandbox() as sandbox:
    os.environ |= sandbox.environment()
    job = Job.load("job.toml")
    assert asyncio.run(job.run()).ok
    assert set(sandbox.netmera.users) == {"007", "1042"}
    assert sandbox.netmera.users["007"].profile["name"] == "Ayşe"
