"""What the commands of verbs do: plan or carry out, show what came of it, and give the exit code."""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from netaudience.cli.display import progress_of, tell, wrapped
from netaudience.cli.output import StandardOutput, json_line, width_of_output
from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.action import AGREED_BY, Action
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.summary import near
from netaudience.plurals import many
from netaudience.vendors import client_of, look_up_of, names
from netaudience.verbs.asking import vendors_here
from netaudience.verbs.in_order import carry_in_order, plan_in_order
from netaudience.verbs.matrix import matrix, period
from netaudience.verbs.plan import Part, VendorPlan, VerbPlan
from netaudience.verbs.receipts import HOW, Key, Receipts
from netaudience.verbs.run import VERDICTS, VerbResult
from netaudience.verbs.started import Started
from netaudience.verbs.verdicts import MEANING

if TYPE_CHECKING:
    from netaudience.cli.job_options import Agreement, Manner
    from netaudience.cli.people_file import PeopleFile, PeopleToComplete
    from netaudience.model.verb_facts import Identity, Verb

#: Reasons that are told of each vendor.
_REASONS = 5
#: Where receipts go if nobody says where.
RECEIPTS = Path(".netaudience/receipts.jsonl")


def show_matrix(verb: Verb) -> int:
    """Print what every vendor can do for a verb, as Markdown."""
    StandardOutput().write_all([matrix(verb).encode()])
    return ExitCode.DELIVERED


def places_of(given: tuple[str, ...]) -> dict[str, str]:
    """Read what vendors call an audience or a channel.

    Raises:
        ConfigurationError: it is no name, an equals sign and a value.
    """
    places: dict[str, str] = {}
    for one in given:
        where, sign, place = one.partition("=")
        vendor = where.partition(":")[0]
        if not (where and sign and place) or vendor not in names():
            raise ConfigurationError(
                f"--at {one} does not say where: write VENDOR=NUMBER or VENDOR:CHANNEL=NUMBER, with one of "
                f"{', '.join(names())}"
            )
        places[where] = place
    return places


def people_source(path: Path, file: PeopleFile, typed: tuple[str, ...] = ()) -> Source:
    """Return a file of people as a job says its source.

    Raises:
        ConfigurationError: there is no such file.
    """
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}: look at its name and at the folder you are in")
    return Source(
        files=(str(path.resolve()),),
        format=file.form,
        delimiter="\t" if file.delimiter in {"tab", "\\t"} else file.delimiter,
        encoding=file.encoding,
        sheet=file.sheet,
        typed=typed,
    )


def chosen_columns(file: PeopleFile) -> dict[Identity, str | None]:
    """Return the columns that somebody has named."""
    return {"id": file.id_column, "email": file.email_column, "phone": file.phone_column}


def show_plan(  # noqa: PLR0913 - the options of a plan
    actions: Sequence[Action],
    path: Path,
    file: PeopleToComplete,
    *,
    as_json: bool,
    typed: tuple[str, ...] = (),
    receipts: Path | None = None,
    opt_outs: tuple[Path, ...] = (),
) -> int:
    """Print what would be done.

    Raises:
        NetaudienceError: there is no plan, for the reason that it tells.
    """
    last = actions[-1]
    key = Key.from_environment() if last.verb == "unsuppress" else None
    where = receipts or RECEIPTS
    with ExitStack() as stack:
        plans = plan_in_order(
            actions,
            people_source(path, file, typed),
            vendors=file.vendor or None,
            columns=chosen_columns(file),
            look_up=file.look_up,
            opt_outs=opt_outs,
            receipts=stack.enter_context(Receipts(where, key))
            if key is not None and where.exists()
            else None,
        )
    output = StandardOutput()
    stops = any(plan.stops for plan in plans)
    if as_json:
        output.write_all([json_line(plan.to_json()) for plan in plans])
    else:
        width = width_of_output()
        for at, plan in enumerate(plans):
            lines = ["", f"Then, {plan.verb}:"] if at else []
            parts = (part for line in [*lines, *plan_lines(plan)] for part in _folded(line, width))
            output.write_all([f"{line}\n".encode() for line in parts])
        if any(plan.reached for plan in plans) and not stops:
            more = [*(["--receipts", str(receipts)] if receipts is not None else [])]
            more += [word for one in opt_outs for word in ("--opt-outs", str(one))]
            more += [word for one in typed for word in ("--typed", one)]
            output.write_all([f"Do it: {_again(actions, path, file, plans[-1].reached, more)}\n".encode()])
    return ExitCode.GUARDED if stops else ExitCode.DELIVERED


