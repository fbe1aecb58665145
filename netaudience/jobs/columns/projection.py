"""What a step makes of a row, as SQL: the finished JSON of its item, by the vendor's names, and its key.

A row of which SQL cannot surely say the same as Python has no text, and is made by `map.items`, which is the
reference. So every answer here is careful: what may be wrong with a value is never decided, only left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias, cast

import attrs

from netaudience.jobs.columns import row_rules
from netaudience.jobs.columns.convert import convert, to_list, write
from netaudience.jobs.columns.defined import ChosenForm, DefinedForm, NamedForm, TypedForm, form_of_entry
from netaudience.jobs.columns.duckdb import literal, quoted
from netaudience.jobs.columns.fields import fields_of, holds_lists, identifier_field
from netaudience.jobs.columns.read_values import BadValue
from netaudience.jobs.columns.sql_types import sql_type
from netaudience.jobs.columns.write_values import odd_of, sql_of
from netaudience.jobs.spec.model import Expression, Step
from netaudience.model.kinds import Identifiers, Kind
from netaudience.model.rows import Field, Rows
from netaudience.model.validators import Rule, as_meant
from netaudience.model.value_forms import Epoch, TimeForm, ValueForm
from netaudience.model.wire import dump_json

#: Which types of a source are of a defined type as they are, and which texts are a value of one.
_PLAINLY: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "whole", "big"}),
    "whole": frozenset({"whole"}),
    "number": frozenset({"whole", "single", "double", "decimal"}),
    "truth": frozenset({"truth"}),
    "time": frozenset({"date", "moment"}),
}
_READ: Mapping[str, str] = {
    "whole": "0|-?[1-9][0-9]{0,17}",
    "number": "0|-?[1-9][0-9]{0,14}",
    "truth": "true|false",
    "time": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
}


@attrs.frozen
class Column:
    """A field's value in SQL: its type as DuckDB names it, and an expression, NULL where it has none."""

    kind: str
    sql: str
    #: A condition that does not hold where the value could not be computed.
    computed: str | None = None


@attrs.frozen
class ItemSql:
    """An item in SQL; it is NULL where Python has to make it."""

    #: The item's key, as the engine knows it.
    key: str
    #: The line of its JSON, over the parts; None where the item is the key itself.
    text: str | None
    #: What `text` is made of, as columns of a query below: SQL and name. DuckDB computes what stands in
    #: several places of one query as often.
    parts: Sequence[tuple[str, str]] = ()


#: Makes an item of a step's fields by their names, with a beginning for the names of its parts; None where
#: SQL cannot say it of any row.
Projector: TypeAlias = Callable[[Mapping[str, Column], str], ItemSql | None]


@attrs.frozen
class _Piece:
    """The value of one field."""

    #: Its JSON text; NULL where the field has no value, or SQL cannot say it.
    json: str
    #: The text itself, where it is one; otherwise its JSON.
    bare: str
    #: What must hold, or Python has to look at the row.
    conditions: Sequence[str] = ()
    #: Whether it is the same in every row.
    constant: bool = False
    #: The entries, where it is a mapping.
    entries: Sequence[tuple[str, _Piece]] = ()


def projector(step: Step, kind: Kind) -> Projector | None:
    """Return what makes the SQL of a step's items; None where rows of this kind are not made in SQL."""
    if isinstance(kind, Identifiers):
        return lambda columns, _: _identifier(columns, step, kind)
    if not isinstance(kind, Rows) or any(expression.unset for expression in step.fields.values()):
        return None
    rows = cast("Rows[object]", kind)
    return lambda columns, prefix: _row(columns, prefix, step, rows)


def _identifier(columns: Mapping[str, Column], step: Step, kind: Identifiers) -> ItemSql | None:
    if isinstance(kind.form, NamedForm):
        return None
    column = columns.get(identifier_field(step, kind))
    piece = None if column is None else _text(column)
    if piece is not None and kind.rule.meant is not None:
        piece = _ruled(piece, kind.rule)  # what is not written as it is meant is for Python
    # What breaks the kind's rule is for the engine to tell, which looks at identifiers page by page.
    return None if piece is None else ItemSql(_where(piece.conditions, piece.bare), None)


