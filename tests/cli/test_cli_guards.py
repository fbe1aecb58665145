"""Operations that lose data are asked for twice, and the count is typed; refused, they send nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience.cli import running
from netaudience.sandbox import BackgroundSandbox

Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("operation", "flags", "code", "sentence"),
    [
        ("delete-users-permanently", (), 5, "has 3 rows: add --yes-delete 3"),
        ("delete-users-permanently", ("--yes-delete", "2"), 5, "says 2, and users.csv has 3 rows"),
        ("delete-users-permanently", ("--yes",), 5, "has 3 rows: add --yes-delete 3"),
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
    result = netmera(operation, *flags, file("users.csv", "key,value\nid1,x\nid2,x\nid3\n"))
    assert result.code == code
    assert sentence in result.err
    assert not sandbox.ledger.requests


def test_standard_input_cannot_be_counted(netmera, sandbox: BackgroundSandbox) -> None:
    result = netmera("delete-users-permanently", "-", "--yes-delete", "1")
    assert result.code == 2
    assert "write them to a file" in result.err
    assert not sandbox.ledger.requests


def test_with_the_right_count_it_is_done(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("users.csv", "ext_id\nid1\nid2\n")
    assert netmera("delete-users-permanently", "--yes-delete", "2", path).code == 0
    assert set(sandbox.netmera.users) == {"id3"}
    assert netmera("delete-users-permanently", "--yes-delete", "1", "--item", "id3").code == 0
    assert not sandbox.netmera.users


def test_with_yes_it_is_done(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    assert netmera("delete-profile-attributes-of-all-users", "--yes", file("x.csv", "key\nage\n")).code == 0
    assert "age" not in sandbox.netmera.users["id1"].profile
    path = file("y.csv", "key,value\nlastVisitedCategories,shopping\n")
    assert netmera("delete-profile-attribute-value-of-all-users", path, "--yes").code == 0
    assert sandbox.netmera.users["id1"].profile["lastVisitedCategories"] == []


def test_a_file_that_grew_after_it_was_counted_stops_the_run(
    netmera, sandbox: BackgroundSandbox, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file("users.csv", "ext_id\nid1\n")
    allow = running.allow

    def allow_and_grow(*arguments: object) -> int | None:
        count = allow(*arguments)
        path.write_text("ext_id\nid1\nid2\n")
        return count

    monkeypatch.setattr(running, "allow", allow_and_grow)
    result = netmera("delete-users-permanently", "--yes-delete", "1", path)
    assert result.code == 1
    assert "more rows than were counted" in result.err
    assert "id2" in sandbox.netmera.users
