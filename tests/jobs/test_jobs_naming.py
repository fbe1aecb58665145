"""Addresses and numbers are not taken for ids because nobody said what they are."""

from __future__ import annotations

import pytest

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.map.aliases import are_addresses

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
