"""The schema of job files says what the reader of job files says, as far as it can know."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from netaudience.cli import main
from netaudience.jobs.spec.schema import job_schema
from netaudience.vendors import clients

DOCS = Path(__file__).parent.parent.parent / "docs"
EXAMPLES = sorted((DOCS / "examples" / "jobs").glob("*.toml"))
FENCED = re.compile(r"```toml\n(.*?)```", re.DOTALL)
#: Job files that stand in pages, whole.
IN_PAGES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, text in enumerate(
        re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
    if "[source]" in text and "[[step]]" in text
]
JOB = """
[source]
files = "users.csv"
[[step]]
vendor = "netmera"
operation = "tag-users"
arguments = { tag = "Gold" }
[step.fields]
ext_id = "user_id"
"""


@pytest.fixture(scope="module")
def validator() -> Draft4Validator:
    schema = job_schema()
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)


def problems(validator: Draft4Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_the_examples_are_valid(validator, example):
    assert problems(validator, example.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", IN_PAGES)
def test_the_jobs_of_the_pages_are_valid(validator, text):
    assert problems(validator, text) == []


def test_there_are_such_jobs():
    assert IN_PAGES


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.slug)
def test_every_operation_is_valid_in_both_spellings(validator, client):
    for name in client.operations():
        for spelling in (name, name.replace("_", "-")):
            text = JOB.replace("netmera", client.slug).replace("tag-users", spelling)
            assert problems(validator, text) == [], spelling


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("[source]", "[sources]"),
        ('files = "users.csv"', 'file = "users.csv"'),
        ('files = "users.csv"', 'files = "users.csv"\nformat = "word"'),
        ('files = "users.csv"', 'files = "users.csv"\nhive = "yes"'),
        ('vendor = "netmera"', 'vendor = "netmira"'),
        ('vendor = "netmera"', 'vendor = "fynd"'),
        ('vendor = "netmera"\n', ""),
        ("tag-users", "tag-user"),
        ("[[step]]", '[[step]]\nmode = "some"'),
        ("[[step]]", "[[step]]\nmax_rows = 0"),
        ("[[step]]", '[guards]\nmax-rejected = "many"\n[[step]]'),
        ("[[step]]", "[guards]\nmax-deviation = 5\n[[step]]"),
        ("[[step]]", "[runs]\nkeep = 0\n[[step]]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_underlined(validator, right, wrong):
    assert problems(validator, JOB) == []
    assert problems(validator, JOB.replace(right, wrong))


@pytest.mark.parametrize(
    ("right", "wrong", "where"),
    [
        ('"netmera"', '"netmira"', ["step", 0, "vendor"]),
        ("tag-users", "tag-user", ["step", 0, "operation"]),
        ("[[step]]", '[[step]]\nmode = "some"', ["step", 0, "mode"]),
        ("[[step]]", '[[step]]\nmodus = "all"', ["step", 0]),
        ('vendor = "netmera"\n', "", ["step", 0]),
    ],
)
def test_the_word_itself_is_underlined_and_not_the_whole_list_of_steps(validator, right, wrong, where):
    found = list(validator.iter_errors(tomllib.loads(JOB.replace(right, wrong))))
    assert where in [list(error.absolute_path) for error in found if error.validator != "anyOf"]
    assert ["step"] not in [list(error.absolute_path) for error in found]


@pytest.mark.parametrize(
    "more",
    [
        '[guards]\nmax-rejected = "5%"\nmax_removals = 100\nmax-deviation = "150%"\nodd-identifiers = "send"',
        '[runs]\nfolder = "kept"\nkeep-days = 3\npatience = 2.5',
    ],
)
def test_what_is_right_is_not(validator, more):
    assert problems(validator, f"{JOB}\n{more}") == []


def test_the_command_prints_it(capsysbinary):
    assert main(["schema"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == job_schema()


def test_a_first_job_leads_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("ext_id\n1\n")
    words = ["--source", "users.csv", "--vendor", "netmera", "--operation", "tag-users"]
    assert main(["init", "job.toml", *words]) == 0
    first = (tmp_path / "job.toml").read_text(encoding="utf-8").splitlines()[0]
    schema = tmp_path / first.removeprefix("#:schema ")
    assert json.loads(schema.read_text(encoding="utf-8")) == job_schema()
    assert main(["runs"]) == 0  # and it passes for no run
