"""What one field of a row must hold: rules that say in a sentence what is wrong with a value.

A rule is asked in two ways: what is wrong with this value, and, far cheaper, whether nothing is wrong with
any of a thousand. It knows no row and no vendor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import attrs

from netaudience.errors import InvalidItem
from netaudience.model.odd_identifiers import INVISIBLE, none_odd, none_odd_in_json, oddity
from netaudience.model.phone import e164
from netaudience.model.texts import Texts

#: The 65 control characters of Unicode, and its two own line breaks.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Blanks, control characters, and what stands around an address, before it (mailto:) or between two are in
#: none. Source: RFC 5322, section 3.2.3; the quotes and brackets of its rarer forms are let through.
_SIGNS = r"@\x00-\x20\x7f,;<>:()\\"
#: One @ with something before it, and behind it a domain with no dot at its ends.
#: No group is possessive: Pythons before 3.11.5 take a full stop at the end then.
#: Source: https://github.com/python/cpython/issues/106052
_ADDRESS = rf"[^{_SIGNS}]++@[^{_SIGNS}.]++(?:\.[^{_SIGNS}.]++)*"
_EMAIL = re.compile(_ADDRESS)
_EMAILS = re.compile(rf"(?:{_ADDRESS}\n)*")
#: Source: RFC 5321, section 4.5.3.1.3, whose 256 octets have the two angle brackets among them.
_LONGEST_EMAIL = 254
_NO_ENTRIES: Mapping[str, Rule] = {}
#: JSON of most languages ends here.
_LARGEST = 2**63
#: Seconds have at most 11 digits for the next three thousand years; what has more is milliseconds.
_MILLISECONDS = 100_000_000_000


@attrs.frozen(eq=False, repr=False)
class Rule:
    """A rule for one field of a row, run as its attrs validator and on mappings alike."""

    #: Returns what is wrong with a value as a sentence, or None.
    why_invalid: Callable[[object], str | None]
    #: Returns whether nothing is wrong with any of many values of the right type; the cheap question.
    all_valid: Callable[[Sequence[Any]], bool]
    #: Whether the cheap question lets through nothing but texts that are not empty: what may be a key.
    only_texts: bool = False
    #: The same rule where odd identifiers are sent; None where that is no other. A row that is made is held
    #: to this one alone, for it knows no account.
    lenient: Rule | None = None
    #: Returns a text as it was meant: a job writes it so before the rule is asked. What is none stays so.
    meant: Callable[[str], str] | None = None
    #: Of a mapping: what its entries of these names must hold.
    entries: Mapping[str, Rule] = attrs.field(default=_NO_ENTRIES)
    #: Returns an SQL condition for an SQL expression of a value, which is a text, or else its JSON. Where it
    #: is true, surely nothing is wrong, and a text is as it was meant; the rest is asked in Python. Of a
    #: mapping it asks for an entry, and for nothing else. None where SQL cannot say it.
    sql: Callable[[str], str] | None = None
    #: Of a mapping that has no such condition, the one for a text among its values: where it is true, surely
    #: nothing is wrong with the text. Of numbers, truth values and dates nothing is, and the rule itself is
    #: asked about names.
    sql_of_texts: Callable[[str], str] | None = None

    def __call__(self, _row: object, attribute: attrs.Attribute[Any], value: Any) -> None:  # noqa: ANN401 - whatever a caller gives
        """Check the field of a row that is being made.

        Raises:
            InvalidItem: the value breaks the rule.
        """
        if value is None and attribute.default is None:
            return
        if problem := (self.lenient or self).why_invalid(value):
            raise InvalidItem(problem)


def as_meant(one: Rule | None, value: object) -> object:
    """Return a value as it was meant: an address trimmed, a number in the one form; others as they are."""
    if one is None:
        return value
    if isinstance(value, str):
        return value if one.meant is None else one.meant(value)
    if one.entries and isinstance(value, dict):
        found = cast("dict[str, object]", value)
        given = one.entries.keys() & found.keys()
        return {**found, **{name: as_meant(one.entries[name], found[name]) for name in given}}
    return value


def both(first: Rule, second: Rule) -> Rule:
    """Demand what two rules demand; the first is asked first."""
    lenient = None
    if first.lenient or second.lenient:
        lenient = both(first.lenient or first, second.lenient or second)
    return Rule(
        lambda value: first.why_invalid(value) or second.why_invalid(value),
        lambda values: first.all_valid(values) and second.all_valid(values),
        first.only_texts or second.only_texts,
        lenient,
        sql=None if first.entries or second.entries else _both_in_sql(first.sql, second.sql),
    )


def _both_in_sql(
    first: Callable[[str], str] | None, second: Callable[[str], str] | None
) -> Callable[[str], str] | None:
    if first is None or second is None:
        return None
    return lambda value: f"{first(value)} AND {second(value)}"


def rule(
    wanted: str,
    holds: Callable[[Any], bool],
    fine: Callable[[Sequence[Any]], bool] | None = None,
    sql: Callable[[str], str] | None = None,
) -> Rule:
    """Demand what a predicate says.

    Args:
        wanted: The sentence about a value that does not hold.
        holds: Whether one value, of whatever type, holds.
        fine: Whether surely all of many values of the right type hold, where that is cheaper to ask.
        sql: The same as SQL; see `Rule.sql`.
    """
    return Rule(
        lambda value: None if holds(value) else wanted,
        fine or (lambda values: all(map(holds, values))),
        sql=sql,
    )


def identifier(noun: str) -> Rule:
    """Demand an identifier: text, not empty, without control characters, and one that can be meant."""
    lenient = _any_identifier(noun)

    def problem(value: object) -> str | None:
        reason = lenient.why_invalid(value)
        if reason is None and (odd := oddity(cast("str", value))):
            reason = f"{_an(noun)} {odd}"
        return reason

    return Rule(problem, _all_meant, only_texts=True, lenient=lenient, sql=_plain_in_sql)


def trimmed(one: Rule) -> Rule:
    """Demand the same of a text without white space around it, for what is no id: an address, a number."""
    lenient = None if one.lenient is None else attrs.evolve(one.lenient, meant=str.strip)
    return attrs.evolve(one, meant=str.strip, lenient=lenient)


def _any_identifier(noun: str) -> Rule:
    """Demand text that is not empty, without control characters: what is sent where the vendor may judge."""
    return Rule(
        lambda value: _identifier_problem(value, noun), _all_identifiers, only_texts=True, sql=_plain_in_sql
    )


def email(noun: str) -> Rule:
    """Demand an e-mail address, as far as one can be told from something else.

    Where odd identifiers are sent, any text goes: the vendor judges it.
    """
    not_one = f"{_an(noun)} must be an e-mail address, one @ and a domain behind it: look at its column"

    def problem(value: object) -> str | None:
        if not isinstance(value, str):
            return f"{_an(noun)} must be text, not {type(value).__name__}"
        if value != value.strip():
            return f"{_an(noun)} has white space at an end, perhaps one that does not show: trim it"
        if INVISIBLE.search(value):
            return f"{_an(noun)} holds a sign that nobody sees, such as a zero-width space: clean its column"
        if not _EMAIL.fullmatch(value) or not value.isprintable():
            return not_one
        if len(value) > _LONGEST_EMAIL:
            return f"{_an(noun)} has more than {_LONGEST_EMAIL} characters: look at the column it came from"
        return None

    return Rule(
        problem,
        _all_emails,
        only_texts=True,
        lenient=attrs.evolve(_any_identifier(noun), meant=str.strip, sql=_plain_address_in_sql),
        meant=str.strip,
        sql=_plain_address_in_sql,
    )


def phone(noun: str, write: Callable[[str], str] = e164, *, as_it_is: bool = False) -> Rule:
    """Demand a phone number with its country's code; what only groups its digits does no harm.

    Where odd identifiers are sent, any text goes: the vendor judges it.

    Args:
        noun: What it is called in a message.
        write: Writes a number as the vendor wants it, or raises `InvalidItem`.
        as_it_is: Whether it must be written so already, because rows go to the vendor as they are.
    """

    def problem(value: object) -> str | None:
        if not isinstance(value, str):
            return f"{_an(noun)} must be text, not {type(value).__name__}: a number loses its + and its zeros"
        try:
            written = write(value)
        except InvalidItem as error:
            return str(error)
        if as_it_is and written != value:
            return f"{_an(noun)} must be written without blanks and hyphens, such as {write('+905321234567')}"
        return None

    def meant(value: str) -> str:
        try:
            return write(value)
        except InvalidItem:  # the rule says why
            return value

    return Rule(
        problem,
        lambda values: not any(map(problem, values)),
        only_texts=True,
        lenient=attrs.evolve(_any_identifier(noun), meant=meant, sql=None),
        meant=meant,
    )


def phones(noun: str) -> Rule:
    """Demand a list of phone numbers with their countries' codes, at least one."""
    listed, one = texts(noun), phone(noun)

    def problem(value: object) -> str | None:
        reason = listed.why_invalid(value)
        return reason or next(filter(None, map(one.why_invalid, cast("Sequence[str]", value))), None)

    return Rule(problem, lambda values: not any(map(problem, values)), lenient=listed)


