"""The table [guards] of a job file: what stops a run before it does harm."""

from __future__ import annotations

from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Guards

GUARDS = (
    "allow_empty", "max_removals", "max_rejected", "max_different", "accept_rejected", "max_deviation",
    "odd_identifiers", "preflight",
)  # fmt: skip


def guards_of(guards: Section) -> Guards:
    """Read the guards; what is wrong goes to the section's problems."""
    default = Guards()
    deviation = guards.share("max_deviation", counts=False)
    odd = guards.choice("odd_identifiers", ("reject", "send"))
    return Guards(
        allow_empty=guards.flag("allow_empty", default=default.allow_empty),
        max_removals=guards.share("max_removals") or default.max_removals,
        max_rejected=guards.share("max_rejected") or default.max_rejected,
        max_different=guards.share("max_different") or default.max_different,
        accept_rejected=guards.share("accept_rejected"),
        max_deviation=default.max_deviation if deviation is None else deviation.share,
        odd_identifiers="send" if odd == "send" else "reject",
        preflight=guards.flag("preflight", default=default.preflight),
    )