def _row(columns: Mapping[str, Column], prefix: str, step: Step, kind: Rows[object]) -> ItemSql | None:
    if not row_rules.decided_by_names(kind.rule, {name: column.kind for name, column in columns.items()}):
        return None
    known = fields_of(kind)
    whole: dict[str, _Piece] = {}
    entries: dict[str, list[tuple[str, _Piece | None]]] = {}
    for name, expression in step.fields.items():
        field_name, dot, entry = name.partition(".")
        if name in known:
            piece = _single(columns.get(name), expression, known[name])
            if piece is None:
                return None
            whole[known[name].wire] = piece
        elif dot and field_name in known and dict in known[field_name].types:
            field = known[field_name]
            rule = None if field.rule is None else field.rule.entries.get(entry)
            form = form_of_entry(field.form, entry)
            piece = _entry(columns.get(name), expression, form, rule, lists=holds_lists(kind, field))
            piece = _among_others(piece, columns.get(name), field.rule)
            entries.setdefault(field.wire, []).append((entry, piece))
    if not whole.keys().isdisjoint(entries):
        return None
    for wire, pieces in entries.items():
        mapping = _mapping(pieces, known[wire])
        if mapping is None:
            return None
        whole[wire] = mapping
    texts = [column.sql for column in columns.values() if column.kind == "VARCHAR"]
    return _joined(whole, kind, prefix, row_rules.short_enough(kind.rule, texts))


def _joined(
    whole: Mapping[str, _Piece], kind: Rows[object], prefix: str, besides: Sequence[str]
) -> ItemSql | None:
    """Put an object together; what it has to have is never left out."""
    required = {field.wire for field in kind.fields if field.required}
    keys = [wire for wire in kind.wire_keys if wire in whole]
    if not required <= whole.keys() or not keys:
        return None
    conditions = [*besides, *(condition for piece in whole.values() for condition in piece.conditions)]
    key = _key([(wire, whole[wire]) for wire in keys], kind, conditions, required)
    parts = [(" AND ".join(dict.fromkeys(conditions)) or "true", f"{prefix}fine")]
    surely, perhaps = [quoted(f"{prefix}fine")], list[str]()
    filled: list[str] = []
    always_there: list[str] = []
    may_be_there: dict[str, str] = {}
    members: list[_Member] = []

    def named(json: str) -> str:
        parts.append((json, f"{prefix}{len(parts)}"))
        return quoted(parts[-1][1])

    for wire, piece in whole.items():
        if piece.entries:
            inside = [
                _Member(name, one.json if one.constant else named(one.json)) for name, one in piece.entries
            ]
            members.append(_Member(wire, "", entries=inside))
            perhaps += [f"{one.json} IS NOT NULL" for one in inside]
            # One with no entry is for Python to tell.
            filled.append(f"coalesce({', '.join(one.json for one in inside)}) IS NOT NULL")
            always_there.append(wire)
            continue
        json = piece.json if piece.constant else named(piece.json)
        always = piece.constant or wire in required
        if not piece.constant:
            (surely if always else perhaps).append(f"{json} IS NOT NULL")
        if always:
            always_there.append(wire)
        else:
            may_be_there[wire] = f"{json} IS NOT NULL"
        members.append(_Member(wire, json, always))
    if kind.rule is not None:
        entries = {
            wire: [name for name, _ in piece.entries] for wire, piece in whole.items() if piece.entries
        }
        keeping = row_rules.condition(kind.rule, always_there, may_be_there, entries)
        if keeping is None:
            return None
        surely.append(keeping)
    text = f"concat({', '.join(_merged(_all_of(members)))})"
    if perhaps:
        # To put together what is all there costs half of looking for what is missing, row by row.
        some = _where(filled, f"concat({', '.join(_merged(_some_of(members)))})")
        text = f"CASE WHEN {' AND '.join(dict.fromkeys(perhaps))} THEN {text} ELSE {some} END"
    return ItemSql(key, _where(surely, text), parts)


def _key(
    parts: Sequence[tuple[str, _Piece]], kind: Rows[object], conditions: list[str], required: Collection[str]
) -> str:
    """Return the key of an item: the first of its fields that is set."""
    names: list[str] = []
    for wire, piece in parts:
        bare = piece.bare
        if wire in kind.case_insensitive_keys:
            conditions.append(f"coalesce(strlen({bare}) = length({bare}), true)")  # it folds like ASCII
            bare = f"lower({bare})"
        names.append(f"nullif({bare}, '')" if len(parts) > 1 else bare)
    if len(names) == 1 and parts[0][0] in required:
        return names[0]
    key = f"coalesce({', '.join(names)})"
    conditions.append(f"{key} IS NOT NULL")
    return key


