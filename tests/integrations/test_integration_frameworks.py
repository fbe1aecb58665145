"""The helpers for FastAPI, Django and Celery, where no example leads: misuse, retries, a missing package."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from celery import Celery
from celery.exceptions import Retry

from netaudience import (
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    Failed,
    LimitReached,
    NetmeraClient,
    Report,
    RunFailed,
    Throttled,
    Unavailable,
)
from netaudience.integrations.app_client import AppClient
from netaudience.integrations.celery import DeliveringTask


@pytest.mark.parametrize(
    ("module", "package"), [("fastapi", "starlette"), ("django", "django"), ("celery", "celery")]
)
def test_a_package_that_is_missing_is_told_in_a_sentence(module, package):
    code = f"import sys; sys.modules[{package!r}] = None; import netaudience.integrations.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.endswith(f"pip install 'netaudience[{module}]'"), done.stderr


def test_an_app_client_that_is_not_open_says_what_is_missing():
    netmera = AppClient(lambda: NetmeraClient("the-rest-key"), deadline=5)

    async def main():
        with pytest.raises(ConfigurationError, match="give the application its lifespan"):
            await netmera.client()
        async with netmera.lifespan(object()):
            assert isinstance(await netmera.client(), NetmeraClient)
            assert "the-rest-key" not in repr(netmera)
            with pytest.raises(ConfigurationError, match="of one application"):
                await netmera.__aenter__()
        with pytest.raises(ConfigurationError, match="not open"):
            netmera.unhurried()

    asyncio.run(main())
    asyncio.run(main())  # a second life of the application, as tests have


@pytest.mark.parametrize(
    ("error", "countdown"),
    [
        (LimitReached("The limit is used up", 12.3), 13),
        (ConnectionFailed("No connection"), 5),
        (Throttled("Netmera", 429, retry_after=0.5), 1),
        (Unavailable("Netmera", 503, may_have_happened=True), None),
        (AnswerLost("The request went out"), None),
        (ConfigurationError("The key is missing"), None),
        (ValueError("a bug"), None),
    ],
)
def test_a_task_is_tried_again_only_where_nothing_was_done(error, countdown, monkeypatch):
    app, waits = Celery("test"), []

    @app.task(base=DeliveringTask)
    def once():
        raise error

    def retry(self, *, exc, countdown):
        waits.append((exc, countdown))
        return Retry()

    monkeypatch.setattr(DeliveringTask, "retry", retry)
    with pytest.raises(Retry if countdown else type(error)):
        once()
    assert waits == ([(error, countdown)] if countdown else [])


def test_a_task_that_was_tried_again_waits_longer_and_gives_up():
    app, calls = Celery("test"), []
    app.conf.task_always_eager = True

    @app.task(base=DeliveringTask, bind=True)
    def down(self):
        calls.append(self._pause())
        raise LimitReached("The limit is used up", 0)

    with pytest.raises(LimitReached):
        down.delay().get()
    assert calls == [1, 2, 4, 8, 16, 32]  # the first, and max_retries more


@pytest.mark.parametrize("broken", ["more than are named", "stopped early"])
def test_a_report_that_does_not_name_all_that_failed_is_never_half_sent_again(broken):
    app = Celery("test")

    @app.task(base=DeliveringTask, bind=True)
    def send(self, report):
        return self.settle(report, lambda failed: (failed,))

    report = Report("Netmera", "tag_users", "accepted", items=3, exhausted=broken != "stopped early")
    report.undelivered.append(Failed(0, "id1", ConnectionFailed("No connection"), "id1"))
    report.counts.failed = 2 if broken == "more than are named" else 1
    with pytest.raises(RunFailed) as raised:
        send(report)
    assert raised.value.report is report
