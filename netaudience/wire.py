"""What goes over the wire: requests as the vendors' own JSON, answers as bytes.

Frozen data and pure functions, no I/O. The doors to orjson (JSON) and cattrs (typed answers and typed
rows) are here; cattrs is imported when the first typed value needs it, for it costs a program's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, overload

import attrs
import orjson

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = [
    "JsonValue",
    "Prepared",
    "Request",
    "Response",
    "Texts",
    "decode",
    "dump_json",
    "load_json",
    "structure",
    "wire_name",
    "words_in",
]

if TYPE_CHECKING:
    JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
else:  # nothing at run time has to walk a recursive type
    JsonValue = Any
"""A value that JSON can carry."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def wire_name(name: str) -> dict[str, str]:
    """Return attrs metadata: the field goes by this name on the wire."""
    return {"wire": name}


#: One for all: a new one for each request costs more than the request's other fields together.
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.define(kw_only=True, eq=False, repr=False)
class Request(Generic[T_co]):
    """What an operation sends, in the vendor's own words; `T` is the type of its answer.

    Nobody changes one; it is not frozen only because one is made per request, and freezing costs more.
    """

    #: The body: plain JSON values, or attrs rows that are written by their wire names.
    json: object = None
    #: Query parameters; booleans are written as ``true`` and ``false``.
    query: Mapping[str, str | int | bool] = _NOTHING
    #: A query that is percent-encoded already and goes out as it is, instead of `query`.
    encoded_query: str = ""
    #: Headers of this request besides the client's own.
    headers: Mapping[str, str] = _NOTHING
    #: Path parameters, percent-encoded into the operation's path.
    path: Mapping[str, str] = _NOTHING
    #: The method, where it is not the operation's: a vendor's later pages may be asked for with another.
    method: str | None = None
    #: The type that the answer's JSON is read into; None where success says nothing.
    answer: type[T_co] | None = None


class Prepared:
    """A request ready to be sent: nothing is left to decide.

    A plain class with slots, for one is made per request. Its repr shows no header and no body.
    """

    __slots__ = (
        "body",
        "chunk",
        "headers",
        "in_doubt",
        "items",
        "max_answer_bytes",
        "method",
        "records",
        "timeout",
        "url",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - one place makes them, once per request
        self,
        method: str,
        url: object,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        max_answer_bytes: int,
    ) -> None:
        self.method = method
        #: A URL as the transport made it.
        self.url = url
        self.headers = headers
        self.body = body
        #: Seconds for the whole exchange.
        self.timeout = timeout
        #: An answer longer than this is not read to its end.
        self.max_answer_bytes = max_answer_bytes
        #: How many records it carries, for quotas that count those.
        self.records = 1
        #: True while the vendor may have applied this request and no answer has cleared that up.
        self.in_doubt = False
        #: The number of its chunk within the run, for those who watch; 0 where nobody does.
        self.chunk = 0
        #: What it carries as it was given: the vendor's words are not shown where they repeat it.
        self.items: Sequence[object] = ()

    def __repr__(self) -> str:
        return f"<Prepared {self.method}, {self.size:,} bytes>"

    @property
    def size(self) -> int:
        """The number of bytes in the body."""
        return 0 if self.body is None else len(self.body)


def words_in(value: object) -> set[str]:
    """Return the words of all texts in a value, names of fields left out."""
    match value:
        case str():
            return {word.strip("\"'()[].,:;!?") for word in value.split()}
        case Mapping():
            return words_in(list(cast("Mapping[object, object]", value).values()))
        case list() | tuple() | Texts():
            return set[str]().union(*map(words_in, cast("Sequence[object]", value)))
        case _ if attrs.has(type(value)):
            return words_in(_written(value))
        case _:
            return set()


#: So many bytes tell where a text begins in another; to look for all of them would take far longer.
_TELLING = 32


