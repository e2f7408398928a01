"""``eventkeep check``: read all files of a data folder, and report the damaged ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from eventkeep.cli.exits import ExitCode
from eventkeep.cli.output import JsonLinesOption, Output
from eventkeep.cli.settings import ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError

if TYPE_CHECKING:
    from eventkeep.ingest.scrub import Checked

EPILOG: Final = """
Example: eventkeep check --data /srv/eventkeep

Exit codes: 0 everything is whole, 1 something is damaged, 2 wrong usage.
"""


def check(
    data: DataOption = None,
    config: ConfigOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Make damaged views anew; no server may run.")] = False,
    backup: Annotated[Path | None, typer.Option("--from", help="A backup to repair from.")] = None,
    as_json: JsonLinesOption = False,
) -> None:
    """Read every record of the log, every page of the directory and every segment, and compare the three.

    If a server runs, it reads its own stores, and the log is read beside it.
    """
    folder = data_folder(data, config)
    if not folder.is_dir():
        raise ConfigurationError(f"--data: there is no folder {folder}")
    output = Output()
    if repair:
        repair_folder(output, folder, backup)
    is_damaged = tell(output, found_in(folder), as_json)
    output.flush()
    if is_damaged:
        raise typer.Exit(ExitCode.FAILED)


def repair_folder(output: Output, folder: Path, backup: Path | None) -> None:
    """Repair the folder and print each repair. Raises StoreError if it can't, FolderInUse if a server runs."""
    from eventkeep.ingest.repair import repair
    from eventkeep.server.folder import FolderLock

    lock = FolderLock(folder)
    try:
        for step in repair(folder, backup):
            output.line(f"repair   {step}")
    finally:
        lock.close()
        output.flush()


def found_in(folder: Path) -> Iterator[Checked]:
    """The result of each part's check. Raises FolderInUse if a server has the folder and does not listen."""
    from eventkeep.ingest.scrub import checked, scrub_folder, scrub_log
    from eventkeep.server.control import ControlRequest, ask_server
    from eventkeep.server.folder import FolderLock

    response = ask_server(folder, ControlRequest("check"), seconds=None)
    if response is not None:
        yield checked("log", lambda: scrub_log(folder / "log"))
        yield from response.checked
        return
    lock = FolderLock(folder)
    try:
        yield from scrub_folder(folder)
    finally:
        lock.close()


def tell(output: Output, found: Iterable[Checked], as_json: bool) -> bool:
    """Print the results; returns whether a part is damaged."""
    is_damaged = False
    for part in found:
        is_damaged = is_damaged or part.damage is not None
        if as_json:
            output.json_line({"part": part.part, "found": part.found, "damage": part.damage})
        elif part.damage is None:
            output.line(f"ok       {part.part}: {part.found}")
        else:
            output.line(f"damaged  {part.part}: {part.damage}", "bold red")
        output.flush()
    return is_damaged
