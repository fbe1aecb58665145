"""A million identifiers through the command, against the sandbox as a process of its own, with faults."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "netaudience"]
#: Together one request in a hundred: throttled, out of order, dropped before and after it was applied.
FAULTS = (
    "status=429,retry_after=1,share=0.0025",
    "status=503,share=0.0025",
    "reset-before,share=0.0025",
    "reset-after,share=0.0025",
)


@pytest.fixture
def sandbox():
    faults = [part for fault in FAULTS for part in ("--fault", fault)]
    command = [*COMMAND, "sandbox", "--port", "0", "--seed", "7", "--empty", *faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline()).group()
        process.terminate()


def carry(sandbox, users, count):
    """Run the command on a file of so many users; return its exit code, its summary and its peak memory."""
    environment = {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": f"{sandbox}/netmera",
    }
    users.write_text("".join(f"user-{number:07}\n" for number in range(count)), encoding="utf-8")
    command = [*COMMAND, "netmera", "tag-users", "--tag", f"of {count}", "--rate", "100", str(users)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        peak = 0
        status = Path(f"/proc/{process.pid}/status")
        out, errors = b"", b""
        while True:
            try:
                out, errors = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
                peak = max(peak, int(found.group(1))) if found else peak
    return process.returncode, out, errors.decode(), peak


def check(sandbox, expected):
    request = urllib.request.Request(
        f"{sandbox}/_sandbox/check?vendor=netmera&operation=tagUsers", data="\n".join(expected).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_the_report_and_the_vendor_agree_on_every_one_of_a_million(sandbox, tmp_path):
    code, out, told, small = carry(sandbox, tmp_path / "small.txt", 100_000)
    assert (code, out) == (0, b""), told

    code, out, told, large = carry(sandbox, tmp_path / "users.txt", 1_000_000)
    assert code == 0, told
    assert out == b""
    assert "1,000,000 accepted.\n" in told
    assert not re.search(r"rejected|failed|in doubt", told), told

    judged = check(sandbox, (f"user-{number:07}" for number in range(1_000_000)))
    assert judged["ok"], judged
    assert (judged["expected"], judged["applied"]) == (1_000_000, 1_000_000)
    repeated = int(re.search(r"([\d,]+) of them repeated", told).group(1).replace(",", ""))
    assert repeated > 0, "the faults were not met"
    if small:
        assert large < small * 1.15, f"{small:,} kB for a tenth of the rows, {large:,} kB for all"
