"""The program's commands put together."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Annotated

import typer
import typer.main
from typer.core import TyperGroup

from eventkeep.cli.accounts import accounts
from eventkeep.cli.attribution import attribution
from eventkeep.cli.backup import BACKUP_EPILOG, RESTORE_EPILOG, backup, restore
from eventkeep.cli.cassettes import RECORD_EPILOG, REPLAY_EPILOG, VERIFY_EPILOG, record, replay, verify
from eventkeep.cli.check import EPILOG as CHECK_EPILOG
from eventkeep.cli.check import check
from eventkeep.cli.cluster import cluster
from eventkeep.cli.control import control
from eventkeep.cli.doctor import EPILOG as DOCTOR_EPILOG
from eventkeep.cli.doctor import doctor
from eventkeep.cli.events import events
from eventkeep.cli.exits import EXIT_CODES_HELP, errors_end_the_program
from eventkeep.cli.export import EPILOG as EXPORT_EPILOG
from eventkeep.cli.export import export
from eventkeep.cli.import_ import EPILOG as IMPORT_EPILOG
from eventkeep.cli.import_ import import_
from eventkeep.cli.keys import keys
from eventkeep.cli.log import log
from eventkeep.cli.metrics import metrics
from eventkeep.cli.option_sources import with_sources
from eventkeep.cli.predictions import predictions
from eventkeep.cli.profiles import profiles
from eventkeep.cli.revisions import revisions
from eventkeep.cli.send import EPILOG as SEND_EPILOG
from eventkeep.cli.send import send
from eventkeep.cli.serve import EPILOG as SERVE_EPILOG
from eventkeep.cli.serve import serve
from eventkeep.cli.stats import EPILOG as STATS_EPILOG
from eventkeep.cli.stats import stats
from eventkeep.cli.tail import EPILOG as TAIL_EPILOG
from eventkeep.cli.tail import tail

app = typer.Typer(
    name="eventkeep",
    help="An event store that you run yourself and that speaks the Klaviyo Events API.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=SERVE_EPILOG)(serve)
app.add_typer(keys, name="keys")
app.add_typer(accounts, name="accounts")
app.add_typer(attribution, name="attribution")
app.add_typer(cluster, name="cluster")
app.add_typer(predictions, name="predictions")
app.add_typer(revisions, name="revisions")
app.command(epilog=SEND_EPILOG)(send)
app.command(epilog=EXPORT_EPILOG)(export)
app.command("import", epilog=IMPORT_EPILOG)(import_)
app.add_typer(events, name="events")
app.add_typer(profiles, name="profiles")
app.add_typer(metrics, name="metrics")
app.command(epilog=TAIL_EPILOG)(tail)
app.command(epilog=STATS_EPILOG)(stats)
app.command(epilog=RECORD_EPILOG)(record)
app.command(epilog=REPLAY_EPILOG)(replay)
app.command(epilog=VERIFY_EPILOG)(verify)
app.add_typer(control, name="control")
app.command(epilog=DOCTOR_EPILOG)(doctor)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=BACKUP_EPILOG)(backup)
app.command(epilog=RESTORE_EPILOG)(restore)
app.add_typer(log, name="log")


def print_version(wanted: bool) -> None:
    """Print the version and end the program, if ``wanted``."""
    if wanted:
        print(f"eventkeep {importlib.metadata.version('eventkeep')}")
        raise typer.Exit


@app.callback()
def eventkeep(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Options of the program itself, which their callbacks carry out."""


@functools.cache
def program() -> TyperGroup:
    """All commands as they run: their options can be given in the environment and in eventkeep.toml too."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError(f"expected typer to make a group of commands, got {group!r}")
    return with_sources(group)


def run() -> None:
    """Runs the command that the arguments name, and ends the program with its exit code."""
    with errors_end_the_program():
        program()()
