"""The change that a job or a client makes to the consent of one profile: a write, and the events that record it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eventkeep.model.consent import (
    NOTHING,
    Channel,
    Consent,
    joined,
    subscribed,
    suppressed,
    unsubscribed,
    unsuppressed,
)
from eventkeep.model.consent_metrics import ConsentEvent, recorded_subscription, recorded_suppression
from eventkeep.model.profile_write import ProfileWrite

API_METHOD = "API"
"""The method of consent that was stated through the API."""


class ConsentChange(msgspec.Struct, frozen=True, kw_only=True):
    """A write of one profile that has a statement about consent, and the events of ``time`` (Unix microseconds)."""

    write: ProfileWrite
    events: tuple[ConsentEvent, ...]
    time: int


def subscription(
    write: ProfileWrite,
    channels: Iterable[tuple[Channel, int]],
    now_us: int,
    *,
    custom_source: str | None = None,
    list_id: str | None = None,
) -> ConsentChange:
    """The profile subscribes to each channel at its time, in Unix microseconds."""
    statement, events, newest = NOTHING, [], now_us
    times: list[int] = []
    for channel, time in channels:
        stated = subscribed(channel, time, list_id=list_id, method=API_METHOD, custom_method_detail=custom_source)
        statement = joined(statement, stated)
        event = recorded_subscription(channel, True, method=API_METHOD, method_detail=custom_source, list_id=list_id)
        events += [] if event is None else [event]
        times.append(time)
    newest = max(times, default=now_us)
    return ConsentChange(write=stating(write, statement), events=tuple(events), time=newest)


def unsubscription(write: ProfileWrite, channels: Iterable[Channel], now_us: int, list_id: str | None) -> ConsentChange:
    """The profile unsubscribes from each channel.

    Who is not in the list that is named unsubscribes from all messages. eventkeep has no lists, so that is everybody.
    """
    statement, events = NOTHING, []
    for channel in channels:
        statement = joined(statement, unsubscribed(channel, now_us, method=API_METHOD))
        event = recorded_subscription(channel, False, method=API_METHOD, list_id=list_id)
        events += [] if event is None else [event]
    return ConsentChange(write=stating(write, statement), events=tuple(events), time=now_us)


def suppression(email: str, is_suppressed: bool, now_us: int) -> ConsentChange:
    """A user suppresses the address, or ends that."""
    statement = suppressed("USER_SUPPRESSED", now_us) if is_suppressed else unsuppressed(now_us)
    write = stating(ProfileWrite(email=email), statement)
    return ConsentChange(write=write, events=(recorded_suppression(is_suppressed),), time=now_us)


def stating(write: ProfileWrite, statement: Consent) -> ProfileWrite:
    """The write with the statement."""
    return msgspec.structs.replace(write, consent=statement if statement != NOTHING else None)
