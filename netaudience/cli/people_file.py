"""The flags of a file of people."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
from cyclopts import Parameter

from netaudience.cli.options import SOURCE

Format: TypeAlias = Literal["csv", "tsv", "json", "ndjson", "parquet", "xlsx"]


@attrs.frozen(kw_only=True)
class PeopleFile:
    """How the file of people is read, and which vendors are meant."""

    vendor: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Only this vendor; may be repeated. All of which there are credentials, if left out.",
        ),
    ] = ()
    id_column: Annotated[
        str | None, Parameter(group=SOURCE, help="The column of your own ids, if not called id or user_id.")
    ] = None
    email_column: Annotated[
        str | None, Parameter(group=SOURCE, help="The column of e-mail addresses, if not called email.")
    ] = None
    phone_column: Annotated[
        str | None, Parameter(group=SOURCE, help="The column of phone numbers, if not called phone.")
    ] = None
    form: Annotated[
        Format | None,
        Parameter(name="--format", group=SOURCE, help="What the file is, where its name does not say."),
    ] = None
    delimiter: Annotated[
        str | None,
        Parameter(group=SOURCE, help="What stands between the cells of CSV: one character, or tab."),
    ] = None
    encoding: Annotated[
        str | None, Parameter(group=SOURCE, help="How the text is written, such as windows-1254; else UTF-8.")
    ] = None
    sheet: Annotated[str | None, Parameter(group=SOURCE, help="The sheet of a workbook.")] = None


@attrs.frozen(kw_only=True)
class PeopleToComplete(PeopleFile):
    """A file of people whose missing ids may be asked for."""

    look_up: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Ask vendors first for ids that the file does not have, where they know them; see "
            "netaudience look-up.",
        ),
    ] = False
