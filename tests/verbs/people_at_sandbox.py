"""What the tests of verbs share: people whom all vendors of a sandbox know, and who is still there."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from netaudience.client import Client
from netaudience.engine.retry import RetryPolicy
from netaudience.sandbox import BackgroundSandbox, Sandbox
from netaudience.sandbox.netmera.state import User
from netaudience.settings import Settings
from netaudience.verbs import Subject

#: Two attempts and no wait: a vendor that is down, or lets nobody in, is told so at once.
IMPATIENT = RetryPolicy(attempts=2, first_wait=0.0, throttle_patience=0.5)
CREDENTIALS = {
    "netmera": ("sandbox",),
    "clevertap": ("sandbox", "sandbox"),
    "iterable": ("sandbox",),
    "moengage": ("sandbox", "sandbox"),
    "fynd": ("sandbox", "sandbox", "1", "2"),
}
#: Those that erase, and how long the longest of them takes.
ERASING = ("clevertap", "iterable", "moengage", "netmera")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
#: As the vendors' pages have it; Netmera's minute is the sandbox's own. Iterable tells no time.
DOCUMENTED = {"clevertap": 48 * HOUR, "iterable": MINUTE, "moengage": 7 * DAY}


def clients(sandbox: Sandbox, **of_iterable: object) -> Callable[[type[Client], Settings], Client]:
    def make(vendor: type[Client], settings: Settings) -> Client:
        more = of_iterable if vendor.slug == "iterable" else {}
        settings = attrs.evolve(settings, retry=IMPATIENT, rate=1000)
        return vendor(*CREDENTIALS[vendor.slug], base_url=sandbox.url(vendor.slug), settings=settings, **more)  # type: ignore[call-arg]

    return make


def people(count: int) -> list[Subject]:
    return [Subject(id=f"id{number}", email=f"person{number}@example.com") for number in range(count)]


def settle(sandbox: Sandbox | BackgroundSandbox, subjects: list[Subject]) -> None:
    """Let every vendor know these people, of whom all ids are known."""
    behind_a_thread = isinstance(sandbox, BackgroundSandbox)
    seed = sandbox.seed if behind_a_thread else lambda vendor, what: sandbox.vendor(vendor).seed(what)
    for subject in subjects:
        name, email = subject.id or "", subject.email or ""
        if not name or not email:
            continue
        sandbox.netmera.users[name] = User(profile={"name": "Ada"})
        seed("iterable", {"users": [{"email": email, "userId": name}]})
        record = {"identity": name, "type": "profile", "profileData": {"Email": email}}
        seed("clevertap", {"profiles": [record]})
        sandbox.moengage.write(name, {"u_em": email}, existing_only=False)


def held(sandbox: Sandbox | BackgroundSandbox, vendor: str, subject: Subject) -> bool:
    """Return whether a vendor still has something of a person, as the sandbox's own state says."""
    name, email = subject.id or "", subject.email or ""
    match vendor:
        case "netmera":
            return name in sandbox.netmera.users
        case "iterable":
            return email in sandbox.iterable.by_email or bool(sandbox.iterable.by_user_id.get(name))
        case "clevertap":
            return name in sandbox.clevertap.profiles
        case "moengage":
            return name in sandbox.moengage.customers
        case _:
            return True
