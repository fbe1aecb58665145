"""A dead letter is on disk before its event is acknowledged, and an event whose letter is not, is not."""

import asyncio
import errno
import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from netaudience import Delivered, Failed, InDoubt, NetmeraClient, Refused, Rejected
from netaudience.consumers import DeadLetter, DeadLetters, DeadLettersFailed
from netaudience.errors import AnswerLost, ConfigurationError, InvalidItem, NotSent

NETMERA = NetmeraClient("key")
TAG = NETMERA.tag_users.given(tag="Sport")
SET = NETMERA.set_profile_attributes.given()
FIRE = NETMERA.fire_events.given()
WRONG = Refused("Netmera", 400, code=5016, vendor_message="user not found")


def rejected(position, item="id1"):
    return Rejected(position, item, WRONG, "id1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dead-letters.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def decide(path, outcome, given, when_in_doubt):
    async with DeadLetters(path, when_in_doubt=when_in_doubt) as dead_letters:
        return await dead_letters.may_acknowledge(outcome, given, "a reference")


@pytest.mark.parametrize(
    ("outcome", "given", "when_in_doubt", "acknowledged", "kept"),
    [
        (Delivered(0, "id1"), TAG, "keep", True, []),
        (rejected(0), TAG, "keep", True, ["rejected"]),
        (Failed(0, "id1", NotSent("not sent")), TAG, "keep", False, []),
        (Failed(0, {}, NotSent("not sent")), FIRE, "keep", False, []),
        (InDoubt(0, "id1", AnswerLost("lost")), TAG, "keep", False, []),
        (InDoubt(0, {}, AnswerLost("lost")), FIRE, "keep", True, ["in_doubt"]),
        (InDoubt(0, {}, AnswerLost("lost")), FIRE, "again", False, []),
    ],
)
def test_what_may_be_acknowledged(path, outcome, given, when_in_doubt, acknowledged, kept):
    assert asyncio.run(decide(path, outcome, given, when_in_doubt)) is acknowledged
    assert [letter.outcome for letter in DeadLetter.read(path)] == kept


def test_a_line_says_all_that_is_needed_to_send_it_again(path):
    item = {"extId": "id1", "profile": {"city": "İzmir"}}

    async def main():
        async with DeadLetters(path) as dead_letters:
            await dead_letters.keep(rejected(7, item), SET, "events/3:41204")
            await dead_letters.keep(rejected(8), TAG)
            await dead_letters.keep(Rejected(9, b"{\xff", InvalidItem("It is none")), None)
            assert repr(dead_letters) == "<DeadLetters: 3 kept>"

    asyncio.run(main())
    first, second, third = lines(path)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "key": "id1",
        "step": "",
        "vendor": "netmera",
        "operation": "set_profile_attributes",
        "arguments": {},
        "outcome": "rejected",
        "by": "vendor",
        "status": 400,
        "code": 5016,
        "message": "user not found",
        "reason": 'Netmera refused the request: HTTP 400, code 5016, "user not found"',
        "position": 7,
        "row": item,
        "reference": "events/3:41204",
    }
    assert (second["operation"], second["arguments"], second["row"]) == (
        "tag_users",
        {"tag": "Sport"},
        "id1",
    )
    assert (third["operation"], third["row"], third["reason"]) == ("", "hex:7bff", "It is none")
    letters = list(DeadLetter.read(path))
    assert [letter.position for letter in letters] == [7, 8, 9]
    assert "id1" not in repr(letters)
    assert "41204" not in repr(letters)


def test_what_cannot_be_written_as_json_is_kept_as_text(path):
    async def main():
        async with DeadLetters(path) as dead_letters:
            await dead_letters.keep(rejected(0, {"extId": "id1", "profile": {"age": float("nan")}}), SET)

    asyncio.run(main())
    assert lines(path)[0]["row"] == {"extId": "id1", "profile": {"age": "nan"}}


def test_the_file_is_its_owners_and_is_appended_to(path):
    path.touch(mode=0o644)
    for position in range(2):

        async def main(position=position):
            async with DeadLetters(path) as dead_letters:
                await dead_letters.keep(rejected(position), TAG)

        asyncio.run(main())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line["position"] for line in lines(path)] == [0, 1]


def test_many_tasks_at_once_lose_nothing_keep_their_order_and_share_writes(path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(fsync(file)))

    async def main():
        async with DeadLetters(path) as dead_letters:
            await asyncio.gather(*(dead_letters.keep(rejected(number), TAG) for number in range(10_000)))

    asyncio.run(main())
    assert [line["position"] for line in lines(path)] == list(range(10_000))
    assert 1 <= len(synced) <= 10


def test_a_letter_is_on_disk_when_keep_returns_and_the_loop_goes_on_meanwhile(path, monkeypatch):
    allowed, steps = threading.Event(), []
    fsync = os.fsync

    def slowly(file):
        allowed.wait()
        fsync(file)

    async def main():
        async with DeadLetters(path) as dead_letters:
            monkeypatch.setattr(os, "fsync", slowly)
            keeping = asyncio.create_task(dead_letters.keep(rejected(0), TAG))
            while not path.read_bytes():
                await asyncio.sleep(0)
            steps.append(keeping.done())
            allowed.set()
            await keeping
            steps.append(len(lines(path)))

    asyncio.run(main())
    assert steps == [False, 1]


