"""What the server stands on, opened in order and closed in the reverse one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from eventkeep.clock import Clock, SystemClock
from eventkeep.directory import Directory
from eventkeep.errors import StoreError
from eventkeep.eventlog.log import EventLog
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.resolve import Resolver
from eventkeep.server.folder import FolderLock
from eventkeep.server.notifications import deliver


class Services:
    """The two stores of a data folder and the committer that writes to them.

    ``close`` commits what waits, answers it, and leaves the folder ready for the next start.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        """Open everything. Raises StoreError (FolderInUse, for example) with nothing left open."""
        self.clock = clock or SystemClock()
        self.folder = folder
        with ExitStack() as opened:
            opened.callback(FolderLock(folder).close)
            self.directory = Directory.open(folder, self.clock)
            opened.callback(self.directory.close)
            self.log = EventLog.open(folder / "events")
            opened.callback(self.log.close)
            self._check_profiles()
            self.committer = Committer(Resolver(self.directory, self.clock), self.log, self.clock, deliver)
            self.committer.start()
            opened.callback(self.committer.stop)
            self._opened = opened.pop_all()

    def before_close(self, act: Callable[[], None]) -> None:
        """Call ``act`` before the stores are closed."""
        self._opened.callback(act)

    def close(self) -> None:
        self._opened.close()

    def _check_profiles(self) -> None:
        """Raises StoreError where events are of profiles that the directory has not made.

        Then it is another directory than the one that they were kept with, an older copy for
        example, and would give the same numbers to other profiles.
        """
        kept, known = self.log.newest_profile(), self.directory.profiles.newest_number
        if kept > known:
            raise StoreError(
                f"the directory in {self.folder} does not belong to the events there: they are of {kept} profiles, and "
                f"it has {known}. It was removed, or put in place of another. Restore both from one copy of the folder."
            )
