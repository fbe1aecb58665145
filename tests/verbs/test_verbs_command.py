"""The command over a file of people: what it prints where, how it ends, and how a killed one goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from people_at_sandbox import people, settle

from netaudience.cli import main
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits
from netaudience.vendors import names

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
CSV = "id,email\nid0,person0@example.com\nid1,person1@example.com\n,person2@example.com\n"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(Sandbox(limits=FAST)) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NETAUDIENCE_ITERABLE_PROJECT_TYPE", "hybrid")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "people.csv").write_text(CSV)
        yield running


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["erase", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_plan_says_what_will_be_done_and_how_to_do_it(
    sandbox: BackgroundSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "people.csv", "--plan")
    assert code == 0
    assert "3 people by email: forget_user" in out
    assert "missing: 1 row without id or device: nothing is sent for them" in out
    assert "cannot: no operation of Fynd erases a customer" in out
    assert "within 48 hours" in out
    assert "within 7 days" in out
    assert out.endswith("Do it: netaudience erase people.csv --yes-delete 3\n")
    assert "person0" not in out
    assert sandbox.check("moengage", "gdprRequest").applications == 0
    code, out, _ = run(capsys, "people.csv", "--plan", "--json", "--vendor", "netmera")
    plan = json.loads(out)
    assert (plan["reached"], plan["vendors"][0]["missing_id"]) == (2, 1)


def test_without_consent_nothing_is_sent(
    sandbox: BackgroundSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "people.csv")
    assert (code, out) == (5, "")
    assert "is for 3 people: look at --plan, and add --yes-delete 3" in err
    assert sandbox.check("netmera", "delete_users_permanently").applications == 0


def test_standard_output_has_a_line_for_everybody_and_names_nobody(
    sandbox: BackgroundSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(sandbox, people(2))
    code, out, err = run(capsys, "people.csv", "--yes-delete", "3", "--quiet")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    assert len(lines) == 3 * 5
    assert {line["status"] for line in lines if line["vendor"] == "fynd"} == {"cannot"}
    assert [line["status"] for line in lines if line["vendor"] == "netmera"] == ["accepted"] * 2 + [
        "missing_id"
    ]
    assert not any(secret in out + err for secret in ("person0", "id0,", '"id0"'))
    assert "Netmera: 2 accepted, 1 missing id" in err
    kept = next(Path(".netaudience/erase-people/runs").glob("*/verdicts.jsonl"))
    assert kept.read_text().splitlines() == [json.dumps(line) for line in lines]
    assert kept.stat().st_mode & 0o077 == 0


def test_all_done_ends_with_0_and_a_finished_run_is_told_again(
    sandbox: BackgroundSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(sandbox, people(2))
    words = ["people.csv", "--yes-delete", "2", "--vendor", "netmera", "--vendor", "clevertap"]
    Path("people.csv").write_text(CSV.rpartition(",person2")[0])
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert main(["resume", "latest", "--yes-delete", "2"]) == 0
    assert capsys.readouterr().out == out
    assert sandbox.check("netmera", "delete_users_permanently").applications == 2
    assert main(["retry", "latest"]) == 2
    assert "mend the file of people" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "csv", "said"),
    [
        (["nobody.csv"], CSV, "There is no file nobody.csv"),
        (["people.csv", "--vendor", "netmira"], CSV, "did you mean netmera?"),
        (["people.csv", "--email-column", "mial"], "id,mail\n1,a@b.c\n", "did you mean mail?"),
        (["people.csv"], "id,user_id\n1,2\n", "id, user_id could each be the id of people"),
        (["people.csv"], "name\nAda\n", "No column says who is meant"),
        (
            ["people.csv", "more.csv"],
            CSV,
            "netaudience erase has no use for 'more.csv': see netaudience erase",
        ),
        ([], CSV, "netaudience erase needs PEOPLE: see netaudience erase --help"),
        (
            ["people.csv", "--yes-delete"],
            CSV,
            "--yes-delete needs a value behind it: see",
        ),
        (["people.csv", "--yes-delete", "9"], CSV, "--yes-delete says 9, and erase is for 3 people"),
    ],
)
@pytest.mark.usefixtures("sandbox")
def test_a_mistake_is_one_sentence(
    words: list[str], csv: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("people.csv").write_text(csv)
    code, out, err = run(capsys, *words)
    assert code in {2, 5}
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_without_credentials_a_run_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("NETAUDIENCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(CSV)
    assert run(capsys, "people.csv", "--yes-delete", "3")[0] == 2
    assert run(capsys, "people.csv", "--plan")[0] == 0


@pytest.mark.slow
def test_the_demo_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--verbs", "--keep", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("the numbers agree\n")
