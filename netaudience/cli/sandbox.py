"""Serves the sandbox until it is told to stop: all vendors, each under our names and its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import TypeVar

import attrs

from netaudience.cli.display import tell
from netaudience.cli.output import StandardOutput
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.sandbox import Fault, Route, Sandbox, SandboxLimits, Window, serve
from netaudience.vendors import clients

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SandboxOrder:
    """What the command line asks for."""

    host: str = "127.0.0.1"
    port: int = 8765
    faults: tuple[str, ...] = ()
    seed: int = 0
    #: Each of these three as VENDOR=NUMBER; rate and in_flight take VENDOR/ALLOWANCE=NUMBER too.
    rates: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    delays: tuple[str, ...] = ()
    #: Whether a little state is there to explore.
    explorable: bool = True


def routes(vendors: Iterable[type[Client]] | None = None) -> list[Route]:
    """Return every operation of these vendors, or of all of ours, as a route."""
    return [
        Route(vendor.slug, operation.name, operation.facts.method, operation.facts.path)
        for vendor in (clients() if vendors is None else vendors)
        for operation in vendor.operations().values()
    ]


def every_route() -> list[Route]:
    """Return ours, and beside them everything that the documents know: Fynd's tokens, reads."""
    return [*routes(), *(route for point in Sandbox().endpoints for route in point.routes)]


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
    return Sandbox(
        every_route(),
        faults=[Fault.parse(text) for text in order.faults],
        seed=order.seed,
        limits=_limits(order),
        delay=_numbers("--delay", order.delays, float),
        host=order.host,
        port=order.port,
        demo=order.explorable,
    )


def _limits(order: SandboxOrder) -> dict[str, SandboxLimits]:
    rates = _numbers("--rate", order.rates, int)
    in_flight = _numbers("--in-flight", order.in_flight, int)
    return {
        name: SandboxLimits((Window(rates[name]),) if name in rates else (), in_flight.get(name))
        for name in {**rates, **in_flight}
    }


def _numbers(flag: str, texts: tuple[str, ...], number: Callable[[str], T]) -> dict[str, T]:
    """Read NAME=NUMBER; raises `ValueError` with a sentence."""
    numbers: dict[str, T] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            numbers[name] = number(value)
        except ValueError:
            sentence = f"Write {flag} VENDOR=NUMBER, for example {flag} netmera=20, not {text!r}"
            raise ValueError(sentence) from None
    return numbers


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(sandbox: Sandbox) -> None:
    """Print one line for a shell to read, and the rest for people."""
    urls = {vendor: sandbox.url(vendor) for vendor in sandbox.vendors}
    exports = " ".join(f"{name}={value}" for name, value in sandbox.environment().items())
    StandardOutput().write([f"export {exports}\n".encode()])
    tell(f"The sandbox is listening; look around at {sandbox.url()}/ and stop it with Ctrl-C.")
    if not _is_loopback(sandbox.host):
        tell(
            f"Warning: whoever reaches this machine at {sandbox.host} can read and change what is in the "
            "sandbox, without a password: keep customers' data out of it, or leave --host away."
        )
    for vendor, url in urls.items():
        tell(f"  {vendor}: {url}")
    for route in sandbox.unserved():
        tell(f"  without a handler: {route.vendor} {route.operation}")
