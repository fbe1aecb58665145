"""The page about blocking clients and its examples: what is shown is run, against the sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netaudience.sandbox import BackgroundSandbox

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sync.md").read_text(encoding="utf-8")
EXAMPLES = {path.name: path.read_text() for path in (ROOT / "docs" / "examples" / "sync").glob("*.py")}
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SCRIPTS = [block for block in BLOCKS if "import" in block]
EXCERPTS = [block for block in BLOCKS if "import" not in block]


def run(code: str, sandbox: BackgroundSandbox, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={
            **os.environ,
            "NETAUDIENCE_NETMERA_API_KEY": "sandbox",
            "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "docs" / "examples" / "sync")]),
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=[f"block {number}" for number in range(len(SCRIPTS))])
def test_a_block_runs_as_it_stands(
    script: str, netaudience_sandbox: BackgroundSandbox, tmp_path: Path
) -> None:
    assert "accepted" in run(script, netaudience_sandbox, tmp_path)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=[f"excerpt {number}" for number in range(len(EXCERPTS))])
def test_an_excerpt_is_one_of_an_example(excerpt: str) -> None:
    assert any(excerpt.strip() in text for text in EXAMPLES.values())


def test_every_example_is_run_here() -> None:
    assert set(EXAMPLES) == {"celery_tasks.py", "django_command.py", "django_views.py"}
    for name in EXAMPLES:
        assert f"examples/sync/{name}" in PAGE


DJANGO = """
import django
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__, SECRET_KEY="none", USE_TZ=True,
    MIDDLEWARE=["netaudience.integrations.django.AnswersMiddleware"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "rows.db"}},
)
django.setup()
"""
VIEWS = """
import django_views
from django.test import Client
from django.urls import path
urlpatterns = [
    path("mail/<ext_id>", django_views.unsubscribe),
    path("address/<ext_id>", django_views.remove_address),
]
site = Client()
print(*[site.post(f"/{what}").status_code for what in ("mail/id1", "mail/bad", "address/id1", "address/id9")])
"""
COMMAND = """
import io, django_command
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
call_command("migrate", verbosity=0)
User.objects.bulk_create(User(username=f"user{n}", is_active=n % 2 == 0) for n in range(3000))
for _ in range(2):
    call_command(django_command.Command(), "Sport")
User.objects.create(username="")
try:
    call_command(django_command.Command(), "News", journal="other.journal")
except CommandError as error:
    print(error)
"""
CELERY = """
from celery_tasks import app, forget_address, tag
app.conf.task_always_eager = True
print(tag.delay(["id1", "id2"], "Sport").get())
forget_address.delay("id1").get()
"""


def test_djangos_views_answer(netaudience_sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    pytest.importorskip("django")
    netaudience_sandbox.netmera.add_user("id1", email="a@example.com")
    netaudience_sandbox.set_faults("poison=bad", "status=503,ids=id9")
    assert run(DJANGO + VIEWS, netaudience_sandbox, tmp_path).split() == ["200", "422", "200", "502"]
    assert netaudience_sandbox.netmera.users["id1"].email is None


def test_djangos_command_reads_its_rows_in_its_own_thread(
    netaudience_sandbox: BackgroundSandbox, tmp_path: Path
) -> None:
    pytest.importorskip("django")
    told = run(DJANGO + COMMAND, netaudience_sandbox, tmp_path)
    assert told.count("of 1,500 items, 1,500 accepted") == 2
    assert "of 1,501 items, 1,500 accepted, 1 rejected" in told
    assert told.endswith("run the command again for those that failed\n")


def test_celerys_tasks_send_again_what_failed(netaudience_sandbox: BackgroundSandbox, tmp_path: Path) -> None:
    pytest.importorskip("celery")
    netaudience_sandbox.set_faults("status=401,first=1")
    assert run(CELERY, netaudience_sandbox, tmp_path) == "2\n"
    assert netaudience_sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok
