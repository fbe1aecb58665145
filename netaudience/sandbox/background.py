"""A sandbox in a thread of its own, for code that has no event loop or whose loop is busy.

Its methods may be called from any thread; state is read best between requests, not during them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import abc
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Self, TypeVar

from netaudience.sandbox.clevertap import CleverTap
from netaudience.sandbox.faults import Fault
from netaudience.sandbox.fynd import Fynd
from netaudience.sandbox.invariants import CheckReport
from netaudience.sandbox.iterable import Iterable
from netaudience.sandbox.ledger import Ledger
from netaudience.sandbox.moengage import MoEngage
from netaudience.sandbox.netmera import Netmera
from netaudience.sandbox.protocol import Json
from netaudience.sandbox.server import Sandbox

T = TypeVar("T")


class BackgroundSandbox:
    """A running sandbox: `with BackgroundSandbox() as sandbox: ...`."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox or Sandbox()
        self._thread = threading.Thread(target=self._run, name="netaudience-sandbox", daemon=True)
        self._opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    def __enter__(self) -> Self:
        """Start; raises what the server raised, for example `OSError` where the port is taken."""
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and its thread."""
        loop, stop = self._opened.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    @property
    def netmera(self) -> Netmera:
        """Netmera's state as of now."""
        return self._now(lambda: self._sandbox.netmera)

    @property
    def iterable(self) -> Iterable:
        """Iterable's state as of now."""
        return self._now(lambda: self._sandbox.iterable)

    @property
    def clevertap(self) -> CleverTap:
        """CleverTap's state as of now."""
        return self._now(lambda: self._sandbox.clevertap)

    @property
    def moengage(self) -> MoEngage:
        """MoEngage's state as of now."""
        return self._now(lambda: self._sandbox.moengage)

    @property
    def fynd(self) -> Fynd:
        """Fynd's state as of now."""
        return self._now(lambda: self._sandbox.fynd)

    @property
    def ledger(self) -> Ledger:
        """The requests and what they applied."""
        return self._sandbox.ledger

    def url(self, vendor: str = "") -> str:
        """The base URL for a vendor's client; without a vendor, the server's own."""
        return self._sandbox.url(vendor)

    def environment(self) -> dict[str, str]:
        """The variables that lead every vendor's client here."""
        return self._sandbox.environment()

    def check(self, vendor: str, operation: str, expected: abc.Iterable[str] | None = None) -> CheckReport:
        """Judge what reached an operation; `expected` are the keys that should have arrived."""
        return self._call(lambda: self._sandbox.check(vendor, operation, expected))

    def set_faults(self, *faults: Fault | str) -> None:
        """Replace the faults; a text is read by `Fault.parse`."""
        self._call(lambda: self._sandbox.set_faults(faults))

    def seed(self, vendor: str, document: Json) -> None:
        """Add state, as the admin route does."""
        self._call(lambda: self._sandbox.vendor(vendor).seed(document))

    def now(self) -> float:
        """The sandbox's clock, in seconds since it was made."""
        return self._sandbox.now()

    def advance(self, seconds: float) -> None:
        """Let a number of seconds pass at once on the sandbox's clock."""
        self._call(lambda: self._sandbox.advance(seconds))

    def set_delay(self, delay: Mapping[str, float]) -> None:
        """Delay what these vendors accept from now on."""
        self._call(lambda: self._sandbox.set_delay(delay))

    def pending(self) -> Mapping[str, int]:
        """How many accepted changes do not show yet, by vendor."""
        return self._call(self._sandbox.pending)

    def reset(self) -> None:
        """Forget state, requests and counts."""
        self._call(self._sandbox.reset)

    def _now(self, function: Callable[[], T]) -> T:
        """Read state between requests; before and after the server's life nothing else touches it."""
        return self._call(function) if self._thread.is_alive() else function()

    def _call(self, function: Callable[[], T]) -> T:
        """Run a function between requests, in the server's loop."""
        if not self._thread.is_alive():
            raise RuntimeError("The sandbox is not running: enter it with `with` first.")
        loop, _ = self._opened.result()

        async def between_requests() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(between_requests(), loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            # Not lost: whoever waits in __enter__ raises it.
            if not self._opened.done():
                self._opened.set_exception(error)

    async def _main(self) -> None:
        async with self._sandbox:
            stop = asyncio.Event()
            self._opened.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()
