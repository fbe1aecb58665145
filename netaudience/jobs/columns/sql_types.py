"""DuckDB's types as trees: what a list, a struct and a map hold, from the name of the type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import attrs

from netaudience.jobs.columns.duckdb import import_duckdb

Family: TypeAlias = Literal[
    "truth",
    "whole",
    "big",
    "single",
    "double",
    "decimal",
    "text",
    "time",
    "date",
    "moment",
    "bytes",
    "json",
    "list",
    "struct",
    "map",
    "null",
    "other",
]
"""What the types have in common that are read and written alike."""

_FAMILIES: dict[str, Family] = {
    "BOOLEAN": "truth",
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), "whole"
    ),
    **dict.fromkeys(("HUGEINT", "UHUGEINT", "BIGNUM", "VARINT"), "big"),
    "FLOAT": "single",
    "DOUBLE": "double",
    "DECIMAL": "decimal",
    **dict.fromkeys(("VARCHAR", "UUID", "ENUM", "INTERVAL"), "text"),
    **dict.fromkeys(("TIME", "TIME_NS", "TIME WITH TIME ZONE", "TIMETZ"), "time"),
    "DATE": "date",
    **dict.fromkeys(("BLOB", "BIT", "GEOMETRY"), "bytes"),
    "JSON": "json",
    "STRUCT": "struct",
    "MAP": "map",
    "NULL": "null",
}


@attrs.frozen
class SqlType:
    """A type of DuckDB."""

    #: Its name without what is in parentheses.
    name: str
    family: Family
    #: What it holds: the entries of a list, the fields of a struct, the keys and the values of a map.
    parts: Sequence[tuple[str, SqlType]] = ()
    #: Digits, and those of them behind the point, of a decimal.
    width: int = 0
    scale: int = 0

    @property
    def zoned(self) -> bool:
        """Whether a moment of this type knows its time zone."""
        return self.name in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMPTZ_NS"}

    def holds(self, *families: Family) -> bool:
        """Return whether it is, or holds at any depth, one of these."""
        return self.family in families or any(part.holds(*families) for _, part in self.parts)


@lru_cache(maxsize=1000)
def sql_type(kind: str) -> SqlType:
    """Return the tree of a type.

    Args:
        kind: DuckDB's name of the type.
    """
    plain = kind.partition("(")[0].strip().strip('"')
    if kind.endswith("]"):
        duck = import_duckdb().sqltype(kind)
        return SqlType("LIST", "list", (("", sql_type(str(duck.children[0][1]))),))
    if plain in {"STRUCT", "MAP"}:
        parts = import_duckdb().sqltype(kind).children
        return SqlType(
            plain, _FAMILIES[plain], tuple((str(name), sql_type(str(part))) for name, part in parts)
        )
    if plain.startswith("TIMESTAMP"):
        return SqlType(plain, "moment")
    if plain == "DECIMAL":
        width, _, scale = kind.partition("(")[2].rstrip(")").partition(",")
        return SqlType(plain, "decimal", width=int(width or 18), scale=int(scale or 3))
    return SqlType(plain, _FAMILIES.get(plain, "other"))


def time_text(value: str) -> str:
    """Return the SQL of a time of day as ISO 8601: the cast writes +03 where it has +03:00."""
    return f"regexp_replace({value}::VARCHAR, '([+-][0-9]{{2}})$', '\\1:00')"
