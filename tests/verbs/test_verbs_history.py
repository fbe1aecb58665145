"""What was last sent for a person, when, and what could not be: as the kept runs tell, and no more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import Action, History, Key, Receipts, Subject, carry_action, history_of

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
KEY = "k" * 40
TAGS = """
[source]
files = "users.csv"
key = "id"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "vip" }
fields = { ext_id = "id" }
mode = "MODE"
REMOVAL
[guards]
max-rejected = "100%"
max-removals = "100%"
"""
REMOVAL = {"mirror": 'removal = "untag_users"\nremoval-arguments = { tag = "vip" }'}
ADA = Subject(id="id0", email="person0@example.com")
#: A night each: who is in the source.
NIGHTS = {
    "all": [["id0", "id1"]],
    "changed-only": [["id0", "id1"], ["id0", "id1", "id2"]],
    "mirror": [["id0", "id1"], ["id1"]],
}
#: What is known of `id0` then, by the run of which night.
LAST = {
    "all": ("delivered", 0, "tag_users"),
    "changed-only": ("as_before", 1, "tag_users"),
    "mirror": ("taken_back", 1, "untag_users"),
}


def write(folder: Path, ids: list[str], mode: str = "all") -> Path:
    (folder / "users.csv").write_text("\n".join(["id", *ids, ""]))
    (folder / "tags.toml").write_text(TAGS.replace("MODE", mode).replace("REMOVAL", REMOVAL.get(mode, "")))
    return folder / "tags.toml"


def told(
    folder: Path, subject: Subject, nights: list[list[str]], mode: str = "all"
) -> tuple[list[str], History]:
    """Run the nights, and return their runs, and what is known of a person afterwards."""

    async def run() -> tuple[list[str], History]:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(3))
            made = clients(sandbox)
            runs = [
                (await Job.load(write(folder, ids, mode)).run(signals=False, client_factory=made)).run
                for ids in nights
            ]
            return runs, await history_of(subject, folder, client_factory=made)

    return asyncio.run(run())


@pytest.mark.parametrize("mode", NIGHTS)
def test_the_last_that_a_step_did_is_told_with_its_time(mode: str, tmp_path: Path) -> None:
    runs, history = told(tmp_path, ADA, NIGHTS[mode], mode)
    outcome, night, operation = LAST[mode]
    (sent,) = history.sent
    assert (sent.outcome, sent.run, sent.operation) == (outcome, runs[night], operation)
    assert (sent.job, sent.step, sent.vendor) == ("tags", "netmera-tag-users", "netmera")
    assert sent.values == {"ext_id": "id0"}
    assert sent.arguments == {"tag": "vip"}
    assert sent.ended is not None
    assert sent.started <= sent.ended
    assert "id0" not in repr(history)


@pytest.mark.parametrize("mode", NIGHTS)
def test_somebody_who_was_sent_nothing_is_told_nothing(mode: str, tmp_path: Path) -> None:
    _, history = told(tmp_path, Subject(id="id9"), NIGHTS[mode], mode)
    assert (history.sent, history.done, history.undelivered) == ((), (), ())


def test_a_row_that_was_rejected_is_told_with_the_reason_and_was_not_sent(tmp_path: Path) -> None:
    _, history = told(tmp_path, Subject(id=" id0"), [[" id0", "id1"]])
    assert history.sent == ()
    (row,) = history.undelivered
    assert (row.outcome, row.by, row.step) == ("rejected", "rule", "netmera-tag-users")
    assert row.reason
    assert row.time


def test_a_source_that_has_changed_leaves_it_open_whether_somebody_was_in_it(tmp_path: Path) -> None:
    (first, second), history = told(tmp_path, ADA, [["id1"], ["id2"]])
    assert history.sent == ()
    (unknown,) = history.unknown
    assert (unknown.step, unknown.run, unknown.runs) == ("netmera-tag-users", first, 1)
    assert "the source has changed since the run" in unknown.reason
    assert second != first


def test_a_row_that_a_step_remembers_and_the_source_has_lost_leaves_it_open(tmp_path: Path) -> None:
    async def run() -> History:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(2))
            made = clients(sandbox)
            job = Job.load(write(tmp_path, ["id0", "id1"], "changed-only"))
            await job.run(signals=False, client_factory=made)
            write(tmp_path, ["id2", "id1"], "changed-only")
            found = await history_of(Subject(id="id1"), tmp_path, client_factory=made)
            assert [one.values for one in found.sent] == [{"ext_id": "id1"}]  # wherever it stands now
            return await history_of(ADA, tmp_path, client_factory=made)

    history = asyncio.run(run())
    assert history.sent == ()
    (unknown,) = history.unknown
    assert "does not have 1 of the rows any more" in unknown.reason


def test_what_a_verb_came_to_is_told_by_the_run_and_when_it_is_gone_by_the_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETAUDIENCE_RECEIPTS_KEY", KEY)
    file = tmp_path / "people.csv"
    file.write_text("id,email\nid0,PERSON0@example.com\nid1,person1@example.com\n")

    async def run() -> list[History]:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, people(2))
            made = clients(sandbox)
            with Receipts(tmp_path / ".netaudience" / "receipts.jsonl", Key(KEY)) as receipts:
                await carry_action(
                    Action(verb="suppress", channels=["email"]),
                    file,
                    vendors=["netmera", "moengage"],
                    receipts=receipts,
                    client_factory=made,
                    folder=tmp_path,
                    signals=False,
                )
            both = await history_of(ADA, tmp_path, client_factory=made)
            file.unlink()
            receipts_alone = await history_of(ADA, tmp_path, client_factory=made)
            monkeypatch.delenv("NETAUDIENCE_RECEIPTS_KEY")
            return [both, receipts_alone, await history_of(ADA, tmp_path, client_factory=made)]

    both, receipts_alone, neither = asyncio.run(run())
    for history in (both, receipts_alone):
        done = {(one.vendor, one.verb, one.channel, one.status) for one in history.done}
        assert done == {(vendor, "suppress", "email", "accepted") for vendor in ("netmera", "moengage")}
    assert both.unknown == ()
    assert neither.done == ()
    assert len(receipts_alone.unknown) == len(neither.unknown) == 1


def test_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Say who is meant"):
        asyncio.run(history_of(Subject(email=" "), tmp_path))


def test_the_command_tells_what_was_sent_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ["id0", "id1"])
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, people(1))
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert main(["run", "tags.toml", "--quiet"]) == 0
        capsys.readouterr()
        assert main(["who", "--id", "id0", "--vendor", "netmera"]) == 0
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (sent,) = (one for one in told if one["about"] == "sent")
        assert sent["values"] == {"ext_id": "…"}
        assert sent["arguments"] == {"tag": "vip"}
        assert main(["who", "--id", "id0", "--vendor", "netmera", "--show"]) == 0
        assert '"ext_id":"id0"' in capsys.readouterr().out
