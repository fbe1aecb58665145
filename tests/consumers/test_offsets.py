"""What may be committed never passes an event that is not settled, whatever comes, settles and goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.consumers import OffsetTracker
from netaudience.errors import ConfigurationError

#: What happens to a partition: the next offset, so far above the last; a settlement, of one so far from the
#: front; an offset that came before; a commit that goes through or fails; the partition taken away.
STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.just("commit"), st.booleans()),
    st.tuples(st.just("forget"), st.integers(0, 30)),
)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), STEPS), max_size=120),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 10**12)),
)
def test_what_may_be_committed_never_passes_what_is_not_settled(steps, begins):
    tracker = OffsetTracker()
    top = {name: begins.get(name, 0) for name in "ab"}
    hand = {"a": [], "b": []}  # taken and not settled, in order
    taken = {"a": [], "b": []}  # all of the assignment, in order
    done = {"a": None, "b": None}  # what was committed, as the broker has it
    stale = []
    for name, (what, number) in steps:
        if what == "take":
            top[name] += number
            one = tracker.take(name, top[name])
            assert one.offset == top[name]
            hand[name].append(one)
            taken[name].append(top[name])
        elif what == "settle" and hand[name]:
            tracker.settle(hand[name].pop(number % len(hand[name])))
        elif what == "again" and taken[name]:
            before = tracker.pending(name), tracker.committable()
            assert tracker.take(name, taken[name][number % len(taken[name])]) is None
            assert (tracker.pending(name), tracker.committable()) == before
        elif what == "commit":
            offsets = tracker.committable()
            for partition, offset in offsets.items():
                assert offset > (done[partition] or 0)
                assert not [one for one in hand[partition] if one.offset < offset]
            if number:
                tracker.committed(offsets)
                done.update(offsets)
                assert tracker.committable() == {}
            else:
                assert tracker.committable() == offsets
        elif what == "forget":
            stale += hand[name]
            tracker.forget(name)
            hand[name], taken[name], done[name] = [], [], None
            top[name] = max(0, top[name] - number)  # read again from an earlier offset
        assert tracker.pending(name) == len(hand[name])
    before = tracker.committable()
    for one in stale:  # settled after their partition was taken away
        tracker.settle(one)
    assert tracker.committable() == before
    for one in [*hand["a"], *hand["b"]]:
        tracker.settle(one)
    moved = tracker.committable()
    for name, offsets in taken.items():
        if offsets:
            assert moved.get(name, done[name]) == offsets[-1] + 1
        else:
            assert name not in moved


def test_the_next_offset_is_what_is_committed_and_gaps_are_passed():
    tracker = OffsetTracker()
    five, nine, ten = (tracker.take(0, offset) for offset in (5, 9, 10))
    tracker.settle(nine)
    assert tracker.committable() == {}
    tracker.settle(five)
    assert tracker.committable() == {0: 10}
    tracker.settle(ten)
    assert tracker.committable() == {0: 11}


def test_what_was_in_hand_before_a_rebalance_does_not_settle_what_came_again():
    tracker = OffsetTracker()
    before = tracker.take("p", 7)
    tracker.forget("p")
    again = tracker.take("p", 7)
    tracker.settle(before)
    assert (tracker.pending("p"), tracker.committable()) == (1, {})
    tracker.settle(again)
    assert tracker.committable() == {"p": 8}


def test_a_commit_that_comes_back_after_the_partition_went_is_no_mistake():
    tracker = OffsetTracker()
    tracker.settle(tracker.take("p", 7))
    offsets = tracker.committable()
    tracker.forget("p")
    tracker.committed(offsets)
    assert (tracker.committable(), tracker.pending("p")) == ({}, 0)


def test_settling_twice_is_told():
    tracker = OffsetTracker()
    taken = tracker.take("p", 41_204)
    tracker.settle(taken)
    with pytest.raises(ConfigurationError, match=r"Offset 41,204 was settled before"):
        tracker.settle(taken)


def test_memory_is_bound_to_what_is_in_hand_though_the_first_stays():
    tracker = OffsetTracker()
    stuck = tracker.take(0, 0)
    for offset in range(1, 50_000):
        tracker.settle(tracker.take(0, offset))
    assert len(stuck.assignment.pending) == tracker.pending(0) == 1
    assert tracker.committable() == {}
    tracker.settle(stuck)
    assert tracker.committable() == {0: 50_000}


def test_neither_says_more_than_its_numbers():
    tracker = OffsetTracker()
    taken = tracker.take("p", 41_204)
    assert repr(taken) == "<Taken offset 41,204>"
    assert repr(tracker) == "<OffsetTracker of 1 partitions, 1 in hand>"
