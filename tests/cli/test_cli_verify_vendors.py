"""Canaries, looks and repairs by the command, at every vendor against its sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from netaudience.sandbox import BackgroundSandbox, Fault
from netaudience.sandbox.fynd.state import Definition, FyndUser

ROWS = 400
SLUG = "64f000000000000000000001"


@attrs.frozen
class Case:
    """What a step writes at a vendor, the look-up that shows it, and how somebody else changes it."""

    operation: str
    fields: str
    look: str
    spoil: Callable[[Any, str], None]
    #: What the vendor holds of a user.
    held: Callable[[Any, str], object]


CASES = {
    "netmera": Case(
        "set-profile-attributes",
        'ext_id = "id"\n"profile.age" = "age"',
        "get_profile_attributes",
        lambda box, user: box.netmera.users[user].profile.update(age="other"),
        lambda box, user: box.netmera.users[user].profile.get("age"),
    ),
    "iterable": Case(
        "bulk-update-users",
        'user_id = "id"\n"data_fields.age" = "age"',
        "get_user_by_user_id",
        lambda box, user: box.iterable.by_user_id[user][0].data_fields.update(age="other"),
        lambda box, user: box.iterable.by_user_id[user][0].data_fields.get("age"),
    ),
    "clevertap": Case(
        "upload-profiles",
        'identity = "id"\n"profile_data.age" = "age"',
        "get_profile",
        lambda box, user: box.clevertap.find(user).data.update(age="other"),
        lambda box, user: box.clevertap.find(user).data.get("age"),
    ),
    "moengage": Case(
        "import-users",
        'customer_id = "id"\n"attributes.age" = "age"',
        "export_users",
        lambda box, user: box.moengage.customers[user].attributes.update(age="other"),
        lambda box, user: box.moengage.customers[user].attributes.get("age"),
    ),
    "fynd": Case(
        "set-user-attribute",
        f'user_id = "id"\ndefinition_id = {{ value = "{SLUG}" }}\nvalue = "age"',
        "list_user_attributes",
        lambda box, user: setattr(box.fynd.users[user].attributes[SLUG], "value", "other"),
        lambda box, user: box.fynd.users[user].attributes[SLUG].value,
    ),
}


def user(number: int) -> str:
    return f"user-{number:04}"


@pytest.fixture(params=CASES)
def vendor(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def case(vendor: str, sandbox: BackgroundSandbox) -> Case:
    sandbox.netmera.attributes = None
    sandbox.fynd.definitions[SLUG] = Definition(SLUG, "Age", "age", "", "string", "", "")
    sandbox.fynd.users.update({user(number): FyndUser() for number in range(ROWS)})
    return CASES[vendor]


@pytest.fixture
def job(
    tmp_path: Path, vendor: str, case: Case, at_sandbox: object, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """`job(rows, extra)` writes a job with so many rows into the folder that commands run in."""
    assert at_sandbox
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    monkeypatch.chdir(tmp_path)

    def write(rows: int, extra: str = "") -> None:
        (tmp_path / "job.toml").write_text(
            f'[source]\nfiles = "users.csv"\nkey = "id"\n[[step]]\nvendor = "{vendor}"\n'
            f'operation = "{case.operation}"\nrate = 1000\n{extra}\n[step.fields]\n{case.fields}\n'
            '[guards]\npreflight = false\nmax-rejected = "100%"\n'
        )
        lines = [f"{user(number)},a{number}" for number in range(rows)]
        (tmp_path / "users.csv").write_text("\n".join(["id,age", *lines, ""]))

    return write


def seen(result) -> dict[str, int]:
    (told,) = result.lines
    step = told["steps"][0]
    return {
        name: step[name] for name in ("landed", "not_yet", "different", "gone", "unreadable") if step[name]
    }


@pytest.mark.slow
@pytest.mark.usefixtures("settled")
def test_what_somebody_has_changed_is_found_and_sent_again(run, job, case, sandbox) -> None:
    job(20)
    assert run("run", "job.toml").code == 0
    whole = run("verify", "latest", "--all", "--after", "0s", "--json")
    assert (whole.code, seen(whole)) == (0, {"landed": 20})
    for number in (3, 4):
        case.spoil(sandbox, user(number))
    looked = run("verify", "latest", "--all", "--json")
    assert (looked.code, seen(looked)) == (3, {"landed": 18, "different": 2})
    assert f"(by {case.look})" in looked.err
    repaired = run("verify", "latest", "--all", "--repair")
    assert repaired.code == 0, repaired.err
    assert [case.held(sandbox, user(number)) for number in (3, 4)] == ["a3", "a4"]
    assert seen(run("verify", "latest", "--all", "--json")) == {"landed": 20}
    share = run("verify", "latest", "--share", "1%", "--json")
    assert share.code == 0
    assert 0 < seen(share)["landed"] <= 20


@pytest.mark.parametrize("first", [pytest.param("10", marks=pytest.mark.slow), "5%"])
def test_a_canary_goes_on_at_every_vendor(run, job, case, sandbox, tmp_path, first) -> None:
    job(200)
    result = run("run", "job.toml", "--first", first, "--after", "0s")
    assert result.code == 0, result.err
    (folder,) = (tmp_path / ".netaudience/job/runs").iterdir()
    (step,) = json.loads((folder / "summary.json").read_text())["verified"]
    assert (step["chosen"], step["landed"]) == (10, 10)
    assert [case.held(sandbox, user(number)) for number in (0, 9, 10, 199)] == ["a0", "a9", "a10", "a199"]


def test_a_step_is_read_back_by_its_own_word(run, job, case, sandbox, tmp_path) -> None:
    job(100, 'verify = "50%"')
    result = run("run", "job.toml", "--after", "0s")
    assert result.code == 0, result.err
    assert f"(by {case.look})" in result.err
    (folder,) = (tmp_path / ".netaudience/job/runs").iterdir()
    (step,) = json.loads((folder / "summary.json").read_text())["verified"]
    assert 20 < step["landed"] == step["chosen"] < 80


#: CleverTap and Fynd apply what they take at once: there is no queue in which it could be lost.
@pytest.mark.parametrize("vendor", ["netmera", "iterable", "moengage"])
@pytest.mark.usefixtures("settled")
def test_a_canary_whose_rows_are_lost_stops_and_is_gone_on_with(run, job, case, sandbox) -> None:
    job(40)
    sandbox.set_faults(Fault("lost"))
    stopped = run("run", "job.toml", "--first", "10", "--after", "0s")
    assert stopped.code == 5, stopped.err
    assert "of the first 10 rows 10 are something else" in stopped.err
    sandbox.set_faults()
    assert run("resume", "latest").code == 0
    assert seen(run("verify", "latest", "--all", "--json"))["landed"] == 30
    assert run("verify", "latest", "--all", "--repair").code == 0
    assert [case.held(sandbox, user(number)) for number in (0, 9, 10, 39)] == ["a0", "a9", "a10", "a39"]
