"""Whatever an operation calls an address or a number, it is looked at: a new one cannot forget it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from scripted_vendors import reply
from tables import TABLES

from netaudience.errors import ConfigurationError, InvalidItem
from netaudience.model.kinds import Identifiers
from netaudience.model.rows import Rows
from netaudience.model.validators import Rule

_PHONE = ("phone", "msisdn", "mobile", "wp_number", "wpnumber", "u_mb", "whatsapp_number")
#: Named like one, and none: where a message goes, or the sort of a device.
_NONE = {"phone_model", "phone_numbers"}
WITH_LETTERS = "+90 532 123 45 67 (Ali)"
PADDED = " a@example.com"


def is_phone(name: str) -> bool:
    return any(word in name.lower() for word in _PHONE) and name not in _NONE


def is_email(name: str) -> bool:
    # "emails" is whom MoEngage tells the end of a file: colleagues, no users.
    return name.lower() in {"email", "newemail", "currentemail", "u_em"}


def rules() -> list[tuple[str, str, Rule | None, frozenset[type]]]:
    """Return the rule of each field, entry and sort of identifier that a vendor's operations take."""
    found: list[tuple[str, str, Rule | None, frozenset[type]]] = []
    for table in TABLES:
        client, _ = table.make()
        for name, operation in client.operations().items():
            where, kind = f"{table.vendor.slug} {name}", operation.kind
            if isinstance(kind, Rows):
                for field in kind.fields:
                    found.append((where, field.wire, field.rule, field.types))
                    entries = field.rule.entries if field.rule is not None else {}
                    found.extend((where, entry, rule, frozenset({str})) for entry, rule in entries.items())
            elif isinstance(kind, Identifiers):
                text = frozenset({str})
                found.append((where, kind.noun.replace(" ", "_"), kind.rule, text))
                by = operation.signature.parameters.get("by")
                sorts = getattr(by.annotation, "__args__", ()) if by is not None else ()
                found.extend((where, sort, kind.under(by=sort).rule, text) for sort in sorts)
    return found


RULES = rules()


@pytest.mark.parametrize(
    ("where", "name", "rule", "types"),
    [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in RULES if is_phone(case[1])],
)
def test_no_number_is_sent_with_letters_in_it(where, name, rule, types) -> None:
    value = [WITH_LETTERS] if list in types else WITH_LETTERS
    assert rule is not None
    assert rule.why_invalid(value), f"{where}: {name}"
    assert not rule.all_valid([value])


@pytest.mark.parametrize(
    ("where", "name", "rule", "types"),
    [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in RULES if is_email(case[1])],
)
def test_no_address_is_sent_with_a_blank_at_an_end(where, name, rule, types) -> None:
    assert str in types
    assert rule is not None
    assert rule.why_invalid(PADDED), f"{where}: {name}"
    assert rule.why_invalid("no address")
    assert not rule.all_valid([PADDED])
    assert rule.meant(PADDED) == "a@example.com"


@pytest.mark.parametrize(
    ("where", "name", "rule", "types"),
    [
        pytest.param(*case, id=f"{case[0]} {case[1]}")
        for case in RULES
        if is_phone(case[1]) or is_email(case[1])
    ],
)
def test_where_the_vendor_is_to_judge_any_text_goes(where, name, rule, types) -> None:
    lenient = rule.lenient
    assert lenient is not None, f"{where}: {name}"
    for value in (WITH_LETTERS, "nobody", PADDED):
        given = [value] if list in types else value
        assert lenient.why_invalid(given) is None
        assert lenient.all_valid([given])
    for nothing in ("", "a\nb") if list not in types else ([], [""]):
        assert lenient.why_invalid(nothing)


@pytest.mark.parametrize(
    ("number", "goes"),
    [("9999999999", True), ("+91 (999) 999-9999", True), (WITH_LETTERS, False), (99, False)],
)
def test_no_number_in_an_object_is_sent_with_letters_in_it(number: object, goes: bool) -> None:
    (rule,) = [rule for _, name, rule, _ in RULES if name == "phone_numbers"]
    assert rule is not None
    assert (rule.why_invalid([{"phone": number, "country_code": 91}]) is None) is goes


#: An operation, its items, what else it is given, and what of them is sent: for the vendor to judge.
JUDGED_BY_THE_VENDOR: list[tuple[str, str, list[Any], dict[str, Any], list[str]]] = [
    ("netmera", "enable_mail", ["your-email"], {"by": "email"}, ["your-email"]),
    ("netmera", "enable_sms", ["+90 532 ALI"], {"by": "msisdn"}, ["+90 532 ALI"]),
    ("netmera", "add_msisdn", ["5", "+90 532 123 45 67"], {}, ['"5"', "+905321234567"]),
    ("netmera", "enable_whats_app", ["u1"], {"wp_numbers": ["+90532"]}, ["+90532"]),
    (
        "iterable",
        "bulk_update_users",
        [{"email": "foo@", "dataFields": {"phoneNumber": "5"}}],
        {},
        ["foo@", '"5"'],
    ),
    (
        "clevertap",
        "upload_profiles",
        [{"identity": "u1", "profileData": {"Phone": "++1", "Email": "$"}}],
        {},
        ["++1"],
    ),
    ("clevertap", "disassociate_phone_numbers", ["12 ext 3"], {}, ["12 ext 3"]),
    (
        "moengage",
        "import_users",
        [{"customer_id": "u1", "attributes": {"u_mb": "0532", "u_em": "x"}}],
        {},
        ['"0532"'],
    ),
    ("fynd", "add_group_users", [{"email": "x"}], {"group_id": "g1"}, ['"x"']),
]


@pytest.mark.parametrize(
    ("slug", "operation", "items", "options", "sent"), JUDGED_BY_THE_VENDOR, ids=lambda part: str(part)[:20]
)
@pytest.mark.asyncio
async def test_the_switch_reaches_every_vendor(slug, operation, items, options, sent) -> None:
    (table,) = [table for table in TABLES if table.vendor.slug == slug]
    for odd in ("reject", "send"):
        client, transport = table.make(reply(200, {}))
        client.settings = attrs.evolve(client.settings, odd_identifiers=odd)
        run = getattr(client, operation)
        try:
            report = await run(items, **options).settled()
        except ConfigurationError:  # an argument, not an item
            assert odd == "reject"
            continue
        if odd == "reject":
            assert {type(outcome.reason) for outcome in report.undelivered} == {InvalidItem}
        else:
            body = transport.sent[0].body.decode()
            assert all(part in body for part in sent), body


def test_all_are_found() -> None:
    found = {(where, name) for where, name, _, _ in RULES if is_phone(name) or is_email(name)}
    assert found >= {
        ("netmera add_msisdn", "msisdn"),
        ("netmera update_msisdn", "msisdn"),
        ("netmera register_users", "msisdn"),
        ("netmera update_whats_app", "wpNumber"),
        *((f"netmera {verb}_sms", "msisdn") for verb in ("enable", "disable")),
        *((f"netmera {verb}_whats_app", "wp_number") for verb in ("enable", "disable")),
        *((f"netmera {verb}_mail", "email") for verb in ("enable", "disable")),
        ("netmera add_email", "email"),
        ("clevertap upload_profiles", "Phone"),
        ("clevertap upload_profiles", "Email"),
        ("clevertap disassociate_phone_numbers", "phone_number"),
        ("moengage import_users", "u_mb"),
        ("moengage import_users", "u_em"),
        ("iterable bulk_update_users", "phoneNumber"),
        ("iterable bulk_update_users", "email"),
    }
