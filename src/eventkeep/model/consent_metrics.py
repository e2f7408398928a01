"""The metrics of consent: the statement of each event, and the event that records a statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from eventkeep.model.consent import (
    Channel,
    Consent,
    list_suppressed,
    list_unsuppressed,
    subscribed,
    suppressed,
    unsubscribed,
    unsuppressed,
)

Statement = Callable[[int, Mapping[str, Any]], Consent | None]

_NAMES: Final[Mapping[Channel, str]] = MappingProxyType({"email.marketing": "Email", "sms.marketing": "SMS"})
"""The channels whose consent the service records, as they stand in the metrics' names."""


class ConsentEvent(msgspec.Struct, frozen=True):
    """The event that a change is recorded as."""

    metric: str
    properties: dict[str, Any]


def stated_by(metric: str, time_us: int, properties: Mapping[str, Any]) -> Consent | None:
    """The statement of an event about consent, None if it makes none.

    ``time_us`` is the event's time in Unix microseconds. Decisions of ours, because no source settles them: only a
    bounce whose type is hard suppresses; a dropped email does, like a hard bounce, because it is dropped for an
    earlier one; events of a list concern that list alone; updated preferences say nothing.
    """
    statement = _STATEMENTS.get(metric)
    return None if statement is None else statement(time_us, properties)


def recorded_subscription(
    channel: Channel,
    is_subscribed: bool,
    *,
    method: str | None = None,
    method_detail: str | None = None,
    list_id: str | None = None,
) -> ConsentEvent | None:
    """The event that a subscription or its end is recorded as; None for a channel that has no metric."""
    if channel not in _NAMES:
        return None
    did = "Subscribed to" if is_subscribed else "Unsubscribed from"
    given = {"Method": method, "Method Detail": method_detail, "List": list_id}
    properties = {name: value for name, value in given.items() if value is not None}
    return ConsentEvent(f"{did} {_NAMES[channel]} Marketing", properties)


def recorded_suppression(is_suppressed: bool) -> ConsentEvent:
    """The event that a suppression by a user, or its end, is recorded as."""
    return ConsentEvent(f"Manually {'S' if is_suppressed else 'Uns'}uppressed from Email Marketing", {})


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    return value if isinstance(value, str) and value else None


def _subscribed(channel: Channel) -> Statement:
    def statement(time: int, properties: Mapping[str, Any]) -> Consent:
        return subscribed(
            channel,
            time,
            list_id=_text(properties, "List"),
            method=_text(properties, "Method"),
            method_detail=_text(properties, "Method Detail"),
        )

    return statement


def _unsubscribed(channel: Channel) -> Statement:
    def statement(time: int, properties: Mapping[str, Any]) -> Consent:
        return unsubscribed(
            channel, time, method=_text(properties, "Method"), method_detail=_text(properties, "Method Detail")
        )

    return statement


def _of_list(state: Callable[[str, int], Consent]) -> Statement:
    def statement(time: int, properties: Mapping[str, Any]) -> Consent | None:
        list_id = _text(properties, "List")
        return None if list_id is None else state(list_id, time)

    return statement


def _bounced(time: int, properties: Mapping[str, Any]) -> Consent | None:
    kind = _text(properties, "Bounce Type") or ""
    return suppressed("HARD_BOUNCE", time) if kind.strip().lower().startswith("hard") else None


_STATEMENTS: Final[Mapping[str, Statement]] = MappingProxyType(
    {
        **{f"Subscribed to {name} Marketing": _subscribed(channel) for channel, name in _NAMES.items()},
        **{f"Unsubscribed from {name} Marketing": _unsubscribed(channel) for channel, name in _NAMES.items()},
        "Manually Suppressed from Email Marketing": lambda time, _: suppressed("USER_SUPPRESSED", time),
        "Manually Unsuppressed from Email Marketing": lambda time, _: unsuppressed(time),
        "Subscribed to List": _of_list(list_unsuppressed),
        "Unsubscribed from List": _of_list(list_suppressed),
        "Marked Email as Spam": lambda time, _: suppressed("SPAM_COMPLAINT", time),
        "Bounced Email": _bounced,
        "Dropped Email": lambda time, _: suppressed("HARD_BOUNCE", time),
    }
)
CONSENT_METRICS: Final = frozenset(_STATEMENTS)
"""Metrics whose events state something about consent."""
