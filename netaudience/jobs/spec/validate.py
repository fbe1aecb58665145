"""Whether a step fits its operation: the arguments its signature, the fields its rows.

It tells what is wrong as pairs of a name and a sentence, and puts names as the rest of the package writes
them. What the rows hold is judged when they are read, by the operation's own rules.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, Union, cast

from netaudience.client import Client
from netaudience.errors import NetaudienceError
from netaudience.jobs.spec.diagnostics import listed, nearest, plain
from netaudience.jobs.spec.model import Expression
from netaudience.model.kinds import Kind
from netaudience.model.rows import Field, Rows
from netaudience.model.value_forms import unset_of
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import CONSENT, Operation
from netaudience.settings import Settings
from netaudience.vendors import client_of, names

#: Takes a problem: the name that it is with (None for all of them together), and the sentence.
Tell: TypeAlias = Callable[[str | None, str], None]


def find_vendor(name: str) -> type[Client] | None:
    """Return a vendor by the name that it has in commands."""
    slug = next((slug for slug in names() if plain(slug) == plain(name)), None)
    return None if slug is None else client_of(slug)


def find_operation(vendor: type[Client], name: str) -> Operation | str:
    """Return an operation that a job can carry, or the sentence about why it cannot."""
    carried = {
        operation.name: operation
        for operation in vendor.operations().values()
        if operation.shape in {"batch", "call"} and operation.facts.acknowledges != "answered"
    }
    found = vendor.operations().get(name.replace("-", "_"))
    if found is None:
        meant = nearest(name, carried) or f": it has {listed(carried, 60)}"
        return f"{vendor.vendor} has no operation {name!r}{meant}"
    if found.name not in carried:
        return (
            f"{found.name} asks and changes nothing, and a job keeps no answers: run "
            f"netaudience {vendor.slug} {found.name.replace('_', '-')} instead"
        )
    return found


def check_arguments(
    operation: Operation, arguments: Mapping[str, object], tell: Tell, key: str = "arguments"
) -> Mapping[str, JsonValue]:
    """Return the arguments by the signature's names; what is wrong is reported under the file's key."""
    known = operation.parameters
    fitting: dict[str, JsonValue] = {}
    wrong = False
    for given, value in arguments.items():
        name = given.replace("-", "_")
        sentence = None
        if name == CONSENT:
            sentence = (
                f"consent is not written into a file: leave {CONSENT} out, and say --yes when it is run"
            )
        elif name not in known:
            takes = f"it takes {listed(known)}" if known else "it takes none, so leave it out"
            sentence = f"{operation.name} has no argument {given}{nearest(name, known) or f': {takes}'}"
        elif value == "" and known[name].default is inspect.Parameter.empty:
            sentence = f"{given} is empty, and {operation.name} needs it: {_wanted(known[name].annotation)}"
        elif not _fits(value, known[name].annotation):
            sentence = f"{given} must be {_wanted(known[name].annotation)}"
        else:
            fitting[name] = cast("JsonValue", value)
        if sentence is not None:
            tell(given, sentence)
            wrong = True
    stated = {name.replace("-", "_") for name in arguments}
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in stated:
            wanted = _wanted(parameter.annotation)
            tell(None, f"{operation.name} needs {name}, {wanted}: add {key} = {{ {name} = … }}")
            wrong = True
    if not wrong and (refused := _refused(operation, fitting)):
        tell(None, refused)
    return fitting


class _NoAccount:
    """Stands for a client where no account is known: what its settings are is not either."""

    settings = Settings()


def _refused(operation: Operation, arguments: Mapping[str, object]) -> str | None:
    """Ask the operation itself whether it takes the arguments; only batches can be asked without an item."""
    if operation.shape != "batch":
        return None
    try:
        operation.function(_NoAccount, (), **operation.with_consent(arguments))
    except NetaudienceError as error:
        return str(error)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None  # it asks its client, or an item; the run will ask again
    return None


def item_field(operation: Operation) -> str:
    """Return the name of the one field of an operation whose items are bare identifiers."""
    return operation.kind.noun.replace(" ", "_")


def check_fields(
    operation: Operation,
    fields: Iterable[tuple[str, Expression]],
    arguments: Mapping[str, JsonValue],
    tell: Tell,
) -> dict[str, Expression]:
    """Return the fields by the rows' own names; tell what is wrong with them."""
    kind: Kind = operation.kind
    if isinstance(kind, Rows):
        return _row_fields(cast("Rows[object]", kind), operation.name, fields, tell)
    name = item_field(operation)
    aliases = {plain(name), "item", plain(str(arguments.get("by", "")) or _default_by(operation)) or "item"}
    found: dict[str, Expression] = {}
    called = name
    for given, expression in fields:
        if plain(given) not in aliases:
            tell(given, f"{operation.name} takes one {kind.noun} of each row, and no {given}: call it {name}")
        elif found:
            tell(given, f"{operation.name} takes one {kind.noun} of each row: keep one of the two")
        else:
            found[name], called = expression, given
    if not found:
        tell(None, f'{operation.name} needs its {kind.noun}: add {name} = "COLUMN"')
    elif found[name].value is not None:
        tell(called, f"{called} is the same for all rows: name the column that it is in")
    return found


