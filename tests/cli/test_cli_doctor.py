"""The doctor looks at what a run needs, sends one read, and ends with the code of what is wrong."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from netaudience.cli import doctor, main
from netaudience.model.retry_after import epoch_of
from netaudience.operations.declare import PageQuery
from netaudience.sandbox import BackgroundSandbox
from netaudience.vendors import client_of, clients

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "command.md"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def accounts(sandbox: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)


def found(result) -> dict[tuple[str, str], str]:
    return {(line["about"], line["check"]): line["verdict"] for line in result.lines}


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.slug)
def test_what_is_asked_is_a_documented_read_that_changes_nothing(client) -> None:
    operation = client.operations()[client.probe.operation]
    facts = operation.facts
    assert (facts.acknowledges, str(facts.provenance), facts.method) == ("answered", "documented", "GET")
    assert not facts.destructive
    assert (client.probe.item is not None) is (operation.shape == "call")
    required = [p for p in operation.parameters.values() if p.default is p.empty]
    assert not required
    assert isinstance(operation, PageQuery) is (operation.shape == "pages")


def test_every_vendor_is_asked_once_and_nothing_else_is_sent(run, accounts, sandbox, tmp_path) -> None:
    result = run("doctor", "--json")
    assert result.code == 0, result.lines
    assert set(found(result).values()) == {"ok"}
    for client in clients():
        for check in ("reachable", "credentials", "clock"):
            assert (client.slug, check) in found(result)
    asked = Counter(entry.vendor for entry in sandbox.ledger.requests)
    assert asked == {client.slug: 2 if client.slug == "fynd" else 1 for client in clients()}  # it has a token
    assert sorted(tmp_path.iterdir()) == []


def test_it_knows_every_extra_that_users_install() -> None:
    project = tomllib.loads((PAGE.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = {"bench", "dev", "docs"}
    extras = {name for name in project["optional-dependencies"] if not name.startswith("test")} - ours
    assert set(doctor._EXTRAS) == extras


def test_it_looks_as_its_page_shows_it(run, accounts) -> None:
    shown = re.search(r"\$ netaudience doctor netmera\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    def plain(text: str) -> str:
        text = re.sub(r"(machine  extras +installed: ).*", r"\1those that are", text)
        return re.sub(r"[0-9][0-9.]*", "0", text)

    assert shown is not None
    assert plain(run("doctor", "netmera").out.decode()) == plain(shown[1])


@pytest.mark.parametrize(
    ("variables", "code", "check", "words"),
    [
        ({"NETAUDIENCE_NETMERA_API_KEY": ""}, 2, "credentials", "NETAUDIENCE_NETMERA_API_KEY is not set"),
        ({"NETAUDIENCE_NETMERA_BASE_URL": "http://127.0.0.1:1"}, 1, "reachable", "No connection"),
        ({"NETAUDIENCE_QUOTAS": "missing/quotas.db"}, 1, "quotas", "NETAUDIENCE_QUOTAS"),
        ({"NETAUDIENCE_QUOTAS": "redis//:x://"}, 2, "quotas", "NETAUDIENCE_QUOTAS"),
    ],
)
def test_what_is_wrong_is_told_with_its_code(
    run, accounts, monkeypatch, variables, code, check, words
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = run("doctor", "netmera", "--json")
    (wrong,) = [line for line in result.lines if line["verdict"] == "wrong"]
    assert (result.code, wrong["code"], wrong["check"]) == (code, code, check)
    assert words in wrong["sentence"]


@pytest.mark.parametrize(("status", "code", "verdict"), [(401, 4, "wrong"), (429, 0, "warning")])
def test_what_the_vendor_says_is_told(run, accounts, sandbox, status, code, verdict) -> None:
    sandbox.set_faults(f"status={status},vendor=iterable")
    result = run("doctor", "iterable", "--json")
    assert (result.code, found(result)["iterable", "credentials"]) == (code, verdict)
    assert "sandbox" not in "".join(line["sentence"] for line in result.lines)  # which is the key


def test_a_key_that_may_be_good_for_something_else_is_told_so(run, accounts, sandbox) -> None:
    sandbox.set_faults("status=401,vendor=moengage")
    result = run("doctor", "moengage")
    assert result.code == 4
    assert b"It needs the scope read:subscriptions" in result.out


@pytest.mark.parametrize(("off", "words"), [(3600.0, "ahead of"), (-3600.0, "behind")])
def test_a_clock_that_is_off_is_a_warning(run, accounts, monkeypatch, off, words) -> None:
    monkeypatch.setattr(doctor, "epoch_of", lambda text: epoch_of(text) - off)
    result = run("doctor", "netmera")
    assert result.code == 0
    assert re.search(
        rf"warning  netmera  clock +this machine's is 3,(599|600|601) s {words}", result.out.decode()
    )


def test_a_folder_that_cannot_be_written(run, accounts, tmp_path) -> None:
    (tmp_path / ".netaudience").write_text("no folder", encoding="utf-8")
    result = run("doctor", "netmera", "--json")
    assert (result.code, found(result)["machine", "runs folder"]) == (1, "wrong")


def test_nothing_is_set(run) -> None:
    result = run("doctor", "--json")
    assert (result.code, found(result)["vendors", "credentials"]) == (2, "wrong")
    assert run("doctor", "netmira").code == 2


def test_a_vendor_without_a_read_is_told(monkeypatch, run, accounts) -> None:
    monkeypatch.setattr(client_of("netmera"), "probe", None)
    result = run("doctor", "netmera", "--json")
    assert (result.code, found(result)["netmera", "credentials"]) == (0, "warning")


def test_the_vendors_of_a_job(run, accounts, tmp_path) -> None:
    (tmp_path / "users.csv").write_text("ext_id\n1\n", encoding="utf-8")
    run("init", "job.toml", "--source", "users.csv", "--vendor", "netmera", "--operation", "untag-users")
    (tmp_path / "job.toml").write_text(
        (tmp_path / "job.toml").read_text(encoding="utf-8").replace('tag = ""', 'tag = "x"'), encoding="utf-8"
    )
    result = run("doctor", "--job", "job.toml", "--json")
    assert {about for about, _ in found(result)} == {"machine", "netmera", "job"}


@pytest.mark.parametrize(
    "shell", ["bash", *(pytest.param(shell, marks=pytest.mark.slow) for shell in ("zsh", "fish"))]
)
def test_completion_knows_operations_and_flags(tmp_path, capsys, shell) -> None:
    script = tmp_path / "completion"
    words = ["--install-completion", "--shell", shell, "--output", str(script)]
    assert main(words, [client_of("netmera")]) in {0, None}
    told = script.read_text(encoding="utf-8")
    for word in ("doctor", "tag-users", "max-rows"):
        assert word in told
    if shell == "bash":
        subprocess.run(["bash", "-n", script], check=True)
