"""Consent: the messages that a profile has agreed to, and the suppressions that keep them from being sent.

A profile's consent is what remains of statements: "subscribed at that time", "suppressed at that time". A statement is
itself a small ``Consent``, and ``joined`` puts two together: of each thing it keeps the statement that is true of the
later time. Joining is commutative, associative and idempotent, so the order in which statements arrive does not
matter, nor that one arrives twice: a statement of the past that is imported today never overrules a newer one, and two
profiles that become one join theirs.

Decisions of ours, because no source settles them:

- Of two statements of the same microsecond the one wins that sends less: imported events are of whole seconds, and who
  said yes and no in one second may have said no last.
- A time is the one of which a statement is true, not that of its arrival: ``last_updated``, too, says of when the
  newest statement is, so that consent by a job, by a client and by an imported event ends in the same state.
- Who unsubscribes from email marketing has the suppression UNSUBSCRIBE for as long as he does not subscribe again.
- A suppression that is stated twice has the time of the later statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from eventkeep.limits import CONSENT_LISTS_MAX

Channel = Literal[
    "email.marketing",
    "email.open_tracking",
    "email.click_tracking",
    "sms.marketing",
    "sms.transactional",
    "mobile_push.marketing",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
]
"""A channel and a kind of message, by their names in ``subscriptions``."""

Reason = Literal["HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED"]
"""Why an address is suppressed. UNSUBSCRIBE is never stated: it follows from the consent to email marketing."""

Status = Literal["SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED"]

CLEARED_BY_SUBSCRIBING: Final[tuple[Reason, ...]] = ("SPAM_COMPLAINT", "USER_SUPPRESSED")
"""Suppressions that end when a profile subscribes to email marketing; a bad address stays bad."""

EARLIEST: Final = 631_152_000_000_000
"""1990-01-01 in Unix microseconds; consent of an earlier time is moved up to it, as the service does."""

NEVER: Final = 0
"""A time at which nothing was stated."""


class Permission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest statement about one channel. Times are Unix microseconds; ``created`` is that of the oldest one."""

    subscribed: bool
    time: int
    created: int
    method: str | None = None
    method_detail: str | None = None
    custom_method_detail: str | None = None
    double_optin: bool | None = None

    @property
    def status(self) -> Status:
        return "SUBSCRIBED" if self.subscribed else "UNSUBSCRIBED"

    def joined(self, other: Permission) -> Permission:
        """The later of the two; of the same time the one that sends less, and then any, but always the same."""
        later = max(self, other, key=_rank)
        return msgspec.structs.replace(later, created=min(self.created, other.created))