def test_durable_may_be_switched_off(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: pytest.fail("synced"))

    async def main():
        async with DeadLetters(path, durable=False) as dead_letters:
            await dead_letters.keep(rejected(0), TAG)

    asyncio.run(main())
    assert len(lines(path)) == 1


def test_a_full_disk_keeps_the_event_and_leaves_no_half_line(path, monkeypatch):
    write, full = os.write, [True]

    def cramped(file, data):
        if not full[0]:
            return write(file, data)
        if len(data) > 10:
            return write(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main():
        async with DeadLetters(path) as dead_letters:
            await dead_letters.keep(rejected(0), TAG)
            monkeypatch.setattr(os, "write", cramped)
            for _ in range(2):
                with pytest.raises(DeadLettersFailed, match=r"No space left on device\)\. No event is lost"):
                    await dead_letters.may_acknowledge(rejected(1), TAG)
            full[0] = False
            assert await dead_letters.may_acknowledge(rejected(2), TAG)
            assert dead_letters.kept == 2

    asyncio.run(main())
    assert [line["position"] for line in lines(path)] == [0, 2]


def test_a_file_that_cannot_be_opened_is_told_before_anything_is_taken_in(tmp_path):
    async def main():
        async with DeadLetters(tmp_path / "nowhere" / "letters.jsonl"):
            pytest.fail("entered")

    with pytest.raises(DeadLettersFailed, match="No such file or directory"):
        asyncio.run(main())


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(path):
    path.write_bytes(b'{"time": "20')

    async def main():
        async with DeadLetters(path) as dead_letters:
            await dead_letters.keep(rejected(1), TAG)

    asyncio.run(main())
    assert json.loads(path.read_bytes().splitlines()[1])["position"] == 1
    with pytest.raises(ConfigurationError, match=r"Line 1 of .* is no dead letter"):
        list(DeadLetter.read(path))


@pytest.mark.parametrize("line", [b"7", b"[]", b"{}", b'{"time": 1}', b"\xff"])
def test_a_line_that_is_none_is_told(path, line):
    path.write_bytes(b"\n" + line + b"\n")
    with pytest.raises(ConfigurationError, match=r"Line 2 of"):
        list(DeadLetter.read(path))


def test_who_waits_may_be_cancelled_and_the_others_go_on(path):
    async def main():
        async with DeadLetters(path) as dead_letters:
            tasks = [asyncio.create_task(dead_letters.keep(rejected(number), TAG)) for number in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert tasks[1].cancelled()

    asyncio.run(main())
    assert {0, 2} <= {line["position"] for line in lines(path)}


class Publishers:
    """What may be given instead of a file."""

    def __init__(self):
        self.got = []
        self.threads = set()

    async def published(self, letter):
        await asyncio.sleep(0)
        self.got.append(letter)

    def called(self, letter):
        self.threads.add(threading.current_thread())
        self.got.append(letter)

    def __call__(self, letter):
        return self.published(letter)


@pytest.mark.parametrize("how", ["published", "called", "__call__"])
def test_letters_may_go_to_a_function_one_after_the_other(how):
    publishers = Publishers()
    target = publishers if how == "__call__" else getattr(publishers, how)

    async def main():
        async with DeadLetters(target) as dead_letters:
            await asyncio.gather(*(dead_letters.keep(rejected(number), TAG) for number in range(100)))

    asyncio.run(main())
    assert [letter.position for letter in publishers.got] == list(range(100))
    assert all(isinstance(letter, DeadLetter) for letter in publishers.got)
    assert threading.main_thread() not in publishers.threads


def test_a_function_that_fails_keeps_its_event_and_not_the_next():
    async def publish(letter):
        if letter.position == 1:
            raise TimeoutError("broker id1 is away")

    async def main():
        async with DeadLetters(publish) as dead_letters:
            return await asyncio.gather(
                *(dead_letters.keep(rejected(number), TAG) for number in range(3)), return_exceptions=True
            )

    first, second, third = asyncio.run(main())
    assert (first, third) == (None, None)
    assert isinstance(second, DeadLettersFailed)
    assert str(second).startswith("Dead letters cannot be published (TimeoutError). No event is lost")
    assert isinstance(second.__cause__, TimeoutError)


def test_two_consumers_do_not_share_a_file(path):
    async def go():
        async with DeadLetters(path) as first:
            await first.keep(rejected(0), TAG)
            with pytest.raises(DeadLettersFailed, match="is in use by another consumer"):
                async with DeadLetters(path):
                    raise AssertionError
            second = DeadLetters(path)  # which opens it with its first letter
            with pytest.raises(DeadLettersFailed, match="is in use by another consumer"):
                await second.keep(rejected(1), TAG)
            await first.keep(rejected(2), TAG)
        async with DeadLetters(path) as third:
            await third.keep(rejected(3), TAG)

    asyncio.run(go())
    assert [letter.position for letter in DeadLetter.read(path)] == [0, 2, 3]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


HOLDER = """
import asyncio, sys
from netaudience.consumers import DeadLetters
async def main():
    async with DeadLetters(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


def test_a_consumer_that_is_killed_gives_its_file_back(path):
    async def open_it():
        async with DeadLetters(path):
            pass

    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DeadLettersFailed, match="is in use by another consumer"):
            asyncio.run(open_it())
        holder.kill()
        holder.wait()
        asyncio.run(open_it())
