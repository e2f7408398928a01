"""``eventkeep.track`` and ``eventkeep.identify``: sent in the background, and never an error for the caller.

::

    import eventkeep

    eventkeep.configure(api_key="pk_…")                    # once; or EVENTKEEP_API_KEY
    eventkeep.identify({"email": "ada@shop.example", "first_name": "Ada"})
    eventkeep.track("Placed Order", {"email": "ada@shop.example"}, value=42.5)

Events wait in one batch of the process, and profiles in a queue beside it. Both are sent at
the end of the interpreter and on SIGTERM, and begin anew in a forked child. Errors go to the logger
``eventkeep.client.default_client``, and to ``on_error`` if it was given.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from eventkeep.client.drafts import BatchedEvent, DraftProfile, draft_profile
from eventkeep.client.errors import ClientError
from eventkeep.client.forks import notice_fork, reset_after_fork
from eventkeep.client.profile_queue import ProfileQueue, queue_settings
from eventkeep.client.synchronous.batch import Batch
from eventkeep.client.synchronous.client import Client

OnError = Callable[[Exception], object]

logger: Final = logging.getLogger(__name__)


class DefaultClient:
    """A client with one open batch and one queue of profiles, each of which is made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._options: dict[str, Any] = {}
        self._batch_options: dict[str, Any] = {}
        self._on_error: OnError | None = None
        self._is_disabled = False
        self._client: Client | None = None
        self._batch: Batch | None = None
        self._profiles: ProfileQueue | None = None
        reset_after_fork(self)

    def configure(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        on_error: OnError | None = None,
        is_disabled: bool = False,
        spool: Path | str | None = None,
        **batch: Any,
    ) -> None:
        """Set the options for the next event. Events and profiles that wait are sent first.

        - ``api_key``, ``base_url``: those of ``Client``; by default of the environment.
        - ``on_error``: called with each error, from any thread.
        - ``is_disabled``: take no events, in development for example.
        - ``spool``, and others: options of ``client.batch``.
        """
        self.shutdown()
        with self._lock:
            self._options = {"api_key": api_key, "base_url": base_url}
            self._batch_options = {"spool": spool, **batch}
            self._on_error, self._is_disabled = on_error, is_disabled

    def track(
        self,
        metric: str,
        profile: Mapping[str, Any],
        *,
        properties: Mapping[str, Any] | None = None,
        time: datetime.datetime | str | None = None,
        value: float | Decimal | None = None,
        value_currency: str | None = None,
        unique_id: str | None = None,
        service: str | None = None,
    ) -> None:
        """Take an event; the arguments are those of ``Client.track``. It returns at once and raises nothing.

        An event that finds the buffer full is dropped, and reported as an error.
        """
        if self._is_disabled:
            return
        try:
            self._open_batch().track(
                metric,
                profile,
                properties=properties,
                time=time,
                value=value,
                value_currency=value_currency,
                unique_id=unique_id,
                service=service,
            )
        except Exception as exc:
            self._report(exc)

    def identify(self, profile: Mapping[str, Any]) -> None:
        """Take a profile to create or to change, as ``Client.identify`` does. It returns at once and raises nothing.

        Profiles are sent in their order, beside the events.
        """
        if self._is_disabled:
            return
        try:
            self._open_profiles().add(draft_profile(profile))
        except Exception as exc:
            self._report(exc)

    def flush(self) -> None:
        """Send all events and profiles taken so far, and wait for the responses. It raises nothing."""
        for each in (self._profiles, self._batch):
            if each is not None:
                self._reporting(each.flush)

    def shutdown(self) -> None:
        """Send everything and close the connections; the next event opens them again. It raises nothing."""
        with self._lock:
            parts = self._profiles, self._batch, self._client
            self._profiles, self._batch, self._client = None, None, None
        for part in parts:
            if part is not None:
                self._reporting(part.close)

    def after_fork(self) -> None:
        """Make a new lock: a thread of the parent may have held the old one. The batch begins anew by itself."""
        self._lock = threading.Lock()

    def _open_batch(self) -> Batch:
        notice_fork()
        batch = self._batch
        if batch is not None:
            return batch
        with self._lock:
            if self._batch is None:
                options = {"when_full": "refuse", "on_refused": self._refused, **self._batch_options}
                self._batch = self._open_client().batch(**options).open()
            return self._batch

    def _open_profiles(self) -> ProfileQueue:
        profiles = self._profiles
        if profiles is not None:
            return profiles
        with self._lock:
            if self._profiles is None:
                self._profiles = ProfileQueue(self._open_client(), queue_settings(self._batch_options), self._lost)
            return self._profiles

    def _open_client(self) -> Client:
        """Return the client of both. The caller holds the lock."""
        if self._client is None:
            self._client = Client(**self._options)
        return self._client

    def _lost(self, profile: DraftProfile, error: Exception) -> None:
        self._report(error, f"the profile of {profile.identity} was not delivered: ")

    def _refused(self, event: BatchedEvent, error: ClientError) -> None:
        self._report(error, f"{event} was not delivered: ")

    def _reporting(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as exc:
            self._report(exc)

    def _report(self, error: Exception, subject: str = "") -> None:
        logger.error("%s%s", subject, error)
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:
                logger.exception("on_error raised an error")


_default: Final = DefaultClient()
configure = _default.configure
track = _default.track
identify = _default.identify
flush = _default.flush
shutdown = _default.shutdown
