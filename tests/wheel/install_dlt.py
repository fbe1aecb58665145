"""The extra `dlt`: a pipeline's table is the source of a job."""

from os import environ
from pathlib import Path

import dlt
from command import JOB

from netaudience.jobs.dlt import destination
from netaudience.sandbox import BackgroundSandbox, Sandbox

Path("job.toml").write_text(JOB.format(source="nothing.csv"), encoding="utf-8")
with BackgroundSandbox(Sandbox()) as sandbox:
    environ.update(sandbox.environment())
    pipeline = dlt.pipeline("audience", pipelines_dir="dlt", destination=destination({"people": "job.toml"}))
    pipeline.run([{"id": "007"}, {"id": "id2"}], table_name="people")
    assert sandbox.check("netmera", "tag_users", ["007", "id2"]).ok
