"""A vendor that there is not, whole in one file: what one more vendor takes, and nothing elsewhere."""

from scripted_vendors import AT_ONCE, CLEAN, Golden, Scripted, Table

from netaudience.client import Client
from netaudience.credentials import optional
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Limit, Quota, documented, per_second
from netaudience.model.verdicts import Judge
from netaudience.model.wire import Request
from netaudience.operations.declare import batch, call, pages

URL, KEY, NAMES = "https://sixth.example.com", {"X-Key": "the-sixth-key"}, Identifiers("name")
STATED = {"quota": Quota("sixth", (per_second(documented(5, URL)),)), "docs": URL}


class SixthClient(Client):
    vendor, slug, read = "Sixth", "sixth", "2026-11"

    @classmethod
    def from_environment(cls, *, environ=None, **given):
        return cls(base_url=optional("sixth", "base_url", environ) or URL, account="", **given)

    def headers(self):
        return KEY

    def classify(self, answer):
        return None if answer.status == 200 else Judge("Sixth").failure(answer)

    @batch("POST", "/add", items=NAMES, limit=Limit(documented(9, URL)), idempotent=True, **STATED)
    def add(self, names, *, club: str):
        """Add members to a club.\n\nArgs:\n    names: Who they are.\n    club: Its name."""
        return Request(json={"club": club, "names": names})

    @call("DELETE", "/members/{name}", items=NAMES, idempotent=True, destructive=True, **STATED)
    def remove(self, name):
        """Remove a member.\n\nArgs:\n    name: Who it is."""
        return Request(path={"name": name})

    @pages("GET", "/members", rows=list, following=lambda *_: None, **STATED)
    def members(self):
        """Read the names of all members."""
        return Request(answer=list[str])


def make(*answers):
    script = Scripted(*answers)
    return SixthClient.from_environment(settings=AT_ONCE, environ={}, transport=script), script


ADD, ANSWERS = '{"club":"c","names":["a","b"]}', {"members": "[]"}
GOLDEN = [
    Golden(operation="add", arguments=(["a", "b"],), options={"club": "c"}, url=f"{URL}/add", body=ADD),
    Golden(operation="remove", arguments=("a/b",), url=f"{URL}/members/a%2Fb", method="DELETE"),
    Golden(operation="members", url=f"{URL}/members", method="GET", answer='["a"]', reads=["a"]),
]
SHAPES = {"add": ("batch", 9, 9), "remove": ("call", None, 1), "members": ("pages", None, 1)}
QUOTAS = {"sixth": {"requests per second": (5, "documented"), "in flight": (8, "assumed")}}
MARKS = {"idempotent": SHAPES.keys(), "destructive": {"remove"}}
TABLE = Table(SixthClient, make, KEY, GOLDEN, MARKS, SHAPES, QUOTAS, {"str": CLEAN}, ANSWERS)
