"""The parts that the server stands on, opened in order and closed in the reverse one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog

from eventkeep.clock import Clock, Randomness, SystemClock
from eventkeep.config import LOG_FOLLOWER_BYTES
from eventkeep.errors import ConfigurationError, NotBegun, StoreError, Unavailable
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Room, Stores
from eventkeep.limits import CLUSTER_COMMAND_SECONDS_MAX, LOG_TRIM_SECONDS
from eventkeep.log.file_log import FileLog
from eventkeep.log.retention import Retention, first_kept
from eventkeep.server.control import ControlResponse, ControlSocket, is_for_this_node, respond
from eventkeep.server.folder import FolderLock
from eventkeep.server.node import Node, ask_leader
from eventkeep.server.node_joining import Show, no_progress, open_log
from eventkeep.server.node_settings import NodeSettings
from eventkeep.server.notifications import deliver
from eventkeep.server.prediction_fits import BackgroundFits
from eventkeep.server.shard_commands import shard_of_command

logger = structlog.get_logger(__name__)

COMMAND_RETRY_SECONDS: Final = 0.1


class Services:
    """The stores of a data folder and the committer that writes to them.

    ``close`` commits the waiting creates and responds to them, and leaves the folder ready for the next start. If a
    record can't be applied, ``failure`` is set and ``on_failure`` is called: then the process has to end.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        files: Files | None = None,
        node: NodeSettings | None = None,
        fit_hours: int = 0,
        retention: Retention | None = None,
        randomness: Randomness | None = None,
        show_joining: Show = no_progress,
    ) -> None:
        """Open everything, with a log in the folder or as a node of a cluster.

        A node whose folder can't follow the log loads a snapshot of another node before, and shows how far it is.
        ``retention`` is for a log in the folder. Predictions are fitted every ``fit_hours`` hours, never if it is 0.
        New ids come from ``randomness``. Raises StoreError (FolderInUse, for example) with nothing left open.
        """
        self.clock, files = clock or SystemClock(), files or Files()
        self.folder = folder
        self._retention = retention or Retention(0, 0, LOG_FOLLOWER_BYTES)
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._closing = threading.Event()
        with ExitStack() as opened:
            opened.callback(FolderLock(folder).close)
            self.node = None
            if node is not None:
                log, joined = open_log(folder, node, show_joining, files)
                self.node = Node(node, log, joined, self.clock)
            self.stores = open_stores(folder, self.clock, files, self.node, randomness)
            opened.callback(self.stores.close)
            self.directory, self.events, self.log = self.stores.directory, self.stores.events, self.stores.log
            self._room = Room(folder, files, self.clock)
            turn = None if self.node is None else self.node.member
            self.committer = Committer(self.stores, self.clock, deliver, self._room, self._fail, turn=turn)
            if self.node is not None:
                self.node.on_failure = self._fail
                opened.callback(self.node.stop)
                self.node.start(self.stores, self.committer, folder)
            self.committer.start()
            opened.callback(self.committer.stop)
            control = ControlSocket(folder, self._respond_to_command)
            opened.callback(control.close)
            if fit_hours:
                fits = BackgroundFits(
                    self.directory, self.events, self.committer.change, self.clock, fit_hours, self._is_leading
                )
                opened.callback(fits.close)
            trimming = threading.Thread(target=self._trim_now_and_then, name="trim", daemon=True)
            trimming.start()
            opened.callback(trimming.join)
            opened.callback(self._closing.set)
            self._opened = opened.pop_all()

    def before_close(self, act: Callable[[], None]) -> None:
        """Call ``act`` before the stores are closed."""
        self._opened.callback(act)

    def close(self) -> None:
        self._opened.close()

    @property
    def is_ready(self) -> bool:
        """Whether a create would be stored now, here or by the node that leads."""
        if self.node is None or self.node.member.is_leading:
            return self.committer.is_ready
        return self.node.is_ready

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    def _respond_to_command(self, content: bytes) -> ControlResponse:
        """Carry out a command, here or through the node that leads. Raises Unavailable."""
        node = self.node
        if node is None or is_for_this_node(content):
            return respond(content, self.committer, self.stores, self.is_closing)
        deadline = time.monotonic() + CLUSTER_COMMAND_SECONDS_MAX
        while True:
            try:
                return self._respond_in_cluster(node, content)
            except NotBegun:
                # Another node is about to lead.
                if time.monotonic() > deadline or self._closing.wait(COMMAND_RETRY_SECONDS):
                    raise

    def _respond_in_cluster(self, node: Node, content: bytes) -> ControlResponse:
        """Carry out a command of a node that shares the log with others. Raises Unavailable, NotBegun."""
        try:
            shard = shard_of_command(node, self.directory, content)
        except ConfigurationError as exc:
            return ControlResponse(error=str(exc))
        if shard == node.shards.own and node.member.is_leading:
            return respond(content, self.committer, self.stores, self.is_closing)
        return ask_leader(node, content, shard)

    def _is_leading(self) -> bool:
        return self.node is None or self.node.member.is_leading

    def _fail(self, failure: Exception) -> None:
        self.failure = failure
        self.on_failure()

    def trim(self) -> None:
        """Remove the records that nothing needs any more from the log. Raises StoreError and Unavailable."""
        if self.node is not None:
            self.node.trim()
            return
        assert isinstance(self.log, FileLog)
        is_disk_full = self._room.lack_of_space() is not None
        # Here, and not in the commit thread, because it reads files.
        keep_from = first_kept(self.log, self.folder, self._retention, self.clock.now(), is_disk_full)
        self.committer.call(lambda: self.stores.trim(keep_from))

    def _trim_now_and_then(self) -> None:
        while not self._closing.wait(LOG_TRIM_SECONDS):
            try:
                self.trim()
            except (StoreError, Unavailable) as exc:
                # The log only grows meanwhile.
                logger.warning("the log could not be trimmed", cause=str(exc))


def open_stores(
    folder: Path, clock: Clock, files: Files, node: Node | None, randomness: Randomness | None = None
) -> Stores:
    """The stores of a folder, which follow the log of ``node`` if there is one. Raises StoreError."""
    if node is None:
        return Stores.open(folder, clock, files, randomness=randomness)
    return Stores.open(folder, clock, files, replicated=node.log)
