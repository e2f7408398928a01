"""Every error that eventkeep raises on purpose.

::

    EventkeepError
    ├── ConfigurationError            a setting, flag or file that can't be used
    ├── RequestRefused                a reason to refuse a request; carries faults
    │   ├── InvalidRequest            400
    │   ├── NotAuthenticated          401
    │   ├── PermissionDenied          403
    │   ├── NotFound                  404
    │   ├── MethodNotAllowed          405, names the methods allowed
    │   ├── DuplicateProfile          409, carries the id of the profile that exists
    │   ├── PayloadTooLarge           413
    │   ├── UnsupportedMediaType      415
    │   ├── HeadersTooLarge           431
    │   ├── Throttled                 429, carries the seconds to wait
    │   └── Unavailable               503, carries the seconds to wait
    ├── ImportStopped                 an import that could not go on
    │   ├── RowRefused                a row that is no event, here or for the server; names the row
    │   │   └── FileUnreadable        a file that can't be read any further
    │   ├── EventRefused              an event of one server that another does not take; names the event
    │   └── ServerUnreachable         a server that could not be started or stopped
    └── StoreError                    a store that can't carry out an operation
        ├── FolderInUse               another server has the data folder
        ├── DirectoryError            the directory (profiles, keys, metrics)
        ├── LogError                  the one log of all changes
        │   ├── LogTrimmed            records that are no longer in the log
        │   └── LogUnreachable        a replicated log that can't be reached now
        ├── EventStoreError           the event store: a file that is damaged or missing, a disk that fails
        ├── SnapshotDamaged           a snapshot whose files are not those of its list
        └── MetricsExceeded           a batch that would make too many metrics for an account

The status numbers above are for the reader: the one table from exception to
status and code is ``eventkeep.protocol.error_documents``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request, with its place.

    ``pointer`` is an RFC 6901 JSON pointer into the request body; ``parameter``
    the name of a query parameter or header. At most one of the two is set.
    ``code`` overrides the code of the exception that carries the fault.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    code: str | None = None


class EventkeepError(Exception):
    """The root of the tree: catch it to catch all that eventkeep raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # By default an error is pickled as a call with its message, which errors with more arguments refuse.
        return (_unpickled, (type(self), self.args, self.__dict__))


def _unpickled(kind: type[EventkeepError], args: tuple[object, ...], state: dict[str, object]) -> EventkeepError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigurationError(EventkeepError):
    """A setting that can't be used; the message names it and says how to correct it."""


class RequestRefused(EventkeepError):
    """A request that was refused whole. ``faults`` has at least one entry."""

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        self.faults: tuple[Fault, ...] = (Fault(faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__("; ".join(fault.detail for fault in self.faults))


class InvalidRequest(RequestRefused):
    """The request breaks a rule: a field, a limit, a filter, a cursor."""


class NotAuthenticated(RequestRefused):
    """No key, or one that is unknown or revoked."""


class PermissionDenied(RequestRefused):
    """The key is good and lacks a scope."""


class NotFound(RequestRefused):
    """A well-formed id, path or revision that does not exist."""


class Gone(RequestRefused):
    """A retired revision, for a client that does not want a newer one."""


class MethodNotAllowed(RequestRefused):
    """The path exists, the method on it does not."""

    def __init__(self, faults: Sequence[Fault] | str, allowed: Sequence[str]) -> None:
        super().__init__(faults)
        self.allowed = tuple(allowed)


class DuplicateProfile(RequestRefused):
    """An identifier belongs to another profile already; ``profile_id`` is that profile's public id."""

    def __init__(self, faults: Sequence[Fault] | str, profile_id: str) -> None:
        super().__init__(faults)
        self.profile_id = profile_id


class PayloadTooLarge(RequestRefused):
    """The body is over its limit, as it is sent or decompressed."""


class UnsupportedMediaType(RequestRefused):
    """A content type or content encoding that is not spoken here."""


class HeadersTooLarge(RequestRefused):
    """A request's line and headers are over their limits."""


class Throttled(RequestRefused):
    """Over the rate limit of an operation."""

    def __init__(self, faults: Sequence[Fault] | str, retry_after_seconds: int) -> None:
        super().__init__(faults)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(RequestRefused):
    """Can't be kept now: a full queue, a store in trouble, a server that stops."""

    def __init__(self, faults: Sequence[Fault] | str, retry_after_seconds: int) -> None:
        super().__init__(faults)
        self.retry_after_seconds = retry_after_seconds


class NotBegun(Unavailable):
    """The same, and nothing was done: trying again can't do it twice."""


class ImportStopped(EventkeepError):
    """An import that could not go on; the events that were sent before stay sent."""


class RowRefused(ImportStopped):
    """A row that can't become an event; ``row`` counts from 1, the header not counted.

    ``text`` is the line of a row that could not be read.
    """

    def __init__(self, row: int, detail: str, text: str = "") -> None:
        super().__init__(f"row {row}: {detail}")
        self.row = row
        self.detail = detail
        self.text = text


class FileUnreadable(RowRefused):
    """A file that can't be read any further than a row."""


class EventRefused(ImportStopped):
    """An event that was read from one server, and that another one does not take."""


class ServerUnreachable(ImportStopped):
    """A server that could not be started, stopped or reached."""


class StoreError(EventkeepError):
    """A store that can't carry out an operation."""


class FolderInUse(StoreError):
    """Another process holds the data folder."""


class DirectoryError(StoreError):
    """The directory failed; the driver's error is the cause."""


class LogError(StoreError):
    """The log of all changes is damaged or failed; the message names the file and the byte."""


class LogTrimmed(LogError):
    """The records that were asked for are no longer in the log."""


class LogUnreachable(LogError):
    """A replicated log can't be reached now; no damage of it is known.

    ``was_sent`` is true if the request was sent, so that the log may have carried it out.
    """

    def __init__(self, message: str, was_sent: bool = False) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class EventStoreError(StoreError):
    """The event store can't carry out an operation: a file is damaged or missing, or the disk fails. Names the file."""


class SnapshotDamaged(StoreError):
    """A snapshot that is loaded has other files than those of its list."""


class MetricsExceeded(StoreError):
    """Raised inside a batch's transaction to undo it.

    ``places`` are those of the submissions that would make more metrics than an account may have.
    """

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__(f"too many metrics in the submissions at {list(places)}")
        self.places = tuple(places)
