"""Numbers, and what is counted, as a sentence says them."""

import pytest

from netaudience.plurals import many, rounded


@pytest.mark.parametrize(
    ("count", "what", "told"),
    [
        (0, "row", "0 rows"),
        (1, "request per second", "1 request per second"),
        (1.0, "request per second", "1 request per second"),
        (2.5, "request per second", "2.5 requests per second"),
        (1_500_000.0, "record per minute", "1,500,000 records per minute"),
        (1, "person", "1 person"),
        (1042, "person", "1,042 people"),
        (1, "row of the source is theirs and is held back", "1 row of the source is theirs and is held back"),
        (
            2,
            "row of the source is theirs and is held back",
            "2 rows of the source are theirs and are held back",
        ),
        (3, "cell holds", "3 cells hold"),
        (3, "user that has", "3 users that have"),
    ],
)
def test_one_is_told_as_one_and_several_as_several(count, what, told):
    assert many(count, what) == told


@pytest.mark.parametrize(
    ("number", "digits", "written"),
    [
        (250_000.0, 3, "250,000"),
        (248_613.4, 3, "249,000"),
        (1e5, 4, "100,000"),
        (12.346, 3, "12.3"),
        (0.0249, 2, "0.025"),
        (0.00001, 3, "0.00001"),
        (0, 3, "0"),
    ],
)
def test_a_rounded_number_is_written_out(number, digits, written):
    assert rounded(number, digits) == written