class Suppression(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a suppression was stated last, and when its end was, in Unix microseconds."""

    since: int = NEVER
    ended: int = NEVER

    @property
    def holds(self) -> bool:
        return self.since != NEVER and self.since >= self.ended

    @property
    def time(self) -> int:
        """The time of the newest statement."""
        return max(self.since, self.ended)

    def joined(self, other: Suppression) -> Suppression:
        return Suppression(since=max(self.since, other.since), ended=max(self.ended, other.ended))


class Consent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a profile has agreed to, or one statement of it.

    ``suppressions`` are by reason and hold for all email marketing; ``list_suppressions``, by the list's id, hold for
    one list. Kept with the profile as the JSON object that msgspec makes of it; ``{}`` is that of a new profile.
    """

    permissions: dict[Channel, Permission] = {}
    suppressions: dict[Reason, Suppression] = {}
    list_suppressions: dict[str, Suppression] = {}

    def status(self, channel: Channel) -> Status:
        permission = self.permissions.get(channel)
        return "NEVER_SUBSCRIBED" if permission is None else permission.status

    def held_suppressions(self) -> list[tuple[Reason, int]]:
        """The suppressions of email marketing with the times since when they hold, the oldest first."""
        held = [(reason, suppression.since) for reason, suppression in self.suppressions.items() if suppression.holds]
        marketing = self.permissions.get("email.marketing")
        if marketing is not None and not marketing.subscribed:
            held.append(("UNSUBSCRIBE", marketing.time))
        return sorted(held, key=lambda each: (each[1], each[0]))

    def can_receive(self, channel: Channel) -> bool:
        """Whether the profile may be sent messages by a channel.

        Email marketing needs no consent, only that nothing suppresses it; every other channel needs consent.
        """
        if channel == "email.marketing":
            return not self.held_suppressions()
        return self.status(channel) == "SUBSCRIBED"

    def last_updated(self, channel: Channel) -> int | None:
        """The time of the newest statement about a channel, in Unix microseconds; None if there is none."""
        permission = self.permissions.get(channel)
        times = [] if permission is None else [permission.time]
        if channel == "email.marketing":
            times += [each.time for each in (*self.suppressions.values(), *self.list_suppressions.values())]
        return max(times, default=None)


NOTHING: Final = Consent()
"""The consent of a profile of which nothing was ever stated."""


def joined(one: Consent, other: Consent) -> Consent:
    """The consent that two make together; ``one`` itself if the other adds nothing.

    At most CONSENT_LISTS_MAX lists are remembered, those of the newest statements.
    """
    lists = _joined(one.list_suppressions, other.list_suppressions)
    if len(lists) > CONSENT_LISTS_MAX:
        newest = sorted(lists, key=lambda id: (lists[id].time, id), reverse=True)[:CONSENT_LISTS_MAX]
        lists = {id: lists[id] for id in newest}
    both = Consent(
        permissions=_joined(one.permissions, other.permissions),
        suppressions=_joined(one.suppressions, other.suppressions),
        list_suppressions=lists,
    )
    return one if both == one else both


def subscribed(
    channel: Channel,
    time: int,
    *,
    list_id: str | None = None,
    method: str | None = None,
    method_detail: str | None = None,
    custom_method_detail: str | None = None,
    double_optin: bool | None = None,
) -> Consent:
    """The statement that a profile subscribed at ``time`` (Unix microseconds), to a list if one is named.

    A profile that has yet to confirm (double opt-in) has not subscribed: the statement is made when it does. By email
    it ends the suppressions that a subscription ends, and the list's.
    """
    time = max(time, EARLIEST)
    permission = Permission(
        subscribed=True,
        time=time,
        created=time,
        method=method,
        method_detail=method_detail,
        custom_method_detail=custom_method_detail,
        double_optin=double_optin,
    )
    if channel != "email.marketing":
        return Consent(permissions={channel: permission})
    ended = Suppression(ended=time)
    return Consent(
        permissions={channel: permission},
        suppressions=dict.fromkeys(CLEARED_BY_SUBSCRIBING, ended),
        list_suppressions={} if list_id is None else {list_id: ended},
    )


def unsubscribed(
    channel: Channel, time: int, *, method: str | None = None, method_detail: str | None = None
) -> Consent:
    """The statement that a profile unsubscribed from all messages of a channel at ``time`` (Unix microseconds)."""
    time = max(time, EARLIEST)
    permission = Permission(subscribed=False, time=time, created=time, method=method, method_detail=method_detail)
    return Consent(permissions={channel: permission})


def suppressed(reason: Reason, time: int) -> Consent:
    """The statement that all email marketing was suppressed at ``time`` (Unix microseconds)."""
    return Consent(suppressions={reason: Suppression(since=max(time, EARLIEST))})


def unsuppressed(time: int, reason: Reason = "USER_SUPPRESSED") -> Consent:
    """The statement that a suppression ended at ``time`` (Unix microseconds): one by a user, if not said otherwise."""
    return Consent(suppressions={reason: Suppression(ended=max(time, EARLIEST))})


def list_suppressed(list_id: str, time: int) -> Consent:
    """The statement that a profile unsubscribed from one list at ``time`` (Unix microseconds)."""
    return Consent(list_suppressions={list_id: Suppression(since=max(time, EARLIEST))})


def list_unsuppressed(list_id: str, time: int) -> Consent:
    """The statement that a profile subscribed to one list again at ``time`` (Unix microseconds)."""
    return Consent(list_suppressions={list_id: Suppression(ended=max(time, EARLIEST))})


def _joined(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, Any]:
    both = {key: value.joined(other[key]) if key in other else value for key, value in one.items()}
    return both | {key: value for key, value in other.items() if key not in one}


def _rank(permission: Permission) -> tuple[Any, ...]:
    details = (permission.method, permission.method_detail, permission.custom_method_detail, permission.double_optin)
    # Text compares with text alone; None ranks before everything, also before an empty text and before False.
    ranks = (() if detail is None else (str(detail),) for detail in details)
    return permission.time, not permission.subscribed, *ranks
