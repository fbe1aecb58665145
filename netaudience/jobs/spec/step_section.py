"""The tables [[step]] of a job file: an operation each, and what of a row goes into its fields.

Whether a step fits its operation is judged by `validate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from netaudience.jobs.spec.diagnostics import Problems, Section, listed, nearest
from netaudience.jobs.spec.model import Expression, Mode, Source, Step
from netaudience.jobs.spec.suppression_section import channels_of, condition_of
from netaudience.jobs.spec.toml_lines import KeyPath
from netaudience.jobs.spec.validate import (
    check_arguments,
    check_fields,
    find_operation,
    find_vendor,
    is_json,
    problem_of_last,
    removal_problem,
)
from netaudience.model.wire import JsonValue
from netaudience.operations.dispatch import Operation
from netaudience.vendors import names as vendor_names

STEP = (
    "name", "vendor", "operation", "arguments", "fields", "where", "mode", "removal", "removal_arguments",
    "take_back_old", "duplicates", "suppressed", "channels", "verify", "rate", "in_flight", "max_rows",
)  # fmt: skip
MODES = ("all", "changed-only", "mirror")
_EXPRESSION = ("column", "value", "sql")


def steps_of(file: Section, source: Source, names: set[str], *, needed: bool) -> tuple[Step, ...]:
    """Read the steps; what is wrong goes to the file's problems.

    Args:
        file: The whole file.
        source: Where its rows come from.
        names: Those of the steps that are there already; the names of these are added.
        needed: Whether there must be any.
    """
    value = file.get("step")
    place = file.place("step")
    given: list[tuple[object, KeyPath]] = []
    if isinstance(value, dict):
        given = [(cast("dict[str, object]", value), place)]
    elif isinstance(value, list):
        given = [(one, (*place, index)) for index, one in enumerate(cast("list[object]", value))]
    elif value is not None:
        file.wrong("step", "a step is a table: begin it with a line [[step]]")
        return ()
    if not given and needed:
        file.wrong("step", "there is no step: add [[step]] with vendor, operation and fields")
    steps: list[Step] = []
    paces: dict[tuple[str, str], tuple[Section, Step]] = {}
    for one, at in given:
        if not isinstance(one, dict):
            file.problems.add(at, "a step is a table: begin it with a line [[step]]")
            continue
        section = Section(cast("dict[str, object]", one), at, file.problems, known=STEP, name="[[step]]")
        step = _step(file, section, source)
        if step is None:
            continue
        if step.name.casefold() in names:
            sentence = f'two steps are called {step.name}: give each a name of its own, name = "…"'
            section.wrong("name", sentence)
        names.add(step.name.casefold())
        steps.append(step)
        _one_pace(section, step, paces)
    return tuple(steps)


def _one_pace(section: Section, step: Step, paces: dict[tuple[str, str], tuple[Section, Step]]) -> None:
    """Look whether a step keeps the pace of those before it that draw on the same allowance."""
    vendor = find_vendor(step.vendor)
    for name in (step.operation, step.removal):
        operation = None if vendor is None or name is None else find_operation(vendor, name)
        if not isinstance(operation, Operation):
            continue
        other, first = paces.setdefault((step.vendor, operation.facts.quota.name), (section, step))
        for key in ("rate", "in_flight"):
            paced = [(other, getattr(first, key)), (section, getattr(step, key))]
            unpaced = any(at.get(key) is not None and pace is None for at, pace in paced)
            if paced[0][1] != paced[1][1] and not unpaced:
                section.wrong(
                    key,
                    f"{first.name} and {step.name} draw on one allowance of the account, so they have "
                    f"one pace: write the same {key} in both, or in neither",
                )
                return


def _step(file: Section, section: Section, source: Source) -> Step | None:
    vendor, operation = _operation(section, "operation")
    arguments = _arguments(section, "arguments", operation)
    count = len(section.problems)
    fields = _fields(section, operation, arguments)
    mapped = fields if len(section.problems) == count else {}
    mode = cast("Mode", section.choice("mode", MODES) or "all")
    if mode != "all" and not source.key and "key" not in file.table("source"):
        section.wrong("mode", f'{mode} needs to know rows again: add key = "COLUMN" to [source]')
    if source.incremental is not None:
        check_incremental(section, source, mode)
    removal, removal_arguments = _removal(section, mode, operation, mapped)
    rate, in_flight = section.number("rate"), section.whole("in_flight")
    max_rows = section.whole("max_rows")
    looked_at = section.share("verify", counts=False)
    verify = None if looked_at is None else min(looked_at.share or 0.0, 1.0) or None
    where = section.text("where")
    sends = section.choice("suppressed", ("hold-back", "send")) == "send"
    if "suppressed" in section and source.suppression is None and "suppression" not in file:
        section.wrong("suppressed", "there is no list of people: add [suppression], or leave it out")
    channels = channels_of(section, "channels")
    if "channels" in section and (sends or "suppression" not in file):
        section.wrong("channels", "there is no list of people that would hold any back: leave it out")
    if source.suppression is not None and not sends:
        where = condition_of(where, source.suppression.match, channels)
    default = "step" if operation is None else f"{vendor}-{operation.name.replace('_', '-')}"
    name = section.name_of_folder("name", default=default)
    if vendor is None or operation is None or name is None:
        return None
    return Step(
        name=name,
        vendor=vendor,
        operation=operation.name,
        arguments=arguments,
        fields=fields,
        where=where,
        mode=mode,
        removal=None if removal is None else removal.name,
        removal_arguments=removal_arguments,
        take_back_old=section.flag("take_back_old", default=False),
        duplicates=_duplicates(section, operation),
        verify=verify,
        rate=rate,
        in_flight=in_flight,
        max_rows=max_rows,
    )


def _duplicates(section: Section, operation: Operation | None) -> Literal["all", "last"]:
    """Return which of several rows of one user are sent."""
    last = section.choice("duplicates", ("all", "last")) == "last"
    if last and operation is not None and (problem := problem_of_last(operation)):
        section.wrong("duplicates", problem)
    return "last" if last else "all"


def _operation(section: Section, key: str) -> tuple[str | None, Operation | None]:
    """Return a step's vendor, and the operation that a key of it names."""
    slugs = list(vendor_names())
    name, called = section.text("vendor"), section.text(key)
    if name is None:
        if "vendor" not in section:
            section.wrong("vendor", f'the step names no vendor: add vendor = "…", one of {listed(slugs)}')
        return None, None
    vendor = find_vendor(name)
    if vendor is None:
        meant = nearest(name, slugs) or f": it is one of {listed(slugs)}"
        section.wrong("vendor", f"there is no vendor of that name{meant}")
        return None, None
    if called is None:
        if key not in section:
            section.wrong(key, f'the step has no {key}: add {key} = "…"; netaudience operations lists them')
        return vendor.slug, None
    found = find_operation(vendor, called)
    if isinstance(found, str):
        section.wrong(key, found)
        return vendor.slug, None
    return vendor.slug, found


