"""What was not delivered keeps the row as it came, at both doors, and is the same when it is sent again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netaudience.sandbox import BackgroundSandbox

#: A row with a column that nobody maps, by the name of the file that holds it; and what a letter shows of it.
CSV = ("u.csv", {"key": "{id}", "age": "36", "city": "İzmir", "note": "keep, me"})
JSON = ("u.ndjson", {"key": "{id}", "age": 36, "city": "İzmir", "note": {"deep": [1, None]}})
PARQUET = ("u.parquet", {"key": "{id}", "age": 36, "city": "İzmir", "note": 1.5})
STEP = """
[source]
files = "{file}"
time-zone = "Europe/Istanbul"
[guards]
max-rejected = "100%"
[[step]]
vendor = "netmera"
operation = "set-profile-attributes"
rate = 1000
[step.fields]
ext_id = "key"
"profile.age" = {{ sql = "cast(age as integer) + 1" }}
"profile.city" = "CITY"
"profile.source" = {{ value = "crm" }}
"""


@pytest.fixture(autouse=True)
def here(at_sandbox: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Write a file with two rows that differ in their key, and return them as they shall be shown."""
    rows = [{**row, "key": key} for key in ("bad", "good")]
    match name.rpartition(".")[2]:
        case "csv":
            cells = ["key,age,city,note", *(f'{one["key"]},36,İzmir,"keep, me"' for one in rows)]
            Path(name).write_text("\n".join([*cells, ""]))
        case "ndjson":
            Path(name).write_text("".join(f"{json.dumps(one)}\n" for one in rows))
        case _:
            held = [{**one, "note": Decimal("1.50")} for one in rows]
            pq.write_table(pa.Table.from_pylist(held), name)
    return rows


def letters(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("name", "row"), [CSV, JSON, PARQUET], ids=lambda part: str(part)[:9])
@pytest.mark.parametrize("door", ["job", "command"])
def test_the_row_is_as_it_came_and_sent_again_the_same(
    run: Callable[..., Any], sandbox: BackgroundSandbox, name: str, row: dict[str, Any], door: str
) -> None:
    rows = written(name, row)
    sandbox.set_faults("poison=bad")
    letter = Path("letters.jsonl")
    if door == "job":
        Path("job.toml").write_text(STEP.format(file=name))
        assert run("run", "job.toml").code == 3
        (letter,) = Path().glob(".netaudience/job/runs/*/rejects.jsonl")
    else:
        columns = ("--column", "ext_id=key", "--skip", "note")
        command = ("netmera", "set-profile-attributes", name, *columns, "--rejects", letter)
        assert run(*command).code == 3
    (told,) = letters(letter)
    shown = rows[0] if name != "u.ndjson" else {**rows[0], "note": {"deep": [1, None]}}
    assert (told["row"], told["key"], told["position"]) == (shown, "bad", 1)
    assert told["fields"]["ext_id"] == "key"

    # Refused once more, by itself, it is the same letter but for its place.
    again = run("retry", letter)
    assert again.code == 3
    (once_more,) = again.lines
    for part in ("row", "fields", "types", "digest", "key"):
        assert once_more.get(part) == told.get(part), part
    assert (once_more["position"], once_more["source_position"]) == (1, 1)

    sandbox.set_faults()
    assert run("retry", letter).code == 0
    users = sandbox.netmera.users
    assert users["bad"].profile == users["good"].profile != {}


@pytest.mark.parametrize(
    ("mended", "age", "code"),
    [
        ({"row": {"age": "40"}}, 41, 0),  # the SQL makes it anew
        ({"row": {"city": "Bursa"}}, 37, 0),
        ({"fields": {"profile.age": {"value": 50}}}, 50, 0),
        ({"row": {"age": "many"}}, None, 3),
        ({"row": {"age": None}}, None, 0),
    ],
)
def test_a_row_that_is_mended_is_mapped_anew(
    run: Callable[..., Any], sandbox: BackgroundSandbox, mended: dict[str, Any], age: int | None, code: int
) -> None:
    written(*CSV)
    sandbox.set_faults("poison=bad")
    Path("job.toml").write_text(STEP.format(file="u.csv"))
    assert run("run", "job.toml").code == 3
    sandbox.set_faults()
    (path,) = Path().glob(".netaudience/job/runs/*/rejects.jsonl")
    (told,) = letters(path)
    for part, values in mended.items():
        told[part] |= values
    path.write_text(f"{json.dumps(told)}\n")
    ended = run("retry", "latest")
    assert ended.code == code, ended.err
    if code == 0:
        profile = sandbox.netmera.users["bad"].profile
        assert (profile.get("age"), profile["city"]) == (age, told["row"]["city"])


def test_a_line_that_is_no_row_is_mended_by_its_columns(
    run: Callable[..., Any], sandbox: BackgroundSandbox
) -> None:
    Path("u.csv").write_text("key,age,city,note\nfew,36\n")
    Path("job.toml").write_text(STEP.format(file="u.csv"))
    assert run("run", "job.toml").code == 3
    (path,) = Path().glob(".netaudience/job/runs/*/rejects.jsonl")
    (told,) = letters(path)
    assert told["row"] == {"line": "few,36"}
    refused = run("retry", path)
    assert refused.code == 3
    assert "write its cells into the row of the letter, by their columns" in refused.err
    told["row"] = {"key": "few", "age": "36", "city": "Ankara"}
    path.write_text(f"{json.dumps(told)}\n")
    assert run("retry", path).code == 0
    assert sandbox.netmera.users["few"].profile == {"age": 37, "city": "Ankara", "source": "crm"}


def test_days_and_the_zone_of_points_in_time_survive(
    run: Callable[..., Any], sandbox: BackgroundSandbox
) -> None:
    moment = datetime(2026, 1, 31, 15, 0)  # noqa: DTZ001 - it says no zone, and the source does
    rows = [{"ext_id": key, "birthday": date(1990, 5, 17), "lastSeen": moment} for key in ("bad", "good")]
    pq.write_table(pa.Table.from_pylist(rows), "u.parquet")
    sandbox.set_faults("poison=bad")
    command = ("netmera", "set-profile-attributes", "u.parquet", "--time-zone", "Europe/Istanbul")
    assert run(*command, "--rejects", "letters.jsonl").code == 3
    (told,) = letters(Path("letters.jsonl"))
    assert told["row"] == {"ext_id": "bad", "birthday": "1990-05-17", "lastSeen": "2026-01-31T15:00:00"}
    assert (told["types"], told["time_zone"]) == (
        {"birthday": "date", "lastSeen": "timestamp"},
        "Europe/Istanbul",
    )
    sandbox.set_faults()
    assert run("retry", "letters.jsonl").code == 0
    bad, good = (sandbox.netmera.users[key].profile for key in ("bad", "good"))
    assert bad == good
    assert bad["lastSeen"] == datetime(2026, 1, 31, 12, 0, tzinfo=UTC).timestamp() * 1000