def _again(
    actions: Sequence[Action], path: Path, file: PeopleToComplete, people: int, more: list[str]
) -> str:
    """Return the command that does what was planned, with the flags that were given."""
    action = actions[-1]
    words = ["netaudience", action.verb, str(path)]
    words += [word for one in actions for channel in one.channels for word in ("--channel", channel)]
    words += [word for one in actions if one.audience is not None for word in ("--audience", one.audience)]
    for name, column in action.attributes.items():
        words += ["--attribute", name if column in {None, name} else f"{name}={column}"]
    words += more
    words += [] if action.consent is None else ["--consent-column", action.consent]
    words += ["--look-up"] if file.look_up else []
    for where, place in actions[0].places.items():
        words += ["--at", f"{where}={place}"]
    words += [AGREED_BY[action.verb], str(people)] if action.verb in AGREED_BY else []
    for vendor in file.vendor:
        words += ["--vendor", vendor]
    for name in ("id_column", "email_column", "phone_column", "form", "delimiter", "encoding", "sheet"):
        value: str | None = getattr(file, name)
        flag = "format" if name == "form" else name.replace("_", "-")
        words += [] if value is None else [f"--{flag}", value]
    return shlex.join(words)


def _folded(line: str, width: int | None) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    return wrapped(line.strip(), indent, width) if line else [""]


def plan_lines(plan: VerbPlan) -> Iterator[str]:
    """Return a plan as people read it."""
    unreadable = f", {many(plan.unreadable, 'line')} that cannot be read" if plan.unreadable else ""
    yield f"{plan.verb}: {many(len(plan.people), 'row')} of {plan.source}{unreadable}"
    named = plan.columns.named().items()
    known_by = ", ".join(name if name == column else f"{name} (column {column})" for name, column in named)
    yield f"Known by: {known_by}"
    if plan.repeated:
        yield f"Repeated: {many(plan.repeated, 'row')} of people who stand in an earlier row alike"
    yield from found_lines(plan)
    for vendor in plan.vendors:
        yield ""
        yield vendor.name if vendor.channel is None else f"{vendor.name}, {vendor.channel}"
        for line in _vendor_lines(plan, vendor):
            yield f"  {line}"
    yield ""
    if plan.sends is not None:
        yield f"Sending takes {duration(plan.sends.seconds)} at least"
    for sentence in plan.brought_back_by:
        yield f"{sentence}: whom its source still holds comes back. Take them out there first"
    yield from (f"A run would stop: {sentence}" for sentence in plan.stops)


def _vendor_lines(plan: VerbPlan, vendor: VendorPlan) -> Iterator[str]:
    facts = vendor.facts
    if vendor.cannot is not None:
        yield f"cannot: {vendor.cannot}"
        if facts is not None and facts.by_hand:
            yield f"by hand: {facts.by_hand}"
        return
    steps = {} if plan.sends is None else {step.name: step for step in plan.sends.steps}
    for part in vendor.parts:
        yield from _part_lines(part)
        for reason, count in steps[part.step.name].reasons.items():
            yield f"rejected: {count:,} x {reason}"
    yield from left_lines(vendor)
    facts_of = look_up_of(client_of(vendor.vendor))
    askable = facts_of is not None and any(one.known_by for one in facts_of.questions)
    if vendor.missing and askable and plan.looked_up is None:
        yield "missing: with --look-up the vendor is asked for ids"
    if vendor.account is not None:
        yield f"account: {vendor.account}"
    yield from (f"not here: {sentence}" for sentence in vendor.left_out)
    if facts is not None:
        if facts.comes_back:
            yield f"comes back: {facts.comes_back}"
        yield from (f"note: {note}" for note in facts.notes)


