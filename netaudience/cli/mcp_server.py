"""A server of the Model Context Protocol: what an agent may see of jobs and vendors, and what it may do.

It refuses to show whom rows are about, unless it was started so; to read job files outside of its folder; to
run what was not planned, and approved by somebody who was named at the start; and to lose data: a job that
does is run by the command.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeAlias, TypeVar, cast

try:
    from anyio.to_thread import run_sync
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp_types import ToolAnnotations
    from pydantic import Field
except ImportError as missing:
    raise ImportError(
        "The server for agents needs the SDK of the Model Context Protocol: pip install 'netaudience[mcp]'"
    ) from missing


from netaudience.cli.job_display import run_row
from netaudience.cli.output import json_line, masked
from netaudience.cli.who_actions import told_of
from netaudience.dead_letter import DeadLetter
from netaudience.errors import ConfigurationError, NetaudienceError, NotFound, mask
from netaudience.jobs import Job
from netaudience.jobs.spec.validate import find_vendor
from netaudience.jobs.state.fetch_state import fetch_state
from netaudience.jobs.state.find_run import find_run
from netaudience.jobs.state.run_folder import RunFolder, replace, runs_of
from netaudience.jobs.state.summary import Summary, read_summary
from netaudience.model.kinds import Identifiers
from netaudience.model.wire import JsonValue, dump_json, load_json
from netaudience.operations.bound import BoundBatch, BoundCall
from netaudience.operations.dispatch import Operation
from netaudience.reference import OperationRow, reference
from netaudience.verbs import Subject, history_of, who

if TYPE_CHECKING:
    from netaudience.client import Client

#: What a tool gives.
Shown: TypeAlias = dict[str, object]
P = ParamSpec("P")
T = TypeVar("T")

_INSTRUCTIONS = (
    "Job files say which rows go to which customer-engagement vendor. Look at a job with plan, show the plan "
    "to a person, and call run with the plan's digest and that person's name once they have agreed. "
    "Afterwards summary and rejects tell what became of every row."
)
_RUN = re.compile(r"latest|[0-9]{8}(-[0-9]{0,6}(-[0-9a-f]{0,4})?)?")
#: What is shown of a dead letter besides whom it is about.
_OF_LETTER = ("position", "step", "vendor", "operation", "outcome", "by", "status", "code", "reason")
#: Undelivered rows that one call shows at most.
_MOST = 200
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
_ASKS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=True)
_SENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
)

_Vendor: TypeAlias = Annotated[str, Field(description="A vendor's name in commands, such as netmera.")]
_JobFile: TypeAlias = Annotated[str, Field(description="The job file, relative to the server's folder.")]
_OfJob: TypeAlias = Annotated[
    str | None, Field(description="The job file whose runs are meant; where runs are kept here if not given.")
]
_Run: TypeAlias = Annotated[
    str, Field(description="The run's id as runs lists it, the beginning of one, or latest.")
]


def make_server(folder: Path, *, approvers: Sequence[str] = (), show_values: bool = False) -> MCPServer:
    """Return the server; ``server.run()`` speaks over standard input and output.

    Args:
        folder: Where job files are; nothing outside of it is read as one.
        approvers: Who may approve a run; where nobody is named there is no tool that runs anything.
        show_values: Whether values of rows and of users are shown as they are.

    Raises:
        ConfigurationError: an approver's name is empty.
    """
    from importlib.metadata import version  # noqa: PLC0415 - here only

    if any(not name.strip() for name in approvers):
        raise ConfigurationError("An approver has a name, such as --approver ada")
    server = MCPServer("netaudience", instructions=_INSTRUCTIONS, version=version("netaudience"))
    folder = folder.resolve()
    tools, shown = (
        _Tools(folder, tuple(approvers), show_values=show_values),
        partial(_with_errors, f"{folder}{os.sep}"),
    )
    server.add_tool(shown(tools.operations), annotations=_READS)
    server.add_tool(shown(tools.plan), annotations=_READS)
    server.add_tool(shown(tools.runs), annotations=_READS)
    server.add_tool(shown(tools.summary), annotations=_READS)
    server.add_tool(shown(tools.rejects), annotations=_READS)
    server.add_tool(shown(tools.look_up), annotations=_ASKS)
    server.add_tool(shown(tools.who), annotations=_ASKS)
    if approvers:
        server.add_tool(shown(tools.run), annotations=_SENDS)
    return server


def _with_errors(
    folder: str, tool: Callable[P, Coroutine[None, None, T]]
) -> Callable[P, Coroutine[None, None, T]]:
    """Return a tool whose errors of ours reach the agent in their own words; all others stay here.

    Files go by the names that the agent has for them, within the server's folder.
    """

    @wraps(tool)
    async def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await tool(*args, **kwargs)
        except NetaudienceError as error:
            raise ToolError(str(error).replace(folder, "")) from None

    return telling


class _Tools:
    """What an agent may ask for; each public method is a tool, and its words are what the agent reads."""

    def __init__(self, folder: Path, approvers: tuple[str, ...], *, show_values: bool) -> None:
        self._folder = folder
        self._approvers = approvers
        self._show_values = show_values

    async def operations(
        self,
        vendor: _Vendor | None = None,
        operation: Annotated[str | None, Field(description="Show this one in full, with its limits.")] = None,
    ) -> Shown:
        """List what can be done at the vendors, or tell one operation whole: fields, limits, dangers."""
        if vendor is not None:
            _vendor(vendor)
        rows = list(await run_sync(lambda: list(reference(vendor))))
        if operation is None:
            return {"operations": [_brief(row) for row in rows]}
        found = [row for row in rows if row.operation == operation.replace("-", "_")]
        if not found:
            raise ConfigurationError(f"There is no operation {operation!r}: leave it out to see all")
        return {"operations": [row.to_json() for row in found]}

    async def plan(self, job: _JobFile) -> Shown:
        """Say what a job would send: rows, requests, time, what it rejects and why, and its digest.

        Nothing is sent. stops names the guards that would stop a run.
        """
        loaded = self._job(job)
        plan = cast("Shown", (await run_sync(loaded.plan)).to_json())
        for step in cast("list[Shown]", plan["steps"]):
            for load in (step["sends"], step["removes"], *cast("list[object]", step["removes_old"])):
                if isinstance(load, dict) and not self._show_values:
                    body = cast("Shown", load)
                    body["body"] = masked(body["body"])
        return plan

    async def runs(self, job: _OfJob = None) -> Shown:
        """List the runs that are kept, the newest first, with their counts."""
        folders = self._folders(job)
        rows = [run_row(run) for run in itertools.chain.from_iterable(map(runs_of, folders))]
        rows.sort(key=lambda row: str(row["run"]), reverse=True)
        return {"runs": rows}

    async def summary(self, run: _Run = "latest", job: _OfJob = None) -> Shown:
        """Tell what became of a run's rows, step by step, and what to do next."""
        found = self._run(run, job)
        summary = read_summary(found.summary)
        if summary is None:
            return {"run": found.id, "state": "under way or killed"}
        return _summary(summary)

    async def rejects(
        self,
        run: _Run = "latest",
        job: _OfJob = None,
        limit: Annotated[int, Field(ge=1, le=_MOST, description="How many are shown at most.")] = 20,
    ) -> Shown:
        """Show rows of a run that were not delivered, each with the reason; whom they are about is masked."""
        found = self._run(run, job)
        try:
            letters = list(itertools.islice(DeadLetter.read(found.rejects), limit + 1))
        except FileNotFoundError:
            letters = []
        except OSError as error:
            raise ConfigurationError(f"The rejects of {found.id} cannot be read: {error.strerror}") from None
        return {
            "run": found.id,
            "rejects": [self._letter(letter) for letter in letters[:limit]],
            "more": len(letters) > limit,
        }

    async def look_up(
        self,
        vendor: _Vendor,
        operation: Annotated[str, Field(description="A read of one user, such as get_profile_attributes.")],
        user: Annotated[str, Field(description="The user's identifier, as the operation takes it.")],
        arguments: Annotated[
            dict[str, JsonValue] | None, Field(description="The operation's own arguments, by name.")
        ] = None,
    ) -> Shown:
        """Ask a vendor what it knows of one user, by one request that only reads; values are masked."""
        client, asked = _read_of_a_user(vendor, operation)
        if strange := sorted({*(arguments or {})} - {*asked.parameters}):
            known = ", ".join(asked.parameters) or "none"
            raise ConfigurationError(f"{asked.name} has no argument {strange[0]!r}: it has {known}")
        async with client.from_environment() as account:
            try:
                answer = await _asked(getattr(account, asked.name), user, arguments or {})
            except NotFound:
                return {"found": False}
        read = load_json(json_line(answer))
        return {"found": True, "answer": read if self._show_values else masked(read, user)}

    async def who(
        self,
        id: Annotated[str | None, Field(description="Your own id of the person.")] = None,  # noqa: A002 - its name
        email: Annotated[str | None, Field(description="The e-mail address.")] = None,
        phone: Annotated[str | None, Field(description="The phone number, such as +905321234567.")] = None,
        vendor: Annotated[
            str | None, Field(description="Only this vendor; all that are set up if not given.")
        ] = None,
    ) -> Shown:
        """Ask every vendor what it holds of one person, and look into the kept runs for what was last sent.

        held and permissions are a vendor's answer, sent is the last that each step sent and when, done is
        what became of an erasure or an opt-out, undelivered is why a row was rejected, and not_known names
        runs of which nobody knows whether the person was in them. Nothing is sent; values are masked.
        """
        subject = Subject(id=id, email=email, phone=phone)
        vendors = None if vendor is None else [_vendor(vendor).slug]
        found = await who(subject, vendors=vendors)
        history = await history_of(subject, self._folder, vendors=vendors)
        return {"told": [*told_of(found, history, show=self._show_values)]}

    async def run(
        self,
        job: _JobFile,
        plan: Annotated[str, Field(description="The digest of the plan that was looked at.")],
        approver: Annotated[str, Field(description="Who has looked at the plan and agreed to it.")],
    ) -> Shown:
        """Run a job whose plan a person has approved. This sends its rows to the vendors.

        Anything else than that plan is refused, and so is a job that loses data.
        """
        if approver not in self._approvers:
            raise ConfigurationError(
                "Nobody of that name may approve a run: --approver says who may, where the server is started"
            )
        if not plan.strip():
            raise ConfigurationError("Look at the plan first: run takes its digest")
        loaded = self._job(job)
        approval: dict[str, JsonValue] = {
            "approver": approver,
            "plan": plan,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        noted: set[str] = set()

        def note(summary: Summary) -> None:
            """Write into the run's folder who has approved it, as soon as there is one."""
            if summary.run not in noted:
                noted.add(summary.run)
                replace(Path(summary.folder) / "approval.json", dump_json(approval))

        summary = await loaded.run(plan_digest=plan, signals=False, on_progress=note)
        return {**_summary(summary), "approved_by": approver}

    def _job(self, name: str) -> Job:
        """Load a job file of the server's folder."""
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise ConfigurationError("The job file is not in the server's folder: name one that is")
        return Job.load(path)

    def _folders(self, job: str | None) -> list[Path]:
        """Return where runs are kept: a job's, or those of all jobs beside whose file they are."""
        if job is not None:
            return [fetch_state(self._job(job))]
        return sorted(path for path in (self._folder / ".netaudience").glob("*") if path.is_dir())

    def _run(self, name: str, job: str | None) -> RunFolder:
        if _RUN.fullmatch(name) is None:  # a path would lead out of the folder
            raise ConfigurationError("A run is named by its id, the beginning of one, or latest")
        folders = self._folders(job)
        if not folders:
            raise ConfigurationError("There are no runs here: name the job file whose runs are meant")
        return find_run(name, folders)

    def _letter(self, letter: DeadLetter) -> Shown:
        answer: Shown = {
            name: getattr(letter, name)
            for name in (
                "position",
                "step",
                "vendor",
                "operation",
                "outcome",
                "by",
                "status",
                "code",
                "reason",
            )
        }
        answer = {name: value for name, value in answer.items() if value not in {None, ""}}
        if self._show_values:
            return {**answer, "key": letter.key, "row": letter.row}
        return {**answer, "key": mask(letter.key), "row": masked(letter.row)}


def _brief(row: OperationRow) -> Shown:
    danger = "cannot be undone" if row.irreversible else "loses data" if row.destructive else ""
    answer: Shown = {"vendor": row.vendor, "operation": row.operation, "summary": row.summary}
    return {**answer, "danger": danger} if danger else answer


def _vendor(name: str) -> type[Client]:
    found = find_vendor(name)
    if found is None:
        raise ConfigurationError(f"There is no vendor {name!r}: operations lists them")
    return found


def _read_of_a_user(vendor: str, operation: str) -> tuple[type[Client], Operation]:
    """Return an operation that reads what is known of one identifier, and changes nothing."""
    client = _vendor(vendor)
    reads = {
        name: each
        for name, each in client.operations().items()
        if each.facts.acknowledges == "answered" and isinstance(each.kind, Identifiers)
    }
    found = reads.get(operation.replace("-", "_"))
    if found is None:
        raise ConfigurationError(
            f"{client.vendor} has no read of that name that takes one identifier: it has {', '.join(reads)}"
        )
    return client, found


async def _asked(bound: object, user: str, arguments: Mapping[str, JsonValue]) -> object:
    """Ask for one user; a batch of one gives the answer of its only request."""
    try:
        if isinstance(bound, BoundBatch):
            async with cast("BoundBatch[str, ...]", bound)([user], **arguments) as outcomes:
                async for chunk in outcomes.chunks():
                    for outcome in chunk.undelivered:
                        raise outcome.reason
                    return chunk.result
        return await cast("BoundCall[str, ..., object]", bound)(user, **arguments)
    except TypeError:
        raise ConfigurationError("An argument is of another type than the operation takes") from None


def _summary(summary: Summary) -> Shown:
    answer = cast("Shown", load_json(summary.to_json()))
    return {**answer, "ok": summary.ok, "sentences": cast("object", summary.sentences())}
