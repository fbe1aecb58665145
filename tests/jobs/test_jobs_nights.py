"""Nights in a row: first, unchanged, changed, removals, emptied values, permanent rejects, another tag."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from job_runs import CREDENTIALS, ID, SET, TAG, counts, make_job, rejects, run

from netaudience.jobs.spec.model import Expression, Guards, Share, Step
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
