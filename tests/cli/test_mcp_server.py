"""What an agent sees and does through the server, asked by the SDK's own client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from netaudience.cli import main
from netaudience.cli.mcp_server import make_server
from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox

PAGE = Path(__file__).parent.parent.parent / "docs" / "agents.md"
JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "{operation}"
{arguments}
[step.fields]
ext_id = "user_id"
"""
READS = {"operations", "plan", "runs", "summary", "rejects", "look_up", "who"}


@pytest.fixture
def jobs(tmp_path: Path, sandbox: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "users.csv").write_text("user_id\ncustomer-0001\ncustomer-0002\nNULL\n", encoding="utf-8")
    tag = JOB.format(operation="tag_users", arguments='arguments = { tag = "Gold" }')
    (tmp_path / "tag.toml").write_text(tag + '[guards]\nmax-rejected = "90%"\n', encoding="utf-8")
    (tmp_path / "no-source.toml").write_text(tag.replace("users.csv", "gone.csv"), encoding="utf-8")
    delete = JOB.format(operation="delete_users", arguments="")
    (tmp_path / "delete.toml").write_text(delete, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@asynccontextmanager
async def agent(folder: Path, **options: Any):
    async with Client(make_server(folder, **options)) as client:

        async def ask(tool: str, **arguments: object) -> dict[str, Any]:
            answer = await client.call_tool(tool, arguments)
            if answer.is_error:
                return {"error": answer.content[0].text}
            assert json.loads(answer.content[0].text) == answer.structured_content
            return answer.structured_content

        ask.client = client
        yield ask


@pytest.mark.asyncio
async def test_there_is_no_run_unless_somebody_may_approve_it(jobs):
    async with agent(jobs) as ask:
        assert {tool.name for tool in (await ask.client.list_tools()).tools} == READS
    async with agent(jobs, approvers=["ada"]) as ask:
        tools = {tool.name: tool for tool in (await ask.client.list_tools()).tools}
    assert tools.keys() == READS | {"run"}
    assert {name for name, tool in tools.items() if not tool.annotations.read_only_hint} == {"run"}
    assert all(tool.description for tool in tools.values())


@pytest.mark.asyncio
async def test_a_plan_is_approved_and_run_and_looked_at(jobs, sandbox):
    async with agent(jobs, approvers=["ada"]) as ask:
        plan = await ask("plan", job="tag.toml")
        assert (plan["rows"], plan["items"], plan["stops"]) == (3, 2, [])
        assert "customer-0001" not in json.dumps(plan)
        assert "…01" in json.dumps(plan["steps"][0]["sends"]["body"], ensure_ascii=False)
        told = await ask("run", job="tag.toml", plan=plan["digest"], approver="ada")
        assert (told["steps"][0]["delivered"], told["steps"][0]["rejected"]) == (2, 1)
        assert sandbox.netmera.users["customer-0001"].tags == {"Gold"}
        (run,) = (await ask("runs"))["runs"]
        assert (run["run"], run["delivered"], run["state"]) == (told["run"], 2, "finished")
        assert run == (await ask("runs", job="tag.toml"))["runs"][0]
        assert (await ask("summary"))["steps"] == told["steps"]
        approval = json.loads((Path(told["folder"]) / "approval.json").read_text(encoding="utf-8"))
        assert (approval["approver"], approval["plan"]) == ("ada", plan["digest"])


@pytest.mark.asyncio
@pytest.mark.parametrize("shown", [False, True])
async def test_values_are_masked_unless_they_may_be_shown(jobs, shown):
    assert (await Job.load("tag.toml").run(signals=False)).exit_code == 3
    async with agent(jobs, show_values=shown) as ask:
        (letter,) = (await ask("rejects"))["rejects"]
        assert (letter["position"], letter["by"], letter["row"]) == (
            3, "rule", {"user_id": "NULL"} if shown else {"user_id": "…"},
        )  # fmt: skip
        plan = json.dumps(await ask("plan", job="tag.toml"))
        assert ("customer-0001" in plan) is shown


@pytest.mark.asyncio
async def test_one_user_is_looked_up_and_masked(jobs, sandbox):
    sandbox.seed("iterable", {"users": [{"email": "ada@example.com", "dataFields": {"city": "London"}}]})
    who = {"vendor": "iterable", "operation": "get_user", "user": "ada@example.com"}
    async with agent(jobs) as ask:
        masked = await ask("look_up", **who)
        assert masked["found"]
        assert "ada@example.com" not in json.dumps(masked)
        assert "London" not in json.dumps(masked)
        empty = await ask("look_up", **{**who, "user": "nobody@example.com"})
        assert empty == {"found": True, "answer": {}}  # as Iterable answers of nobody
        nobody = await ask("look_up", vendor="moengage", operation="export_users", user="nobody")
        assert nobody == {"found": False}
    async with agent(jobs, show_values=True) as ask:
        assert "London" in json.dumps(await ask("look_up", **who))


@pytest.mark.asyncio
@pytest.mark.parametrize("shown", [False, True])
async def test_one_person_is_looked_up_everywhere_with_what_was_last_sent(jobs, shown):
    await Job.load(jobs / "tag.toml").run(signals=False)
    async with agent(jobs, show_values=shown) as ask:
        told = (await ask("who", id="customer-0001", email="ada@example.com", vendor="netmera"))["told"]
        assert {one["about"] for one in told} == {"profile", "devices", "categories", "sent"}
        assert ("customer-0001" in json.dumps(told)) is shown
        assert "ada@example.com" not in json.dumps(told)
        (sent,) = (one for one in told if one["about"] == "sent")
        assert (sent["operation"], sent["arguments"], sent["outcome"]) == (
            "tag_users",
            {"tag": "Gold"},
            "delivered",
        )
        (missed,) = [one for one in (await ask("who", id="NULL", vendor="netmera"))["told"] if "by" in one]
        assert (missed["about"], missed["by"]) == ("undelivered", "rule")
        assert "Say who is meant" in (await ask("who"))["error"]
        assert "There is no vendor" in (await ask("who", id="a", vendor="nobody"))["error"]


@pytest.mark.asyncio
async def test_operations_are_told(jobs):
    async with agent(jobs) as ask:
        rows = (await ask("operations", vendor="netmera"))["operations"]
        assert {"vendor", "operation", "summary"} <= rows[0].keys()
        assert [row["danger"] for row in rows if row["operation"] == "delete_users_permanently"] == [
            "cannot be undone"
        ]
        (whole,) = (await ask("operations", vendor="netmera", operation="tag-users"))["operations"]
        assert whole["limit"]["keys"]["value"] == 1000


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("plan", {"job": "../tag.toml"}, "not in the server's folder"),
        ("plan", {"job": "/etc/passwd"}, "not in the server's folder"),
        ("plan", {"job": "missing.toml"}, "missing.toml: the job file cannot be read"),
        ("plan", {"job": "no-source.toml"}, "gone.csv"),
        ("summary", {"run": "../../etc"}, "named by its id"),
        ("summary", {}, "There are no runs here"),
        ("operations", {"vendor": "acme"}, "There is no vendor 'acme'"),
        ("operations", {"vendor": "netmera", "operation": "x"}, "There is no operation 'x'"),
        ("look_up", {"vendor": "netmera", "operation": "tag_users", "user": "u"}, "get_profile_attributes"),
        (
            "look_up",
            {"vendor": "netmera", "operation": "get_devices", "user": "u", "arguments": {"tag": 1}},
            "has no argument 'tag'",
        ),
        ("run", {"job": "tag.toml", "plan": "abc", "approver": "eve"}, "Nobody of that name"),
        ("run", {"job": "tag.toml", "plan": " ", "approver": "ada"}, "takes its digest"),
        ("run", {"job": "tag.toml", "plan": "abc", "approver": "ada"}, "plan"),
    ],
)
async def test_what_is_refused_is_told_in_a_sentence_and_nothing_is_sent(
    jobs, sandbox, tool, arguments, words
):
    async with agent(jobs, approvers=["ada"]) as ask:
        told = (await ask(tool, **arguments))["error"]
    assert words in told
    assert str(jobs) not in told
    assert "Traceback" not in told
    assert not sandbox.ledger.requests


