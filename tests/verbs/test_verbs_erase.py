"""Erasing people at all vendors: what each verdict says is what the sandbox's state says, then and later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from people_at_sandbox import DAY, DOCUMENTED, ERASING, clients, held, people, settle

from netaudience.client import Client
from netaudience.errors import GuardRefused
from netaudience.model.verb_facts import CHANNELS, key_of
from netaudience.sandbox import Fault, Sandbox, SandboxLimits
from netaudience.settings import Settings
from netaudience.vendors import clients as all_clients
from netaudience.vendors import names, verbs_of
from netaudience.vendors.iterable import IterableClient
from netaudience.verbs import Subject, VerbResult, erase, plan_erase
from netaudience.verbs.asking import sent_for, shown_by

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
FACTS = [(client, verb, facts) for client in all_clients() for verb, facts in verbs_of(client).items()]


def erased(
    subjects: list[Subject],
    folder: Path,
    *,
    known: list[Subject] | None = None,
    agreed: int | None = None,
    **how,
) -> tuple[VerbResult, dict[tuple[int, str], bool], dict[tuple[int, str], bool]]:
    """Erase people, and return what is said, and of whom is still held what, at once and after a week."""

    async def run():
        sandbox = Sandbox(
            limits=FAST, delay=DOCUMENTED, faults=how.pop("faults", ()), seed=how.pop("seed", 0)
        )
        async with sandbox:
            settle(sandbox, subjects if known is None else known)
            made = clients(sandbox, **how.pop("of_iterable", {"project_type": "hybrid"}))
            given = {
                "vendors": list(ERASING),
                "client_factory": made,
                "folder": folder,
                "signals": False,
                **how,
            }
            result = await erase(subjects, agreed=len(subjects) if agreed is None else agreed, **given)
            now = still(sandbox)
            sandbox.advance(8 * DAY)
            return result, now, still(sandbox)

    def still(sandbox: Sandbox) -> dict[tuple[int, str], bool]:
        return {
            (row, vendor): held(sandbox, vendor, subject)
            for row, subject in enumerate(subjects, 1)
            for vendor in names()
        }

    return asyncio.run(run())


def statuses(result: VerbResult) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for verdict in result.verdicts:
        told.setdefault(verdict.vendor, []).append(verdict.status)
    return told


@pytest.mark.parametrize(("client", "verb", "facts"), FACTS, ids=lambda part: getattr(part, "slug", None))
def test_facts_name_what_the_vendor_has(client: type[Client], verb: str, facts) -> None:
    operations = client.operations()
    for way in facts.ways:
        operation = operations[way.operation]
        assert operation.shape in {"batch", "call"}
        assert operation.facts.destructive == (verb == "erase")
        fields = getattr(operation.kind, "fields", None)
        if fields is not None:
            assert bool(way.entries or way.listed) == (verb in {"set", "unset"})
            held = {name.partition(".")[0] for name in way.constants("a place")}
            held |= {way.entries or way.listed} - {""}
            assert {way.field, *held} <= {field.name for field in fields}
        assert {*way.arguments, *way.places} <= operation.parameters.keys()
        assert bool(way.places) <= (facts.place != "" or verb in {"join", "leave"})
        if (shown := shown_by(client, way)) is not None:
            ask = shown[0].ask(sent_for(client, way, "somebody"), way.arguments)
            assert ask is not None
            look = operations[shown[1]]
            assert look.facts.acknowledges == "answered"
            assert ask.arguments.keys() <= look.parameters.keys()
    assert facts.docs.startswith("https://")
    assert facts.ways or facts.by_hand


def test_every_vendor_says_what_it_can_do_for_every_verb_and_channel() -> None:
    verbs = {"erase", "join", "leave", "set", "unset"}
    verbs |= {key_of(verb, channel) for verb in ("suppress", "unsuppress") for channel in CHANNELS}
    for client in all_clients():
        assert verbs_of(client).keys() == verbs


def test_who_is_known_is_accepted_and_gone_when_the_vendor_says(tmp_path: Path) -> None:
    result, now, later = erased(people(2), tmp_path)
    assert statuses(result) == {vendor: ["accepted"] * 2 for vendor in ERASING}
    assert result.exit_code == 0
    assert all(now[row, vendor] for row in (1, 2) for vendor in ERASING)
    assert not any(later[row, vendor] for row in (1, 2) for vendor in ERASING)
    receipts = [verdict.receipts for verdict in result.verdicts if verdict.vendor == "moengage"]
    assert all(len(one) == 1 and len(one[0]) == 36 for one in receipts)
    assert all(verdict.verify_from for verdict in result.verdicts)


def test_whom_a_vendor_does_not_know_is_told_only_where_it_tells(tmp_path: Path) -> None:
    subjects = people(2)
    result, _, later = erased(subjects, tmp_path, known=subjects[:1])
    assert statuses(result) == {
        "netmera": ["accepted", "nothing_there"],
        "iterable": ["accepted", "accepted"],
        "clevertap": ["accepted", "accepted"],
        "moengage": ["accepted", "accepted"],
    }
    assert result.exit_code == 0
    assert not any(later[2, vendor] for vendor in ERASING)


def test_what_cannot_be_done_and_who_has_no_id_are_told_and_end_with_3(tmp_path: Path) -> None:
    subjects = [Subject(email="person0@example.com"), Subject(id="id1")]
    result, _, _ = erased(subjects, tmp_path, known=people(2), vendors=list(names()))
    assert statuses(result) == {
        "clevertap": ["missing_id", "accepted"],
        "fynd": ["cannot", "cannot"],
        "iterable": ["accepted", "accepted"],
        "moengage": ["accepted", "accepted"],
        "netmera": ["missing_id", "accepted"],
    }
    assert result.exit_code == 3
    by = {(verdict.row, verdict.vendor): verdict.identities for verdict in result.verdicts}
    assert by[1, "moengage"] == ["email"]
    assert by[2, "moengage"] == ["id"]


@pytest.mark.parametrize(
    ("project_type", "identities"),
    [("email", ["email"]), ("user_id", ["id"]), ("hybrid", ["email", "id"]), (None, ["email", "id"])],
)
def test_the_type_of_a_project_decides_by_which_ids_iterable_is_asked(
    project_type: str | None, identities: list[str], tmp_path: Path
) -> None:
    def project(_: type[Client], settings: Settings) -> Client:
        return IterableClient("key", region="us", project_type=project_type, settings=settings)  # type: ignore[arg-type]

    plan = plan_erase(people(1), vendors=["iterable"], client_factory=project, folder=tmp_path)
    (vendor,) = plan.vendors
    assert [part.way.takes for part in vendor.parts_of(plan.people[0])] == identities
    assert len(vendor.left_out) == 2 - len(identities)


def test_a_vendor_with_a_column_of_its_own_is_asked_by_that_alone(tmp_path: Path) -> None:
    subjects = [Subject(id="id0", ids={"clevertap": "other"}), Subject(id="id1")]
    result, _, later = erased(subjects, tmp_path, known=people(2), vendors=["clevertap", "netmera"])
    assert statuses(result) == {"clevertap": ["accepted", "missing_id"], "netmera": ["accepted", "accepted"]}
    assert later[1, "clevertap"]
    assert later[2, "clevertap"]


def test_an_answer_that_is_lost_is_in_doubt_where_repeating_is_no_matter_of_course(tmp_path: Path) -> None:
    faults = [Fault("reset-after", first=1, vendor="clevertap")]
    result, _, later = erased(people(1), tmp_path, vendors=["clevertap", "netmera"], faults=faults)
    assert statuses(result) == {"clevertap": ["in_doubt"], "netmera": ["accepted"]}
    assert result.exit_code == 3
    assert not later[1, "clevertap"]


def test_somebody_who_is_refused_keeps_nobody_else(tmp_path: Path) -> None:
    subjects = [Subject(id=" zz9"), *people(1)]
    result, _, later = erased(subjects, tmp_path, known=people(1), vendors=["netmera", "clevertap"])
    assert statuses(result) == {vendor: ["failed", "accepted"] for vendor in ("netmera", "clevertap")}
    assert all("zz9" not in (verdict.reason or "") for verdict in result.verdicts)
    assert not later[2, "netmera"]


def test_a_vendor_that_is_down_leaves_its_people_failed_and_the_others_done(tmp_path: Path) -> None:
    faults = [Fault("status", status=401, vendor="moengage")]
    result, _, later = erased(people(2), tmp_path, vendors=["moengage", "netmera"], faults=faults)
    assert statuses(result) == {"moengage": ["failed", "failed"], "netmera": ["accepted", "accepted"]}
    assert result.exit_code == 4
    assert later[1, "moengage"]


@pytest.mark.parametrize(("agreed", "said"), [(None, "--yes-delete 2"), (3, "says 3")])
def test_nothing_is_sent_before_somebody_has_said_for_how_many(
    agreed: int | None, said: str, tmp_path: Path
) -> None:
    async def run() -> tuple[str, int]:
        async with Sandbox(limits=FAST) as sandbox:
            with pytest.raises(GuardRefused) as refused:
                await erase(
                    people(2),
                    agreed=agreed,
                    vendors=["netmera"],
                    client_factory=clients(sandbox),
                    folder=tmp_path,
                )
            return str(refused.value), sandbox.check("netmera", "delete_users_permanently").applications

    told, sent = asyncio.run(run())
    assert said in told
    assert sent == 0


def test_a_plan_sends_nothing_and_names_what_brings_people_back(tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        'arguments = { tag = "vip" }\nfields = { ext_id = "id" }\n'
    )
    plan = plan_erase(people(3), vendors=names(), folder=tmp_path)
    assert plan.reached == 3
    assert plan.brought_back_by == ("nightly.toml writes to Netmera",)
    fynd = next(vendor for vendor in plan.vendors if vendor.vendor == "fynd")
    assert fynd.cannot is not None
    assert fynd.parts == ()
    assert "id0" not in repr(plan.to_json())
    assert "person0" not in repr(plan)


def test_a_vendor_of_which_nobody_has_written_anything_down_cannot(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("netaudience.verbs.plan.verbs_of", lambda _: {})
    result, _, _ = erased(people(1), tmp_path, vendors=["netmera"])
    assert statuses(result) == {"netmera": ["cannot"]}
    assert result.exit_code == 3


def test_a_row_that_names_somebody_once_more_is_counted_as_such(tmp_path: Path) -> None:
    subjects = [*people(2), people(1)[0], Subject(), Subject()]
    assert plan_erase(subjects, vendors=["netmera"], folder=tmp_path).repeated == 1
