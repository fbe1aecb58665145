"""An audience that is kept the same at all vendors: who joined and who left is as the sandbox says."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError, GuardRefused, NetaudienceError
from netaudience.jobs import Job
from netaudience.jobs.plan.destinations import sizes_of
from netaudience.jobs.spec.model import Guards, Share
from netaudience.jobs.state.summary import JobFailed, Summary
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.vendors import audiences_of, names, verbs_of
from netaudience.vendors import clients as all_clients
from netaudience.verbs import Audience, Subject

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
GROUP = "64f111111111111111111111"
FILE = """
[source]
files = "members.csv"
key = "id"

[audience]
name = "vip"
vendors = ["netmera", "iterable", "clevertap", "moengage", "fynd"]
columns = { id = "id", email = "email" }

[guards]
max-removals = 5
"""


ALL = '["netmera", "iterable", "clevertap", "moengage", "fynd"]'
#: Two are as good as five where it is not about vendors, and take half the time.
FEW = FILE.replace(ALL, '["netmera", "iterable"]')


def write(folder: Path, members: Iterable[int], file: str = FILE) -> Path:
    lines = ["id,email", *(f"id{number},person{number}@example.com" for number in members), ""]
    (folder / "members.csv").write_text("\n".join(lines))
    (folder / "audience.toml").write_text(file)
    return folder / "audience.toml"


def know(sandbox: Sandbox | BackgroundSandbox, subjects: list[Subject], *, groups: int = 1) -> None:
    """Let every vendor know these people, Fynd and its group among them."""
    settle(sandbox, subjects)
    users = [{"user_id": f"u{at}", "emails": [one.email]} for at, one in enumerate(subjects)]
    made = [{"_id": f"{GROUP[:-1]}{at}", "name": "vip"} for at in range(1, groups + 1)]
    seed = sandbox.seed if isinstance(sandbox, BackgroundSandbox) else None
    what = {"users": users, "groups": made}
    _ = sandbox.vendor("fynd").seed(what) if seed is None else seed("fynd", what)


def members(sandbox: Sandbox | BackgroundSandbox) -> dict[str, set[int]]:
    """Return by their numbers who is in the audience at each vendor, as the sandbox's own state says."""
    (made,) = [number for number, one in sandbox.iterable.lists.items() if one.name == "vip"] or [None]
    found: dict[str, Iterable[str]] = {
        "netmera": [name for name, user in sandbox.netmera.users.items() if "vip" in user.tags],
        "iterable": [
            email.partition("@")[0] for email, one in sandbox.iterable.by_email.items() if made in one.lists
        ],
        "clevertap": [
            name
            for name, one in sandbox.clevertap.profiles.items()
            if "vip" in (one.data.get("Audiences") or ())
        ],
        "moengage": sandbox.moengage.cohorts.get("vip", ()),
        "fynd": sandbox.fynd.groups[GROUP].members,
    }
    return {
        vendor: {int("".join(filter(str.isdigit, name))) for name in found_names}
        for vendor, found_names in found.items()
    }


def everywhere(*numbers: int) -> dict[str, set[int]]:
    return {slug: set(numbers) for slug in names()}


def few(sandbox: Sandbox | BackgroundSandbox) -> set[int]:
    """Return who is in the audience at two vendors, which have the same members."""
    found = members(sandbox)
    assert found["netmera"] == found["iterable"]
    return found["netmera"]


