"""A node's part in the cluster: it follows the log, and leads while it has the lease.

To become the leader, a node takes the lease, applies every record, and appends a record of its own that counts the
leaders. If another record stands at that position, it applies that one and tries again. From then on each append of an
earlier leader is refused, because it expects another last sequence.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from eventkeep.clock import Clock
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Lease
from eventkeep.errors import EventkeepError, LogTrimmed, LogUnreachable
from eventkeep.limits import (
    CLUSTER_BEHIND_SECONDS_MAX,
    CLUSTER_BEHIND_WAIT_SECONDS,
    CLUSTER_POLL_SECONDS,
)
from eventkeep.log.record import Record, encode
from eventkeep.log.transport import AppendResult, Outcome

logger = structlog.get_logger(__name__)

NOT_LEADING: Final = "This node does not lead now, so that nothing can be stored through it"


class Role(enum.Enum):
    """The role of a node towards the log."""

    FOLLOWING = "following"
    LEADING = "leading"
    FAILED = "failed"


class Member:
    """Follows ``log`` in a thread of its own, and leads it while ``lease`` is held.

    ``apply`` is called with the next records, in the order of the log, while this node does not lead; an error that it
    raises stops the node for good, as damage in the log does. ``first_changes`` makes the contents of the first record
    of a new log.
    """

    def __init__(self, log: JetStreamLog, lease: Lease, apply: Callable[[list[bytes]], None], clock: Clock) -> None:
        self.log, self.lease, self._apply, self._clock = log, lease, apply, clock
        self.role = Role.FOLLOWING
        self.failure: Exception | None = None
        self.elections = 0
        self.caught_up_at = float("-inf")
        self.first_changes: Callable[[], bytes] = lambda: b""
        self.on_change: Callable[[], None] = lambda: None
        """Called in the member's thread after ``role`` has changed."""
        self._turn = threading.Lock()
        self._has_turn = False
        self._gave_way = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._take_part, name="member", daemon=True)
        log.may_append = lambda: lease.is_held
        lease.may_take = self._may_take
        lease.on_change = self._wake

    def start(self) -> None:
        self.log.link.start(self.lease.keep())
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back and end the thread. Call it when nothing is appended any more."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(LogUnreachable):
            self.log.link.run(self.lease.give_back())

    @property
    def is_leading(self) -> bool:
        """Whether this node may append now."""
        return self.role is Role.LEADING and self.lease.is_held

    @property
    def staleness_seconds(self) -> float:
        """How long ago this node had applied every record that was known to it."""
        return 0.0 if self.is_leading else self._clock.monotonic() - self.caught_up_at

    def begin(self) -> str | None:
        """Have the calling thread alone append, until ``end``. Returns why that is not possible, None if it is."""
        if not self._has_turn:
            if not self.is_leading:
                return NOT_LEADING
            self._turn.acquire()
            self._has_turn = True
        return None if self.is_leading else NOT_LEADING

    def end(self) -> None:
        """Let this node follow again if it does not lead any more. No effect without ``begin``."""
        if self._has_turn:
            self._has_turn = False
            self._turn.release()

    def append_failed(self, result: AppendResult) -> None:
        """Follow again: another record may stand where this one should."""
        logger.warning("this node gives way", outcome=result.outcome.value, reason=result.reason)
        self.role = Role.FOLLOWING
        self._wake()

    @contextlib.contextmanager
    def applying_nothing(self) -> Iterator[None]:
        """While this lasts, nothing is appended and nothing is applied."""
        with self._turn:
            yield

    def _may_take(self) -> bool:
        """Whether to take a free lease: a node that is far behind leaves it to others for a while."""
        is_behind = self._clock.monotonic() - self.caught_up_at > CLUSTER_BEHIND_SECONDS_MAX
        return not self._stopping.is_set() and (not is_behind or self.lease.age_seconds > CLUSTER_BEHIND_WAIT_SECONDS)

    def _wake(self) -> None:
        self._gave_way.set()
        self.log.wake()

    def _take_part(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._follow_or_lead()
                except LogUnreachable as exc:
                    logger.warning("the log can't be reached", cause=str(exc))
                    self._gave_way.wait(CLUSTER_POLL_SECONDS)
                    self._gave_way.clear()
        except LogTrimmed as exc:
            logger.warning("this node has fallen out of the log", cause=str(exc))
            self._fail(exc)
        except Exception as exc:
            # The thread ends here; the owner of the node stops it with this error.
            logger.error("this node can't follow the log any more", cause=str(exc), exc_info=not is_expected(exc))
            self._fail(exc)

    def _follow_or_lead(self) -> None:
        with self._turn:
            if records := self.log.poll(CLUSTER_POLL_SECONDS):
                self._apply(records)
            if self.log.lag == 0:
                self.caught_up_at = self._clock.monotonic()
            if not self.lease.is_held:
                return
            if not self._append_leader_record():
                return
            self._gave_way.clear()
            self.elections += 1
            self.role = Role.LEADING
        logger.info("this node leads", epoch=self.log.epoch, position=self.log.last)
        self.on_change()
        while self.is_leading and not self._stopping.is_set():
            self._gave_way.wait(CLUSTER_POLL_SECONDS)
            self._gave_way.clear()
        # Wait for the append under way, if there is one.
        with self._turn:
            self.role = Role.FOLLOWING
        logger.warning("this node leads no more", position=self.log.last)
        self.on_change()

    def _append_leader_record(self) -> bool:
        """Append the record with which this node begins to lead; returns whether it was kept."""
        log = self.log
        changes = b"" if log.last else self.first_changes()
        record = Record(log.last + 1, round(self._clock.now() * 1_000_000), changes, epoch=log.epoch + 1)
        encoded = encode(record, log.identity, log.last_checksum)
        result = log.append(encoded)
        if result.outcome is not Outcome.KEPT:
            logger.info("this node does not lead yet", reason=result.reason)
            return False
        self._apply([encoded.content])
        return True

    def _fail(self, failure: Exception) -> None:
        self.failure = failure
        self.lease.may_take = lambda: False
        self.role = Role.FAILED
        self.on_change()


def is_expected(exc: Exception) -> bool:
    """Whether the error's message says all that is needed."""
    return isinstance(exc, EventkeepError)
