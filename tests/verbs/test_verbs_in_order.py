"""An erasure with what comes before it: opted out, taken out, erased, in this order, and gone on with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from people_at_sandbox import DAY, ERASING, clients, held, people
from verb_states import GROUP, NUMBERS, begin, stands

from netaudience.cli import main
from netaudience.errors import GuardRefused
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import Subject, VerbResult, carry_in_order, erasure, plan_in_order

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
PLACES = {"iterable": "7", "fynd": GROUP, "iterable:email": str(NUMBERS["email"])}
ACTIONS = erasure(["email"], ["vip"], PLACES)


def test_the_order_is_suppress_leave_erase() -> None:
    assert [one.verb for one in ACTIONS] == ["suppress", "leave", "erase"]
    assert [one.verb for one in erasure()] == ["erase"]
    plans = plan_in_order(ACTIONS, people(2), vendors=ERASING)
    assert [(one.verb, one.reached) for one in plans] == [("suppress", 2), ("leave", 2), ("erase", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["suppress", "leave"])
def test_at_every_vendor_nothing_is_erased_before_the_rest_is_done(verb: str, tmp_path: Path) -> None:
    subjects = people(2)
    seen: dict[str, list[bool]] = {}

    async def run() -> list[VerbResult]:
        async with Sandbox(limits=FAST) as sandbox:
            begin(sandbox, "leave", None, subjects)

            def look(result: VerbResult) -> None:
                if result.plan.verb == verb:
                    channel = "email" if verb == "suppress" else None
                    for vendor in ERASING:
                        there = [held(sandbox, vendor, one) for one in subjects]
                        so = [stands(sandbox, vendor, verb, channel, one) for one in subjects]  # type: ignore[arg-type]
                        seen[vendor] = [*there, *so]

            results = await carry_in_order(
                ACTIONS,
                iter(subjects),
                agreed=2,
                vendors=ERASING,
                client_factory=clients(sandbox, project_type="hybrid"),
                folder=tmp_path,
                on_result=look,
                signals=False,
            )
            sandbox.advance(8 * DAY)
            assert not any(held(sandbox, vendor, one) for vendor in ERASING for one in subjects)
            return results

    results = asyncio.run(run())
    assert [one.plan.verb for one in results] == ["suppress", "leave", "erase"]
    assert all(one.ok for one in results)
    assert seen == {vendor: [True] * 4 for vendor in ERASING}


@pytest.mark.parametrize("agreed", [None, 3])
def test_nobody_is_opted_out_before_somebody_has_agreed_to_the_erasure(
    agreed: int | None, tmp_path: Path
) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            begin(sandbox, "leave", None, people(2))
            with pytest.raises(GuardRefused, match="--yes-delete"):
                await carry_in_order(
                    ACTIONS,
                    people(2),
                    agreed=agreed,
                    vendors=ERASING,
                    client_factory=clients(sandbox, project_type="hybrid"),
                    folder=tmp_path,
                    signals=False,
                )
            assert not any(stands(sandbox, "moengage", "suppress", "email", one) for one in people(2))

    asyncio.run(run())


def test_the_command_stops_where_a_vendor_lets_nobody_in_and_goes_on_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    subject = Subject(id="id0", email="person0@example.com")
    Path("people.csv").write_text("id,email\nid0,person0@example.com\n")
    words = ["erase", "people.csv", "--channel", "email", "--audience", "vip"]
    words += ["--vendor", "moengage", "--vendor", "netmera"]
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        begin(sandbox, "leave", None, [subject])
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert main([*words, "--plan"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("suppress: 1 row of ")
        assert out.index("\nThen, leave:\n") < out.index("\nThen, erase:\n")
        assert out.endswith(
            "Do it: netaudience erase people.csv --channel email --audience vip --yes-delete 1 "
            "--vendor moengage --vendor netmera\n"
        )
        sandbox.set_faults(Fault("status", status=401, vendor="moengage"))
        assert main([*words, "--yes-delete", "1"]) not in {0, 3}
        told = capsys.readouterr()
        assert {json.loads(line)["verb"] for line in told.out.splitlines()} == {"suppress"}
        assert "Go on with: netaudience resume" in told.err
        assert told.err.count("--yes-delete 1") == 1
        assert held(sandbox, "netmera", subject)
        sandbox.set_faults()
        assert main(["resume", "latest", "--yes-delete", "1"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["verb"], one["vendor"]) for one in lines] == [
            (verb, vendor) for verb in ("suppress", "leave", "erase") for vendor in ("moengage", "netmera")
        ]
        sandbox.advance(8 * DAY)
        assert not held(sandbox, "moengage", subject)
        assert not held(sandbox, "netmera", subject)
