"""Three nights at each of five vendors, told by what its sandbox holds: first, unchanged, changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
from job_runs import ID, TAG, counts, make_job, run

from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Expression, Guards, Share, Step
from netaudience.sandbox import Sandbox
from netaudience.sandbox.fynd.state import Definition

pytest.importorskip("duckdb")

USERS = [f"u{number:02}" for number in range(40)]
#: Rows that never had an id or an address, and with which the job lives.
NEVER = {"NULL": "none", "nan": "nobody"}
GUARDS = Guards(accept_rejected=Share(share=0.1))
CITY = Expression(column="city")
SLUG = "64f000000000000000000001"


@attrs.frozen(kw_only=True)
class Case:
    """A vendor's step, and what its nights come to."""

    step: Step
    #: What the vendor holds of each user: the city, where it holds it, for those that the step has reached.
    held: Callable[[Sandbox], Mapping[str, object]]
    seed: Callable[[Sandbox], object] = lambda _: None
    #: What the vendor holds of the user whose city was emptied.
    emptied: object = "Izmir"
    #: Of the third night: delivered, rejected and unchanged rows, and users of whom something is taken back.
    third: tuple[int, int, int, int]
    #: The name of the argument that is renamed, and its other value.
    renamed: tuple[str, object] | None = None


def mirror(vendor: str, operation: str, removal: str, fields: dict[str, Expression], **more: object) -> Step:
    return Step(
        name="step", vendor=vendor, operation=operation, mode="mirror", removal=removal, fields=fields,
        rate=1000, **more,
    )  # fmt: skip


def changed_only(vendor: str, operation: str, fields: dict[str, Expression]) -> Step:
    return Step(name="step", vendor=vendor, operation=operation, mode="changed-only", fields=fields)


def tagged(sandbox: Sandbox) -> dict[str, object]:
    return {name: "Izmir" for name, user in sandbox.netmera.users.items() if "Sport" in user.tags}


def profiles(sandbox: Sandbox) -> dict[str, object]:
    return {name: user.profile.get("city") for name, user in sandbox.netmera.users.items()}


def subscribed(sandbox: Sandbox) -> dict[str, object]:
    found = [profile for profile in sandbox.iterable.profiles() if 7 in profile.lists]
    return {str(profile.email).partition("@")[0]: profile.data_fields.get("city") for profile in found}


def uploaded(sandbox: Sandbox) -> dict[str, object]:
    return {name: profile.data.get("City") for name, profile in sandbox.clevertap.profiles.items()}


def imported(sandbox: Sandbox) -> dict[str, object]:
    return {name: one.attributes.get("city") for name, one in sandbox.moengage.customers.items()}


def attributes(sandbox: Sandbox) -> dict[str, object]:
    found = {name: user.attributes.get(SLUG) for name, user in sandbox.fynd.users.items()}
    return {name: one.value for name, one in found.items() if one is not None}


def seed_fynd(sandbox: Sandbox) -> None:
    sandbox.fynd.definitions[SLUG] = Definition(SLUG, "City", "city", "", "string", "", "")
    for name in [*USERS, "new"]:
        sandbox.fynd.add_user(name)


CASES = {
    "netmera tags": Case(
        step=attrs.evolve(
            TAG, name="step", mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"}
        ),
        held=tagged,
        third=(1, 2, 39, 1),
        renamed=("tag", "Gold"),
    ),
    "netmera profiles": Case(
        step=mirror(
            "netmera", "set_profile_attributes", "unset_profile_attributes",
            {"ext_id": ID, "profile.city": CITY},
        ),
        held=profiles,
        emptied=None,
        third=(2, 2, 38, 2),
    ),
    "iterable": Case(
        step=mirror(
            "iterable", "subscribe_to_list", "unsubscribe_from_list",
            {"email": Expression(column="email"), "data_fields.city": CITY},
            arguments={"list_id": 7}, removal_arguments={"list_id": 7},
        ),
        held=subscribed,
        third=(3, 2, 37, 1),
        renamed=("list_id", 8),
    ),
    "clevertap": Case(
        step=changed_only("clevertap", "upload_profiles", {"identity": ID, "profile_data.City": CITY}),
        held=uploaded,
        third=(2, 2, 38, 0),
    ),
    "moengage": Case(
        step=changed_only("moengage", "import_users", {"customer_id": ID, "attributes.city": CITY}),
        held=imported,
        third=(3, 2, 37, 0),
    ),
    "fynd": Case(
        step=mirror(
            "fynd", "set_user_attribute", "delete_user_attribute",
            {"user_id": ID, "definition_id": Expression(value=SLUG), "value": CITY},
        ),
        seed=seed_fynd,
        held=attributes,
        third=(2, 3, 37, 1),
    ),
}  # fmt: skip


