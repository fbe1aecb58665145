"""Every verb killed in the middle by signal 9 at all vendors that have it, and gone on with."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killing import deadly_sandbox
from people_at_sandbox import DAY
from verb_states import OPTED_OUT, able, begin, people_of, stands

from netaudience.model.verb_facts import CHANNELS, Channel, Verb
from netaudience.sandbox import BackgroundSandbox

pytest.importorskip("duckdb")

PEOPLE = 12
_EVERY_CHANNEL = [word for channel in CHANNELS for word in ("--channel", channel)]
_NUMBERS = [word for at, one in enumerate(CHANNELS, 1) for word in ("--at", f"iterable:{one}={at}")]
_AUDIENCE = ["--audience", "vip", "--at", "iterable=7", "--at", "fynd=64f111111111111111111111"]
WORDS: dict[Verb, list[str]] = {
    "erase": ["--yes-delete", str(PEOPLE)],
    "suppress": [*_EVERY_CHANNEL, *_NUMBERS],
    "unsuppress": [*_EVERY_CHANNEL, *_NUMBERS, "--opt-outs", "optouts.csv", "--yes-opt-in", str(PEOPLE)],
    "join": _AUDIENCE,
    "leave": _AUDIENCE,
    "set": ["--attribute", "tier"],
    "unset": ["--attribute", "tier"],
}
#: How often the process is killed, one after the other, where once is not enough to hit the middle of it.
KILLS: dict[Verb, int] = {"erase": 3}
#: At which request it is killed, where it is not one of the first that change something.
STRIKES: dict[Verb, tuple[int, int]] = {"suppress": (8, 60), "unsuppress": (8, 60), "unset": (5, 8)}


@pytest.mark.slow
@pytest.mark.parametrize("verb", WORDS)
def test_a_verb_that_is_killed_goes_on_and_every_verdict_is_true(verb: Verb, tmp_path: Path) -> None:
    chance = random.Random(verb)
    channels: list[Channel | None] = [*CHANNELS] if "suppress" in verb else [None]
    subjects = people_of(PEOPLE)
    lines = [f"{one.id},{one.email},gold,2021-06-02" for one in subjects]
    (tmp_path / "people.csv").write_text("\n".join(["id,email,tier,consented_at", *lines, ""]))
    (tmp_path / "optouts.csv").write_text(OPTED_OUT)
    vendors = able(verb, channels[0])
    command = [sys.executable, "-m", "netaudience"]
    named = [word for slug in vendors for word in ("--vendor", slug)]
    server, executioner = deadly_sandbox(chance)
    with BackgroundSandbox(server) as sandbox:
        for channel in channels:
            begin(sandbox, verb, channel, subjects)
        more = {
            "NETAUDIENCE_ITERABLE_PROJECT_TYPE": "hybrid",
            "NETAUDIENCE_MOENGAGE_UNSET_ATTRIBUTES": "true",
        }
        environ = {**os.environ, **sandbox.environment(), **more}
        words = [verb, "people.csv", *WORDS[verb], *named, "--quiet"]
        again = ["resume", "latest", "--quiet", *(WORDS[verb] if verb == "erase" else [])]
        for number in range(KILLS.get(verb, 1)):
            process = subprocess.Popen(
                [*command, *(again if number else words)],
                cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            # The requests before are about tokens and schemas; few verbs need more than one request a vendor.
            executioner.condemn(process, chance.randrange(*STRIKES.get(verb, (4, 7))))
            _, err = process.communicate(timeout=120)
            assert process.returncode == -signal.SIGKILL, err
        last = subprocess.run(
            [*command, *again],
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        sandbox.advance(8 * DAY)
        verdicts = [json.loads(line) for line in last.stdout.splitlines()]
        assert len(verdicts) == PEOPLE * len(vendors) * len(channels), last.stderr
        for one in verdicts:
            assert one["status"] in {"accepted", "applied", "in_doubt", "nothing_there"}, one
            subject = subjects[one["row"] - 1]
            so = stands(sandbox, one["vendor"], verb, one.get("channel"), subject)
            assert so or one["status"] == "in_doubt", one
    assert any(one["status"] != "in_doubt" for one in verdicts)
