"""Changes of accounts and keys from outside the server: through its control socket, or without a server directly."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from eventkeep.errors import FolderInUse, LogError
from eventkeep.ingest.stores import Stores
from eventkeep.limits import CONTROL_SECONDS_MAX
from eventkeep.log.transport import Outcome
from eventkeep.server.control import FIT_PREDICTIONS, ControlRequest, ControlResponse, ask_server, fit, make_change
from eventkeep.server.folder import FolderLock

TRIES: Final = 100
PAUSE_SECONDS: Final = 0.1


def change_folder(folder: Path, request: ControlRequest, seconds: float = CONTROL_SECONDS_MAX) -> ControlResponse:
    """Make a change to a folder. If a server has the folder, the server makes it, and it holds at once.

    ``seconds`` is how long a server may take. Raises ConfigurationError for a request that is refused, StoreError if
    the folder can't be used.
    """
    for _ in range(TRIES):
        response = ask_server(folder, request, seconds)
        if response is not None:
            return response
        try:
            lock = FolderLock(folder)
        except FolderInUse:
            # A server that starts or stops has the folder and does not listen.
            time.sleep(PAUSE_SECONDS)
            continue
        try:
            return change_directly(folder, request)
        finally:
            lock.close()
    raise FolderInUse(f"the data folder {folder} is in use, and the server in it does not listen: try again")


def change_directly(folder: Path, request: ControlRequest) -> ControlResponse:
    """Make a change to a folder whose lock is held. Raises ConfigurationError and StoreError."""
    stores = Stores.open(folder)
    try:
        if request.do == FIT_PREDICTIONS:
            changes, response = fit(request, stores, lambda: False)(stores.directory)
        else:
            changes, response = make_change(request, stores.directory)
        if changes:
            kept = stores.keep(list(changes))
            if kept.outcome is not Outcome.KEPT:
                raise LogError(f"the change could not be kept: {kept.reason}")
        return response
    finally:
        stores.close()
