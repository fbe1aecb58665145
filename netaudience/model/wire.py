"""What goes over the wire: requests as the vendors' own JSON, answers as bytes.

Frozen data and pure functions, no I/O. The doors to orjson (JSON) and cattrs (typed answers and typed
rows) are here; cattrs is imported when the first typed value needs it, for it costs a program's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

import attrs
import orjson

from netaudience.errors import bare
from netaudience.model.texts import RowTexts, Texts

if TYPE_CHECKING:
    from cattrs import Converter

if TYPE_CHECKING:
    JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
else:  # nothing at run time has to walk a recursive type
    JsonValue = Any
"""A value that JSON can carry."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def wire_name(name: str, *others: str) -> dict[str, object]:
    """Return attrs metadata: the field goes by this name on the wire; an answer may call it otherwise."""
    return {"wire": name, "others": others}


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
    #: The route, where it is not the operation's: that of a step before it.
    route: str = ""
    #: An address of somebody else's that the vendor has signed: it goes there as it is, and none of the
    #: account's headers go with it.
    foreign_url: str = ""
    #: The body as it goes out, where `json` is None: JSON that is written already, or what a foreign address
    #: takes.
    content: bytes | None = None
    #: Whether it may be sent again when its answer is lost, where that is not as for the operation.
    repeatable: bool | None = None
    #: True where the same was asked before, and the answer was not ready: it is asked after a pause.
    again: bool = False
    #: The type that the answer's JSON is read into, or that reads the body itself by its class method
    #: ``from_body``, and a long one by ``from_lines``; None where success says nothing.
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
        "spooled",
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
        *,
        spooled: bool = False,
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
        #: Whether a long answer is kept in a file.
        self.spooled = spooled
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
            return set(map(bare, value.split()))
        case Mapping():
            return words_in(list(cast("Mapping[object, object]", value).values()))
        case list() | tuple() | Texts() | RowTexts():
            return set[str]().union(*map(words_in, cast("Sequence[object]", value)))
        case _ if attrs.has(type(value)):
            return words_in(written(value))
        case _:
            return set()


class LongAnswer(Protocol):
    """The body of a long answer, which is not held in memory."""

    def lines(self) -> Iterator[str]:
        """Read it from its beginning, without lines that are empty.

        Raises:
            ValueError: it is no text.
        """
        ...


class Response:
    """An answer: status, headers (names in lower case) and the whole body."""

    __slots__ = ("body", "headers", "spooled", "status", "truncated")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        truncated: bool = False,
        spooled: LongAnswer | None = None,
    ) -> None:
        self.status = status
        #: Looked up in any case.
        self.headers = headers
        self.body = body
        #: True where the body was longer than we read.
        self.truncated = truncated
        #: The body, where it is long and was to be kept in a file; `body` is empty then.
        self.spooled = spooled

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body):,} bytes>"

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


#: How JSON is written, everywhere.
OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME


def dump_json(
    value: object, *, numbers: bool = True, default: Callable[[object], object] | None = None
) -> bytes:
    """Write a value as JSON, attrs rows by their wire names.

    Args:
        value: What to write.
        numbers: False where the value surely holds no floats, which saves looking for broken ones.
        default: What writes values of types that JSON has none for; they are refused where it is None.

    Raises:
        TypeError: the value holds something that JSON cannot carry.
        ValueError: it holds a float that is no number, which would be written as null.
    """
    if type(value) is RowTexts:
        return value.json  # to have it copied into another text would be the dearest part
    try:
        body = orjson.dumps(value, default=default or written, option=OPTIONS)
    except TypeError as error:
        if isinstance(error.__cause__, ValueError):  # what `default` has said
            raise error.__cause__ from None
        raise
    if numbers and not _sure(value) and has_null(body) and not finite(value):
        raise ValueError("it holds a number that is infinite or not a number")
    return body


def has_null(body: bytes) -> bool:
    """Return whether null stands in a JSON text, which is all that it says of a number it has none for."""
    # One letter costs nothing to look for. The word is looked for from its end: that is twice as quick as
    # `in`, which CPython tunes for longer words; and with a letter less, a quarter quicker still (P3).
    return b"n" in body and body.rfind(b"nul") >= 0 and b"null" in body


