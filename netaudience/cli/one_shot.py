"""One command of an operation that carries items: a job of one step, made in memory, that keeps nothing.

Which column is which field is found by name; all else, from the reading to the exit code, is what a job does.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from netaudience.cli.display import progress_of, tell, tell_summary
from netaudience.cli.options import Pace, Reading, Reporting
from netaudience.cli.output import FileOutlet, Rejected, StandardOutput, is_source, json_line
from netaudience.cli.process import import_lean_arrow
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.deliver.carry_out import carry_out
from netaudience.jobs.deliver.unkept import Unkept
from netaudience.jobs.map.columns import find_columns
from netaudience.jobs.spec.guards import Consent
from netaudience.jobs.spec.model import Expression, Guards, JobFile, Source, Step
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.plurals import many
from netaudience.settings import Settings

if TYPE_CHECKING:
    from netaudience.cli.output import Outlet
    from netaudience.client import ClientFactory
    from netaudience.jobs.deliver.order import OnAnswer
    from netaudience.jobs.extract.page import SourceRow
    from netaudience.jobs.extract.table import Table
    from netaudience.jobs.state.summary import Summary
    from netaudience.outcomes import SettledChunk

#: The one column of plain lines and of items.
LINE = "line"


@attrs.frozen(kw_only=True)
class Order:
    """What the command line asks for."""

    vendor: type[Client]
    operation: Operation
    #: The operation's own arguments.
    arguments: Mapping[str, object]
    #: A file, or ``-`` for standard input.
    source: str | None = None
    #: Items given on the command line instead.
    items: Sequence[str] = ()
    consent: Consent = attrs.field(factory=Consent)
    pace: Pace = attrs.field(factory=Pace)
    reading: Reading = attrs.field(factory=Reading)
    reporting: Reporting = attrs.field(factory=Reporting)
    #: Whether its files are taken away when the program ends, so that nobody is sent to them.
    passing: bool = False

    def client(self, vendor: type[Client], settings: Settings) -> Client:
        """Make the client from the environment."""
        return vendor.from_environment(settings=self.pace.settings(settings))


def run_operation(order: Order) -> int:
    """Run an operation with a client from the environment and return the exit code.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    with open_table(order) as table:  # this may wait for standard input, which Ctrl-C ends
        return asyncio.run(execute(order, table, order.client)).exit_code


