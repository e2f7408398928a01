"""The control socket: how commands change accounts, their settings and keys, of a server that runs.

It is a Unix socket in the data folder that only the folder's owner can connect to. A request is one line of JSON, and
so is the response::

    {"do": "create_key", "account": "default", "scopes": ["full"], "label": ""}
    {"id": "7qWkC6JP", "account": "default", "scopes": ["full"], "key": "pk_..."}

A refusal is ``{"error": "..."}``.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eventkeep.directory import Account, Directory
from eventkeep.directory.changes import Change
from eventkeep.errors import ConfigurationError, EventkeepError, Unavailable
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.scrub import Checked, scrub_open
from eventkeep.ingest.snapshot import Snapshot, take_snapshot
from eventkeep.ingest.stores import Stores
from eventkeep.limits import CONTROL_SECONDS_MAX
from eventkeep.model import account_details, attribution_settings, prediction_settings
from eventkeep.model.account_details import AccountDetails
from eventkeep.model.account_settings import Settings, read_settings, write_settings
from eventkeep.model.attribution_settings import AttributionChange, AttributionSettings
from eventkeep.model.prediction_settings import LastFit, PredictionsChange, PredictionSettings
from eventkeep.server.control_client import SOCKET_NAME, address, exchange, read_line
from eventkeep.server.fit_process import FitTask
from eventkeep.server.prediction_fits import fit_account, fit_changes

logger = structlog.get_logger(__name__)

Make = Callable[[Directory], tuple[Sequence[Change], "ControlResponse"]]

CREATE_KEY: Final = "create_key"
REVOKE_KEY: Final = "revoke_key"
CHECK: Final = "check"
FLUSH: Final = "flush"
SNAPSHOT: Final = "snapshot"
CHANGE_ATTRIBUTION: Final = "change_attribution"
CHANGE_PREDICTIONS: Final = "change_predictions"
FIT_PREDICTIONS: Final = "fit_predictions"
CHANGE_DETAILS: Final = "change_details"
CONTROL_READERS: Final = 4
"""Commands whose requests are read at the same time."""


class CommandLane(StrEnum):
    """Requests that are carried out one after the other. Those of another lane do not wait for them."""

    CHANGES = "changes"
    FITS = "fits"
    FOLDER = "folder"


LANES: Final = {
    **dict.fromkeys((CHECK, FLUSH, SNAPSHOT), CommandLane.FOLDER),
    FIT_PREDICTIONS: CommandLane.FITS,
}
"""The lanes of requests that take their time; all others are changes."""


class FitOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The orders to fit, up to ``until`` in Unix seconds, or up to now if it is None, and the model."""

    until: int | None = None
    leaves_at_once: bool = True


class ControlRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The request of a command. ``id`` is a key's, for ``revoke_key``."""

    do: str
    account: str = ""
    scopes: list[str] = []
    label: str = ""
    id: str = ""
    path: str = ""
    attribution: AttributionChange | None = None
    predictions: PredictionsChange | None = None
    fit: FitOptions | None = None
    details: dict[str, str] = {}


class ControlResponse(msgspec.Struct, omit_defaults=True):
    """The key that was made or revoked, or why nothing was done. ``key`` is its plain text, when it was made."""

    id: str = ""
    account: str = ""
    scopes: list[str] = []
    key: str = ""
    is_unknown: bool = False
    checked: list[Checked] = []
    snapshot: Snapshot | None = None
    fit: LastFit | None = None
    error: str = ""
    is_not_begun: bool = False
    """Whether the node that was asked could not begin; another one may be about to lead."""


def make_change(request: ControlRequest, directory: Directory) -> tuple[Sequence[Change], ControlResponse]:
    """The changes that a request asks for, and the response once they are kept. Raises ConfigurationError."""
    if request.do == CREATE_KEY:
        changes: list[Change] = []
        owner = directory.accounts.find(request.account)
        if owner is None:
            owner, change = directory.accounts.new(request.account)
            changes.append(change)
        record, plaintext, change = directory.keys.new(owner.number, frozenset(request.scopes), request.label)
        changes.append(change)
        return changes, ControlResponse(record.id, owner.name, sorted(record.scopes), plaintext)
    if request.do == REVOKE_KEY:
        revoked, changed = directory.keys.revoked(request.id)
        return changed, ControlResponse(id=request.id, is_unknown=revoked is None)
    if (attribution := request.attribution) is not None and request.do == CHANGE_ATTRIBUTION:
        return change_settings(
            request.account,
            directory,
            attribution_settings.SETTING,
            AttributionSettings,
            lambda before: attribution_settings.changed_settings(before, attribution),
        )
    if (predictions := request.predictions) is not None and request.do == CHANGE_PREDICTIONS:
        return change_settings(
            request.account,
            directory,
            prediction_settings.SETTING,
            PredictionSettings,
            lambda before: prediction_settings.changed_settings(before, predictions),
        )
    if request.do == CHANGE_DETAILS:
        return change_settings(
            request.account,
            directory,
            account_details.SETTING,
            AccountDetails,
            lambda before: account_details.changed_details(before, request.details),
        )
    raise ConfigurationError(f"the server does not know the request {request.do!r}: is it an older eventkeep?")