#: What holds no float, or was looked through when its text was made.
_SURE = frozenset({RowTexts, Texts, orjson.Fragment, str, int, bool, type(None)})


def _sure(value: object) -> bool:
    """Return whether a value is seen at once to hold no broken number."""
    if type(value) is dict:
        return _SURE.issuperset(map(type, cast("dict[str, object]", value).values()))
    return type(value) in _SURE


def finite(value: object) -> bool:
    """Return whether a value holds no number that JSON has none for."""
    match value:
        case float():
            return math.isfinite(value)
        case Mapping():
            return all(map(finite, cast("Mapping[object, object]", value).values()))
        case list() | tuple():
            return all(map(finite, cast("Sequence[object]", value)))
        case _ if attrs.has(type(value)):
            return finite(written(value))
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


def decode(response: Response, answer: type[T] | None, *, paged: bool = False) -> T | None:
    """Read a successful answer into its type; None where success says nothing.

    Raises:
        ValueError: the body is not JSON, or does not fit the type, or it links to a next page where pages are
            not read: what is there would be left out without a word.
    """
    if answer is None:
        return None
    if response.spooled is not None:
        long: Callable[[LongAnswer], T] = getattr(answer, "from_lines")  # noqa: B009 - as the next one
        return long(response.spooled)
    read: Callable[[bytes], T] | None = getattr(answer, "from_body", None)
    if read is not None:  # plain text, or a list: an answer that is no JSON object reads itself
        return read(response.body)
    value = load_json(response.body)
    if not paged and links_on(value):
        raise ValueError("the answer links to a next page that is not read")
    return structure(value, answer)


#: What vendors call a link to a next page, or say that there is one, without case and signs between words.
_LINKS = frozenset(
    f"{word}{what}"
    for word, whats in (
        ("next", ("", "page", "pageurl", "pagetoken", "cursor", "token", "url", "link")),
        ("has", ("more", "next", "nextpage", "morepages")),
    )
    for what in whats
)
#: Where it may stand, besides the answer's first level.
_LINK_HOLDERS = frozenset({"page", "paging", "pagination", "links", "meta"})


def links_on(value: object) -> bool:
    """Return whether an answer says that another page follows."""
    if not isinstance(value, Mapping):
        return False
    for name, part in cast("Mapping[str, object]", value).items():
        plain = name.replace("_", "").replace("-", "").lower()
        if (part and plain in _LINKS) or (plain in _LINK_HOLDERS and links_on(part)):
            return True
    return False


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
    others = {
        other: field.metadata["wire"]
        for field in attrs.fields(cls)
        for other in field.metadata.get("others", ())
    }

    def read_tolerantly(value: object, kind: type) -> object:
        if not isinstance(value, Mapping):
            raise TypeError(f"{cls.__name__} is an object, not {type(value).__name__}")
        given = {
            name: part for name, part in cast("Mapping[str, JsonValue]", value).items() if part is not None
        }
        for other, wire in others.items():
            if other in given and wire not in given:
                given[wire] = given.pop(other)
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


def _fragment(texts: Texts | RowTexts) -> object:
    return orjson.Fragment(texts.json)


#: What writes a value of a type that orjson does not know.
_writers: dict[type, Callable[[Any], object]] = {Texts: _fragment, RowTexts: _fragment}


def writer_of(write: Callable[[object], object]) -> Callable[[object], object]:
    """Return what writes rows by their wire names as always, and what JSON has no type for by a function."""

    def written_so(value: object) -> object:
        return (_writers.get(type(value)) or row_writer(type(value)) or write)(value)

    return written_so


def row_writer(kind: type) -> Callable[[Any], object] | None:
    """Return what writes rows of an attrs class as mappings by wire names; None where it is no such class."""
    write = _writers.get(kind)
    if write is None and attrs.has(kind):
        write = _writers[kind] = converter().get_unstructure_hook(kind)
    return write


def written(value: object) -> object:
    """Return what orjson does not know in a form that it does: an attrs row as a mapping by wire names."""
    write = row_writer(type(value))
    if write is None:
        raise TypeError(f"a {type(value).__name__} is no JSON value: write it as the vendor wants it")
    return write(value)