@pytest.mark.asyncio
async def test_a_job_that_loses_data_is_for_the_command(jobs, sandbox):
    async with agent(jobs, approvers=["ada"]) as ask:
        plan = await ask("plan", job="delete.toml")
        told = (await ask("run", job="delete.toml", plan=plan["digest"], approver="ada"))["error"]
    assert "--yes" in told
    assert not sandbox.ledger.requests


@pytest.mark.slow  # a process that imports all of it
@pytest.mark.asyncio
async def test_over_standard_input_and_output(jobs, sandbox):
    environment = {**sandbox.environment(), "PYTHONWARNINGS": "error"}
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "netaudience", "mcp", "--folder", str(jobs), "--approver", "ada"],
        env=environment,
        cwd=str(jobs),
    )
    async with Client(command) as client:
        plan = (await client.call_tool("plan", {"job": "tag.toml"})).structured_content
        assert plan["items"] == 2
        told = await client.call_tool("run", {"job": "tag.toml", "plan": plan["digest"], "approver": "ada"})
        assert told.structured_content["steps"][0]["delivered"] == 2
    assert sandbox.netmera.users["customer-0002"].tags == {"Gold"}


@pytest.mark.slow
def test_the_page_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split("```python\n")[1].split("```")[0]
    command = [sys.executable, "-c", shown]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert re.fullmatch(r"\d+ operations\n", told)
    settings = json.loads(text.split("```json\n")[1].split("```")[0])
    assert settings["mcpServers"]["netaudience"]["args"][0] == "mcp"
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*?\|", text, re.MULTILINE)))
    assert {*named} == READS | {"run"}


def test_it_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    monkeypatch.delitem(sys.modules, "netaudience.cli.mcp_server", raising=False)
    assert main(["mcp"]) == 2
    assert "pip install 'netaudience[mcp]'" in capsys.readouterr().err
