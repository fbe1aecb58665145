"""Who is notified how a run ended: nobody where all is well, each thing once, without a secret or a row."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from alert_receiver import Receiver
from job_runs import TAG, make_job, people, run, write_rows

from netaudience.cli import main
from netaudience.errors import ConfigurationError, GuardRefused, NetaudienceError
from netaudience.jobs import Job
from netaudience.jobs.notify import send
from netaudience.jobs.notify.events import Ended
from netaudience.jobs.spec.model import Notify, Secret, Share
from netaudience.jobs.spec.parse import read_job
from netaudience.jobs.state.summary import Summary
from netaudience.sandbox import Fault, Sandbox

TOKEN = "T0/B0/hunter2-and-more"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    one = Receiver()
    monkeypatch.setenv("ALERTS", f"{one.url}/hooks/{TOKEN}")
    monkeypatch.setenv("HEALTH", f"{one.url}/ping/{TOKEN}?rid=1")
    monkeypatch.setattr(send, "_WAITS", (0.0, 0.0, 0.0))
    yield one
    one.close()


ALERTS = Notify(webhook=Secret(env="ALERTS"), format="json")


def with_notify(beside: Path, notify: Notify, **how: object) -> Job:
    return make_job(beside, attrs.evolve(TAG, mode="changed-only"), notify=notify, **how)


@pytest.mark.asyncio
async def test_each_thing_is_told_once_and_nothing_where_all_is_well(
    receiver: Receiver, tmp_path: Path
) -> None:
    write_rows(tmp_path, people(100))
    job = with_notify(tmp_path, ALERTS)
    async with Sandbox() as sandbox:
        first = await run(job, sandbox)
        assert receiver.events() == []

        write_rows(tmp_path, {**people(100), "": 1, "id99998": 1})  # one row has no id
        second = await run(job, sandbox)
        assert (first.exit_code, second.exit_code) == (0, 3)
        assert receiver.events() == ["rejects"]
        third = await run(job, sandbox)  # the same row is rejected again, which is nothing new
        assert (third.steps[0].rejected, receiver.events()) == (1, [])

        write_rows(tmp_path, people(150))
        sandbox.set_faults([Fault("status", status=503)])
        broken = await run(job, sandbox)
        assert receiver.events() == ["failure"]
        sandbox.set_faults([])
        await run(job, sandbox, resume=broken.run)
        assert receiver.events() == ["recovery"]
        await run(
            job, sandbox, resume=broken.run
        )  # it has come to its end: it is told again, and not alerted
        assert receiver.events() == []

        write_rows(tmp_path, {})
        with pytest.raises(GuardRefused):
            await run(job, sandbox)
        assert receiver.events() == ["guard"]
        (tmp_path / "users.csv").unlink()
        with pytest.raises(ConfigurationError):
            await run(job, sandbox)
        assert receiver.events() == ["failure"]
        write_rows(tmp_path, people(150))
        await run(job, sandbox)
        assert receiver.events() == ["recovery"]
        await run(job, sandbox)
        assert receiver.events() == []


@pytest.mark.asyncio
async def test_an_alert_holds_the_facts_and_no_secret_and_no_row(receiver: Receiver, tmp_path: Path) -> None:
    write_rows(tmp_path, {**people(100), "": 1})
    async with Sandbox() as sandbox:
        summary = await run(with_notify(tmp_path, ALERTS), sandbox)
    ((path, body),) = receiver.taken()
    assert path == f"/hooks/{TOKEN}"
    assert body is not None
    text = body.pop("text")
    assert body == {
        "format": "netaudience alert 1",
        "event": "rejects",
        "job": "nightly",
        "run": summary.run,
        "attempt": 1,
        "exit_code": 3,
        "started": summary.started,
        "ended": summary.ended,
        "steps": [
            {
                "step": "tag", "vendor": "netmera", "operation": "tag_users", "rows": 101, "delivered": 100,
                "unchanged": 0, "rejected": 1, "failed": 0, "in_doubt": 0, "unsent": 0, "known": 0,
                "stopped": None,
            }
        ],
        "resume": None,
        "retry": summary.retry_command,
    }  # fmt: skip
    assert isinstance(text, str)
    assert text.splitlines()[0] == "netaudience: nightly has new rejected rows (exit code 3)"
    assert "101 rows" in text
    assert "id000" not in json.dumps(body) + text


@pytest.mark.parametrize(
    ("notify", "events"),
    [
        (attrs.evolve(ALERTS, on=("failure", "guard")), []),
        (attrs.evolve(ALERTS, new_rejects=Share(count=1)), []),
        (attrs.evolve(ALERTS, new_rejects=Share(share=0.02)), []),
        (attrs.evolve(ALERTS, new_rejects=Share(share=0.001)), ["rejects"]),
    ],
)
@pytest.mark.asyncio
async def test_what_is_an_alert_is_said_in_the_job(
    receiver: Receiver, tmp_path: Path, notify: Notify, events: list[str]
) -> None:
    write_rows(tmp_path, {**people(100), "": 1})
    async with Sandbox() as sandbox:
        await run(with_notify(tmp_path, notify), sandbox)
    assert receiver.events() == events


@pytest.mark.asyncio
async def test_slack_is_sent_a_text_and_nothing_else(receiver: Receiver, tmp_path: Path) -> None:
    write_rows(tmp_path, {})
    async with Sandbox() as sandbox:
        with pytest.raises(GuardRefused):
            await run(with_notify(tmp_path, attrs.evolve(ALERTS, format="slack")), sandbox)
    ((_, body),) = receiver.taken()
    assert body is not None
    assert list(body) == ["text"]
    assert str(body["text"]).splitlines()[0] == "netaudience: nightly was stopped by a guard (exit code 5)"


@pytest.mark.asyncio
async def test_a_health_check_is_asked_at_the_beginning_and_the_end(
    receiver: Receiver, tmp_path: Path
) -> None:
    write_rows(tmp_path, people(10))
    job = with_notify(tmp_path, Notify(healthcheck=Secret(env="HEALTH")))
    async with Sandbox() as sandbox:
        await run(job, sandbox)
        write_rows(tmp_path, {})
        with pytest.raises(GuardRefused):
            await run(job, sandbox)
    assert [path for path, _ in receiver.taken()] == [
        f"/ping/{TOKEN}{end}?rid=1" for end in ("/start", "", "/start", "/fail")
    ]


@pytest.mark.parametrize(
    ("statuses", "requests", "told"),
    [
        ([503, 429], 3, None),
        ([503, 503, 503], 3, "HTTP 503"),
        ([404], 1, "HTTP 404"),
    ],
)
@pytest.mark.asyncio
async def test_a_receiver_that_fails_is_told_and_changes_nothing(
    receiver: Receiver, tmp_path: Path, statuses: list[int], requests: int, told: str | None
) -> None:
    receiver.statuses = statuses
    write_rows(tmp_path, {**people(100), "": 1})
    async with Sandbox() as sandbox:
        summary = await run(with_notify(tmp_path, ALERTS), sandbox)
        assert len(receiver.taken()) == requests
    sentence = f"The webhook of [notify] was not reached ({told}): look at its address"
    assert summary.notes == ([] if told is None else [sentence])
    assert summary.exit_code == 3


@pytest.mark.asyncio
async def test_a_receiver_that_is_not_there_is_told_without_its_address(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.close()
    write_rows(tmp_path, {**people(100), "": 1})
    async with Sandbox() as sandbox:
        summary = await run(with_notify(tmp_path, ALERTS), sandbox)
    assert summary.notes == [
        "The webhook of [notify] was not reached (ConnectionRefusedError): look at its address"
    ]


HOOK = """
ended = []
def keep(one): ended.append(one)
def fails(one): raise RuntimeError("broken")
"""


@pytest.mark.asyncio
async def test_a_function_is_given_every_end(tmp_path: Path) -> None:
    (tmp_path / "ends_of_runs.py").write_text(HOOK)
    write_rows(tmp_path, people(10))
    job = with_notify(tmp_path, Notify(on_end="ends_of_runs:keep"))
    async with Sandbox() as sandbox:
        summary = await run(job, sandbox)
        write_rows(tmp_path, {})
        with pytest.raises(GuardRefused) as refused:
            await run(job, sandbox)
        write_rows(tmp_path, people(10))
        broken = await run(attrs.evolve(job, notify=Notify(on_end="ends_of_runs:fails")), sandbox)
    first, second = sys.modules.pop("ends_of_runs").ended
    assert (first.event, first.ok, first.summary is summary, first.error) == ("nothing", True, True, None)
    assert (second.event, second.ok, second.summary) == ("guard", False, None)
    assert second.error is refused.value
    assert broken.ok
    assert broken.notes == ["ends_of_runs:fails raised RuntimeError, which changes nothing of the run"]


def test_a_job_file_that_is_wrong_is_told_too(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.toml"
    told = '[notify]\nwebhook = { env = "ALERTS" }\nformat = "json"\n'
    path.write_text(f'name = "nightly"\n[source]\nfiles = "users.csv"\n[[step]]\nvendor = "nobody"\n{told}')
    assert main(["run", str(path)]) == 2
    assert "there is no vendor of that name" in capsys.readouterr().err
    ((_, body),) = receiver.taken()
    assert body is not None
    assert (body["event"], body["job"], body["exit_code"], body["run"]) == ("failure", "nightly", 2, None)
    assert "there is no vendor of that name" in str(body["text"])
    path.write_text("[notify\n")  # it does not even say whom to tell
    assert main(["run", str(path)]) == 2
    assert receiver.taken() == []


@pytest.mark.parametrize(
    ("notify", "sentence"),
    [
        (f'webhook = "https://hooks.example/{TOKEN}"', "webhook is a secret, so it is not written here"),
        (
            'webhook = { env = "A" }\non = "failures"',
            "on lists failure, guard, rejects, recovery: did you mean failure?",
        ),
        ('on-end = "report"', 'on-end must name a function: on-end = "module:function"'),
        ('new-rejects = "many"', 'new-rejects must be a percentage, such as "5%" or a number of rows'),
        ('format = "teams"', "format must be one of slack, json"),
        ('mail = "me"', "there is no mail in [notify]"),
    ],
)
def test_what_is_wrong_with_the_section_is_told(tmp_path: Path, notify: str, sentence: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        f'arguments = {{ tag = "A" }}\nfields = {{ ext_id = "id" }}\n[notify]\n{notify}\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        read_job(path)
    assert sentence in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("notify", "sentence"),
    [
        (
            Notify(webhook=Secret(env="NOBODY_SET_IT")),
            "NOBODY_SET_IT is not set: put the address of webhook there",
        ),
        (Notify(on_end="nowhere_at_all:f"), "there is no nowhere_at_all beside the job file"),
    ],
)
@pytest.mark.asyncio
async def test_nothing_is_sent_where_nobody_could_be_told(
    tmp_path: Path, notify: Notify, sentence: str
) -> None:
    write_rows(tmp_path, people(10))
    async with Sandbox() as sandbox:
        with pytest.raises(ConfigurationError, match=sentence):
            await run(with_notify(tmp_path, notify), sandbox)
        assert sandbox.check("netmera", "tag_users").applied == 0


def test_a_mistake_of_ours_is_told_by_its_name() -> None:
    ended = Ended.of_error("nightly", RuntimeError("of a@b.example"))
    assert (ended.event, ended.exit_code) == ("failure", 1)
    assert ended.sentences() == ["netaudience broke down (RuntimeError): please report it. Nothing was sent."]
    assert isinstance(ConfigurationError("x"), NetaudienceError)
    assert Ended(
        job="nightly", event="nothing", summary=Summary(run="", job="", file="", folder="", started="")
    ).ok


PAGE = (Path(__file__).parent.parent.parent / "docs" / "alerts.md").read_text(encoding="utf-8")


@pytest.mark.asyncio
async def test_the_page_about_alerts_says_what_is_so(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALERTS_WEBHOOK", f"{receiver.url}/{TOKEN}")
    monkeypatch.setenv("HEALTHCHECK_URL", f"{receiver.url}/ping")
    section, code = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("toml", "python"))  # type: ignore[index]
    (tmp_path / "ops.py").write_text(code)
    (tmp_path / "job.toml").write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        f'arguments = {{ tag = "A" }}\nfields = {{ ext_id = "user_id" }}\n{section}'
    )
    write_rows(tmp_path, {**people(100), "": 1})
    async with Sandbox() as sandbox:
        await run(Job.load(tmp_path / "job.toml"), sandbox)
    sys.modules.pop("ops", None)
    assert [path for path, _ in receiver.taken()] == ["/ping/start", f"/{TOKEN}", "/ping/fail"]
    assert "job: rejects, 100 delivered" in capsys.readouterr().out
    write_rows(tmp_path, {})
    refused = Ended.of_error("job", GuardRefused("it is empty"))
    message = send.message_of(refused, "json")
    assert isinstance(message, dict)
    assert all(f"`{name}`" in PAGE for name in message)