def _arguments(section: Section, key: str, operation: Operation | None) -> Mapping[str, JsonValue]:
    given = section.table(key)
    if operation is None:
        return {}

    def tell(name: str | None, sentence: str) -> None:
        place = section.place(key)
        section.problems.add(place if name is None else (*place, name), sentence)

    return check_arguments(operation, given, tell, key.replace("_", "-"))


def _fields(
    section: Section, operation: Operation | None, arguments: Mapping[str, JsonValue]
) -> dict[str, Expression]:
    places: dict[str, KeyPath] = {}
    found: list[tuple[str, Expression]] = []
    whole = section.place("fields")
    count = len(section.problems)
    for name, value, place in _spread(section.table("fields"), whole):
        places[name] = place
        expression = _expression(section.problems, name, value, place)
        if expression is not None:
            found.append((name, expression))
    if operation is None or (len(section.problems) > count and not found):
        return dict(found)
    known_bad = set(places) - {name for name, _ in found}

    def tell(name: str | None, sentence: str) -> None:
        if name is None and known_bad:
            return  # what is missing may be what could not be read
        section.problems.add(whole if name is None else places[name], sentence)

    return check_fields(operation, found, arguments, tell)


def _expression(problems: Problems, name: str, value: object, place: KeyPath) -> Expression | None:
    problem: str | None = None
    if isinstance(value, str) and value.strip():
        return Expression(column=value)
    if isinstance(value, str):
        problem = f'{name} names no column: write {name} = "COLUMN", or leave it out'
    elif not isinstance(value, dict):
        problem = f"{name} is a column's name; a constant is written {name} = {{ value = … }}"
    else:
        given = dict(cast("dict[str, object]", value))
        kinds = [kind for kind in _EXPRESSION if kind in given]
        unset = given.pop("unset", False)
        strange = [key for key in given if key not in _EXPRESSION]
        if not isinstance(unset, bool) or (unset and kinds == ["value"]):
            problem = f"unset of {name} is true or false, beside a column or sql"
        elif len(kinds) != 1 or strange:
            problem = f"{name} is made of one thing: {{ column = … }}, {{ value = … }} or {{ sql = … }}"
        elif kinds == ["value"]:
            if is_json(given["value"]):
                return Expression(value=cast("JsonValue", given["value"]))
            problem = f"the constant of {name} cannot be sent as JSON: write a date as text or number"
        else:
            (words,) = given.values()
            if isinstance(words, str) and words.strip():
                if kinds == ["column"]:
                    return Expression(column=words, unset=unset)
                return Expression(sql=words, unset=unset)
            problem = f"{kinds[0]} of {name} must be text that is not empty"
    problems.add(place, problem)
    return None


