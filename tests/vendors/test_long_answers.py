"""A list of a million people is read, and never held: a long answer goes by way of a temporary file."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import pytest
from answering import Answer, answering

from netaudience.engine import spooled
from netaudience.engine.retry import RetryPolicy
from netaudience.errors import ConfigurationError, Refused, Unreadable
from netaudience.settings import Settings
from netaudience.vendors.iterable.client import IterableClient

TEXT = {"Content-Type": "text/plain"}
AT_ONCE = Settings(retry=RetryPolicy(attempts=2, first_wait=0.0))


def ids(count: int) -> list[str]:
    return [f"user-{number:08}" for number in range(count)]


def body(count: int) -> bytes:
    return "".join(f"{one}\r\n" for one in ids(count)).encode()


def client(url: str, settings: Settings = AT_ONCE) -> IterableClient:
    return IterableClient("key", base_url=url, settings=attrs.evolve(settings, rate=1000.0))


@pytest.mark.parametrize("count", [0, 1, 1000, 200_000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.asyncio
async def test_members_come_one_after_the_other_however_many_they_are(count, chunked):
    async with (
        answering(Answer(200, TEXT, body(count), chunked=chunked)) as server,
        client(server.url) as asked,
    ):
        assert [member async for member in asked.get_list_users(list_id=7)] == ids(count)
    assert server.requests[0].query == {"listId": "7"}


@pytest.mark.asyncio
async def test_a_long_answer_is_a_collection_that_is_read_again_and_leaves_no_file():
    async with (
        answering(Answer(200, TEXT, b"\n" + body(100_000) + b"last")) as server,
        client(server.url) as asked,
    ):
        async for page in asked.get_list_users(list_id=7).pages():
            members = page.identifiers
            assert not isinstance(members, list)
            one, other = iter(members), iter(members)
            assert [next(one), next(one), next(other)] == ["user-00000000", "user-00000001", "user-00000000"]
            assert len(members) == 100_001
            assert "last" in members
            assert "nobody" not in members
        del page, members, one, other
        gc.collect()  # a file that nobody has closed would be reported here


REFUSED = b'{"code":"BadParams","msg":"' + b"x" * 2_000_000 + b'"}'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, {"Content-Type": "application/json"}, REFUSED), Refused),
        (Answer(200, {"Content-Type": "text/html"}, b"<p>" * 1_000_000), Unreadable),
        (Answer(200, TEXT, b"\xff" * 2_000_000), Unreadable),
    ],
    ids=["400", "html", "no-text"],
)
@pytest.mark.asyncio
async def test_other_answers_are_judged_as_ever(answer, error):
    async with answering(answer) as server, client(server.url) as asked:
        with pytest.raises(error):
            [one async for one in asked.get_list_users(list_id=7)]


@pytest.mark.asyncio
async def test_a_vendor_that_took_too_long_is_asked_again():
    answers = Answer(503, TEXT, b"timeout"), Answer(200, TEXT, body(200_000))
    async with answering(*answers) as server, client(server.url) as asked:
        assert [one async for one in asked.get_list_users(list_id=7)] == ids(200_000)


@pytest.mark.asyncio
async def test_more_than_is_allowed_is_not_read():
    settings = attrs.evolve(AT_ONCE, max_answer_bytes=1_500_000)
    async with answering(Answer(200, TEXT, body(200_000))) as server, client(server.url, settings) as asked:
        with pytest.raises(Unreadable):
            [one async for one in asked.get_list_users(list_id=7)]


@pytest.mark.parametrize("full", ["opened", "written"])
@pytest.mark.asyncio
async def test_where_there_is_no_room_it_says_what_to_do(full, monkeypatch):
    make = tempfile.TemporaryFile

    def no_room() -> object:
        if full == "opened":
            raise OSError(28, "ENOSPC")
        made = make(buffering=0)
        return _Full(made)

    monkeypatch.setattr(spooled.tempfile, "TemporaryFile", no_room)
    async with answering(Answer(200, TEXT, body(200_000))) as server, client(server.url) as asked:
        with pytest.raises(ConfigurationError, match=r"takes no more \(No space left on device\): make room"):
            [one async for one in asked.get_list_users(list_id=7)]
    assert len(server.requests) == 1


class _Full:
    def __init__(self, file):
        self._file = file
        self.close = file.close

    def write(self, _):
        raise OSError(28, "ENOSPC")


_READER = """
import asyncio, sys
from netaudience.vendors.iterable.client import IterableClient

async def read(url):
    async with IterableClient("key", base_url=url) as client:
        count = 0
        async for _ in client.get_list_users(list_id=7):
            count += 1
    (peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(count, int(peak) // 1024)

asyncio.run(read(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone reports the peak")
@pytest.mark.asyncio
async def test_memory_does_not_grow_with_the_list():
    peaks = []
    for count in (1000, 1_000_000):
        async with answering(Answer(200, TEXT, body(count))) as server:
            run = [sys.executable, "-c", _READER, server.url]
            done = await asyncio.to_thread(subprocess.run, run, capture_output=True, text=True, check=True)
        read, peak = done.stdout.split()
        assert int(read) == count
        peaks.append(int(peak))
    # The text alone is 15 MB; as a list of Python's it is 75.
    assert peaks[1] - peaks[0] < 8, peaks
