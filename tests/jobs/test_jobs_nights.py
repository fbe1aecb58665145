"""Nights in a row: first, unchanged, changed, removals, emptied values, permanent rejects, another tag."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import CREDENTIALS, ID, SET, TAG, counts, make_job, rejects, run

from netaudience.jobs.spec.model import Expression, Guards, Share, Source, Step
from netaudience.sandbox import Sandbox

pytest.importorskip("duckdb")

#: Two rows in a hundred never have a number, and the job lives with it.
GUARDS = Guards(accept_rejected=Share(share=0.05), max_removals=Share(share=0.1))
PROFILES = attrs.evolve(
    SET,
    mode="mirror",
    removal="unset_profile_attributes",
    fields={
        "ext_id": ID,
        "profile.age": Expression(sql="cast(age as integer)"),
        "profile.city": Expression(column="city"),
    },
)
TAGGED = attrs.evolve(TAG, mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"})
EVENTS = Step(
    name="clevertap",
    vendor="clevertap",
    operation="upload_profiles",
    mode="changed-only",
    fields={"identity": ID, "profile_data.City": Expression(column="city")},
)


def write(folder: Path, rows: dict[str, tuple[str, str]], *also: str) -> None:
    lines = [f"{user},{age},{city}" for user, (age, city) in rows.items()]
    (folder / "users.csv").write_text("\n".join(["user_id,age,city", *lines, *also, ""]))


def audience() -> dict[str, tuple[str, str]]:
    rows = {f"id{number:03}": (str(number % 90), "Izmir") for number in range(400)}
    return rows | {f"id{number:03}": ("old", "Izmir") for number in range(0, 400, 50)}


@pytest.mark.asyncio
async def test_nights_in_a_row(tmp_path: Path) -> None:
    job = make_job(tmp_path, PROFILES, TAGGED, guards=GUARDS)
    rows = audience()
    async with Sandbox() as sandbox:
        users = sandbox.netmera.users
        write(tmp_path, rows)
        first = await run(job, sandbox)
        assert counts(first)["set"] == (400, 392, 8, 0, 0, 0, 0)
        assert first.ok
        assert (first.exit_code, first.steps[0].known, len(rejects(first))) == (0, 0, 8)

        second = await run(job, sandbox)
        assert counts(second)["set"] == (400, 0, 8, 0, 0, 0, 392), "permanent rejects stop nothing"
        assert second.ok
        assert second.steps[0].known == 8
        assert "8 of them were rejected by the last run as well" in second.sentences()[0]
        assert job.plan().steps[0].known_rejects == 8

        del rows["id007"]
        rows |= {"id008": ("8", ""), "id009": ("", ""), "id010": ("99", "Izmir")}
        write(tmp_path, rows)
        third = await run(job, sandbox)
        assert counts(third) == {
            "set": (399, 2, 8, 0, 0, 0, 389),
            "set removal": (3, 3, 0, 0, 0, 0, 0),
            "tag": (399, 0, 0, 0, 0, 0, 399),
            "tag removal": (1, 1, 0, 0, 0, 0, 0),
        }
        assert users["id007"].profile == users["id009"].profile == {}
        assert users["id008"].profile == {"age": 8}
        assert users["id010"].profile == {"age": 99, "city": "Izmir"}
        assert "1 row has nothing to send" in third.sentences()[0]
        assert "Sport" not in users["id007"].tags

        renamed = {"arguments": {"tag": "Gold"}, "removal_arguments": {"tag": "Gold"}}
        other = attrs.evolve(job, steps=(attrs.evolve(TAGGED, **renamed),))
        (note,) = other.plan().steps[0].notes[-1:]
        assert note == (
            'tag = "Sport" was in earlier runs, and 399 users keep it: take-back-old = true in the step '
            "takes it back"
        )
        fourth = await run(other, sandbox)
        assert counts(fourth) == {"tag": (399, 399, 0, 0, 0, 0, 0)}
        assert users["id001"].tags >= {"Sport", "Gold"}

        asked = attrs.evolve(job, steps=(attrs.evolve(TAGGED, take_back_old=True, **renamed),))
        assert [load.items for load in asked.plan().steps[0].loads] == [0, 0, 399]
        fifth = await run(asked, sandbox)
        assert counts(fifth) == {
            "tag": (399, 0, 0, 0, 0, 0, 399), "tag removal of old": (399, 399, 0, 0, 0, 0, 0),
        }  # fmt: skip
        assert not [user for user in users.values() if "Sport" in user.tags]
        assert counts(await run(asked, sandbox)) == {"tag": (399, 0, 0, 0, 0, 0, 399)}


def exports(rows: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Give the same rows as other programs write them."""
    yield "users.ndjson", "".join(json.dumps(row) + "\n" for row in rows).encode()
    turned = [dict(reversed(row.items())) for row in rows]
    for row in turned:
        row["about"] = dict(reversed(row["about"].items()))
        row["user_id"], row["age"] = float(row["user_id"]), float(row["age"])
    yield "turned.ndjson", "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in turned).encode()
    yield "users.json", json.dumps(rows, indent=1).encode()
    for table in (pa.Table.from_pylist(rows), pa.Table.from_pylist(turned)):
        sink = io.BytesIO()
        pq.write_table(table, sink)
        yield "users.parquet", sink.getvalue()


