"""Errors are told by what to do next, survive a process, and never name a person or a secret."""

from __future__ import annotations

import base64
import copy
import inspect
import os
import pickle
import re
from pathlib import Path

import orjson
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import netaudience
from netaudience import errors
from netaudience.errors import (
    AccountError,
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    EmptySource,
    InvalidItem,
    ItemTooLarge,
    NetaudienceError,
    NotFound,
    Refused,
    SourceFailed,
    Throttled,
    TooLarge,
    TransportError,
    Unavailable,
    Unreadable,
    VendorError,
    column_name,
    mask,
    scrub,
)
from netaudience.model.verdicts import plain_words
from netaudience.model.wire import Response
from netaudience.outcomes import Failed, Rejected, Report, RunFailed, SettledChunk

#: The same examples every time.
STEADY = settings(derandomize=True, deadline=None, max_examples=examples(300))
CLASSES = {
    name: value
    for name, value in {**vars(errors), "RunFailed": RunFailed}.items()
    if inspect.isclass(value) and issubclass(value, NetaudienceError)
}
VENDOR_CLASSES = {name: kind for name, kind in CLASSES.items() if issubclass(kind, VendorError)}


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        branch = line.replace("├──", "   ").replace("└──", "   ").replace("│", " ")
        if not branch.startswith("    ") or not branch.strip():
            continue
        depth, name = len(branch) - len(branch.lstrip()), branch.split()[0]
        path = [(at, parent) for at, parent in path if at < depth]
        drawn[name] = path[-1][1] if path else "Exception"
        path.append((depth, name))
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


def test_every_error_is_exported_twice() -> None:
    assert {*CLASSES, "bare", "column_name", "leave_out", "mask", "scrub", "visible"} - {"RunFailed"} == set(
        errors.__all__
    )
    public = set(netaudience.__all__)
    assert set(CLASSES) - public == set()


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_error_says_what_it_is(kind) -> None:
    assert (kind.__doc__ or "").partition("\n")[0].strip()


def told(kind: type[VendorError]) -> VendorError:
    return kind(
        "Netmera",
        400,
        code=5016,
        vendor_message="user not found",
        remedy="Look at it",
        may_have_happened=True,
        retry_after=2.5,
    )


@pytest.mark.parametrize("kind", VENDOR_CLASSES.values(), ids=VENDOR_CLASSES)
def test_a_vendors_error_is_a_sentence(kind) -> None:
    error = told(kind)
    assert str(error) == (f'Netmera {kind.verb}: HTTP 400, code 5016, "user not found". Look at it')
    assert error.reason == 'HTTP 400, code 5016, "user not found". Look at it'
    assert str(kind("Netmera", 503)) == f"Netmera {kind.verb}: HTTP 503"


def test_each_verb_is_its_own() -> None:
    leaves = [kind for kind in VENDOR_CLASSES.values() if not kind.__subclasses__()]
    assert len({kind.verb for kind in leaves}) == len(leaves)


@pytest.mark.parametrize("kind", VENDOR_CLASSES.values(), ids=VENDOR_CLASSES)
@pytest.mark.parametrize(
    "pass_on", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy]
)
def test_a_vendors_error_survives_a_process(kind, pass_on) -> None:
    error = told(kind)
    again = pass_on(error)
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)


