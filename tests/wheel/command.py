"""What the checks of the extras share: the installed command, and a job over a source."""

import json
import subprocess
import sys
from pathlib import Path

from netaudience.sandbox import BackgroundSandbox, Sandbox

JOB = """
[source]
files = ["{source}"]
key = "id"

[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = {{ tag = "Sport" }}

[step.fields]
ext_id = "id"
"""


def netaudience(*words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command, which must end with this exit code."""
    command = [str(Path(sys.executable).parent / "netaudience"), *words]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environment}
    )
    assert ended.returncode == code, (words, ended)
    return ended


def run_job(source: str, keys: list[str], *flags: str, **environment: str) -> Path:
    """Run a job over a source; the sandbox has seen these keys. Return the run's folder."""
    Path("job.toml").write_text(JOB.format(source=source), encoding="utf-8")
    with BackgroundSandbox(Sandbox()) as sandbox:
        netaudience(
            "run",
            "job.toml",
            *flags,
            NETAUDIENCE_NETMERA_API_KEY="sandbox",
            NETAUDIENCE_NETMERA_BASE_URL=sandbox.url("netmera"),
            **environment,
        )
        assert sandbox.check("netmera", "tag_users", keys).ok
    (summary,) = Path(".netaudience").rglob("summary.json")
    assert json.loads(summary.read_text(encoding="utf-8"))["steps"][0]["delivered"] == len(keys)
    return summary.parent
