"""Verbs as steps of a job: the same operations as by command, under the job's journal, guards and lists."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from people_at_sandbox import ERASING, clients, held, people, settle

from netaudience.errors import ConfigurationError, GuardRefused
from netaudience.jobs import Job
from netaudience.jobs.spec.guards import Consent
from netaudience.sandbox import Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import Action, plan_action

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
SOURCE = '[source]\nfiles = "people.csv"\nkey = "id"\n'
KNOWN_BY = 'columns = { id = "id", email = "email" }\n'
OFF = f"""
[[verb]]
verb = "suppress"
vendors = ["netmera", "iterable", "clevertap", "moengage"]
channels = "email"
at = {{ "iterable:email" = 1 }}
{KNOWN_BY}"""
LIST = '[suppression]\nfiles = "list.csv"\nmatch = { email = "email" }\n'


def write(folder: Path, *parts: str, count: int = 3) -> Path:
    lines = [f"id{at},person{at}@example.com,gold" for at in range(count)]
    (folder / "people.csv").write_text("\n".join(["id,email,tier", *lines, ""]))
    (folder / "list.csv").write_text("email\nperson0@example.com\n")
    (folder / "job.toml").write_text("".join([SOURCE, *parts]))
    return folder / "job.toml"


def off(sandbox: Sandbox, at: int) -> dict[str, bool]:
    """Return whether each vendor's state says that it does not write e-mail to a person."""
    name, email = f"id{at}", f"person{at}@example.com"
    return {
        "netmera": sandbox.netmera.users[name].permissions.get("mail") is False,
        "iterable": 1 in sandbox.iterable.by_email[email].subscriptions.get("unsubscribedChannelIds", ()),
        "clevertap": sandbox.clevertap.subscriptions.get(("email", email)) == "Unsubscribe",
        "moengage": sandbox.moengage.preference("email", name).globally_unsubscribed,
    }


def test_a_file_opts_out_at_every_vendor_and_sends_nothing_the_next_night(tmp_path: Path) -> None:
    job = Job.load(write(tmp_path, OFF, 'mode = "changed-only"\nwhere = "id <> \'id2\'"\n'))

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(3))
            made = clients(sandbox, project_type="hybrid")
            first = await job.run(client_factory=made, signals=False)
            assert first.ok
            for at in range(3):
                assert set(off(sandbox, at).values()) == {at != 2}
            sandbox.clevertap.subscriptions.clear()
            second = await job.run(client_factory=made, signals=False)
            assert {step.name: step.delivered for step in second.steps} == {
                step.name: 0 for step in first.steps
            }
            assert not off(sandbox, 0)["clevertap"]

    asyncio.run(run())


def test_the_steps_are_those_of_the_command(tmp_path: Path) -> None:
    job = Job.load(write(tmp_path, OFF))
    action = Action(verb="suppress", channels=["email"], places={"iterable:email": "1"})
    vendors = ["netmera", "iterable", "clevertap", "moengage"]
    plan = plan_action(action, tmp_path / "people.csv", vendors=vendors)
    made = {step.name: step for step in job.steps}
    assert [made[step.name] for step in plan.job.steps] == list(plan.job.steps)
    assert len(plan.job.steps) == 5  # a file makes those as well for which nobody is there now


def test_a_list_of_people_holds_back_what_gives_and_not_what_takes(tmp_path: Path) -> None:
    joins = '[[verb]]\nverb = "join"\nvendors = "netmera"\naudience = "vip"\n' + KNOWN_BY
    sets = '[[verb]]\nverb = "set"\nvendors = "netmera"\nattributes = "tier"\n' + KNOWN_BY
    job = Job.load(write(tmp_path, LIST, OFF, joins, sets))

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(3))
            summary = await job.run(client_factory=clients(sandbox, project_type="hybrid"), signals=False)
            assert summary.ok
            assert all(all(off(sandbox, at).values()) for at in range(3))
            users = sandbox.netmera.users
            assert {name for name, user in users.items() if "vip" in user.tags} == {"id1", "id2"}
            assert {name for name, user in users.items() if "tier" in user.profile} == {"id1", "id2"}

    asyncio.run(run())


def test_an_erasure_in_a_file_is_agreed_to_each_time(tmp_path: Path) -> None:
    erase = f'[[verb]]\nverb = "erase"\nvendors = {list(ERASING)}\n{KNOWN_BY}'
    job = Job.load(write(tmp_path, erase, count=2))

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(2))
            made = clients(sandbox, project_type="hybrid")
            with pytest.raises(GuardRefused, match="deletes data"):
                await job.run(client_factory=made, signals=False)
            assert all(held(sandbox, vendor, one) for vendor in ERASING for one in people(2))
            with pytest.raises(GuardRefused, match=r"--yes-delete \d") as refused:
                await job.run(client_factory=made, signals=False, consent=Consent(yes=True))
            count = int(str(refused.value).partition("--yes-delete ")[2].split()[0].rstrip(":;,"))
            consent = Consent(yes=True, yes_delete=count)
            assert (await job.run(client_factory=made, signals=False, consent=consent)).ok
            sandbox.advance(8 * 86_400)
            assert not any(held(sandbox, vendor, one) for vendor in ERASING for one in people(2))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (OFF.replace('"suppress"', '"unsuppress"'), "netaudience unsuppress, with --yes-opt-in"),
        (OFF.replace('"suppress"', '"supress"'), "did you mean suppress"),
        (OFF.replace('channels = "email"\n', ""), "suppress needs channels"),
        (OFF.replace("at = {", 'audience = "vip"\nat = {'), "suppress takes no audience"),
        (
            OFF.replace('"iterable:email" = 1', ""),
            'Iterable: say at = { "iterable:email" = … } with',
        ),
        (OFF.replace('"moengage"', '"fynd"'), "Fynd cannot suppress email: no operation of Fynd changes"),
        (OFF.replace('id = "id", ', "").replace("email\n", "push\n"), "did you mean"),
        (OFF.replace(KNOWN_BY, 'columns = { phone = "id" }\n'), "MoEngage knows people by id or email for"),
        (OFF + OFF, "is there twice"),
        (OFF + 'mode = "mirror"\n', "mode must be one of all, changed-only"),
    ],
)
def test_what_is_wrong_with_a_verb_is_told(said: str, told: str, tmp_path: Path) -> None:
    if told == "did you mean":
        said = said.replace('"email"\nat', '"emial"\nat')
    with pytest.raises(ConfigurationError) as raised:
        Job.load(write(tmp_path, said))
    assert told in str(raised.value)