def with_entries(whole: Rule, entries: Mapping[str, Rule]) -> Rule:
    """Demand of a mapping what a rule demands, and of its entries of some names what theirs demand."""
    lenient = None
    if whole.lenient or any(one.lenient for one in entries.values()):
        lenient = with_entries(
            whole.lenient or whole, {name: one.lenient or one for name, one in entries.items()}
        )

    def problem(value: object) -> str | None:
        if reason := whole.why_invalid(value):
            return reason
        mapping = cast("Mapping[str, object]", value)
        for name, one in entries.items():
            if (part := mapping.get(name)) is not None and (reason := one.why_invalid(part)):
                return reason
        return None

    def fine(values: Sequence[Any]) -> bool:
        if not whole.all_valid(values):
            return False
        for name, one in entries.items():
            column = [value[name] for value in values if name in value]
            if column and not (None not in column and one.all_valid(column)):
                return False
        return True

    # What its entries must hold is asked where an entry has its own SQL.
    return Rule(
        problem, fine, lenient=lenient, entries=entries, sql=whole.sql, sql_of_texts=whole.sql_of_texts
    )


def text(noun: str) -> Rule:
    """Demand text that is not empty."""
    wanted = f"{_an(noun)} must be text that is not empty"
    return rule(
        wanted,
        lambda value: isinstance(value, str) and bool(value) and _encodes(value),
        lambda values: all(values) and _encodes("".join(values)),
        lambda value: f"{value} <> ''",
    )