def _part_lines(part: Part) -> Iterator[str]:
    way = part.way
    when = "with no time stated" if way.within is None else f"within {period(way.within)}"
    yield f"{many(part.people, 'person')} by {way.takes}: {way.operation}, done {when}"
    if way.reaches:
        yield f"reaches: {way.reaches}"
    if part.odd:
        yield (
            f"written otherwise: {many(part.odd, 'row')} with an address that is not in lower "
            "case, and the vendor may compare letter by letter: counted as in doubt"
        )
    if part.shown_by is None:
        yield "second look: there is none, the vendor has to be asked"
    elif part.shown_by[0].proves:
        yield f"second look: {part.shown_by[1]}"
    else:
        yield f"second look: {part.shown_by[1]}, which can only show that it was not done"


def carry_verb(  # noqa: PLR0913, PLR0917 - the options of a run
    actions: Sequence[Action],
    path: Path,
    file: PeopleToComplete,
    agreed: int | None,
    manner: Manner,
    receipts: Path | None,
    *,
    typed: tuple[str, ...] = (),
    opt_outs: tuple[Path, ...] = (),
) -> int:
    """Do something for the people of a file.

    Raises:
        NetaudienceError: nothing was sent, for the reason that it tells.
    """
    source = people_source(path, file, typed)
    return _carry(
        actions,
        source,
        file.vendor,
        chosen_columns(file),
        agreed,
        manner,
        receipts=receipts,
        look_up=file.look_up,
        opt_outs=opt_outs,
    )


def resume_verb(run: str, started: Started, agreement: Agreement, manner: Manner) -> int:
    """Go on with the run of a verb.

    Raises:
        NetaudienceError: nothing was sent now, for the reason that it tells.
    """
    chosen = started.columns()
    source = started.source or Source()
    receipts = None if started.receipts is None else Path(started.receipts)
    actions = [started.action, *started.then]
    # What lets vendors write again was agreed to when the run began; what is lost is asked for once more.
    agreed = agreement.yes_delete if actions[-1].verb == "erase" else started.agreed
    return _carry(actions, source, started.vendors, chosen, agreed, manner, resume=run, receipts=receipts)


def _carry(  # noqa: PLR0913, PLR0917 - the options of a run
    actions: Sequence[Action],
    source: Source,
    vendors: tuple[str, ...] | list[str],
    chosen: Mapping[Identity, str | None],
    agreed: int | None,
    manner: Manner,
    *,
    receipts: Path | None,
    resume: str | None = None,
    look_up: bool = False,
    opt_outs: tuple[Path, ...] = (),
) -> int:
    key = Key.from_environment()
    if key is None and receipts is not None:
        raise ConfigurationError(f"Receipts need NETAUDIENCE_RECEIPTS_KEY: {HOW}")
    if not manner.grace >= 0:
        raise ConfigurationError("--grace must be a number of seconds, 0 or more")
    if not vendors and not vendors_here():
        raise ConfigurationError(
            "No vendor is set up here: set the credentials of those that are meant, such as "
            "NETAUDIENCE_NETMERA_API_KEY"
        )
    with ExitStack() as stack:
        shown = stack.enter_context(progress_of(quiet=manner.quiet, grace=manner.grace))
        kept = None if key is None else stack.enter_context(Receipts(receipts or RECEIPTS, key))
        results = asyncio.run(
            carry_in_order(
                actions,
                source,
                agreed=agreed,
                vendors=vendors or None,
                columns=chosen,
                look_up=look_up,
                opt_outs=opt_outs,
                resume=resume,
                receipts=kept,
                in_doubt=manner.in_doubt,
                grace=manner.grace,
                on_plan=None if manner.quiet else _tell_beforehand,
                on_progress=shown,
            )
        )
    asked = agreed if actions[-1].verb == "erase" else None
    codes = [_tell(result, manner, several=len(actions) > 1, agreed=asked) for result in results]
    if not manner.quiet or any(codes):
        if kept is None:
            tell(f"No receipts were written: set NETAUDIENCE_RECEIPTS_KEY for the next time; {HOW}")
        else:
            tell(f"The receipts are in {near(str(kept.path))}")
    # One that did not come to its end comes before what merely left something to do.
    return next((one for one in codes if one not in {ExitCode.DELIVERED, ExitCode.UNDELIVERED}), max(codes))


