"""A job whose rows are sent by the executors of a cluster: its mapping, guards, changed-only and report.

Source and differences are written down first, beside the run, so that a task that is tried again has the same
rows. One action sends: what its tasks return are the attempts that count.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
import shutil
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from netaudience.client import from_environment
from netaudience.dead_letter import DeadLetter
from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.duckdb import Batch, import_arrow
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.deliver.prepare import Preparation, Prepared
from netaudience.jobs.deliver.threads import Threads
from netaudience.jobs.extract.table import open_data
from netaudience.jobs.plan.validate_source import check_source
from netaudience.jobs.spark.delivered import Delivered, Differing, uri_of
from netaudience.jobs.spark.frames import check_session
from netaudience.jobs.spark.memory import noted_counts
from netaudience.jobs.spark.outcomes import TASKS
from netaudience.jobs.spark.partition import carry_rows
from netaudience.jobs.spark.source import check_job, first_line, frame_of, spark_told
from netaudience.jobs.spark.storage import Storage
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.guards import RejectedGuard, accepts, check_rows
from netaudience.jobs.spec.model import Guards, JobFile, Share, Source, Step
from netaudience.jobs.state.memories import find_memory
from netaudience.jobs.state.run_folder import file_name
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.model.wire import dump_json, load_json, structure
from netaudience.outcomes import add_reasons

if TYPE_CHECKING:
    from netaudience.client import Client
    from netaudience.jobs.deliver.elsewhere import Session
    from netaudience.jobs.deliver.keeping import Keeping
    from netaudience.jobs.spec.guards import Consent
    from netaudience.operations.dispatch import Operation

#: Rows of which a task alone can tell whether too many are rejected.
_ENOUGH = 200


@attrs.frozen(kw_only=True)
class _Order:
    """What a task is told; it is pickled, and holds no secret."""

    of: JobFile
    memory: str
    letters: str
    #: Each run of a job has a memory of its own.
    run: str = ""

    def carried(self) -> tuple[type[Client], Operation]:
        """Return the vendor and the operation."""
        (step,) = self.of.steps
        return carried_operation(step.vendor, step.operation)

    def job(self, columns: Sequence[str]) -> JobFile:
        """Return the job of the step."""
        del columns
        return self.of


@attrs.frozen(kw_only=True)
class _Part:
    """What a task returns."""

    step: StepSummary | None = None
    refused: str = ""
    rows: int = 0
    #: The file of the rows that were not delivered.
    letters: str = ""


def _carried(order: _Order, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Carry a partition, and give one row that tells what became of it."""
    context = need("pyspark", "'netaudience[spark]'", "Spark").TaskContext.get()
    task, attempt = f"{context.partitionId():05d}", context.taskAttemptId()
    carried = carry_rows(order, batches, task, attempt)
    letters = ""
    if carried.lines:
        letters = f"part-{task}-{attempt}.jsonl"
        Storage(order.letters).write(letters, b"".join(carried.lines))
    part = _Part(step=carried.step, refused=carried.refused, rows=carried.rows, letters=letters)
    yield import_arrow().RecordBatch.from_pydict({"part": [dump_json(attrs.asdict(part))]})


