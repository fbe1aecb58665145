"""The main job for somebody without an account: a dirty export, a vendor in trouble, a report that adds up.

It runs the code of the real commands against the sandbox in this process, over a real socket, and then asks
the sandbox what really happened. It ends well only if both tell the same.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from netaudience.cli.demo_look import look_afterwards
from netaudience.cli.display import tell
from netaudience.cli.export import Export, write_export
from netaudience.cli.one_shot import Order, execute, open_table
from netaudience.cli.options import Pace, Reading, Reporting
from netaudience.cli.output import StandardOutput
from netaudience.cli.sandbox import routes
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.exit_codes import ExitCode, of_signal
from netaudience.jobs.state.summary import StepSummary
from netaudience.sandbox import Fault, Sandbox, SandboxLimits
from netaudience.sandbox.netmera.definitions import Attribute
from netaudience.sandbox.netmera.state import User
from netaudience.settings import Settings
from netaudience.vendors.netmera import NetmeraClient

TAG = "demo"
#: Requests per second that the sandbox allows, and that the client keeps to.
RATE = 50
IN_FLIGHT = 8
#: The attributes that the sandbox's panel defines.
_PANEL = ("name", "city", "note", "lastOrder", "points", "tier")
_NEXT = """What to try next:
  netaudience sandbox                          the same vendor, for as long as you like
  netaudience demo --keep DIR                  the same once more, and the files stay to be looked at
  netaudience netmera tag-users --help         what the command can do
  netaudience operations                       every operation, and where each limit is known from
"""


@attrs.frozen
class Check:
    """One thing that the report and the sandbox must agree on."""

    ok: bool
    sentence: str


@attrs.frozen(kw_only=True)
class _Job:
    """One command that the demo runs."""

    operation: str
    #: Its flags as somebody would write them.
    flags: str
    arguments: Mapping[str, object]
    reading: Reading
    #: Whether the operation was done to a user.
    changed: Callable[[User], bool]
    done: str
    #: Whether the rows carry values, so that their order matters.
    ordered: bool


_JOBS = (
    _Job(
        operation="tag_users",
        flags=f"--tag {TAG} --column customer_id",
        arguments={"tag": TAG},
        reading=Reading(column=("customer_id",)),
        changed=lambda user: TAG in user.tags,
        done="are tagged",
        ordered=False,
    ),
    _Job(
        operation="set_profile_attributes",
        flags="--column ext_id=customer_id",
        arguments={},
        reading=Reading(column=("ext_id=customer_id",)),
        changed=lambda user: bool(user.profile),
        done="have their attributes",
        ordered=True,
    ),
)


def run_demo(*, rows: int, seed: int, keep: str | None, quiet: bool) -> int:
    """Run the demo and return the exit code.

    Raises:
        ConfigurationError: there are no rows, or the directory cannot be used.
    """
    if rows < 1:
        raise ConfigurationError("--rows must be at least 1")
    with demo_folder(keep) as directory:
        return asyncio.run(_demo(directory, rows, seed, passing=keep is None, quiet=quiet))


@contextmanager
def demo_folder(keep: str | None) -> Generator[Path, None, None]:
    """Give a folder for the files of a demo, which is gone afterwards unless it is kept.

    Raises:
        ConfigurationError: it cannot be made.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="netaudience-") as name:
            yield Path(name)
        return
    try:
        Path(keep).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The directory {keep} cannot be made: {error.strerror}") from error
    yield Path(keep)


async def _demo(directory: Path, rows: int, seed: int, *, passing: bool, quiet: bool) -> int:
    _say(f"Writing an export of {rows:,} customers, with the dirt of a real one")
    try:
        export = write_export(directory / "customers.csv", rows, seed)
    except OSError as error:
        raise ConfigurationError(f"The export cannot be written: {error.strerror}") from error
    sandbox = Sandbox(
        routes(),
        seed=seed,
        faults=_faults(export),
        limits={"netmera": SandboxLimits.rate(RATE, in_flight=IN_FLIGHT)},
    )
    pace = Pace(rate=RATE, in_flight=IN_FLIGHT)
    async with sandbox:
        sandbox.netmera.attributes = {code: Attribute(code) for code in _PANEL}
        _say(f"The sandbox listens at {sandbox.url('netmera')}: it throttles, fails, and drops answers")
        checks: list[Check] = []
        for job in _JOBS:
            _say(f"\nnetaudience netmera {job.operation.replace('_', '-')} {job.flags} {export.path.name}")
            rejects = directory / f"rejects-{job.operation}.ndjson"
            order = Order(
                vendor=NetmeraClient,
                operation=NetmeraClient.operations()[job.operation],
                arguments=job.arguments,
                source=str(export.path),
                pace=pace,
                reading=job.reading,
                reporting=Reporting(rejects=rejects, quiet=quiet),
                passing=passing,
            )
            with open_table(order) as table:
                summary = await execute(order, table, lambda _, settings: _client(sandbox, pace, settings))
            if summary.signal is not None:
                return of_signal(summary.signal)
            checks += _checks(sandbox, export, summary.steps[0], rejects, job)
            sandbox.set_faults(_faults(export))  # those that come early come early again
        sandbox.set_faults([])
        seen = await look_afterwards(
            directory,
            sandbox,
            list(dict.fromkeys(export.good_ids)),
            lambda _, settings: _client(sandbox, pace, settings),
            quiet=quiet,
        )
        checks += [Check(*one) for one in seen]
    return _verdict(checks)


