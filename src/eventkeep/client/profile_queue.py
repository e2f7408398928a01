"""Profiles that a thread sends one after the other: those of ``eventkeep.identify``."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec

from eventkeep.client.calls import identify_call
from eventkeep.client.drafts import DraftProfile
from eventkeep.client.errors import BufferFullError, ClosedError
from eventkeep.client.forks import close_at_exit_of_child, notice_fork, reset_after_fork
from eventkeep.client.retries import RetryPolicy
from eventkeep.client.synchronous import waiting
from eventkeep.client.synchronous.client import Client
from eventkeep.client.termination import flush_on_sigterm
from eventkeep.limits import (
    BATCH_BUFFER_EVENTS_MAX,
    BATCH_CLOSE_SECONDS_MAX,
    BATCH_GIVE_UP_SECONDS,
)

OnLost = Callable[[DraftProfile, Exception], object]


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Those of a batch that a queue of profiles has as well."""

    buffer_events_max: int = BATCH_BUFFER_EVENTS_MAX
    give_up_seconds: float = BATCH_GIVE_UP_SECONDS
    close_seconds_max: float = BATCH_CLOSE_SECONDS_MAX
    flush_on_sigterm: bool = True


def queue_settings(batch_options: dict[str, Any]) -> QueueSettings:
    """Return the settings among the options of a batch."""
    return QueueSettings(
        **{name: batch_options[name] for name in QueueSettings.__struct_fields__ & batch_options.keys()}
    )


class ProfileQueue:
    """Takes profiles and sends each in a request of its own, in their order.

    ``lost`` is called with each profile that can't be delivered, and the error. In a forked
    child the queue is empty, and has a thread of its own.
    """

    def __init__(self, client: Client, settings: QueueSettings, lost: OnLost) -> None:
        self._client, self._settings, self._lost = client, settings, lost
        self._is_child = False
        self._at_exit = waiting.AtExit()
        self._at_exit.add(self, self.close)
        self._undo_sigterm = flush_on_sigterm(self.close) if settings.flush_on_sigterm else lambda: None
        self._begin()
        reset_after_fork(self)

    def _begin(self) -> None:
        self._changes = waiting.Changes()
        self._workers = waiting.Workers()
        self._waiting: deque[DraftProfile] = deque()
        self._is_sending = self._has_worker = False
        self._close_end = math.inf

    def add(self, profile: DraftProfile) -> None:
        """Take a profile. Raises BufferFullError, ClosedError."""
        notice_fork()
        with self._changes:
            if self._close_end < math.inf:
                raise ClosedError("the queue of profiles is closed")
            if len(self._waiting) >= self._settings.buffer_events_max:
                raise BufferFullError(f"{len(self._waiting):,} profiles wait for their response")
            self._waiting.append(profile)
            self._changes.notify()
            if not self._has_worker:
                self._has_worker = True
                if self._is_child:
                    close_at_exit_of_child(self.close)
                self._workers.start(self._work, 1, "eventkeep profiles")

    def flush(self) -> None:
        """Wait until all profiles taken so far are sent, or lost."""
        notice_fork()
        with self._changes:
            while self._waiting or self._is_sending:
                self._changes.wait(None)

    def close(self) -> None:
        """Send all profiles, for at most ``close_seconds_max`` seconds, and end. It may be called again."""
        notice_fork()
        with self._changes:
            self._close_end = min(self._close_end, monotonic() + self._settings.close_seconds_max)
            self._changes.notify()
        self._workers.join()
        self._at_exit.remove()
        self._undo_sigterm()
        with self._changes:
            left, self._waiting = self._waiting, deque()
        for profile in left:
            self._lost(profile, ClosedError(f"the queue ended, after {self._settings.close_seconds_max:g} s"))

    def after_fork(self) -> None:
        """Begin anew in the child of a fork, without the parent's profiles, locks and thread."""
        self._is_child = True
        self._begin()

    def _work(self) -> None:
        while (profile := self._next()) is not None:
            try:
                policy = RetryPolicy(
                    retries_max=None, seconds_max=self._settings.give_up_seconds, deadline=lambda: self._close_end
                )
                self._client.perform(identify_call(profile), policy, self._pause)
            except Exception as exc:
                self._lost(profile, exc)
            with self._changes:
                self._is_sending = False
                self._changes.notify()

    def _next(self) -> DraftProfile | None:
        """Return the next profile; None at the end of the queue."""
        with self._changes:
            while not self._waiting:
                if self._close_end < math.inf:
                    return None
                self._changes.wait(None)
            if monotonic() > self._close_end:
                return None
            self._is_sending = True
            return self._waiting.popleft()

    def _pause(self, seconds: float) -> None:
        """Wait before another try; the end of the queue cuts the wait short if it would reach past it."""
        end = monotonic() + seconds
        with self._changes:
            while (left := end - monotonic()) > 0 and self._close_end >= end:
                self._changes.wait(left)
