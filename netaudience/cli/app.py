"""The whole command: the vendors' operations, job files, the reference, the sandbox and the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from netaudience.cli.attributes import add_attributes
from netaudience.cli.jobs import add_jobs
from netaudience.cli.menu import Menu
from netaudience.cli.missing_ids import add_look_up
from netaudience.cli.opt_outs import add_opt_outs
from netaudience.cli.options import FLAG, whole
from netaudience.cli.verbs import add_verbs
from netaudience.errors import ConfigurationError
from netaudience.vendors import client_of, names

if TYPE_CHECKING:  # costs a program's start
    from netaudience.client import Client

_HELP = (
    "Carry audience changes to customer-engagement services, and say what happened to every single item.\n\n"
    "Standard output is data (JSON lines), all else goes to standard error. Credentials come from the "
    "environment: NETAUDIENCE_NETMERA_API_KEY, or NETAUDIENCE_NETMERA_API_KEY_FILE, and so on. --debug shows "
    "where in the program an error came from, wherever it stands.\n\n"
    "Exit codes: 0 all delivered, 1 failed or stopped, 2 usage or configuration, 3 some items not delivered, "
    "4 credentials not accepted, 5 stopped by a guard, 130 and 143 interrupted."
)
#: Its words are many and wrapped; the first page has none of that, and to read Markdown costs its start.
_WRAPPED = "markdown"
_COMPLETION = "--install-completion"
_COMPLETES = "Install completion for bash, zsh or fish: commands, operations, flags and their choices."
_QUOTAS = "What processes that share an account's limits hold of them."
_whole = Parameter(converter=whole)


def build(words: Sequence[str] | None, vendors: Iterable[type[Client]] | None = None) -> App:
    """Return the command line of these vendors, or of all of ours, ready to be called with arguments.

    Args:
        words: The arguments, of which it depends which commands are made, and which vendors are imported:
            see `Menu`. None to make all.
        vendors: The vendors, all of ours if not given.
    """
    app = App(
        name="netaudience", help=_HELP, version=_version, result_action="return_value", help_format="rich"
    )
    if words is not None and _COMPLETION in words:  # completes every command
        words = None
    menu = Menu(app, words)
    for slug, name, client in _named(vendors):
        behind = words[words.index(slug) + 1 :] if words is not None and slug in words else None
        menu.later(slug, partial(_add_vendor, client, behind), f"The operations of {name}.")
    add_jobs(menu)
    add_verbs(menu)
    add_attributes(menu)
    menu.command(_help, name="help", help_format=_WRAPPED)
    add_look_up(menu)
    add_opt_outs(menu)
    menu.command(_operations, name="operations", help_format=_WRAPPED)
    menu.command(_schema, name="schema", help_format=_WRAPPED)
    menu.command(_doctor, name="doctor", help_format=_WRAPPED)
    menu.command(_mcp, name="mcp", help_format=_WRAPPED)
    menu.command(_sandbox, name="sandbox", help_format=_WRAPPED)
    menu.command(_demo, name="demo", help_format=_WRAPPED)
    menu.later(_COMPLETION, _add_completion, _COMPLETES)
    menu.later("quotas", _add_quotas, _QUOTAS)
    return menu.made()


def _add_vendor(client: Callable[[], type[Client]], words: Sequence[str] | None, app: App) -> None:
    from netaudience.cli.commands import add_vendor  # noqa: PLC0415 - costs a program's start

    add_vendor(client(), words, app)


def _add_completion(app: App) -> None:
    app.register_install_completion_command(help=_COMPLETES)  # pyright: ignore[reportUnknownMemberType] # cyclopts leaves it open


def _add_quotas(app: App) -> None:
    quotas = App(name="quotas", help=_QUOTAS)
    quotas.command(_show_quotas, name="show", help_format=_WRAPPED)
    quotas.command(_pause_quotas, name="pause", help_format=_WRAPPED)
    quotas.command(_clear_quotas, name="clear", help_format=_WRAPPED)
    app.command(quotas)


def _named(
    vendors: Iterable[type[Client]] | None,
) -> Iterator[tuple[str, str, Callable[[], type[Client]]]]:
    """Give each vendor's name in commands, its own name, and what imports its client."""
    if vendors is None:
        for slug, name in names().items():
            yield slug, name, partial(client_of, slug)
        return
    for vendor in vendors:
        yield vendor.slug, vendor.vendor, partial(_same, vendor)


