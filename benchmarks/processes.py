"""One measurement in several fresh processes, one after the other, and the median of what they say.

What a request costs beyond aiohttp depends on where a process lies in memory and how it hashes, which it
keeps for its life: the control beside a figure is of the same process, and cannot show it.
"""

from __future__ import annotations

import subprocess
import sys

import orjson

from benchmarks.plan import Measurement, Plan, Result

__all__ = ["in_processes"]

#: Fewer rounds in each process say too little.
_FEWEST = 8


def in_processes(measurement: Measurement, plan: Plan, attempts: int) -> list[Result]:
    """Measure in as many processes as the plan says; the rounds are shared out among them.

    Raises:
        RuntimeError: a process broke.
    """
    command = [sys.executable, "-m", "benchmarks", "--json", "--processes", "1"]
    command += ["--only", ",".join(sorted(plan.wanted.intersection(measurement.ids)))]
    command += ["--loop", plan.loop, "--attempts", str(attempts)]
    command += ["--pairs", str(max(_FEWEST, plan.pairs // plan.processes))]
    if plan.quick:
        command.append("--quick")
    told: list[list[Result]] = []
    for _ in range(plan.processes):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - it is this program
        if done.returncode not in {0, 1}:  # 1: its control was off, which the median shows
            raise RuntimeError(f"A process of the benchmark ended with {done.returncode}: see above")
        told.append([Result.from_json(row) for row in orjson.loads(done.stdout)])
    return [Result.median(results) for results in zip(*told, strict=True)]