class Texts(Sequence[str]):
    """Many texts that are kept as their JSON while their request is out; it cannot be changed.

    A thousand identifiers are a thousand objects. Nearly all are delivered, and nobody looks at them again;
    but until their answer is there they take memory, which has left the processor's cache when it is wanted
    again, and the garbage collector goes through the list of them. So one object stands for them all, whose
    JSON goes into the request as it is, and they are made again for whoever looks.
    """

    __slots__ = ("_length", "_start", "_stop", "_texts", "_written")

    def __init__(self, texts: Sequence[str]) -> None:
        #: Bytes of which a part is all of them as a JSON list, and which part that is.
        self._written = orjson.dumps(texts)
        self._start, self._stop = 0, len(self._written)
        self._length = len(texts)
        #: The texts themselves, until they are let go of, and where somebody has asked for one of them.
        self._texts: Sequence[str] | None = texts

    def __repr__(self) -> str:
        return f"<{self._length:,} texts>"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        # Not remembered: who reads all of them is mostly done with them then.
        return iter(orjson.loads(self.json) if self._texts is None else self._texts)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if self._texts is None:
            self._texts = list(self)
        return self._texts[index]

    def __eq__(self, other: object) -> bool:
        """Compare with any list, tuple or other texts."""
        return list(self) == list(other) if isinstance(other, list | tuple | Texts) else NotImplemented  # pyright: ignore[reportUnknownArgumentType] # whatever they hold

    __hash__ = None  # type: ignore[assignment] # as a list has none

    @property
    def json(self) -> bytes:
        """All of them, as a JSON list."""
        return self._written[self._start : self._stop]

    @property
    def plain(self) -> bool:
        """True where surely each is a text, none is empty, and all their signs are printed ones of ASCII.

        A quotation mark and a backslash are none here, for JSON shows them as it shows a control character.
        """
        json = self.json
        try:
            # One look for two questions, at half of what one costs alone: every text begins with an empty
            # one, and what is no text is a TypeError.
            strange = "".startswith(tuple(self if self._texts is None else self._texts))
        except TypeError:
            return False
        return not strange and json.isascii() and b"\\" not in json and b"\x7f" not in json

    def let_go(self, body: bytes | None = None) -> None:
        """Keep nothing but the JSON: the request is written.

        Args:
            body: What was written. It mostly has the JSON in it, and is kept in its place then: of two blocks
                of 16 KB for each request the one that goes leaves a hole, and in ten million identifiers
                these came to 8 % of a process's memory.
        """
        self._texts = None
        if body is not None:
            json = self.json
            start = body.find(json[:_TELLING])
            if start >= 0 and body.startswith(json, start):
                self._written, self._start, self._stop = body, start, start + len(json)


class Response:
    """An answer: status, headers (names in lower case) and the whole body."""

    __slots__ = ("body", "headers", "status", "truncated")

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, *, truncated: bool = False
    ) -> None:
        self.status = status
        #: Looked up in any case.
        self.headers = headers
        self.body = body
        #: True where the body was longer than we read.
        self.truncated = truncated

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body):,} bytes>"

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def dump_json(value: object, *, numbers: bool = True) -> bytes:
    """Write a value as JSON, attrs rows by their wire names.

    Args:
        value: What to write.
        numbers: False where the value surely holds no floats, which saves looking for broken ones.

    Raises:
        TypeError: the value holds something that JSON cannot carry.
        ValueError: it holds a float that is no number, which would be written as null.
    """
    body = orjson.dumps(value, default=_written, option=orjson.OPT_PASSTHROUGH_DATETIME)
    # Looked for from its end: that is twice as quick as `in`, which CPython tunes for longer words; and with
    # a letter less, which is a quarter quicker still.
    if numbers and body.rfind(b"nul") >= 0 and b"null" in body and not _finite(value):
        raise ValueError("it holds a number that is infinite or not a number")
    return body


def _finite(value: object) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case Mapping():
            return all(map(_finite, cast("Mapping[object, object]", value).values()))
        case list() | tuple():
            return all(map(_finite, cast("Sequence[object]", value)))
        case _ if attrs.has(type(value)):
            return _finite(_written(value))
        case _:
            return True


def load_json(body: bytes) -> JsonValue:
    """Read JSON.

    Raises:
        ValueError: the bytes are not JSON.
    """
    return cast("JsonValue", orjson.loads(body))


