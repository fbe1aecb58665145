"""The command ``netaudience``: standard output is data, everything else goes to standard error.

No error shows a traceback unless ``--debug`` is given, and every way to end has its exit code.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from netaudience.cli.process import take_over
from netaudience.errors import NetaudienceError
from netaudience.jobs.spec.exit_codes import ExitCode, of_error, of_signal

if TYPE_CHECKING:  # costs a program's start
    from cyclopts import CycloptsError

    from netaudience.client import Client

_DEBUG = "--debug"
_REMEDY = "The command needs packages that a program does not: python3 -m pip install 'netaudience[cli]'"


def main(arguments: Sequence[str] | None = None, vendors: Iterable[type[Client]] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: Its words, those of the process if not given.
        vendors: The vendors whose operations are commands, all of ours if not given.
    """
    if arguments is None:
        take_over()
    try:
        from cyclopts import CycloptsError  # noqa: PLC0415 - costs a program's start, and is an extra
    except ModuleNotFoundError as error:
        return _end(error, ExitCode.USAGE, _REMEDY, ())

    from netaudience.cli.app import build  # noqa: PLC0415
    from netaudience.cli.options import STANDARD_INPUT  # noqa: PLC0415

    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        words = [STANDARD_INPUT if word == "-" else word for word in _without_debug(given)]
        code = build(words, vendors)(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _end(error, ExitCode.USAGE, _wrong_words(error), given)
    except NetaudienceError as error:
        return _end(error, of_error(error), str(error), given)
    except KeyboardInterrupt:
        return of_signal(2)
    except BrokenPipeError:
        code = ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - a defect of ours is reported in one sentence too
        from netaudience.model.memory import MORE_MEMORY, lacks_memory  # noqa: PLC0415

        sentence = f"{type(error).__name__}, which nobody expected: please report it with what --debug shows"
        if lacks_memory(error):
            sentence = f"There is not enough memory: {MORE_MEMORY}, and start it again"
        return _end(error, ExitCode.FAILED, sentence, given)
    _flush()
    return code if isinstance(code, int) else ExitCode.DELIVERED


def _wrong_words(error: CycloptsError) -> str:
    """Return what is wrong with a command line; of a word that is missing, which one and where it is told."""
    from cyclopts import MissingArgumentError, UnusedCliTokensError  # noqa: PLC0415 - costs a program's start

    argument = error.argument
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        words = ", ".join(map(repr, error.unused_tokens))
        return f"{_command(error)} has no use for {words}: see {_command(error)} --help"
    if not isinstance(error, MissingArgumentError) or argument is None or "Did you mean" in str(error):
        return f"{error}"
    command = _command(error)
    if error.keyword is not None:
        return f"{error.keyword} needs a value behind it: see {command} --help"
    return f"{command} needs {argument.name}: see {command} --help"


def _command(error: CycloptsError) -> str:
    return " ".join(("netaudience", *(error.command_chain or ())))


def _without_debug(given: Sequence[str]) -> list[str]:
    """Take ``--debug`` out: it is looked for on the command line itself, and may stand before the command."""
    at = given.index("--") if "--" in given else len(given)  # what follows is no flag
    return [word for word in given[:at] if word != _DEBUG] + list(given[at:])


def _end(error: Exception, code: int, sentence: str, given: Sequence[str]) -> int:
    if sys.stderr is not None and len(_without_debug(given)) < len(given):  # pyright: ignore[reportUnnecessaryComparison] # closed streams are None
        with suppress(OSError, ValueError):
            traceback.print_exception(error)
    _tell(f"error: {sentence}")
    _flush()
    return code


def _flush() -> None:
    """Empty both streams; where one takes no more, keep Python from trying again at the very end.

    It would complain, and its own exit code would stand where ours tells what became of the rows.
    """
    problem = _emptied(sys.stdout)
    if problem is not None and not isinstance(
        problem, BrokenPipeError
    ):  # a reader that went away is no mishap
        _tell(f"error: standard output cannot be written: {problem.strerror}")
    _emptied(sys.stderr)


def _emptied(stream: TextIO | None) -> OSError | None:
    """Empty a stream, or let it lead nowhere; return what was wrong with it."""
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    except ValueError:  # somebody has closed it
        pass
    return None


def _tell(text: str) -> None:
    from netaudience.cli.display import tell  # noqa: PLC0415 - costs a program's start

    tell(text)
