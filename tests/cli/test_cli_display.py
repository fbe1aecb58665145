"""What is seen of a run that goes on: what matters is never cut off by the width of a terminal."""

from __future__ import annotations

import io
import sys

import attrs
import pytest

from netaudience.cli.display import step_line, tell, tell_summary, wrapped
from netaudience.cli.output import StandardOutput
from netaudience.errors import visible
from netaudience.jobs.state.summary import StepSummary, Summary

STEP = StepSummary(
    name="netmera-set-profile-attributes", vendor="netmera", operation="set_profile_attributes",
    total=2_000_000, delivered=1_234_567, rejected=12_345, throttles=3, requests=1300, seconds=60.0,
    waiting_share=0.9,
)  # fmt: skip
DOWN = attrs.evolve(STEP, silent_seconds=12.3, gives_up_in=239.0)


@pytest.mark.parametrize("width", range(20, 200, 3))
@pytest.mark.parametrize("step", [STEP, DOWN, StepSummary(name="x", vendor="v", operation="o")])
def test_a_line_is_never_wider_than_it_may_be(step: StepSummary, width: int) -> None:
    line = step_line(step, width)
    assert len(line) <= max(width, 55)  # one thing is always told, and it is never cut


def test_eighty_columns_keep_rejected_throttled_and_the_time_left() -> None:
    line = step_line(STEP, 70)  # with its bar
    assert line.endswith(": 62%, 12,345 rejected, throttled 3 times, 36.2 s left")
    assert step_line(DOWN, 70).endswith(": 62%, does not answer since 12 s, giving up in 4 min")


def test_a_single_request_without_an_answer_is_no_outage() -> None:
    assert "answer" not in step_line(attrs.evolve(STEP, silent_seconds=2.0, gives_up_in=298.0))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (STEP, "1,300 requests, throttled 3 times, 60.0 s, 90% of it waiting for the limit"),
        (attrs.evolve(STEP, requests=1, throttles=1, retries=1, waiting_share=0.0),
         "1 request, 1 of them repeated, throttled once, 60.0 s"),
        (attrs.evolve(STEP, requests=0, throttles=0, waiting_share=0.001), "0 requests, 60.0 s"),
    ],
)  # fmt: skip
def test_what_a_step_has_cost_leaves_out_what_was_not(
    step: StepSummary, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    step.seconds = 60.0
    summary = Summary(run="r", job="j", file="f", folder="x", started="2026-01-01T00:00:00", steps=[step])
    tell_summary(summary, quiet=False)
    assert f"  {told}\n" in capsys.readouterr().err


class Terminal(io.TextIOWrapper):
    """A stream that somebody looks at, with 80 letters in a line."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


class Screen(io.BytesIO):
    """The bytes of standard output on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "a\\u001b[31mred\\u001b[0m"),
        ("\x9b2J\x07\x00\r\x7f", "\\u009b2J\\u0007\\u0000\\u000d\\u007f"),
        ("\u202eevil\u202c", "\\u202eevil\\u202c"),
        ("a\u2028b", "a\\u2028b"),
        ("Ömer\tşehir 👩‍👧\n", "Ömer\tşehir 👩‍👧\n"),
    ],
)
def test_nothing_of_a_row_commands_a_terminal(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert visible(text) == shown
    terminal, screen = Terminal(), Screen()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen))
    tell(f"The column {text!s} is none")
    StandardOutput().write_all([text.encode()])
    assert terminal.shown().split() == f"The column {shown} is none".split()
    assert screen.getvalue().decode() == shown


def test_data_for_a_program_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(plain))
    StandardOutput().write_all(['{"a":"\x7f\u202e"}\n'.encode()])
    assert plain.getvalue() == '{"a":"\x7f\u202e"}\n'.encode()


def test_a_sentence_fits_a_terminal_and_keeps_its_command_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    command = "netaudience retry 20261129-022527-45b2 --in-doubt resend --account same"
    tell(f"What was not delivered is in .netaudience/n/runs/x/rejects.jsonl: mend it there, then: {command}")
    tell("First\n\n  netaudience netmera tag-users lists nothing that is longer than eighty letters are")
    lines = terminal.shown().splitlines()
    assert any(command in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
    assert lines[-4:-2] == ["First", ""]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Look with netaudience runs job.toml at all that were", "netaudience runs job.toml"),
        ("Then netaudience operations lists them all, whatever they are", "netaudience operations"),
        ("Send it: netaudience resume latest, and then look at what it says", "netaudience resume latest,"),
        (
            "As netaudience run 'my job.toml' --plan 0a1b does it for you",
            "netaudience run 'my job.toml' --plan 0a1b",
        ),
    ],
)
def test_a_command_ends_where_the_sentence_goes_on(text: str, whole: str) -> None:
    assert any(whole in line for line in wrapped(text, "", 40))
    assert " ".join(wrapped(text, "", 40)) == text
