"""Never run: facts of an operation that the type checkers must refuse, each marked with the refusal expected."""

# ruff: noqa: E501 - a mark stands on the line that it is of
# fmt: off

from __future__ import annotations

from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Quota
from netaudience.operations.declare import batch, query

QUOTA = Quota("x")
DOCS = "https://vendor.example/docs"

batch("POST", "/x", items=Identifiers("id"), idempotent=True, docs=DOCS, quota="nope")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
batch("POST", "/x", items=Identifiers("id"), idempotent=True, docs=DOCS, quota=QUOTA, limit=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
query("GET", "/x", docs=DOCS, quota=QUOTA, acknowledges="maybe")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
query("GET", "/x", docs=DOCS, quota=QUOTA, consent=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
query("READ", "/x", docs=DOCS, quota=QUOTA)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
query("GET", "/x", docs=DOCS, quota=QUOTA, limits=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
query("GET", "/x", quota=QUOTA)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
