"""The whole command: the vendors' operations, job files, the reference, the sandbox and the demo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from cyclopts import App, Parameter

from netaudience.cli.commands import add_vendor
from netaudience.cli.jobs import add_jobs
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.vendors import clients

__all__ = ["build"]

_HELP = """Carry audience changes to customer-engagement services, and say what happened to every single item.

Standard output is data (JSON lines), all else goes to standard error. Credentials come from the environment:
NETAUDIENCE_NETMERA_API_KEY, or NETAUDIENCE_NETMERA_API_KEY_FILE, and so on.

Exit codes: 0 all delivered, 1 failed or stopped, 2 usage or configuration, 3 some items not delivered,
4 credentials not accepted, 5 stopped by a guard, 130 and 143 interrupted.
"""
_flag = Parameter(negative="", show_default=False)
_many = Parameter(negative="", show_default=False)


def build(vendors: Iterable[type[Client]] | None = None) -> App:
    """Return the command line of these vendors, or of all of ours, ready to be called with arguments."""
    app = App(
        name="netaudience", help=_HELP, version=_version, result_action="return_value", help_format="markdown"
    )
    for vendor in clients() if vendors is None else vendors:
        add_vendor(app, vendor)
    add_jobs(app)
    app.command(_operations, name="operations")
    app.command(_sandbox, name="sandbox")
    app.command(_demo, name="demo")
    return app


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - costs a program's start

    return version("netaudience")


def _operations(
    *,
    json: Annotated[bool, _flag] = False,
    markdown: Annotated[bool, _flag] = False,
    vendor: str | None = None,
) -> int:
    """List all operations, with their limits and where each figure is known from.

    Args:
        json: Print a JSON list instead of a table.
        markdown: Print the page of the documentation instead of a table.
        vendor: Only the operations of this vendor.
    """
    from netaudience.cli.listing import list_operations  # noqa: PLC0415 - costs a program's start

    if json and markdown:
        raise ConfigurationError("Say either --json or --markdown")
    return list_operations("json" if json else "markdown" if markdown else "table", vendor)


def _sandbox(  # noqa: PLR0913 - each is a flag
    *,
    port: int = 8765,
    host: str = "127.0.0.1",
    fault: Annotated[tuple[str, ...], _many] = (),
    seed: int = 0,
    rate: Annotated[tuple[str, ...], _many] = (),
    in_flight: Annotated[tuple[str, ...], _many] = (),
    delay: Annotated[tuple[str, ...], _many] = (),
    empty: Annotated[bool, _flag] = False,
) -> int:
    """Serve the vendors' documents on this machine, to try things out without an account.

    Args:
        port: The port to listen on; 0 takes a free one.
        host: The address to listen on.
        fault: What goes wrong, and how often, for example status=503,share=0.01 or latency=0.05.
        seed: Repeats the same faults.
        rate: Requests per second that one account may send, for example netmera=20.
        in_flight: Requests of one account at one time, for example clevertap=3. A rate or this replaces
            the vendor's documented limits, or those of one allowance: iterable/forget=1.
        delay: Seconds until what a vendor accepted shows, for example iterable=60.
        empty: Begin without the few users and segments that are there to explore.
    """
    from netaudience.cli.sandbox import SandboxOrder, serve_sandbox  # noqa: PLC0415 - costs a program's start

    order = SandboxOrder(
        host=host,
        port=port,
        faults=fault,
        seed=seed,
        rates=rate,
        in_flight=in_flight,
        delays=delay,
        explorable=not empty,
    )
    return serve_sandbox(order)


def _demo(
    *,
    rows: int = 100_000,
    seed: int = 1,
    keep: Annotated[str | None, Parameter(negative="")] = None,
    quiet: Annotated[bool, _flag] = False,
    debug: Annotated[bool, _flag] = False,
) -> int:
    """Show the main job without an account: a dirty export, a vendor in trouble, and a report that adds up.

    Args:
        rows: Rows of the export.
        seed: Repeats the same export and the same faults.
        keep: Keep the files in this directory.
        quiet: No progress.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.demo import run_demo  # noqa: PLC0415 - costs a program's start

    del debug  # looked for on the command line itself
    return run_demo(rows=rows, seed=seed, keep=keep, quiet=quiet)
