"""How many there are, as a sentence says it."""

import pytest

from netaudience.plurals import many


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