class Cluster:
    """The executors of a session."""

    def __init__(self, session: Session) -> None:
        """Take a session, a SparkSession."""
        self._session = session

    def check(self, job: JobFile, options: Collection[str]) -> None:
        """Refuse what cannot be had in Spark.

        Raises:
            ConfigurationError: something of it cannot.
        """
        check_session(self._session)
        check_job(job, options)

    async def carry(
        self, keeping: Keeping, consent: Consent, on_progress: Callable[[Summary], object] | None
    ) -> Summary:
        """Carry a job to its end; its source is read once.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        with keeping.locked():
            keeping.find()
            async with contextlib.AsyncExitStack() as stack:
                job, _ = keeping.rows()
                preparation = Preparation(job, keeping, stack)
                await preparation.make_clients(from_environment, {})
                run = _Run(self._session, job, keeping, preparation, consent, on_progress)
                await run.prepare()
                await run.carry()
        return run.summary


@contextlib.contextmanager
def session(name: str) -> Generator[Session, None, None]:
    """Give the session that the environment says, as ``spark-submit`` and ``spark-defaults.conf`` do.

    Args:
        name: What the application is called.

    Raises:
        ConfigurationError: pyspark or Java is missing.
    """
    builder = need("pyspark.sql", "'netaudience[spark]'", "Spark").SparkSession.builder
    with spark_told("Spark does not start"):
        spark: Any = builder.appName(name).getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


class _Run:
    """One run of a job."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a run is made of
        self,
        session: Session,
        job: JobFile,
        keeping: Keeping,
        preparation: Preparation,
        consent: Consent,
        on_progress: Callable[[Summary], object] | None,
    ) -> None:
        self._spark: Any = session
        self._job, self._keeping, self._preparation = job, keeping, preparation
        self._consent = consent
        self._on_progress = on_progress
        self._threads = Threads()
        self._found: dict[str, Differing] = {}
        self._delivered: dict[str, Delivered] = {}
        self.summary = Summary(run="", job=job.name, file="", folder="", started="")

    async def prepare(self) -> None:
        """Ask the guards, and write down what is to be sent.

        Raises:
            NetaudienceError: nothing was sent, for the reason that it tells.
        """
        keeping, steps = self._keeping, self._preparation.steps
        frame = await self._call(lambda: frame_of(self._spark, self._job))
        columns = await self._call(lambda: self._columns(frame))
        keeping.start(
            "spark",
            {each.step.name: each.digest for each in steps},
            {each.step.name: each.client.account for each in steps},
        )
        try:
            self.summary = keeping.begin(None)
            self.summary.engine = "spark"
            await self._preparation.ask_vendors(columns)
            await self._call(lambda: self._compare(frame))
            await self._threads.call(keeping.sending)
        except BaseException:
            keeping.drop()
            raise
        self.summary.steps = [self._begun(each) for each in steps]

    async def _call(self, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it returns
        """Let Spark work.

        Raises:
            ConfigurationError: it cannot read the source.
        """
        with spark_told("Spark cannot read the source"):
            return await self._threads.call(function)

    def _columns(self, frame: Any) -> Mapping[str, str]:  # noqa: ANN401 - a frame
        with open_data(frame.limit(0).toArrow(), key=self._job.source.key) as table:
            check_source(self._job, table)
            return dict(table.columns)

    def _compare(self, frame: Any) -> None:  # noqa: ANN401 - a frame
        """Write down the source, and what of it differs from what was delivered."""
        source = uri_of(self._folder / "source")
        frame.write.parquet(source)
        rows = self._spark.read.parquet(source)
        count = rows.count()
        check_rows(count, self._job.guards, self._keeping.rows_before())
        self.summary.source_rows = count
        for prepared in self._preparation.steps:
            step = prepared.step
            if step.mode == "all":
                continue
            if not self._job.source.key:
                raise ConfigurationError(
                    f"The step {step.name!r} is {step.mode}, which needs a key: say in [source] which "
                    'columns identify a row, as in key = "user_id"'
                )
            place = find_memory(
                self._keeping.folder, step.name, prepared.client.home, self._consent.account, form="spark"
            )
            self._delivered[step.name] = delivered = Delivered(self._spark, place)
            delivered.settle()
            self._found[step.name] = delivered.differing(rows, step, self._job.source.key, self._of(step))

    @property
    def _folder(self) -> Path:
        return Path(self.summary.folder).absolute() / "spark"

    def _of(self, step: Step) -> Path:
        return self._folder / file_name(step.name)

    def _begun(self, prepared: Prepared) -> StepSummary:
        step, facts = prepared.step, prepared.operation.facts
        return StepSummary(
            name=step.name,
            vendor=prepared.client.slug,
            operation=prepared.operation.name,
            mode=step.mode,
            acknowledges=facts.acknowledges,
            unsaid=facts.unsaid,
            notes=prepared.notes(),
        )

    async def carry(self) -> None:
        """Send the rows of one step after the other, and tell what became of them."""
        for prepared, summary in zip(self._preparation.steps, self.summary.steps, strict=True):
            self._tell()
            started = datetime.now(UTC)
            try:
                await self._threads.call(functools.partial(self._send, prepared, summary))
            except Exception as error:  # noqa: BLE001 - what was sent is reported, whatever has happened
                await self._threads.call(functools.partial(self._failed, prepared, summary, error))
            summary.seconds = (datetime.now(UTC) - started).total_seconds()
        await self._threads.call(self._finish)
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.summary)

    def _send(self, prepared: Prepared, summary: StepSummary) -> None:
        step, found = prepared.step, self._found.get(prepared.step.name)
        folder = self._of(step)
        if found is not None:
            summary.added, summary.changed = found.added, found.changed
            summary.unchanged = found.total - found.added - found.changed - found.wrong
            self._delivered[step.name].begin(folder)
        source = uri_of(self._folder / "source")
        rows = self._spark.read.parquet(source) if found is None else found.frame
        to_send = (self.summary.source_rows or 0) if found is None else found.total - summary.unchanged
        # Without shared quotas it is one, which keeps the limits alone.
        tasks = TASKS if prepared.client.settings.quotas is not None else 1
        order = _Order(
            of=_task_of(self._job, step, to_send, tasks, summary.unchanged),
            memory=str(folder / "memory"),
            letters=str(folder / "letters"),
        )
        frame = rows.repartition(tasks, *[f"`{column}`" for column in self._job.source.key])
        answers = frame.mapInArrow(functools.partial(_carried, order), "part binary").collect()
        known = self._keeping.known(step.name)
        summary.exhausted, summary.total = True, summary.unchanged
        for answer in answers:
            part = structure(load_json(bytes(answer["part"])), _Part)
            self._take(summary, part)
            for line in Storage(order.letters).read(part.letters).splitlines() if part.letters else ():
                letter = attrs.evolve(DeadLetter.of_line(line), step=step.name)
                self._keeping.rejects.write(letter)
                if letter.outcome == "rejected":
                    known.add(letter.key, cast("Mapping[str, object]", letter.row), letter.reason)
        summary.known = known.count
        known.save(whole=summary.exhausted)
        guard = RejectedGuard(step.name, self._job.guards.max_rejected)
        judged = summary.total - summary.unchanged
        refused = guard.refuses(
            summary.rejected, judged, rows=summary.total, unchanged=summary.unchanged, known=summary.known
        )
        if refused is not None and summary.stopped_code in {None, ExitCode.GUARDED}:
            summary.stopped = None
            summary.stop(refused)

    def _take(self, summary: StepSummary, part: _Part) -> None:
        """Add what a task has told."""
        if part.refused:
            summary.stop(ConfigurationError(part.refused))
        step = part.step
        if step is None:
            summary.unsent += part.rows
            summary.total += part.rows
            summary.exhausted = summary.exhausted and not part.rows
            return
        summary.add(step)
        summary.total += step.total
        summary.requests += step.requests
        summary.retries += step.retries
        summary.throttles += step.throttles
        summary.in_turn += step.in_turn
        summary.exhausted = summary.exhausted and step.exhausted
        add_reasons(summary.reasons, step.reasons)
        for warning, times in step.warnings.items():
            summary.warnings[warning] = summary.warnings.get(warning, 0) + times
        if summary.stopped is None and step.stopped is not None:
            summary.stopped, summary.stopped_by = step.stopped, step.stopped_by
            summary.stopped_code = step.stopped_code

    def _failed(self, prepared: Prepared, summary: StepSummary, error: Exception) -> None:
        """Tell what is known of a step whose tasks have failed once too often."""
        step, found = prepared.step, self._found.get(prepared.step.name)
        noted = noted_counts(str(self._of(step) / "memory"))
        summary.delivered, summary.rejected = noted.delivered, noted.rejected
        summary.in_doubt = noted.in_doubt
        summary.total = (self.summary.source_rows or 0) if found is None else found.total
        if step.where is not None and found is None:
            summary.total = noted.rows + summary.unchanged  # nobody has counted those that it is for
        summary.unsent = max(0, summary.total - summary.unchanged - noted.rows)
        said = re.search(r"CannotGoOn: (.+)", str(error))
        summary.stopped, summary.stopped_by = None, None
        summary.stop(_Failed(said[1] if said else first_line(error)))
        summary.notes.append("What its tasks had under way when they failed may have been delivered")

    def _finish(self) -> None:
        """Write down what became of the run."""
        summary, keeping = self.summary, self._keeping
        for delivered in self._delivered.values():
            try:
                delivered.settle()
            except Exception as error:  # noqa: BLE001 - the next run does it then
                summary.unwritten.append(f"What was delivered is not folded yet: {first_line(error)}")
        for step in summary.steps:
            step.accepted = bool(step.rejected) and accepts(step.rejected, step.total, self._job.guards)
        if not summary.unwritten:
            shutil.rmtree(self._folder, ignore_errors=True)  # it holds all rows
        summary.ended = datetime.now(UTC).isoformat(timespec="seconds")
        keeping.finish(summary, dict.fromkeys((step.name for step in summary.steps), None))
        keeping.publish(summary)


class _Failed(Exception):
    """A task has failed once too often."""


def _task_of(job: JobFile, step: Step, rows: int, tasks: int, unchanged: int) -> JobFile:
    """Return the job of one task.

    Args:
        job: The job.
        step: The step.
        rows: How many rows are to be sent, by all tasks.
        tasks: How many tasks there are.
        unchanged: Rows that are not sent.
    """
    bound, most = job.guards.max_rejected, None
    if bound is not None and rows / tasks >= _ENOUGH:
        # Each has rows like all the others: of these no larger share may be rejected than of all together.
        counts = [math.inf if bound.count is None else bound.count]
        counts += [] if bound.share is None else [bound.share * (rows + unchanged)]
        most = Share(share=min(counts) / rows)
    return JobFile(
        name=job.name,
        path=job.path,
        source=Source(key=job.source.key, time_zone=job.source.time_zone),
        steps=(attrs.evolve(step, mode="all"),),
        guards=Guards(
            allow_empty=True,
            max_removals=None,
            max_rejected=most,
            odd_identifiers=job.guards.odd_identifiers,
            preflight=job.guards.preflight,
        ),
        quotas=job.quotas,
        patience=job.patience,
    )