def _same(vendor: type[Client]) -> type[Client]:
    return vendor


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - costs a program's start

    return version("netaudience")


def _help(topic: str | None = None, /) -> int:
    """Tell about a topic, such as guards or exit-codes; without one, list the topics.

    Args:
        topic: The topic.
    """
    from netaudience.cli.topics import tell_topic  # noqa: PLC0415 - costs a program's start

    return tell_topic(topic)


def _operations(
    vendor: str | None = None,
    operation: str | None = None,
    /,
    *,
    json: Annotated[bool, FLAG] = False,
    markdown: Annotated[bool, FLAG] = False,
) -> int:
    """List all operations, a line for each, or tell one whole: its limits, and where each figure is from.

    Args:
        vendor: Only the operations of this vendor.
        operation: This operation, with all that is known of it.
        json: Print a JSON list instead.
        markdown: Print the page of the documentation instead.
    """
    from netaudience.cli.listing import list_operations  # noqa: PLC0415 - costs a program's start

    if json and markdown:
        raise ConfigurationError("Say either --json or --markdown")
    return list_operations("json" if json else "markdown" if markdown else "lines", vendor, operation)


def _schema() -> int:
    """Print the form of a job file as JSON Schema, for editors: `netaudience schema > job.schema.json`.

    A line `#:schema job.schema.json` at the top of a job file leads them to it.
    """
    from netaudience.cli.output import StandardOutput  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.spec.schema import job_schema  # noqa: PLC0415
    from netaudience.model.wire import dump_json  # noqa: PLC0415

    StandardOutput().write([dump_json(job_schema()) + b"\n"])
    return 0


