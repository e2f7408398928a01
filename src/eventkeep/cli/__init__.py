"""The command line: a file per command."""

from __future__ import annotations

import sys
from importlib.metadata import version


def main() -> None:
    """Run the ``eventkeep`` program. With the client part alone, it names the extra to install."""
    if sys.argv[1:] == ["--version"]:
        # The program itself needs the libraries of the extra "server"; its version does not.
        print(f"eventkeep {version('eventkeep')}")
        return
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
        # Loading takes a moment, and Ctrl-C may come by then.
        sys.exit(130)
    run()
