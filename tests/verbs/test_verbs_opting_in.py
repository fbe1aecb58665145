"""Opting in again: only who has agreed since opting out is written to, wherever the opt-out is known from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.sandbox.moengage.state import Preference
from netaudience.vendors import names
from netaudience.verbs import Action, Key, Receipts, Subject, VerbResult, carry_action
from netaudience.verbs.consent import moment_of

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
ON = Action(verb="unsuppress", channels=["email"])
OFF = Action(verb="suppress", channels=["email"])


def opted_in(
    when: object,
    folder: Path,
    *,
    optouts: str | None = None,
    at_vendor: bool = False,
    before: Sequence[Subject] = (),
    faults: Sequence[Fault] = (),
    agreed: int | None = 1,
    vendors: Sequence[str] = ("moengage", "netmera"),
) -> tuple[VerbResult, bool | None]:
    """Let vendors write to a person again who agreed at some time; return also what MoEngage holds then."""
    subject = Subject(id="id0", email="person0@example.com", attributes={"consented_at": when})
    if optouts is not None:
        (folder / "optouts.csv").write_text(optouts)

    async def run() -> tuple[VerbResult, bool | None]:
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            settle(sandbox, people(1))
            if at_vendor:
                sandbox.moengage.preferences["email", "id0"] = Preference(globally_unsubscribed=True)
            made = clients(sandbox)
            how = {"vendors": vendors, "client_factory": made, "folder": folder, "signals": False}
            with Receipts(folder / "receipts.jsonl", Key("k" * 32)) as receipts:
                if before:
                    await carry_action(OFF, before, receipts=receipts, **how)
                result = await carry_action(
                    ON,
                    [subject],
                    agreed=agreed,
                    opt_outs=[] if optouts is None else [folder / "optouts.csv"],
                    receipts=receipts,
                    **how,
                )
            held = sandbox.moengage.preferences.get(("email", "id0"))
            return result, None if held is None else held.globally_unsubscribed

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("when", "optouts", "told"),
    [
        ("2021-06-02", "email,opted_out_at\nPERSON0@example.com ,2021-06-01\n", None),
        ("2021-06-01", "email,opted_out_at\nperson0@example.com,2021-06-01\n", "has not agreed since"),
        ("2021-06-01T12:00:00Z", "id,opted_out_at\nid0,2021-06-01T11:59:59Z\n", None),
        ("2021-06-01T12:00:00Z", "id,opted_out_at\nid0,2021-06-01T12:00:00Z\n", "has not agreed since"),
        ("2021-06-01T12:00:00+03:00", "id,time\nid0,2021-06-01T10:00:00Z\n", "has not agreed since"),
        ("2021-06-02", "email\nperson0@example.com\n", "does not say since when"),
        ("2021-06-02", "email,opted_out_at\nperson0@example.com,soon\n", "does not say since when"),
        ("2021-06-02", "email,channel,time\nperson0@example.com,sms,2022-01-01\n", None),
        ("2021-06-02", "email,channel,time\nperson0@example.com,Email,2022-01-01\n", "has not agreed since"),
        ("2021-06-02", "id,time\nid1,2022-01-01\n", None),
        ("", None, "does not say when"),
        (None, None, "does not say when"),
        ("yes", None, "is no time: write it as 2026-03-12"),
        ("12.03.2026", None, "is no time: write it as 2026-03-12"),
        ("2999-01-01", None, "lies in the future"),
    ],
)
def test_a_consent_is_newer_than_the_opt_out(
    when: object, optouts: str | None, told: str | None, tmp_path: Path
) -> None:
    result, _ = opted_in(when, tmp_path, optouts=optouts)
    verdicts = {(one.vendor, one.status) for one in result.verdicts}
    if told is None:
        assert verdicts == {("moengage", "accepted"), ("netmera", "accepted")}
        return
    assert verdicts == {("moengage", "cannot"), ("netmera", "cannot")}
    assert all(told in (one.reason or "") for one in result.verdicts)
    assert result.summary is None
    assert result.exit_code == 3


def test_an_opt_out_that_was_asked_for_here_stands_by_its_receipt(tmp_path: Path) -> None:
    result, held = opted_in("2021-06-02", tmp_path, before=people(1))
    assert {one.status for one in result.verdicts} == {"cannot"}
    assert held is True
    # By another id of the same person as well.
    other = tmp_path / "other"
    other.mkdir()
    result, _ = opted_in("2021-06-02", other, before=[Subject(email=" Person0@Example.com")])
    assert {one.status for one in result.verdicts} == {"cannot"}


def test_a_vendors_own_opt_out_wins_until_somebody_says_when_it_was(tmp_path: Path) -> None:
    result, held = opted_in("2021-06-02", tmp_path, at_vendor=True)
    told = {one.vendor: (one.status, one.reason or "") for one in result.verdicts}
    assert told["moengage"][0] == "cannot"
    assert "nobody knows since when" in told["moengage"][1]
    assert told["netmera"][0] == "accepted"  # it tells nobody's
    assert held is True
    result, held = opted_in("2021-06-02", tmp_path, at_vendor=True, optouts="id,time\nid0,2021-06-01\n")
    assert {one.status for one in result.verdicts} == {"accepted"}
    assert held is False


def test_a_vendor_that_does_not_answer_for_its_opt_outs_is_not_written_to(tmp_path: Path) -> None:
    faults = [Fault("status", status=400, vendor="moengage", operation="getPreferences")]
    result, held = opted_in("2021-06-02", tmp_path, at_vendor=True, faults=faults)
    told = {one.vendor: (one.status, one.reason or "") for one in result.verdicts}
    assert told["moengage"][0] == "cannot"
    assert told["moengage"][1].startswith("the vendor was asked for opt-outs: ")
    assert held is True


def test_without_a_column_of_consents_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="call the column consented_at"):
        asyncio.run(carry_action(ON, people(1), agreed=1, vendors=["netmera"], folder=tmp_path))


@pytest.mark.parametrize(
    ("value", "end", "told"),
    [
        ("2021-06-01", False, "2021-06-01T00:00:00+00:00"),
        ("2021-06-01", True, "2021-06-01T23:59:59.999999+00:00"),
        (" 2021-06-01T10:00:00 ", True, "2021-06-01T10:00:00+00:00"),
        ("01.06.2021", False, None),
        (1622505600, False, None),
    ],
)
def test_a_day_counts_against_writing(value: object, end: bool, told: str | None) -> None:
    moment = moment_of(value, end=end)
    assert (None if moment is None else moment.isoformat()) == told


def test_the_command_says_who_is_left_out_before_it_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("id,when\nid0,2021-01-01\nid1,2021-01-03\nid2,\n")
    Path("optouts.csv").write_text("id,date\nid0,2021-01-02\nid1,2021-01-02\n")
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, people(3))
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        words = ["unsuppress", "people.csv", "--channel", "email", "--vendor", "netmera"]
        words += ["--consent-column", "when", "--opt-outs", "optouts.csv"]
        assert main([*words, "--plan"]) == 0
        out = capsys.readouterr().out
        assert "1 person by id" in out
        assert "left out: 1 row: the person has opted out at 2021-01-02T23:59:59" in out
        assert "--yes-opt-in 1 --vendor netmera" in out
        assert "--opt-outs optouts.csv --consent-column when" in out
        assert main([*words, "--yes-opt-in", "1"]) == 3
        assert "left out: 1 row: the row does not say when" in capsys.readouterr().err
        allowed = {name: user.permissions.get("mail") for name, user in sandbox.netmera.users.items()}
        assert allowed == {"id0": None, "id1": True, "id2": None}
