"""A step of each vendor for tests of nights in a row, and how to see in its sandbox what they came to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import attrs
from job_runs import ID, TAG

from netaudience.jobs.spec.audience_section import audience_steps
from netaudience.jobs.spec.model import Expression, Guards, KeptAudience, Share, Step
from netaudience.sandbox import Sandbox
from netaudience.sandbox.fynd.state import Definition

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
    #: What the vendor calls the operation.
    route: str
    #: What the vendor holds of each user: the city, where it holds it, for those that the step has reached.
    held: Callable[[Sandbox], Mapping[str, object]]
    #: Makes users whom the vendor must know before.
    seed: Callable[[Sandbox, Iterable[str]], object] = lambda _, __: None
    #: Whether the step carries the city.
    carries: bool = True
    #: What no user may be called there.
    forbids: Collection[str] = ()
    #: Whether a user of whom all was taken back is still one whom `held` tells.
    stays: bool = False
    #: What the vendor holds of the user whose city was emptied.
    emptied: object = "Izmir"
    #: Of the third night: delivered, rejected and unchanged rows, and users of whom something is taken back.
    third: tuple[int, int, int, int]
    #: The name of the argument that is renamed, and its other value.
    renamed: tuple[str, object] | None = None
    #: Makes the vendor forget a user; None where no look-up tells what the step has done.
    forget: Callable[[Sandbox, str], object] | None = None


def mirror(vendor: str, operation: str, removal: str, fields: dict[str, Expression], **more: object) -> Step:
    return Step(
        name="step", vendor=vendor, operation=operation, mode="mirror", removal=removal, fields=fields,
        rate=1000, **more,
    )  # fmt: skip


def changed_only(vendor: str, operation: str, fields: dict[str, Expression]) -> Step:
    return Step(name="step", vendor=vendor, operation=operation, mode="changed-only", fields=fields)


def members(vendor: str) -> Step:
    """Return the step of an audience at a vendor that has no field for it which a job could name."""
    audience = KeptAudience(name="vip", vendors=(vendor,), columns={"id": "user_id"})
    (step,) = audience_steps(audience)[1]
    return attrs.evolve(step, name="step", where=None)


def tagged(sandbox: Sandbox) -> dict[str, object]:
    return {name: "Izmir" for name, user in sandbox.netmera.users.items() if "Sport" in user.tags}


def profiles(sandbox: Sandbox) -> dict[str, object]:
    return {name: user.profile.get("city") for name, user in sandbox.netmera.users.items()}


def subscribed(sandbox: Sandbox) -> dict[str, object]:
    found = [profile for profile in sandbox.iterable.profiles() if 7 in profile.lists]
    return {str(profile.email).partition("@")[0]: profile.data_fields.get("city") for profile in found}


def uploaded(sandbox: Sandbox) -> dict[str, object]:
    return {name: profile.data.get("City") for name, profile in sandbox.clevertap.profiles.items()}


def in_property(sandbox: Sandbox) -> dict[str, object]:
    found = sandbox.clevertap.profiles.items()
    return {name: "Izmir" for name, one in found if "vip" in (one.data.get("Audiences") or ())}


def in_cohort(sandbox: Sandbox) -> dict[str, object]:
    return dict.fromkeys(sandbox.moengage.cohorts.get("vip", ()), "Izmir")


def imported(sandbox: Sandbox) -> dict[str, object]:
    return {name: one.attributes.get("city") for name, one in sandbox.moengage.customers.items()}


def attributes(sandbox: Sandbox) -> dict[str, object]:
    found = {name: user.attributes.get(SLUG) for name, user in sandbox.fynd.users.items()}
    return {name: one.value for name, one in found.items() if one is not None}


def take_off_list(sandbox: Sandbox, name: str) -> None:
    (found,) = (one for one in sandbox.iterable.profiles() if one.email == f"{name}@example.com")
    found.lists.clear()


def seed_moengage(sandbox: Sandbox, users: Iterable[str]) -> None:
    sandbox.vendor("moengage").seed({"users": [{"customer_id": name} for name in users]})


def seed_fynd(sandbox: Sandbox, users: Iterable[str]) -> None:
    sandbox.fynd.definitions[SLUG] = Definition(SLUG, "City", "city", "", "string", "", "")
    for name in users:
        sandbox.fynd.add_user(name)


CASES = {
    "netmera tags": Case(
        route="tagUsers",
        step=attrs.evolve(
            TAG, name="step", mode="mirror", removal="untag_users", removal_arguments={"tag": "Sport"}
        ),
        held=tagged,
        carries=False,
        third=(1, 2, 39, 1),
        renamed=("tag", "Gold"),
    ),
    "netmera profiles": Case(
        route="setProfileAttributes",
        step=mirror(
            "netmera", "set_profile_attributes", "unset_profile_attributes",
            {"ext_id": ID, "profile.city": CITY},
        ),
        held=profiles,
        stays=True,
        emptied=None,
        third=(2, 2, 38, 2),
        forget=lambda box, name: box.netmera.users.pop(name),
    ),
    "iterable": Case(
        route="subscribe",
        step=mirror(
            "iterable", "subscribe_to_list", "unsubscribe_from_list",
            {"email": Expression(column="email"), "data_fields.city": CITY},
            arguments={"list_id": 7}, removal_arguments={"list_id": 7},
        ),
        held=subscribed,
        third=(3, 2, 37, 1),
        renamed=("list_id", 8),
        forget=take_off_list,
    ),
    "clevertap": Case(
        route="upload",
        step=changed_only("clevertap", "upload_profiles", {"identity": ID, "profile_data.City": CITY}),
        held=uploaded,
        third=(2, 2, 38, 0),
        forget=lambda box, name: box.clevertap.profiles.pop(name),
    ),
    "clevertap members": Case(
        route="upload",
        step=members("clevertap"),
        held=in_property,
        carries=False,
        third=(1, 2, 39, 1),
    ),
    "moengage": Case(
        route="transition",
        step=changed_only("moengage", "import_users", {"customer_id": ID, "attributes.city": CITY}),
        held=imported,
        forbids=("id", "na"),  # Indonesia and Namibia
        third=(3, 2, 37, 0),
        forget=lambda box, name: box.moengage.customers.pop(name),
    ),
    "moengage members": Case(
        route="cohortSync",
        step=members("moengage"),
        seed=seed_moengage,
        held=in_cohort,
        carries=False,
        forbids=("id", "na"),
        third=(1, 2, 39, 1),
        renamed=("cohort_id", "gold"),
    ),
    "fynd": Case(
        route="updateUserAttribute",
        step=mirror(
            "fynd", "set_user_attribute", "delete_user_attribute",
            {"user_id": ID, "definition_id": Expression(value=SLUG), "value": CITY},
        ),
        seed=seed_fynd,
        held=attributes,
        third=(2, 3, 37, 1),
        forget=lambda box, name: box.fynd.users[name].attributes.clear(),
    ),
}  # fmt: skip
