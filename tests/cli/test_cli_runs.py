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

from netaudience.sandbox import BackgroundSandbox

Write = Callable[[str, str | bytes], Path]


def test_all_delivered(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("users.csv", '\ufeffcustomer_id,name\r\n007,"Ada, B."\r\n12345678901234567890,x\r\n')
    result = netmera("tag-users", "--tag", "Sport", path, "--column", "customer_id")
    assert (result.code, result.out) == (0, b"")
    assert result.counts == {"rows": 2, "accepted": 2}
    assert "column 'customer_id' is the ext id" in result.err
    assert sandbox.netmera.users["007"].tags == {"Sport"}
    assert sandbox.netmera.users["12345678901234567890"].tags == {"Sport"}


def test_a_flag_with_several_values(netmera, sandbox: BackgroundSandbox) -> None:
    numbers = ("--wp-numbers", "+1234567890", "--wp-numbers", "+905321234567")
    assert netmera("enable-whats-app", "--item", "id1", *numbers).code == 2
    numbers = ("--wp-numbers", "+905321234568", "--wp-numbers", "+905321234567")
    assert netmera("enable-whats-app", "--item", "id1", *numbers).code == 0
    assert sandbox.netmera.users["id1"].permissions == {"whatsapp": True}


def test_quiet_says_nothing_when_all_is_well_and_the_summary_when_not(netmera, file: Write) -> None:
    result = netmera("tag-users", "--tag", "Sport", file("x.txt", "a\n"), "--quiet")
    assert (result.code, result.err) == (0, "")
    result = netmera("tag-users", "--tag", "Sport", file("y.csv", "ext_id,n\na,1\n,2\n"), "--quiet")
    assert result.err.startswith("netmera tag_users: of 2 rows, 1 accepted, 1 rejected.")


def test_rejected_rows_are_told_with_row_line_and_the_callers_own_data(
    netmera, sandbox: BackgroundSandbox, file: Write
) -> None:
    sandbox.set_faults("poison=poison")
    path = file("users.csv", 'id,note\na,"two\nlines"\npoison,x\nshort\n,empty\nb,y\n')
    result = netmera("tag-users", "--tag", "Sport", path)
    assert result.code == 3
    by_row = {line["position"]: line for line in result.lines}
    assert set(by_row) == {2, 3, 5}  # lines that are no rows are counted after all rows
    assert by_row[2] == {
        "position": 2, "key": "poison", "step": "", "vendor": "netmera",
        "operation": "tag_users", "outcome": "rejected",
        "status": 400, "code": 2004, "message": by_row[2]["message"], "reason": by_row[2]["reason"],
        "by": "vendor", "row": {"id": "poison", "note": "x"}, "fields": {"ext_id": "id"},
        "digest": by_row[2]["digest"], "arguments": {"tag": "Sport"},
    }  # fmt: skip
    assert "code 2004" in by_row[2]["reason"]
    assert "fewer cells than the header" in by_row[5]["reason"]
    assert "empty" in by_row[3]["reason"]
    assert result.counts == {"rows": 5, "accepted": 2, "rejected": 3}
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
    items = [json.loads(line)["row"] for line in rejects.read_text().splitlines()]
    again = file("again.jsonl", "".join(json.dumps(item) + "\n" for item in items))
    assert netmera("tag-users", "--tag", "T", again).code == 0
    assert sandbox.netmera.users["b"].tags == {"T"}


def test_rows_of_profiles(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    path = file("x.csv", "extId,name,points\n1,Ada,34\n2,Bob,\n1,Ada,35\n")
    assert netmera("set-profile-attributes", path, "--typed").code == 0
    assert sandbox.netmera.users["1"].profile == {"name": "Ada", "points": 35}
    assert sandbox.netmera.users["2"].profile == {"name": "Bob"}


def test_a_row_whose_cell_does_not_fit_is_rejected_and_costs_no_request(netmera, file: Write) -> None:
    path = file("x.csv", "extId,category,enable\na,Shopping,yes\nb,Shopping,perhaps\n")
    result = netmera("set-category-preferences", path)
    assert result.code == 3
    assert [(line["position"], line["outcome"]) for line in result.lines] == [(2, "rejected")]
    assert result.counts["accepted"] == 1


def test_only_bad_rows_is_no_empty_source(netmera, file: Write) -> None:
    result = netmera("tag-users", "--tag", "T", file("x.jsonl", "{nope\n"))
    assert result.code == 3
    assert (result.counts["rows"], result.counts["rejected"]) == (1, 1)


def test_reads_give_answers_by_the_vendors_names(netmera, file: Write) -> None:
    result = netmera("get-profile-attributes", file("x.txt", "id1\nunknown\n"))
    delivered, rejected = sorted(result.lines, key=lambda line: line["position"])
    assert result.code == 3
    assert (delivered["position"], delivered["outcome"], delivered["key"]) == (1, "delivered", "id1")
    assert delivered["result"]["extId"] == "id1"
    assert delivered["result"]["profile"]["name"] == "John"
    assert (rejected["position"], rejected["outcome"], rejected["code"]) == (2, "rejected", 5016)


def test_a_single_item_needs_no_file(netmera, sandbox: BackgroundSandbox) -> None:
    assert netmera("get-profile-attributes", "--item", "id1").lines[0]["result"]["profile"]["age"] == 34
    assert netmera("send-push-approval", "--item", "1").code == 0
    assert sandbox.netmera.messages[1] is True
    assert netmera("tag-users", "--tag", "T", "--item", "x", "--item", "y").counts["accepted"] == 2


def test_a_word_that_is_no_file_is_what_is_asked_about_and_stays_text(
    netmera, sandbox: BackgroundSandbox
) -> None:
    (line,) = netmera("get-profile-attributes", "0002").lines
    assert (line["key"], line["outcome"]) == ("0002", "rejected")  # the sandbox does not know the user
    changed = netmera("tag-users", "--tag", "T", "0002")
    assert (changed.code, "There is no file 0002" in changed.err) == (2, True)


def test_retry_takes_the_rejects_of_a_command(
    netmera, run, sandbox: BackgroundSandbox, file: Write, tmp_path: Path
) -> None:
    sandbox.set_faults("poison=b,first=2")
    rejects = tmp_path / "rejects.ndjson"
    netmera("tag-users", "--tag", "T", file("x.csv", "id,n\na,1\nb,2\n"), "--rejects", rejects)
    result = run("retry", rejects)
    assert (result.code, result.out) == (0, b""), result.err
    assert sandbox.netmera.users["b"].tags == {"T"}


def test_queries_and_pages_answer_on_standard_output(netmera) -> None:
    segments = netmera("get-segments")
    assert (segments.code, segments.lines[0]["list"][0]["id"]) == (0, 5883)
    devices = netmera("get-device-tokens", "--page-size", "1")
    assert [row["deviceToken"] for row in devices.lines] == ["token-1", "token-2"]
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
    assert counts.get("failed", 0) + counts["not sent"] == counts["rows"] == 5000
    told = sorted(result.lines, key=lambda line: line["position"])
    assert {line["outcome"] for line in told} <= {"failed", "unsent"}
    assert [line["row"] for line in told] == [{"line": name} for name in ids[: len(told)]]
    assert f"The rows after row {len(told):,} were not read" in result.err
    assert "It stopped early: Netmera did not accept the credentials" in result.err
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
    result = netmera("fire-events", "--no-preflight", file("x.csv", "extId,name,seen\na,Share,x\n"))
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
        (("tag-users", "--tag", "T", "USERS", "--max-rows", "0"), "max_rows must be a number of more than 0"),
        (("tag-users", "--tag", "T", "USERS", "--format", "xml"), "xml"),
        (("tag-users", "--tag", "T", "USERS", "--delimiter", "ab"), "one sign"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "USERS"), "is the source itself"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "no/such/file"), "cannot be written"),
        (("tag-users", "--tag", "T", "USERS", "--rejects", "FULL"), "has content already"),
        (("get-segment-users", "--segment-id", "WINDOWS"), "WINDOWS"),
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


