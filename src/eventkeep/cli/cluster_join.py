"""``eventkeep cluster join`` and ``snapshot``: the state of a running cluster in a folder."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.config import ServeSettings
from eventkeep.errors import ConfigurationError
from eventkeep.ingest.backup import back_up_cluster as add_to_backup
from eventkeep.ingest.joining import receive_snapshot
from eventkeep.ingest.snapshot import Snapshot
from eventkeep.server.folder import FolderLock
from eventkeep.server.node_joining import JoinProgress, SnapshotReader, open_log
from eventkeep.server.node_settings import NodeSettings, node_settings

LINE_SECONDS: Final = 2.0
"""Between two plain lines of progress."""
COMMAND: Final = "eventkeep-snapshot"


def join_cluster(settings: ServeSettings, replace: bool) -> None:
    """Load a snapshot into the data folder, if it is needed. Raises ConfigurationError and StoreError."""
    node = required(settings)
    lock = FolderLock(settings.data)
    try:
        with SnapshotProgress() as shown:
            # No other node can reach this one yet.
            unreachable = msgspec.structs.replace(node, url="")
            log, position = open_log(settings.data, unreachable, shown.show, anew=replace)
            with closing(log):
                last = log.last
    finally:
        lock.close()
    if not position:
        print(f"nothing to load  {settings.data} can follow the log, which ends with record {last}")
        return
    print(f"joined  {settings.data} at record {position} of {last}; start it with: eventkeep serve --node {node.name}")


def back_up_cluster(folder: Path, settings: ServeSettings) -> None:
    """Add a snapshot of the cluster to a backup. Raises ConfigurationError and StoreError."""
    node = required(settings)
    with closing(JetStreamLog.open(node.address, COMMAND)) as log, SnapshotProgress() as shown:
        reader = SnapshotReader(log, node.secret, None, log.last, shown.show)

        def read(target: Path) -> Snapshot:
            return reader.read(lambda snapshot, fetch, seen: receive_snapshot(target, snapshot, fetch, seen))

        snapshot = add_to_backup(folder, log.identity, read)
    print(f"backed up  {node.address.name} up to record {snapshot.position}")


def required(settings: ServeSettings) -> NodeSettings:
    """The settings of a node. Raises ConfigurationError."""
    node = node_settings(settings)
    if node is None:
        raise ConfigurationError("--log: the address of the log is missing")
    return node


class SnapshotProgress:
    """How far a snapshot is loaded: a bar on a terminal, a line every two seconds elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("waiting", total=None)
        self._shown_at, self._shown = float("-inf"), ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def show(self, progress: JoinProgress) -> None:
        if self._console.is_terminal:
            self._bar.update(
                self._task,
                description=progress.peer if progress.position is not None else progress.text,
                completed=progress.done_bytes,
                total=progress.whole_bytes or None,
            )
            return
        is_whole = progress.position is not None and progress.done_bytes == progress.whole_bytes
        if progress.text != self._shown and (is_whole or time.monotonic() - self._shown_at > LINE_SECONDS):
            self._shown_at, self._shown = time.monotonic(), progress.text
            self._console.print(progress.text)
