"""Serves the sandbox until it is told to stop; its routes are the operations that this package has."""

from __future__ import annotations

import asyncio
import sys

import attrs

from netaudience.cli.exit_codes import ExitCode
from netaudience.errors import ConfigurationError
from netaudience.sandbox import Fault, Route, Sandbox, SandboxLimits, serve
from netaudience.vendors import VENDORS

__all__ = ["SandboxOrder", "routes", "serve_sandbox"]

#: What the sandbox lets in, by the variables that the clients read.
_EXPORTS = (
    "NETAUDIENCE_NETMERA_API_KEY=sandbox",
    "NETAUDIENCE_NETMERA_BASE_URL={netmera}",
    "NETAUDIENCE_CLEVERTAP_ACCOUNT_ID=sandbox",
    "NETAUDIENCE_CLEVERTAP_PASSCODE=sandbox",
    "NETAUDIENCE_CLEVERTAP_BASE_URL={clevertap}",
)


@attrs.frozen(kw_only=True)
class SandboxOrder:
    """What the command line asks for."""

    host: str = "127.0.0.1"
    port: int = 8765
    faults: tuple[str, ...] = ()
    seed: int = 0
    netmera_rate: int | None = None
    netmera_in_flight: int | None = None
    clevertap_in_flight: int | None = None
    #: Whether a little state is there to explore.
    explorable: bool = True


def routes() -> list[Route]:
    """Return every operation of every vendor as a route."""
    return [
        Route(vendor.slug, operation.name, operation.facts.method, operation.facts.path)
        for vendor in VENDORS
        for operation in vendor.operations().values()
    ]


def serve_sandbox(order: SandboxOrder) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: a fault or a limit is wrong, or the port is taken.
    """
    try:
        sandbox = _make(order)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    try:
        asyncio.run(serve(sandbox, _announce))
    except OSError as error:
        words = f"The sandbox cannot listen on {order.host} port {order.port}: {error.strerror}: say --port"
        raise ConfigurationError(words) from error
    return ExitCode.DELIVERED


def _make(order: SandboxOrder) -> Sandbox:
    limits = {"netmera": SandboxLimits(requests=order.netmera_rate, in_flight=order.netmera_in_flight)}
    if order.clevertap_in_flight is not None:
        limits["clevertap"] = SandboxLimits(in_flight=order.clevertap_in_flight)
    return Sandbox(
        routes(),
        faults=[Fault.parse(text) for text in order.faults],
        seed=order.seed,
        limits=limits,
        host=order.host,
        port=order.port,
        demo=order.explorable,
    )


def _announce(sandbox: Sandbox) -> None:
    """Print one line for a shell to read, and the rest for people."""
    urls = {vendor.slug: sandbox.url(vendor.slug) for vendor in VENDORS}
    exports = " ".join(export.format(**urls) for export in _EXPORTS)
    sys.stdout.write(f"export {exports}\n")
    sys.stdout.flush()
    told = "".join(f"  {vendor}: {url}\n" for vendor, url in urls.items())
    sys.stderr.write(
        f"The sandbox is listening; look around at {sandbox.url()}/_sandbox/ and stop it with Ctrl-C.\n{told}"
    )
    for route in sandbox.unserved():
        sys.stderr.write(f"  without a handler: {route.vendor} {route.operation}\n")
