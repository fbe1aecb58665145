"""Processes: the end of the interpreter, forks at the worst moments, and children that are made anew.

Every script runs with all warnings as errors and in development mode: whatever it leaves behind is
reported on standard error, which must stay empty.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from netaudience.sandbox import BackgroundSandbox

ROOT = Path(__file__).parent.parent.parent
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
# From 3.12 on Python warns of every fork in a process with threads.
OPTIONS = ["-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning"]

BEGINNING = """
import atexit, logging, os, sys, threading
from netaudience import ConfigurationError, Settings
from netaudience.engine.loop_thread import _process
from netaudience.events import ChunkStarted
from netaudience.sync import NetmeraClient

# A machine that has much else to do is no news.
logging.getLogger("asyncio").addFilter(lambda record: " took " not in record.getMessage())
LEFT = threading.Semaphore(0)

def hook(event):
    if isinstance(event, ChunkStarted):
        LEFT.release()

def make(**settings):
    settings = Settings(rate=1_000_000, **settings)
    return NetmeraClient("sandbox", base_url=os.environ["SANDBOX"], settings=settings)

def begin(client):
    "Start the thread, where Python (3.12) starts none once the program ends."
    if sys.version_info[:2] == (3, 12):
        client.tag_users(["first"], tag="x")

def tag(user):
    return client.tag_users([user], tag="x")

def sockets():
    files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    found = [os.readlink(file) for file in files if os.path.lexists(file)]
    return {name for name in found if name.startswith("socket:")}

def forked(work):
    "Fork; the child does the work and ends as any program does. Return what the parent waits for."
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        work()
        sys.exit(0)
    return child

def ended(*children):
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "a child failed"
"""

#: Runs each script in a child of its own, which spares it the imports, and tells how each one ended.
NURSERY = """
import json, os, signal, sys, tempfile
import aiolimiter, logging  # what a first call imports
from netaudience.sync import NetmeraClient
ends = {}
for name, script in json.load(sys.stdin).items():
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        signal.alarm(15)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        exec(compile(script, name, "exec"))
        sys.exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = []
    for file in (out, err):
        file.seek(0)
        told.append(file.read().decode())
        file.close()
    ends[name] = (code, *told)
json.dump(ends, sys.stdout)
"""


def environment(sandbox):
    return {**os.environ, "SANDBOX": sandbox.url("netmera"), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def ends():
    """How each of the scripts has ended: its exit code, and what it told."""
    scripts = {
        name: BEGINNING + textwrap.dedent(script)
        for name, script in {**EXITS, **UNDER_WAY, **FORKS, "an error": ERROR}.items()
    }
    with BackgroundSandbox() as sandbox:
        sandbox.set_faults("latency=60,ids=held", "latency=0.3,ids=slow")
        done = subprocess.run(
            [sys.executable, *OPTIONS, "-c", NURSERY],
            input=json.dumps(scripts),
            env=environment(sandbox),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


EXITS = {
    "the client is never closed": """
        client = make()
        print(client.tag_users(["a"], tag="x").delivered)
    """,
    "the client is never closed and held by nobody": """
        print(make().tag_users(["a"], tag="x").delivered)
    """,
    "the client is closed": """
        with make() as client:
            print(client.tag_users(["a"], tag="x").delivered)
    """,
    "pages are left unread": """
        client = make()
        pages = client.get_device_tokens().pages()
        next(pages)
        print(1)
    """,
    "a thread that is waited for goes on after the main one": """
        client = make()
        begin(client)
        def later():
            threading.main_thread().join()
            print(client.tag_users(["a"], tag="x").delivered)
        threading.Thread(target=later).start()
    """,
    "it is used while the program ends": """
        client = make()
        begin(client)
        atexit.register(lambda: print(client.tag_users(["a"], tag="x").delivered))
    """,
    "there was no thread to be had at first": """
        def none(thread):
            raise RuntimeError("can't start new thread")
        client, start, threading.Thread.start = make(), threading.Thread.start, none
        try:
            tag("a")
        except ConfigurationError as error:
            assert "could not be started, and nothing was sent (can't start new thread)" in str(error)
        threading.Thread.start = start
        print(tag("a").delivered)
    """,
    "it is used when all is closed": """
        client = make()
        client.tag_users(["a"], tag="x")
        def late():
            try:
                client.tag_users(["b"], tag="x")
            except ConfigurationError as error:
                assert "The interpreter is ending" in str(error)
                print(1)
            client.close()
        # As if it had been registered before the package was imported, and so called after its own end.
        atexit.unregister(_process.end)
        atexit.register(late)
        atexit.register(_process.end)
    """,
}


@posix
@pytest.mark.parametrize("name", EXITS)
def test_a_program_ends_without_a_word(ends, name):
    assert ends[name] == [0, "1\n", ""]


WAITING = """
client = make(on_event=hook)
threading.Thread(target=lambda: {work}, daemon=True).start()
assert LEFT.acquire(timeout=10)
print(1)
"""
CANCELLED = """
import asyncio
class Held:
    async def send(self, request):
        LEFT.release()
        try:
            await asyncio.Future()
        finally:
            print(1)
    async def aclose(self):
        pass
