"""Hours at a documented limit, with faults, against the sandbox's own counting; in virtual time.

The slow tests are the soak. Those before them show that each of its checks can fail: with a limiter that is
2 % too fast or gives its tickets back at sending, with one that loses tickets, with a sender that repeats
what must not be, with a way that lies, and with a run that forgets nothing.
"""

import asyncio
import math

import attrs
import leak_watch
import pytest
from soak_checks import drift, grown, misreported, over_the_limit, unused, used
from soaking import DELIVERED, DOWN, FAULTS, JITTER, LATENCY, PATIENT, ROUND_TRIP, SLOW, Load, Way, soak
from virtual_time import run

from netaudience import IterableClient, MoEngageClient, Settings
from netaudience.engine.pipeline import Pipeline
from netaudience.engine.quota_window import QuotaWindow
from netaudience.model.limits import Provenance, assumed
from netaudience.model.wire import Response
from netaudience.sandbox import Fault

HOUR = 60


def iterable(settings, transport):
    return IterableClient(
        "sandbox", base_url="https://sandbox.example/iterable", settings=settings, transport=transport
    )


def moengage(settings, transport):
    return MoEngageClient(
        "sandbox",
        "sandbox",
        base_url="https://sandbox.example/moengage",
        settings=settings,
        transport=transport,
    )


def email(position):
    return f"u{position}@example.com"


def user(position):
    return {"email": email(position), "dataFields": {"number": position}}


def some_forgotten(core):
    """Users whom the vendor refuses by name, so that there is something to reject."""
    core.iterable.seed({"forgotten": [email(position) for position in range(500, 200_000, 1009)]})


def some_users(core):
    """An hour's users to merge, and those who stay: a pair that is not there is skipped without a word."""
    for name, count in (("id", 60_000), ("kept", 100)):
        for number in range(count):
            core.moengage.write(f"{name}{number}", {}, existing_only=False)


#: 10 requests a second; events without ids, which must not be sent twice.
EVENTS = Load(
    iterable,
    "track_events_without_ids",
    "iterable/trackBulk",
    lambda position: {"eventName": "seen", "email": email(position)},
    email,
    Settings(retry=PATIENT, max_rows=3),
    seed=some_forgotten,
)
#: 1,000 records a minute, one request in flight; what is merged cannot be undone, nor merged once more.
MERGE = Load(
    moengage,
    "merge_users",
    "moengage/mergeUsers",
    lambda position: {"merged_user": f"id{position}", "retained_user": f"kept{position % 100}"},
    lambda position: f"id{position}",
    Settings(retry=PATIENT, max_rows=6),
    run=lambda operation, source: operation(source, confirm=True),
    seed=some_users,
)
#: 500 requests a second. With fewer in flight the way's length would be the limit, and not the rate.
UPDATE = Load(
    iterable,
    "update_user",
    "iterable/update",
    user,
    email,
    Settings(retry=PATIENT, in_flight=100),
    run=lambda operation, source: operation.each(source),
)
#: 3 requests a second and 1,000 in 24 hours. A day's wait is what the job is ready for.
FORGET = Load(
    iterable,
    "forget_user",
    "iterable/forget",
    email,
    email,
    Settings(retry=attrs.evolve(PATIENT, throttle_patience=100_000.0)),
    run=lambda operation, source: operation.each(source),
    items=2_200,
)
#: 5 requests a second; one in five is left to calls.
SHARED = Load(
    iterable,
    "bulk_update_users",
    "iterable/bulkUpdate",
    user,
    email,
    Settings(retry=PATIENT, max_rows=3, reserve=0.2),
)

#: From minute 15 on a slow minute; from minute 30 on half a minute in which nobody takes a connection.
SPELLS = ((15, 60, (SLOW,)), (30, 30, None))
#: The same, but a proxy answers for a vendor that is down.
SPELLS_503 = ((15, 60, (SLOW,)), (30, 30, (DOWN,)))


def soaked(load, *, most_turns=50_000_000, **given):
    return run(soak(load, **given), most_turns=most_turns)


def down_and_back(result):
    """The circuit opened once, in the outage, and closed once, after it."""
    return [is_open for _, is_open in result.circuit] == [True, False]


# That the checks can fail.


def faster(monkeypatch):
    """A rate limiter that is 2 % too fast."""
    made = QuotaWindow.__init__

    def too_fast(self, window, quota):
        share = assumed(1.02 * window.most / window.figure.value, "broken")
        made(self, attrs.evolve(window, share=share), quota)

    monkeypatch.setattr(QuotaWindow, "__init__", too_fast)


