"""The extra `openlineage`: a run tells its start and its end to whoever the variables name."""

import json
from pathlib import Path

from command import run_job

Path("users.csv").write_text("id\n1\n2\n", encoding="utf-8")
Path("lineage.jsonl").unlink(missing_ok=True)
run_job(
    "users.csv",
    ["1", "2"],
    "--lineage",
    OPENLINEAGE__TRANSPORT__TYPE="file",
    OPENLINEAGE__TRANSPORT__LOG_FILE_PATH="lineage.jsonl",
    OPENLINEAGE__TRANSPORT__APPEND="true",
)
events = [json.loads(line) for line in Path("lineage.jsonl").read_text(encoding="utf-8").splitlines()]
assert [event["eventType"] for event in events] == ["START", "COMPLETE"], events