def _doctor(
    *vendor: str,
    job: Annotated[Path | None, FLAG] = None,
    json: Annotated[bool, FLAG] = False,
    debug: Annotated[bool, FLAG] = False,
) -> int:
    """Look whether a run can go: credentials, the way to the vendor, clock, versions, quotas, write access.

    One documented read goes to each vendor, and nothing else.

    Exit codes: 0 all is well or a warning, 1 a vendor cannot be reached or a folder cannot be written, 2 a
    variable is missing or wrong, 4 the vendor does not accept the credentials.

    Args:
        vendor: The vendors to look at; those of the job, or whose variables are set, if none is named.
        job: Look at the vendors of this job file, at its source, and at where its runs and results are kept.
        json: Print a JSON line for each thing that was looked at.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.doctor import see_doctor  # noqa: PLC0415 - costs a program's start

    del debug  # looked for on the command line itself
    return see_doctor(vendor, job, as_json=json)


def _mcp(
    *,
    folder: Annotated[Path, FLAG] = Path(),
    approver: Annotated[tuple[str, ...], FLAG] = (),
    show_values: Annotated[bool, FLAG] = False,
    debug: Annotated[bool, FLAG] = False,
) -> int:
    """Serve an agent over standard input and output, by the Model Context Protocol.

    It may list operations, plan jobs, read runs, summaries and masked rejects, and look up one user, masked.
    It runs nothing unless approvers are named, and then only a plan by its digest.

    Args:
        folder: Where the job files are; nothing outside of it is read as one.
        approver: Who may approve a run; may be repeated.
        show_values: Show values of rows and of users as they are.
        debug: Show where in the program an error came from.
    """
    del debug  # looked for on the command line itself
    try:
        from netaudience.cli.mcp_server import make_server  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(str(error)) from error
    make_server(folder, approvers=approver, show_values=show_values).run()
    return 0


def _sandbox(  # noqa: PLR0913 - each is a flag
    *,
    port: Annotated[int, _whole] = 8765,
    host: str = "127.0.0.1",
    fault: Annotated[tuple[str, ...], FLAG] = (),
    seed: Annotated[int, _whole] = 0,
    rate: Annotated[tuple[str, ...], FLAG] = (),
    in_flight: Annotated[tuple[str, ...], FLAG] = (),
    delay: Annotated[tuple[str, ...], FLAG] = (),
    empty: Annotated[bool, FLAG] = False,
) -> int:
    """Serve the vendors' documents on this machine, to try things out without an account.

    Args:
        port: The port to listen on; 0 takes a free one.
        host: The address to listen on.
        fault: What goes wrong, and how often, for example status=503,share=0.01 or latency=0.05.
        seed: Repeats the same faults.
        rate: Requests per second that one account may send, for example netmera=20.
        in_flight: Requests of one account at one time, for example clevertap=3. A rate or this replaces
            the vendor's documented limits, or those of one allowance: iterable/forget=1.
        delay: Seconds until what a vendor accepted shows, for example iterable=60.
        empty: Begin without the few users and segments that are there to explore.
    """
    from netaudience.cli.sandbox import SandboxOrder, serve_sandbox  # noqa: PLC0415 - costs a program's start

    order = SandboxOrder(
        host=host,
        port=port,
        faults=fault,
        seed=seed,
        rates=rate,
        in_flight=in_flight,
        delays=delay,
        explorable=not empty,
    )
    return serve_sandbox(order)


def _demo(  # noqa: PLR0913 - each is a flag
    *,
    rows: Annotated[int, _whole] = 100_000,
    seed: Annotated[int, _whole] = 1,
    keep: Annotated[str | None, FLAG] = None,
    verbs: Annotated[bool, FLAG] = False,
    quiet: Annotated[bool, FLAG] = False,
    debug: Annotated[bool, FLAG] = False,
) -> int:
    """Show the main job without an account: a dirty export, a vendor in trouble, and a report that adds up.

    Args:
        rows: Rows of the export.
        seed: Repeats the same export and the same faults.
        keep: Keep the files in this directory.
        verbs: Show instead how people are opted out, kept in an audience and erased at all vendors.
        quiet: No progress.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.demo import run_demo  # noqa: PLC0415 - costs a program's start

    if verbs:
        from netaudience.cli.verbs_demo import run_verbs_demo  # noqa: PLC0415 - likewise

        return run_verbs_demo(keep=keep)
    del debug  # looked for on the command line itself
    return run_demo(rows=rows, seed=seed, keep=keep, quiet=quiet)


def _show_quotas(
    where: str | None = None,
    /,
    *,
    json: Annotated[bool, FLAG] = False,
    debug: Annotated[bool, FLAG] = False,
) -> int:
    """Say who holds what of the limits that processes share, and whether there is a pause.

    Args:
        where: The file or the URL; what NETAUDIENCE_QUOTAS names if not given, which hides a password.
        json: Print a line of JSON for each quota instead.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.quotas import show_quotas  # noqa: PLC0415 - costs a program's start

    del debug
    return show_quotas(where, as_json=json)


def _pause_quotas(
    where: str | None = None, /, *, seconds: float, debug: Annotated[bool, FLAG] = False
) -> int:
    """Let no process send anything for a while, or end a pause.

    Args:
        where: The file or the URL; what NETAUDIENCE_QUOTAS names if not given, which hides a password.
        seconds: How long; 0 ends a pause.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.quotas import pause_quotas  # noqa: PLC0415 - costs a program's start

    del debug
    return pause_quotas(where, seconds)


def _clear_quotas(where: str | None = None, /, *, debug: Annotated[bool, FLAG] = False) -> int:
    """Forget what is kept of shared limits. Processes that go on wait for a window.

    Args:
        where: The file or the URL; what NETAUDIENCE_QUOTAS names if not given, which hides a password.
        debug: Show where in the program an error came from.
    """
    from netaudience.cli.quotas import clear_quotas  # noqa: PLC0415 - costs a program's start

    del debug
    return clear_quotas(where)
