"""Addresses and numbers are not taken for ids because nobody said what they are."""

from __future__ import annotations

import pytest

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.map.aliases import are_addresses
from netaudience.jobs.spec.diagnostics import plain
from netaudience.jobs.spec.validate import find_vendor
from netaudience.model.kinds import Identifiers
from netaudience.model.rows import Rows
from netaudience.model.validators import Rule, as_meant
from netaudience.vendors import names

pytest.importorskip("duckdb")

JOB = """
name = "consent"
[source]
files = "users.csv"
[guards]
odd-identifiers = "{odd}"
[[step]]
vendor = "netmera"
operation = "enable_mail"
{arguments}
[step.fields]
user = "{column}"
"""


def planned(folder, *, column="E-Mail", arguments="", odd="reject"):
    (folder / "users.csv").write_text(f"{column}\n a@example.com\nNULL\n")
    job = folder / "job.toml"
    job.write_text(JOB.format(column=column, arguments=arguments, odd=odd))
    return Job.load(job).plan()


@pytest.mark.parametrize("column", ["email", "E-Mail", "e_mail", "MSISDN", "Phone Number"])
def test_a_column_that_is_called_so_is_refused_unless_by_is_said(tmp_path, column) -> None:
    with pytest.raises(ConfigurationError, match="say which of them it is, as by"):
        planned(tmp_path, column=column)
    assert planned(tmp_path, column=column, arguments='arguments = { by = "ext_id" }')


def test_an_address_is_trimmed_and_a_placeholder_rejected(tmp_path) -> None:
    (step,) = planned(tmp_path, arguments='arguments = { by = "email" }').steps
    assert (step.rows, step.rejected) == (2, 1)
    assert "a@example.com" in str(step.sends)


@pytest.mark.parametrize(("odd", "rejected"), [("reject", 2), ("send", 0)])
def test_odd_identifiers_are_rejected_or_sent(tmp_path, odd, rejected) -> None:
    (step,) = planned(tmp_path, column="id", odd=odd).steps
    assert step.rejected == rejected


def test_another_word_is_told(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="must be one of reject, send"):
        planned(tmp_path, odd="perhaps")


ADDRESSES = [
    (["a@example.com", "b@example.com"], True),
    (["a@example.com", "b@example.com", "7"], True),
    (["a@example.com", None, ""], True),
    (["a@example.com", "7"], False),
    ([5, 6], False),
    ([], False),
]


@pytest.mark.parametrize(("values", "told"), ADDRESSES)
def test_most_values_tell(values, told) -> None:
    assert are_addresses(values) is told


def addresses() -> list[tuple[str, Rule]]:
    """Give the rule of whatever an operation takes as an address; and CleverTap for a subscription."""
    found: list[tuple[str, Rule]] = []
    for vendor in filter(None, map(find_vendor, names())):
        for name, operation in vendor.operations().items():
            kind: object = operation.kind
            if isinstance(kind, Rows):
                named = {field.name: field.rule for field in kind.fields if field.rule is not None}
                entries = {name: one for rule in named.values() for name, one in rule.entries.items()}
                every = (named | entries).items()
                is_value = (vendor.slug, name) == ("clevertap", "set_subscription")
                found += [(f"{vendor.slug} {name} {one}", rule) for one, rule in every if plain(one) in MAILS]
                found += [(f"{vendor.slug} {name}", named["value"])] if is_value else []
            elif isinstance(kind, Identifiers):
                by = operation.signature.parameters.get("by")
                if by is not None and "'email'" in str(by.annotation):
                    found.append((f"{vendor.slug} {name}", kind.under(by="email").rule))
    return found


MAILS = {"email", "u_em", "uem", "emailid", "sourceemail", "destinationemail", "currentemail", "newemail"}


def test_an_address_is_trimmed_wherever_a_vendor_takes_one() -> None:
    taken = addresses()
    assert {where.split()[0] for where, _ in taken} == set(names())
    assert len(taken) > 35
    told = [where for where, rule in taken if as_meant(rule, "\u00a0a@example.com ") != "a@example.com"]
    assert told == []
    odd = [where for where, rule in taken if rule.lenient and as_meant(rule.lenient, " a ") != "a"]
    assert odd == []


@pytest.mark.parametrize("vendor", sorted(names()))
def test_the_python_api_takes_the_addresses_that_a_job_takes(vendor) -> None:
    """Whoever asks about items, a call, a run or a consumer, carries on what the rule has in mind."""
    padded, plain_one = "\u00a0a@example.com ", "a@example.com"
    taken = 0
    for operation in find_vendor(vendor).operations().values():
        kind = operation.kind
        if isinstance(kind, Identifiers):
            rule = kind.under(by="email").rule
            if rule.meant is None or rule.why_invalid(plain_one):
                continue
            problems, _, page, _ = kind.under(by="email").examine([padded, "nobody", plain_one])
            assert (list(problems), list(page)) == ([1], [plain_one, "nobody", plain_one]), operation
            taken += 1
        elif isinstance(kind, Rows):
            for field in kind.fields:
                if field.rule is not None and plain(field.wire) in MAILS:
                    row = {field.wire: padded}
                    problems, _, page, _ = kind.examine([row, row])
                    assert not any("white space" in str(one) for one in problems.values()), operation
                    assert page[0][field.wire] == plain_one
                    taken += 1
    assert taken
