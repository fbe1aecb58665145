"""The command ``netaudience``: standard output is data, everything else goes to standard error.

No error shows a traceback unless ``--debug`` is given, and every way to end has its exit code.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from netaudience.cli.exit_codes import ExitCode, of_error, of_signal
from netaudience.errors import NetaudienceError

if TYPE_CHECKING:  # costs a program's start
    from netaudience.client import Client

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, vendors: Iterable[type[Client]] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: Its words, those of the process if not given.
        vendors: The vendors whose operations are commands, all of ours if not given.
    """
    from cyclopts import CycloptsError  # noqa: PLC0415 - costs a program's start

    from netaudience.cli.app import build  # noqa: PLC0415
    from netaudience.cli.commands import STANDARD_INPUT  # noqa: PLC0415

    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        words = [STANDARD_INPUT if word == "-" else word for word in given]
        code = build(vendors)(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _end(error, ExitCode.USAGE, f"{error}", given)
    except NetaudienceError as error:
        return _end(error, of_error(error), str(error), given)
    except KeyboardInterrupt:
        return of_signal(2)
    except BrokenPipeError:
        code = ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - a defect of ours is told in one sentence too
        sentence = f"{type(error).__name__}, which nobody expected: please report it with what --debug shows"
        return _end(error, ExitCode.FAILED, sentence, given)
    _flush()
    return code if isinstance(code, int) else ExitCode.DELIVERED


def _end(error: Exception, code: int, sentence: str, given: Sequence[str]) -> int:
    if "--debug" in given:
        traceback.print_exception(error)
    sys.stderr.write(f"error: {sentence}\n")
    _flush()
    return code


def _flush() -> None:
    """Empty standard output; where its reader went away, keep Python from complaining at the very end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: standard output cannot be written: {error}\n")
