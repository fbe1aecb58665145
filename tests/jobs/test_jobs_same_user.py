"""Several rows of one user in one run: their order, what it costs, and the last one in place of all."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from job_runs import SET, counts, make_job, rejects, run

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.model import Expression
from netaudience.jobs.spec.parse import read_job
from netaudience.sandbox import Fault, Sandbox

pytest.importorskip("duckdb")

#: The source's key is the order; a user has several.
ORDERS = attrs.evolve(
    SET,
    fields={"ext_id": Expression(column="age"), "profile.last": Expression(column="user_id")},
    max_rows=10,
)
LAST = attrs.evolve(ORDERS, duplicates="last")


def write(folder: Path, rows: dict[str, str]) -> None:
    lines = [f"{order},{user}" for order, user in rows.items()]
    (folder / "users.csv").write_text("\n".join(["user_id,age", *lines, ""]))


def orders(users: int = 30, each: int = 3) -> dict[str, str]:
    return {f"o{turn}-{user:02}": f"u{user:02}" for turn in range(each) for user in range(users)}


def held(sandbox: Sandbox) -> dict[str, object]:
    return {name: user.profile.get("last") for name, user in sandbox.netmera.users.items()}


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["all", "changed-only", "mirror"])
async def test_the_last_row_of_a_user_is_sent_alone(tmp_path: Path, mode: str) -> None:
    how = {"removal": "unset_profile_attributes"} if mode == "mirror" else {}
    step = attrs.evolve(LAST, mode=mode, **how)
    job = make_job(tmp_path, step)
    rows = orders()
    write(tmp_path, rows)
    plan = job.plan()
    (planned,) = plan.steps
    assert (planned.rows, planned.unchanged, planned.sends.items, planned.sends.chains.users) == (
        90,
        60,
        30,
        0,
    )
    told = (
        "60 rows stand again further down for the same user, and count as unchanged: of each user only the "
        "last row is sent"
    )
    assert told in planned.notes
    async with Sandbox() as sandbox:
        first = await run(job, sandbox, plan_digest=plan.digest)
        assert counts(first)["set"] == (90, 30, 0, 0, 0, 0, 60)
        assert told in first.sentences()[0]
        assert held(sandbox) == {f"u{user:02}": f"o2-{user:02}" for user in range(30)}
        if mode == "all":
            return
        assert counts(await run(job, sandbox))["set"] == (90, 0, 0, 0, 0, 0, 90)
        assert job.plan().steps[0].sends.items == 0
        # An earlier row that changes sends nothing; the last that goes lets the one before it through.
        del rows["o2-05"]
        write(tmp_path, rows)
        assert counts(await run(job, sandbox))["set"] == (89, 1, 0, 0, 0, 0, 88)
        assert held(sandbox)["u05"] == "o1-05"


@pytest.mark.asyncio
async def test_a_row_that_cannot_be_sent_stands_for_nobody(tmp_path: Path) -> None:
    # The last row of u00 has an entry that is no whole number.
    step = attrs.evolve(
        LAST,
        fields={**ORDERS.fields, "profile.age": Expression(sql="cast(substr(user_id, 2, 1) as integer)")},
    )
    write(tmp_path, {"o1": "u00", "o2": "u00", "ox": "u00"})
    async with Sandbox() as sandbox:
        summary = await run(make_job(tmp_path, step), sandbox)
        assert counts(summary)["set"] == (3, 1, 1, 0, 0, 0, 1)
        assert held(sandbox) == {"u00": "o2"}
        assert [line["position"] for line in rejects(summary)] == [3]


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["all", "changed-only"])
async def test_resume_and_retry_send_the_last_row_too(tmp_path: Path, mode: str) -> None:
    job = make_job(tmp_path, attrs.evolve(LAST, mode=mode))
    write(tmp_path, orders())
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("status", status=503, after=1)])
        first = await run(job, sandbox)
        delivered, failed = counts(first)["set"][1], sum(counts(first)["set"][3:6])
        assert (failed > 0, delivered + failed, counts(first)["set"][-1]) == (True, 30, 60)
        sandbox.set_faults([])
        second = await run(job, sandbox, resume=first.run)
        assert counts(second)["set"] == (90, 30, 0, 0, 0, 0, 60)
        assert held(sandbox) == {f"u{user:02}": f"o2-{user:02}" for user in range(30)}

        write(tmp_path, {**orders(), "o3-00": "u00", "o4-00": "u00"})
        sandbox.set_faults([Fault("poison", ids=["u00"])])
        third = await run(job, sandbox)
        (letter,) = rejects(third)
        assert letter["key"] == "u00"
        sandbox.set_faults([])
        again = await run(job, sandbox, retry=third.run)
        assert counts(again)["set"][:2] == (1, 1)
        assert held(sandbox)["u00"] == "o4-00"


@pytest.mark.asyncio
async def test_rows_of_one_user_wait_and_the_summary_says_so(tmp_path: Path) -> None:
    write(tmp_path, orders(users=10, each=5))
    job = make_job(tmp_path, ORDERS)
    (planned,) = job.plan().steps
    assert attrs.astuple(planned.sends.chains) == (5, 10, 50)
    assert "50 rows are of 10 users that have several, 5 at the most" in planned.notes[-1]
    async with Sandbox() as sandbox:
        summary = await run(job, sandbox)
        assert counts(summary)["set"][:2] == (50, 50)
        assert "Same user: " in summary.sentences()[0]
        assert held(sandbox) == {f"u{user:02}": f"o4-{user:02}" for user in range(10)}


@pytest.mark.parametrize(("rows", "seconds"), [(1, 30.0), (10, 3.0)])
def test_a_plan_reckons_with_the_rows_of_one_user(tmp_path: Path, rows: int, seconds: float) -> None:
    write(tmp_path, {f"o{number}": "u00" for number in range(100)})
    (planned,) = make_job(tmp_path, attrs.evolve(ORDERS, max_rows=rows, rate=1e6)).plan().steps
    assert planned.sends.seconds == pytest.approx(seconds)
    assert "requests with rows of one user, one after the other" in planned.sends.binds


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("tag_users", "tag_users does the same with every row of a user: leave duplicates out"),
        ("push_profile_attributes", "push_profile_attributes does something of its own with every row"),
        ("set_profile_attributes", None),
    ],
)
def test_duplicates_are_for_operations_that_set(tmp_path: Path, operation: str, told: str | None) -> None:
    fields = 'ext_id = "u"' + ("" if operation == "tag_users" else '\n"profile.a" = "b"')
    arguments = 'arguments = { tag = "x" }' if operation == "tag_users" else ""
    path = tmp_path / "job.toml"
    path.write_text(
        f'[source]\nfiles = ["users.csv"]\n[[step]]\nvendor = "netmera"\noperation = "{operation}"\n'
        f'duplicates = "last"\n{arguments}\n[step.fields]\n{fields}\n'
    )
    if told is None:
        assert read_job(path).steps[0].duplicates == "last"
        return
    with pytest.raises(ConfigurationError, match=told):
        read_job(path)
