"""What a look at one thing has shown, and the exit code that it leads to."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from netaudience.errors import NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode, of_error

Verdict: TypeAlias = Literal["ok", "warning", "wrong"]


@attrs.frozen
class Finding:
    """One thing that was looked at."""

    #: A vendor's name in commands, or what else it is about.
    about: str
    check: str
    verdict: Verdict
    #: What there is, and what to do where that is wrong.
    sentence: str
    #: The exit code that it leads to.
    code: ExitCode = ExitCode.DELIVERED


def wrong(about: str, check: str, error: NetaudienceError) -> Finding:
    """Return what an error tells."""
    return Finding(about, check, "wrong", str(error), of_error(error))