def change_settings(
    account_name: str, directory: Directory, name: str, kind: type[Settings], change: Callable[[Settings], Settings]
) -> tuple[Sequence[Change], ControlResponse]:
    """The changes of an account's settings, and a response. Raises ConfigurationError and the errors of ``change``."""
    account, stored = account_named(directory, account_name), directory.account_settings
    after = change(read_settings(stored.get(account.number, name), kind))
    return stored.changed(account.number, name, write_settings(after)), ControlResponse(account=account.name)


def fit(request: ControlRequest, stores: Stores, is_stopping: Callable[[], bool]) -> Make:
    """Fit the predictions of an account, and return the function that makes the changes. Raises ConfigurationError."""
    account = account_named(stores.directory, request.account)
    result = None
    if (options := request.fit) is not None:
        now = int(stores.clock.of(account.number).now())
        until = now if options.until is None else options.until
        task = FitTask(until=until, now=now, leaves_at_once=options.leaves_at_once)
        result = fit_account(stores.directory, stores.events, account.number, task, is_stopping)
    if result is None:
        raise ConfigurationError(f"the account {account.name!r} has no orders yet; see eventkeep predictions set")
    response = ControlResponse(account=account.name, fit=result.last)
    return lambda directory: (fit_changes(directory, account.number, result), response)


def account_named(directory: Directory, name: str) -> Account:
    """The account of that name. Raises ConfigurationError."""
    account = directory.accounts.find(name)
    if account is None:
        raise ConfigurationError(f"there is no account {name!r}")
    return account


def respond(content: bytes, committer: Committer, stores: Stores, is_stopping: Callable[[], bool]) -> ControlResponse:
    """Carry out a request, and wait until its change is stored. Raises Unavailable if it can't be stored now.

    A fit is given up when ``is_stopping``.
    """
    try:
        request = msgspec.json.decode(content, type=ControlRequest)
        if request.do == CHECK:
            return ControlResponse(checked=list(scrub_open(stores)))
        if request.do == SNAPSHOT:
            return ControlResponse(snapshot=take_snapshot(stores, Path(request.path), committer.call))
        if request.do == FLUSH:
            stores.events.flush()
            return ControlResponse()
        if request.do == FIT_PREDICTIONS:
            return committer.change(fit(request, stores, is_stopping))
        return committer.change(lambda directory: make_change(request, directory))
    except Unavailable:
        raise
    except (EventkeepError, msgspec.DecodeError) as exc:
        return ControlResponse(error=str(exc))
    except Exception as exc:
        logger.exception("a command failed")
        return ControlResponse(error=f"the server failed: {exc!r}")


def is_for_this_node(content: bytes) -> bool:
    """Whether a request concerns the folder of the server that it was sent to, and not the log of a cluster."""
    try:
        return lane_of(msgspec.json.decode(content, type=ControlRequest)) is CommandLane.FOLDER
    except msgspec.DecodeError:
        return True


def lane_of(request: ControlRequest) -> CommandLane:
    """The lane of a request."""
    return LANES.get(request.do, CommandLane.CHANGES)


class ControlSocket:
    """Listens until it is closed. Requests of one `CommandLane` are carried out one after the other."""

    def __init__(self, folder: Path, respond: Callable[[bytes], ControlResponse]) -> None:
        """``respond`` carries out a request, given as bytes."""
        self._respond, self._path = respond, folder / SOCKET_NAME
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)
        with address(folder) as name:
            before = os.umask(0o177)
            try:
                self._socket.bind(name)
            finally:
                os.umask(before)
        self._socket.listen()
        self._readers = ThreadPoolExecutor(CONTROL_READERS, thread_name_prefix="control")
        self._lanes = {lane: ThreadPoolExecutor(1, thread_name_prefix=f"control {lane}") for lane in CommandLane}
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and wait for the requests that are being carried out."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for threads in (self._readers, *self._lanes.values()):
            threads.shutdown()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(CONTROL_SECONDS_MAX)
            self._readers.submit(self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        """Read a request, and have it carried out in its lane."""
        try:
            line = read_line(connection)
        except OSError as exc:
            logger.warning("a command went away", cause=str(exc))
            connection.close()
            return
        try:
            lane = lane_of(msgspec.json.decode(line, type=ControlRequest))
        except msgspec.DecodeError:
            lane = CommandLane.CHANGES
        self._lanes[lane].submit(self._carry_out, connection, line)

    def _carry_out(self, connection: socket.socket, line: bytes) -> None:
        with connection:
            try:
                response = self._respond(line)
            except Unavailable as exc:
                response = ControlResponse(error=str(exc))
            try:
                connection.sendall(msgspec.json.encode(response) + b"\n")
            except OSError as exc:
                logger.warning("a command went away", cause=str(exc))


def ask_server(
    folder: Path, request: ControlRequest, seconds: float | None = CONTROL_SECONDS_MAX
) -> ControlResponse | None:
    """Ask the server that has the folder; None if none listens. Raises ConfigurationError for a refusal."""
    line = exchange(folder, msgspec.json.encode(request), seconds)
    if line is None:
        return None
    response = msgspec.json.decode(line, type=ControlResponse)
    if response.error:
        raise ConfigurationError(response.error)
    return response
