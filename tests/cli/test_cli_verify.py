"""`netaudience verify`, and `run --first`: what the vendor did not keep is reported, and sent on request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience.cli.amounts import first_of, seconds_of, share_of
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox
from netaudience.sandbox.netmera.definitions import Attribute

JOB = """
[source]
files = "users.csv"
key = "id"
[[step]]
vendor = "netmera"
operation = "set-profile-attributes"
rate = 1000
[step.fields]
ext_id = "id"
"profile.age" = { sql = "cast(age as integer)" }
[guards]
preflight = false
max-rejected = "100%"
"""
ROWS = 20


@pytest.fixture
def here(tmp_path: Path, netmera: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert netmera
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.toml").write_text(JOB)
    lines = [f"id{number},{number}" for number in range(ROWS)]
    (tmp_path / "users.csv").write_text("\n".join(["id,age", *lines, ""]))
    return tmp_path


@pytest.mark.usefixtures("settled")
def test_what_differs_is_told_sent_again_and_seen_to_have_landed(
    run: Callable, here: Path, sandbox: BackgroundSandbox
) -> None:
    sandbox.netmera.attributes = {"age": Attribute("age", "STRING")}  # numbers are dropped without a word
    assert run("run", "job.toml").code == 0

    looked = run("verify", "latest", "--all", "--json")
    assert looked.code == 3
    (told,) = looked.lines
    assert (told["steps"][0]["different"], told["ok"]) == (ROWS, False)
    assert f"of {ROWS} of {ROWS} delivered rows (by get_profile_attributes): {ROWS} different" in looked.err
    assert "--repair sends it again" in looked.err
    (folder,) = (here / ".netaudience/job/runs").iterdir()
    rows = [json.loads(line) for line in (folder / "verify.jsonl").read_text().splitlines()]
    assert {row["outcome"] for row in rows} == {"different"}
    assert (folder / "verify.jsonl").stat().st_mode & 0o777 == 0o600
    page = (folder / "report.html").read_text()
    assert "What was read back" in page
    assert "id7" not in page

    sandbox.netmera.attributes = None
    repaired = run("verify", "latest", "--all", "--repair")
    assert repaired.code == 0
    assert f"of {ROWS} rows, {ROWS} accepted" in repaired.err
    assert sandbox.netmera.users["id7"].profile["age"] == 7

    again = run("verify", "latest", "--all")
    assert again.code == 0
    assert f"{ROWS} landed" in again.err
    assert not (folder / "verify.jsonl").exists()


@pytest.mark.usefixtures("settled")
def test_many_that_differ_are_not_sent_again(run: Callable, here: Path, sandbox: BackgroundSandbox) -> None:
    (here / "job.toml").write_text(JOB.replace('"100%"', '"20%"'))
    assert run("run", "job.toml").code == 0
    for number in range(8):
        sandbox.netmera.users[f"id{number}"].profile = {"age": 99}
    before = len(sandbox.ledger.requests)
    result = run("verify", "latest", "--all", "--repair")
    assert result.code == 5
    assert "8 of 20 rows are something else" in result.err
    assert len(sandbox.ledger.requests) == before + ROWS


@pytest.mark.usefixtures("settled")
def test_a_canary_stops_and_the_run_is_gone_on_with(
    run: Callable, here: Path, sandbox: BackgroundSandbox
) -> None:
    assert here
    sandbox.netmera.attributes = {"age": Attribute("age", "STRING")}
    stopped = run("run", "job.toml", "--first", "5", "--after", "0.01s")
    assert stopped.code == 5
    assert "the first rows are read back 10 ms after the sending, then the rest is sent" in stopped.err
    assert "resume sends the rest and verify --repair sends these again" in stopped.err
    assert "of the first 5 rows 5 are something else" in stopped.err
    assert "Go on with: netaudience resume" in stopped.err
    assert sandbox.check("netmera", "set_profile_attributes").applied == 5
    sandbox.netmera.attributes = None
    assert run("resume", "latest").code == 0
    assert sandbox.check("netmera", "set_profile_attributes").applied == ROWS
    assert "age" not in sandbox.netmera.users["id4"].profile
    assert run("verify", "latest", "--all", "--repair").code == 0
    assert all(sandbox.netmera.users[f"id{number}"].profile["age"] == number for number in range(ROWS))


def test_a_canary_whose_rows_land_goes_on(run: Callable, here: Path, sandbox: BackgroundSandbox) -> None:
    assert here
    result = run("run", "job.toml", "--first", "25%", "--after", "0s")
    assert result.code == 0, result.err
    assert sandbox.check("netmera", "set_profile_attributes").applied == ROWS
    assert sum(one.operation == "getProfileAttributes" for one in sandbox.ledger.requests) == 5


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (lambda text: share_of(text, "--share"), "1%", 0.01),
        (lambda text: share_of(text, "--share"), "100%", 1.0),
        (first_of, "100", 100.0),
        (first_of, "1%", 0.01),
        (lambda text: seconds_of(text, "--after"), "60s", 60.0),
        (lambda text: seconds_of(text, "--after"), "5m", 300.0),
        (lambda text: seconds_of(text, "--after"), "7", 7.0),
    ],
)
def test_amounts_are_read_as_people_write_them(read, text, value) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "latest", "--share", "0%"),
        ("verify", "latest", "--share", "7"),
        ("verify", "latest", "--after", "soon"),
        ("run", "job.toml", "--first", "0"),
        ("run", "job.toml", "--first", "100%"),
    ],
)
def test_other_amounts_are_refused_with_what_to_write(run: Callable, here: Path, words) -> None:
    assert here
    result = run(*words)
    assert result.code == 2
    assert "such as" in result.err


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="above 0%"):
        share_of("0%", "--share")
