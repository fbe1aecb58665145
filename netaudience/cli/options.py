"""The flags that all commands have in common, in the groups in which the help shows them.

They configure our side only; what goes to the vendor are an operation's own flags. A secret is never a flag.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import attrs
from cyclopts import Group, Parameter

from netaudience.cli.sources import Format
from netaudience.client import Settings

__all__ = ["Diagnosis", "Pace", "Reading", "Reporting"]

OPERATION = Group("Operation", sort_key=1)
SOURCE = Group("Source", sort_key=2)
PACE = Group("Pace", sort_key=3)
REPORT = Group("Report", sort_key=4)
GUARDS = Group("Guards", sort_key=1)

_flag = Parameter(negative="", show_default=False)


@attrs.frozen(kw_only=True)
class Pace:
    """How fast requests go, and how large they are."""

    rate: Annotated[
        float | None,
        Parameter(
            group=PACE,
            help="Requests per second of the account, fixed (records, where the vendor counts those).",
        ),
    ] = None
    in_flight: Annotated[int | None, Parameter(group=PACE, help="Requests at one time.")] = None
    max_rows: Annotated[
        int | None, Parameter(group=PACE, help="Rows per request; never more than the vendor documents.")
    ] = None
    max_bytes: Annotated[int | None, Parameter(group=PACE, help="Bytes of a request's body.")] = None
    timeout: Annotated[float, Parameter(group=PACE, help="Seconds for one exchange with the vendor.")] = 30.0

    def settings(self) -> Settings:
        """Return the client's settings.

        Raises:
            ConfigurationError: a figure is not more than 0.
        """
        # An empty source is judged by the command, which knows of rows that never became items.
        return Settings(
            rate=self.rate,
            in_flight=self.in_flight,
            max_rows=self.max_rows,
            max_bytes=self.max_bytes,
            timeout=self.timeout,
            allow_empty=True,
        )


@attrs.frozen(kw_only=True)
class Reading:
    """How the source is read."""

    column: Annotated[
        tuple[str, ...],
        Parameter(
            group=SOURCE,
            negative="",
            show_default=False,
            help="The column of the identifiers (NAME); for rows, field=NAME, once for each field to rename.",
        ),
    ] = ()
    form: Annotated[
        Format | None,
        Parameter(
            name="--format",
            group=SOURCE,
            help="How to read the source; else the file's name tells, and plain lines are the default.",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        Parameter(group=SOURCE, help="What stands between the cells of CSV: one character, or tab."),
    ] = None
    typed: Annotated[
        bool,
        Parameter(
            group=SOURCE,
            help="Numbers, true, false and JSON in profile columns are sent as such, not as text.",
        ),
        _flag,
    ] = False
    skip: Annotated[
        tuple[str, ...],
        Parameter(
            group=SOURCE,
            negative="",
            show_default=False,
            help="A column that is not sent as a part of the profile; may be repeated.",
        ),
    ] = ()
    allow_empty: Annotated[
        bool, Parameter(group=SOURCE, help="A source without any row is no error."), _flag
    ] = False


@attrs.frozen(kw_only=True)
class Reporting:
    """Where the undelivered items go, and what is shown."""

    rejects: Annotated[
        Path | None,
        Parameter(group=REPORT, help="Write undelivered items to this new file instead of standard output."),
    ] = None
    answers: Annotated[
        bool,
        Parameter(
            group=REPORT,
            help="Print what the vendor answers to writes, too, such as the id of what was made.",
        ),
        _flag,
    ] = False
    report: Annotated[
        Path | None,
        Parameter(group=REPORT, help="Write the counts, reasons and warnings to this file, as JSON."),
    ] = None
    quiet: Annotated[
        bool, Parameter(group=REPORT, help="No progress, only the summary and errors."), _flag
    ] = False


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What is shown of the program's inside."""

    log_level: Annotated[
        Literal["debug", "warning", "error"] | None,
        Parameter(group=REPORT, help="Show log messages of this level and above on standard error."),
    ] = None
    debug: Annotated[
        bool, Parameter(group=REPORT, help="Show where in the program an error came from."), _flag
    ] = False

    def apply(self) -> None:
        """Show log messages on standard error, if they are asked for.

        ``--debug`` itself is looked for on the command line, because errors may come before flags are read.
        """
        if self.log_level is not None:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            logger = logging.getLogger("netaudience")
            logger.addHandler(handler)
            logger.setLevel(self.log_level.upper())
