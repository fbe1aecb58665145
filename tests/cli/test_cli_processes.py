"""The command as a process: pipes, signals, a reader that goes away, the sandbox and the demo."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest
from command_counts import counts_of

from netaudience.cli import demo
from netaudience.sandbox import BackgroundSandbox

PROGRAM = [sys.executable, "-c", "import sys; from netaudience.cli import main; sys.exit(main())"]
_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
Write = Callable[[str, str | bytes], Path]


def environment(base_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
        "NETAUDIENCE_NETMERA_BASE_URL": base_url,
        "PYTHONUNBUFFERED": "1",
    }


@attrs.define
class Vendor:
    """Takes requests and answers when it is let."""

    url: str
    asked: threading.Semaphore
    answer: threading.Event


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor that holds its answers back."""
    asked, answer = threading.Semaphore(0), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.release()
            answer.wait()
            try:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except ConnectionError:
                pass  # the client left, as some of these tests want

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Vendor(f"http://127.0.0.1:{server.server_port}", asked, answer)
        answer.set()
        server.shutdown()
        thread.join()


def start(vendor: Vendor, path: Path, rows: int, *more: str) -> subprocess.Popen[str]:
    """Start a run and return when two requests are out."""
    flags = ["--in-flight", "2", "--max-rows", str(rows), "--rate", "1000", "--quiet", *more]
    process = subprocess.Popen(
        [*PROGRAM, "netmera", "tag-users", "--tag", "T", str(path), *flags],
        env=environment(vendor.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert vendor.asked.acquire(timeout=30)
    assert vendor.asked.acquire(timeout=30)
    return process


def wait_for_the_notice(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("interrupted:"):
            return
    pytest.fail("the signal was not noticed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_settles_what_is_under_way(
    vendor: Vendor, file: Write, number: signal.Signals
) -> None:
    process = start(vendor, file("x.txt", "".join(f"id{i}\n" for i in range(100_000))), 100)
    process.send_signal(number)
    wait_for_the_notice(process)
    vendor.answer.set()
    out, err = process.communicate(timeout=30)
    counts = counts_of(err)
    assert process.returncode == 128 + number
    assert 200 <= counts["accepted"] < counts["rows"] == 100_000 == counts["accepted"] + counts["not sent"]
    assert "The run was interrupted" in err
    read = re.search(r"The rows after row ([\d,]+) were not read", err)
    assert read is not None
    told = [json.loads(line)["position"] for line in out.splitlines()]
    assert told == list(range(counts["accepted"] + 1, int(read[1].replace(",", "")) + 1))
    assert "Traceback" not in err


@pytest.mark.parametrize("rows", [100, 1000])
def test_interrupted_twice_it_leaves_and_tells_what_is_in_doubt(
    vendor: Vendor, file: Write, rows: int
) -> None:
    process = start(vendor, file("x.txt", "".join(f"id{i}\n" for i in range(100_000))), rows)
    process.send_signal(signal.SIGINT)
    wait_for_the_notice(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    counts = counts_of(err)
    told = [json.loads(line) for line in out.splitlines()]
    outcomes = Counter(line["outcome"] for line in told)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert counts["rows"] == counts["in doubt"] + counts["not sent"] == 100_000
    assert outcomes["in_doubt"] + outcomes["unsent"] == len(told) < 100_000
    assert outcomes["in_doubt"] >= counts["in doubt"] >= 2 * rows
    assert sorted(line["position"] for line in told) == list(range(1, len(told) + 1))
    assert {line["row"]["line"] for line in told} == {f"id{i}" for i in range(len(told))}


def test_a_reader_that_goes_away_ends_the_command_quietly(sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("\t\n" * 200_000)  # every line is rejected, which is far more than a pipe holds
    process = subprocess.Popen(
        [*PROGRAM, "netmera", "tag-users", "--tag", "T", str(path), "--quiet"],
        env=environment(sandbox.url("netmera")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["position"] == 1
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 1
    assert "Traceback" not in err
    assert "Broken" not in err
    assert "Exception ignored" not in err


def run_process(
    arguments: list[str], env: dict[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], env=env, input=given, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("007\r\nb\n", []),
        ("customer,ext_id\nx,007\ny,b\n", ["--format", "csv"]),
        ('{"ext_id": "007"}\n{"ext_id": "b"}\n', ["--format", "ndjson"]),
    ],
)
def test_standard_input_is_read(sandbox: BackgroundSandbox, given: str, flags: list[str]) -> None:
    arguments = ["netmera", "tag-users", "--tag", "T", "-", *flags]
    result = run_process(arguments, environment(sandbox.url("netmera")), given)
    assert (result.returncode, result.stdout) == (0, "")
    assert sandbox.netmera.users["007"].tags == sandbox.netmera.users["b"].tags == {"T"}


def test_ctrl_c_while_standard_input_has_nothing_yet(vendor: Vendor) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "netmera", "tag-users", "--tag", "T", "-", "--max-rows", "100"],
        env=environment(vendor.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("".join(f"id{i}\n" for i in range(150)))
    process.stdin.flush()
    assert vendor.asked.acquire(timeout=30)  # it is running, and its reader waits for more
    process.send_signal(signal.SIGINT)
    wait_for_the_notice(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(timeout=30) == 130
    assert "Traceback" not in err
    assert "Fatal" not in err
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_the_sandbox_prints_what_a_shell_needs_and_stops_cleanly(file: Write) -> None:
    process = subprocess.Popen(
        [
            *(*PROGRAM, "sandbox", "--port", "0", "--fault", "status=503,first=1"),
            *("--rate", "netmera=20", "--rate", "fynd=5"),
            *("--in-flight", "netmera=3", "--delay", "iterable=60"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("export ")
    variables = dict(word.split("=", 1) for word in line.removeprefix("export ").split())
    result = run_process(
        ["netmera", "tag-users", "--tag", "T", str(file("x.txt", "a\n"))], {**os.environ, **variables}
    )
    assert result.returncode == 0, result.stderr
    assert "2 requests, 1 of them repeated" in result.stderr
    page = variables["NETAUDIENCE_NETMERA_BASE_URL"].removesuffix("netmera")
    with urllib.request.urlopen(page + "_sandbox/") as answer:
        told = json.load(answer)
    assert told["delay"] == {"iterable": 60}
    netmera, fynd = (told["vendors"][name]["limits"] for name in ("netmera", "fynd"))
    assert [netmera["windows"][0]["count"], netmera["in_flight"], fynd["windows"][0]["count"]] == [20, 3, 5]
    # A route is there under our name and under the vendor's own.
    assert {"tag_users", "tagUsers"} <= {route["operation"] for route in told["routes"]}
    homes = {name: url for name, url in variables.items() if name.endswith("_BASE_URL")}
    assert {f"NETAUDIENCE_{name.upper()}_BASE_URL" for name in told["vendors"]} == set(homes)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"look around at {page} and" in err
    assert "without a handler" not in err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--fault", "nonsense"], "There is no fault 'nonsense'"),
        (["--rate", "netmera=0"], "must be above zero"),
        (["--rate", "netmera"], "Write --rate VENDOR=NUMBER"),
        (["--in-flight", "netmira=3"], "The sandbox has no vendor 'netmira'"),
        (["--delay", "iterable=-1"], "zero or more"),
        (["--host", "203.0.113.1"], "cannot listen"),
    ],
)
def test_a_sandbox_that_cannot_start_says_why(run, flags: list[str], sentence: str) -> None:
    result = run("sandbox", "--port", "0", *flags)
    assert result.code == 2
    assert sentence in result.err


def test_the_demo_agrees_with_itself(run, tmp_path: Path) -> None:
    result = run("demo", "--rows", "3000", "--keep", tmp_path / "demo")
    told = result.out.decode()
    assert result.code == 0, result.err
    assert "✗" not in told
    assert told.count("✓") == 17
    assert told.endswith("the numbers agree\n")
    assert "What to try next" in result.err
    export = (tmp_path / "demo" / "customers.csv").read_bytes()
    assert export.startswith("\ufeffcustomer_id,".encode())
    assert b"\r\n" in export
    assert b'"first line\nsecond line"' in export
    assert (tmp_path / "demo" / "rejects-tag_users.ndjson").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--rows", "300"], ["--verbs"]])
def test_the_demo_sends_nobody_to_files_that_are_gone(run, words: list[str]) -> None:
    result = run("demo", *words)
    told = result.err + result.out.decode()
    assert result.code == 0
    assert tempfile.gettempdir() not in told
    assert "netaudience retry" not in told


@pytest.mark.slow
def test_the_demo_notices_when_the_numbers_do_not_agree(run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_export = demo.write_export

    def write_and_forget(path: Path, rows: int, seed: int):
        export = write_export(path, rows, seed)
        return attrs.evolve(export, ids=(*export.ids[:-1], "nobody"))

    monkeypatch.setattr(demo, "write_export", write_and_forget)
    result = run("demo", "--rows", "300", "--quiet")
    assert result.code == 1
    assert "✗" in result.out.decode()
    assert "do NOT agree" in result.out.decode()


def test_the_demo_needs_rows(run) -> None:
    assert run("demo", "--rows", "0").code == 2


#: None of these is needed to say which commands there are.
_COSTLY = (
    "aiohttp",
    "duckdb",
    "logging.handlers",
    "markdown_it",
    "netaudience.cli.demo",
    "netaudience.client",
    "netaudience.sandbox.server",
    "netaudience.vendors.netmera",
    "pyarrow",
    "rich.progress",
)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], (*_COSTLY, "asyncio", "cyclopts.completion")),
        (
            ["netmera", "tag-users", "u.csv", "--tag", "T"],
            ("cyclopts.completion", "netaudience.jobs.report.html", "numpy", "rich.markdown"),
        ),
    ],
)
def test_a_command_loads_only_what_it_needs(
    sandbox: BackgroundSandbox, tmp_path: Path, arguments: list[str], unwanted: tuple[str, ...]
) -> None:
    (tmp_path / "u.csv").write_text("ext_id\n" + "".join(f"u{number}\n" for number in range(10)))
    probe = (
        f"import sys; from netaudience.cli import main; sys.argv[1:] = {arguments!r}; code = main(); "
        f"print([name for name in {unwanted!r} if name in sys.modules], code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment(sandbox.url("netmera")),
    )
    assert result.stdout.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param("<&-", marks=pytest.mark.slow),
        ">&-",
        pytest.param("2>&-", marks=pytest.mark.slow),
        pytest.param("<&- >&- 2>&-", marks=pytest.mark.slow),
        pytest.param("2>/dev/full", marks=_FULL),
        pytest.param("--debug 2>/dev/full", marks=[_FULL, pytest.mark.slow]),
    ],
)
@pytest.mark.parametrize(
    ("arguments", "fine"),
    [
        ("netmera tag-users --tag T u.csv", True),
        ("netmera tag-users --tag T -", False),
        ("operations", None),
        pytest.param("runs", True, marks=pytest.mark.slow),
        pytest.param("--help", True, marks=pytest.mark.slow),
        pytest.param("nothing", False, marks=pytest.mark.slow),
    ],
)
def test_a_stream_that_is_not_there_is_no_crash(
    sandbox: BackgroundSandbox, tmp_path: Path, arguments: str, closed: str, *, fine: bool | None
) -> None:
    (tmp_path / "u.csv").write_text("ext_id\nu1\n")
    program = " ".join(map(shlex.quote, PROGRAM))
    result = subprocess.run(
        ["sh", "-c", f"{program} {arguments} {closed}"],
        cwd=tmp_path,
        env={**environment(sandbox.url("netmera")), "PYTHONUNBUFFERED": ""},  # as it is at a person's
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # What is asked for is lost where nobody can read it; what was sent is sent all the same.
    wanted = ">&-" not in closed.replace("2>&-", "") if fine is None else fine
    assert (result.returncode == 0) is wanted, result.stderr
    assert result.returncode < 100, "Python's own code, of a stream that it could not empty at its end"
    assert "Traceback" not in result.stderr
    assert "nobody expected" not in result.stderr
