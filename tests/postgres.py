"""A PostgreSQL of one's own: Debian's package, in a temporary folder, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["PASSWORD", "running_postgres"]

#: The superuser's.
PASSWORD = "hunter2-and-more"
_USER = "postgres"


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).parent if found else next(iter(places), None)


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Run a server whose data lie in a new folder, and give its URI; skip the test where there is none."""
    programs = _programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    secret, data = folder / "password", folder / "data"
    secret.write_text(PASSWORD)
    user: dict[str, object] = {}
    if os.getuid() == 0:  # it refuses to run as root
        for path in (folder, secret):
            shutil.chown(path, _USER)
        for above in folder.parents:
            if above.stat().st_uid == 0 and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o011)
        user = {"user": _USER}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def do(*command: object, check: bool = True) -> None:
        subprocess.run(list(map(str, command)), check=check, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]

    do(
        programs / "initdb",
        "-D",
        data,
        "-U",
        _USER,
        "-A",
        "scram-sha-256",
        f"--pwfile={secret}",
        "-E",
        "UTF8",
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    do(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield f"postgresql://{_USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        do(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop", check=False)
