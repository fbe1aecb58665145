"""The hash of a row in SQL: over its key and what is sent of it, the same at every reading of the same row.

It is over values, not over how they are written: names of JSON in any order, 1 and 1.0 are the same. Beside
it stands a check over the values as they are, which a run that reads a row again compares: it costs a tenth.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import attrs

from netaudience.jobs.columns.duckdb import import_duckdb, literal
from netaudience.jobs.columns.effects import canonical
from netaudience.jobs.columns.read_values import json_text
from netaudience.model.wire import JsonValue

if TYPE_CHECKING:
    import duckdb

_CANONICAL = "netaudience_canonical"
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_LONG = {"HUGEINT", "UHUGEINT"}
_NESTED = {"STRUCT", "MAP", "UNION", "VARIANT"}
#: Types whose JSON tells which they are.
_TOLD = {*_WHOLE, *_LONG, *_NESTED, "VARCHAR", "BOOLEAN", "JSON", "FLOAT", "DOUBLE", "DECIMAL"}


@attrs.frozen
class Part:
    """A field as SQL."""

    #: Its type, as DuckDB names it; empty for a constant, which is JSON.
    kind: str
    #: What holds its value.
    value: str
    #: SQL for whether its own SQL fails on the row, where it may.
    fails: str | None = None
    #: Whether it is sent as text, whatever it is: the number 1042 and the text are one identifier.
    is_text: bool = False

    @property
    def plain(self) -> str:
        """SQL for the value in the form that is the same for the same value; NULL where there is none."""
        return self.text if self.is_text else self._plain

    @property
    def _plain(self) -> str:
        kind, value = self.kind, self.value
        name = kind.partition("(")[0].strip()
        if not kind or name in {"VARCHAR", "BOOLEAN"} or name in _WHOLE:
            return value
        if name == "JSON":
            nested = f"{_CANONICAL}({value}::VARCHAR)::JSON"
            return (
                f"CASE json_type({value}) WHEN 'NULL' THEN NULL WHEN 'OBJECT' THEN {nested} "
                f"WHEN 'ARRAY' THEN {nested} WHEN 'DOUBLE' THEN {nested} ELSE {value} END"
            )
        if kind.endswith("]") or name in _NESTED:
            return f"{_CANONICAL}(to_json({value})::VARCHAR)::JSON"
        if name in {"FLOAT", "DOUBLE", "DECIMAL"} or name in _LONG:
            return (
                f"CASE WHEN abs({value}) < 9e15 AND {value} = trunc({value}) THEN to_json({value}::BIGINT) "
                f"ELSE to_json(({value})::VARCHAR) END"
            )
        return f"({value})::VARCHAR"

    @property
    def text(self) -> str:
        """SQL for the value as text."""
        name = self.kind.partition("(")[0].strip()
        as_json = not self.kind or name in {"JSON", "FLOAT", "DOUBLE", "DECIMAL"} or name in _LONG
        return json_text(self._plain) if as_json else f"({self._plain})::VARCHAR"

    @property
    def present(self) -> str:
        """SQL for whether the row asks for the field: one that fails is not known to be empty."""
        has = f"({self.plain if self.kind == 'JSON' else self.value}) IS NOT NULL"
        return has if self.fails is None else f"({has} OR {self.fails})"

    def hashed(self, name: str) -> list[tuple[str, str]]:
        """Return what stands for the field, each with a name; its type is reported where JSON has none."""
        if not self.kind:
            return [(name, self.value)]
        plain = self.kind.partition("(")[0].strip()
        label = name if self.is_text or plain in _TOLD or self.kind.endswith("]") else f"{name}\t{plain}"
        return [(label, self.plain), *([] if self.fails is None else [(f"{name}!", self.fails)])]


def constant_part(value: JsonValue) -> Part:
    """Return a field that is the same in every row."""
    return Part("", literal(json.dumps(value, default=str)) + "::JSON")


def hash_sql(key: str, parts: Mapping[str, Part], salt: str) -> str:
    """Return the SQL of a row's hash.

    Args:
        key: The SQL of its key.
        parts: Its fields, over which `define_canonical` may be asked.
        salt: What the hash covers besides.
    """
    members = [hashed for name in sorted(parts) for hashed in parts[name].hashed(name)]
    # Salt and names are the same in every row: their digest halves the text that is hashed (J2).
    same = blake2b(
        canonical([salt, [name for name, _ in members]]).encode(errors="surrogatepass"), digest_size=8
    ).hexdigest()
    text = f"json_array({', '.join([key, *(value for _, value in members)])})::VARCHAR || {literal(same)}"
    # Half of the 128 bits tell one row from what was sent under its own key.
    return f"(md5_number({text}) & {2**64 - 1})::UBIGINT"


def check_sql(key: str, parts: Mapping[str, Part]) -> str:
    """Return the SQL of a number that is the same for a row that is read again, by the same DuckDB alone."""
    values = [part.value if part.fails is None else f"{part.value}, {part.fails}" for part in parts.values()]
    return f"hash({', '.join([key, *values])})"


def define_canonical(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Teach a connection what only Python can say of nested values, where a hash's SQL asks it.

    DuckDB imports NumPy to be taught anything (J4).
    """
    if _CANONICAL not in sql:
        return
    module = import_duckdb()
    # It knows it already, or another connection to the same database has been taught.
    with contextlib.suppress(module.NotImplementedException, module.CatalogException):
        register: Any = getattr(connection, "create_function")  # noqa: B009 - its stubs leave types open
        register(_CANONICAL, _rewritten, ["VARCHAR"], "VARCHAR")


def _rewritten(text: str) -> str:
    try:
        return canonical(json.loads(text, parse_float=Decimal))
    except (ValueError, RecursionError):
        return text
