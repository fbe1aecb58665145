"""A descriptor's parameters as flags: which type the command line reads, and how its text becomes the value.

What the command line has no words for (mappings, rows, values of any kind) is given as JSON. Nothing here
checks what the descriptor checks itself.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, Union, cast

import attrs
import orjson
from cyclopts import Parameter

from netaudience.cli.options import OPERATION, whole
from netaudience.errors import ConfigurationError
from netaudience.operations.dispatch import Operation

_PLAIN = (str, int, float)
#: Makes the descriptor's value of what the command line read.
Reader: TypeAlias = Callable[[object], object]


@attrs.frozen
class Flag:
    """One parameter of an operation on the command line."""

    #: As the command line shall see it.
    parameter: inspect.Parameter
    #: Makes the descriptor's value of what was read.
    read: Reader


def flag_name(name: str) -> str:
    """Return a parameter's name on the command line."""
    return f"--{name.replace('_', '-')}"


def flags_of(operation: Operation) -> dict[str, Flag]:
    """Return the flags of an operation's own parameters, its item and the consent left out."""
    return {name: _flag(parameter) for name, parameter in operation.parameters.items()}


def _flag(parameter: inspect.Parameter) -> Flag:
    hint, may_be_none = _without_none(parameter.annotation)
    words = Parameter(group=OPERATION, converter=whole if hint is int else None)
    read: Reader = _unchanged
    if hint is bool and not may_be_none:
        words = Parameter(group=OPERATION, negative="", show_default=False)
    elif (entry := _entry(hint)) is not None:
        hint, read = tuple[entry, ...], _as_list  # type: ignore[valid-type] # a type that is made here
        converter = whole if entry is int else None
        words = Parameter(group=OPERATION, converter=converter, negative="", show_default=False)
    elif not _is_plain(hint):
        parts = _parts(hint)
        text = str in parts or hint is Any
        # Where a number is no value, what looks like one is a text: 0002 and 1e5 are identifiers.
        kinds: tuple[type, ...] = (dict, list)
        if not text or {float, Any}.intersection(parts):
            kinds = (object,)
        elif int in parts:
            kinds = (dict, list, int)
        default = None if parameter.default is parameter.empty else parameter.default
        read = partial(_from_json, name=flag_name(parameter.name), text=text, kinds=kinds, default=default)
        hint = str
        # A default that is no text does not fit the text, and cyclopts says so where pydantic is loaded.
        if not isinstance(default, str) and parameter.default is not parameter.empty:
            may_be_none, parameter = True, parameter.replace(default=None)
    if may_be_none:
        hint |= None
    return Flag(parameter.replace(annotation=Annotated[hint, words]), read)


def _unchanged(value: object) -> object:
    return value


def _as_list(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def _from_json(value: object, *, name: str, text: bool, kinds: tuple[type, ...], default: object) -> object:
    """Read JSON of these types; raises `ConfigurationError`. Where a text is as good, all else is one."""
    if not isinstance(value, str):
        return default if value is None else value
    try:
        read = cast("object", orjson.loads(value))
    except ValueError as error:
        if text:
            return value
        raise ConfigurationError(f"""{name} is written as JSON, such as {{"name": "value"}}""") from error
    fits = isinstance(read, kinds) and (object in kinds or not isinstance(read, bool))
    return read if fits else value


def _parts(hint: object) -> Sequence[object]:
    """Return the parts of a union, or the one type itself."""
    if typing.get_origin(hint) in {Union, types.UnionType}:
        return typing.get_args(hint)
    return (hint,)


def _without_none(hint: object) -> tuple[Any, bool]:
    parts = [part for part in _parts(hint) if part is not type(None)]
    if len(parts) == len(_parts(hint)):
        return hint, False
    return Union[tuple(parts)], True  # noqa: UP007 - its parts are not known before


def _is_plain(hint: object) -> bool:
    """Return whether the command line reads values of this type by itself."""
    if typing.get_origin(hint) is Literal:
        return True
    # A datetime and the like are read by the command line; rows, mappings and unions are not.
    return (
        isinstance(hint, type)
        and typing.get_origin(hint) is None
        and hint is not Any
        and not attrs.has(hint)
        and not typing.is_typeddict(hint)
        and not issubclass(hint, Mapping)
    )


def _entry(hint: object) -> Any:  # noqa: ANN401 - a type, or a Literal
    """Return what the entries of a list are, where each is one flag; else None."""
    for part in _parts(hint):
        origin = typing.get_origin(part)
        if not (isinstance(origin, type) and issubclass(origin, Sequence | AbstractSet)):
            continue
        entry = typing.get_args(part)[0]
        if entry in _PLAIN or typing.get_origin(entry) is Literal:
            return entry
    return None
