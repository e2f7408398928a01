"""The command line: a file per command."""

from __future__ import annotations

import sys


def main() -> None:
    """The ``eventkeep`` program. It says what to install where only the client part is."""
    try:
        from eventkeep.cli.app import run
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "eventkeep":
            raise
        print(
            f"eventkeep's command line needs {exc.name}, which is not installed here.\n"
            "Install it with: pip install 'eventkeep[server]'",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        # Loading takes a moment, and somebody may have had enough by then.
        sys.exit(130)
    run()
