"""A descriptor's parameters as flags: what is written on a command line becomes what the descriptor takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest
from cyclopts import App, CycloptsError

from netaudience.cli.flags import flags_of
from netaudience.errors import ConfigurationError
from netaudience.limits import Quota
from netaudience.operations import query
from netaudience.wire import JsonValue, Request


@query("GET", "/x", quota=Quota("x"), docs="https://example.com")
def everything(  # a parameter of each kind
    _client: Any,
    *,
    name: str,
    page: int = 1,
    share: float = 0.5,
    sure: bool = False,
    maybe: bool | None = None,
    order: Literal["up", "down"] | None = None,
    words: Sequence[str] = (),
    numbers: Sequence[int] | None = None,
    sides: Sequence[Literal["left", "right"]] = (),
    data: Mapping[str, JsonValue] | None = None,
    rows: Sequence[Mapping[str, JsonValue]] | None = None,
    value: JsonValue = None,
    either: str | Mapping[str, JsonValue] = "",
    confirm: bool = False,
) -> Request[None]:
    """Take everything.

    Args:
        name: A text.
    """
    return Request()


def read(*words: str) -> dict[str, object]:
    """Return what the descriptor is given for these words, what is left out left out."""
    flags = flags_of(everything)
    given: dict[str, object] = {}

    def command(**values: object) -> None:
        given.update({name: flags[name].read(value) for name, value in values.items()})

    command.__signature__ = inspect.Signature([flag.parameter for flag in flags.values()])  # type: ignore[attr-defined] # inspect's own protocol
    command.__annotations__ = {name: flag.parameter.annotation for name, flag in flags.items()}
    app = App(result_action="return_value")
    app.default(command)
    app(list(words), exit_on_error=False, print_error=False)
    return given


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (("--page", "7"), "page", 7),
        (("--share", "0.25"), "share", 0.25),
        (("--sure",), "sure", True),
        (("--maybe",), "maybe", True),
        (("--no-maybe",), "maybe", False),
        (("--order", "down"), "order", "down"),
        (("--words", "a", "--words", "b"), "words", ["a", "b"]),
        (("--numbers", "1", "--numbers", "2"), "numbers", [1, 2]),
        (("--sides", "left"), "sides", ["left"]),
        (("--data", '{"a": [1]}'), "data", {"a": [1]}),
        (("--rows", '[{"a": 1}]'), "rows", [{"a": 1}]),
        (("--value", "17"), "value", 17),
        (("--value", "007"), "value", "007"),
        (("--value", '"17"'), "value", "17"),
        (("--value", "plain words"), "value", "plain words"),
        (("--either", '{"a": 1}'), "either", {"a": 1}),
        (("--either", "plain words"), "either", "plain words"),
    ],
)
def test_words_become_values(words: tuple[str, ...], name: str, value: object) -> None:
    given = read("--name", "n", *words)
    assert given["name"] == "n"
    assert (type(given[name]), given[name]) == (type(value), value)


@pytest.mark.parametrize(
    "words",
    [(), ("--name", "n", "--page", "x"), ("--name", "n", "--order", "left"), ("--name", "n", "--confirm")],
)
def test_what_no_flag_takes_is_told(words: tuple[str, ...]) -> None:
    with pytest.raises(CycloptsError):
        read(*words)


def test_what_is_no_json_where_only_json_will_do_is_told() -> None:
    with pytest.raises(ConfigurationError, match="--data is written as JSON"):
        read("--name", "n", "--data", "a=1")


def test_consent_is_no_flag_of_its_own() -> None:
    assert "confirm" not in flags_of(everything)