def at_sending(monkeypatch):
    """A rate limiter whose tickets come back one window after sending, and not after the answer."""
    taken = QuotaWindow.take

    def take(self, records):
        taken(self, records)
        now = asyncio.get_running_loop().time()
        self._returning.append((now + self._seconds, self._weight(records)))

    monkeypatch.setattr(QuotaWindow, "take", take)
    monkeypatch.setattr(QuotaWindow, "answered", lambda *_, **__: None)


@pytest.mark.parametrize("load", [EVENTS, MERGE], ids=["requests a second", "records a minute"])
@pytest.mark.parametrize("broken", [None, faster, at_sending])
def test_a_pacer_that_breaks_the_limit_is_seen(monkeypatch, load, broken):
    if broken is not None:
        broken(monkeypatch)
    result = soaked(load, minutes=3, faults=())
    assert bool(over_the_limit(result)) is (broken is not None)
    assert misreported(result) == []


@pytest.mark.slow
def test_a_pacer_that_loses_a_ticket_now_and_then_is_seen(monkeypatch):
    answered, count = QuotaWindow.answered, 0

    def leaking(self, now, records, **how):
        nonlocal count
        count += 1
        if count % 500:
            answered(self, now, records, **how)

    def seven_minutes():
        return soaked(EVENTS, minutes=14, minute=30, faults=())

    assert drift(seven_minutes(), each=0.03) == []
    monkeypatch.setattr(QuotaWindow, "answered", leaking)
    assert drift(seven_minutes(), each=0.03)


def test_what_is_repeated_although_it_must_not_be_is_seen(monkeypatch):
    monkeypatch.setattr(IterableClient, "may_repeat", lambda *_: True)
    result = soaked(EVENTS, minutes=3, faults=(Fault("reset-after", share=0.02),))
    assert any("applied more than once" in problem for problem in misreported(result))


def test_what_is_told_to_be_delivered_and_is_not_is_seen():
    class Lying(Way):
        def answered(self, reply):
            if reply.answer is None:
                return Response(200, {}, b'{"successCount": 3, "failCount": 0}')
            return super().answered(reply)

    result = soaked(EVENTS, minutes=3, faults=(Fault("reset-before", share=0.02),), way=Lying)
    assert any("never applied" in problem for problem in misreported(result))


# The soak.


