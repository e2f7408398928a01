"""The nested attributes of profiles that revisions are made of: their names, and their values in a new profile.

Source: the ``fields[profile]`` parameter of the OpenAPI documents; the values of a profile
that never subscribed were captured from the live service.
"""

from __future__ import annotations

from typing import Final


def nested(name: str, *members: str) -> tuple[str, ...]:
    """A name and, dotted, its members: ``nested("a", "b")`` is ``("a", "a.b")``."""
    return (name, *(f"{name}.{member}" for member in members))


LOCATION: Final = nested(
    "location",
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
)

FIRST_SUBSCRIPTIONS: Final = nested(
    "subscriptions",
    *nested(
        "email",
        *nested(
            "marketing",
            "consent",
            "timestamp",
            "method",
            "method_detail",
            "custom_method_detail",
            "double_optin",
            "suppressions",
            "list_suppressions",
        ),
    ),
    *nested("sms", *nested("marketing", "consent", "timestamp", "method", "method_detail")),
)
SUBSCRIPTIONS: Final = nested(
    "subscriptions",
    *nested(
        "email",
        *nested(
            "marketing",
            "can_receive_email_marketing",
            "consent",
            "consent_timestamp",
            "last_updated",
            "method",
            "method_detail",
            "custom_method_detail",
            "double_optin",
            "suppression",
            "list_suppressions",
        ),
    ),
    *nested(
        "sms",
        *nested(
            "marketing",
            "can_receive_sms_marketing",
            "consent",
            "consent_timestamp",
            "method",
            "method_detail",
            "last_updated",
        ),
    ),
)
MOBILE_PUSH: Final = nested(
    "subscriptions.mobile_push", *nested("marketing", "can_receive_push_marketing", "consent", "consent_timestamp")
)
SMS_TRANSACTIONAL: Final = nested(
    "subscriptions.sms.transactional",
    "can_receive_sms_transactional",
    "consent",
    "consent_timestamp",
    "method",
    "method_detail",
    "last_updated",
)
_CHANNEL: Final = ("can_receive", "consent", "consent_timestamp", "created_timestamp", "last_updated", "metadata")
WHATSAPP: Final = nested(
    "subscriptions.whatsapp",
    *nested("marketing", *_CHANNEL, "phone_number", "valid_until"),
    *nested("transactional", *_CHANNEL, "phone_number", "valid_until"),
    *nested("conversational", *_CHANNEL, "phone_number", "valid_until"),
)
OPEN_TRACKING: Final = nested("subscriptions.email.open_tracking", *_CHANNEL, "valid_until")
PREDICTIVE_ANALYTICS: Final = nested(
    "predictive_analytics",
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "churn_probability",
    "expected_date_of_next_order",
)

NEVER_BY_EMAIL: Final = {
    "can_receive_email_marketing": True,
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "last_updated": None,
    "method": None,
    "method_detail": None,
    "custom_method_detail": None,
    "double_optin": None,
    "suppression": [],
    "list_suppressions": [],
}
NEVER_BY_SMS: Final = {
    "can_receive_sms_marketing": False,
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "method": None,
    "method_detail": None,
    "last_updated": None,
}
