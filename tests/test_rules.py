"""What the rules of e-mail addresses and phone numbers let through, one by one and many at once."""

from __future__ import annotations

import pytest

from netaudience.model.validators import email, phone, phones, rule, with_entries

ADDRESS = email("email")

GOOD = [
    "a@example.com",
    "A.B+c@Example.COM",
    "a@localhost",
    "o'neill@example.com",
    '"quoted"@example.com',
    "a@[192.0.2.1]",
    "a=b/c!d#e$f%g&h*i?j^k_l`m{n|o}p~q@example.com",
    "ünïcode@exämple.com",
    "a" * 242 + "@example.com",
]
BAD = [
    "",
    "a",
    "@example.com",
    "a@",
    "a@@example.com",
    "a@b@example.com",
    "a@.example.com",
    "a@example.com.",
    "a@example..com",
    "a b@example.com",
    "a@exam ple.com",
    " a@example.com",
    "a@example.com ",
    "a@example.com\u00a0",
    "\ufeffa@example.com",
    "a\u200b@example.com",
    "a\n@example.com",
    "a@example.com\nb@example.com",
    "a@example.com\x85",
    "a@example.com;b@example.com",
    "a" * 243 + "@example.com",
    "\ud83d@example.com",
    "mailto:a@example.com",
    "a(home)@example.com",
    "Ann <a@example.com>",
    "a@example.com ::: b@example.com",
    "a\\b@example.com",
]


@pytest.mark.parametrize("address", GOOD)
@pytest.mark.parametrize("others", [0, 3])
def test_an_address(address, others) -> None:
    assert ADDRESS.why_invalid(address) is None
    assert ADDRESS.all_valid([*["b@example.com"] * others, address])


@pytest.mark.parametrize("address", BAD)
@pytest.mark.parametrize("others", [0, 3])
def test_what_is_no_address(address, others) -> None:
    told = ADDRESS.why_invalid(address)
    assert told is not None
    assert "example" not in told
    assert not ADDRESS.all_valid([*["b@example.com"] * others, address, *["b@example.com"] * others])


@pytest.mark.parametrize("value", [None, 5, b"a@example.com", ["a@example.com"]])
def test_what_is_no_text_is_no_address_and_no_number(value) -> None:
    for one in (ADDRESS, phone("phone number")):
        assert "must be text" in str(one.why_invalid(value))
        assert not one.all_valid([value])


def test_what_is_meant_is_trimmed_and_written_in_the_one_form() -> None:
    assert ADDRESS.meant is not None
    assert ADDRESS.meant("\u00a0a@example.com ") == "a@example.com"
    number = phone("phone number").meant
    assert number is not None
    assert number("+90 532 123 45 67") == "+905321234567"
    assert number("0532 123 45 67") == "0532 123 45 67"


def test_a_number_that_goes_as_it_is_is_in_the_one_form_already() -> None:
    exact = phone("phoneNumber", as_it_is=True)
    assert exact.why_invalid("+905321234567") is None
    assert "without blanks" in str(exact.why_invalid("+90 532 123 45 67"))


def test_each_number_of_a_list_is_asked() -> None:
    numbers = phones("list of numbers")
    assert numbers.all_valid([["+905321234567"]])
    assert "at least one" in str(numbers.why_invalid([]))
    assert "letters" in str(numbers.why_invalid(["+905321234567", "+90 532 123 45 67 (Ali)"]))
    assert not numbers.all_valid([["+905321234567"], ["Ali"]])


def test_entries_have_rules_of_their_own() -> None:
    kind = with_entries(rule("a mapping", lambda value: isinstance(value, dict)), {"Email": ADDRESS})
    assert kind.all_valid([{}, {"Email": "a@example.com", "x": 1}])
    assert not kind.all_valid([{}, {"Email": "a"}])
    assert not kind.all_valid([5])
    assert kind.why_invalid({"Email": "a@example.com"}) is None
    assert kind.why_invalid({"Email": None}) is None
    assert "must be an e-mail address" in str(kind.why_invalid({"Email": "a"}))
    assert kind.why_invalid(5) == "a mapping"