def test_a_line_that_is_not_utf8_costs_only_itself(netmera, sandbox: BackgroundSandbox, file: Write) -> None:
    good = [f"id{number}" for number in range(1, 2501)]
    path = file("x.txt", "\n".join(good).encode() + b"\nb\xffd\nid9999\n")
    result = netmera("tag-users", "--tag", "T", path)
    assert result.code == 3
    assert "A line is no row: it is not UTF-8" in result.lines[0]["reason"]
    assert result.lines[0]["reference"] == "line 2,501 of x.txt"
    assert result.lines[0]["row"]["line"]
    assert result.counts == {"rows": 2502, "accepted": 2501, "rejected": 1}
    assert sandbox.check("netmera", "tagUsers", [*good, "id9999"])["applied"].ok


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
def test_a_full_disk_stops_reading_and_loses_no_outcome(netmera, file: Write) -> None:
    lines = ["{bad"] * 5 + [json.dumps({"ext_id": f"id{number}"}) for number in range(20_000)]
    path = file("x.jsonl", "\n".join(lines))
    result = netmera("tag-users", "--tag", "T", path, "--rejects", "/dev/full")
    assert result.code == 1
    assert "/dev/full cannot be written (No space left on device)" in result.err
    told = [line["position"] for line in result.lines if line["outcome"] == "rejected"]
    assert told == [1, 2, 3, 4, 5]
    counts = result.counts
    assert counts["rejected"] == 5
    assert counts["rows"] == counts.get("accepted", 0) + counts["not sent"] + 5 == len(lines)
    assert "were not read" in result.err


def test_numbers_beyond_64_bits_and_half_characters_are_told(netmera, file: Write) -> None:
    path = file("x.jsonl", '{"id": 123456789012345678901234567890}\n{"id": "\\ud800"}\n')
    result = netmera("tag-users", "--tag", "T", path)
    assert result.code == 3


def test_a_defect_is_told_without_a_traceback_unless_asked_for(
    run, file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> int:
        raise ZeroDivisionError("with somebody@example.com in it")

    monkeypatch.setattr("netaudience.cli.demo.run_demo", broken)
    plain = run("demo")
    assert (plain.code, "somebody" in plain.err, "Traceback" in plain.err) == (1, False, False)
    assert "ZeroDivisionError, which nobody expected" in plain.err
    for words in (["demo", "--debug"], ["--debug", "demo"], ["sandbox", "--port", "none", "--debug"]):
        assert "Traceback" in run(*words).err, words
    assert "Traceback" not in run("operations", "--", "--debug").err, "what follows -- is no flag"


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
    assert "tag_users: 100%" in text  # as much as eighty columns have room for
    assert "2 accepted" in text
    assert ("\x1b[38" in text) is not no_colour


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
