"""A plan counts as a run does, sends nothing, works without an account, and is the same only for the same."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from netaudience.cli.job_display import plan_lines
from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.page import Page
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.plan.estimate import LATENCY, client_of, reckon
from netaudience.jobs.plan.plan import Plan
from netaudience.jobs.spec.model import Step
from netaudience.jobs.spec.validate import find_operation
from netaudience.jobs.state.memories import find_memory
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.run_folder import job_folder
from netaudience.jobs.state.snapshot import Differences, Snapshot
from netaudience.model.limits import Limit, Quota, documented, per_minute, per_second
from netaudience.settings import Settings
from netaudience.vendors import clients

NETMERA = clients("NetmeraClient")[0]
HEAD = """
[source]
files = "users.csv"
key = "id"
"""
PROFILES = """
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
[step.fields]
ext_id = "id"
"profile.age" = { sql = "cast(age as integer)" }
"""
TAGS = """
[[step]]
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Sport" }
fields = { ext_id = "id" }
"""
Make = Callable[..., Job]


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NETMERA_API_KEY", "CLEVERTAP_ACCOUNT_ID", "CLEVERTAP_PASSCODE"):
        monkeypatch.delenv(f"NETAUDIENCE_{name}", raising=False)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(toml, rows)` writes a job and its source."""

    def make(text: str, rows: list[str]) -> Job:
        (tmp_path / "users.csv").write_text("\n".join(["id,age,token", *rows]) + "\n")
        path = tmp_path / "job.toml"
        path.write_text(HEAD + text)
        return Job.load(path)

    return make


def effect(step: Step) -> Effect:
    operation, removal = (
        find_operation(NETMERA, name) if name else None for name in (step.operation, step.removal)
    )
    return effect_of(step, operation, removal)  # type: ignore[arg-type] # it is there


def rows(count: int) -> list[str]:
    return [f"id{number},{number % 90},t" for number in range(count)]


def test_a_plan_counts_rows_items_requests_and_rejected_rows(make: Make) -> None:
    plan = make(
        PROFILES + TAGS + 'where = "try_cast(age as integer) < 10"\n',
        [*rows(2500), "x,old,t", ",5,t", "y\x07\x1b,5,t"],
    ).plan()
    profiles, tags = plan.steps
    assert (plan.rows, profiles.rows, profiles.rejected, profiles.sends.items) == (2503, 2503, 3, 2500)
    assert profiles.rows == profiles.rejected + profiles.sends.items
    assert sum(profiles.reasons.values()) == 3
    assert profiles.sends.requests == 3
    assert profiles.sends.rows_per_request == 1000
    assert tags.rows == tags.sends.items + tags.rejected
    assert 200 < tags.rows < 400
    assert (plan.items, plan.requests) == (2500 + tags.sends.items, 4)


