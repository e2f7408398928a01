"""Delivers stored events to the webhooks of their accounts, in a thread of its own, with bounded tries."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Final

import httpx
import msgspec
import structlog

from eventkeep.errors import InvalidRequest
from eventkeep.limits import (
    WEBHOOKS_MAX,
    WEBHOOKS_WAITING_MAX,
)
from eventkeep.model.event_columns import EventColumns
from eventkeep.server.control_parts import Take
from eventkeep.server.controls.event_payloads import EventPayloads
from eventkeep.standin.webhooks import ACCEPTED, Delivery, Item, Origin, Webhook, signature

logger = structlog.get_logger(__name__)

WEBHOOK_TRIES_MAX: Final = 5
"""Tries of one delivery to a webhook."""
WEBHOOK_SECONDS_MAX: Final = 5.0
"""How long a webhook may take to respond, in seconds."""
WEBHOOK_PAUSE_SECONDS: Final = 0.2
"""The pause before the second try of a delivery, in seconds; it doubles with each further one."""
IDLE_SECONDS: Final = 3_600.0


class Registered:
    """A webhook with the counts of its deliveries."""

    def __init__(self, id: str, webhook: Webhook) -> None:
        self.id, self.webhook = id, webhook
        self.delivered = self.failed = 0
        self.last_status: int | None = None

    def shown(self) -> dict[str, Any]:
        """The webhook as a document, without its secret."""
        return {
            "id": self.id,
            "url": self.webhook.url,
            "topics": self.webhook.topics,
            "delivered": self.delivered,
            "failed": self.failed,
            "last_status": self.last_status,
        }


class Try(msgspec.Struct, order=True):
    """A delivery that is due at ``at`` (monotonic seconds)."""

    at: float
    number: int
    tries: int
    registered: Any
    account: int
    items: list[Item]


class Webhooks:
    """The webhooks of all accounts. Any thread may call."""

    def __init__(self, payloads: EventPayloads) -> None:
        self._payloads = payloads
        self._registered: dict[int, tuple[Registered, ...]] = {}
        self._numbers = itertools.count(1)
        self._stored: queue.Queue[EventColumns | None] = queue.Queue(WEBHOOKS_WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def after(self, take: Take) -> Take:
        """``take``, and then the webhooks."""

        def both(events: EventColumns) -> None:
            take(events)
            if self._registered and not self._registered.keys().isdisjoint(events.numbers["account"].tolist()):
                try:
                    self._stored.put_nowait(events)
                except queue.Full:
                    logger.warning("events are not delivered to webhooks: too many wait")

        return both

    def add(self, account: int, webhook: Webhook) -> str:
        """Register a webhook; returns its id. Raises InvalidRequest if the account has WEBHOOKS_MAX already."""
        with self._lock:
            mine = self._registered.get(account, ())
            if len(mine) >= WEBHOOKS_MAX:
                raise InvalidRequest(f"An account has at most {WEBHOOKS_MAX} webhooks.")
            registered = Registered(f"webhook-{next(self._numbers)}", webhook)
            self._registered[account] = (*mine, registered)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()
        return registered.id

    def listed(self, account: int) -> list[dict[str, Any]]:
        return [each.shown() for each in self._registered.get(account, ())]

    def clear(self, account: int) -> None:
        """Forget the webhooks of an account; deliveries that wait are dropped."""
        with self._lock:
            self._registered.pop(account, None)

    def close(self) -> None:
        """Deliver no more."""
        with self._lock:
            self._registered = {}
        if self._thread is not None:
            self._stored.put(None)
            self._thread.join()

    def _run(self) -> None:
        waiting: list[Try] = []
        with httpx.Client(timeout=WEBHOOK_SECONDS_MAX, follow_redirects=False) as http:
            while True:
                seconds = max(0.0, waiting[0].at - time.monotonic()) if waiting else IDLE_SECONDS
                try:
                    events = self._stored.get(timeout=seconds)
                    if events is None:
                        return
                    for each in self._tries(events):
                        heapq.heappush(waiting, each)
                except queue.Empty:
                    pass
                while waiting and waiting[0].at <= time.monotonic():
                    again = self._try(http, heapq.heappop(waiting))
                    if again is not None:
                        heapq.heappush(waiting, again)

    def _tries(self, events: EventColumns) -> list[Try]:
        """The first tries of a commit's events, one for each webhook that wants some."""
        found = []
        for account, webhooks in list(self._registered.items()):
            try:
                items = self._payloads.items(account, events)
            except Exception:
                # Whatever went wrong, an account that was reset meanwhile for example: this thread has to go on.
                logger.exception("events could not be read for webhooks")
                continue
            for registered in webhooks:
                wanted = [item for item in items if registered.webhook.wants(item.topic)]
                if wanted:
                    found.append(Try(time.monotonic(), next(self._numbers), 1, registered, account, wanted))
        return found

    def _try(self, http: httpx.Client, each: Try) -> Try | None:
        """Deliver; returns the next try if this one fails and more are left."""
        registered: Registered = each.registered
        if registered not in self._registered.get(each.account, ()):
            return None
        now = time.time()
        origin = Origin(
            self._payloads.account_id(each.account), registered.id, datetime.fromtimestamp(now, UTC).isoformat()
        )
        body, stamp = msgspec.json.encode(Delivery(each.items, origin)), formatdate(now, usegmt=True)
        headers = {
            "Content-Type": "application/json",
            "Klaviyo-Signature": signature(registered.webhook.secret, body, stamp),
            "Klaviyo-Timestamp": stamp,
            "Klaviyo-Webhook-Id": registered.id,
        }
        try:
            status: int | None = http.post(registered.webhook.url, content=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            status = None
        registered.last_status = status
        if status in ACCEPTED:
            registered.delivered += len(each.items)
            return None
        if each.tries >= WEBHOOK_TRIES_MAX:
            registered.failed += len(each.items)
            return None
        pause = WEBHOOK_PAUSE_SECONDS * 2.0 ** (each.tries - 1)
        return msgspec.structs.replace(each, at=time.monotonic() + pause, tries=each.tries + 1)