def write(folder: Path, rows: Mapping[str, str]) -> None:
    lines = [f"{name},{NEVER.get(name, f'{name}@example.com')},{city}" for name, city in rows.items()]
    (folder / "users.csv").write_text("\n".join(["user_id,email,city", *lines, ""]))


@pytest.mark.asyncio
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_three_nights(tmp_path: Path, case: Case) -> None:
    job = make_job(tmp_path, case.step, guards=GUARDS)
    rows = dict.fromkeys([*USERS, *NEVER], "Izmir")
    consent = Consent(yes=True)
    async with Sandbox() as sandbox:
        case.seed(sandbox)
        write(tmp_path, rows)
        first = await run(job, sandbox, consent=consent)
        assert counts(first) == {"step": (42, 40, 2, 0, 0, 0, 0)}, first.sentences()
        assert (first.ok, first.steps[0].known) == (True, 0)
        assert case.held(sandbox) == dict.fromkeys(USERS, "Izmir")

        second = await run(job, sandbox, consent=consent)
        assert counts(second) == {"step": (42, 0, 2, 0, 0, 0, 40)}
        assert (second.ok, second.steps[0].known, second.steps[0].requests) == (True, 2, 0)
        assert case.held(sandbox) == dict.fromkeys(USERS, "Izmir")

        del rows["u02"]
        write(tmp_path, rows | {"u01": "Ankara", "u03": "", "new": "Bursa"})
        delivered, rejected, unchanged, removed = case.third
        plan = job.plan()
        assert (plan.steps[0].sends.items, plan.steps[0].removed) == (delivered, removed)
        third = await run(job, sandbox, consent=consent)
        told = {"step": (42, delivered, rejected, 0, 0, 0, unchanged)}
        if removed:
            told["step removal"] = (removed, removed, 0, 0, 0, 0, 0)
        assert counts(third) == told, third.sentences()
        assert third.ok
        plain = case.held is tagged  # a tag holds no city
        expected = dict.fromkeys(USERS, "Izmir") | {
            "u01": "Izmir" if plain else "Ankara",
            "u03": case.emptied,
            "new": "Izmir" if plain else "Bursa",
        }
        if removed and case.held is profiles:
            expected["u02"] = None
        elif removed:
            del expected["u02"]
        assert case.held(sandbox) == expected
        fourth = await run(job, sandbox, consent=consent)
        assert counts(fourth) == {"step": (42, 0, rejected, 0, 0, 0, 42 - rejected)}

        if case.renamed is None:
            return
        renamed = dict([case.renamed])
        step = attrs.evolve(case.step, arguments=renamed, removal_arguments=renamed)
        other = make_job(tmp_path, step, guards=GUARDS)
        assert counts(await run(other, sandbox)) == {"step": (42, 40, 2, 0, 0, 0, 0)}
        assert case.held(sandbox) == expected, "the old one stays until somebody asks"
        asked = make_job(tmp_path, attrs.evolve(step, take_back_old=True), guards=GUARDS)
        assert counts(await run(asked, sandbox)) == {
            "step": (42, 0, 2, 0, 0, 0, 40),
            "step removal of old": (40, 40, 0, 0, 0, 0, 0),
        }
        assert case.held(sandbox) == {}