@attrs.frozen
class _Member:
    """A member of an object: its JSON, or the entries of the mapping that it is."""

    name: str
    json: str
    #: Whether it is never left out.
    always: bool = True
    entries: Sequence[_Member] = ()


_END = "}\n"


def _all_of(members: Sequence[_Member], end: str = _END) -> list[str]:
    """Return the parts of an object's line where no member is left out."""
    made: list[str] = []
    for at, member in enumerate(members):
        made.append(literal(("," if at else "{") + _name(member.name)))
        made += _all_of(member.entries, "}") if member.entries else [member.json]
    return [*made, literal(end)]


def _some_of(members: Sequence[_Member]) -> list[str]:
    """Return the parts of an object's line where members may be NULL, and are left out then."""
    if not members[0].always:
        # Which of them is the first, and has no comma before it, differs from row to row.
        return ["'{'", f"concat_ws(',', {', '.join(_left_out(one) for one in members)})", literal(_END)]
    made: list[str] = []
    for at, member in enumerate(members):
        begin = ("," if at else "{") + _name(member.name)
        if member.entries:
            made += [literal(begin + "{"), _listed(member.entries), "'}'"]
        else:
            made += [literal(begin), member.json] if member.always else [f"{literal(begin)} || {member.json}"]
    return [*made, literal(_END)]


def _left_out(member: _Member) -> str:
    begin = literal(_name(member.name))
    if member.entries:
        return f"concat({begin}, '{{', {_listed(member.entries)}, '}}')"
    return f"concat({begin}, {member.json})" if member.always else f"{begin} || {member.json}"


def _listed(entries: Sequence[_Member]) -> str:
    return f"concat_ws(',', {', '.join(f'{literal(_name(one.name))} || {one.json}' for one in entries)})"


def _merged(parts: Sequence[str]) -> list[str]:
    """Return the parts of a text with those that are literals, one behind the other, as one."""
    made: list[str] = []
    for part in parts:
        if (
            made
            and made[-1].startswith("'")
            and part.startswith("'")
            and made[-1].endswith("'")
            and part.endswith("'")
        ):
            made[-1] = made[-1][:-1] + part[1:]
        else:
            made.append(part)
    return made


def _where(conditions: Sequence[str], value: str) -> str:
    """Return a value where all conditions hold; NULL elsewhere."""
    return f"CASE WHEN {' AND '.join(dict.fromkeys(conditions))} THEN {value} END" if conditions else value


def _name(name: str) -> str:
    return f"{dump_json(name).decode()}:"


def _single(column: Column | None, expression: Expression, field: Field) -> _Piece | None:
    if isinstance(field.form, ChosenForm):
        return None
    if column is None:
        return _constant(convert(expression.value, field), field.rule)
    piece = _converted(column, field)
    return None if piece is None else _ruled(piece, field.rule)


def _entry(
    column: Column | None, expression: Expression, form: ValueForm, rule: Rule | None, *, lists: bool
) -> _Piece | None:
    if isinstance(form, ChosenForm):
        return None
    if column is None:
        value = write(form, to_list(expression.value) if lists else expression.value)
        return _constant(value, rule)
    piece = None if lists else _typed(column, form) if isinstance(form, TypedForm) else _written(column, form)
    return None if piece is None else _ruled(piece, rule)


def _among_others(piece: _Piece | None, column: Column | None, rule: Rule | None) -> _Piece | None:
    """Return an entry of a mapping whose rule looks at its values."""
    if piece is None or rule is None or rule.sql_of_texts is None:
        return piece
    if column is None or sql_type(column.kind).holds("list", *row_rules.OBJECTS):
        return None
    if column.kind != "VARCHAR":
        return piece
    return attrs.evolve(piece, conditions=[*piece.conditions, rule.sql_of_texts(piece.bare)])


def _mapping(pieces: Sequence[tuple[str, _Piece | None]], field: Field) -> _Piece | None:
    """Return a mapping, whose entries are left out where they are NULL."""
    found = [(name, piece) for name, piece in pieces if piece is not None]
    rule = field.rule
    if len(found) < len(pieces) or (rule is not None and rule.sql is None and rule.sql_of_texts is None):
        return None
    if rule is not None and rule.sql is None and rule.why_invalid(dict.fromkeys(dict(found), "x")):
        return None
    conditions = [condition for _, piece in found for condition in piece.conditions]
    return _Piece("", "", conditions, entries=found)


