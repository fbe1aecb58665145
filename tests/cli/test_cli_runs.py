"""Whole commands against the sandbox: every row has its outcome, every way to end has its exit code."""

from __future__ import annotations

import io
import json
import logging
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netaudience.cli.progress import Lines, describe
from netaudience.cli.tally import Tally
from netaudience.outcomes import Report
from netaudience.sandbox import BackgroundSandbox

Write = Callable[[str, str | bytes], Path]


def test_all_delivered(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("users.csv", '\ufeffcustomer_id,name\r\n007,"Ada, B."\r\n12345678901234567890,x\r\n')
    result = netmera(
        "tag-users", "--tag", "Sport", "--more-tags", "A", "--more-tags", "B", path, "--column", "customer_id"
    )
    assert (result.code, result.out) == (0, b"")
    assert result.counts == {
        "row": 2,
        "accepted": 2,
        "rejected": 0,
        "failed": 0,
        "in doubt": 0,
        "never sent": 0,
    }
    assert "column 'customer_id' is the ext id" in result.err
    assert sandbox.netmera.users["007"].tags == {"Sport", "A", "B"}
    assert sandbox.netmera.users["12345678901234567890"].tags == {"Sport", "A", "B"}


def test_quiet_says_only_the_summary(netmera, file: Write) -> None:
    result = netmera("tag-users", "--tag", "Sport", file("x.txt", "a\n"), "--quiet")
    assert result.err.startswith("Netmera tag_users: 1 row, 1 accepted")


def test_rejected_rows_are_told_with_row_line_and_the_callers_own_data(
    netmera, sandbox: BackgroundSandbox, file: Write
) -> None:
    sandbox.set_faults("poison=poison")
    path = file("users.csv", 'id,note\na,"two\nlines"\npoison,x\nshort\n,empty\nb,y\n')
    result = netmera("tag-users", "--tag", "Sport", path)
    assert result.code == 3
    by_row = {line["row"]: line for line in result.lines}
    assert set(by_row) == {2, 3, 4}
    assert by_row[2] == {
        "row": 2, "line": 4, "outcome": "rejected", "key": "poison", "item": {"id": "poison", "note": "x"},
        "vendor": "Netmera", "status": 400, "code": 2004, "reason": by_row[2]["reason"],
    }  # fmt: skip
    assert "code 2004" in by_row[2]["reason"]
    assert (by_row[3]["item"], by_row[3]["status"]) == (["short"], None)
    assert by_row[4]["item"] == {"id": "", "note": "empty"}
    assert "empty" in by_row[4]["reason"]
    assert result.counts == {
        "row": 5,
        "accepted": 2,
        "rejected": 3,
        "failed": 0,
        "in doubt": 0,
        "never sent": 0,
    }
    assert {name for name, user in sandbox.netmera.users.items() if "Sport" in user.tags} >= {"a", "b"}
    assert "poison" not in result.err


def test_rejects_go_to_a_file_of_their_own_that_can_be_sent_again(
    netmera, sandbox: BackgroundSandbox, file: Write, tmp_path: Path
) -> None:
    sandbox.set_faults("poison=b,first=2")
    rejects = tmp_path / "rejects.ndjson"
    result = netmera("tag-users", "--tag", "T", file("x.csv", "id,n\na,1\nb,2\n"), "--rejects", rejects)
    assert (result.code, result.out) == (3, b"")
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    items = [json.loads(line)["item"] for line in rejects.read_text().splitlines()]
    again = file("again.jsonl", "".join(json.dumps(item) + "\n" for item in items))
    assert netmera("tag-users", "--tag", "T", again, "--column", "id").code == 0
    assert sandbox.netmera.users["b"].tags == {"T"}


def test_rows_of_profiles(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("x.csv", "extId,name,points\n1,Ada,34\n2,Bob,\n1,Ada,35\n")
    assert netmera("set-profile-attributes", path, "--typed").code == 0
    assert sandbox.netmera.users["1"].profile == {"name": "Ada", "points": 35}
    assert sandbox.netmera.users["2"].profile == {"name": "Bob"}


def test_a_row_whose_cell_does_not_fit_is_rejected_and_costs_no_request(netmera, file: Write) -> None:
    path = file("x.csv", "extId,category,enable\na,N,yes\nb,N,perhaps\n")
    result = netmera("set-category-preferences", path)
    assert result.code == 3
    assert [(line["row"], line["outcome"]) for line in result.lines] == [(2, "rejected")]
    assert result.counts["accepted"] == 1


def test_only_bad_rows_is_no_empty_source(netmera, file: Write) -> None:
    result = netmera("tag-users", "--tag", "T", file("x.jsonl", "{nope\n"))
    assert result.code == 3
    assert result.counts == {
        "row": 1,
        "accepted": 0,
        "rejected": 1,
        "failed": 0,
        "in doubt": 0,
        "never sent": 0,
    }


def test_reads_give_answers_by_the_vendors_names(netmera, file: Write) -> None:
    result = netmera("get-devices", file("x.txt", "id1\nunknown\n"))
    delivered, rejected = sorted(result.lines, key=lambda line: line["row"])
    assert result.code == 3
    assert (delivered["row"], delivered["outcome"], delivered["key"]) == (1, "delivered", "id1")
    assert delivered["result"]["extId"] == "id1"
    assert delivered["result"]["devices"][0]["deviceModel"] == "Pixel 5"
    assert (rejected["row"], rejected["outcome"], rejected["code"]) == (2, "rejected", 5016)


def test_a_single_item_needs_no_file(netmera, sandbox: BackgroundSandbox) -> None:
    assert netmera("get-profile-attributes", "--item", "id1").lines[0]["result"]["profile"]["age"] == 34
    assert netmera("send-push-approval", "--item", "1").code == 0
    assert sandbox.netmera.messages[1] is True
    assert netmera("tag-users", "--tag", "T", "--item", "x", "--item", "y").counts["accepted"] == 2


def test_queries_and_pages_answer_on_standard_output(netmera) -> None:
    segments = netmera("get-segments", "--os", "IOS")
    assert (segments.code, segments.lines[0]["list"][0]["id"]) == (0, 5883)
    devices = netmera("get-device-tokens", "--page-size", "1")
    assert [row["token"] for row in devices.lines] == ["token-1", "token-2"]
    assert devices.err == ""


def test_clevertap(run, netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    assert run("clevertap", "demerge", file("x.csv", "identity\na\nb\n")).code == 0
    assert sandbox.check("clevertap", "demerge", ["a", "b"])["applied"].ok


# How it ends when it does not end well.


def test_a_wrong_key_stops_the_run_and_every_row_that_was_read_is_told(
    netmera, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "a-wrong-key")
    ids = [f"id{number}" for number in range(5000)]
    result = netmera(
        "tag-users", "--tag", "T", file("x.txt", "\n".join(ids)), "--in-flight", "1", "--max-rows", "100"
    )
    assert result.code == 4
    counts = result.counts
    assert counts["failed"] == counts["row"] == len(result.lines)
    assert {line["outcome"] for line in result.lines} == {"failed"}
    assert [line["item"] for line in sorted(result.lines, key=lambda line: line["row"])] == ids[
        : len(result.lines)
    ]
    assert f"Rows after the first {counts['row']:,} were not read" in result.err
    assert "The run stopped early: Netmera did not accept the credentials" in result.err
    assert "a-wrong-key" not in result.err


def test_an_account_that_is_not_set_up_fails(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    sandbox.set_faults("status=400,code=5023")
    result = netmera("tag-users", "--tag", "T", file("x.txt", "a\n"))
    assert result.code == 1
    assert result.counts["failed"] == 1


def test_an_operation_that_is_not_safe_to_repeat_leaves_doubt(
    netmera, sandbox: BackgroundSandbox, file: Write
) -> None:
    sandbox.set_faults("reset-after")
    result = netmera("push-profile-attributes", file("x.csv", "extId,seen\na,x\n"))
    assert result.code == 3
    assert [line["outcome"] for line in result.lines] == ["in_doubt"]
    assert result.counts["in doubt"] == 1


@pytest.mark.parametrize(
    ("name", "content"), [("x.csv", ""), ("x.csv", "id\n"), ("x.txt", "\n\n"), ("x.jsonl", "")]
)
def test_an_empty_source_is_refused_unless_meant(netmera, file: Write, name: str, content: str) -> None:
    path = file(name, content)
    refused = netmera("tag-users", "--tag", "T", path)
    assert (refused.code, "--allow-empty" in refused.err) == (5, True)
    assert netmera("tag-users", "--tag", "T", path, "--allow-empty").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tag-users", "--tag", "T", "nothing.csv"), "There is no file nothing.csv"),
        (("tag-users", "--tag", "T", "."), ". is a directory"),
        (("tag-users", "--tag", "T"), "Say where the items come from"),
        (("tag-users", "--tag", "T", "x.csv", "--item", "a"), "Say where the items come from"),
        (("tag-users", "--tag", "T", "--nope"), "--nope"),
        (("tag-users", "--tag", "T", "USERS", "--nope"), "--nope"),
        (("tag-users", "USERS"), "--tag"),
        (("tag-users", "--tag", "", "USERS"), "A tag must be text that is not empty"),
        (("tag-users", "--tag", "T", "USERS", "--column", "nope"), "it has 'id', 'name'"),
        (("tag-users", "--tag", "T", "USERS", "--max-rows", "0"), "max_rows must be more than 0"),
        (("tag-users", "--tag", "T", "USERS", "--format", "xml"), "xml"),
        (("tag-users", "--tag", "T", "USERS", "--delimiter", "ab"), "one character"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "USERS"), "is the source itself"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "no/such/file"), "cannot be written"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "FULL"), "has content already"),
        (("get-segments", "--os", "WINDOWS"), "WINDOWS"),
        (("get-device-tokens", "--page-size", "0"), "page_size must be at least 1"),
        (("tag-user", "USERS"), "tag-users"),
    ],
)
def test_usage_and_configuration_are_told_in_one_sentence(
    netmera, sandbox: BackgroundSandbox, file: Write, arguments: tuple[str, ...], sentence: str
) -> None:
    files = {"USERS": str(file("users.csv", "id,name\n1,a\n")), "FULL": str(file("full.ndjson", "x"))}
    result = netmera(*(files.get(argument, argument) for argument in arguments))
    told = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert (result.code, result.out, len(told)) == (2, b"", 1)
    assert sentence in told[0]
    assert "Traceback" not in result.err
    assert not sandbox.ledger.requests


