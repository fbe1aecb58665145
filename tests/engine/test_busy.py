"""Which users have a row on its way: the cheap way, for keys in their order, says what the other says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaudience.engine.in_flight_keys import InFlightKeys


@st.composite
def pages(draw):
    """Pages of keys; mostly in their order, as a table gives them."""
    keys = draw(st.lists(st.integers(0, 60), max_size=60))
    if draw(st.booleans()):
        keys.sort()
    size = draw(st.integers(1, 8))
    return [[f"k{key:02d}" for key in keys[at : at + size]] for at in range(0, len(keys), size)]


@given(pages(), st.lists(st.integers(0, 5), max_size=60))
def test_it_meets_what_is_on_its_way_and_nothing_else(given_pages, releases):
    busy, out = InFlightKeys(), []
    for page, released in zip(given_pages, [*releases, *[0] * len(given_pages)], strict=False):
        away = {key for _, keys in out for key in keys}
        assert busy.meets(page) == bool(away.intersection(page))
        assert busy.among(page) == away.intersection(page) or not out
        free = [key for key in page if key not in away]
        if free:
            # As the chunker does: what is free is asked about again where it is not the page itself.
            keys = page if free == page else free
            assert free == page or not busy.meets(keys)
            out.append((busy.add(keys), keys))
        for _ in range(min(released, len(out))):
            kept, _ = out.pop(released % len(out))
            busy.remove(kept)
    for kept, _ in out:
        busy.remove(kept)
    assert not busy.meets([f"k{key:02d}" for key in range(61)])


@pytest.mark.parametrize("piece", [1, 3, 10])
def test_a_page_may_go_out_in_pieces(piece):
    busy = InFlightKeys()
    first = [f"a{number}" for number in range(10)]
    assert not busy.meets(first)
    kept = [busy.add(first[at : at + piece]) for at in range(0, 10, piece)]
    assert not busy.meets(["b1", "b2"])
    later = busy.add(["b1", "b2"])
    assert busy.meets(["a9"])
    assert busy.meets(["b0", "b1"])
    for one in kept:
        busy.remove(one)
    assert not busy.meets(["a9"])
    assert busy.meets(["b2"])
    busy.remove(later)
    assert not busy.meets(["b2"])


@pytest.mark.parametrize("settled", [1, 2, 5])
def test_what_was_let_go_of_may_go_out_again_without_being_asked_about(settled):
    """Settled keys are taken out late, many at a time; those that are out again by then are not."""
    busy = InFlightKeys()
    out = [busy.add([f"k{number}"]) for number in range(6)]
    assert busy.meets(["k5", "k0"])  # in no order: from here on there is a set of them
    for kept in out[:settled]:
        busy.remove(kept)
    again = busy.add(["k0"])
    assert busy.meets(["x", "k0"])
    assert not settled > 1 or not busy.meets(["x", "k1"])
    assert busy.among(["k0", "k5", "k4", "x"]) == {"k0", "k5"} | ({"k4"} if settled < 5 else set())
    busy.remove(again)
    assert not busy.meets(["x", "k0"])