@pytest.mark.slow
def test_three_nights_at_five_vendors_send_exactly_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, range(4))
    monkeypatch.chdir(tmp_path)

    def night(*words: str) -> dict[str, tuple[int, int]]:
        assert main(["audience", "sync", str(file), "--json", *words]) == 0
        summary, *sizes = map(json.loads, capsys.readouterr().out.splitlines())
        assert [one["vendor"] for one in sizes] == ["netmera", "iterable", "clevertap", "moengage", "fynd"]
        night.sizes = {one["vendor"]: one["count"] for one in sizes}  # type: ignore[attr-defined]
        return {step["name"]: (step["delivered"], step["unchanged"]) for step in summary["steps"]}

    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        know(sandbox, people(6))
        assert main(["audience", "sync", str(file), "--plan"]) == 0
        assert "Iterable has no audience 'vip' yet: the run makes it" in capsys.readouterr().out
        assert not sandbox.iterable.lists
        assert night() == {f"{slug}-vip": (4, 0) for slug in names()}
        sandbox.advance(60)
        assert members(sandbox) == everywhere(0, 1, 2, 3)
        assert night.sizes["iterable"] == 4  # type: ignore[attr-defined]
        requests = len(list(sandbox.ledger.requests))
        assert night() == {f"{slug}-vip": (0, 4) for slug in names()}
        asked = Counter(one.operation for one in list(sandbox.ledger.requests)[requests:])
        del asked["getAccessToken"]
        # The fields of the project are asked for once, as before all that may set some.
        once = ("getFields", "getListSize", "getUserGroupById")
        assert asked == {"getLists": 2, "getUserGroups": 2, **dict.fromkeys(once, 1)}
        write(tmp_path, range(1, 6))
        joined = {f"{slug}-vip": (2, 3) for slug in names()}
        assert night() == joined | {f"{slug}-vip removal": (1, 0) for slug in names()}
        sandbox.advance(60)
        assert members(sandbox) == everywhere(1, 2, 3, 4, 5)
        assert len(sandbox.iterable.lists) == 1


def test_a_plan_is_the_same_before_and_after_a_list_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, range(2), FEW)
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        know(sandbox, people(2))
        digest = Job.load(file).plan().digest
        assert main(["run", str(file), "--plan", digest]) == 0
        sandbox.advance(60)
        assert few(sandbox) == {0, 1}


async def sync(sandbox: Sandbox, file: Path) -> Summary:
    summary = await Job.load(file).run(signals=False, client_factory=clients(sandbox))
    summary.raise_for_undelivered()
    sandbox.advance(60)
    return summary


def test_who_is_on_the_list_of_those_held_back_is_in_no_audience(tmp_path: Path) -> None:
    held = FEW + '[suppression]\nfiles = "optouts.csv"\nmatch = { email = "email" }\n'

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(4))
            (tmp_path / "optouts.csv").write_text("email\nPERSON0@example.com\n")
            await sync(sandbox, write(tmp_path, range(4), held))
            assert few(sandbox) == {1, 2, 3}
            (tmp_path / "optouts.csv").write_text("email\nperson0@example.com\n person1@example.com\n")
            await sync(sandbox, tmp_path / "audience.toml")
            assert few(sandbox) == {2, 3}

    asyncio.run(run())


def test_too_many_who_would_leave_stop_it_before_anybody_does(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(8))
            await sync(sandbox, write(tmp_path, range(8), FEW))
            with pytest.raises(GuardRefused, match="6"):
                await sync(sandbox, write(tmp_path, range(2), FEW))
            assert few(sandbox) == set(range(8))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("more", "told"),
    [("max-removals = 5", "no row at all"), ("[[step]]", "--yes-delete 1"), ("min", "make it once")],
    ids=["nobody", "what is lost", "another vendor cannot"],
)
def test_no_list_is_made_before_everybody_has_agreed(more: str, told: str, tmp_path: Path) -> None:
    file = FEW
    if more == "[[step]]":
        file += """
[[step]]
vendor = "netmera"
operation = "delete_users_permanently"
fields = { ext_id = "id" }
"""
    elif more == "min":
        file = FILE

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(1), groups=0)
            with pytest.raises((GuardRefused, ConfigurationError), match=told):
                await sync(sandbox, write(tmp_path, range(told != "no row at all"), file))
            assert not sandbox.iterable.lists
            assert not list((tmp_path / ".netaudience").glob("*/runs/*"))

    asyncio.run(run())


