"""P12: what importing the package costs beyond aiohttp, which it needs in any case.

Each import is timed inside a fresh interpreter, aiohttp's and ours in turn; the difference is taken in
each round, then the median. Byte code is read from a directory of the benchmark's own, for in some
environments (PYTHONDONTWRITEBYTECODE) an editable package would be compiled anew at every import.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from benchmarks.plan import Measurement, Plan, Result

__all__ = ["MEASUREMENTS"]

_CODE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
#: The package imports a name when it is asked for: these need all that a run and a call need.
_BAR, _OURS = "import aiohttp", "from netaudience import Client, Report, Run, VendorError"


async def _import_time(statement: str, environment: Mapping[str, str]) -> float:
    """Return the milliseconds that an import takes in a fresh interpreter."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CODE.format(statement), stdout=asyncio.subprocess.PIPE, env=environment
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed: standard error tells why")
    return float(told) * 1000


async def _beyond_aiohttp(plan: Plan) -> list[Result]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    differences: list[float] = []
    controls: list[float] = []
    with TemporaryDirectory() as byte_code:
        environment["PYTHONPYCACHEPREFIX"] = byte_code
        for statement in (_BAR, _OURS):  # writes the byte code
            await _import_time(statement, environment)
        for number in range(plan.pairs):
            statements = [_BAR, _OURS, _BAR]
            bar, ours, again = [await _import_time(each, environment) for each in statements]
            # The two of aiohttp change sides, so that neither is always the first.
            bar, again = (again, bar) if number % 2 else (bar, again)
            differences.append(ours - bar)
            controls.append(again / bar)
    return [
        Result(
            id="P12",
            what="import of netaudience beyond aiohttp's own",
            measured=statistics.median(differences),
            promise=30,
            bound="at most",
            control=statistics.median(controls),
            unit="ms",
        )
    ]


MEASUREMENTS = (Measurement(("P12",), _beyond_aiohttp),)
