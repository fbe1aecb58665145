"""Phone numbers in the one form that vendors demand."""

from __future__ import annotations

import pytest

from netaudience.errors import InvalidItem
from netaudience.phone import e164


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("+905321234567", "+905321234567"),
        ("+90 532 123 45 67", "+905321234567"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+1 (212) 555-0123", "+12125550123"),
        ("+49 (0) 30 901820", "+4930901820"),
        ("tel:+90-532-123-4567", "+905321234567"),
    ],
)
def test_what_people_write_becomes_e164(given, wanted) -> None:
    assert e164(given) == wanted


@pytest.mark.parametrize("given", ["05321234567", "5321234567", "", "not a number", "00905321234567"])
def test_a_country_is_never_guessed(given) -> None:
    with pytest.raises(InvalidItem, match="must be written with \\+ and the country's code"):
        e164(given)


@pytest.mark.parametrize("given", ["+90532", "+90532123456789012", "+1"])
def test_a_number_has_its_countrys_length(given) -> None:
    with pytest.raises(InvalidItem):
        e164(given)


def test_the_number_is_in_no_message() -> None:
    with pytest.raises(InvalidItem) as caught:
        e164("+90532")
    assert "532" not in str(caught.value).replace("+90 532 123 45 67", "")