def test_a_list_that_is_gone_is_made_anew_and_everybody_is_put_into_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(2))
            await sync(sandbox, write(tmp_path, range(2), FEW))
            sandbox.iterable.lists.clear()
            for one in sandbox.iterable.by_email.values():
                one.lists.clear()
            await sync(sandbox, tmp_path / "audience.toml")
            assert few(sandbox) == {0, 1}

    asyncio.run(run())


def test_a_list_whose_making_was_not_answered_is_found_and_not_made_twice(tmp_path: Path) -> None:
    async def run() -> None:
        faults = [Fault("reset-after", vendor="iterable", operation="createList", first=1)]
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            know(sandbox, people(2))
            with pytest.raises(NetaudienceError):
                await sync(sandbox, write(tmp_path, range(2), FEW))
            assert few(sandbox) == set()
            await sync(sandbox, tmp_path / "audience.toml")
            assert few(sandbox) == {0, 1}
            assert len(sandbox.iterable.lists) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("groups", "told"),
    [(0, "make it once with netaudience fynd create-group"), (2, "say which one, at = { fynd = … }")],
)
def test_nobody_is_put_anywhere_where_it_is_not_known_what_is_meant(
    groups: int, told: str, tmp_path: Path
) -> None:
    file = FILE.replace(ALL, '"fynd"')

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(2), groups=groups)
            with pytest.raises(ConfigurationError, match=told):
                await sync(sandbox, write(tmp_path, range(2), file))
            if groups:
                chosen = file.replace("columns =", f'at = {{ fynd = "{GROUP}" }}\ncolumns =')
                await sync(sandbox, write(tmp_path, range(2), chosen))
                assert members(sandbox)["fynd"] == {0, 1}

    asyncio.run(run())


def test_from_python_with_people_of_whom_some_have_no_id_for_a_vendor(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(3))
            vip = Audience(
                "vip",
                vendors=["iterable", "netmera"],
                folder=tmp_path,
                guards=Guards(max_removals=Share(count=5)),
            )
            made = clients(sandbox)
            given = [*people(2), Subject(id="id2")]
            result = await vip.sync(given, client_factory=made, signals=False)
            assert result.ok
            assert (members(sandbox)["netmera"], members(sandbox)["iterable"]) == ({0, 1, 2}, {0, 1})
            notes = {step.name: step.notes for step in result.summary.steps}
            assert "1 row is in no audience here, without email" in notes["iterable-vip"]
            assert [(size.vendor, size.count) for size in result.sizes] == [
                ("iterable", 2),
                ("netmera", None),
            ]
            await vip.sync(given[1:], client_factory=made, signals=False)
            assert (members(sandbox)["netmera"], members(sandbox)["iterable"]) == ({1, 2}, {1})
            with pytest.raises(GuardRefused):
                await vip.sync([], client_factory=made, signals=False)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('name = "vip"\n', "", r":6: \[audience\] has no name"),
        ('"netmera", ', '"netmara", ', r":8: there is no vendor 'netmara': did you mean netmera"),
        (', email = "email"', "", r":8: Fynd knows people of an audience by email, phone"),
        ('id = "id", ', "", r":8: Netmera knows people of an audience by id"),
        ('id = "id"', 'idd = "id"', r":9: columns has no idd: did you mean id"),
        (
            "columns =",
            "lists = { netmera = {} }\ncolumns =",
            r":9: lists names netmera, which is no vendor",
        ),
        ("columns =", "lists = { clevertap = {} }\ncolumns =", r":9: lists of clevertap says email, creator"),
        ("columns =", 'at = { iterable = "vip" }\ncolumns =', r"'vip' is no number: at of iterable is the"),
        ("columns =", 'by = { fynd = "phone" }\ncolumns =', r"Fynd knows people of an audience by phone"),
        ("columns =", 'by = { fynd = "name" }\ncolumns =', r":9: by of fynd is one of id, email, phone"),
        ("columns =", "at = { acme = 7 }\ncolumns =", r":9: at names acme, which is none of"),
        ('key = "id"\n', "", r'add key = "COLUMN" to \[source\]'),
    ],
)
def test_what_is_wrong_with_an_audience_is_told_with_its_line(
    was: str, becomes: str, told: str, tmp_path: Path
) -> None:
    assert was in FILE
    with pytest.raises(ConfigurationError, match=told):
        Job.load(write(tmp_path, (), FILE.replace(was, becomes, 1)))