def structure(value: JsonValue, answer: type[T]) -> T:
    """Read a JSON value into a typed answer: unknown fields are kept out, missing ones default.

    Raises:
        ValueError: the value does not fit the type.
    """
    read = _readers.get(answer)
    if read is None:
        read = _readers[answer] = converter().get_structure_hook(answer)
    try:
        return cast("T", read(value, answer))
    except Exception as error:
        from cattrs.errors import BaseValidationError  # noqa: PLC0415 - costs a program's start

        if not isinstance(error, (BaseValidationError, TypeError, ValueError, KeyError, AttributeError)):
            raise
        # The error itself quotes the answer, and a traceback would show it.
        raise ValueError(f"the answer does not fit {answer.__name__}") from None


#: What reads an answer of a type; asking the converter each time costs as much as the reading.
_readers: dict[type, Callable[[object, type], object]] = {}


def decode(response: Response, answer: type[T] | None) -> T | None:
    """Read a successful answer into its type; None where success says nothing.

    Raises:
        ValueError: the body is not JSON, or does not fit the type.
    """
    if answer is None:
        return None
    return structure(load_json(response.body), answer)


@cache
def converter() -> Converter:
    """Return the one converter: attrs fields by their wire names, tolerant as vendors are."""
    from cattrs.preconf.orjson import make_converter  # noqa: PLC0415 - costs a program's start

    made = make_converter()
    made.register_structure_hook(bool, _read_flag)
    made.register_structure_hook_factory(attrs.has, partial(_reader, made))
    made.register_unstructure_hook_factory(attrs.has, partial(_writer, made))
    return made


def _reader(made: Converter, cls: type[attrs.AttrsInstance]) -> Callable[..., object]:
    """Return what reads an answer: null is as good as missing, and what is not known is kept."""
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 - costs a program's start

    fields = {field.name: field.metadata.get("wire", field.name) for field in attrs.fields(cls)}
    keeps = fields.pop("unknown", None) is not None
    overrides = {name: override(rename=wire) for name, wire in fields.items()}
    if keeps:
        overrides["unknown"] = override(omit=True)
    read = make_dict_structure_fn(cls, made, **overrides)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # overrides by field name
    known = frozenset(fields.values())

    def read_tolerantly(value: object, kind: type) -> object:
        if not isinstance(value, Mapping):
            raise TypeError(f"{cls.__name__} is an object, not {type(value).__name__}")
        given = {
            name: part for name, part in cast("Mapping[str, JsonValue]", value).items() if part is not None
        }
        answer = read(given, kind)
        if keeps and not known.issuperset(given):
            rest = {name: given[name] for name in given if name not in known}
            object.__setattr__(answer, "unknown", rest)  # frozen, and not yet given out
        return answer

    return read_tolerantly


def _writer(made: Converter, cls: type[attrs.AttrsInstance]) -> Callable[..., dict[str, object]]:
    """Return what writes a row: its values are JSON values already, so that no copy is made of them."""
    from cattrs.fns import identity  # noqa: PLC0415 - costs a program's start
    from cattrs.gen import make_dict_unstructure_fn, override  # noqa: PLC0415 - costs a program's start

    overrides = {
        field.name: override(rename=field.metadata.get("wire"), unstruct_hook=identity)
        for field in attrs.fields(cls)
    }
    return make_dict_unstructure_fn(cls, made, _cattrs_omit_if_default=True, **overrides)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # overrides by field name


def _read_flag(value: object, _: type) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError("neither true nor false")


def _fragment(texts: Texts) -> object:
    return orjson.Fragment(texts.json)


#: What writes a value of a type that orjson does not know.
_writers: dict[type, Callable[[Any], object]] = {Texts: _fragment}


def _written(value: object) -> object:
    """Return what orjson does not know in a form that it does: an attrs row as a mapping by wire names."""
    write = _writers.get(type(value))
    if write is None:
        if not attrs.has(type(value)):
            raise TypeError(f"a {type(value).__name__} is no JSON value: write it as the vendor wants it")
        write = _writers[type(value)] = converter().get_unstructure_hook(type(value))
    return write(value)
