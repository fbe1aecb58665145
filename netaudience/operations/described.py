"""What `help`, `inspect.signature` and completion show of a bound operation: its own words and arguments.

A bound operation is an instance, of which they would show its class.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from netaudience.operations.dispatch import Arguments, Operation

T = TypeVar("T")
Asking = TypeVar("Asking", bound=Callable[..., object])


class _Described(Protocol):
    """A bound operation, which has a name of its own besides."""

    @property
    def described(self) -> tuple[Operation, Arguments]:
        """The operation, and the arguments that were given before."""
        ...


def signature_of(operation: Operation, given: Arguments, returns: object = None) -> inspect.Signature:
    """Return an operation's signature as its client's users see it.

    Args:
        operation: Whose.
        given: The arguments that are given already, which are left out.
        returns: What calling it gives; if it is None, what its request is answered with.
    """
    signature = operation.signature
    parameters = list(signature.parameters.values())
    del parameters[1 : 1 + len(given[0])]  # the first is the item, which nobody gives before
    left = [parameter for parameter in parameters if parameter.name not in given[1]]
    if returns is None:
        answer = typing.get_args(signature.return_annotation)
        returns = answer[0] if answer else signature.return_annotation
    return signature.replace(parameters=left, return_annotation=returns)


class _Own:
    """An attribute that is the class's on the class, and the operation's on an instance."""

    def __init__(self, of_class: object, read: Callable[[Operation, Arguments], object]) -> None:
        self._of_class = of_class
        self._read = read

    def __get__(self, bound: _Described | None, owner: type) -> object:
        return self._of_class if bound is None else self._read(*bound.described)


def described(returns: object = None) -> Callable[[type[T]], type[T]]:
    """Let the instances of a class speak for their operations; see `signature_of` for `returns`."""

    def speak(bound: type[T]) -> type[T]:
        def itself(bound: object, _instance: object, _owner: type | None = None) -> object:
            return bound

        own: dict[str, object] = {
            "__doc__": _Own(bound.__doc__, lambda operation, _: operation.__doc__),
            "__signature__": _Own(None, lambda operation, given: signature_of(operation, given, returns)),
            # Makes `help` describe an instance as the routine that it is, and binds nothing.
            "__get__": itself,
        }
        for name, value in own.items():
            setattr(bound, name, value)
        return bound

    return speak


def as_described(asking: Asking, operation: Operation, returns: object = None) -> Asking:
    """Let a function speak for its operation; see `signature_of` for `returns`."""
    asking.__name__, asking.__doc__ = operation.name, operation.__doc__
    asking.__signature__ = _asked(operation, returns)  # type: ignore[attr-defined]
    return asking


@functools.cache
def _asked(operation: Operation, returns: object) -> inspect.Signature:
    return signature_of(operation, ((), {}), returns)
