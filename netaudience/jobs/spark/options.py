"""What the options of a write say. No key is among them, for Spark keeps and shows options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, cast

import attrs

from netaudience.client import Client, quota_as_set
from netaudience.errors import ConfigurationError
from netaudience.jobs.deliver.keeping import carried_operation
from netaudience.jobs.map.columns import find_columns
from netaudience.jobs.spark.memory import begin
from netaudience.jobs.spec.guards import wants_consent
from netaudience.jobs.spec.model import PATIENCE, Guards, JobFile, Quotas, Source, Step
from netaudience.jobs.spec.validate import check_arguments
from netaudience.model.wire import JsonValue, load_json
from netaudience.operations.dispatch import Operation
from netaudience.settings import Settings

FailOn = Literal["undelivered", "failed", "none"]

#: Options of Spark's own, which come with the others.
_SPARKS = ("path", "checkpointlocation", "queryname")
_ARGUMENT, _COLUMN = "arg.", "column."
_PLAIN = (
    "vendor", "operation", "outcomes", "memory", "quotas", "account", "rate", "inflight", "maxrows", "failon",
    "preflight", "patience",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Options:
    """What is to be done with the rows of a frame. It is pickled for the executors, and holds no secret."""

    vendor: str
    operation: str
    arguments: Mapping[str, JsonValue]
    #: By field, the column that was named for it.
    columns: Mapping[str, str]
    #: The folder of the outcomes, which the driver and all executors reach.
    outcomes: str | None = None
    #: The folder in which attempts at a task note what they send.
    memory: str | None = None
    #: What tells the write from earlier ones with the same memory.
    run: str = ""
    #: Where quotas are shared: a file, a URL without a password, or ``env:NAME``.
    quotas: str | None = None
    account: str | None = None
    rate: float | None = None
    in_flight: int | None = None
    max_rows: int | None = None
    #: Which rows make the write fail, once all have been carried.
    fail_on: FailOn = "undelivered"
    #: Whether each task asks the vendor for its schema first.
    preflight: bool = True
    #: Seconds for which a vendor that does not answer is asked again before the task fails.
    patience: float = PATIENCE

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Read them.

        Raises:
            ConfigurationError: one is wrong, or the operation is none that Spark may carry.
        """
        options = {name.lower(): value for name, value in given.items()}
        words = {name: options.pop(name) for name in list(options) if name in _PLAIN}
        named = {name: options.pop(name) for name in list(options) if name.startswith((_ARGUMENT, _COLUMN))}
        for name in _SPARKS:
            options.pop(name, None)
        if options:
            raise ConfigurationError(
                f"There is no option {min(options)!r}: credentials come from the environment of the "
                f"executors, and the options are {', '.join(_PLAIN)}, {_ARGUMENT}NAME and {_COLUMN}FIELD"
            )
        for name in ("vendor", "operation"):
            if not words.get(name):
                raise ConfigurationError(f"The option {name} is missing: say which {name}")
        vendor, operation = carried_operation(words["vendor"], words["operation"].replace("-", "_"))
        check_operation(operation, remembers=bool(words.get("memory")))
        _check_place(words.get("quotas"))
        fail_on = words.get("failon", "undelivered")
        if fail_on not in {"undelivered", "failed", "none"}:
            raise ConfigurationError("failOn is undelivered, failed or none")
        arguments = {
            name[len(_ARGUMENT) :]: text for name, text in named.items() if name.startswith(_ARGUMENT)
        }
        return cls(
            vendor=vendor.slug,
            operation=operation.name,
            arguments=_arguments(operation, arguments),
            columns={name[len(_COLUMN) :]: text for name, text in named.items() if name.startswith(_COLUMN)},
            outcomes=words.get("outcomes"),
            memory=words.get("memory") or None,
            quotas=words.get("quotas"),
            account=words.get("account"),
            rate=_number(words, "rate"),
            in_flight=_whole(words, "inflight"),
            max_rows=_whole(words, "maxrows"),
            fail_on=cast("FailOn", fail_on),
            preflight=words.get("preflight", "true").lower() != "false",
            patience=PATIENCE if (patience := _number(words, "patience")) is None else patience,
        )

    def carried(self) -> tuple[type[Client], Operation]:
        """Return the vendor and the operation."""
        return carried_operation(self.vendor, self.operation)

    def begun(self, columns: Sequence[str]) -> Self:
        """Begin the write of rows with these columns, on the driver.

        Raises:
            ConfigurationError: a field has no column, or the memory is of something else.
        """
        (step,) = self.job(columns).steps
        if self.memory is None:
            return self
        _, operation = self.carried()
        fields = {name: field.column for name, field in step.fields.items()}
        facts: dict[str, object] = {"vendor": self.vendor, "operation": self.operation}
        facts |= {"arguments": dict(self.arguments), "fields": fields, "account": self.account}
        return attrs.evolve(self, run=begin(self.memory, facts, repeatable=operation.facts.idempotent))

    def least(self, requests: int, rows: int) -> float:
        """Return the seconds in which the account's limits let a number of requests through, at the least."""
        _, operation = self.carried()
        quota = quota_as_set(operation.facts.quota, Settings(rate=self.rate, in_flight=self.in_flight))
        return quota.minimum_seconds(requests, rows)

    def job(self, columns: Sequence[str]) -> JobFile:
        """Return the job of one step that carries rows with these columns, as a command makes it.

        Raises:
            ConfigurationError: a field has no column, or more than one.
        """
        vendor, operation = self.carried()
        parameter = operation.signature.parameters.get("by")
        by = self.arguments.get("by", None if parameter is None else parameter.default)
        chosen = [f"{field}={column}" for field, column in self.columns.items()]
        found = find_columns(operation, list(columns), chosen=chosen, by=by if isinstance(by, str) else None)
        step = Step(
            name=operation.name,
            vendor=vendor.slug,
            operation=operation.name,
            arguments=self.arguments,
            fields=found.fields(),
            rate=self.rate,
            in_flight=self.in_flight,
            max_rows=self.max_rows,
        )
        return JobFile(
            name=operation.name,
            path=Path.cwd() / "spark",
            source=Source(),
            steps=(step,),
            # A partition may be empty, and how many rows of it are bad says little.
            guards=Guards(allow_empty=True, max_removals=None, max_rejected=None, preflight=self.preflight),
            quotas=Quotas(where=self.quotas, account=self.account),
            patience=self.patience,
        )


