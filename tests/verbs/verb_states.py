"""What every verb promises, as the sandbox's own state shows it: before, when it is not so, and after."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

from people_at_sandbox import held, settle

from netaudience.model.verb_facts import CHANNELS, Channel, Verb, key_of
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.sandbox.netmera.state import Device
from netaudience.vendors import client_of, names, verbs_of
from netaudience.verbs import Action, Subject

GROUP = "64f111111111111111111111"
NUMBERS = {"email": 1, "sms": 2, "push": 3, "whatsapp": 4}
PLACES = {"iterable": "7", "fynd": GROUP, **{f"iterable:{one}": str(at) for one, at in NUMBERS.items()}}
#: Every verb, on every channel if it is about one.
EVERY: list[tuple[Verb, Channel | None]] = [
    ("erase", None),
    *product(("suppress", "unsuppress"), CHANNELS),
    ("join", None),
    ("leave", None),
    ("set", None),
    ("unset", None),
]
#: Those that promise that something is gone.
TAKING: list[tuple[Verb, Channel | None]] = [
    one for one in EVERY if one[0] in {"erase", "suppress", "leave", "unset"}
]
_AGREED = datetime(2021, 6, 2, tzinfo=UTC)
OPTED_OUT = "id,opted_out_at\n" + "".join(f"id{number},2021-06-01\n" for number in range(200))


def action_of(verb: Verb, channel: Channel | None) -> Action:
    about: dict[str, object] = {}
    if channel is not None:
        about = {"channels": [channel], "places": PLACES}
    elif verb in {"join", "leave"}:
        about = {"audience": "vip", "places": PLACES}
    elif verb in {"set", "unset"}:
        about = {"attributes": {"tier": "tier" if verb == "set" else None}}
    return Action(verb=verb, **about)  # type: ignore[arg-type]


def able(verb: Verb, channel: Channel | None) -> list[str]:
    """Return the vendors that can do it."""
    return [slug for slug in names() if not verbs_of(client_of(slug))[key_of(verb, channel)].cannot]


def people_of(count: int) -> list[Subject]:
    told = {"tier": "gold", "consented_at": _AGREED}
    return [Subject(id=f"id{at}", email=f"person{at}@example.com", attributes=told) for at in range(count)]


def begin(
    sandbox: Sandbox | BackgroundSandbox, verb: Verb, channel: Channel | None, subjects: list[Subject]
) -> None:
    """Let every vendor know these people, with what the verb is to change as it is not to be."""
    settle(sandbox, subjects)
    seed = sandbox.seed if isinstance(sandbox, BackgroundSandbox) else None

    def give(vendor: str, document: dict[str, object]) -> None:
        _ = sandbox.vendor(vendor).seed(document) if seed is None else seed(vendor, document)  # type: ignore[union-attr]

    give("iterable", {"lists": [7]})
    give("moengage", {"unset_attributes": True})
    users = [{"user_id": f"u{one.id}", "emails": [one.email]} for one in subjects]
    give("fynd", {"users": users, "groups": [{"_id": GROUP, "name": "vip"}]})
    for one in subjects:
        name, email = one.id or "", one.email or ""
        user, customer = sandbox.netmera.users[name], sandbox.moengage.customers[name]
        profile, record = sandbox.iterable.by_email[email], sandbox.clevertap.profiles[name]
        sandbox.netmera.add_device(name, Device(f"token {name}", push_permitted=verb != "unsuppress"))
        customer.devices[f"device {name}"] = {}
        if verb == "unsuppress" and channel is not None:
            stored = {"email": "mail"}.get(channel, channel)
            user.permissions = {} if channel == "push" else {stored: False}  # type: ignore[dict-item]
            profile.subscriptions["unsubscribedChannelIds"] = [NUMBERS[channel]]
            record.data[f"MSG-{channel}"] = False
            sandbox.clevertap.subscriptions["email", email] = "Unsubscribe"
            sandbox.moengage.preference(channel, name).globally_unsubscribed = True
            customer.blocked.add(f"device {name}")
            customer.attributes["moe_wa_subscription"] = False
        elif verb == "leave":
            user.tags = frozenset({"vip"})
            profile.lists.add(7)
            record.data["Audiences"] = ["vip"]
            sandbox.moengage.cohorts.setdefault("vip", set()).add(name)
            sandbox.fynd.groups[GROUP].members = (*sandbox.fynd.groups[GROUP].members, f"u{name}")
        elif verb == "unset":
            user.profile = {**user.profile, "tier": "gold"}
            profile.data_fields["tier"] = record.data["tier"] = customer.attributes["tier"] = "gold"


def stands(
    sandbox: Sandbox | BackgroundSandbox, vendor: str, verb: Verb, channel: Channel | None, subject: Subject
) -> bool:
    """Return whether it is so as the verb promises; of somebody who is not there, what takes stands."""
    there = vendor == "fynd" or held(sandbox, vendor, subject)
    if verb == "erase":
        return not there
    if not there:
        return verb in {"suppress", "leave", "unset"}
    match verb:
        case "suppress" | "unsuppress":
            return _off(sandbox, vendor, channel, subject) is (verb == "suppress")
        case "join" | "leave":
            return _member(sandbox, vendor, subject) is (verb == "join")
        case _:
            return _tier(sandbox, vendor, subject) == ("gold" if verb == "set" else None)


def _off(
    sandbox: Sandbox | BackgroundSandbox, vendor: str, channel: Channel | None, subject: Subject
) -> bool:
    name, email = subject.id or "", subject.email or ""
    match vendor, channel:
        case "netmera", "push":
            return not any(one.push_permitted for one in sandbox.netmera.users[name].devices)
        case "netmera", _:
            stored = {"email": "mail"}.get(channel or "", channel)
            return sandbox.netmera.users[name].permissions.get(stored) is False  # type: ignore[arg-type]
        case "iterable", _:
            found = [sandbox.iterable.by_email.get(email), *sandbox.iterable.by_user_id.get(name, ())]
            off = [one.subscriptions.get("unsubscribedChannelIds", ()) for one in found if one is not None]
            return all(NUMBERS[channel or ""] in one for one in off)
        case "clevertap", "email":
            return sandbox.clevertap.subscriptions.get(("email", email)) == "Unsubscribe"
        case "clevertap", _:
            return sandbox.clevertap.profiles[name].data.get(f"MSG-{channel}") is False
        case _, "push":
            customer = sandbox.moengage.customers[name]
            return customer.blocked >= customer.devices.keys()
        case _, "whatsapp":
            return sandbox.moengage.customers[name].attributes.get("moe_wa_subscription") is False
        case _:
            return sandbox.moengage.preference(channel or "", name).globally_unsubscribed


def _member(sandbox: Sandbox | BackgroundSandbox, vendor: str, subject: Subject) -> bool:
    name, email = subject.id or "", subject.email or ""
    match vendor:
        case "netmera":
            return "vip" in sandbox.netmera.users[name].tags
        case "iterable":
            return 7 in sandbox.iterable.by_email[email].lists
        case "clevertap":
            return "vip" in (sandbox.clevertap.profiles[name].data.get("Audiences") or ())
        case "moengage":
            return name in sandbox.moengage.cohorts.get("vip", ())
        case _:
            return f"u{name}" in sandbox.fynd.groups[GROUP].members


def _tier(sandbox: Sandbox | BackgroundSandbox, vendor: str, subject: Subject) -> object:
    name, email = subject.id or "", subject.email or ""
    held_there = {
        "netmera": lambda: sandbox.netmera.users[name].profile,
        "iterable": lambda: sandbox.iterable.by_email[email].data_fields,
        "clevertap": lambda: sandbox.clevertap.profiles[name].data,
        "moengage": lambda: sandbox.moengage.customers[name].attributes,
    }
    return held_there[vendor]().get("tier")
