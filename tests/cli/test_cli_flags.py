"""A descriptor's parameters as flags: what is written on a command line becomes what the descriptor takes."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import pydantic  # noqa: F401 - where it is loaded, cyclopts holds a default to its type
import pytest
from cyclopts import App, CycloptsError

from netaudience.cli import commands, main
from netaudience.cli.flags import Flag, flag_name, flags_of
from netaudience.cli.one_shot import Order
from netaudience.client import Client
from netaudience.errors import ConfigurationError
from netaudience.model.limits import Quota
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import query
from netaudience.vendors import clients


@query("GET", "/x", quota=Quota("x"), docs="https://example.com", consent="takes everything")
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
        (("--either", "123"), "either", "123"),
        (("--either", "1e5"), "either", "1e5"),
        (("--either", "null"), "either", "null"),
        (("--page", "0012"), "page", 12),
        (("--page", "-3"), "page", -3),
    ],
)
def test_words_become_values(words: tuple[str, ...], name: str, value: object) -> None:
    given = read("--name", "n", *words)
    assert given["name"] == "n"
    assert (type(given[name]), given[name]) == (type(value), value)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--name", "n", "--page", "x"),
        ("--name", "n", "--order", "left"),
        ("--name", "n", "--confirm"),
        ("--name", "n", "--nmae", "m"),
        *(("--name", "n", "--page", number) for number in ("1.5", "1e5", "1_000", "0x10", "", "12 ", "١٢")),
        ("--name", "n", "--numbers", "1", "--numbers", "2.7"),
    ],
)
def test_what_no_flag_takes_is_told(words: tuple[str, ...]) -> None:
    with pytest.raises(CycloptsError):
        read(*words)


def test_what_is_no_json_where_only_json_will_do_is_told() -> None:
    with pytest.raises(ConfigurationError, match="--data is written as JSON"):
        read("--name", "n", "--data", "a=1")


#: What other programs take for a number, a truth, nothing, or a list, and what is easily lost.
TEXTS = (
    "0002", "1e5", "1E+05", "1_000", "0x10", "007.50", "-5", "true", "False", "null", "None", "nan", "inf",
    "[1]", '{"a": 1}', '"x"', "a,b", "a=b", " 1 ", "İş", "@x", "2026-01-31", "",
)  # fmt: skip
FEW = ("0002", "1e5", "true", "null")


class Asked(Exception):
    """The operation is called: with what, and nothing is sent."""


@pytest.mark.parametrize("vendor", clients(), ids=lambda vendor: vendor.slug)
def test_every_text_of_every_operation_arrives_as_it_was_written(
    vendor: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def carried(order: Order) -> int:
        raise Asked({**order.arguments, "item": list(order.items)})

    def asked(_vendor: object, _operation: object, arguments: dict[str, object], *_: object) -> int:
        raise Asked(arguments)

    monkeypatch.setattr(commands, "run_operation", carried)
    monkeypatch.setattr(commands, "ask_operation", asked)
    app = App(result_action="return_value")
    commands.add_vendor(vendor, None, app)
    for operation in vendor.operations().values():
        flags = flags_of(operation)
        lists = {name for name, flag in flags.items() if "tuple[str" in str(flag.parameter.annotation)}
        texts = {name for name, flag in flags.items() if _holds_text(flag)} - lists
        words = [vendor.slug, operation.name.replace("_", "-")]
        if operation.shape in {"batch", "call"} and not isinstance(operation.kind, Rows):
            lists.add("item")
        elif operation.shape in {"batch", "call"}:
            words.append("file.csv")
        words += [
            f"{flag_name(name)}={_any(flag.parameter.annotation.__args__[0])}"
            for name, flag in flags.items()
            if flag.parameter.default is inspect.Parameter.empty and name not in texts | lists
        ]
        words += [f"{flag_name(name)}={text}" for name in lists for text in TEXTS]
        for text in FEW if texts else [""]:
            with pytest.raises(Asked) as caught:
                app([*words, *(f"{flag_name(name)}={text}" for name in texts)], exit_on_error=False)
            given = caught.value.args[0]
            assert {name: given[name] for name in texts} == dict.fromkeys(texts, text), operation.name
            assert {name: given[name] for name in lists} == {key: list(TEXTS) for key in lists}, (
                operation.name
            )


def _holds_text(flag: Flag) -> bool:
    if isinstance(flag.read, partial) and not flag.read.keywords["text"]:
        return False  # it is JSON and nothing else
    return str in {
        flag.parameter.annotation.__args__[0],
        *typing.get_args(flag.parameter.annotation.__args__[0]),
    }


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_the_text(text: str) -> None:
    assert read(f"--name={text}")["name"] == text


def _any(hint: object) -> str:
    """Return a value for a flag that is needed, by what the command line reads."""
    if hint is bool:
        return "true"
    if hint is str:  # no text: it is JSON
        return '{"any": "any"}'
    return "7" if int in {hint, *get_args(hint)} else str(get_args(hint)[0])


@pytest.mark.parametrize("text", ["0002", "1e5", "true", "null", "12"])
def test_what_is_asked_about_may_stand_in_the_place_of_a_source(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Order] = []
    monkeypatch.setattr(commands, "run_operation", lambda order: orders.append(order) or 0)
    assert main(["netmera", "get-profile-attributes", text]) == 0
    assert (list(orders[0].items), orders[0].source) == ([text], None)


def test_consent_is_no_flag_of_its_own() -> None:
    assert "confirm" not in flags_of(everything)
