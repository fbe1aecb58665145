"""The examples of what starts a job: read by the tools that would start it, or held to what they promise."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "examples" / "deploy"


def read(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def test_the_image_is_small_and_not_roots():
    lines = read("Dockerfile").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001"]
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2  # the build tools stay behind
    assert all("-slim" in line for line in stages)
    assert not re.search(r"(?i)(key|secret|token|passcode)\s*=", "\n".join(lines))
    copied: list[str] = []
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            copied += line.split()[1:-1]
    kept = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert set(copied) == kept
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("unit", ["netaudience.service", "netaudience.timer"])
def test_systemd_reads_the_unit(unit, tmp_path):
    for path in DEPLOY.glob("netaudience.*"):
        text = path.read_text(encoding="utf-8").replace("/opt/netaudience/bin/netaudience", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert unit not in told, told


def test_the_line_for_cron_has_its_seven_parts():
    lines = read("docs", "examples", "deploy", "crontab").splitlines()
    variable, line = (line for line in lines if not line.startswith("#"))
    assert re.fullmatch(r"NETAUDIENCE_NETMERA_API_KEY_FILE=/\S+", variable)
    assert re.fullmatch(r"0 3 \* \* \* netaudience cd \S+ && \S+/netaudience run job\.toml --quiet", line)


def test_the_cron_job_of_kubernetes_runs_once_without_rights_and_reads_its_secret_from_a_file():
    cron = yaml.safe_load(read("docs", "examples", "deploy", "cronjob.yaml"))
    assert (cron["apiVersion"], cron["kind"]) == ("batch/v1", "CronJob")
    spec = cron["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    (variable,) = container["env"]
    secret = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "netmera")
    assert variable["name"].endswith("_FILE")
    assert variable["value"].startswith(f"{secret}/")


def test_the_action_takes_no_input_into_a_script():
    action = yaml.safe_load(read("docs", "examples", "github-action", "action.yml"))
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert any("netaudience" in script for script in scripts)
    assert not any("${{" in script for script in scripts)  # an input's text would be run
    assert any("plan" in script and "--markdown" in script for script in scripts)
    assert all(step["shell"] == "bash" for step in action["runs"]["steps"] if "run" in step)


def test_whatever_is_to_be_installed_has_the_extras_that_are_asked_for():
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    asked: dict[str, str] = {}
    for name in listed.splitlines():
        if name.endswith((".md", ".yml", ".py")) or name == "Dockerfile":
            for together in re.findall(r"(?:netaudience|['\"]\.)\[([a-z][a-z,-]*)\]", read(name)):
                asked |= dict.fromkeys(together.split(","), name)
    assert "cli" in asked
    assert not {extra: name for extra, name in asked.items() if extra not in extras}
