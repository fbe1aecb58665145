"""The pure step over hours: kills, stops, lost asks and replies, lost states, clocks that step back."""

import heapq
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import check, quota

from netaudience.quotas.step import exchange

LEASE, AHEAD = 3.0, 0.2


class Machine:
    """A process that uses what it is lent as soon as it holds; it knows nothing of the store's clock."""

    def __init__(self, world, name):
        self.world, self.name, self.turn = world, name, 0
        self.begin()

    def begin(self):
        self.turn += 1
        self.id = f"{self.name} {self.turn}"
        self.epoch, self.permits, self.answered = "", [], []
        self.out = self.slots = 0
        self.until = -1.0
        self.stopped_until = 0.0

    def ask(self, now):
        if now >= self.until:
            self.permits, self.slots = [], 0
        random_ = self.world.random
        records = self.world.records
        return {
            "id": self.id, "epoch": self.epoch, "lease": LEASE, "in_flight": self.out,
            "slots": max(self.out, min(self.slots, self.out + len(self.permits))), "idle": 0,
            "holds": [self.world.flying(self.id) + sum(self.weight(n) for _, n in self.permits)],
            "answered": [(now - at, [self.weight(n)]) for at, n in self.answered],
            "urgent": [random_.choice(records) for _ in range(random_.choice([0, 0, 0, 1, 3]))],
            "bulk": [random_.choice(records) for _ in range(random_.choice([0, 4, 12]))],
            "ahead": AHEAD, "successes": len(self.answered), "throttled": 0, "pause": 0.0, "alone": False,
        }  # fmt: skip

    def weight(self, records):
        return records if self.world.quota.windows[0].counts == "records" else 1

    def hear(self, asked, now, ask, reply):
        self.epoch, self.slots = reply["epoch"], reply["slots"]
        self.until = asked + LEASE
        for lane in ("urgent", "bulk"):
            for start, records in zip(reply[lane], ask[lane], strict=False):
                self.permits.append((now + start, records))


