"""A list of people to whom no step of a job sends anything: held back in every mode, counted, told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import NoReturn

import pytest
from job_runs import clients
from job_runs import run as run_job

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.sandbox import Fault, Sandbox, SandboxLimits
from netaudience.sandbox.moengage.state import Preference
from netaudience.settings import Settings
from netaudience.vendors import names as vendor_names

pytest.importorskip("duckdb")

FAST = {"netmera": SandboxLimits.rate(1000)}
HEAD = """
[source]
files = "{files}"
key = "user_id"

[suppression]
files = "optouts.csv"
match = {match}

[guards]
max_removals = "100%"
preflight = false

[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = {{ tag = "vip" }}
fields = {{ ext_id = "user_id" }}
"""
BY_ADDRESS = '{ email = "address" }'
MIRROR = 'mode = "mirror"\nremoval = "untag_users"\nremoval_arguments = { tag = "vip" }\n'
COUNT = 3000


def job(folder: Path, more: str = "", *, files: str = "users.csv", match: str = BY_ADDRESS) -> Job:
    rows = [
        {"user_id": f"id{n:04}", "email": f"Person{n}@Example.com" if n % 7 else None} for n in range(COUNT)
    ]
    if files.endswith("csv"):
        lines = [f"{row['user_id']},{row['email'] or ''}" for row in rows]
        (folder / files).write_text("\n".join(["user_id,email", *lines, ""]))
    else:
        (folder / files).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "job.toml").write_text(HEAD.format(files=files, match=match) + more)
    return Job.load(folder / "job.toml")


def opt_out(folder: Path, *numbers: int) -> None:
    lines = [f" person{number}@EXAMPLE.com ,id{number:04}" for number in numbers]
    (folder / "optouts.csv").write_text("\n".join(["address,id", *lines, ""]))


def tagged(sandbox: Sandbox) -> set[str]:
    return {name for name, user in sandbox.netmera.users.items() if "vip" in user.tags}


def names(*left_out: int) -> set[str]:
    return {f"id{number:04}" for number in range(COUNT) if number not in left_out}


def carried(folder: Path, *jobs: tuple[Job, tuple[int, ...]]):
    async def run():
        told = []
        async with Sandbox(limits=FAST) as sandbox:
            for one, numbers in jobs:
                opt_out(folder, *numbers)
                told.append((await run_job(one, sandbox), tagged(sandbox)))
        return told

    return asyncio.run(run())


@pytest.mark.parametrize("files", ["users.csv", "users.ndjson"])
@pytest.mark.parametrize("more", ["", 'mode = "changed-only"\n', MIRROR, "where = \"user_id <> 'id0000'\"\n"])
def test_nothing_is_sent_for_who_is_on_the_list(files: str, more: str, tmp_path: Path) -> None:
    one = job(tmp_path, more, files=files)
    ((summary, there),) = carried(tmp_path, (one, (1, 2, 2999)))
    assert there == names(1, 2, 2999, *([0] if "where" in more else []))
    (step,) = summary.steps
    assert step.delivered == len(there)
    assert any("3 rows of the source are theirs" in note for note in summary.notes)


def test_who_is_on_the_list_from_now_on_is_taken_out_by_a_mirror(tmp_path: Path) -> None:
    one = job(tmp_path, MIRROR)
    (_, before), (_, after), (_, later) = carried(tmp_path, (one, (1,)), (one, (1, 5)), (one, (5,)))
    assert (before, after, later) == (names(1), names(1, 5), names(5))


def test_a_row_is_held_back_where_one_of_several_columns_is_on_the_list(tmp_path: Path) -> None:
    one = job(tmp_path, match='{ email = "address", user_id = "id" }')
    ((_, there),) = carried(tmp_path, (one, (7, 8)))  # the seventh has no address
    assert there == names(7, 8)


def test_a_step_that_says_so_sends_all_the_same(tmp_path: Path) -> None:
    one = job(tmp_path, 'suppressed = "send"\n')
    ((_, there),) = carried(tmp_path, (one, (1,)))
    assert there == names()


def test_a_plan_counts_as_a_run_does(tmp_path: Path) -> None:
    one = job(tmp_path)
    opt_out(tmp_path, 1, 2)
    plan = one.plan()
    assert plan.steps[0].sends.items == COUNT - 2
    assert any("2 people to whom nothing is sent: 2 rows" in note for note in plan.notes)
    digest = plan.digest
    opt_out(tmp_path, 1, 3)
    assert one.plan().digest != digest


@pytest.mark.parametrize(
    ("text", "told"),
    [("address,id\n", "holds nobody"), ("other\nx\n", "address"), (None, "optouts.csv")],
)
def test_a_list_that_cannot_be_meant_stops_the_run(text: str | None, told: str, tmp_path: Path) -> None:
    one = job(tmp_path)
    if text is not None:
        (tmp_path / "optouts.csv").write_text(text)

    async def run() -> int:
        async with Sandbox(limits=FAST) as sandbox:
            with pytest.raises(ConfigurationError, match=told):
                await one.run(client_factory=clients(sandbox), signals=False, report=False)
            return sandbox.check("netmera", "tag_users").applications

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('files = "optouts.csv"', "how people are found"),
        ('match = { email = "email" }', "names no list"),
        ('files = "optouts.csv"\nmatch = { email = 1 }', "a column of the list"),
    ],
)
def test_what_is_wrong_with_the_table_is_told(section: str, told: str, tmp_path: Path) -> None:
    text = HEAD.format(files="users.csv", match=BY_ADDRESS)
    before, _, rest = text.partition('files = "optouts.csv"')
    (tmp_path / "job.toml").write_text(before + section + rest.partition("\n" + f"match = {BY_ADDRESS}")[2])
    with pytest.raises(ConfigurationError, match=told):
        Job.load(tmp_path / "job.toml")


def test_rows_of_an_earlier_run_are_not_sent_past_the_list(tmp_path: Path) -> None:
    one = job(tmp_path)
    with pytest.raises(ConfigurationError, match="run it anew"):
        asyncio.run(one.run(retry="latest", signals=False, report=False))


CHANNELS = """
[[step]]
name = "{name}"
vendor = "netmera"
operation = "tag_users"
arguments = {{ tag = "{name}" }}
fields = {{ ext_id = "user_id" }}
{more}
"""


def tags(sandbox: Sandbox, tag: str) -> set[str]:
    return {name for name, user in sandbox.netmera.users.items() if tag in user.tags}


def test_who_has_opted_out_of_a_channel_is_held_back_where_it_is_about_that_channel(tmp_path: Path) -> None:
    lines = ["id0000,email", "id0001,SMS", "id0002,", "id0003,push"]
    (tmp_path / "optouts.csv").write_text("\n".join(["id,channel", *lines, ""]))
    head = HEAD.format(files="users.csv", match='{ user_id = "id" }').split("[[step]]")[0]
    head = head.replace("[guards]", 'channel = "channel"\n\n[guards]')
    steps = {"any": "", "mail": 'channels = ["email"]', "both": 'channels = ["email", "sms"]'}
    (tmp_path / "users.csv").write_text("user_id\n" + "".join(f"id{n:04}\n" for n in range(5)))
    (tmp_path / "job.toml").write_text(
        head + "".join(CHANNELS.format(name=name, more=more) for name, more in steps.items())
    )

    async def run() -> dict[str, set[str]]:
        async with Sandbox(limits=FAST) as sandbox:
            await run_job(Job.load(tmp_path / "job.toml"), sandbox)
            return {name: tags(sandbox, name) for name in steps}

    assert asyncio.run(run()) == {
        "any": {"id0004"},
        "mail": {"id0001", "id0003", "id0004"},
        "both": {"id0003", "id0004"},
    }


ASKED = """
[source]
files = "users.csv"
key = "user_id"

[suppression]
{files}
match = {{ user_id = "id" }}
ask = ["moengage", "clevertap"]
columns = {{ id = "user_id" }}
{more}

[guards]
preflight = false

[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = {{ tag = "vip" }}
fields = {{ ext_id = "user_id" }}
"""


def asking(folder: Path, more: str = "", files: str = "") -> Job:
    (folder / "users.csv").write_text("user_id\n" + "".join(f"id{n}\n" for n in range(5)))
    (folder / "job.toml").write_text(ASKED.format(more=more, files=files))
    return Job.load(folder / "job.toml")


def opted_out_there(sandbox: Sandbox) -> None:
    for number in range(5):
        record = {"identity": f"id{number}", "type": "profile", "profileData": {"Name": "Ada"}}
        sandbox.vendor("clevertap").seed({"profiles": [record]})
        sandbox.moengage.write(f"id{number}", {"name": "Ada"}, existing_only=False)
    sandbox.moengage.preferences["email", "id1"] = Preference(globally_unsubscribed=True)
    sandbox.moengage.preferences["sms", "id4"] = Preference(globally_unsubscribed=True)
    sandbox.clevertap.profiles["id2"].data["MSG-email"] = False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "files", "left"),
    [
        ("", "", {"id0", "id3"}),
        ('channels = ["email"]', "", {"id0", "id3", "id4"}),
        ("", 'files = "ours.csv"', {"id3"}),
    ],
)
def test_a_job_asks_vendors_for_opt_outs_of_their_own_and_they_win(
    more: str, files: str, left: set[str], tmp_path: Path
) -> None:
    (tmp_path / "ours.csv").write_text("id\nid0\n")
    job = asking(tmp_path, more, files)

    async def run() -> tuple[set[str], list[str]]:
        async with Sandbox(limits={slug: SandboxLimits.rate(1000) for slug in vendor_names()}) as sandbox:
            opted_out_there(sandbox)
            summary = await run_job(job, sandbox)
            return tagged(sandbox), summary.notes

    tags_of, notes = asyncio.run(run())
    assert tags_of == left
    assert any("what vendors tell of their own opt-outs" in note for note in notes)
    assert "id1" in (tmp_path / ".netaudience" / "job" / "opt-outs.csv").read_text()


@pytest.mark.slow
def test_a_vendor_that_gives_no_answer_for_its_opt_outs_stops_the_run(tmp_path: Path) -> None:
    job = asking(tmp_path)

    async def run() -> set[str]:
        async with Sandbox(limits={slug: SandboxLimits.rate(1000) for slug in vendor_names()}) as sandbox:
            opted_out_there(sandbox)
            sandbox.set_faults([Fault("status", status=400, vendor="moengage", operation="getPreferences")])
            with pytest.raises(ConfigurationError, match="MoEngage gave no answer to 10 of 10 questions"):
                await run_job(job, sandbox)
            return tagged(sandbox)

    assert not asyncio.run(run())


def test_vendors_are_asked_within_the_limits_that_processes_share(tmp_path: Path) -> None:
    asking(tmp_path)
    with (tmp_path / "job.toml").open("a") as file:
        file.write('\n[quotas]\nwhere = "quotas.db"\n')
    seen: list[Settings] = []

    def make(_: object, settings: Settings) -> NoReturn:
        seen.append(settings)
        raise ConfigurationError("nobody is there")

    with pytest.raises(ConfigurationError, match="gave no answer"):
        asyncio.run(Job.load(tmp_path / "job.toml").run(client_factory=make, signals=False, report=False))
    assert seen[0].quotas is not None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('channels = ["mail"]', "there is no channel 'mail'"),
        ('ask = ["moengag"]', "there is no vendor 'moengag'"),
    ],
)
def test_what_is_wrong_with_what_is_asked_is_told(more: str, told: str, tmp_path: Path) -> None:
    head = ASKED.replace('ask = ["moengage", "clevertap"]\n', "") if more.startswith("ask") else ASKED
    (tmp_path / "users.csv").write_text("user_id\nid0\n")
    (tmp_path / "job.toml").write_text(head.format(more=more, files=""))
    with pytest.raises(ConfigurationError, match=told):
        Job.load(tmp_path / "job.toml")
