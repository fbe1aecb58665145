"""The flags that the commands of job files share: what the caller agrees to, and how a run goes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
from cyclopts import Group, Parameter

from netaudience.cli.options import GUARDS, REPORT

__all__ = ["Agreement", "Manner"]

RUN = Group("Run", sort_key=2)
_flag = Parameter(negative="", show_default=False)
InDoubt: TypeAlias = Literal["tell", "resend"]


@attrs.frozen(kw_only=True)
class Agreement:
    """What the caller agrees to."""

    yes: Annotated[bool, Parameter(group=GUARDS, help="Data is lost: this agrees."), _flag] = False
    yes_delete: Annotated[
        int | None,
        Parameter(group=GUARDS, help="The number of items that may be lost for good, as the plan says it."),
    ] = None


@attrs.frozen(kw_only=True)
class Manner:
    """How a run goes, and what is shown of it."""

    in_doubt: Annotated[
        InDoubt,
        Parameter(
            group=RUN,
            help="What becomes of items that were being sent when a process died, where the operation is not "
            "safe to repeat: told to be in doubt, or sent again and perhaps there twice.",
        ),
    ] = "tell"
    grace: Annotated[
        float,
        Parameter(group=RUN, help="Seconds that requests under way have after Ctrl-C or SIGTERM."),
    ] = 20.0
    json: Annotated[
        bool, Parameter(group=REPORT, help="Print the summary as JSON on standard output."), _flag
    ] = False
    quiet: Annotated[
        bool, Parameter(group=REPORT, help="No progress, only the summary and errors."), _flag
    ] = False