def _constant(value: object, rule: Rule | None) -> _Piece | None:
    if value is None or isinstance(value, BadValue):
        return None
    if rule is not None and (rule.why_invalid(value) or as_meant(rule, value) != value):
        return None
    json = literal(dump_json(value).decode())
    return _Piece(json, literal(value) if isinstance(value, str) else json, constant=True)


def _ruled(piece: _Piece, rule: Rule | None) -> _Piece | None:
    """Return a value that its rule lets through; where it surely does not, Python has to say why."""
    if rule is None:
        return piece
    if rule.sql is None:
        return None
    return attrs.evolve(piece, conditions=[*piece.conditions, f"coalesce({rule.sql(piece.bare)}, true)"])


def _written(column: Column, form: ValueForm) -> _Piece | None:
    """Return a value of any type, as the vendor has it written."""
    json = sql_of(form, column.kind, column.sql)
    if json is None:
        return None
    conditions = [] if column.computed is None else [column.computed]
    odd = odd_of(form, column.kind, column.sql)
    if odd is not None:
        conditions.append(f"NOT coalesce({odd}, false)")
    return _Piece(json, column.sql if column.kind == "VARCHAR" else json, conditions)


def _named(column: Column, types: Collection[type], form: NamedForm) -> _Piece | None:
    """Return a name that the vendor has; Python says which one it has not."""
    piece = _text(column) if str in types else None
    if piece is None or form.known.makes:
        return piece
    names = ", ".join(map(literal, sorted(form.known.by_name))) or "NULL"
    fine = f"coalesce({piece.bare} IN ({names}), {column.sql} IS NULL)"
    return attrs.evolve(piece, conditions=[*piece.conditions, fine])


def _typed(column: Column, form: TypedForm) -> _Piece | None:
    """Return a value in the type that the vendor has defined, where that is plain; the rest is for Python."""
    family, holds = sql_type(column.kind).family, form.holds
    if holds.many or form.plain.text:
        return None
    if family in _PLAINLY[holds.family]:
        return _text(column) if holds.family == "text" else _written(column, form.plain)
    if family != "text" or holds.family not in _READ:
        return None
    found = _written(column, form.plain)
    pattern = _READ[holds.family]
    if found is None:
        return None
    value, condition = column.sql, f"regexp_full_match({column.sql}, '{pattern}')"
    if holds.family == "time":
        read = _written(attrs.evolve(column, kind="DATE", sql=f"try_cast({value} AS DATE)"), form.plain)
        if read is None:
            return None
        condition += f" AND try_cast({value} AS DATE) IS NOT NULL"
        value, found = read.json, read
    fine = f"coalesce({condition}, {column.sql} IS NULL)"
    return attrs.evolve(found, json=value, bare=value, conditions=[*found.conditions, fine])


def _text(column: Column) -> _Piece | None:
    """Return a value as text, with all its digits."""
    kind = sql_type(column.kind)
    if kind.family not in {"text", "whole", "big"}:
        return None
    bare = column.sql if column.kind == "VARCHAR" else f"({column.sql})::VARCHAR"
    return _Piece(f"to_json({bare})::VARCHAR", bare, [] if column.computed is None else [column.computed])


def _converted(column: Column, field: Field) -> _Piece | None:
    """Return a value as one of the types that a field holds; see `converting.convert`."""
    types, form = field.types, field.form
    if isinstance(form, NamedForm):
        return _named(column, types, form)
    if isinstance(form, DefinedForm | TypedForm):
        return None
    if types == frozenset({str}) or (column.kind == "VARCHAR" and str in types):
        return _text(column)
    match sql_type(column.kind).family:
        case "truth":
            wanted = bool in types
        case "whole":
            wanted = bool not in types and bool(types & {int, float})
        case "double":
            wanted = bool not in types and float in types
        case "date":
            wanted = _type_of(form.date) in types
        case "moment":
            wanted = form.moment is not None and _type_of(form.moment) in types
        case _:
            wanted = False
    return _written(column, form) if wanted and not form.text else None


def _type_of(form: TimeForm | None) -> type:
    return int if isinstance(form, Epoch) and not form.prefix else str