def _tell_beforehand(plan: VerbPlan) -> None:
    """Say what stays missing, and who is left out, before anything is sent."""
    for line in found_lines(plan):
        tell(line)
    for vendor in plan.vendors:
        called = vendor.name if vendor.channel is None else f"{vendor.name}, {vendor.channel}"
        for line in left_lines(vendor):
            tell(f"{called}: {line}")


def found_lines(plan: VerbPlan) -> Iterator[str]:
    """Return what vendors were asked for ids, and told."""
    if plan.looked_up is None:
        return
    for one in plan.looked_up.vendors:
        if one.found or one.nothing_there or one.no_answer:
            yield (
                f"Asked {one.name} for ids: {one.found:,} found, {one.nothing_there:,} with nothing more "
                f"there, {one.no_answer:,} without an answer"
            )
    if plan.looked_up.disputed:
        yield f"{plan.looked_up.disputed:,} addresses have other ids at other vendors: none of them was taken"


def left_lines(vendor: VendorPlan) -> Iterator[str]:
    """Return for whom nothing is sent at a vendor."""
    if vendor.missing and vendor.cannot is None:
        yield f"missing: {many(vendor.missing, 'row')} without {vendor.takes}: nothing is sent for them"
    for reason, count in vendor.refused.items():
        yield f"left out: {many(count, 'row')}: {reason}"


def _tell(result: VerbResult, manner: Manner, *, several: bool, agreed: int | None) -> int:
    """Show what became of everybody, and return the exit code."""
    output = StandardOutput()
    output.write([json_line(verdict.to_json()) for verdict in result.verdicts])
    if not (manner.quiet and result.ok):
        if several:
            tell(f"{result.plan.verb}:")
        for line in verdict_lines(result):
            tell(line)
        if result.summary is not None and result.summary.resume_command is not None:
            more = "" if agreed is None else f" --yes-delete {agreed}"
            tell(f"Go on with: {result.summary.resume_command}{more}")
    return ExitCode.FAILED if output.broken is not None else result.exit_code


def verdict_lines(result: VerbResult) -> Iterator[str]:
    """Return what became of people, counted by vendor, why, and what each verdict that occurs means."""
    called = {vendor.vendor: vendor.name for vendor in result.plan.vendors}
    for vendor, counts in result.counts.items():
        counted = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in counts.items())
        yield f"{called.get(vendor, vendor)}: {counted}"
        own = (each for each in result.verdicts if each.vendor == vendor and not each.done)
        reasons = Counter((each.status.replace("_", " "), each.reason) for each in own)
        for (status, reason), count in reasons.most_common(_REASONS):
            yield from wrapped(f"{count:,} x {status}: {reason}", "  ", 80)
    occurring = {status for counts in result.counts.values() for status in counts}
    for status, meaning in MEANING.items():
        if status in occurring:
            yield from wrapped(meaning, f"{status.replace('_', ' ')}: ", 80)
    summary = result.summary
    if summary is not None:
        yield from summary.unwritten
        yield f"The verdicts are kept in {near(summary.folder)}/{VERDICTS}"
