"""The commands of a vendor, made from its operations: name, flags, help. There is no second list of them.

Every keyword-only parameter of a descriptor is a flag with the descriptor's own type and words, save
`confirm`, which comes from the guards' flags.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import attrs
from cyclopts import App, Parameter
from cyclopts.help import ColumnSpec, DefaultFormatter, HelpEntry
from cyclopts.help.specs import (
    CommandNameRenderer,
    get_default_command_columns,
    get_default_parameter_columns,
)

from netaudience.cli.asking import ask_operation
from netaudience.cli.flags import flags_of
from netaudience.cli.menu import Menu
from netaudience.cli.one_shot import Order, run_operation
from netaudience.cli.options import (
    FLAT,
    GUARDS,
    SOURCE,
    STANDARD_INPUT,
    Diagnosis,
    Pace,
    Reading,
    Reporting,
    whole,
)
from netaudience.client import Client
from netaudience.jobs.map.columns import spread_of
from netaudience.jobs.spec.guards import Consent, wants_consent
from netaudience.model.rows import Rows
from netaudience.operations.dispatch import Operation

_OWN = ("item", "yes", "yes_delete", "pace", "reading", "reporting", "diagnosis")


def add_vendor(vendor: type[Client], words: Sequence[str] | None, app: App) -> None:
    """Add a vendor with a command for each of its operations, or for those that the words name.

    Args:
        vendor: The vendor.
        words: The arguments behind its name; None for all operations.
        app: What it is added to.
    """
    commands = App(
        name=vendor.slug,
        help=f"The operations of {vendor.vendor}.",
        help_format="markdown",
        help_formatter=DefaultFormatter(column_specs=_columns),
    )
    menu = Menu(commands, words)
    for operation in vendor.operations().values():
        menu.later(operation.name.replace("_", "-"), partial(_add, vendor, operation), operation.__doc__)
    app.command(menu.made())


def _add(vendor: type[Client], operation: Operation, app: App) -> None:
    name = operation.name.replace("_", "-")
    app.command(_command(vendor, operation), name=name, help=help_text(operation))


def _columns(console: Any, options: Any, entries: list[HelpEntry]) -> tuple[ColumnSpec, ...]:  # noqa: ANN401 - of rich
    """Return the columns of the help, in which a command's name stands on one line, whole."""
    if any(name.startswith("-") for entry in entries for name in entry.all_options):
        return get_default_parameter_columns(console, options, entries)
    first, *others = get_default_command_columns(console, options, entries)
    whole = attrs.evolve(first, renderer=CommandNameRenderer(), max_width=None, no_wrap=True)
    return (whole, *others)


def help_text(operation: Operation) -> str:
    """Return what the operation does, what is to be known about it, and where that is documented."""
    facts = operation.facts
    summary = inspect.cleandoc(operation.__doc__ or "").partition("\nArgs:")[0].strip()
    known = [f"- {name}: {figure.describe()}" for name, figure in facts.figures().items()]
    unsaid = f"Not reported: {facts.unsaid}." if facts.unsaid else ""
    parts = [summary, facts.note, unsaid, facts.settles, _item_help(operation), f"Documented at {facts.docs}"]
    return "\n\n".join([*(part for part in parts if part), "\n".join(known)])


def _item_help(operation: Operation) -> str:
    if operation.shape not in {"batch", "call"}:
        return ""
    kind = operation.kind
    if isinstance(kind, Rows):
        rows = cast("Rows[object]", kind)
        fields = ", ".join(
            field.name if field.required else f"{field.name} (may be left out)" for field in rows.fields
        )
        about = f"Each row has {fields}. Columns are found by these names, or by the vendor's."
        if (spread := spread_of(rows)) is not None:
            about += f" Columns that no field takes go into {spread.name}."
        if any(list in field.types for field in rows.fields):
            about += " A list is JSON, or has semicolons between its parts."
        return about
    return f"Each row is one {kind.noun}."


