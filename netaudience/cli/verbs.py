"""The commands of verbs over all vendors, with their words and flags.

What they do is in `verb_actions`, which is imported when one of them is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from cyclopts import App, Group, Parameter

from netaudience.cli.job_options import Agreement, Manner
from netaudience.cli.menu import Menu
from netaudience.cli.options import FLAG, FLAT, GUARDS, REPORT, SOURCE, Diagnosis, whole
from netaudience.cli.people_file import PeopleFile, PeopleToComplete

VERBS = Group("People, at every vendor", sort_key=1)
_AUDIENCE = "An audience that is kept the same at every vendor, from one file."
_RECEIPTS = "Evidence of what was done: check it, look again, show it."
Channel: TypeAlias = Literal["email", "sms", "push", "whatsapp"]
VerbName: TypeAlias = Literal["erase", "suppress", "unsuppress", "join", "leave", "set", "unset"]
At: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        show_default=False,
        help="What one vendor calls it, where it has a number or another name: VENDOR=NUMBER, or "
        "VENDOR:CHANNEL=NUMBER; may be repeated.",
    ),
]


def add_verbs(menu: Menu) -> None:
    """Add the commands of verbs."""
    menu.command(_erase, name="erase", group=VERBS, help_format="markdown")
    menu.command(_suppress, name="suppress", group=VERBS, help_format="markdown")
    menu.command(_unsuppress, name="unsuppress", group=VERBS, help_format="markdown")
    menu.command(_join, name="join", group=VERBS, help_format="markdown")
    menu.command(_leave, name="leave", group=VERBS, help_format="markdown")
    menu.later("audience", _add_audience, _AUDIENCE, VERBS)
    menu.command(_who, name="who", group=VERBS, help_format="markdown")
    menu.command(_verbs, name="verbs", group=VERBS, help_format="markdown")
    menu.later("receipts", _add_receipts, _RECEIPTS, VERBS)


def _add_audience(app: App) -> None:
    audience = App(name="audience", group=VERBS, help=_AUDIENCE)
    audience.command(_sync, name="sync", help_format="markdown")
    app.command(audience)


def _add_receipts(app: App) -> None:
    receipts = App(name="receipts", group=VERBS, help=_RECEIPTS)
    receipts.command(_verify, name="verify", help_format="markdown")
    receipts.command(_show, name="show", help_format="markdown")
    app.command(receipts)


def _erase(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    channel: Annotated[tuple[Channel, ...], FLAG] = (),
    audience: Annotated[tuple[str, ...], FLAG] = (),
    at: At = (),
    plan: Annotated[bool, FLAG] = False,
    yes_delete: Annotated[
        int | None,
        Parameter(
            converter=whole,
            group=GUARDS,
            help="The number of people who are erased for good, as --plan says it.",
        ),
    ] = None,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Erase people at every vendor, and say for each of them what became of it there.

    Each row is a person, in columns id, email, phone, and VENDOR_id or VENDOR_device where a vendor has ids
    of people or devices of its own, such as clevertap_device.
    Standard output has a line of JSON for every person and vendor, and names people by their rows alone. The
    exit code is 0 only if every line says applied, accepted or nothing_there.

    A vendor may take a week, and writes to people until then: with --channel they are opted out first, and
    with --audience taken out of audiences, before anybody is erased. `receipts verify` looks again later.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        channel: Opt them out of it first: email, sms, push or whatsapp; may be repeated.
        audience: Take them out of it first, by its name; may be repeated.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every person and vendor; it needs
            NETAUDIENCE_RECEIPTS_KEY. If left out it is .netaudience/receipts.jsonl where that key is set.
    """
    diagnosis.apply()
    return carry(
        {"verb": "erase"},
        people,
        file,
        manner,
        plan=plan,
        agreed=yes_delete,
        receipts=receipts,
        at=at,
        channels=channel,
        audiences=audience,
    )


