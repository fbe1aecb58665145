"""The first job file: what is plain is mapped, what is not is asked, and nothing can be sent by accident."""

from __future__ import annotations

import datetime as dt
import inspect
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_args, get_origin

import pytest

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.plan.scaffold import first_job, write_first_job
from netaudience.jobs.spec.model import Expression, Source
from netaudience.jobs.spec.validate import find_operation
from netaudience.model.rows import Rows
from netaudience.vendors import clients

CARRIED = [
    (vendor, operation)
    for vendor in clients()
    for operation in vendor.operations().values()
    if not isinstance(find_operation(vendor, operation.name), str)
]


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "users.csv").write_text("Customer ID,name,first login\n007,Ada,2020-01-01\n")
    return "exports/users.csv"


def test_what_is_plain_is_mapped_and_the_file_is_a_job_as_it_stands(users: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs" / "nightly.toml"
    undecided = write_first_job(path, Source(files=(users,)), "netmera", "set-profile-attributes")
    assert undecided == []
    job = Job.load(path)
    assert job.source == Source(files=("../exports/users.csv",), key=("Customer ID",))
    assert job.steps[0].fields == {
        "ext_id": Expression(column="Customer ID"),
        "profile.name": Expression(column="name"),
        "profile.first login": Expression(column="first login"),
    }
    assert job.plan().steps[0].sends.items == 1


def test_what_is_not_plain_is_asked_and_refused_until_it_is_answered(users: str, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    undecided = write_first_job(path, Source(files=(users,)), "netmera", "set_category_preferences")
    assert [line.partition(" ")[0] for line in undecided] == ["category", "enable"]
    with pytest.raises(
        ConfigurationError, match=r"job.toml:\d+: write the name of a column in the place of COLUMN: "
    ):
        Job.load(path).plan()


@pytest.mark.parametrize(
    ("vendor", "operation", "asked"),
    [
        ("clevertap", "upload_profiles", "whose row it is: one of identity, object_id, fbid, gpid"),
        ("moengage", "import_users", "whose row it is: customer_id"),
        ("netmera", "set_profile_attributes", 'ext_id = "COLUMN"    # required: text'),
    ],
)
def test_who_a_row_is_of_is_asked_as_well(
    users: str, tmp_path: Path, vendor: str, operation: str, asked: str
) -> None:
    (tmp_path / "u.csv").write_text("number,city\n7,Izmir\n")
    assert write_first_job(tmp_path / "job.toml", Source(files=("u.csv",)), vendor, operation) == [asked]


def test_how_files_are_written_stands_in_the_job(users: str, tmp_path: Path) -> None:
    (tmp_path / "u.dat").write_text("Report of November\nid;şehir\n7;İzmir\n", encoding="windows-1254")
    told = Source(
        files=("u.dat",), format="csv", delimiter=";", quote="'", header=True, skip_lines=1,
        encoding="windows-1254", nulls=("\\N",), trim=True, short_rows="fill",
        time_zone="Europe/Istanbul", key=("id",),
    )  # fmt: skip
    write_first_job(tmp_path / "job.toml", told, "netmera", "set-profile-attributes")
    assert Job.load(tmp_path / "job.toml").source == told
    flags = [
        "--format", "csv", "--delimiter", ";", "--quote", "'", "--header", "--skip-lines", "1", "--encoding",
        "windows-1254", "--null", "\\N", "--trim", "--short-rows", "fill",
        "--time-zone", "Europe/Istanbul", "--key", "id",
    ]  # fmt: skip
    words = ["--vendor", "netmera", "--operation", "set-profile-attributes", "--source", "u.dat", *flags]
    assert main(["init", "again.toml", *words]) == 0
    assert Job.load(tmp_path / "again.toml").source == told


@pytest.mark.parametrize(("vendor", "operation"), CARRIED, ids=lambda part: getattr(part, "name", ""))
def test_every_operation_has_a_first_job(vendor, operation, tmp_path: Path) -> None:
    kind = operation.kind
    names = [field.name for field in kind.fields] if isinstance(kind, Rows) else ["id"]
    text = first_job(
        Source(files=("a.csv",)), dict.fromkeys([*names, 'odd "one"\x7f\n'], "VARCHAR"), vendor, operation
    )
    path = tmp_path / "job.toml"
    path.write_text(text, encoding="utf-8")
    needed = [name for name, one in operation.parameters.items() if one.default is one.empty]
    if not needed:
        assert Job.load(path).steps[0].operation == operation.name
        return
    with pytest.raises(ConfigurationError) as caught:
        Job.load(path)
    told = str(caught.value)
    assert all(f"{name} is empty, and {operation.name} needs it" in told for name in needed)
    for name in needed:  # and when it is answered, it is a job
        text = text.replace(f'{name} = ""', f"{name} = {_answer(operation.parameters[name])}")
    path.write_text(text, encoding="utf-8")
    assert Job.load(path).steps[0].operation == operation.name


def _answer(parameter: inspect.Parameter) -> str:
    """Return a value that fits, as the file writes it."""
    if int in {parameter.annotation, *(choices := get_args(parameter.annotation))}:
        return (
            "1893456000000"
            if any(isinstance(one, type) and issubclass(one, dt.date) for one in choices)
            else "5"
        )
    if parameter.annotation is bool:
        return "true"
    if get_origin(parameter.annotation) is Mapping:
        return '{ any = "any" }'
    return f'"{choices[0]}"' if choices else '"any"'


@pytest.mark.parametrize(("vendor", "operation"), CARRIED, ids=lambda part: getattr(part, "name", ""))
def test_its_comments_say_what_may_be_set(vendor, operation) -> None:
    text = first_job(Source(files=("a.csv",)), {"x": "VARCHAR", "y": "DATE"}, vendor, operation)
    assert all(name in text for name in operation.parameters)
    assert operation.facts.docs in text
    commented = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith("# mode =")
    )
    assert tomllib.loads(commented) == {"mode": "changed-only"}


def test_two_columns_that_could_be_the_key_are_no_plain_case() -> None:
    netmera = clients("NetmeraClient")[0]
    text = first_job(
        Source(files=("a",)),
        dict.fromkeys(["User ID", "user_id"], "VARCHAR"),
        netmera,
        netmera.operations()["tag_users"],
    )
    assert 'ext_id = "COLUMN"' in text
    assert "# Not used: User ID, user_id" in text


def test_the_only_column_is_the_identifier_whatever_its_name() -> None:
    netmera = clients("NetmeraClient")[0]
    text = first_job(Source(files=("a",)), {"wer": "VARCHAR"}, netmera, netmera.operations()["tag_users"])
    assert 'ext_id = "wer"' in text
    assert 'key = "wer"' in text


@pytest.mark.parametrize(
    ("vendor", "operation", "words"),
    [
        ("netmra", "tag-users", "did you mean netmera"),
        ("netmera", "tag-user", "did you mean tag_users"),
        ("netmera", "get-devices", "a job keeps no answers"),
    ],
)
def test_what_cannot_be_started(users: str, tmp_path: Path, vendor: str, operation: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        write_first_job(tmp_path / "job.toml", Source(files=(users,)), vendor, operation)
    assert not (tmp_path / "job.toml").exists()


def test_a_file_that_is_there_is_left_alone(users: str, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        write_first_job(path, Source(files=(users,)), "netmera", "tag-users")
    assert path.read_text() == "mine"
