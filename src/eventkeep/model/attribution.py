"""Attribution: the message that an event is credited to.

The rule is last touch. An event is credited to the latest message event ("touch") of its profile that is not later
than it and whose own window is still open. Nothing is stored: credits are computed from the events when they are
read, so that a touch that arrives late counts like any other.

Decisions, where no source settles them:

- A window starts with the touch. An account may have it start when the message was sent, as the service's help says
  today; the send time stands in the touch's own properties, and a touch without it starts its window itself.
- A touch in the same second as the event counts as before it, and a window includes its last second.
- Of two touches in the same second the one with the greater event id wins: the same one in whatever order they came.
- An event has one attribution at the most, and its id follows from the event's alone: it stays the same if a touch
  that arrives late takes the credit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

Channel = Literal["email", "sms", "push", "whatsapp"]

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR

DEFAULT_WINDOWS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "Opened Email": 5 * _DAY,
        "Clicked Email": 5 * _DAY,
        "Received SMS": 12 * _HOUR,
        "Opened SMS": 1 * _DAY,
        "Clicked SMS": 5 * _DAY,
        "Opened Push": 1 * _DAY,
        "Opened WhatsApp": 12 * _HOUR,
        "Clicked WhatsApp": 5 * _DAY,
    }
)
"""Metrics whose events are touches, and for how many seconds: the service's defaults of 2026.

Site activity, which paid plans of the service may count, is not among them: it names no message of its own.
"""

MESSAGE_METRICS: Final = frozenset(
    {
        *DEFAULT_WINDOWS,
        "Received Email",
        "Bounced Email",
        "Dropped Email",
        "Marked Email as Spam",
        "Unsubscribed from Email Marketing",
        "Sent SMS",
        "Failed to Deliver SMS",
        "Unsubscribed from SMS Marketing",
        "Received Push",
        "Bounced Push",
        "Received WhatsApp",
    }
)
"""Metrics of messages, whose events are credited to no other message."""

_CHANNELS: Final[tuple[tuple[str, Channel], ...]] = (
    ("email", "email"),
    ("whatsapp", "whatsapp"),
    ("sms", "sms"),
    ("push", "push"),
)
_SEND_COHORT: Final = re.compile(r"([0-9]{1,12}):.*", re.DOTALL)
"""``<epoch of the send>:<message id>``"""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How an account credits: the touches with their windows in seconds, and when a window starts."""

    windows: Mapping[str, int] = DEFAULT_WINDOWS
    starts: Literal["touch", "sent"] = "touch"

    @property
    def look_back(self) -> int:
        """Seconds before an event in which its touch lies, if it has one."""
        return max(self.windows.values(), default=0)


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """A message event that others may be credited to.

    ``time`` and ``id`` are the event's own; ``flow`` is None for a campaign's message. ``sent`` is the time at which
    the message was sent, in Unix seconds like ``time``, and None if the event does not say.
    """

    time: int
    id: int
    metric: str
    message: str
    flow: str | None = None
    variation: str | None = None
    channel: Channel | None = None
    sent: int | None = None

    def closes(self, rule: Rule) -> int:
        """The last second of its window."""
        start = min(self.sent, self.time) if rule.starts == "sent" and self.sent is not None else self.time
        return start + rule.windows[self.metric]


def touch_of(time: int, id: int, metric: str, properties: Mapping[str, Any], rule: Rule) -> Touch | None:
    """The touch that an event is, or None: one that names no message, a machine's open, a bot's click, or no touch."""
    if metric not in rule.windows or _is_set(properties, "machine_open") or _is_set(properties, "Bot Click"):
        return None
    message = _text(properties, "$message")
    if message is None:
        return None
    return Touch(
        time=time,
        id=id,
        metric=metric,
        message=message,
        flow=_text(properties, "$flow"),
        variation=_text(properties, "$variation"),
        channel=channel_of(metric),
        sent=_sent(properties),
    )


def is_creditable_metric(metric: str, rule: Rule) -> bool:
    """Whether events of a metric can be credited to a message; those of messages can't."""
    return metric not in MESSAGE_METRICS and metric not in rule.windows


def names_message(properties: Mapping[str, Any]) -> bool:
    """Whether an event is of a message by its own properties; such a one is credited to no other."""
    return _text(properties, "$message") is not None or _text(properties, "$flow") is not None


def credited(moments: Sequence[int], touches: Sequence[Touch], rule: Rule) -> list[Touch | None]:
    """The touch that the events at each of the ``moments`` (Unix seconds) are credited to, or None.

    Both are of one profile and in any order.
    """
    coming = sorted(touches, key=lambda touch: (touch.time, touch.id), reverse=True)
    found: list[Touch | None] = [None] * len(moments)
    open_touches: list[Touch] = []
    for place in sorted(range(len(moments)), key=moments.__getitem__):
        moment = moments[place]
        while coming and coming[-1].time <= moment:
            open_touches.append(coming.pop())
        # Moments only grow: what has closed by now stays closed, and uncovers the one before it.
        while open_touches and open_touches[-1].closes(rule) < moment:
            open_touches.pop()
        found[place] = open_touches[-1] if open_touches else None
    return found


def attribution_id(event_id: str) -> str:
    """The id of the attribution of an event with this public id: 32 hexadecimal digits, as the service's have."""
    return hashlib.md5(b"attribution of " + event_id.encode(), usedforsecurity=False).hexdigest()


def first_form(touch: Touch, touch_event_id: str) -> dict[str, Any]:
    """``$attribution`` among the properties of a credited event, as revisions to 2023-12-15 have it.

    ``touch_event_id`` is the public id of the touch. ``$send_ts`` is 0 if the send time is not known.
    """
    named = {"$message": touch.message, "$flow": touch.flow, "$variation": touch.variation}
    return {
        "$attributed_event_id": touch_event_id,
        "$send_ts": touch.sent or 0,
        **{name: value for name, value in named.items() if value is not None},
    }


@lru_cache(maxsize=1_000)
def channel_of(metric: str) -> Channel | None:
    """The channel that a metric of messages has in its name, None if it has none."""
    words = metric.lower().split()
    return next((channel for word, channel in _CHANNELS if word in words), None)


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _is_set(properties: Mapping[str, Any], name: str) -> bool:
    value = properties.get(name)
    return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else value is True or value == 1


def _sent(properties: Mapping[str, Any]) -> int | None:
    cohort = _text(properties, "$_cohort$message_send_cohort")
    match = None if cohort is None else _SEND_COHORT.fullmatch(cohort)
    return None if match is None else int(match[1])