def texts(noun: str) -> Rule:
    """Demand a list of texts, at least one, none of them empty."""
    return rule(
        f"{_an(noun)} must be a list of texts, at least one and none of them empty",
        lambda value: (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes)
            and bool(cast("object", value))
            and all(
                isinstance(part, str) and part and _encodes(part) for part in cast("Sequence[object]", value)
            )
        ),
    )


def flag(noun: str) -> Rule:
    """Demand true or false."""
    return rule(
        f"{_an(noun)} must be true or false",
        lambda value: isinstance(value, bool),
        sql=lambda value: f"{value} IN ('true', 'false')",
    )


def whole_number(noun: str) -> Rule:
    """Demand a whole number that is not negative."""
    return rule(
        f"{_an(noun)} must be a whole number that is not negative",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST,
        sql=lambda value: f"regexp_full_match({value}, '[0-9]{{1,18}}')",
    )


def epoch_seconds(noun: str, least: int = 0) -> Rule:
    """Demand seconds since 1970, and no milliseconds."""
    not_these = "neither 0 nor milliseconds" if least else "not milliseconds"
    return rule(
        f"The {noun} must be seconds since 1970 as a whole number, {not_these}, or a datetime",
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and least <= value < _MILLISECONDS
        ),
        sql=lambda value: f"regexp_full_match({value}, '[1-9][0-9]{{0,10}}')",
    )


