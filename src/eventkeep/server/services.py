"""What the server stands on, opened in order and closed in the reverse one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import structlog

from eventkeep.clock import Clock, SystemClock
from eventkeep.errors import StoreError, Unavailable
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.room import Room
from eventkeep.ingest.stores import Stores
from eventkeep.limits import LOG_TRIM_SECONDS
from eventkeep.server.control import ControlSocket
from eventkeep.server.folder import FolderLock
from eventkeep.server.notifications import deliver

logger = structlog.get_logger(__name__)


class Services:
    """The stores of a data folder and the committer that writes to them.

    ``close`` commits what waits, answers it, and leaves the folder ready for the next start. If a record can't be
    applied, ``failure`` is set and ``on_failure`` is called: then the process has to end.
    """

    def __init__(self, folder: Path, clock: Clock | None = None, files: Files | None = None) -> None:
        """Open everything. Raises StoreError (FolderInUse, for example) with nothing left open."""
        self.clock, files = clock or SystemClock(), files or Files()
        self.folder = folder
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._closing = threading.Event()
        with ExitStack() as opened:
            opened.callback(FolderLock(folder).close)
            self.stores = Stores.open(folder, self.clock, files)
            opened.callback(self.stores.close)
            self.directory, self.events, self.log = self.stores.directory, self.stores.events, self.stores.log
            room = Room(folder, files, self.clock)
            self.committer = Committer(self.stores, self.clock, deliver, room, self._fail)
            self.committer.start()
            opened.callback(self.committer.stop)
            control = ControlSocket(folder, self.committer, self.stores)
            opened.callback(control.close)
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

    def _fail(self, failure: Exception) -> None:
        self.failure = failure
        self.on_failure()

    def _trim_now_and_then(self) -> None:
        while not self._closing.wait(LOG_TRIM_SECONDS):
            try:
                self.committer.call(self.stores.trim)
            except (StoreError, Unavailable) as exc:
                # The log only grows meanwhile.
                logger.warning("the log could not be trimmed", cause=str(exc))
