"""The consent and the value of a customer, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from eventkeep.cli.output import in_utc, shown_time
from eventkeep.client.customer_results import Consent, PredictiveAnalytics, Subscriptions

NEVER: Final = "NEVER_SUBSCRIBED"
ALWAYS_SHOWN: Final = (("email", "marketing"), ("sms", "marketing"))
"""Consents that are shown even if nobody ever asked for them."""


def consent_lines(subscriptions: Subscriptions) -> Iterator[tuple[str, str]]:
    """A name and a text for each consent; those that were never given or taken are left out, but for two."""
    for channel_name in subscriptions.__struct_fields__:
        channel = getattr(subscriptions, channel_name)
        for kind in () if channel is None else channel.__struct_fields__:
            consent: Consent | None = getattr(channel, kind)
            if consent is None:
                continue
            if consent.consent != NEVER or consent.suppression or (channel_name, kind) in ALWAYS_SHOWN:
                yield f"{channel_name} {kind}".replace("_", " "), consent_text(consent)


def consent_text(consent: Consent) -> str:
    """``subscribed since 2024-06-15 12:00:00 UTC (API); suppressed: HARD_BOUNCE``, for example."""
    text = (consent.consent or "unknown").lower().replace("_", " ")
    if consent.consent_timestamp is not None:
        text += f" since {in_utc(consent.consent_timestamp)}"
    if consent.method is not None:
        text += f" ({consent.method})"
    reasons = [each.reason for each in consent.suppression]
    reasons += [f"{each.reason} of list {each.list_id}" for each in consent.list_suppressions]
    if reasons:
        text += f"; suppressed: {', '.join(reasons)}"
    elif consent.can_receive is False and consent.consent != "UNSUBSCRIBED":
        text += "; nothing may be sent"
    return text


def value_lines(analytics: PredictiveAnalytics) -> Iterator[tuple[str, str]]:
    """A name and a text for each value that is known; none for a profile that never ordered."""
    if not analytics.historic_number_of_orders:
        return
    orders = f"{analytics.historic_number_of_orders:g}, worth {amount(analytics.historic_clv)}"
    yield "orders", f"{orders} (average {amount(analytics.average_order_value)})"
    if analytics.average_days_between_orders is not None:
        yield "days between", f"{analytics.average_days_between_orders:.1f}"
    if analytics.predicted_number_of_orders is not None:
        predicted = f"{analytics.predicted_number_of_orders:.2f} orders"
        if analytics.predicted_clv is not None:
            predicted += f", worth {amount(analytics.predicted_clv)}"
        yield "predicted", f"{predicted}, in 365 days"
    if analytics.churn_probability is not None:
        yield "churn", f"{analytics.churn_probability:.0%}"
    if analytics.expected_date_of_next_order is not None:
        yield "next order", f"about {shown_time(analytics.expected_date_of_next_order)[:10]}"


def amount(value: float | None) -> str:
    """An amount of money with two digits; orders of several currencies are added as they are."""
    return "unknown" if value is None else f"{value:,.2f}"