def one_of(noun: str, *choices: str) -> Rule:
    """Demand one of these words, in any case."""
    known = ", ".join(f"'{word}', '{word.lower()}'" for word in choices)
    return rule(
        f"{_an(noun)} must be one of {', '.join(choices)}",
        lambda value: isinstance(value, str) and value.upper() in choices,
        sql=lambda value: f"{value} IN ({known})",
    )


def json_object(noun: str) -> Rule:
    """Demand a mapping with at least one entry."""
    # That the names are texts is found out when the row is written as JSON.
    return rule(
        f"{_an(noun)} must be a mapping of at least one name to a value",
        lambda value: isinstance(value, Mapping) and bool(cast("object", value)),
        all,
        lambda value: f"{value} <> '{{}}'",
    )


def _is_full_list(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(cast("object", value))


def value_lists(noun: str) -> Rule:
    """Demand a mapping of names to lists of values."""
    named = json_object(noun)
    return rule(
        f"{_an(noun)} must be a mapping of at least one name to a list of values",
        lambda value: (
            named.why_invalid(value) is None
            and all(map(_is_full_list, cast("Mapping[str, object]", value).values()))
        ),
    )


def _plain_in_sql(value: str) -> str:
    """Return what holds for identifiers with which surely nothing is wrong: plain, a digit or @ in them.

    No placeholder for nothing has one of these, and what a spreadsheet leaves of a number is not so plain.
    """
    return f"regexp_full_match({value}, '[0-9A-Za-z_.@:/|-]*[0-9@][0-9A-Za-z_.@:/|-]*')"


def _plain_address_in_sql(value: str) -> str:
    """Return what holds for addresses with which surely nothing is wrong."""
    name, domain = "[0-9A-Za-z_.+-]{1,64}", "[0-9A-Za-z-]{1,40}([.][0-9A-Za-z-]{1,40}){1,3}"
    return f"regexp_full_match({value}, '{name}@{domain}')"


def _all_identifiers(values: Sequence[Any]) -> bool:
    """Return whether surely each is text, not empty and without control characters."""
    try:
        given = values if isinstance(values, Texts) else Texts(values)
        if given.plain:
            return True  # their JSON shows it
        joined = "".join(values)
    except TypeError:
        return False
    return all(values) and not _CONTROLS.search(joined) and _encodes(joined)


def _all_meant(values: Sequence[Any]) -> bool:
    try:
        given = values if isinstance(values, Texts) else Texts(values)
        return none_odd_in_json(given) if given.plain else _all_identifiers(values) and none_odd(values)
    except TypeError:
        return False


def _all_emails(values: Sequence[Any]) -> bool:
    try:
        joined = "\n".join(values)
    except TypeError:
        return False
    return (
        bool(_EMAILS.fullmatch(joined + "\n"))
        and joined.count("\n") == len(values) - 1
        and (joined.isascii() or joined.replace("\n", "").isprintable())
        and max(map(len, values)) <= _LONGEST_EMAIL
    )


def _identifier_problem(value: object, noun: str) -> str | None:
    if not isinstance(value, str):
        return (
            f"{_an(noun)} must be text, not {type(value).__name__}: write it as a string, "
            "so that leading zeros and long numbers survive"
        )
    if not value:
        return f"{_an(noun)} is empty: leave the row out, or look at the column it came from"
    if _CONTROLS.search(value):
        return f"{_an(noun)} holds a line break or another control character: clean the column it came from"
    if not _encodes(value):
        return f"{_an(noun)} holds half a character (a lone surrogate): read the source as UTF-8"
    return None


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _an(noun: str) -> str:
    by_sound = noun[0] in "aeiou" and not noun.startswith("use")
    return f"An {noun}" if by_sound else f"A {noun}"
