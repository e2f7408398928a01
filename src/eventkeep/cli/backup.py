"""``eventkeep backup`` and ``eventkeep restore``."""

from __future__ import annotations

import datetime
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from eventkeep.cli.moments import MOMENT_HELP, parse_moment
from eventkeep.cli.settings import ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError

if TYPE_CHECKING:
    from eventkeep.ingest.snapshot import Snapshot

STREAM: Final = "-"
BACKUP_EPILOG: Final = "Example: eventkeep backup /backups/eventkeep"
RESTORE_EPILOG: Final = "Example: eventkeep restore /backups/eventkeep --data /srv/eventkeep --time 2h"


def backup(
    folder: Annotated[str, typer.Argument(help="The folder of the backup, or - for a tar file on standard output.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Back up a data folder, also while a server runs; a second backup into a folder adds only new files.

    The backup is consistent: it has everything up to one record of the log.
    """
    source = data_folder(data, config)
    if folder != STREAM:
        last = back_up_into(source, Path(folder))
        print(f"backed up  {source} up to record {last}")
        return
    with tempfile.TemporaryDirectory(dir=source, prefix="backup-") as name:
        back_up_into(source, Path(name) / "backup")
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
            archive.add(Path(name) / "backup", arcname=".")


def restore(
    folder: Annotated[str, typer.Argument(help="The folder of the backup, or - for a tar file on standard input.")],
    data: DataOption = None,
    config: ConfigOption = None,
    position: Annotated[int | None, typer.Option(min=1, help="Up to this record of the log.")] = None,
    time: Annotated[str | None, typer.Option(help=f"Up to this moment: {MOMENT_HELP} ago.")] = None,
) -> None:
    """Make a new data folder from a backup, whole or as it was at a record or a moment."""
    from eventkeep.ingest.backup import restore as restore_into

    target = data_folder(data, config)
    moment = parse_moment("--time", time, datetime.datetime.now(datetime.UTC))
    moment_us = None if moment is None else round(moment.timestamp() * 1_000_000)
    if folder != STREAM:
        last = restore_into(Path(folder), target, position, moment_us)
    else:
        with tempfile.TemporaryDirectory(prefix="eventkeep-") as name:
            with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
                archive.extractall(name, filter="data")
            last = restore_into(Path(name), target, position, moment_us)
    print(f"restored  {target} up to record {last}")


def back_up_into(data: Path, folder: Path) -> int:
    """Bring the backup up to date; returns its last position. Raises ConfigurationError and StoreError."""
    if not data.is_dir():
        raise ConfigurationError(f"--data: there is no folder {data}")
    from eventkeep.ingest.backup import back_up

    return back_up(data, folder, lambda target: snapshot_of(data, target)).last[0]


def snapshot_of(data: Path, target: Path) -> Snapshot:
    """A snapshot by the server that has the folder, or without one. Raises StoreError."""
    from eventkeep.ingest.snapshot import remove, take_snapshot
    from eventkeep.ingest.stores import Stores
    from eventkeep.server.control import SNAPSHOT, ControlRequest, ask_server
    from eventkeep.server.folder import FolderLock

    remove(target)
    response = ask_server(data, ControlRequest(SNAPSHOT, path=str(target.absolute())), seconds=None)
    if response is not None and response.snapshot is not None:
        return response.snapshot
    lock = FolderLock(data)
    try:
        stores = Stores.open(data)
        try:
            return take_snapshot(stores, target, lambda act: act())
        finally:
            stores.close()
    finally:
        lock.close()
