"""The vendors' own opt-outs as a list, which no job sends anything past."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from people_at_sandbox import people, settle

from netaudience.cli import main
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.sandbox.moengage.state import Preference
from netaudience.vendors import names

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
JOB = """
[source]
files = "people.csv"
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "vip" }
fields = { ext_id = "id" }
[suppression]
files = ["ours.csv", "theirs.csv"]
match = { id = "id", email = "email" }
"""


@pytest.mark.slow
def test_a_vendors_own_opt_outs_hold_people_back_whatever_our_list_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("id,email\n" + "".join(f"{one.id},{one.email}\n" for one in people(5)))
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, people(5))
        sandbox.moengage.preferences["email", "id1"] = Preference(globally_unsubscribed=True)
        sandbox.moengage.preferences["sms", "id4"] = Preference(globally_unsubscribed=True)
        sandbox.clevertap.profiles["id2"].data["MSG-email"] = False
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        words = ["opt-outs", "people.csv", "--channel", "email"]
        assert main(words) == 0
        told = capsys.readouterr()
        assert list(csv.reader(io.StringIO(told.out))) == [
            ["id", "email", "vendor", "channel"],
            ["id2", "person2@example.com", "clevertap", "email"],
            ["id1", "person1@example.com", "moengage", "email"],
        ]
        assert "moengage: 1 opt-out" in told.err
        assert "fynd, iterable, netmera: nobody's opt-out can be read there" in told.err
        Path("theirs.csv").write_text(told.out)
        Path("ours.csv").write_text("id,email,vendor,channel\nid3,,,\n")
        Path("job.toml").write_text(JOB)
        assert main(["run", "job.toml", "--quiet"]) == 0
        tagged = {name for name, user in sandbox.netmera.users.items() if "vip" in user.tags}
        assert tagged == {"id0", "id4"}
        sandbox.set_faults(Fault("status", status=400, vendor="moengage", operation="getPreferences"))
        assert main(words) == 3
        assert "moengage: 5 questions without an answer" in capsys.readouterr().err