def test_a_vendor_that_numbers_audiences_says_how_they_are_found() -> None:
    for client in all_clients():
        facts = audiences_of(client)
        assert (facts is not None) == bool(verbs_of(client)["join"].place)
        if facts is None:
            continue
        operations = client.operations()
        assert operations[facts.listed].shape in {"query", "pages"}
        assert facts.named("vip").keys() <= operations[facts.listed].parameters.keys()
        assert operations[facts.sized].facts.acknowledges == "answered"
        assert not facts.made or operations[facts.made].shape == "call"


def test_a_job_without_an_audience_has_no_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = FILE[: FILE.index("[audience]")] + (
        '[[step]]\nvendor = "netmera"\noperation = "tag_users"\narguments = { tag = "a" }\n'
        'fields = { ext_id = "id" }\n'
    )
    file = write(tmp_path, range(1), plain)
    assert asyncio.run(sizes_of(Job.load(file))) == []
    assert main(["audience", "sync", str(file)]) == 2
    assert "has no [audience]" in capsys.readouterr().err


LISTED = FILE.replace(ALL, '["netmera", "clevertap"]').replace(
    "columns =", 'lists = { clevertap = { email = "ops@example.com", creator = "us" } }\ncolumns ='
)


def test_a_list_that_is_only_replaced_holds_the_same_people_as_the_mirror(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(4))
            for numbers in ((0, 1, 2), (1, 2, 3), (3,)):
                result = await sync(sandbox, write(tmp_path, numbers, LISTED))
                wanted = {f"id{number}" for number in numbers}
                assert sandbox.clevertap.segments["vip"].members == wanted
                assert members(sandbox)["clevertap"] == {*numbers}
                (note,) = [one for one in result.notes if "the list 'vip'" in one]
                assert note.startswith(f"CleverTap: the list 'vip' was replaced by {len(numbers)} member")
            # One that is refused leaves the list as it was, and the run says so.
            sandbox.set_faults(
                [Fault("status", status=400, vendor="clevertap", operation="customListAddress")]
            )
            with pytest.raises(JobFailed, match="the list 'vip' was not replaced; run it again"):
                await sync(sandbox, write(tmp_path, (0, 3), LISTED))
            assert sandbox.clevertap.segments["vip"].members == {"id3"}
            assert members(sandbox)["clevertap"] == {0, 3}
            # Whoever is mended runs it again, and nobody has to join for it.
            sandbox.set_faults([])
            await sync(sandbox, tmp_path / "audience.toml")
            assert sandbox.clevertap.segments["vip"].members == {"id0", "id3"}

    asyncio.run(run())


def test_too_many_who_would_leave_leave_the_list_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(10))
            await sync(sandbox, write(tmp_path, range(10), LISTED))
            with pytest.raises(GuardRefused):
                await sync(sandbox, write(tmp_path, [0], LISTED))
            assert len(sandbox.clevertap.segments["vip"].members) == 10

    asyncio.run(run())


def test_the_list_is_of_python_as_well(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            know(sandbox, people(2))
            lists = {"clevertap": {"email": "ops@example.com", "creator": "us"}}
            vip = Audience("vip", vendors=["clevertap"], lists=lists, folder=tmp_path)
            await vip.sync(people(2), client_factory=clients(sandbox), signals=False)
            assert sandbox.clevertap.segments["vip"].members == {"id0", "id1"}

    asyncio.run(run())