def carry(  # noqa: PLR0913 - the options of a verb
    said: dict[str, Any],
    people: Path,
    file: PeopleToComplete,
    manner: Manner,
    *,
    plan: bool,
    receipts: Path | None,
    agreed: int | None = None,
    at: tuple[str, ...] = (),
    typed: tuple[str, ...] = (),
    opt_outs: tuple[Path, ...] = (),
    channels: tuple[Channel, ...] = (),
    audiences: tuple[str, ...] = (),
) -> int:
    """Plan or carry out what was said, and before it what is done first for people who are erased."""
    from netaudience.cli.verb_actions import carry_verb, places_of, show_plan  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.spec.action import Action  # noqa: PLC0415 - likewise
    from netaudience.verbs.in_order import erasure  # noqa: PLC0415 - likewise

    places = places_of(at)
    actions = [*erasure(channels, audiences, places)[:-1], Action(**said, places=places)]
    if plan:
        return show_plan(
            actions, people, file, as_json=manner.json, typed=typed, receipts=receipts, opt_outs=opt_outs
        )
    return carry_verb(actions, people, file, agreed, manner, receipts, typed=typed, opt_outs=opt_outs)


def _suppress(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    channel: Annotated[tuple[Channel, ...], FLAG],
    at: At = (),
    plan: Annotated[bool, FLAG] = False,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Opt people out of channels at every vendor, and say for each of them what became of it there.

    The file, what is printed and the exit code are those of `erase`; there is a line for every person, vendor
    and channel.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        channel: Of what: email, sms, push or whatsapp; may be repeated.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every line; it needs NETAUDIENCE_RECEIPTS_KEY.
    """
    diagnosis.apply()
    said = {"verb": "suppress", "channels": channel}
    return carry(said, people, file, manner, plan=plan, receipts=receipts, at=at)


def _unsuppress(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    channel: Annotated[tuple[Channel, ...], FLAG],
    at: At = (),
    plan: Annotated[bool, FLAG] = False,
    yes_opt_in: Annotated[
        int | None,
        Parameter(
            converter=whole,
            group=GUARDS,
            help="The number of people who have agreed to be written to, as --plan says it.",
        ),
    ] = None,
    consent_column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    opt_outs: Annotated[tuple[Path, ...], FLAG] = (),
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Let vendors write to people again on channels: only to those who agreed after they opted out.

    A column says when each has agreed. Nothing is sent for whom it says nothing, or a time before an opt-out
    of the lists, of the receipts, or of a vendor that shows one. The rest is as with `suppress`.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        channel: On what: email, sms, push or whatsapp; may be repeated.
        consent_column: The column that says when each person has agreed, if not called consented_at.
        opt_outs: A file of people who have opted out, with columns channel and opted_out_at if it has them;
            may be repeated. Without a time nobody's consent is newer.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every line, and that tells of opt-outs; it needs
            NETAUDIENCE_RECEIPTS_KEY.
    """
    diagnosis.apply()
    said = {"verb": "unsuppress", "channels": channel, "consent": consent_column}
    return carry(
        said,
        people,
        file,
        manner,
        plan=plan,
        agreed=yes_opt_in,
        receipts=receipts,
        at=at,
        opt_outs=opt_outs,
    )


def _join(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    audience: str,
    at: At = (),
    plan: Annotated[bool, FLAG] = False,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Put people into an audience at every vendor: a tag, a list, a property, a cohort, a group.

    What each vendor makes of an id that it does not know, `netaudience verbs join` tells. To keep an audience
    the same as a file, there is `netaudience audience sync`.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        audience: The audience's name.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every person and vendor.
    """
    diagnosis.apply()
    said = {"verb": "join", "audience": audience}
    return carry(said, people, file, manner, plan=plan, receipts=receipts, at=at)


def _leave(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    people: Path,
    /,
    *,
    audience: str,
    at: At = (),
    plan: Annotated[bool, FLAG] = False,
    receipts: Annotated[Path | None, Parameter(group=REPORT)] = None,
    file: Annotated[PeopleToComplete, FLAT] = PeopleToComplete(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Take people out of an audience at every vendor.

    Args:
        people: The file: CSV, JSON lines, Parquet or a workbook.
        audience: The audience's name.
        plan: Send nothing, and say what would be done at each vendor, with which id, and what cannot be.
        receipts: The file that a receipt is added to for every person and vendor.
    """
    diagnosis.apply()
    said = {"verb": "leave", "audience": audience}
    return carry(said, people, file, manner, plan=plan, receipts=receipts, at=at)


def _sync(  # noqa: D417 - flags in groups have their own words
    job: Path,
    /,
    *,
    plan: Annotated[bool, FLAG] = False,
    agreement: Annotated[Agreement, FLAT] = Agreement(),  # noqa: B008 - frozen
    manner: Annotated[Manner, FLAT] = Manner(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Make an audience the same as its source at every vendor: who is new joins, and who is gone leaves.

    The file is a job file with a table [audience]; a list that is not there is made. Afterwards each vendor
    that tells it says how many are in the audience there; with --json as lines of JSON behind the summary.

    Args:
        job: The job file.
        plan: Send nothing, and say who would join and who would leave at each vendor.
    """
    from netaudience.cli.audience_actions import plan_audience, sync_audience  # noqa: PLC0415 - costs a start

    diagnosis.apply()
    if plan:
        return plan_audience(job, agreement, manner)
    return sync_audience(job, agreement, manner)


def _verbs(verb: VerbName = "erase", /) -> int:
    """Print what each vendor can do for a verb, and how it is seen, as a table of Markdown.

    Args:
        verb: The verb.
    """
    from netaudience.cli.verb_actions import show_matrix  # noqa: PLC0415 - costs a program's start

    return show_matrix(verb)


def _verify(  # noqa: D417 - flags in groups have their own words
    receipts: Path,
    /,
    *,
    people: Path | None = None,
    file: Annotated[PeopleFile, FLAT] = PeopleFile(),  # noqa: B008 - frozen
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Check that no receipt was changed or taken out, and ask vendors about people whose time has come.

    What a vendor shows is added to the receipts, and printed as lines of JSON. The exit code is 1 where the
    file is not whole, and 3 where somebody is still there, or was due and was not looked at.

    Args:
        receipts: The file of receipts.
        people: The file of the people who were erased, once more, for receipts name nobody. Without it only
            the receipts are checked.
    """
    from netaudience.cli.receipt_actions import verify_receipts  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return verify_receipts(receipts, people, file)


def _show(  # noqa: D417 - flags in groups have their own words
    receipts: Path,
    /,
    *,
    id: str | None = None,  # noqa: A002 - the flag's name
    email: str | None = None,
    phone: str | None = None,
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Print the receipts of one person, as lines of JSON, for who holds the key.

    Args:
        receipts: The file of receipts.
        id: Your own id of the person, at all vendors or at one.
        email: The person's e-mail address.
        phone: The person's phone number.
    """
    from netaudience.cli.receipt_actions import show_person  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return show_person(receipts, {"id": id, "email": email, "phone": phone})


def _who(  # noqa: PLR0913, D417 - each is a flag, and flags in groups have their own words
    *,
    id: str | None = None,  # noqa: A002 - the flag's name
    email: str | None = None,
    phone: str | None = None,
    vendor: Annotated[tuple[str, ...], FLAG] = (),
    show: Annotated[bool, FLAG] = False,
    diagnosis: Annotated[Diagnosis, FLAT] = Diagnosis(),  # noqa: B008 - frozen
) -> int:
    """Ask every vendor what it holds of a person, and look what was last sent, when, and what was rejected.

    Prints a line of JSON for each answer, then for what the runs kept in this folder tell. Values are masked
    unless with --show; names of fields are shown. The exit code is 3 where a vendor gave no answer.

    Args:
        id: Your own id of the person.
        email: The person's e-mail address.
        phone: The person's phone number.
        vendor: Only this vendor; may be repeated. All of which there are credentials, if left out.
        show: Show the values.
    """
    from netaudience.cli.who_actions import ask_who  # noqa: PLC0415 - costs a program's start

    diagnosis.apply()
    return ask_who({"id": id, "email": email, "phone": phone}, vendor, show=show)