def test_missing_credentials_are_told(run, file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETAUDIENCE_NETMERA_API_KEY", raising=False)
    result = run("netmera", "tag-users", "--tag", "T", file("x.txt", "a\n"))
    assert result.code == 2
    assert "NETAUDIENCE_NETMERA_API_KEY is not set" in result.err


def test_a_file_that_breaks_in_the_middle_is_settled_up_to_there(
    netmera, sandbox: BackgroundSandbox, file: Write
) -> None:
    good = [f"id{number}" for number in range(1, 2501)]
    path = file("x.txt", "\n".join(good).encode() + b"\nb\xffd\nid9999\n")
    result = netmera("tag-users", "--tag", "T", path)
    assert result.code == 1
    assert "The run stopped early: x.txt: line 2,501 is not UTF-8" in result.err
    assert result.counts["accepted"] == result.counts["row"] == 2500
    assert sandbox.check("netmera", "tagUsers", good)["applied"].ok


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
def test_a_full_disk_stops_reading_and_loses_no_outcome(netmera, file: Write) -> None:
    lines = ["{bad"] * 5 + [f'"id{number}"' for number in range(20_000)]
    path = file("x.jsonl", "\n".join(lines))
    result = netmera("tag-users", "--tag", "T", path, "--rejects", "/dev/full")
    assert result.code == 1
    assert "/dev/full cannot be written (No space left on device)" in result.err
    assert [line["row"] for line in result.lines] == [1, 2, 3, 4, 5]
    counts = result.counts
    assert counts["rejected"] == 5
    assert counts["row"] == counts["accepted"] + 5 < len(lines)
    assert "were not read" in result.err


def test_numbers_beyond_64_bits_and_half_characters_are_written_as_they_are(netmera, file: Write) -> None:
    path = file("x.jsonl", '{"id": 123456789012345678901234567890}\n{"id": "\\ud800"}\n')
    result = netmera("tag-users", "--tag", "T", path)
    assert result.code == 3
    assert [line["item"] for line in result.lines] == [
        {"id": 123456789012345678901234567890},
        {"id": "\ud800"},
    ]


def test_a_defect_is_told_without_a_traceback_unless_asked_for(
    run, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> int:
        raise ZeroDivisionError("with somebody@example.com in it")

    monkeypatch.setattr("netaudience.cli.demo.run_demo", broken)
    plain = run("demo")
    assert (plain.code, "somebody" in plain.err, "Traceback" in plain.err) == (1, False, False)
    assert "ZeroDivisionError, which nobody expected" in plain.err
    assert "Traceback" in run("demo", "--debug").err


# Progress.


def test_progress_in_plain_lines() -> None:
    seconds = iter([0.0, 10.0, 20.0])
    written: list[str] = []
    report = Report("Netmera", "tag_users", "accepted", items=500, delivered=300, rejected=100, throttles=2)
    tally = Tally(report, bad_rows=100, given=900)
    lines = Lines(written.append, clock=lambda: next(seconds))
    lines.update(tally, 0.5)
    assert written == [
        "500 items, 50/s, 0% of the time waiting for the limit, throttled 2 times, 200 rejected, 30 s left\n"
    ]
    lines.close(tally, None)
    assert "left" not in written[1]


def test_time_left_is_told_in_hours() -> None:
    report = Report("Netmera", "tag_users", "accepted", delivered=10)
    assert describe(Tally(report, given=10), 0.01, 100).endswith("2 h 45 min left")


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_colour", [False, True])
def test_a_terminal_gets_a_bar_and_a_table(
    netmera, file: Write, monkeypatch: pytest.MonkeyPatch, no_colour: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", _Terminal(shown, encoding="utf-8", write_through=True))
    assert netmera("tag-users", "--tag", "T", file("x.txt", "a\n\u00e9\n")).code == 0
    text = shown.getvalue().decode()
    assert "2 items" in text
    assert "accepted" in text
    assert ("\x1b[32m" in text) is not no_colour


def test_log_messages_are_shown_if_asked_for(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    logger = logging.getLogger("netaudience")
    before = logger.handlers[:]
    sandbox.set_faults("status=503,first=1")
    try:
        result = netmera("tag-users", "--tag", "T", file("x.txt", "a\n"), "--log-level", "debug")
    finally:
        logger.handlers[:] = before
        logger.setLevel(logging.NOTSET)
    assert result.code == 0
    assert "DEBUG netaudience: attempt failed: Netmera is unavailable" in result.err


def test_a_report_never_replaces_the_source(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("x.txt", "a\n")
    result = netmera("tag-users", "--tag", "T", path, "--report", path)
    assert (result.code, path.read_text()) == (2, "a\n")
    assert "name another file" in result.err
    assert not sandbox.ledger.requests


def test_a_report_that_cannot_be_written_is_told(netmera, file: Write, tmp_path: Path) -> None:
    path = file("x.txt", "a\n")
    result = netmera("tag-users", "--tag", "T", path, "--report", tmp_path / "no" / "report.json")
    assert result.code == 1
    assert "cannot be written" in result.err
