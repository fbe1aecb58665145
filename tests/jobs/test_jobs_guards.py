"""What stops a run before it does harm, and what a run remembers for the next one."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from job_runs import (
    DEMERGE,
    FIRE,
    ID,
    SET,
    TAG,
    applied,
    counts,
    make_job,
    people,
    rejects,
    run,
    write_rows,
)

from netaudience import NetmeraClient
from netaudience.consumers import DeadLetters
from netaudience.errors import AnswerLost, ConfigurationError, GuardRefused, InvalidItem, Refused
from netaudience.jobs import Job
from netaudience.jobs.spec.guards import Consent, RejectedGuard
from netaudience.jobs.spec.model import Expression, Guards, Share, Source, Step
from netaudience.jobs.state.replay import letters_as_source
from netaudience.jobs.state.run_folder import job_folder, runs_of
from netaudience.outcomes import InDoubt, Rejected
from netaudience.sandbox import Fault, Sandbox

pytest.importorskip("duckdb")

CHANGED = attrs.evolve(SET, mode="changed-only")
MIRROR = attrs.evolve(TAG, mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"})
DELETE = Step(
    name="delete", vendor="netmera", operation="delete_users_permanently", fields={"ext_id": ID}, rate=1000
)


async def refused(job, sandbox: Sandbox, **how: object) -> str:
    """Return the words of a refusal that came before anything was sent, and that left nothing behind."""
    requests = len(sandbox.ledger.requests)
    before = runs_of(job_folder(job))
    with pytest.raises(GuardRefused) as caught:
        await run(job, sandbox, **how)
    assert len(sandbox.ledger.requests) == requests
    assert runs_of(job_folder(job)) == before
    return str(caught.value)


@pytest.mark.asyncio
async def test_an_empty_source_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    write_rows(tmp_path, {})
    async with Sandbox() as sandbox:
        assert "allow-empty = true" in await refused(make_job(tmp_path, TAG), sandbox)
        summary = await run(make_job(tmp_path, TAG, guards=Guards(allow_empty=True)), sandbox)
    assert summary.exit_code == 0
    assert counts(summary) == {"tag": (0,) * 7}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rows", "words"), [(49, "51% fewer than the 100"), (151, "51% more than the 100"), (50, ""), (150, "")]
)
async def test_rows_that_are_far_from_those_of_the_last_runs_are_refused(
    tmp_path: Path, rows: int, words: str
) -> None:
    job = make_job(tmp_path, TAG, guards=Guards(max_deviation=0.5))
    async with Sandbox() as sandbox:
        for usual in (100, 60, 140):
            write_rows(tmp_path, people(usual))
            await run(attrs.evolve(job, guards=Guards()), sandbox)
        write_rows(tmp_path, people(rows))
        if words:
            told = await refused(job, sandbox)
            assert words in told
            assert "raise max-deviation" in told
        else:
            assert (await run(job, sandbox)).ok


@pytest.mark.asyncio
async def test_a_run_that_is_refused_or_cut_short_is_no_measure_for_the_next(tmp_path: Path) -> None:
    job = make_job(tmp_path, TAG, guards=Guards(max_deviation=0.5))
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(3000))
        sandbox.set_faults([Fault("status", status=503)])
        assert (await run(job, sandbox)).exit_code == 1
        sandbox.set_faults([])
        write_rows(tmp_path, people(100))
        assert (await run(job, sandbox)).ok


@pytest.mark.parametrize(
    ("bound", "rejected", "judged", "stops"),
    [
        (Share(share=0.2), 199, 199, False),  # too few to say anything
        (Share(share=0.2), 40, 200, False),
        (Share(share=0.2), 41, 200, True),
        (Share(count=10), 10, 10, False),
        (Share(count=10), 11, 11, True),
        (Share(count=1000, share=0.2), 100, 400, True),
        (Share(count=0), 0, 1000, False),
        (Share(count=0), 1, 1, True),
        (None, 1000, 1000, False),
    ],
)
def test_rejected_rows_are_asked_about_once_there_are_enough(
    bound: Share | None, rejected: int, judged: int, *, stops: bool
) -> None:
    assert (RejectedGuard("s", bound).refuses(rejected, judged) is not None) is stops


@pytest.mark.asyncio
@pytest.mark.parametrize("by", ["the mapping", "the vendor"])
async def test_many_rejected_rows_stop_the_run_and_it_can_be_gone_on_with(tmp_path: Path, by: str) -> None:
    wrong = range(0, 30_000, 3)
    rows = people(30_000)
    async with Sandbox() as sandbox:
        if by == "the mapping":
            rows |= {f"id{number:05}": "many" for number in wrong}
        else:
            ids = [f"id{number:05}" for number in wrong]
            sandbox.set_faults([Fault("poison", ids=ids, operation="set_profile_attributes")])
        write_rows(tmp_path, rows)
        step = attrs.evolve(SET, max_rows=3)
        summary = await run(make_job(tmp_path, step, attrs.evolve(TAG, max_rows=1000)), sandbox)
        first = summary.steps[0]
        assert summary.exit_code == 5
        assert first.stopped_by == "GuardRefused"
        assert "max-rejected is 20%" in str(first.stopped)
        assert 200 * 0.2 < first.rejected < 3000
        assert first.delivered < 5000
        assert first.unsent > 20_000
        assert len(rejects(summary)) >= first.rejected
        assert summary.resume_command is not None

        if by == "the vendor":
            sandbox.set_faults([])
        guards = Guards(max_rejected=Share(share=0.5))
        job = make_job(tmp_path, step, attrs.evolve(TAG, max_rows=1000), guards=guards)
        job = attrs.evolve(job, steps=tuple(attrs.evolve(each, max_rows=None) for each in job.steps))
        again = await run(job, sandbox, resume="latest")
        assert again.finished
        expected = len(wrong) if by == "the mapping" else first.rejected
        assert counts(again)["set"] == (30_000, 30_000 - expected, expected, 0, 0, 0, 0)
        assert applied(sandbox, "netmera", "set_profile_attributes") == (30_000 - expected,) * 2
        assert len(rejects(again)) == expected


@pytest.mark.asyncio
async def test_what_deletes_needs_consent_and_what_cannot_be_undone_the_count(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(120), "": 1})
    job = make_job(tmp_path, DELETE)
    async with Sandbox() as sandbox:
        assert "add --yes-delete 120" in await refused(job, sandbox)
        assert "add --yes-delete 120" in await refused(job, sandbox, consent=Consent(yes=True))
        told = await refused(job, sandbox, consent=Consent(yes_delete=121))
        assert "--yes-delete says 121, and delete is for 120 rows" in told
        sandbox.vendor("netmera").seed({"users": [{"extId": key} for key in people(120)]})
        summary = await run(job, sandbox, consent=Consent(yes_delete=120))
        assert counts(summary)["delete"][:3] == (121, 120, 1)
        assert applied(sandbox, "netmera", "delete_users_permanently") == (120, 120)


@pytest.mark.asyncio
async def test_a_run_of_a_plan_refuses_what_is_not_that_plan(tmp_path: Path) -> None:
    write_rows(tmp_path, people(100))
    job = make_job(tmp_path, TAG)
    digest = job.plan().digest
    async with Sandbox() as sandbox:
        assert (await run(job, sandbox, plan_digest=digest)).ok
        write_rows(tmp_path, people(101))
        assert f"not the plan {digest}" in await refused(job, sandbox, plan_digest=digest)


# What was delivered is remembered.


@pytest.mark.asyncio
async def test_only_what_changed_is_sent_and_what_failed_is_sent_again(tmp_path: Path) -> None:
    job = make_job(tmp_path, CHANGED)
    rows = people(500)
    async with Sandbox() as sandbox:
        write_rows(tmp_path, rows)
        sandbox.set_faults([Fault("poison", ids=["id00042"])])
        first = await run(job, sandbox)
        assert counts(first) == {"set": (500, 499, 1, 0, 0, 0, 0)}

        sandbox.set_faults([])
        rows |= {"id00007": 99, "id09999": 1}
        write_rows(tmp_path, rows)
        second = await run(job, sandbox)
        assert counts(second) == {"set": (501, 3, 0, 0, 0, 0, 498)}
        assert sandbox.netmera.users["id00007"].profile["age"] == 99

        third = await run(job, sandbox)
        assert counts(third) == {"set": (501, 0, 0, 0, 0, 0, 501)}
        assert third.ok
        assert third.steps[0].requests == 0


@pytest.mark.asyncio
async def test_changes_that_were_cut_short_are_gone_on_with_or_begun_anew(tmp_path: Path) -> None:
    job = make_job(tmp_path, CHANGED)
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(3000))
        sandbox.set_faults([Fault("status", status=503, after=12)])
        first = await run(job, sandbox)
        assert first.steps[0].delivered == 600
        sandbox.set_faults([Fault("status", status=503, after=12)])
        second = await run(job, sandbox, resume=first.run)
        assert second.steps[0].delivered == 1200
        sandbox.set_faults([])
        third = await run(job, sandbox)
        assert counts(third) == {"set": (3000, 1800, 0, 0, 0, 0, 1200)}
        assert applied(sandbox, "netmera", "set_profile_attributes") == (3000, 3000)
        with pytest.raises(ConfigurationError, match="A newer run of set has begun"):
            await run(job, sandbox, resume=first.run)


@pytest.mark.asyncio
async def test_a_killed_run_of_what_must_not_be_repeated_is_to_be_gone_on_with_first(tmp_path: Path) -> None:
    job = make_job(tmp_path, attrs.evolve(FIRE, mode="changed-only"))
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(100))
        first = await run(job, sandbox)
        # As if the process had died before it came to its summary.
        path = Path(first.folder) / "summary.json"
        path.unlink()
        write_rows(tmp_path, people(101))
        assert f"netaudience resume {first.run}" in await refused(job, sandbox)
        write_rows(tmp_path, people(100))


@pytest.mark.asyncio
async def test_what_is_in_doubt_and_must_not_be_repeated_is_not_sent_again_by_itself(tmp_path: Path) -> None:
    job = make_job(tmp_path, attrs.evolve(FIRE, mode="changed-only"))
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(200))
        sandbox.set_faults([Fault("reset-after", first=1)])
        first = await run(job, sandbox)
        assert counts(first) == {"fire": (200, 150, 0, 0, 50, 0, 0)}
        assert counts(await run(job, sandbox)) == {"fire": (200, 0, 0, 0, 0, 0, 200)}
        with pytest.raises(ConfigurationError, match="50 are in doubt"):
            await run(job, sandbox, retry=first.run)
        again = await run(job, sandbox, retry=first.run, in_doubt="resend")
        assert counts(again) == {"fire": (50, 50, 0, 0, 0, 0, 0)}


@pytest.mark.asyncio
async def test_a_mirror_takes_back_what_is_gone_and_nothing_else(tmp_path: Path) -> None:
    job = make_job(tmp_path, MIRROR, guards=Guards(max_removals=Share(share=0.1)))
    async with Sandbox() as sandbox:
        rows = people(500)
        write_rows(tmp_path, rows)
        others = {"users": [{"extId": "of somebody else", "tags": ["Sport"]}]}
        sandbox.vendor("netmera").seed(others)
        assert counts(await run(job, sandbox)) == {"tag": (500, 500, 0, 0, 0, 0, 0)}

        few = {key: value for key, value in rows.items() if key >= "id00051"}
        write_rows(tmp_path, few)
        told = await refused(job, sandbox)
        assert "would remove 51 of the 500 rows" in told
        assert "raise max-removals" in told

        some = {key: value for key, value in rows.items() if key >= "id00050"}
        write_rows(tmp_path, {**some, "id09999": 1})
        summary = await run(job, sandbox)
        assert counts(summary) == {
            "tag": (451, 1, 0, 0, 0, 0, 450), "tag removal": (50, 50, 0, 0, 0, 0, 0),
        }  # fmt: skip
        tagged = {ext_id for ext_id, user in sandbox.netmera.users.items() if "Sport" in user.tags}
        assert tagged == {*some, "id09999", "of somebody else"}
        assert counts(await run(job, sandbox)) == {"tag": (451, 0, 0, 0, 0, 0, 451)}


@pytest.mark.asyncio
async def test_removals_wait_for_a_step_that_came_to_its_end(tmp_path: Path) -> None:
    job = make_job(tmp_path, MIRROR)
    async with Sandbox() as sandbox:
        write_rows(tmp_path, people(2000))
        await run(job, sandbox)
        rows = {key: value for key, value in people(4000).items() if key >= "id00100"}
        write_rows(tmp_path, rows)
        sandbox.set_faults([Fault("status", status=503, operation="tag_users", after=3)])
        first = await run(job, sandbox)
        assert counts(first)["tag removal"] == (100, 0, 0, 0, 0, 100, 0)
        assert applied(sandbox, "netmera", "untag_users") == (0, 0)
        assert not first.finished
        sandbox.set_faults([])
        second = await run(job, sandbox, resume="latest")
        assert counts(second) == {
            "tag": (3900, 2000, 0, 0, 0, 0, 1900), "tag removal": (100, 100, 0, 0, 0, 0, 0),
        }  # fmt: skip
        assert applied(sandbox, "netmera", "untag_users") == (100, 100)


# What was not delivered is sent again.


@pytest.mark.asyncio
async def test_deletions_that_were_rejected_are_sent_again_on_the_same_word(tmp_path: Path) -> None:
    write_rows(tmp_path, people(5))
    delete = Step(name="delete", vendor="moengage", operation="delete_user", fields={"customer_id": ID})
    job = make_job(tmp_path, delete, guards=Guards(preflight=False, max_rejected=None))
    async with Sandbox() as sandbox:
        sandbox.moengage.seed({"users": [{"customer_id": name} for name in people(5)]})
        sandbox.set_faults([Fault("poison", ids=frozenset({"id00003"}))])
        first = await run(job, sandbox, consent=Consent(yes=True, yes_delete=5))
        assert (first.steps[0].delivered, first.steps[0].rejected) == (4, 1)
        sandbox.set_faults([])
        with pytest.raises(GuardRefused, match="1 row"):
            await run(job, sandbox, retry=first.run, consent=Consent(yes=True, yes_delete=5))
        again = await run(job, sandbox, retry=first.run, consent=Consent(yes=True, yes_delete=1))
        assert (again.ok, again.steps[0].delivered) == (True, 1)


@pytest.mark.asyncio
async def test_rejected_rows_are_mended_in_their_file_and_sent_again(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(300), "id00007": "many", "id00008": "more"})
    job = make_job(tmp_path, SET, TAG)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        path = Path(first.folder) / "rejects.jsonl"
        lines = rejects(first)
        assert [line["row"] for line in lines] == [
            {"user_id": "id00007", "age": "many"}, {"user_id": "id00008", "age": "more"},
        ]  # fmt: skip
        lines[0]["row"]["age"] = 70
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

        again = await run(job, sandbox, retry=first.run)
        assert counts(again) == {"set": (2, 1, 1, 0, 0, 0, 0)}
        assert sandbox.netmera.users["id00007"].profile["age"] == 70
        assert again.again == first.run
        (left,) = rejects(again)
        assert left["key"] == "id00008"
        # It may be gone on with as any other, and is no measure for the number of rows.
        assert counts(await run(job, sandbox, resume=again.run)) == counts(again)
        await run(attrs.evolve(job, guards=Guards(max_deviation=0.1)), sandbox)


@pytest.mark.asyncio
async def test_what_is_sent_again_is_known_as_delivered_unless_it_was_mended(tmp_path: Path) -> None:
    rows = people(300)
    write_rows(tmp_path, rows)
    job = make_job(tmp_path, CHANGED)
    poisoned = [f"id{number:05}" for number in (7, 8, 9, 10)]
    async with Sandbox() as sandbox:
        sandbox.set_faults([Fault("poison", ids=poisoned)])
        first = await run(job, sandbox)
        assert counts(first) == {"set": (300, 296, 4, 0, 0, 0, 0)}

        sandbox.set_faults([Fault("poison", ids=poisoned[2:])])
        path = Path(first.folder) / "rejects.jsonl"
        lines = {str(line["key"]): line for line in rejects(first)}
        lines["id00008"]["row"]["age"] = "70"
        lines["id00010"]["row"]["age"] = 71
        path.write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines.values()))
        second = await run(job, sandbox, retry=first.run)
        assert counts(second) == {"set": (4, 2, 2, 0, 0, 0, 0)}

        # What is sent again of what was sent again is that of the first run still.
        sandbox.set_faults([])
        third = await run(job, sandbox, retry=second.run)
        assert counts(third) == {"set": (2, 2, 0, 0, 0, 0, 0)}

        # The source still says what was mended there, so that is sent, and nothing else.
        sent = len(sandbox.ledger.requests)
        last = await run(job, sandbox)
        assert counts(last) == {"set": (300, 2, 0, 0, 0, 0, 298)}
        assert len(sandbox.ledger.requests) == sent + 1
        assert [sandbox.netmera.users[key].profile["age"] for key in poisoned] == [7, 8, 9, 10]
        assert counts(await run(job, sandbox)) == {"set": (300, 0, 0, 0, 0, 0, 300)}


@pytest.mark.asyncio
async def test_the_third_file_still_tells_the_row_of_the_first_source(tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(300), "id00100": "many", "id00299": "more"})
    job = make_job(tmp_path, SET)
    async with Sandbox() as sandbox:
        summary = await run(job, sandbox)
        for _ in range(2):
            summary = await run(job, sandbox, retry=summary.run)
            assert [line["position"] for line in rejects(summary)] == [1, 2]
            assert [line["source_position"] for line in rejects(summary)] == [101, 300]


@pytest.mark.asyncio
async def test_a_row_with_a_value_that_cannot_be_sent_is_kept_whole(tmp_path: Path) -> None:
    query = """
        SELECT 'id1' AS user_id, 12345678901234567.89::DECIMAL(25, 2) AS age
        UNION ALL SELECT 'id2', NULL
    """
    source = Source(sql=query, key=("user_id",))
    fields = {"ext_id": Expression(column="user_id"), "profile.age": Expression(column="age")}
    step = attrs.evolve(SET, fields=fields)
    job = attrs.evolve(make_job(tmp_path, step, guards=Guards(max_rejected=None)), source=source)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        lines = {str(line["position"]): line for line in rejects(first)}
        assert lines["1"]["row"] == {"user_id": "id1", "age": "12345678901234567.89"}
        assert (lines["1"]["by"], "status" in lines["1"]) == ("source", False)


@pytest.mark.asyncio
async def test_a_row_whose_key_stands_again_is_never_sent_again(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id,age\na,1\nb,2\na,3\n")
    job = make_job(tmp_path, CHANGED, guards=Guards(max_rejected=None))
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        assert counts(first) == {"set": (3, 2, 1, 0, 0, 0, 0)}
        with pytest.raises(ConfigurationError, match="no row that can be sent again"):
            await run(job, sandbox, retry=first.run)
        assert sandbox.netmera.users["a"].profile["age"] == 3


@pytest.mark.asyncio
async def test_a_run_with_nothing_undelivered_has_nothing_to_send_again(tmp_path: Path) -> None:
    write_rows(tmp_path, people(10))
    job = make_job(tmp_path, DEMERGE)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        with pytest.raises(ConfigurationError, match="has no row that was not delivered"):
            await run(job, sandbox, retry=first.run)


@pytest.mark.asyncio
async def test_the_letters_of_a_command_and_of_a_consumer_are_a_job_by_themselves(tmp_path: Path) -> None:
    path = tmp_path / "dead-letters.jsonl"
    wrong = Refused("Netmera", 400, code=5016, vendor_message="user not found")
    netmera = NetmeraClient("key")
    tag, fire = netmera.tag_users.given(tag="Sport"), netmera.fire_events.given()
    async with DeadLetters(path) as letters:
        await letters.keep(Rejected(0, "id1", wrong), tag, "a:1")
        profile = {"extId": "id2", "profile": {"age": 7}}
        await letters.keep(Rejected(1, profile, wrong), netmera.set_profile_attributes)
        await letters.keep(Rejected(2, "id3", wrong), netmera.tag_users.given(tag="Music"))
        await letters.keep(Rejected(3, b"?", InvalidItem("It is none")), None)
        await letters.keep(InDoubt(4, {"extId": "id5", "name": "Seen"}, AnswerLost("lost")), fire)
    job, table = letters_as_source(path)
    assert [step.name for step in job.steps] == [
        "netmera-tag-users", "netmera-set-profile-attributes", "netmera-tag-users-2",
    ]  # fmt: skip
    assert (table.count(), len(letters_as_source(path, "resend")[0].steps)) == (3, 4)
    async with Sandbox() as sandbox:
        summary = await run(Job(**attrs.asdict(job, recurse=False)), sandbox, table=table)
        assert summary.ok, summary
        users = sandbox.netmera.users
        assert (users["id1"].tags, users["id3"].tags) == ({"Sport"}, {"Music"})
        assert users["id2"].profile["age"] == 7
