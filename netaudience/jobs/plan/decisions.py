"""What a step decides about the values and the names of its columns, in sentences for a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netaudience.jobs.columns.sql_types import SqlType, sql_type
from netaudience.jobs.spec.model import Step
from netaudience.model.kinds import Kind
from netaudience.model.rows import Field, Rows
from netaudience.model.value_forms import ValueForm

#: Digits that a number of JSON keeps, whichever they are.
_SURE_DIGITS = 15


def decisions(step: Step, kind: Kind, columns: Mapping[str, str], time_zone: str | None = None) -> list[str]:
    """Return what is decided about a step's columns: the form of dates, time zones, digits, names.

    Args:
        step: The step.
        kind: What its items are.
        columns: DuckDB's types of the source's columns.
        time_zone: What the source says that moments without a zone are meant in.
    """
    if not isinstance(kind, Rows):
        return []
    known: dict[str, Field] = {}
    for field in kind.fields:
        known[field.wire] = known[field.name] = field
    lines: list[str] = []
    for name, expression in step.fields.items():
        whole, dot, entry = name.partition(".")
        found = known.get(name) or (known.get(whole) if dot else None)
        if found is None:
            continue
        if dot and name not in known:
            lines += _about_name(entry, found.form)
        written = columns.get(expression.column) if expression.column is not None else None
        if written is not None:
            lines += _about_type(name, written, found.form, time_zone)
    return lines


def _about_name(name: str, form: ValueForm) -> Iterator[str]:
    names = form.names
    if names is None:
        return
    if name in names.reserved:
        yield f"{name} is a name that the vendor reserves for itself: rename the entry"
        return
    if found := sorted(names.forbidden.intersection(name)):
        yield f"{name} holds {' '.join(found)}, which the vendor takes in no name: rename the entry"
    meant = next((own for own in names.own if own.casefold() == name.casefold()), None)
    if meant is not None and meant != name:
        yield f"{name} differs in its case alone from the vendor's own {meant}: write {meant} if it is meant"


def _about_type(name: str, written: str, form: ValueForm, time_zone: str | None) -> Iterator[str]:
    kind = sql_type(written)
    assumed = f" (assumed: {form.assumed})" if form.assumed else ""
    if form.moment is not None and not form.text and kind.holds("date"):
        day = "text YYYY-MM-DD" if form.date is None else form.date.name
        yield f"{name} ({written}) goes as {day}{assumed}"
    if form.moment is not None and not form.text and kind.holds("moment"):
        yield f"{name} ({written}) goes as {form.moment.name}, what is finer is cut off{assumed}"
        if _has_naive(kind):
            if time_zone is None:
                yield f"{name} ({written} without zone) is taken as UTC: time-zone in [source] says otherwise"
            else:
                yield f"{name} ({written} without zone) is taken as {time_zone}, as [source] says"
    if not form.text and _may_be_long(kind):
        yield f"{name} ({written}): a row with more digits than a number of JSON keeps is rejected"
    if kind.holds("bytes"):
        yield f"{name} ({written}) is bytes, which no vendor takes: its rows are rejected"


def _has_naive(kind: SqlType) -> bool:
    return (kind.family == "moment" and not kind.zoned) or any(_has_naive(part) for _, part in kind.parts)


def _may_be_long(kind: SqlType) -> bool:
    long = kind.family == "big" or (kind.family == "decimal" and kind.width > _SURE_DIGITS)
    return long or any(_may_be_long(part) for _, part in kind.parts)
