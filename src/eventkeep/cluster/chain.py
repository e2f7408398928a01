"""The check that records follow one another without a gap.

A replicated stream that was damaged on one server can leave a message out without a word. Each record holds its
position and the checksum of the one before, so that this is noticed before anything of it is applied.
"""

from __future__ import annotations

from eventkeep.errors import LogError
from eventkeep.log.record import Header, checked_header


class Chain:
    """How far records were followed: the position, checksum and epoch of the last one."""

    def __init__(self, log: int, position: int = 0, checksum: int | None = 0, epoch: int = 0) -> None:
        """``checksum`` None: the record before is not known, so that the first one is taken as it is."""
        self.log, self.position, self.checksum, self.epoch = log, position, checksum, epoch

    def add(self, content: bytes, source: str) -> Header:
        """Check the next record and count it. Raises LogError, which begins with ``source``, unless it follows."""
        header = checked_header(content, source)
        if header.log != self.log:
            raise LogError(f"{source}: the record belongs to another log ({header.log:016x}, not {self.log:016x})")
        if header.position != self.position + 1:
            raise LogError(f"{source}: record {self.position + 1} was expected, and record {header.position} is there")
        if self.checksum is not None and header.previous != self.checksum:
            raise LogError(f"{source}: record {header.position} does not follow the record {self.position} known here")
        if header.epoch < self.epoch:
            raise LogError(
                f"{source}: record {header.position} is of leader {header.epoch}, and the one before of {self.epoch}"
            )
        self.position, self.checksum, self.epoch = header.position, header.checksum, header.epoch
        return header
