"""The program, run inside the test's own process, for commands that end before they do anything."""

from __future__ import annotations

import pytest

from eventkeep.cli.app import program
from eventkeep.cli.exits import errors_end_the_program


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """The exit code of the program, and its text on standard error."""
    with pytest.raises(SystemExit) as end, errors_end_the_program():
        program().main(list(arguments), prog_name="eventkeep")
    return end.value.code, capsys.readouterr().err