def test_without_credentials_it_says_so_and_counts_alike(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make(f"{PROFILES}[guards]\npreflight = false\n", rows(1500))
    without = job.plan()
    assert "NETAUDIENCE_NETMERA_API_KEY is not set" in without.steps[0].notes[0]
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY", "hunter2")
    account = job.plan()
    assert account.steps[0].notes == ()
    assert account.steps[0].sends == without.steps[0].sends
    assert account.digest == without.digest
    assert "hunter2" not in json.dumps(account.to_json())


def test_the_body_is_the_vendors_own_with_few_items_and_secrets_hidden(make: Make) -> None:
    step = PROFILES + '"profile.access_token" = "token"\n"profile.n" = { value = 1.5 }\n'
    body = make(step, rows(1000)).plan().steps[0].sends.body
    assert body == [
        {"extId": f"id{n}", "profile": {"age": n, "access_token": "***", "n": 1.5}} for n in range(2)
    ]


def test_bytes_are_reckoned_from_the_first_request(make: Make, tmp_path: Path) -> None:
    load = make(TAGS, [f"id{number:06},1,t" for number in range(3500)]).plan().steps[0].sends
    bodies = [
        len(json.dumps({"tag": "Sport", "extIds": ["id000000"] * count}, separators=(",", ":")))
        for count in (1000, 1000, 1000, 500)
    ]
    assert load.requests == 4
    assert load.bytes == pytest.approx(sum(bodies), rel=0.01)
    assert not load.about


def test_where_bytes_decide_requests_are_about(make: Make) -> None:
    text = PROFILES.replace('{ sql = "cast(age as integer)" }', '"token"')
    job = make(text, [f"id{n},1,{'t' * 5000}" for n in range(600)])
    load = job.plan().steps[0].sends
    assert load.about
    assert 90 <= load.rows_per_request < 100  # 500,000 bytes, a little more than 5,000 each
    assert load.requests == math.ceil(600 / load.rows_per_request)


@pytest.mark.parametrize(
    ("pace", "items", "seconds", "binds"),
    [
        ("", 100_000, 4.95, "20 requests per second (assumed, adapting from 10)"),
        ("rate = 5\n", 100_000, 19.8, "5 requests per second (assumed)"),
        ("in_flight = 1\n", 100_000, 100 * LATENCY.value, "1 request at one time (assumed)"),
        ("max_rows = 10\n", 1000, 4.95, "20 requests per second"),
        ("", 0, 0.0, ""),
    ],
)
def test_the_limit_that_binds(make: Make, pace: str, items: int, seconds: float, binds: str) -> None:
    job = make(TAGS + pace + "\n[guards]\nallow-empty = true\n", rows(items))
    plan = job.plan()
    assert plan.steps[0].sends.seconds == pytest.approx(seconds)
    assert plan.seconds == pytest.approx(seconds)
    assert plan.steps[0].sends.binds.startswith(binds)


def test_of_several_windows_the_slowest_binds(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = NETMERA.operations()["tag_users"]
    page = "https://example.com/limits"
    windows = (
        per_second(documented(100, page)),
        per_minute(documented(600, page), counts="records"),
    )
    facts = attrs.evolve(operation.facts, quota=Quota("q", windows), limit=Limit(rows=documented(100, page)))
    monkeypatch.setattr(operation, "facts", facts)
    client, _ = client_of(NETMERA, Settings())
    load, _ = reckon(client, operation, {"tag": "x"}, iter([[f"id{n}" for n in range(6001)]]))
    assert load.requests == 61
    assert load.seconds == pytest.approx(600)
    assert load.binds == "600 records per minute (documented)"


def test_steps_that_share_an_allowance_take_their_time_one_after_another(make: Make) -> None:
    plan = make(TAGS + TAGS + 'name = "again"\n', rows(50_000)).plan()
    assert plan.seconds == pytest.approx(sum(step.sends.seconds for step in plan.steps))


def digest(job: Job) -> str:
    return job.plan().digest


def test_the_digest_is_the_same_only_for_the_same(make: Make, tmp_path: Path) -> None:
    first = digest(make(TAGS, rows(10)))
    users = tmp_path / "users.csv"
    stamp = users.stat()
    assert digest(Job.load(tmp_path / "job.toml")) == first
    changed = [
        make(TAGS.replace("Sport", "Ski"), rows(10)),
        make(TAGS + 'where = "true"\n', rows(10)),
        make(TAGS + "[guards]\nmax-rejected = 5\n", rows(10)),
    ]
    assert len({first, *map(digest, changed)}) == 4
    job = make(TAGS, rows(11))
    assert digest(job) != first
    make(TAGS, rows(10))
    os.utime(users, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert digest(Job.load(tmp_path / "job.toml")) == first


def test_a_missing_column_or_wrong_sql_is_told_with_its_line(make: Make) -> None:
    job = make(PROFILES.replace('"id"', '"idd"').replace("cast(age", "cast(agee"), rows(3))
    with pytest.raises(ConfigurationError) as caught:
        job.plan()
    told = str(caught.value)
    assert "job.toml:10: the source has no column 'idd': did you mean id?" in told
    assert "job.toml:11: " in told
    assert "agee" in told


def test_a_key_that_is_missing_is_told_once_beside_sql(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,age\nu1,1\n")
    source = '[source]\nfiles = "users.csv"\nkey = "uid"\n'
    (tmp_path / "job.toml").write_text(source + PROFILES + '"profile.city" = "cityy"\n')
    with pytest.raises(ConfigurationError) as caught:
        Job.load(tmp_path / "job.toml").plan()
    assert re.findall(r"job.toml:(\d+): the source has no column '(\w+)'", str(caught.value)) == [
        ("3", "uid"),
        ("11", "cityy"),
    ]
    assert str(caught.value).count("uid") == 1


def test_all_columns_that_are_missing_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,age\nu1,1\n")
    source = '[source]\nfiles = "users.csv"\nkey = "uid"\ntyped = ["agee", "ID", "points"]\n'
    suppression = '[suppression]\nfiles = "users.csv"\nmatch = { mail = "id", ID = "id" }\n'
    (tmp_path / "job.toml").write_text(source + suppression + PROFILES + '"profile.city" = "cityy"\n')
    with pytest.raises(ConfigurationError) as caught:
        Job.load(tmp_path / "job.toml").plan()
    assert re.findall(r"job.toml:(\d+): the source has no column '(\w+)'", str(caught.value)) == [
        ("3", "uid"), ("4", "agee"), ("4", "points"), ("7", "mail"), ("15", "cityy"),
    ]  # fmt: skip


PEOPLE = """
[source]
files = "users.csv"
key = "id"

[audience]
name = "vip"
vendors = ["netmera"]
columns = { id = "idd" }

[[verb]]
verb = "suppress"
vendors = ["netmera"]
channels = ["email"]
columns = { id = "agee" }
"""


@pytest.mark.parametrize(
    ("key", "beside", "lines"),
    [
        ("id", "", "9 11"),
        ("id", TAGS.replace('"id"', '"iddd"'), "9 11 21"),
        ("uid", "", "4 9 11"),
        ("id", '[suppression]\nfiles = "users.csv"\nmatch = { idd = "id" }', "9 11 18"),
    ],
)
def test_a_missing_column_of_people_is_told_once_and_where_it_stands(
    tmp_path: Path, key: str, beside: str, lines: str
) -> None:
    """Not the SQL as well that is made of it, nor at the line of a step that somebody wrote."""
    (tmp_path / "users.csv").write_text("id,age\nu1,1\n")
    (tmp_path / "job.toml").write_text(PEOPLE.replace('"id"', f'"{key}"', 1) + beside)
    with pytest.raises(ConfigurationError) as caught:
        Job.load(tmp_path / "job.toml").plan()
    told = [line.partition("job.toml:")[2] for line in str(caught.value).splitlines() if "job.toml:" in line]
    told = [line for line in told if line.strip()[:1].isdigit()]
    assert [line.partition(":")[0] for line in told] == lines.split()
    assert all("source has no column" in line for line in told)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('"users.csv"', '"user.csv"', 3),
        ('key = "id"', 'key = "idd"', 4),
        ("arguments =", 'where = "ag < 3"\narguments =', 9),
        ('key = "id"', 'key = "id"\ndelimiter = "ab"', 5),
        ('key = "id"', 'key = "id"\nencoding = "latin-99"', 5),
        ('key = "id"', 'key = "id"\ntyped = ["idd"]', 5),
        ('key = "id"', 'key = "id"\nsql = "SELECT * FROM nowhere"', 5),
        ('key = "id"', 'key = "id"\ndatabase = "none.duckdb"\nsql = "SELECT 1 AS id"', 5),
    ],
)
def test_what_is_wrong_with_the_source_is_told_with_its_line(
    make: Make, tmp_path: Path, before: str, after: str, line: int
) -> None:
    make(TAGS, rows(3))
    path = tmp_path / "job.toml"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(ConfigurationError, match=rf"job\.toml:{line}: "):
        Job.load(path).plan()


def test_guards_that_would_stop_a_run_are_told(make: Make) -> None:
    (stop,) = make(TAGS, []).plan().stops
    assert "allow-empty = true" in stop
    (stop,) = make(PROFILES, [f"id{n},x,t" for n in range(300)] + rows(700)).plan().stops
    assert "300 of 1,000 rows are rejected" in stop
    assert make(PROFILES, rows(700)).plan().stops == ()


@pytest.mark.parametrize(
    ("step", "consent"),
    [
        ('operation = "delete_users_permanently"\nfields = { ext_id = "id" }', "--yes-delete 5"),
        ('operation = "delete_profile_attributes_of_all_users"\nfields = { attribute_key = "id" }', "--yes"),
        ('operation = "delete_users"\nfields = { ext_id = "id" }', "--yes"),
        ('operation = "enable_push"\nfields = { user = "id" }', ""),
    ],
)
def test_the_consent_that_a_run_needs(make: Make, step: str, consent: str) -> None:
    plan = make(f'[[step]]\nvendor = "netmera"\n{step}\n', [*rows(5), ",1,t"]).plan()
    assert plan.steps[0].consent == consent


MIRROR = """
[[step]]
vendor = "clevertap"
operation = "upload_profiles"
mode = "mirror"
removal = "delete_profiles"
fields = { identity = "id", "profile_data.Token" = "token" }
"""
FOR_GOOD = """
[[step]]
name = "{name}"
vendor = "netmera"
operation = "delete_users_permanently"
where = "cast(age as integer) < {below}"
fields = {{ ext_id = "id" }}
"""
AWAY = '[[step]]\nvendor = "netmera"\noperation = "delete_users"\nfields = { ext_id = "id" }\n'


def test_the_consent_is_to_what_all_steps_lose(make: Make) -> None:
    """A mirror that takes nothing back asks for none, and one count is said for all that is lost for good."""
    assert make(MIRROR, rows(5)).plan().consent == ""
    job = make(
        MIRROR + AWAY + FOR_GOOD.format(name="a", below=2) + FOR_GOOD.format(name="b", below=3), rows(5)
    )
    plan = job.plan()
    assert [step.consent for step in plan.steps] == ["", "--yes", "--yes-delete 2", "--yes-delete 3"]
    assert [step.agrees_to for step in plan.steps[:2]] == ["", "takes users out of every audience"]
    lines = list(plan_lines(plan, job.path))
    assert lines[-1].endswith(f"--plan {plan.digest} --yes --yes-delete 5")
    assert "  needs     --yes-delete 2, because it deletes users permanently" in lines


def memory_of(job: Job) -> Path:
    """Return where it is kept what was delivered; a plan without credentials takes the last that there is."""
    return find_memory(job_folder(job), job.steps[0].name, ("server", "account"), None)


def deliver(job: Job, run: str) -> None:
    """Take note that everything of a step was delivered, as a run does."""
    step = job.steps[0]
    path = memory_of(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_source(job.source, job.path.parent) as table, Snapshot(path) as snapshot:
        differences = snapshot.differences(table, step, run, effect(step))
        snapshot.commit(row["row"] for page in differences.rows() for row in page)
        snapshot.commit(removed=(row["row"] for page in differences.removals() for row in page))


def counts(plan: Plan) -> tuple[int, ...]:
    (step,) = plan.steps
    removed = 0 if step.removes is None else step.removes.items
    return step.added, step.changed, step.unchanged, step.removed, step.sends.items, removed


MIRROR = PROFILES.replace(
    "[step.fields]", 'mode = "mirror"\nremoval = "unset_profile_attributes"\n[step.fields]'
)


def test_a_mirror_is_planned_from_what_was_delivered_and_nothing_is_changed(make: Make) -> None:
    guards = "[guards]\nmax-removals = 2\n"
    job = make(MIRROR + guards, rows(100))
    assert counts(job.plan()) == (100, 0, 0, 0, 100, 0)
    deliver(job, "one")
    assert counts(job.plan()) == (0, 0, 100, 0, 0, 0)
    assert job.plan().items == 0
    job = make(MIRROR + guards, [*rows(98)[1:], "id1,77,t", "new,5,t"])
    kept = memory_of(job)
    before = kept.read_bytes()
    for _ in range(2):  # a plan leaves no trace
        plan = job.plan()
        assert plan.steps[0].removed == 3
        assert plan.steps[0].known == 100
        assert plan.steps[0].removes is not None
        assert plan.steps[0].removes.body == [
            {"extId": "id0", "profile": ["age"]},
            {"extId": "id98", "profile": ["age"]},
        ]
        assert "would remove 3 of the 100 rows" in plan.stops[0]
    assert kept.read_bytes() == before


def test_a_plan_sees_what_the_last_run_did_and_gives_the_file_free_before_rows_are_read(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(MIRROR + "[guards]\nmax-removals = 90\n", rows(100))
    step = job.steps[0]
    kept = memory_of(job)
    deliver(job, "one")
    job = make(MIRROR + "[guards]\nmax-removals = 90\n", [*rows(60)[20:], "id11,77,t", "new,5,t"])
    with open_source(job.source, job.path.parent) as table, Snapshot(kept) as snapshot:
        found = snapshot.differences(table, step, "two", effect(step))
        sent = [row["row"] for page in found.rows() for row in page]
        gone = [row["row"] for page in found.removals() for row in page]
        assert (len(sent), len(gone), found.removed) == (2, 59, 59)
        # Not all of it was done: the plan looks at ranges that nobody has folded yet.
        snapshot.commit(delivered=sent[:1], removed=gone[:20])
    seen: list[str] = []

    def rows_of(
        self: Differences, *, own: Callable[..., Iterator[Page]] = Differences.rows
    ) -> Iterator[Page]:
        with Snapshot(kept) as another:  # nobody holds it any more
            seen.append(another.run)
        return own(self)

    monkeypatch.setattr(Differences, "rows", rows_of)
    plan = job.plan().steps[0]
    assert (plan.removed, plan.added, plan.changed, plan.known) == (39, 1, 0, 80)
    assert seen == ["two"]
