"""One command of an operation that carries items: guards, source, run, summary, exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

import attrs

from netaudience.cli.carrying import Job, carry
from netaudience.cli.flags import CONSENT
from netaudience.cli.guards import Consent, allow
from netaudience.cli.mapping import map_records
from netaudience.cli.options import Pace, Reading, Reporting
from netaudience.cli.outlet import FileOutlet, StandardOutput, is_source
from netaudience.cli.progress import progress_for
from netaudience.cli.sources import Records, open_records, records_of
from netaudience.cli.summary import show, write_report
from netaudience.cli.tally import Tally
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.work import Operation

__all__ = ["Order", "execute", "run_operation"]


@attrs.frozen(kw_only=True)
class Order:
    """What the command line asks for."""

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

    def open(self) -> Records:
        """Open the source.

        Raises:
            ConfigurationError: it cannot be read.
        """
        if self.items:
            return records_of(self.items)
        return open_records(_source(self), self.reading.form, self.reading.delimiter)


def run_operation(vendor: type[Client], order: Order) -> int:
    """Run an operation with a client from the environment and return the exit code.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    client = vendor.from_environment(settings=order.pace.settings())

    async def run() -> Tally:
        async with client:
            return await execute(client, order)

    return asyncio.run(run()).exit_code()


async def execute(client: Client, order: Order) -> Tally:
    """Run an operation with this client and show what became of it.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    operation, reading, source = order.operation, order.reading, _source(order)
    report = order.reporting.report
    if report is not None and (is_source(report, source) or report == order.reporting.rejects):
        raise ConfigurationError("The report would replace the source or the rejects: name another file")
    counted = allow(operation, order.consent, source, order.open)
    output = StandardOutput()
    arguments = dict(order.arguments)
    if CONSENT in operation.signature.parameters:
        arguments[CONSENT] = True
    with closing(order.open()) as records:
        by = arguments.get("by", _default_by(operation))
        mapped = map_records(
            records,
            operation.kind,
            chosen=reading.column,
            by=by if isinstance(by, str) else None,
            typed=reading.typed,
            skipped=reading.skip,
        )
        if not order.reporting.quiet:
            sys.stderr.write(f"{mapped.sentence}\n")
        rejects = order.reporting.rejects
        with closing(output if rejects is None else FileOutlet(rejects, source)) as outlet:
            job = Job(
                client=client,
                operation=operation,
                arguments=arguments,
                records=records,
                mapped=mapped,
                rejects=outlet,
                output=output,
                counted=counted,
                allow_empty=reading.allow_empty,
                receipts=order.reporting.answers,
            )
            tally = await carry(job, progress_for(quiet=order.reporting.quiet))
    show(tally)
    if report is not None:
        write_report(tally, report)
    return tally


def _source(order: Order) -> str:
    source = order.source
    if (source is None) == (not order.items):
        raise ConfigurationError(
            "Say where the items come from: a file, - for standard input, or --item; one of them"
        )
    return source or "--item"


def _default_by(operation: Operation) -> object:
    parameter = operation.signature.parameters.get("by")
    return None if parameter is None else parameter.default