class World:
    """What happens, in its order, at moments of one true clock."""

    def __init__(self, seed, limit, per, most, counts="requests"):
        self.random = random.Random(seed)
        self.quota = quota(limit, per, in_flight=most, reserve=0.1, counts=counts)
        self.limit, self.per, self.most = limit, per, most
        self.records = [1, 2, 7] if counts == "records" else [1]
        self.text, self.offset, self.epochs = None, 1e6, 0
        self.events, self.order, self.now = [], 0, 0.0
        self.arrivals, self.recent, self.sent = [], 0, 0
        self.in_flight = {}
        self.machines = [Machine(self, name) for name in "abcd"]

    def at(self, moment, what, *arguments):
        self.order += 1
        heapq.heappush(self.events, (moment, self.order, what, arguments))

    def flying(self, name):
        return sum(weight for owner, weight in self.in_flight.values() if owner == name)

    def run(self, hours, troubles):
        for machine in self.machines:
            self.at(self.random.random(), self.talk, machine, machine.id)
        if troubles:
            self.at(5.0, self.trouble, troubles)
        while self.events[0][0] < hours * 3600:
            self.now, _, what, arguments = heapq.heappop(self.events)
            what(*arguments)
        return self.sent / (hours * 3600 / self.per * self.limit)

    def talk(self, machine, name):
        """Exchange: the ask takes its way, and the reply; either may be lost."""
        if name != machine.id:
            return  # it was killed
        if self.now < machine.stopped_until:
            self.at(machine.stopped_until, self.talk, machine, machine.id)
            return
        ask = machine.ask(self.now)
        told = list(machine.answered)
        way = self.random.expovariate(200)
        fate = self.random.random()
        self.at(self.now + way, self.step, machine, ask, told, self.now, fate)

    def step(self, machine, ask, told, asked, fate):
        reply = None
        if fate > 0.02:
            state = None if self.text is None else json.loads(self.text)
            self.epochs += 1
            state, reply = exchange(
                state,
                self.now + self.offset,
                self.quota,
                json.loads(json.dumps(ask)),
                epoch=f"e{self.epochs}",
            )
            check(state, self.quota)
            self.text = json.dumps(state)
        way = self.random.expovariate(200)
        self.at(self.now + way, self.hear, machine, ask, told, asked, None if fate < 0.04 else reply)

    def hear(self, machine, ask, told, asked, reply):
        if ask["id"] != machine.id:
            return  # it was killed
        if self.now < machine.stopped_until:
            self.at(machine.stopped_until, self.hear, machine, ask, told, asked, reply)
            return
        if reply is not None:
            machine.hear(asked, self.now, ask, reply)
            machine.answered = machine.answered[len(told) :]
            for start, _ in list(machine.permits):
                self.at(max(self.now, start), self.send, machine, machine.id)
        self.at(self.now + self.random.uniform(0.02, 0.3), self.talk, machine, machine.id)

    def send(self, machine, name):
        """Use what holds by now, within the lease and the slots."""
        if name != machine.id or self.now < machine.stopped_until:
            return
        ready = [permit for permit in machine.permits if permit[0] <= self.now]
        if not ready or self.now >= machine.until or machine.out >= machine.slots:
            return
        machine.permits.remove(ready[0])
        machine.out += 1
        self.order += 1
        self.in_flight[self.order] = machine.id, machine.weight(ready[0][1])
        self.at(self.now + self.random.expovariate(30), self.arrive, machine, self.order, ready[0][1])

    def arrive(self, machine, number, records):
        weight = machine.weight(records)
        self.arrivals.append((self.now, weight))
        self.sent += weight
        self.recent += weight
        while self.arrivals[0][0] <= self.now - self.per:
            self.recent -= self.arrivals.pop(0)[1]
        assert self.recent <= self.limit, f"{self.recent} at {self.now}"
        assert len(self.in_flight) <= self.most + self.lenient
        self.at(self.now + self.random.expovariate(30), self.answer, machine, number, records)

    #: Requests of those that were killed are out for longer than their slots.
    lenient = 0

    def answer(self, machine, number, records):
        name, _ = self.in_flight.pop(number)
        if name != machine.id:
            return
        machine.out -= 1
        machine.answered.append((max(self.now, machine.stopped_until), records))

    def trouble(self, troubles):
        kind = self.random.choice(troubles)
        machine = self.random.choice(self.machines)
        if kind == "kill":
            machine.begin()
            self.at(self.now + self.random.uniform(0, 5), self.talk, machine, machine.id)
        elif kind == "stop":
            machine.stopped_until = self.now + self.random.uniform(0.5, 10)
        elif kind == "clock":
            self.offset -= self.random.choice([0.5, 60.0, 1e5])
        elif kind == "lost":
            self.text = None
        self.at(self.now + self.random.uniform(2, 12), self.trouble, troubles)


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(5, 1.0), (50, 1.0), (20, 10.0), (2.5, 1.0)]),
    st.sampled_from(["requests", "records"]),
)
def test_whatever_happens_the_limit_holds_and_no_ticket_is_lost(seed, limit, counts):
    limit, per = limit
    world = World(seed, limit if counts == "requests" else 4 * limit, per, 12, counts)
    world.lenient = 40
    world.run(0.02, ["kill", "stop", "clock", "lost"])


@pytest.mark.parametrize("seed", range(2))
def test_of_a_limit_that_is_shared_in_peace_most_is_used(seed):
    assert World(seed, 20, 1.0, 12).run(0.03, []) >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("limit", "per", "counts", "least"),
    # A state is lost twice a minute: of a window of a minute little is left then.
    [(20, 1.0, "requests", 0.3), (300, 60.0, "records", 0.1)],
)
def test_for_hours(seed, limit, per, counts, least):
    world = World(seed, limit, per, 12, counts)
    world.lenient = 40
    assert world.run(2, ["kill", "stop", "clock", "lost"]) >= least
