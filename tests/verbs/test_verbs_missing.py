"""Ids that a file does not have, as the vendors of a sandbox tell them, and never guessed."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.sandbox.fynd.state import FyndUser
from netaudience.vendors import names
from netaudience.verbs import Completed, Subject, look_up_missing, plan_erase

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
ASKED = ["clevertap", "fynd", "iterable"]


def look_up(
    subjects: list[Subject],
    known: list[Subject],
    *,
    customers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
) -> Completed:
    """Ask for people of whom vendors know some; Fynd has customers by your own ids, with an address each."""

    async def run() -> Completed:
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            settle(sandbox, known)
            for at, (name, email) in enumerate((customers or {}).items()):
                sandbox.fynd.users[f"64f{at:021x}"] = FyndUser(emails=(email,), details={"external_id": name})

            return await look_up_missing(
                subjects, vendors=ASKED, client_factory=clients(sandbox, project_type="hybrid")
            )

    return asyncio.run(run())


def test_what_vendors_tell_goes_into_columns_of_their_own() -> None:
    known = people(3)
    given = [Subject(email=known[0].email), Subject(id="id1"), Subject(email="nobody@example.com")]
    found = look_up(given, known)
    assert found.found == {
        1: {"clevertap_id": "id0", "iterable_id": "id0"},
        2: {"email": "person1@example.com", "clevertap_id": "id1", "iterable_id": "id1"},
    }
    assert found.added == ("clevertap_id", "iterable_id")
    counts = {one.vendor: (one.found, one.nothing_there, one.no_answer) for one in found.vendors}
    # CleverTap shows no address of who was asked for by id, unless the profile has one of its own.
    assert counts == {"clevertap": (1, 2, 0), "iterable": (2, 1, 0), "fynd": (0, 1, 0)}
    assert found.ok


def test_a_customer_who_resembles_the_one_that_was_asked_for_is_passed_over() -> None:
    customers = {"id10": "ten@example.com"}
    assert look_up([Subject(id="id1")], [], customers=customers).found == {}
    customers["id1"] = "one@example.com"
    assert look_up([Subject(id="id1")], [], customers=customers).found == {1: {"email": "one@example.com"}}


def test_addresses_that_vendors_tell_differently_are_not_taken() -> None:
    found = look_up([Subject(id="id0")], people(1), customers={"id0": "other@example.com"})
    assert (found.found, found.disputed) == ({}, 1)


def test_a_vendor_that_gives_no_answer_is_told() -> None:
    faults = [Fault("status", status=400, vendor="clevertap")]
    found = look_up([Subject(email="person0@example.com")], people(1), faults=faults)
    assert found.found == {1: {"iterable_id": "id0"}}
    assert not found.ok
    (reason,) = next(one.reasons for one in found.vendors if one.vendor == "clevertap")
    assert "person0" not in reason


def test_the_command_prints_a_file_that_the_others_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text(
        'id,email,city\n,person0@example.com,"Ankara, TR"\nid1,person1@example.com,\n'
    )
    monkeypatch.chdir(tmp_path)
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        settle(sandbox, people(2))
        assert plan_erase("people.csv", vendors=["clevertap"]).vendors[0].missing == 1
        assert main(["erase", "people.csv", "--vendor", "clevertap", "--plan"]) == 0
        assert "missing: with --look-up the vendor is asked for ids" in capsys.readouterr().out
        assert main(["look-up", "people.csv", "--vendor", "clevertap"]) == 0
        told = capsys.readouterr()
        assert list(csv.reader(io.StringIO(told.out))) == [
            ["id", "email", "city", "clevertap_id"],
            ["", "person0@example.com", "Ankara, TR", "id0"],
            ["id1", "person1@example.com", "", "id1"],
        ]
        assert "CleverTap: 1 found" in told.err
        (tmp_path / "complete.csv").write_text(told.out)
        plan = plan_erase("complete.csv", vendors=["clevertap"])
        assert (plan.vendors[0].missing, plan.reached) == (0, 2)


def test_without_a_vendor_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netaudience.verbs.missing.vendors_here", list)
    with pytest.raises(ConfigurationError, match="No vendor is set up here"):
        asyncio.run(look_up_missing([Subject(id="1")]))
