"""Receipts name nobody, cannot be changed unseen, and a second look says what the sandbox's state says."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from people_at_sandbox import DAY, DOCUMENTED, ERASING, clients, held, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import Key, Receipts, Subject, erase, look_again_at
from netaudience.verbs.looks import cases_of
from netaudience.verbs.receipts import check_receipts

pytest.importorskip("duckdb")

KEY = "0123456789abcdef" * 4
FAST = {slug: SandboxLimits.rate(1000) for slug in names()}


def erased_and_looked_at(
    path: Path,
    subjects: list[Subject],
    *,
    faults: tuple[Fault, ...] = (),
    activated: bool = True,
    days: float = 8,
) -> tuple[dict[tuple[int, str], str], dict[tuple[int, str], bool]]:
    """Erase people, look again some days later, and return what is known and whom the sandbox still holds."""

    async def run() -> tuple[dict[tuple[int, str], str], dict[tuple[int, str], bool]]:
        async with Sandbox(limits=FAST, delay=DOCUMENTED, faults=faults) as sandbox:
            settle(sandbox, subjects)
            sandbox.netmera.app.erases = activated
            how = {"vendors": ERASING, "client_factory": clients(sandbox, project_type="hybrid")}
            with Receipts(path, Key(KEY)) as receipts:
                await erase(
                    subjects,
                    agreed=len(subjects),
                    receipts=receipts,
                    folder=path.parent,
                    signals=False,
                    **how,
                )
                sandbox.advance(days * DAY)
                now = datetime.now(UTC) + timedelta(days=days)
                await look_again_at(receipts, subjects, now=now, **how)
                cases = cases_of(receipts.lines)
            known = {(case.verdict["row"], case.verdict["vendor"]): case for case in cases}
            there = {
                (row, vendor): held(sandbox, vendor, subject)
                for row, subject in enumerate(subjects, 1)
                for vendor in ERASING
            }
            told = {
                at: f"{case.status} {case.last['answer'] if case.last else 'not looked at'}"
                for at, case in known.items()
            }
            return told, there

    return asyncio.run(run())


def test_a_second_look_says_who_is_gone_and_where_nothing_proves_it(tmp_path: Path) -> None:
    told, there = erased_and_looked_at(tmp_path / "receipts.jsonl", people(2))
    assert not any(there.values())
    for row in (1, 2):
        assert {vendor: told[row, vendor] for vendor in ERASING} == {
            "clevertap": "applied done",
            "iterable": "applied done",
            "moengage": "applied done",
            "netmera": "accepted nothing_shown",
        }


def test_nobody_is_looked_at_before_the_vendors_own_time_is_over(tmp_path: Path) -> None:
    told, _ = erased_and_looked_at(tmp_path / "receipts.jsonl", people(1), days=1)
    assert told[1, "clevertap"] == "accepted not looked at"
    assert told[1, "moengage"] == "accepted not looked at"
    assert told[1, "iterable"] == "applied done"


def test_what_a_vendor_took_and_has_not_done_is_seen(tmp_path: Path) -> None:
    told, there = erased_and_looked_at(
        tmp_path / "receipts.jsonl",
        people(1),
        faults=tuple(Fault("lost", vendor=vendor) for vendor in ("iterable", "clevertap", "moengage")),
        activated=False,  # Netmera, whose users are then no longer tracked, and that is all
    )
    assert all(there.values())
    assert told == {(1, vendor): "failed not_done" for vendor in ERASING}


def written(path: Path) -> list[str]:
    with Receipts(path, Key(KEY)) as receipts:
        for row in range(1, 6):
            receipts.add(
                [
                    {
                        "kind": "verdict",
                        "run": "r",
                        "row": row,
                        "vendor": "netmera",
                        "status": "accepted",
                        "subject": {},
                    }
                ]
            )
    return path.read_text().splitlines()


def rechained(lines: list[str]) -> list[str]:
    """Return lines chained anew, by somebody who has no key."""
    previous, made = "0" * 64, []
    for line in lines:
        made.append(json.dumps({**json.loads(line), "previous": previous}, separators=(",", ":")))
        previous = hashlib.sha256(made[-1].encode()).hexdigest()
    return made


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "first taken out": (lambda lines: lines[1:], "Before line 1"),
    "one taken out": (lambda lines: [*lines[:2], *lines[3:]], "Before line 3"),
    "last taken out": (lambda lines: lines[:-1], "1 of 5 lines are missing at the end"),
    "all taken out": (lambda lines: [], "5 of 5 lines are missing at the end"),
    "two exchanged": (lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]], "Before line 2"),
    "one put in twice": (lambda lines: [lines[0], *lines], "Before line 2"),
    "one changed": (lambda lines: [lines[0].replace("accepted", "applied"), *lines[1:]], "Line 1"),
    "the last changed": (lambda lines: [*lines[:-1], lines[-1].replace("accepted", "applied")], "Line 5"),
    "no receipt": (lambda lines: [*lines[:2], "{", *lines[3:]], "Line 3"),
    "changed and chained anew": (
        lambda lines: rechained([line.replace("accepted", "applied") for line in lines]),
        "was changed, or was written with another key",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_changed_unseen(change: str, tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    lines = written(path)
    assert check_receipts(path, Key(KEY)) == []
    changed, said = CHANGES[change]
    path.write_text("".join(f"{line}\n" for line in changed(lines)))
    assert said in " ".join(check_receipts(path, Key(KEY)))
    with pytest.raises(ConfigurationError, match="Nothing is added"):
        Receipts(path, Key(KEY))


def test_without_the_count_nobody_knows_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    written(path)
    (tmp_path / "receipts.jsonl.head").unlink()
    assert "is missing" in check_receipts(path, None)[0]


def test_another_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    written(path)
    assert "another key" in check_receipts(path, Key(KEY[::-1]))[0]
    assert check_receipts(path, None) == []


def test_what_a_killed_process_has_begun_to_write_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    lines = written(path)
    path.write_text("\n".join([*lines, lines[0][:40]]))
    assert len(written(path)) == 10
    assert check_receipts(path, Key(KEY)) == []


def test_a_file_is_one_process_at_a_time(tmp_path: Path) -> None:
    with Receipts(tmp_path / "receipts.jsonl", Key(KEY)), pytest.raises(ConfigurationError, match="Another"):
        Receipts(tmp_path / "receipts.jsonl", Key(KEY))


def test_a_key_is_long_and_is_never_shown() -> None:
    with pytest.raises(ConfigurationError, match="32 characters at least"):
        Key("secret")
    assert KEY not in repr(Key(KEY))


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("email", "Ada@Example.com", " ada@example.com ", True),
        ("phone", "+90 532 123 45 67", "+905321234567", True),
        ("id", "A1", "a1", False),
    ],
)
def test_spellings_of_one_person_are_one_person(kind: str, one: str, other: str, same: bool) -> None:
    assert (Key(KEY).subject(kind, one) == Key(KEY).subject(kind, other)) == same


def test_the_commands_write_check_look_and_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("id,email\nid0,person0@example.com\n")
    words = ["erase", "people.csv", "--yes-delete", "1", "--vendor", "iterable", "--quiet"]
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, people(1))
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NETAUDIENCE_ITERABLE_PROJECT_TYPE", "hybrid")
        assert main([*words, "--receipts", "r.jsonl"]) == 2
        assert "NETAUDIENCE_RECEIPTS_KEY" in capsys.readouterr().err
        monkeypatch.setenv("NETAUDIENCE_RECEIPTS_KEY", KEY)
        assert main([*words, "--receipts", "r.jsonl"]) == 0
        assert main(["resume", "latest", "--yes-delete", "1", "--quiet"]) == 0
        assert Path("r.jsonl").read_text().count("\n") == 1
        assert not any(secret in Path("r.jsonl").read_text() for secret in ("person0", "id0", KEY))
        capsys.readouterr()
        assert main(["receipts", "verify", "r.jsonl"]) == 3
        assert "1 case due and not looked at: give --people" in capsys.readouterr().err
        assert main(["receipts", "verify", "r.jsonl", "--people", "people.csv"]) == 0
        assert json.loads(capsys.readouterr().out)["answer"] == "done"
    assert main(["receipts", "show", "r.jsonl", "--email", "PERSON0@example.com"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["receipts", "show", "r.jsonl", "--id", "id1"]) == 3
    assert main(["receipts", "show", "r.jsonl"]) == 2
    Path("r.jsonl").write_text(Path("r.jsonl").read_text().replace("applied", "accepted"))
    assert main(["receipts", "verify", "r.jsonl"]) == 1