def _removal(
    section: Section,
    mode: Mode,
    operation: Operation | None,
    fields: Mapping[str, Expression],
) -> tuple[Operation | None, Mapping[str, JsonValue]]:
    if "removal" not in section:
        if mode == "mirror":
            section.wrong(
                "mode",
                "mirror takes back what this job put there and is gone from the source: add "
                'removal = "…", the operation that does so',
            )
        elif "removal_arguments" in section:
            section.wrong("removal_arguments", "there is no removal that they are for: leave them out")
        return None, {}
    if mode != "mirror" and section.get("mode") in {None, *MODES}:
        section.wrong("removal", 'only a mirror removes: add mode = "mirror", or leave removal out')
    if "vendor" not in section or find_vendor(str(section.get("vendor"))) is None:
        return None, {}
    _, removal = _operation(section, "removal")
    if removal is None:
        return None, {}
    if operation is not None and fields and (problem := removal_problem(operation, removal, fields)):
        section.wrong("removal", problem)
    return removal, _arguments(section, "removal_arguments", removal)


def check_incremental(section: Section, source: Source, mode: Mode) -> None:
    """Look whether a step can do with the rows that are new."""
    if mode == "all":
        section.wrong(
            "mode",
            "incremental gives some rows twice, and only the memory of what was delivered leaves them out: "
            'add mode = "changed-only"',
        )
    if mode == "mirror" and source.full_days is None and not source.tells_who_left:
        section.wrong(
            "mode",
            "a mirror takes back what is gone, which only a reading of all rows shows: add full-days = 7 to "
            "[source], or leave incremental out",
        )
    if section.get("duplicates") == "last":
        section.wrong(
            "duplicates",
            "which row of a user is the last is only known where all are read: leave duplicates or "
            "incremental out",
        )


def _spread(fields: Mapping[str, object], place: KeyPath) -> Iterable[tuple[str, object, KeyPath]]:
    """Give each field; ``profile.age = …`` without quotation marks is the entry of a mapping too."""
    for name, value in fields.items():
        inner = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        if inner and not set(_EXPRESSION) & set(inner):
            for entry, part in inner.items():
                yield f"{name}.{entry}", part, (*place, name, entry)
        else:
            yield name, value, (*place, name)
