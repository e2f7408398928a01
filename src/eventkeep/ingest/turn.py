"""Who may write to the log: the committer of the only server, or of the node that leads a cluster."""

from __future__ import annotations

from typing import Protocol

from eventkeep.log.transport import AppendResult


class Turn(Protocol):
    """The right to append to the log and to apply the records. Only the commit thread calls it."""

    def begin(self) -> str | None:
        """Take the turn, or keep it. Returns the reason why that is not possible, or None.

        After a reason, the caller finishes the commit on its way, calls ``end``, and appends nothing.
        """

    def end(self) -> None:
        """Give the turn back; nothing is on its way to the log. No effect without a turn."""

    def append_failed(self, result: AppendResult) -> None:
        """An append was not kept, as far as is known. The turn goes on until ``end``."""


class OnlyWriter:
    """The turn of the only process that writes."""

    def begin(self) -> str | None:
        return None

    def end(self) -> None:
        pass

    def append_failed(self, result: AppendResult) -> None:
        pass
