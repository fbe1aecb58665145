"""Phone numbers in the one form that vendors demand."""

from __future__ import annotations

import pytest

from netaudience.errors import InvalidItem
from netaudience.model.phone import e164


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


@pytest.mark.parametrize("given", ["05321234567", "5321234567", ""])
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


@pytest.mark.parametrize(
    "given",
    [
        "+90 532 123 45 67 (Ali)",
        "Ali +90 532 123 45 67",
        "+12125551234 x567",
        "+12125551234 ext. 567",
        "+12125551234;ext=567",
        "+12125551234,567",
        "+12125551234#567",
        "+1 800 FLOWERS",
        "9.05321E+11",
        "+9.05321E+11",
        "+905321234567.0",
        "905321234567.0",
        "+90 532 123 45 67 / +90 533 123 45 67",
        "+90 532 123 45 67/68",
        "+905321234567;+905331234567",
        "+905321234567, +905331234567",
        "+90532123456\uff17",
        "+90 532 123 45 67\u200b",
        "++905321234567",
        "+90 (532 123 45 67",
        "+90 532 123 45 67-",
        "not a number",
        "ali@example.com",
    ],
)
def test_what_is_not_plainly_one_number_is_never_mended_into_another(given) -> None:
    with pytest.raises(InvalidItem):
        e164(given)


@pytest.mark.parametrize(
    "given",
    [
        "00905321234567",
        " +90 532\u00a0123  45 67 ",
        "(+90) 532 123-45-67",
        "+90.532.123.45.67",
        "TEL: +905321234567",
    ],
)
def test_what_only_groups_its_digits_is_left_out(given) -> None:
    assert e164(given) == "+905321234567"


def test_a_number_of_many_groups_is_judged_at_once() -> None:
    with pytest.raises(InvalidItem):
        e164("+" + "1 " * 5_000 + "!")