def check_operation(operation: Operation, *, remembers: bool) -> None:
    """Refuse an operation that loses data, or that must not be repeated and nothing remembers.

    Args:
        operation: The operation.
        remembers: Whether it is remembered, also when the driver has died.

    Raises:
        ConfigurationError: it is one.
    """
    if wants_consent(operation):
        raise ConfigurationError(
            f"{operation.name} loses data or reaches far, and Spark repeats a task on its own: export the "
            "rows, and run a job"
        )
    if not operation.facts.idempotent and not remembers:
        raise ConfigurationError(
            f"{operation.name} must not be repeated, and Spark repeats a task on its own: give the write a "
            "folder as the option memory, or a job the mode changed-only, so that it is known what was sent"
        )


def _check_place(quotas: str | None) -> None:
    if quotas is not None and "://" in quotas and "@" in quotas:
        raise ConfigurationError(
            "The URL of the quotas may hold a password, which Spark would show: put it into a variable of "
            "the executors' environment, and say env:NETAUDIENCE_QUOTAS"
        )


def _arguments(operation: Operation, given: Mapping[str, str]) -> Mapping[str, JsonValue]:
    """Return arguments as the operation takes them: as text where it takes text, or else as JSON.

    Raises:
        ConfigurationError: one is wrong or missing.
    """
    values: dict[str, JsonValue] = dict(given)
    wrong: list[str | None] = []
    check_arguments(operation, values, lambda name, _: wrong.append(name))
    for name in [name for name in wrong if name is not None]:
        try:
            values[name] = load_json(given[name].encode())
        except ValueError:
            continue
    problems: list[str] = []
    fitting = check_arguments(operation, values, lambda _, sentence: problems.append(sentence))
    if problems:
        raise ConfigurationError(problems[0].partition(": add arguments")[0] + f" (option {_ARGUMENT}NAME)")
    return fitting


def _number(words: Mapping[str, str], name: str) -> float | None:
    text = words.get(name)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise ConfigurationError(f"The option {name} is a number") from None


def _whole(words: Mapping[str, str], name: str) -> int | None:
    text = words.get(name)
    if text is not None and not text.isdecimal():
        raise ConfigurationError(f"The option {name} is a whole number")
    return None if text is None else int(text)
