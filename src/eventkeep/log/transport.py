"""The transport of records: the interface, and the outcomes that an append can have."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Protocol

import msgspec

from eventkeep.log.record import EncodedRecord


class Outcome(enum.Enum):
    """The outcome of an append."""

    KEPT = "kept"
    """The record is in the log, durably."""
    REFUSED = "refused"
    """The record is certainly not in the log; the same position may be tried again later."""
    CONFLICT = "conflict"
    """Another record stands at the position: somebody else appends to this log."""
    UNKNOWN = "unknown"
    """The record may be in the log or not; reading its position will tell, as soon as the log can be read."""


class AppendResult(msgspec.Struct, frozen=True):
    """The outcome of an append, with the reason unless the record was kept."""

    outcome: Outcome
    reason: str = ""


KEPT = AppendResult(Outcome.KEPT)


class Transport(Protocol):
    """A log of encoded records with positions 1, 2, 3, ...

    One thread appends and trims; any thread reads. Damage is raised as LogError, never skipped.
    """

    @property
    def identity(self) -> int:
        """The random number that is in every record of this log."""

    @property
    def first(self) -> int:
        """The position of the oldest record that is kept; ``last`` + 1 if there is none."""

    @property
    def last(self) -> int:
        """The position of the newest record; 0 if nothing was ever appended."""

    @property
    def last_checksum(self) -> int:
        """The checksum of the newest record, which the next one has to hold."""

    @property
    def epoch(self) -> int:
        """The number of the leader that appends, for `Record.epoch`; 0 on one machine."""

    def append(self, record: EncodedRecord) -> AppendResult:
        """Append a record at ``record.position``, which has to be ``last`` + 1 and hold ``last_checksum``."""

    def read(self, start: int) -> Iterator[bytes]:
        """The encoded records from the position ``start`` on, up to the last one that was kept when this was called.

        Raises LogTrimmed if ``start`` is before ``first``, and LogError if a record is damaged. A replicated log raises
        LogUnreachable while it can't be reached.
        """

    def trim(self, up_to: int) -> None:
        """Allow the records up to and including this position to be removed; the newest ones may stay."""

    def close(self) -> None:
        """Release all resources. Raises no error."""