def _client(sandbox: Sandbox, pace: Pace, settings: Settings) -> Client:
    home = sandbox.url("netmera")
    return NetmeraClient("sandbox", base_url=home, settings=pace.settings(settings))


def _faults(export: Export) -> list[Fault]:
    return [
        Fault("latency", seconds=0.02, jitter=0.03),
        Fault("poison", ids=frozenset({export.poison})),
        Fault("status", status=429, retry_after="1", after=20, first=1),
        Fault("status", status=503, share=0.03),
        Fault("reset-after", share=0.03),
    ]


def _checks(sandbox: Sandbox, export: Export, step: StepSummary, rejects: Path, job: _Job) -> Iterator[Check]:
    undelivered = _undelivered(rejects)
    named = Counter(undelivered.values())
    counted = {"rejected": step.rejected, "failed": step.failed, "in_doubt": step.in_doubt}
    yield Check(
        step.total == len(export.ids) == step.delivered + len(undelivered),
        f"all {len(export.ids):,} rows: {step.delivered:,} were delivered, {len(undelivered):,} are in the "
        "rejects file",
    )
    yield Check(
        named == +Counter(counted),
        f"the rejects file and the report count alike: {step.rejected:,} rejected",
    )
    delivered = {name for row, name in enumerate(export.ids, start=1) if row not in undelivered and name}
    changed = {name for name, user in sandbox.netmera.users.items() if job.changed(user)}
    in_doubt = {export.ids[row - 1] for row, outcome in undelivered.items() if outcome == "in_doubt"}
    yield Check(
        delivered <= changed and changed - delivered <= in_doubt,
        f"the {len(delivered):,} different ids reported as delivered {job.done} in the sandbox, and no other",
    )
    rejected = {export.ids[row - 1] for row, outcome in undelivered.items() if outcome == "rejected"}
    yield Check(
        export.poison in rejected and not (rejected - delivered) & changed,
        "nothing was done to an id that was rejected, the poisonous one in particular",
    )
    yield Check(
        delivered == set(export.good_ids),
        "every id that could be delivered was: no good one was lost with a bad neighbour",
    )
    if job.ordered:
        last = {name: export.points[row] for row, name in enumerate(export.ids) if name in delivered}
        users = sandbox.netmera.users
        kept = {name: users[name].profile.get("points") for name in last if name in users}
        yield Check(kept == last, "where a customer has several rows, the last one holds")
    judged = sandbox.check("netmera", job.operation)
    yield Check(judged["overlap"].ok, judged["overlap"].sentence)
    yield Check(
        judged["limit"].ok, f"the limit of {RATE} requests per second held: {judged['limit'].sentence}"
    )


def _undelivered(rejects: Path) -> dict[int, str]:
    """Read the rejects file: the outcome by row."""
    found: dict[int, str] = {}
    with rejects.open("rb") as lines:
        for line in lines:
            letter = json.loads(line)
            found[letter["position"]] = letter["outcome"]
    return found


def _verdict(checks: list[Check]) -> int:
    code = tell_checks(checks)
    _say(f"\n{_NEXT}")
    return code


def tell_checks(checks: list[Check]) -> int:
    """Print what was checked, and return the exit code."""
    lines = [f"{'✓' if check.ok else '✗'} {check.sentence}" for check in checks]
    agree = all(check.ok for check in checks)
    lines.append("the numbers agree" if agree else "the numbers do NOT agree: please report it")
    StandardOutput().write_all([f"{line}\n".encode() for line in lines])
    return ExitCode.DELIVERED if agree else ExitCode.FAILED


def _say(text: str) -> None:
    tell(text)
