"""Operations that lose data are asked for twice, and the count is typed; refused, they send nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience.client import Client
from netaudience.model.kinds import Identifiers
from netaudience.sandbox import BackgroundSandbox
from netaudience.vendors import clients

Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("operation", "flags", "code", "sentence"),
    [
        ("delete-users-permanently", (), 5, "is for 2 rows: add --yes-delete 2"),
        (
            "delete-users-permanently",
            ("--yes-delete", "3"),
            5,
            "says 3, and delete_users_permanently is for 2 rows",
        ),
        ("delete-users-permanently", ("--yes",), 5, "is for 2 rows: add --yes-delete 2"),
        ("delete-profile-attributes-of-all-users", (), 5, "every user of the app: add --yes"),
        ("delete-profile-attribute-value-of-all-users", (), 5, "every user of the app: add --yes"),
    ],
)
def test_without_consent_nothing_is_sent(
    netmera,
    sandbox: BackgroundSandbox,
    file: Write,
    operation: str,
    flags: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    result = netmera(operation, *flags, file("users.csv", "ext_id,key,value\nid1,k,x\nid2,k,x\nid3\n"))
    assert result.code == code
    assert sentence in result.err
    assert not sandbox.ledger.requests


def test_with_the_right_count_it_is_done(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("users.csv", "ext_id\nid1\nid2\n")
    assert netmera("delete-users-permanently", "--yes-delete", "2", path).code == 0
    sandbox.advance(60)
    assert set(sandbox.netmera.users) == {"id3"}
    assert netmera("delete-users-permanently", "--yes-delete", "1", "--item", "id3").code == 0
    sandbox.advance(60)
    assert not sandbox.netmera.users


def test_who_is_not_there_is_erased_already(netmera, file: Write) -> None:
    path = file("users.csv", "ext_id\nid1\nnobody\nid2\n")
    result = netmera("delete-users-permanently", "--yes-delete", "3", path)
    assert (result.code, result.counts) == (0, {"rows": 3, "accepted": 3})
    assert "counts as done" in result.err


def test_with_yes_it_is_done(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    assert netmera("delete-profile-attributes-of-all-users", "--yes", file("x.csv", "key\nage\n")).code == 0
    assert "age" not in sandbox.netmera.users["id1"].profile
    path = file("y.csv", "key,value\nlastVisitedCategories,shopping\n")
    assert netmera("delete-profile-attribute-value-of-all-users", path, "--yes").code == 0
    assert sandbox.netmera.users["id1"].profile["lastVisitedCategories"] == []


#: By vendor and operation: what it takes its identifiers for where nobody says what they are.
BY = [
    (client, operation.name, str(operation.signature.parameters["by"].default))
    for client in clients()
    for operation in client.operations().values()
    if "by" in operation.signature.parameters
    and isinstance(operation.kind, Identifiers)
    and operation.facts.acknowledges != "answered"
    and all(one.default is not one.empty for one in operation.parameters.values())
]


@pytest.mark.parametrize(
    ("client", "name", "by"), BY, ids=[f"{client.slug} {name}" for client, name, _ in BY]
)
def test_addresses_under_another_name_stop_both_doors(
    run,
    at_sandbox,
    sandbox: BackgroundSandbox,
    tmp_path: Path,
    monkeypatch,
    client: type[Client],
    name: str,
    by: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text("kunde\na@example.com\nb@example.com\n")
    step = f'[[step]]\nvendor = "{client.slug}"\noperation = "{name}"\nfields = {{ user = "kunde" }}\n'
    Path("job.toml").write_text(f'[source]\nfiles = "users.csv"\n{step}')
    consent = ["--yes-delete", "2"] if client.operations()[name].facts.irreversible else []
    command = [client.slug, name.replace("_", "-"), "users.csv", "--column", "kunde", *consent]
    for words in (["plan", "job.toml"], ["run", "job.toml", *consent], command):
        result = run(*words)
        assert (result.code, result.out) == (2, b"")
        assert "Most values of the column 'kunde' look like e-mail addresses" in result.err
        assert f"{name} would take them for {by}: say which" in result.err
    assert not sandbox.ledger.requests
    Path("job.toml").write_text(f'{Path("job.toml").read_text()}arguments = {{ by = "{by}" }}\n')
    assert run("plan", "job.toml").code == 0
