"""The whole command: the vendors' operations, the reference, the sandbox and the demo."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from netaudience.cli.commands import add_vendor
from netaudience.vendors import VENDORS

__all__ = ["build"]

_HELP = """Carry audience changes to customer-engagement services, and say what happened to every single item.

Standard output is data (JSON lines), all else goes to standard error. Credentials come from the environment:
NETAUDIENCE_NETMERA_API_KEY, or NETAUDIENCE_NETMERA_API_KEY_FILE, and so on.

Exit codes: 0 all delivered, 1 failed or stopped, 2 usage or configuration, 3 some items not delivered,
4 credentials not accepted, 5 stopped by a guard, 130 and 143 interrupted.
"""
_flag = Parameter(negative="", show_default=False)


def build() -> App:
    """Return the command line, ready to be called with arguments."""
    app = App(
        name="netaudience", help=_HELP, version=_version, result_action="return_value", help_format="markdown"
    )
    for vendor in VENDORS:
        add_vendor(app, vendor)
    app.command(_operations, name="operations")
    app.command(_sandbox, name="sandbox")
    app.command(_demo, name="demo")
    return app


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - costs a program's start

    return version("netaudience")


def _operations(*, json: Annotated[bool, _flag] = False, vendor: str | None = None) -> int:
    """List all operations, with their limits and where each figure is known from.

    Args:
        json: Print a JSON list instead of a table.
        vendor: Only the operations of this vendor.
    """
    from netaudience.cli.listing import list_operations  # noqa: PLC0415 - costs a program's start

    return list_operations(as_json=json, vendor=vendor)


def _sandbox(  # noqa: PLR0913 - each is a flag
    *,
    port: int = 8765,
    host: str = "127.0.0.1",
    fault: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    seed: int = 0,
    netmera_rate: int | None = None,
    netmera_in_flight: int | None = None,
    clevertap_in_flight: int | None = None,
    empty: Annotated[bool, _flag] = False,
) -> int:
    """Serve the vendors' documents on this machine, to try things out without an account.

    Args:
        port: The port to listen on; 0 takes a free one.
        host: The address to listen on.
        fault: What goes wrong, and how often, for example status=503,share=0.01 or latency=0.05.
        seed: Repeats the same faults.
        netmera_rate: Requests per second that one Netmera account may send.
        netmera_in_flight: Requests of one Netmera account at one time.
        clevertap_in_flight: Requests of one CleverTap account at one time; three if not given.
        empty: Begin without the few users and segments that are there to explore.
    """
    from netaudience.cli.sandbox import SandboxOrder, serve_sandbox  # noqa: PLC0415 - costs a program's start

    order = SandboxOrder(
        host=host,
        port=port,
        faults=fault,
        seed=seed,
        netmera_rate=netmera_rate,
        netmera_in_flight=netmera_in_flight,
        clevertap_in_flight=clevertap_in_flight,
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