def _row_fields(
    kind: Rows[object], operation: str, fields: Iterable[tuple[str, Expression]], tell: Tell
) -> dict[str, Expression]:
    known = {plain(name): field for field in kind.fields for name in (field.wire, field.name)}
    names = [field.name for field in kind.fields]
    found: dict[str, Expression] = {}
    called: dict[str, str] = {}
    stated = set[str]()
    for given, expression in fields:
        head, dot, entry = given.partition(".")
        field = known.get(plain(head))
        if field is None:
            meant = nearest(head, names)
            stated.update(name for name in names if meant == f": did you mean {name}?")
            has = meant or f": they have {listed(names)}"
            tell(given, f"the rows of {operation} have no {head}{has}")
            continue
        stated.add(field.name)
        name = f"{field.name}{dot}{entry}"
        if dot and (dict not in field.types or not entry):
            tell(given, f"{field.name} is no mapping, so it has no entries: leave out .{entry}")
        elif name in found:
            tell(given, f"{name} is there twice, under two names: keep one of the two")
        elif problem := _expression_problem(kind, field, entry, expression):
            tell(given, problem)
        found[name] = expression
        called[name] = given
    for field in kind.fields:
        if field.required and field.name not in stated:
            example = f'"{field.name}.NAME"' if dict in field.types else field.name
            tell(None, f'{operation} needs {field.name} in each row: add {example} = "COLUMN"')
    keys = [name for name in kind.key_names if name in stated]
    if not keys and len(kind.key_names) > 1:
        tell(None, f"{operation} needs to know whose row it is: add one of {listed(kind.key_names)}")
    if keys and all(name in found and found[name].value is not None for name in keys):
        given = called[keys[0]]
        tell(given, f"{given} is the same for all rows: name the column that it is in")
    return found


def _expression_problem(kind: Rows[object], field: Field, entry: str, expression: Expression) -> str | None:
    if expression.unset and not (entry and unset_of(kind.row, field.name)):
        return never_unset(field.name)
    return None if entry else _constant_problem(field, expression)


def never_unset(field: str) -> str:
    """Return why an empty value takes nothing away."""
    return (
        f"an empty {field} is not taken away by this operation: leave unset out, and look for one of the "
        "vendor's that removes it"
    )


def _constant_problem(field: Field, expression: Expression) -> str | None:
    value = expression.value
    if value is None:
        return None
    if type(value) not in field.types and not (isinstance(value, int) and float in field.types):
        wanted = " or ".join(sorted(_NAMES.get(kind, kind.__name__) for kind in field.types))
        given = _NAMES.get(type(value), type(value).__name__)
        return f"the constant of {field.name} must be {wanted}, not {given}"
    return None if field.rule is None else field.rule.why_invalid(value)


def removal_problem(operation: Operation, removal: Operation, fields: Iterable[str]) -> str | None:
    """Return what the items of a mirror's removal lack, or None.

    The row is gone from the source: what is known of it is what the step's fields held when it was sent, and
    the names of the entries that the step sets.
    """
    names = list(fields)
    kind, other = removal.kind, operation.kind
    if not isinstance(kind, Rows):
        keys = other.key_names if isinstance(other, Rows) else (item_field(operation),)
        called = {plain(name) for name in (kind.noun, *keys)}
        if len(names) == 1 or any(plain(name) in called for name in names):
            return None
        return f"{removal.name} takes one {kind.noun} of each row, and no field of the step is one"
    for field in cast("Rows[object]", kind).fields:
        has_entries = any(name.startswith(f"{field.name}.") for name in names)
        if field.required and field.name not in names and not (list in field.types and has_entries):
            return (
                f"{removal.name} needs {field.name}, which the step's fields do not hold: take another "
                "operation for the removal"
            )
    return None


def _default_by(operation: Operation) -> str:
    parameter = operation.signature.parameters.get("by")
    return str(parameter.default) if parameter is not None else ""


_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "a table",
}


def is_json(value: object) -> bool:
    """Return whether JSON can carry a value of the file: a date or an infinite number is nothing for it."""
    match value:
        case bool() | int() | str() | None:
            return True
        case float():
            return math.isfinite(value)
        case list():
            return all(is_json(part) for part in cast("list[object]", value))
        case dict():
            return all(is_json(part) for part in cast("dict[str, object]", value).values())
        case _:
            return False


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type as it is written
    """Return whether a value of the file is what an argument's annotation says; in doubt it is."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in inner
    if origin in {Union, types.UnionType}:
        return any(_fits(value, part) for part in inner)
    kind = origin or hint
    if not isinstance(kind, type) or kind is object:
        return is_json(value)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float)
    if kind in {int, str}:
        return isinstance(value, kind)
    if issubclass(kind, Mapping):
        return isinstance(value, dict)
    if issubclass(kind, Sequence):
        part = inner[0] if inner else Any
        return isinstance(value, list) and all(_fits(one, part) for one in cast("list[object]", value))
    return isinstance(value, kind) if issubclass(kind, dt.date) else is_json(value)


def _wanted(hint: Any) -> str:  # noqa: ANN401 - a type as it is written
    """Return in words what an argument's annotation says."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin in {Union, types.UnionType}:
        return " or ".join(_wanted(part) for part in inner if part is not type(None))
    kind = origin or hint
    if not isinstance(kind, type):
        return "a value that JSON can carry"
    if kind is not str and issubclass(kind, Sequence):
        return f"a list, of which each is {_wanted(inner[0])}" if inner else "a list"
    if issubclass(kind, Mapping):
        return "a table"
    return _NAMES.get(kind, f"a {kind.__name__}")  # pyright: ignore[reportUnknownArgumentType] # narrowed by what it is not


def problem_of_last(operation: Operation) -> str | None:
    """Say why of several rows of one user the last cannot stand for all of them, or None."""
    if not operation.kind.keyed:
        return f"{operation.name} does the same with every row of a user: leave duplicates out"
    if operation.facts.coalesces is None:
        return f"{operation.name} does something of its own with every row: leave duplicates out"
    return None