client = NetmeraClient("key", transport=Held())
threading.Thread(target=lambda: client.remove_email("a"), daemon=True).start()
assert LEFT.acquire(timeout=10)
"""
UNDER_WAY = {"while a transport tidies up": CANCELLED} | {
    f"while {name} is under way": WAITING.format(work=work)
    for name, work in {
        "a batch": 'client.tag_users(["held"], tag="x")',
        "a batch of a generator": 'client.tag_users(iter(["held"]), tag="x")',
        "a call for each": 'client.remove_email.each(["held"])',
        "a stream of outcomes": 'list(client.tag_users.outcomes(["held"], tag="x").__enter__())',
    }.items()
}


@posix
@pytest.mark.parametrize("name", UNDER_WAY)
def test_a_program_ends_while_a_daemon_thread_waits(ends, name):
    assert ends[name] == [0, "1\n", ""]


ERROR = """
client = make()
client.tag_users(["a"], tag="x")
raise LookupError("mine")
"""


@posix
def test_an_error_ends_a_program_as_it_does_everywhere(ends):
    code, out, err = ends["an error"]
    assert (code, out) == (1, "")
    assert err.endswith("LookupError: mine\n")
    assert err.count("Traceback") == 1


FORKS = {
    "a child and its parent use one client": """
        client = make()
        client.tag_users(["before"], tag="x")
        mine = sockets()
        child = forked(lambda: client.tag_users(["child"], tag="x"))
        client.tag_users(["meanwhile"], tag="x")
        ended(child)
        report = client.tag_users(["after"], tag="x")
        assert (report.requests, report.retries) == (1, 0)
        assert sockets() == mine, "the parent needed a new connection"
    """,
    "workers are forked after the client was used": """
        client = make()
        client.tag_users(["before"], tag="x")
        ended(*[forked(lambda: client.tag_users([f"id{n}"], tag="x")) for n in range(3)])
        client.tag_users(["after"], tag="x")
    """,
    "workers are forked before the client was used": """
        client = make()
        ended(*[forked(lambda: client.tag_users([f"id{n}"], tag="x")) for n in range(2)])
        client.tag_users(["after"], tag="x")
    """,
    "a child has a child": """
        client = make()
        client.tag_users(["parent"], tag="x")
        def work():
            client.tag_users(["child"], tag="x")
            ended(forked(lambda: client.tag_users(["grandchild"], tag="x")))
            client.tag_users(["child"], tag="x")
        ended(forked(work))
        client.tag_users(["parent"], tag="x")
    """,
    "a child never uses what it was given": """
        client = make()
        client.tag_users(["parent"], tag="x")
        mine = sockets()
        ended(forked(lambda: None))
        client.tag_users(["parent"], tag="x")
        assert sockets() == mine
    """,
    "a child closes and drops what it was given": """
        client = make()
        client.tag_users(["parent"], tag="x")
        mine = sockets()
        def work():
            global client
            client.close()
            client = None
        ended(forked(work))
        client.tag_users(["parent"], tag="x")
        assert sockets() == mine
    """,
    "a child leaves the block of its parent's client": """
        with make() as client:
            client.tag_users(["parent"], tag="x")
            child = os.fork()
        if child == 0:
            sys.exit(0)
        ended(child)
    """,
    "another thread holds the lock": """
        client = make()
        held, done = threading.Event(), threading.Event()
        def hold():
            with _process.lock:
                held.set()
                done.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = forked(lambda: client.tag_users(["child"], tag="x"))
        ended(child)
        done.set()
        thread.join()
        client.tag_users(["parent"], tag="x")
    """,
    "a child is forked while its parent reads outcomes": """
        client = make(max_rows=1)
        with client.tag_users.outcomes(["a", "b", "c"], tag="x") as outcomes:
            next(outcomes)
            child = os.fork()
            if child == 0:
                client.tag_users(["child"], tag="x")
                try:
                    list(outcomes)
                except ConfigurationError as error:
                    assert "began in the parent process" in str(error)
                else:
                    raise AssertionError
            else:
                assert len(list(outcomes)) == 2
        if child == 0:
            sys.exit(0)
        ended(child)
    """,
    "a child is forked by the source of a run and goes on with it": """
        client = make()
        children = []
        def source():
            yield "a"
            children.append(os.fork())
            yield "b"
        try:
            report = client.tag_users(source(), tag="x")
        except ConfigurationError as error:
            assert children == [0]
            assert "began in the parent process" in str(error)
            client.tag_users(["child"], tag="x")
            sys.exit(0)
        assert report.delivered == 2
        ended(*children)
    """,
    "a process pool": """
        import multiprocessing
        client = make()
        client.tag_users(["parent"], tag="x")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert all(report.ok for report in pool.map(tag, ["a", "b", "c"]))
            pool.close()
            pool.join()
    """,
    "a child is forked while another thread waits for an answer": """
        client = make(on_event=hook)
        reports = []
        thread = threading.Thread(target=lambda: reports.append(client.tag_users(["slow"], tag="x")))
        thread.start()
        assert LEFT.acquire(timeout=10)
        child = forked(lambda: client.tag_users(["child"], tag="x"))
        ended(child)
        thread.join()
        assert reports[0].ok and reports[0].retries == 0
    """,
}


@posix
@pytest.mark.parametrize("name", FORKS)
def test_a_forked_child_has_a_loop_of_its_own(ends, name):
    assert ends[name] == [0, "", ""]


def test_a_child_that_is_made_anew_imports_its_client(netaudience_sandbox, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(
        BEGINNING
        + textwrap.dedent("""
        import multiprocessing
        client = make()
        if __name__ == "__main__":
            client.tag_users(["parent"], tag="x")
            child = multiprocessing.get_context("spawn").Process(target=tag, args=("child",))
            child.start()
            child.join()
            sys.exit(child.exitcode)
        """),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, *OPTIONS, str(file)],
        env=environment(netaudience_sandbox),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert netaudience_sandbox.check("netmera", "tag_users", ["parent", "child"]).ok