@pytest.mark.asyncio
async def test_another_export_of_the_same_values_changes_nothing_and_takes_nothing_back(
    tmp_path: Path,
) -> None:
    """Names in another order, 1 and 1.0, a key that a program has made a floating number."""
    fields = {"user_id": ID} | {f"data_fields.{name}": Expression(column=name) for name in ("age", "about")}
    profiles = Step(
        name="set", vendor="iterable", operation="bulk_update_users", mode="changed-only", fields=fields
    )
    rows = [{"user_id": at, "age": at % 5, "about": {"b": 1, "a": [at, 2]}} for at in range(10, 50)]
    async with Sandbox() as sandbox:
        sent = (40, 40, 0, 0, 0, 0, 0)
        for name, data in exports(rows):
            (tmp_path / name).write_bytes(data)
            job = make_job(tmp_path, profiles, TAGGED)
            job = attrs.evolve(job, source=Source(files=(name,), key=("user_id",)))
            assert counts(await run(job, sandbox)) == {"set": sent, "tag": sent}, name
            sent = (40, 0, 0, 0, 0, 0, 40)


@pytest.mark.asyncio
async def test_a_user_whose_id_turns_from_a_number_into_a_text_keeps_the_tag(tmp_path: Path) -> None:
    """The vendor knows one user by both, so that to take back what the number has asked for takes it all."""
    numbers = list(range(10, 50))
    lines = {
        "n.ndjson": [json.dumps({"user_id": number}) for number in numbers],
        "t.ndjson": [json.dumps({"user_id": str(number)}) for number in numbers],
        "c.csv": ["user_id", *map(str, numbers)],
        "f.ndjson": [json.dumps({"user_id": float(number)}) for number in numbers],
    }
    floats = pa.table({"user_id": [float(number) for number in numbers[:-1]]})
    async with Sandbox() as sandbox:
        for name in (*lines, "d.parquet"):
            if name in lines:
                (tmp_path / name).write_text("\n".join([*lines[name], ""]))
            else:
                pq.write_table(floats, tmp_path / name)
            job = attrs.evolve(make_job(tmp_path, TAGGED), source=Source(files=(name,), key=("user_id",)))
            told = counts(await run(job, sandbox))
            removed = told.get("tag removal", (0,))[0]
            assert told["tag"][1] == (40 if name == "n.ndjson" else 0), name
            tagged = [user for user, one in sandbox.netmera.users.items() if "Sport" in one.tags]
            assert (removed, len(tagged)) == ((0, 40) if name in lines else (1, 39)), name


@pytest.mark.asyncio
async def test_two_rows_of_one_user_keep_the_tag(tmp_path: Path) -> None:
    step = attrs.evolve(TAGGED, fields={"ext_id": Expression(column="city")})
    job = make_job(tmp_path, step)
    rows = {f"order{number}": ("1", f"u{number}") for number in range(30)} | {"order99": ("1", "u3")}
    async with Sandbox() as sandbox:
        write(tmp_path, rows)
        await run(job, sandbox)
        del rows["order3"]
        write(tmp_path, rows)
        assert job.plan().steps[0].removed == 0
        assert counts(await run(job, sandbox)) == {"tag": (30, 0, 0, 0, 0, 0, 30)}
        assert "Sport" in sandbox.netmera.users["u3"].tags
        del rows["order99"]
        write(tmp_path, rows)
        assert counts(await run(job, sandbox))["tag removal"][:2] == (1, 1)
        assert "Sport" not in sandbox.netmera.users["u3"].tags


@pytest.mark.asyncio
async def test_a_row_without_a_key_holds_removals_back_and_says_since_when(tmp_path: Path) -> None:
    job = make_job(tmp_path, TAGGED)
    rows = {f"id{number:03}": ("1", "Izmir") for number in range(100)}
    async with Sandbox() as sandbox:
        write(tmp_path, rows)
        await run(job, sandbox)
        del rows["id005"]
        write(tmp_path, rows, ",1,Izmir")
        assert "1 removal is held back: the key" in (await run(job, sandbox)).sentences()[0]
        assert "for 2 runs in a row now" in job.plan().steps[0].notes[-1]
        assert "for 2 runs in a row now" in (await run(job, sandbox)).sentences()[0]
        write(tmp_path, rows)
        assert counts(await run(job, sandbox))["tag removal"][:2] == (1, 1)


@pytest.mark.asyncio
async def test_another_vendor_and_a_plan_that_would_be_stopped(tmp_path: Path) -> None:
    assert "clevertap" in CREDENTIALS
    job = make_job(tmp_path, EVENTS)
    rows = audience()
    async with Sandbox() as sandbox:
        write(tmp_path, rows)
        assert counts(await run(job, sandbox))["clevertap"][:2] == (400, 400)
        rows |= {"id001": ("1", "Ankara"), "id002": ("1", "")}
        write(tmp_path, rows)
        again = await run(job, sandbox)
        assert counts(again) == {"clevertap": (400, 1, 0, 0, 0, 0, 399)}
        assert again.ok
        assert counts(await run(job, sandbox)) == {"clevertap": (400, 0, 0, 0, 0, 0, 400)}
        strict = make_job(tmp_path, PROFILES, guards=Guards(max_rejected=Share(count=3)))
        (told,) = strict.plan().stops
        assert "8 of 400 rows are rejected, and max-rejected is 3 rows" in told
        assert str((await run(strict, sandbox)).steps[0].stopped) == told
