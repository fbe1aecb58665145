"""Verbs that ask vendors for missing ids first: what was found is sent, gone on with and looked at."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from people_at_sandbox import DAY, DOCUMENTED, clients, held, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import (
    Action,
    Key,
    Receipts,
    Subject,
    VerbPlan,
    carry_action,
    erase,
    look_again_at,
    plan_erase,
)

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
ASKED = ["clevertap", "iterable", "netmera"]


def test_an_id_that_a_vendor_tells_is_used_there_and_what_stays_missing_is_told_first(tmp_path: Path) -> None:
    told: list[tuple[dict[str, int], set[str]]] = []

    async def run() -> None:
        async with Sandbox(limits=FAST, delay=DOCUMENTED) as sandbox:
            known = people(2)
            settle(sandbox, known)
            made = clients(sandbox, project_type="hybrid")

            def before(plan: VerbPlan) -> None:
                missing = {one.vendor: one.missing for one in plan.vendors}
                told.append((missing, {one.operation for one in sandbox.ledger.requests}))

            given = [Subject(email=known[0].email), Subject(email="nobody@example.com"), known[1]]
            how = {"vendors": ASKED, "client_factory": made, "folder": tmp_path}
            plan = await asyncio.to_thread(plan_erase, given, look_up=True, **how)
            assert plan.looked_up is not None
            assert "id0" not in repr(plan)
            with Receipts(tmp_path / "receipts.jsonl", Key("k" * 32)) as receipts:
                result = await erase(
                    given,
                    agreed=plan.reached,
                    look_up=True,
                    on_plan=before,
                    receipts=receipts,
                    signals=False,
                    **how,
                )
            by = {(one.row, one.vendor): one for one in result.verdicts}
            assert by[1, "clevertap"].status == "accepted"
            assert by[1, "clevertap"].identities == ["id"]
            assert by[1, "iterable"].identities == ["email", "id"]
            assert by[2, "clevertap"].status == "missing_id"
            assert by[1, "netmera"].status == "missing_id"  # its id is asked of nobody, and none is guessed
            assert by[3, "netmera"].status == "accepted"
            sandbox.advance(8 * DAY)
            assert not held(sandbox, "clevertap", known[0])
            assert not held(sandbox, "iterable", known[0])
            # The second look knows by the run what no vendor tells any more.
            later = datetime.now(UTC) + timedelta(days=8)
            with Receipts(tmp_path / "receipts.jsonl", Key("k" * 32)) as receipts:
                seen = await look_again_at(
                    receipts, given, vendors=["clevertap"], now=later, client_factory=made, folder=tmp_path
                )
                assert [(one["row"], one["answer"]) for one in seen] == [(1, "done"), (3, "done")]

    asyncio.run(run())
    ((missing, asked),) = told
    assert missing == {"clevertap": 1, "iterable": 0, "netmera": 2}
    assert all(one.startswith("get") for one in asked), asked


def test_a_run_that_goes_on_uses_what_was_found_and_asks_nobody_again(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,plan\nperson0@example.com,007\nperson1@example.com,010\n")
    action = Action(verb="set", attributes={"plan": "plan"})

    async def run() -> None:
        faults = [Fault("status", status=401, vendor="clevertap", operation="upload", first=1)]
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            settle(sandbox, people(2))
            made = clients(sandbox, project_type="hybrid")
            how = {"vendors": ["clevertap"], "client_factory": made, "folder": tmp_path, "signals": False}
            result = await carry_action(action, file, look_up=True, **how)
            assert {one.status for one in result.verdicts} == {"failed"}
            sandbox.clevertap.profiles["id0"].data.pop("Email")  # it would not be found any more
            result = await carry_action(action, file, resume="latest", **how)
            assert [one.status for one in result.verdicts] == ["applied", "applied"]
            held = [sandbox.clevertap.profiles[f"id{at}"].data["plan"] for at in range(2)]
            assert held == ["007", "010"]
            file.write_text("email,plan\nperson1@example.com,007\nperson0@example.com,010\n")
            with pytest.raises(ConfigurationError, match="people have changed since the run began"):
                await carry_action(action, file, resume="latest", **how)

    asyncio.run(run())


def test_an_answer_that_does_not_come_leaves_the_id_missing(tmp_path: Path) -> None:
    faults = [Fault("status", status=400, vendor="clevertap", operation="getProfile")]

    async def run() -> None:
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            settle(sandbox, people(1))
            how = {"vendors": ["clevertap"], "client_factory": clients(sandbox), "folder": tmp_path}
            result = await erase(
                [Subject(email="person0@example.com")], agreed=0, look_up=True, signals=False, **how
            )
            assert [one.status for one in result.verdicts] == ["missing_id"]
            assert result.exit_code == 3

    asyncio.run(run())


def test_the_command_asks_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("email\nperson0@example.com\nnobody@example.com\n")
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, people(1))
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        words = ["erase", "people.csv", "--vendor", "clevertap"]
        assert main([*words, "--plan"]) == 0
        assert "with --look-up the vendor is asked for ids" in capsys.readouterr().out
        assert main([*words, "--plan", "--look-up"]) == 0
        out = capsys.readouterr().out
        assert "Asked CleverTap for ids: 1 found" in out
        assert out.endswith(
            "Do it: netaudience erase people.csv --look-up --yes-delete 1 --vendor clevertap\n"
        )
        assert main([*words, "--look-up", "--yes-delete", "1"]) == 3
        err = capsys.readouterr().err
        assert "CleverTap: missing: 1 row without id or device: nothing is sent for them" in err