async def execute(order: Order, table: Table, factory: ClientFactory) -> Summary:
    """Run an operation over the rows of a table and show what became of it.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    reporting = order.reporting
    output = StandardOutput()
    with contextlib.ExitStack() as stack:
        job = _job(order, table)
        own: Outlet = output
        if reporting.rejects is not None:
            own = stack.enter_context(contextlib.closing(FileOutlet(reporting.rejects, order.source)))
        rejected = Rejected(own, output)
        carried = (order.vendor, order.operation)
        keeping = Unkept(job, rejected, carried=carried, on_answer=_answers(order, output))
        progress = stack.enter_context(progress_of(quiet=reporting.quiet, grace=reporting.grace))
        summary = await carry_out(
            keeping,
            table=table,
            on_progress=progress,
            consent=order.consent,
            grace=reporting.grace,
            client_factory=factory,
        )
    tell_summary(summary, quiet=reporting.quiet)
    if own is not output and own.written:
        undelivered = f"What was not delivered ({many(own.written, 'row')})"
        if order.passing:
            tell(f"{undelivered} is in {Path(own.name).name}, which is gone when this ends")
        else:
            tell(
                f"{undelivered} is in {own.name}: mend it there, then: "
                f"netaudience retry {shlex.quote(own.name)}"
            )
    if reporting.report is not None:
        _write_report(summary, reporting.report)
    return summary


def _check_files(order: Order) -> None:
    """Look at what can be told before anything is opened.

    Raises:
        ConfigurationError: no source is named or more than one, or a file would be written over.
    """
    if [order.source is not None, bool(order.items), order.reading.named].count(True) != 1:
        item = "" if isinstance(order.operation.kind, Rows) else "--item, "
        raise ConfigurationError(
            f"Say where the items come from: a file, - for standard input, {item}or --connection with --sql; "
            "one of them"
        )
    report = order.reporting.report
    if report is not None and (is_source(report, order.source) or report == order.reporting.rejects):
        raise ConfigurationError("The report would replace the source or the rejects: name another file")


def open_table(order: Order) -> Table:
    """Open what the rows come from.

    Raises:
        ConfigurationError: it cannot be read, or a file would be written over.
        SourceFailed: it cannot be read.
    """
    from netaudience.jobs.extract.table import open_source  # noqa: PLC0415 - costs a program's start

    _check_files(order)
    source = order.reading.source(order.source, order.items)
    if not order.reading.named:
        import_lean_arrow()
    if order.source == "-" and source.sql is None:  # a query wants all of it at once
        return _stream(source)
    return open_source(source, Path.cwd())


def _stream(source: Source) -> Table:
    from netaudience.jobs.extract.stdin import open_stream  # noqa: PLC0415 - costs a program's start

    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
        raise ConfigurationError("Standard input is closed: name a file, or open it")
    return open_stream(source)


def _job(order: Order, table: Table) -> JobFile:
    """Make the job of one step."""
    operation, reading = order.operation, order.reading
    fields: dict[str, Expression] = {}
    if table.columns:
        plain_lines = list(table.columns) == [LINE]
        kind: object = operation.kind
        if plain_lines and isinstance(kind, Rows):
            fields_of = cast("Rows[object]", kind).fields
            wanted = ", ".join(field.name for field in fields_of if field.required)
            raise ConfigurationError(
                f"{table.name}: the rows need {wanted or 'fields'}: give CSV with a header, JSON lines or "
                "Parquet, and say --format where the name does not say"
            )
        if plain_lines and reading.column:
            raise ConfigurationError(f"{table.name}: plain lines have no columns: leave --column out")
        by = order.arguments.get("by", _default_by(operation))
        found = find_columns(
            operation,
            list(table.columns),
            chosen=reading.column,
            by=by if isinstance(by, str) else None,
            skipped=reading.skip,
        )
        try:
            fields = found.fields(reading.unset)
        except ConfigurationError as error:
            raise ConfigurationError(f"{table.name}: {error}") from error
        if not order.reporting.quiet:
            name = Path(table.name).name if order.passing else table.name
            tell(f"reading {name}: {found.sentence()}")
    step = Step(
        name=operation.name,
        vendor=order.vendor.slug,
        operation=operation.name,
        arguments=cast("Mapping[str, JsonValue]", order.arguments),
        fields=fields,
        rate=order.pace.rate,
        in_flight=order.pace.in_flight,
        max_rows=order.pace.max_rows,
    )
    return JobFile(
        name=operation.name,
        path=Path.cwd() / "command",
        source=reading.source(order.source, order.items),
        steps=(step,),
        guards=Guards(
            allow_empty=reading.allow_empty,
            max_removals=None,
            max_rejected=None,
            preflight=not reading.no_preflight,
        ),
    )


def _default_by(operation: Operation) -> object:
    parameter = operation.signature.parameters.get("by")
    return None if parameter is None else parameter.default


def _answers(order: Order, output: StandardOutput) -> OnAnswer | None:
    """Return what prints answers, where they are what is wanted or were asked for."""
    operation = order.operation
    if not (order.reporting.answers or operation.facts.acknowledges == "answered"):
        return None

    def answered(chunk: SettledChunk[object], rows: Sequence[SourceRow]) -> None:
        record: dict[str, object] = {"positions": [row["row"] for row in rows], "outcome": "delivered"}
        if operation.shape == "call":
            key = operation.kind.key(chunk.items[0])
            record = {"position": rows[0]["row"], "key": key, "outcome": "delivered"}
        if rows:
            output.write([json_line({**record, "result": chunk.result})])

    return answered


def _write_report(summary: Summary, path: Path) -> None:
    """Write the summary as JSON; where that cannot be done, it is reported and the command fails."""
    try:
        path.write_bytes(summary.to_json() + b"\n")
    except OSError as error:
        problem = f"The report {path} cannot be written: {error.strerror}"
        summary.unwritten.append(problem)
        tell(problem)
