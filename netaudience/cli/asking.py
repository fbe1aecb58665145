"""Commands that take no item: one answer as JSON, or the rows of all pages as JSON lines."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from itertools import islice
from typing import cast

from netaudience.cli.display import tell
from netaudience.cli.options import Pace
from netaudience.cli.output import StandardOutput, json_line
from netaudience.client import Client
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import Consent, refusal, wants_consent
from netaudience.operations.bound import Pages
from netaudience.operations.declare import PageQuery
from netaudience.operations.dispatch import Operation

#: Rows that are made and written at one time.
_AT_ONCE = 1000


def ask_operation(
    vendor: type[Client],
    operation: Operation,
    arguments: Mapping[str, object],
    pace: Pace,
    consent: Consent,
) -> int:
    """Ask with a client from the environment and print the answer by the vendor's own names.

    Raises:
        NetaudienceError: the consent is missing, no answer came, or it is not a success.
    """
    if wants_consent(operation) and not consent.yes:
        raise refusal(operation)
    arguments = operation.with_consent(arguments)
    client = vendor.from_environment(settings=pace.settings())
    output = StandardOutput()

    async def ask() -> None:
        async with client:
            asked = getattr(client, operation.name)(**arguments)
            if isinstance(asked, Pages):
                async for page in cast("Pages[object, object]", asked).pages():
                    rows = iter(_rows(operation, page))
                    while some := [json_line(row) for row in islice(rows, _AT_ONCE)]:
                        if not output.write(some):
                            return
            else:
                output.write([json_line(await asked)])
                if operation.facts.settles:
                    tell(operation.facts.settles)

    asyncio.run(ask())
    output.write_all([])
    return ExitCode.FAILED if output.unread else ExitCode.DELIVERED


def _rows(operation: Operation, page: object) -> Collection[object]:
    return cast("PageQuery[..., object, object]", operation).rows(page)
