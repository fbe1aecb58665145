"""Events of many users, what they come to, a vendor that notes what it applied, and a recipe in a process."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import attrs

from netaudience.consumers import DeadLetter
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.sandbox.ledger import Ledger

ROOT = Path(__file__).parent.parent.parent
RECIPES = ROOT / "docs" / "examples" / "consumers"
TAGS = ("vip", "news", "sale")
#: The vendor refuses every request that names this user.
REFUSED = "refused-1"
UNREADABLE = b'{"user": "customer-1", "set"'
FAULTS = (
    "latency=0.002,jitter=0.02",
    f"poison={REFUSED}",
    "status=429,retry_after=1,first=1,after=12",
    "status=503,share=0.03",
    "reset-after,share=0.03",
    "reset-before,share=0.02",
)


@attrs.frozen
class Events:
    """Events, by their number in the stream, and what they come to."""

    bodies: list[bytes]
    #: By user: the numbers of the events that set attributes, in order.
    numbers: dict[str, list[int]]
    tags: dict[str, set[str]]
    #: How many the dead letters must have at least.
    refused: int
    unreadable: int


def make_events(seed: int, count: int = 10_000, users: int = 1_000) -> Events:
    chance = random.Random(seed)
    bodies: list[bytes] = []
    numbers: dict[str, list[int]] = defaultdict(list)
    tags: dict[str, set[str]] = defaultdict(set)
    odd = set(chance.sample(range(count), 8))
    for number in range(count):
        user = f"customer-{chance.randrange(users)}"
        if number in odd:
            refused = number == min(odd) or chance.random() < 0.4
            event = {"user": REFUSED, "set": {"n": number}}
            bodies.append(json.dumps(event).encode() if refused else UNREADABLE)
            continue
        match chance.choices(("set", "tag", "untag"), (6, 2, 2))[0]:
            case "set":
                event = {"user": user, "set": {"n": number, "shade": chance.randrange(100)}}
                numbers[user].append(number)
            case "tag":
                event = {"user": user, "tag": chance.choice(TAGS)}
                tags[user].add(event["tag"])
            case _:
                event = {"user": user, "untag": chance.choice(TAGS)}
                tags[user].discard(event["untag"])
        bodies.append(json.dumps(event).encode())
    unreadable = bodies.count(UNREADABLE)
    return Events(bodies, dict(numbers), dict(tags), len(odd) - unreadable, unreadable)


class Notes(Ledger):
    """What was applied, in order, by the lives of the consumer."""

    def __init__(self) -> None:
        super().__init__(None)
        self.life = 0
        self.total = 0
        #: By user: the life, and the numbers that one request set.
        self.history: dict[str, list[tuple[int, list[int]]]] = defaultdict(list)
        self._until: tuple[int, threading.Event] | None = None

    def apply(self, place, keys, values) -> None:
        values = list(values)
        super().apply(place, keys, values)
        requested: dict[str, list[int]] = defaultdict(list)
        for key, row in values:
            requested[key].append(row["n"])
        for key, numbers in requested.items():
            self.history[key].append((self.life, numbers))
        self.total += len(keys)
        if self._until is not None and self.total >= self._until[0]:
            self._until[1].set()

    def when(self, more: int) -> Callable[[], bool]:
        """Return what waits a little for so many more items to be applied, and says whether they are."""
        event = threading.Event()
        self._until = (self.total + more, event)
        return lambda: event.wait(0.1)

    def seen(self) -> set[int]:
        """Return the numbers of all events that were applied."""
        return {number for told in self.history.values() for _, request in told for number in request}


@contextmanager
def vendor(*faults: str) -> Iterator[tuple[BackgroundSandbox, Notes]]:
    """The sandbox on a socket, with notes instead of its ledger."""
    sandbox = Sandbox(faults=faults, seed=3)
    notes = sandbox.ledger = Notes()
    with BackgroundSandbox(sandbox) as running:
        yield running, notes


class Recipe:
    """A recipe as its user runs it, one process after the other."""

    def __init__(self, name: str, sandbox: BackgroundSandbox, folder: Path, **environment: str) -> None:
        self._path = RECIPES / name
        self._log = folder / "consumer.log"
        self.dead_letters = folder / "dead-letters.jsonl"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
            "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
            "DEAD_LETTERS": str(self.dead_letters),
            "RATE": "400",
            "LINGER": "0.05",
            "MAX_PENDING": "2000",
            "ACK_WAIT": "2",
            **environment,
        }

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start it; whatever happens, it does not outlive the block."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(self._path)], env=self.environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def letters(self) -> list[DeadLetter]:
        return list(DeadLetter.read(self.dead_letters))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], recipe: Recipe) -> None:
    """Wait until a broker says so; it has no way to call us."""
    patience = time.monotonic() + 40
    while not condition():
        assert process.poll() is None, recipe.log()
        assert time.monotonic() < patience, recipe.log()
        time.sleep(0.02)


def kill_and_drain(
    recipe: Recipe,
    vendor: tuple[BackgroundSandbox, Notes],
    events: Events,
    drained: Callable[[], bool],
    *,
    seed: int,
    kills: int = 3,
) -> None:
    """Kill the consumer at points of the vendor's work, start it again, and stop it when all is settled."""
    chance = random.Random(seed)
    sandbox, notes = vendor
    for _ in range(kills):
        notes.life += 1
        with recipe.running() as process:
            wait_for(notes.when(chance.randrange(len(events.bodies) // (kills + 2)) + 1), process, recipe)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        while any(meter.in_flight for meter in sandbox._sandbox.meters().values()):
            time.sleep(0.01)  # what the dead one has sent may still be applied
    notes.life += 1
    with recipe.running() as process:
        wait_for(drained, process, recipe)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, recipe.log()
    assert drained()


def assert_applied_in_order(sandbox: BackgroundSandbox, notes: Notes, events: Events, recipe: Recipe) -> int:
    """Compare what the vendor has, and how it came to it, with the events; return how many came again."""
    users = sandbox.netmera.users
    again = 0
    for user, numbers in events.numbers.items():
        assert users[user].profile["n"] == numbers[-1]
        told = notes.history[user]
        assert {number for _, request in told for number in request} == set(numbers)
        newest, life = -1, 0
        for then, request in told:
            assert request == sorted(request)
            if then != life:  # another process: it begins again at the first event not acknowledged
                newest, life = -1, then
            assert request[-1] >= newest  # a request may be repeated when its answer is lost
            newest = request[-1]
        again += sum(len(request) for _, request in told) - len(numbers)
        for earlier, later in pairwise(told):
            # Nothing is passed over: what comes next is the next event, or one that was applied before.
            following = [number for number in numbers if number > earlier[1][-1]]
            assert not following or later[1][0] <= following[0]
    for user, tags in events.tags.items():
        assert (users[user].tags if user in users else set()) == tags
    letters = recipe.letters()
    assert {letter.row for letter in letters if not letter.operation} == {UNREADABLE.decode()}
    # A tag that is taken off somebody unknown to the vendor is reported as well, by the user's id alone.
    changes = [letter for letter in letters if letter.operation and letter.operation != "untag_users"]
    refused = {letter.row["profile"]["n"] for letter in changes}
    assert len(refused) == events.refused
    assert len({letter.reference for letter in letters if not letter.operation}) == events.unreadable
    return again