@pytest.fixture
def unwatched(caplog, monkeypatch):
    """Keep nothing of what is reported: neither log records, whose errors hold on to senders, nor events."""
    caplog.set_level("ERROR", "netaudience")
    monkeypatch.setattr(leak_watch._watch, "look", lambda *_: None)


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize(
    ("load", "minutes", "minute", "spells", "faults"),
    [
        pytest.param(EVENTS, HOUR, 60, SPELLS, FAULTS, id="10 requests a second, an hour"),
        pytest.param(MERGE, HOUR, 60, SPELLS_503, FAULTS, id="1,000 records a minute, an hour"),
        # An hour would be 1.6 million requests. Two minutes in slices of five seconds are 48,000, in which
        # as many faults come as in an hour of the others; in a slice there are four bursts, or five.
        pytest.param(
            UPDATE,
            24,
            5,
            ((6, 2, (SLOW,)), (12, 10, None)),
            (Fault("status", status=429, retry_after="1", share=0.00005), *FAULTS[1:]),
            id="500 requests a second, two minutes",
        ),
    ],
)
def test_a_soak_keeps_the_limit_the_rate_and_the_books(load, minutes, minute, spells, faults):
    """An hour at a documented limit, with faults all the time, a slow stretch and an outage.

    The sandbox lets through what the client may use of the documented figure, in every sliding window, and
    not one request more. What drift means is said at `drift`, and how much of a limit can be used at
    `unused`: the floor that a user may count on, against the documented figure itself, is here.
    """
    result = soaked(load, minutes=minutes, minute=minute, weather=spells, faults=faults)
    window = result.window
    assert window.figure.provenance is Provenance.DOCUMENTED
    assert over_the_limit(result) == []
    assert misreported(result) == []
    assert drift(result, each=None if minute == 60 else 0.1) == []
    assert unused(result) == []
    # Nine tenths are used by intent, and a tenth to an eighth of a second's window is on the way.
    assert used(result) * window.most >= (0.78 if window.per == 1 else 0.89) * window.figure.value
    assert result.left == []
    assert down_and_back(result)
    assert result.report.stopped is None
    assert result.report.failed == 0
    assert bool(result.report.in_doubt) is not result.idempotent
    assert result.report.rejected == sum(
        1
        for position in range(500, result.report.items, 1009)
        if load is EVENTS and result.told[position] != 4
    )
    statuses = next(iter(result.core.ledger.statuses.values()))
    assert all(statuses[status] for status in ("200", "429", "503", "reset"))


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
def test_a_soak_over_days_keeps_a_window_of_a_second_and_one_of_a_day():
    """2,200 requests at 3 a second and 1,000 in 24 hours: two days pass, and the third begins."""
    faults = (Fault("status", status=429, retry_after="2", share=0.004), *FAULTS[1:])
    result = soaked(
        FORGET, minutes=2 * 24 * HOUR + 10, faults=faults, weather=((1, 10, (SLOW,)), (3, 30, None))
    )
    second, day = result.quota.windows
    assert {window.figure.provenance for window in (second, day)} == {Provenance.DOCUMENTED}
    assert over_the_limit(result) == []
    assert misreported(result) == []
    assert [window.peak for window in result.meter.requests[:2]] == [math.ceil(second.most), day.most]
    # A connection that is refused costs no ticket: the vendor has heard nothing.
    hours = [sum(result.minutes[start : start + HOUR]) for start in range(0, len(result.minutes), HOUR)]
    # A day is over when the first answers are a day old.
    assert [(hour, count) for hour, count in enumerate(hours) if count][:2] == [
        (0, 1000),
        (24, 1000),
    ]
    assert 5 <= result.way.refused <= 20
    assert result.report.delivered == 2_200
    assert result.ended - result.began < 2 * 86_400 + 600
    assert down_and_back(result)
    assert result.left == []


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
def test_a_soak_of_calls_beside_a_bulk_run_lets_no_call_wait():
    """A call each second beside a run that would take everything, with a fifth of the limit left free.

    A call that meets no fault waits for less than a quarter of a second besides its way. Where the vendor
    asks for a pause it waits for that too; where the vendor is down it is told so.
    """
    result = soaked(SHARED, minutes=HOUR, weather=SPELLS, calls=True)
    assert result.window.figure.provenance is Provenance.DOCUMENTED
    assert over_the_limit(result) == []
    assert misreported(result) == []
    assert drift(result) == []
    assert unused(result) == []
    assert result.left == []
    assert down_and_back(result)
    assert len(result.calls) == HOUR * 60
    smooth = [
        call.seconds
        for call in result.calls
        if not call.retries and result.is_quiet(call.at, call.at + call.seconds)
    ]
    assert len(smooth) > 0.9 * len(result.calls)
    assert max(smooth) <= 2 * (max(LATENCY) + JITTER) + 0.25
    assert sorted(smooth)[len(smooth) // 2] <= ROUND_TRIP + 0.01
    out = [call for call in result.calls if call.told != DELIVERED]
    (opened, _), (closed, _) = result.circuit
    assert {call.number // 60 for call in out} == {30}
    assert all(opened - 5 <= call.at <= closed for call in out)
    assert max(call.seconds for call in result.calls) < 10


@pytest.mark.slow
@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("broken", [False, True])
def test_a_soak_needs_no_more_memory_in_its_last_ten_minutes_than_in_its_second_ten(monkeypatch, broken):
    """All that is allocated is traced, the sandbox's part too.

    So the users are the same hundred again and again: who stands in the sandbox's books is not the client's
    memory. Tracing makes all of it slow, so the hour has 2,000 requests. Broken is a run that
    remembers an empty range for each of its chunks, and nothing else.
    """
    if broken:
        carry, kept = Pipeline._carry, []

        async def remembering(self, chunk):
            kept.append(range(0))
            await carry(self, chunk)

        monkeypatch.setattr(Pipeline, "_carry", remembering)
    again = attrs.evolve(
        SHARED,
        item=lambda position: user(position % 100),
        key=lambda position: email(position % 100),
        settings=Settings(retry=PATIENT, max_rows=2, rate=0.6),
    )
    result = soaked(again, minutes=HOUR, weather=SPELLS, traced=True, remember=False)
    assert over_the_limit(result) == []
    assert result.left == []
    assert bool(grown(result)) is broken