def _command(vendor: type[Client], operation: Operation) -> Callable[..., int]:
    """Return a function with the signature that the command line shall have."""
    carries = operation.shape in {"batch", "call"}
    own_flags = flags_of(operation)

    def command(*positional: str | None, **flags: Any) -> int:  # noqa: ANN401 - whatever the flags' types are
        own = {name: flags.pop(name) for name in _OWN if name in flags}
        own.get("diagnosis", Diagnosis()).apply()
        pace = own.get("pace", Pace())
        consent = Consent(yes=own.get("yes", False), yes_delete=own.get("yes_delete"))
        arguments = {name: own_flags[name].read(_as_given(value)) for name, value in flags.items()}
        if not carries:
            return ask_operation(vendor, operation, arguments, pace, consent)
        source = cast("str | None", _as_given(positional[0])) if positional else None
        items = cast("tuple[str, ...]", own.get("item", ()))
        if source is not None and not items and _is_item(operation, source):
            items, source = (source,), None
        order = Order(
            vendor=vendor,
            operation=operation,
            arguments=arguments,
            source=source,
            items=items,
            consent=consent,
            pace=pace,
            reading=own.get("reading", Reading()),
            reporting=own.get("reporting", Reporting()),
        )
        return run_operation(order)

    parameters = _source(operation) if carries else []
    parameters += [flag.parameter for flag in own_flags.values()]
    parameters += [*_guards(operation, carries=carries), _keyword("pace", Annotated[Pace, FLAT], Pace())]
    if carries:
        parameters.append(_keyword("reading", Annotated[Reading, FLAT], Reading()))
        parameters.append(_keyword("reporting", Annotated[Reporting, FLAT], Reporting()))
    parameters.append(_keyword("diagnosis", Annotated[Diagnosis, FLAT], Diagnosis()))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # pyright: ignore[reportFunctionMemberAccess] # inspect's own protocol
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = operation.__doc__  # the flags' words come from its Args
    command.__name__ = operation.name
    return command


def _is_item(operation: Operation, word: str) -> bool:
    """Return whether a word is plainly what is asked about, and no file: only where nothing is changed."""
    asks = operation.facts.acknowledges == "answered" and not isinstance(operation.kind, Rows)
    return asks and word.replace("-", "").replace("_", "").isalnum() and not Path(word).exists()


def _as_given(value: object) -> object:
    """Return a flag's value as the descriptor takes it."""
    if isinstance(value, tuple):
        return tuple(_as_given(part) for part in cast("tuple[object, ...]", value))
    return "-" if value == STANDARD_INPUT else value


def _source(operation: Operation) -> list[inspect.Parameter]:
    words = Parameter(
        group=SOURCE,
        help="CSV, TSV, JSON, JSON lines, Parquet, a workbook or plain lines (.txt), packed or not, "
        "here or in an object store (s3://…); - is standard input: plain lines, unless --format says what.",
    )
    source = inspect.Parameter(
        "source", inspect.Parameter.POSITIONAL_ONLY, annotation=Annotated[str | None, words], default=None
    )
    if isinstance(operation.kind, Rows):
        return [source]
    single = Parameter(
        group=SOURCE,
        negative="",
        show_default=False,
        help=f"A single {operation.kind.noun} instead of a source; may be repeated.",
    )
    return [source, _keyword("item", Annotated[tuple[str, ...], single], ())]


def _guards(operation: Operation, *, carries: bool) -> Sequence[inspect.Parameter]:
    facts = operation.facts
    if not wants_consent(operation):
        return []
    warning = "Data is lost: this agrees." if facts.destructive else "It reaches far: this agrees."
    words = Parameter(group=GUARDS, negative="", show_default=False, help=warning)
    guards = [_keyword("yes", Annotated[bool, words], default=False)]
    if facts.irreversible and carries:
        words = Parameter(
            converter=whole,
            group=GUARDS,
            help="The number of items, as the consent to lose them for good; it stands for --yes.",
        )
        guards.append(_keyword("yes_delete", Annotated[int | None, words], None))
    return guards


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
