"""The end of the program, and the parts that work with the base install alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from eventkeep.cli import keys as cli_keys
from eventkeep.cli.exits import ExitCode, errors_end_the_program
from eventkeep.directory import DEFAULT_ACCOUNT, SCOPES
from eventkeep.errors import (
    ConfigurationError,
    EventkeepError,
    FolderInUse,
    ImportStopped,
    RowRefused,
    ServerUnreachable,
)
from tests.source_tree import PROJECT

EXTRA: Final = ("typer", "rich", "sqlalchemy", "httptools", "pyarrow", "numpy", "structlog", "phonenumbers")


def python_without_extra(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in which importing anything of the extra ``server`` fails as if it were not installed."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({EXTRA!r})); "
    return subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, check=False, cwd=PROJECT
    )


def test_program_names_the_missing_extra_if_only_the_client_part_is_installed() -> None:
    done = python_without_extra("from eventkeep.cli import main; main()")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs typer, which is not installed here" in done.stderr
    assert "pip install 'eventkeep[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_base_install_can_import_rows() -> None:
    done = python_without_extra("import eventkeep.testing, eventkeep.importer.sending, eventkeep.importer.rows")
    assert (done.returncode, done.stderr) == (0, "")


def test_program_loads_no_engine_and_no_database_before_it_needs_one() -> None:
    code = f"import sys, eventkeep.cli.app; print(sorted({{'numpy', 'pyarrow', *{EXTRA[2:]!r}}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_options_of_keys_have_the_names_of_the_directory() -> None:
    assert cli_keys.DEFAULT_ACCOUNT == DEFAULT_ACCOUNT
    assert ", ".join(SCOPES) == cli_keys.SCOPES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("no"), ExitCode.USAGE),
        (RowRefused(3, "no"), ExitCode.ROW_REFUSED),
        (ServerUnreachable("no"), ExitCode.SERVER_UNREACHABLE),
        (ImportStopped("no"), ExitCode.FAILED),
        (FolderInUse("no"), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_every_error_ends_the_program_with_its_code_and_one_line(
    error: EventkeepError | KeyboardInterrupt, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, errors_end_the_program():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith("eventkeep: ")


def test_error_of_ours_is_not_hidden_as_an_exit_code() -> None:
    with pytest.raises(ZeroDivisionError), errors_end_the_program():
        raise ZeroDivisionError
