"""Signals to a process from within its server: how often and where in its work, no clock decides."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.sandbox.ledger import Ledger, Place
from netaudience.sandbox.protocol import Json

#: What makes a process of the package one that does not do what kills are to show: it is run before all else.
BROKEN = {
    "what is sent is not noted": """
from netaudience.engine.journal import Journal
record = Journal.record
def broken(self, chunks, answered=(), sending=()):
    return [range(0) for _ in sending] or record(self, chunks)
Journal.record = broken
""",
    "what is sent is noted as done": """
from netaudience.engine.journal import Journal
from netaudience.engine.positions import ranges
record = Journal.record
def broken(self, chunks, answered=(), sending=()):
    done = [part for positions in sending for part in ranges(positions)]
    with self._writing() as database:
        database.executemany("INSERT INTO settled VALUES (?, ?)", done)
    return record(self, chunks, answered, sending)
Journal.record = broken
""",
    "what was settled is forgotten": """
from netaudience.engine.journal import Journal
record = Journal.record
Journal.record = lambda self, chunks, answered=(), sending=(): record(self, (), answered, sending)
""",
    "no letter is kept": """
from netaudience.consumers import DeadLetters
async def broken(self, outcome, item, reference=""):
    return True
DeadLetters.may_acknowledge = broken
""",
}


class Signalled(Protocol):
    """What takes a signal: a process, or one within it."""

    def send_signal(self, number: int, /) -> None:
        """Send it."""


class Executioner(Ledger):
    """A ledger that sends a process a signal at its so-manieth request.

    The signal is sent by the server's own thread: when the request arrives, when it was applied and its
    answer is not yet out, or some milliseconds later, when the process is at its notes.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        """Say what draws the point at the request; without it, that is its arrival."""
        super().__init__(None)
        self._chance = chance
        self._process: Signalled | None = None
        self._number = signal.SIGKILL
        self._left = 0
        self._applied = False
        self._later = 0.0

    def condemn(self, process: Signalled, requests: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the signal at the so-manieth request from now on; so many must be left to send."""
        if self._chance is not None:
            self._applied = self._chance.random() < 0.5
            self._later = self._chance.choice((0.0, 0.0, self._chance.uniform(0.0, 0.01)))
        self._number = number
        self._left = requests
        self._process = process

    def number(self) -> int:
        """Count a request that has come in."""
        self._left -= 1
        if not self._applied:
            self._strike()
        return super().number()

    def apply(
        self, place: Place, keys: Sequence[str], values: Iterable[tuple[str, Mapping[str, Json]]]
    ) -> None:
        """Count what was applied."""
        super().apply(place, keys, values)
        if self._applied:
            self._strike()

    def _strike(self) -> None:
        if self._process is None or self._left > 0:
            return
        process, self._process = self._process, None
        if self._later:
            asyncio.get_running_loop().call_later(self._later, process.send_signal, self._number)
        else:
            process.send_signal(self._number)


def deadly_sandbox(chance: random.Random | None = None) -> tuple[Sandbox, Executioner]:
    """Return a sandbox, and what strikes from within it."""
    sandbox = Sandbox()
    executioner = Executioner(chance)
    sandbox.ledger = executioner
    return sandbox, executioner


def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    """Wait until SIGSTOP has reached the process."""
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert process.poll() is None


def environment(sandbox: BackgroundSandbox) -> dict[str, str]:
    """Return the variables of a process that knows all vendors of a sandbox, and nothing else."""
    return {
        "PATH": "",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
        "NETAUDIENCE_CLEVERTAP_ACCOUNT_ID": "sandbox",
        "NETAUDIENCE_CLEVERTAP_PASSCODE": "sandbox",
        "NETAUDIENCE_CLEVERTAP_BASE_URL": sandbox.url("clevertap"),
        "NETAUDIENCE_ITERABLE_API_KEY": "sandbox",
        "NETAUDIENCE_ITERABLE_BASE_URL": sandbox.url("iterable"),
        "NETAUDIENCE_MOENGAGE_WORKSPACE_ID": "sandbox",
        "NETAUDIENCE_MOENGAGE_DATA_API_KEY": "sandbox",
        "NETAUDIENCE_MOENGAGE_BASE_URL": sandbox.url("moengage"),
        "NETAUDIENCE_FYND_CLIENT_ID": "sandbox",
        "NETAUDIENCE_FYND_CLIENT_SECRET": "sandbox",
        "NETAUDIENCE_FYND_COMPANY_ID": "1",
        "NETAUDIENCE_FYND_APPLICATION_ID": "2",
        "NETAUDIENCE_FYND_BASE_URL": sandbox.url("fynd"),
    }
