"""The command in this process, against a sandbox on a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from netaudience.cli import main
from netaudience.cli.sandbox import _EXPORTS as EXPORTS
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.vendors import clients


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


def counts_of(summary: str) -> dict[str, int]:
    """Read the summary's first line: the numbers by their names."""
    line = next(line for line in summary.splitlines() if " never sent" in line)
    parts = line.partition(": ")[2].replace(" rows", " row").split(", ")
    return {name: int(number.replace(",", "")) for number, _, name in (part.partition(" ") for part in parts)}


@pytest.fixture
def sandbox() -> Iterator[BackgroundSandbox]:
    with BackgroundSandbox(Sandbox(demo=True)) as running:
        yield running


def environment(sandbox: BackgroundSandbox) -> dict[str, str]:
    """Return what `netaudience sandbox` prints for a shell to export."""
    urls = {vendor.slug: sandbox.url(vendor.slug) for vendor in clients()}
    pairs = (export.format(**urls).partition("=") for export in EXPORTS)
    return {name: value for name, _, value in pairs}


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
    for name, value in environment(sandbox).items():
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
