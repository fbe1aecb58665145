"""How a run ends, as a number for the shell. Every way to end has a code; none is left to chance."""

from __future__ import annotations

import enum

from netaudience.errors import ConfigurationError, EmptySource, GuardRefused, NetaudienceError, Unauthorized


class ExitCode(enum.IntEnum):
    """The exit code of the process."""

    #: Every item was delivered, or the question was answered.
    DELIVERED = 0
    #: The run failed or was stopped before its source ended.
    FAILED = 1
    #: The command line, the file or the configuration is wrong; nothing was sent.
    USAGE = 2
    #: The run went to its end, and some items were not delivered.
    UNDELIVERED = 3
    #: The vendor did not accept the credentials.
    UNAUTHORIZED = 4
    #: A guard refused to start: data would be lost, or the source is empty.
    GUARDED = 5


def of_error(error: NetaudienceError) -> ExitCode:
    """Return the code for an error that ended the command."""
    match error:
        case GuardRefused() | EmptySource():
            return ExitCode.GUARDED
        case ConfigurationError():
            return ExitCode.USAGE
        case Unauthorized():
            return ExitCode.UNAUTHORIZED
        case _:
            return ExitCode.FAILED


def of_signal(number: int) -> int:
    """Return the code by which a shell knows a signal."""
    return 128 + number
