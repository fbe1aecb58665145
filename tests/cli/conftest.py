"""The command in this process, against a sandbox on a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from command_counts import counts_of

from netaudience.cli import main
from netaudience.sandbox import BackgroundSandbox, Sandbox


@attrs.frozen
class Result:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.split(b"\n") if line]

    @property
    def counts(self) -> dict[str, int]:
        return counts_of(self.err)


@pytest.fixture
def sandbox() -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(Sandbox(demo=True)) as running:
        yield running


Run = Callable[..., Result]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """`run("netmera", "tag-users", …)` runs the command and returns how it ended."""

    def run(*arguments: str | Path) -> Result:
        code = main([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return Result(code, captured.out, captured.err.decode())

    return run


@pytest.fixture
def at_sandbox(run: Run, sandbox: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`at_sandbox("netmera", "tag-users", …)` runs an operation of a vendor against the sandbox, fast."""
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    return lambda vendor, operation, *rest: run(vendor, operation, "--rate", "1000", *rest)


@pytest.fixture
def netmera(at_sandbox: Run) -> Run:
    """`netmera("tag-users", …)` runs an operation against the sandbox, fast."""
    return lambda operation, *rest: at_sandbox("netmera", operation, *rest)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """`file(name, content)` writes a file."""

    def file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a run has sent be long ago."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz or UTC) + timedelta(days=3)

    monkeypatch.setattr("netaudience.jobs.deliver.verify.datetime", Clock)
