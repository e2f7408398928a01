"""Exit codes, which are the same for every command, and the exit code of an error."""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Iterator
from typing import Final

from eventkeep.client.errors import (
    ArgumentError,
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    PermissionDeniedError,
    ServerError,
    ThrottledError,
)
from eventkeep.errors import (
    ConfigurationError,
    EventkeepError,
    EventRefused,
    RowRefused,
    ServerUnreachable,
)

PROGRAM: Final = "eventkeep"


class ExitCode(enum.IntEnum):
    """The exit codes of the program."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ROW_REFUSED = 3
    KEY_REFUSED = 4
    SERVER_UNREACHABLE = 5
    INTERRUPTED = 130


EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a row or an event that was refused, 4 the API key was refused, "
    "5 the server did not respond or had no room, 130 interrupted."
)


def exit_code(error: EventkeepError) -> ExitCode:
    """Return the exit code that an error ends the program with."""
    match error:
        case ConfigurationError() | ArgumentError():
            return ExitCode.USAGE
        case InvalidRequestError():
            # A parameter, such as the filter, was given as an option. Everything else belongs to an event.
            return ExitCode.USAGE if error.parameters else ExitCode.ROW_REFUSED
        case RowRefused() | EventRefused():
            return ExitCode.ROW_REFUSED
        case AuthenticationError() | PermissionDeniedError():
            return ExitCode.KEY_REFUSED
        case ServerUnreachable() | ConnectionFailedError() | ThrottledError() | ServerError():
            return ExitCode.SERVER_UNREACHABLE
        case _:
            return ExitCode.FAILED


@contextlib.contextmanager
def errors_end_the_program() -> Iterator[None]:
    """End the program with one line on standard error if eventkeep raises an error of its own."""
    try:
        yield
    except EventkeepError as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        sys.exit(exit_code(exc))
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
