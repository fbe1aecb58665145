"""A process that may not have enough memory says so, whatever the part that found none has called it."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from netaudience.jobs.state.crash import crash_of
from netaudience.model.memory import lacks_memory

#: As the loader says it of a module, with the path before it.
UNLOADED = (
    "/site-packages/pyarrow/lib.cpython-311-x86_64-linux-gnu.so: failed to map segment from shared object"
)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (pa.ArrowMemoryError("malloc of size 64 failed"), True),
        (duckdb.OutOfMemoryException("could not allocate block"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (ImportError(UNLOADED), True),
        (ImportError("libarrow.so.2300: cannot allocate memory in static TLS block"), True),
        (
            duckdb.InvalidInputException("'numpy' is required for this operation, but it wasn't installed"),
            True,
        ),
        (caused(ValueError("page"), MemoryError()), True),
        (ModuleNotFoundError("No module named 'pyarrow'"), False),
        (ImportError("libarrow.so.2300: cannot open shared object file"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (duckdb.InvalidInputException("a value"), False),
    ],
)
def test_what_lacks_memory_is_known_by_whatever_name(error, lacks):
    assert lacks_memory(error) is lacks


def test_a_step_without_memory_is_no_mistake_of_ours(tmp_path):
    assert "not enough memory" in str(crash_of(MemoryError(), tmp_path))
    assert "mistake of its own" in str(crash_of(KeyError("x"), tmp_path))


JOB = """
[source]
files = ["users.csv"]
key = "id"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
mode = "changed-only"
fields = { ext_id = "id", "profile.city" = "city" }
"""


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [900, 1100, 1200, 1300, 1400, 1500])
def test_a_plan_in_too_little_memory_says_that_it_lacks(tmp_path: Path, megabytes: int) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    (tmp_path / "users.csv").write_text("id,city\n" + "".join(f"u{n},Izmir\n" for n in range(100_000)))

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000,) * 2)

    done = subprocess.run(
        [sys.executable, "-m", "netaudience", "plan", "job.toml", "--no-preflight"],
        cwd=tmp_path, env=dict(os.environ, NO_COLOR="1"), preexec_fn=bounded, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert "nobody expected" not in done.stderr
    assert "pip install" not in done.stderr, "it is installed"
    # OpenBLAS and glibc end a process themselves where they get none: "Memory allocation still failed".
    assert done.returncode == 0 or "memory" in done.stderr.lower()
