"""The additional fields of profiles, as types: who may be written to, and the value of a customer.

The names of members of ``subscriptions`` differ from revision to revision; here they are those of the newest one.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

import msgspec

OLDER_NAMES: Final[dict[str, str]] = {"timestamp": "consent_timestamp", "suppressions": "suppression"}
"""Members of a consent in revision 2023-07-15 and 2023-09-15, and their names since."""


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """A reason why a channel may not be used, even with consent; ``list_id`` is set if it is of one list only."""

    reason: str
    timestamp: datetime.datetime | None = None
    list_id: str | None = None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """The consent to one kind of messages of a channel. Everything that the revision does not tell is None.

    ``consent`` is SUBSCRIBED, UNSUBSCRIBED or NEVER_SUBSCRIBED, and ``can_receive`` whether messages may be sent.
    """

    consent: str | None = None
    can_receive: bool | None = None
    consent_timestamp: datetime.datetime | None = None
    created_timestamp: datetime.datetime | None = None
    last_updated: datetime.datetime | None = None
    valid_until: datetime.datetime | None = None
    method: str | None = None
    method_detail: str | None = None
    custom_method_detail: str | None = None
    double_optin: bool | None = None
    phone_number: str | None = None
    suppression: tuple[Suppression, ...] = ()
    list_suppressions: tuple[Suppression, ...] = ()


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The kinds of messages of a channel; None for those that the channel or the revision does not have."""

    marketing: Consent | None = None
    transactional: Consent | None = None
    conversational: Consent | None = None
    open_tracking: Consent | None = None
    click_tracking: Consent | None = None


class Subscriptions(msgspec.Struct, frozen=True, kw_only=True):
    """The consent of a profile by channel; None for channels that the revision does not have."""

    email: Channel | None = None
    sms: Channel | None = None
    mobile_push: Channel | None = None
    whatsapp: Channel | None = None


class PredictiveAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a customer: of past orders exactly, and predicted. Values that are not known are None.

    Predictions are of the 365 days after the last fit. ``churn_probability`` is from 0 to 1.
    """

    historic_clv: float | None = None
    historic_number_of_orders: float | None = None
    average_order_value: float | None = None
    average_days_between_orders: float | None = None
    predicted_clv: float | None = None
    predicted_number_of_orders: float | None = None
    total_clv: float | None = None
    churn_probability: float | None = None
    expected_date_of_next_order: datetime.datetime | None = None
    ranked_channel_affinity: tuple[str, ...] | None = None


def with_one_shape(subscriptions: Any) -> Any:
    """``subscriptions`` of any revision, with the names of `Subscriptions`; other values stay as they are."""
    if not isinstance(subscriptions, Mapping):
        return subscriptions
    return {
        name: {kind: consent_values(consent) for kind, consent in channel.items()}
        if isinstance(channel, Mapping)
        else channel
        for name, channel in subscriptions.items()
    }


def consent_values(consent: Any) -> Any:
    """The members of a consent with the names of `Consent`. Those without a value are left out."""
    if not isinstance(consent, Mapping):
        return consent
    values: dict[str, Any] = {}
    for name, value in consent.items():
        if value is None or value == "":
            continue
        known = name
        if name.startswith("can_receive"):
            known = "can_receive"
        elif name in OLDER_NAMES:
            known = OLDER_NAMES[name]
        values[known] = value
    return values
