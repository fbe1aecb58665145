"""The flags that the commands of job files share: what the caller agrees to, and how a run goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import attrs
from cyclopts import Group, Parameter

from netaudience.cli.options import FLAG, GUARDS, REPORT, NoPreflight, whole

RUN = Group("Run", sort_key=2)
WATCH = Group("Watch", sort_key=3)
InDoubt: TypeAlias = Literal["tell", "resend"]


@attrs.frozen(kw_only=True)
class Agreement:
    """What the caller agrees to."""

    yes: Annotated[bool, Parameter(group=GUARDS, help="Data is lost: this agrees."), FLAG] = False
    yes_delete: Annotated[
        int | None,
        Parameter(
            converter=whole,
            group=GUARDS,
            help="The number of items that may be lost for good, as the plan says it.",
        ),
    ] = None
    no_preflight: NoPreflight = False
    account: Annotated[
        Literal["same", "other"] | None,
        Parameter(
            group=GUARDS,
            help="Where the key or the base URL is another than before: the same account, which goes on with "
            "what is known to be delivered, or another one, of which nothing is known.",
        ),
    ] = None


@attrs.frozen(kw_only=True)
class Manner:
    """How a run goes, and what is shown of it."""

    in_doubt: Annotated[
        InDoubt,
        Parameter(
            group=RUN,
            help="What becomes of items that were being sent when a process died, where the operation is not "
            "safe to repeat: reported as in doubt, or sent again and perhaps there twice.",
        ),
    ] = "tell"
    grace: Annotated[
        float,
        Parameter(group=RUN, help="Seconds that requests under way have after Ctrl-C or SIGTERM."),
    ] = 20.0
    metrics_file: Annotated[
        Path | None,
        Parameter(
            group=WATCH,
            help="Write Prometheus metrics into this file at the end, for the textfile collector of the node "
            "exporter.",
        ),
    ] = None
    otel: Annotated[
        bool,
        Parameter(
            group=WATCH,
            help="Make OpenTelemetry spans and metrics; opentelemetry-instrument says where they go.",
        ),
        FLAG,
    ] = False
    lineage: Annotated[
        bool,
        Parameter(
            group=WATCH, help="Send OpenLineage events of the run to where OPENLINEAGE_URL or its file says."
        ),
        FLAG,
    ] = False
    json: Annotated[
        bool, Parameter(group=REPORT, help="Print the summary as JSON on standard output."), FLAG
    ] = False
    quiet: Annotated[
        bool, Parameter(group=REPORT, help="Print nothing where all is well; else what became of it."), FLAG
    ] = False
