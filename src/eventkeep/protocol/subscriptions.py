"""A profile's ``subscriptions`` in the shape of each revision.

Which names there are stands in the registry (``revisions``). Email and SMS marketing are shown of every profile, as
the service does; other channels only if something was stated of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from eventkeep.model.consent import NOTHING, Channel, Consent
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.revisions import Revision

_MICROSECONDS: Final = 1_000_000

_PLAIN_CHANNELS: Final[tuple[Channel, ...]] = (
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
    "email.open_tracking",
    "email.click_tracking",
)
"""Channels that came late and all have the same members."""


def subscriptions_of(consent: Consent, phone_number: str | None, revision: Revision) -> Mapping[str, Any]:
    """The value of ``subscriptions``, with null for missing values; times are of whole seconds."""
    if consent == NOTHING:
        return revision.never_subscribed
    parts: dict[Channel, dict[str, Any]] = {"email.marketing": _email_marketing(consent, revision)}
    for channel, right in (
        ("sms.marketing", "can_receive_sms_marketing"),
        ("sms.transactional", "can_receive_sms_transactional"),
        ("mobile_push.marketing", "can_receive_push_marketing"),
    ):
        if channel in consent.permissions:
            parts[channel] = {right: consent.can_receive(channel), **_statement(consent, channel)}
    for channel in _PLAIN_CHANNELS:
        if channel in consent.permissions:
            parts[channel] = _plain_channel(consent, channel, phone_number)
    result = {name: dict(value) if value else value for name, value in revision.never_subscribed.items()}
    for channel, part in parts.items():
        medium, _, kind = channel.partition(".")
        if names := _names(revision, channel):
            shown = {name: value for name, value in part.items() if name in names}
            result[medium] = {**(result.get(medium) or {}), kind: shown}
    return result


@cache
def _known_names(fields: tuple[str, ...], channel: Channel) -> frozenset[str]:
    prefix = f"subscriptions.{channel}."
    return frozenset(name[len(prefix) :] for name in fields if name.startswith(prefix))


def _names(revision: Revision, channel: Channel) -> frozenset[str]:
    """The members of a channel in a revision; empty if the revision does not know the channel."""
    return _known_names(revision.additional_fields.get("subscriptions", revision.profile_fields), channel)


def _email_marketing(consent: Consent, revision: Revision) -> dict[str, Any]:
    channel: Channel = "email.marketing"
    suppressions = [{"reason": reason, "timestamp": _moment(since)} for reason, since in consent.held_suppressions()]
    never: Mapping[str, Any] = revision.never_subscribed["email"]["marketing"]
    return {
        **never,
        **(_statement(consent, channel) if channel in consent.permissions else {}),
        "can_receive_email_marketing": consent.can_receive(channel),
        "last_updated": _moment(consent.last_updated(channel)),
        # The older revisions have the second name.
        "suppression": suppressions,
        "suppressions": suppressions,
        "list_suppressions": [
            {"list_id": id, "reason": "UNSUBSCRIBE", "timestamp": _moment(suppression.since)}
            for id, suppression in sorted(consent.list_suppressions.items())
            if suppression.holds
        ],
    }


def _statement(consent: Consent, channel: Channel) -> dict[str, Any]:
    """The members of the last statement, under their names of all revisions."""
    permission = consent.permissions[channel]
    return {
        "consent": permission.status,
        "consent_timestamp": _moment(permission.time),
        "timestamp": _moment(permission.time),
        "last_updated": _moment(consent.last_updated(channel)),
        # To 2024-06-15 these two may not be null.
        "method": permission.method or "",
        "method_detail": permission.method_detail or "",
        "custom_method_detail": permission.custom_method_detail,
        "double_optin": permission.double_optin,
    }


def _plain_channel(consent: Consent, channel: Channel, phone_number: str | None) -> dict[str, Any]:
    permission = consent.permissions[channel]
    return {
        "can_receive": consent.can_receive(channel),
        "consent": permission.status,
        "consent_timestamp": _moment(permission.time),
        "created_timestamp": _moment(permission.created),
        "last_updated": _moment(consent.last_updated(channel)),
        "metadata": None,
        "valid_until": None,
        # To 2026-01-15 it may not be null.
        "phone_number": phone_number or "",
    }


def _moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else datetime_of(microseconds // _MICROSECONDS)
