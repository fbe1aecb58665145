"""The table [quotas] of a job file: where the processes that use an account share its limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from netaudience.credentials import variable
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Quotas

if TYPE_CHECKING:  # costs a program's start
    from netaudience.quotas.store import QuotaStore, WhenLost

QUOTAS = ("where", "account", "lease", "when_lost", "share")
_ENVIRONMENT = "env:"


def quotas_of(section: Section, folder: Path) -> Quotas:
    """Read where quotas are shared; what is wrong goes to the section's problems.

    Args:
        section: The table.
        folder: The folder of the job file, to which the name of a file is relative.
    """
    where = section.text("where")
    named = where is not None and where.startswith(_ENVIRONMENT)
    if where is None and "where" not in section:
        for key in ("lease", "when_lost", "share"):
            if key in section:
                section.wrong(key, f'{key} says how limits are shared, and not where: add where = "…"')
    elif where is not None and "://" in where and "@" in where and not named:
        section.wrong(
            "where",
            "the URL may hold a password, which stands in no job file: put it into a variable of the "
            'environment, and write where = "env:NETAUDIENCE_QUOTAS"',
        )
    elif where is not None and not named and "://" not in where:
        where = str(folder / Path(where).expanduser())
    when_lost = section.choice("when_lost", ("wait", "share")) or "wait"
    share = section.number("share")
    if when_lost == "share" and "share" not in section:
        section.wrong("when_lost", "a share has a size: add share = 0.25, for four processes")
    elif share is not None and (when_lost == "wait" or share > 1):
        section.wrong("share", 'share is at most 1, and for when-lost = "share": write that as well')
    lease = section.number("lease")
    if lease is not None and lease < 0.5:
        section.wrong("lease", "lease is the seconds after which what a process holds is free: 0.5 at least")
    return Quotas(
        where=where,
        account=section.text("account"),
        lease=lease or 3.0,
        when_lost=cast("WhenLost", when_lost),
        share=share,
    )


def store_of(quotas: Quotas) -> QuotaStore | None:
    """Return the store that a job names; None where it names none, and the environment decides.

    Raises:
        ConfigurationError: the variable that it names is not set, or the store cannot be had.
    """
    where = quotas.where
    if where is None:
        return None
    if where.startswith(_ENVIRONMENT):
        name = where.removeprefix(_ENVIRONMENT)
        where = variable(name)
        if where is None:
            raise ConfigurationError(f"[quotas] names the variable {name}, which is not set: set it")
    from netaudience.quotas import quotas_at  # noqa: PLC0415 - who shares nothing need not load it

    return quotas_at(where, lease=quotas.lease, when_lost=quotas.when_lost, share=quotas.share)