@pytest.mark.parametrize(
    "error",
    [
        NetaudienceError("told"),
        ConfigurationError("told"),
        EmptySource("told"),
        InvalidItem("told"),
        ItemTooLarge("told"),
        SourceFailed("told"),
        TransportError("told"),
        ConnectionFailed("told"),
        AnswerLost("told"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_other_error_survives_a_process(error) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == "told"


def test_a_failed_run_survives_a_process_with_its_report() -> None:
    report = Report("Netmera", "tag_users", "accepted", items=3, stopped=told(Unavailable))
    outcomes = [
        Rejected(0, "a", told(Refused), "customer-77"),
        Failed(1, "b", InvalidItem("told"), "customer-78"),
    ]
    report.count(SettledChunk(["a", "b"], range(2), None, outcomes))
    error = RunFailed(report)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RunFailed
    assert str(again) == str(error) == report.sentence()
    assert again.report.reasons == report.reasons
    assert [outcome.position for outcome in again.report.undelivered] == [0, 1]
    assert (again.report.rejected, again.report.failed, again.report.items) == (1, 1, 3)


STOPPING = {"Unauthorized", "QuotaExhausted", "Misconfigured", "AccountError"}


@pytest.mark.parametrize(("name", "kind"), VENDOR_CLASSES.items())
def test_what_stops_a_run_is_an_account_error(name, kind) -> None:
    assert issubclass(kind, AccountError) is (name in STOPPING)


def test_what_says_something_about_an_item_is_a_refusal() -> None:
    assert issubclass(TooLarge, Refused)
    assert issubclass(NotFound, Refused)
    for other in (Throttled, Unavailable, Unreadable):
        assert not issubclass(other, Refused)


# Words of a vendor, what is left of them.
SCRUBBED = [
    ("", ""),
    ("Invalid JSON", "Invalid JSON"),
    ("Field 'notificationKey' should be a text", "Field 'notificationKey' should be a text"),
    ("Maximum 100 identities (see page).", "Maximum 100 identities (see page)."),
    ("a.b@example.com is unknown", "… is unknown"),
    ("unknown: a@b.co", "unknown: …"),
    ("user 905312345678 not found", "user … not found"),
    ("id 1234", "id …"),
    ("token eyJhbGciOi.J9 expired", "token … expired"),
    ("at https://host/path?key=x today", "at … today"),
    ("from 10.0.0.1 and fe80::1", "from … and …"),
    ("several 1234 5678 a1b2 here", "several … here"),
    ("two\nlines\tand\x00more", "two lines …"),
    # What is nobody's value stays: a negation, joined words, units, marks, placeholders, terms of the trade.
    (
        "The key doesn't match and isn't set, so it\u2019s unused",
        "The key doesn't match and isn't set, so it\u2019s unused",
    ),
    ("needs read/write, INT,STRING or Yes/No.", "needs read/write, INT,STRING or Yes/No."),
    ("at most 64KB, 1,000 rows, 250 ms and 5%", "at most 64KB, 1,000 rows, 250 ms and 5%"),
    ("Row 3 - not UTF-8 : see /some/route", "Row 3 - not UTF-8 : see /some/route"),
    ("<list_name> exists, id(s) <= 2 & more", "<list_name> exists, id(s) <= 2 & more"),
    ("Phone is too short.Skipped record", "Phone is too short.Skipped record"),
    ("told error.lists.noSuchThing here", "told error.lists.noSuchThing here"),
    # What only looks like that goes.
    ("O'Brien and d'Arc are unknown", "… and … are unknown"),
    ("john.smith and John.Smith and a/b1/c", "… and … and …"),
    ("on api.example.com by ab/cD+e", "on … by …"),
    ("123,456 and 1,234 and 5,000,001", "… and … and …"),
    ("aGVs/bG8g/d29y and Bearer/eyJhbGciOiJ9", "… and …"),
    ("Ünïcode is out", "… is out"),
    ("<b>bold</b> moves", "… moves"),
    ("a" * 32, "…"),
]


@pytest.mark.parametrize(("words", "left"), SCRUBBED)
def test_words_are_scrubbed(words, left) -> None:
    assert scrub(words) == left


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: A key as vendors give them out: it has a digit or a sign in it, or is long.
TOKENS = st.one_of(
    st.uuids().map(str),
    st.binary(min_size=16, max_size=32).map(bytes.hex).filter(lambda text: not text.isalpha()),
    st.text(LETTERS, min_size=32, max_size=64),
    st.tuples(
        st.text(LETTERS, min_size=2), st.sampled_from("+=.:0123456789@%&"), st.text(LETTERS, min_size=2)
    ).map("".join),
    st.binary(min_size=18, max_size=48)
    .map(base64.b64encode)
    .map(bytes.decode)
    .filter(lambda text: not text.isalpha()),
)
SURROUNDED = st.sampled_from(
    ["{}", "user {} not found", "'{}'", '"{}",', "({})", "key={}", "{}: unknown", "<{}>", "a,{},b", "\n{}\n"]
)


@STEADY
@given(st.emails(), SURROUNDED)
def test_no_email_survives(email: str, sentence: str) -> None:
    left = scrub(sentence.format(email))
    assert "@" not in left
    assert email.partition("@")[2] not in left


@STEADY
@given(st.integers(min_value=1000), SURROUNDED)
def test_no_long_number_survives(number: int, sentence: str) -> None:
    assert str(number) not in scrub(sentence.format(number))


@STEADY
@given(TOKENS, SURROUNDED)
def test_no_token_survives(token: str, sentence: str) -> None:
    assert token not in scrub(sentence.format(token))


@STEADY
@given(st.text())
def test_what_is_left_is_short_printable_and_stays(words: str) -> None:
    left = scrub(words)
    assert len(left) <= 200
    assert left.isprintable()
    assert scrub(left).count("…") == left.count("…")


@pytest.mark.parametrize("name", ["jdoe", "abcdefghijklmnopqrstuvwxyz"])
def test_an_identifier_of_letters_is_taken_out_where_it_is_known_to_have_been_sent(name) -> None:
    error = Refused("Netmera", 400, vendor_message=f"User '{name}' not found")
    told = error.without({name, "other"})
    assert name not in f"{told}{told!r}"
    assert told.vendor_message == "User … not found"
    assert error.without({"other"}) is error


@STEADY
@given(st.text() | st.integers() | st.none())
def test_a_mask_shows_two_characters_of_a_long_key(key: object) -> None:
    text = str(key)
    masked = mask(key)
    assert masked == "…" if len(text) <= 4 else masked in {"…", f"…{text[-2:]}"}
    assert masked.isprintable()


@pytest.mark.parametrize(
    ("key", "masked"),
    [("customer-77", "…77"), ("abcd", "…"), ("abcde", "…de"), ("", "…"), ("abc\nde", "…"), (12345, "…45")],
)
def test_a_mask(key, masked) -> None:
    assert mask(key) == masked


def test_a_code_is_scrubbed_like_the_words() -> None:
    assert "example" not in str(Refused("Iterable", 400, code="a.b@example.com"))


@pytest.mark.parametrize("length", range(160, 230))
def test_no_cut_makes_a_word_of_a_key(length):
    """The beginning of a key may look like a plain word, so nothing is cut before it is scrubbed."""
    words = f"{'a ' * (length // 2)}{'.' * (length % 2)} sesame-1234-abcd"
    error = VendorError("Netmera", 400, code=words, vendor_message=words)
    assert "sesame" not in f"{error} {error!r} {error.code}"
    answer = Response(400, {"Content-Type": "text/plain"}, f"{'a ' * 50}{words}".encode())
    assert "sesame" not in scrub(plain_words(answer))
    cut = Response(400, {"Content-Type": "text/plain"}, b"open sesame", truncated=True)
    assert "sesame" not in plain_words(cut)


def test_words_are_left_out_in_whatever_case_and_wherever_they_stand():
    error = Refused("Netmera", 400, vendor_message='User "JohnSmith" is unknown', code="johnsmith")
    told = error.without({"johnSMITH"})
    assert str(told) == 'Netmera refused the request: HTTP 400, code …, "User … is unknown"'
    assert "john" not in repr(told).lower()
    assert error.without({"somebody"}) is error


def test_of_joined_words_the_one_that_was_sent_goes_and_a_negation_stays():
    error = Refused("Netmera", 400, vendor_message="Zeynep's group isn't team/zeynep/north: not <zeynep>")
    told = error.without({"Zeynep", "not", "t", "isn"})
    assert told.vendor_message == "…'s group isn't team/…/north: not …"


FOLDER = os.environ.get("NETAUDIENCE_CASES", "")
#: What names somebody or something: an address, a long number, and names and keys with digits in them.
IDENTIFYING = re.compile(r"@|\d{4}|^[a-z_]+\d[.]?$")


@pytest.mark.skipif(not FOLDER, reason="NETAUDIENCE_CASES is not set")
def test_the_vendors_own_messages_lose_nothing_but_identifiers():
    messages = orjson.loads((Path(FOLDER) / "messages.json").read_bytes())
    assert len(messages) >= 100
    lost = {word for message in messages for word in message["message"].split() if scrub(word) != word}
    assert lost
    # A key gives itself away by its length.
    assert {word for word in lost if not IDENTIFYING.search(word) and len(word) < 40} == set()
    assert not any(
        "…" in scrub(word) for word in ("doesn't", "128KB", "valid.Skipped", "School/College/Graduate")
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("customer_id", "customer_id"),
        ("ann@example.com", "…om"),
        ("+905301112233", "…33"),
        ("Day 5", "Day 5"),
    ],
)
def test_a_column_that_looks_like_data_is_masked(name, shown):
    assert column_name(name) == shown
