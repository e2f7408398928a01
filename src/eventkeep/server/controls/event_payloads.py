"""Stored events as the bodies of responses of get_event, for those who were not asked by a request."""

from __future__ import annotations

import msgspec
import numpy as np

from eventkeep.model.event import StoredEvent, public_id
from eventkeep.model.event_columns import EventColumns
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.reads.query import parse_read_query
from eventkeep.protocol.reads.responses import ReadFrame, Related, event_document
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.services import Services
from eventkeep.standin.webhooks import Item, topic_of

OPERATION = "get_event"
QUERY = b"include=metric,profile"


class EventPayloads:
    """Reads the stores, in any thread. ``base_url`` is the beginning of links."""

    def __init__(self, services: Services, base_url: str) -> None:
        self._directory, self._events, self._base_url = services.directory, services.events, base_url
        self._revision = REVISIONS[-1]

    def account_id(self, account: int) -> str:
        """The public id of the account."""
        return self._directory.accounts.public_id(account)

    def items(self, account: int, events: EventColumns) -> list[Item]:
        """The events of the account among those of a commit, each with its topic."""
        items = []
        for place in np.flatnonzero(events.numbers["account"] == account).tolist():
            time, id = int(events.numbers["time"][place]), int(events.numbers["id"][place])
            event = self._events.event(account, time, id)
            if event is not None:
                items.append(self._item(event))
        return items

    def _item(self, event: StoredEvent) -> Item:
        directory, account = self._directory, event.account
        profile = directory.profiles.survivors(account, [event.profile]).get(event.profile, event.profile)
        event = msgspec.structs.replace(event, profile=profile)
        metrics = directory.metrics.by_numbers(account, [event.metric])
        profiles = directory.profiles.by_numbers(account, [profile])
        related = Related(
            metrics=metrics,
            profile_ids={profile: profiles[profile].id},
            profiles=profiles,
            last_event_times=self._events.last_event_times(account, [profile]),
        )
        id = public_id(event.time, event.id)
        operation = self._revision.operation(OPERATION)
        frame = ReadFrame(
            base_url=self._base_url,
            path=operation.path.replace("{id}", id),
            revision=self._revision,
            query=parse_read_query(QUERY, operation, self._revision, directory.secret),
        )
        metric = metrics[event.metric]
        payload = msgspec.Raw(event_document(frame, StoredEvents.of([event]), related))
        return Item(external_id=id, payload=payload, topic=topic_of(metric.name, metric.service))
