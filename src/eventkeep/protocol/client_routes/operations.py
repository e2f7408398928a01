"""The operations for browsers and apps, which name an account by its public id.

Source: the ``x-klaviyo-scopes``, rate limits and parameters of the Client API's OpenAPI documents.
"""

from __future__ import annotations

from typing import Final

from eventkeep.protocol.operation import ACCEPTED, XL, Dated, Limit, M, Operation
from eventkeep.protocol.parameters import TextParameter

TAG: Final = "Client"
COMPANY_ID: Final = TextParameter("company_id", "The public id of the account: 6 characters.", is_required=True)
SUBSCRIPTION_LIMIT: Final = Dated(Limit(100, 700), (("2026-01-15", Limit(350, 750)),))


def _create(name: str, path: str, description: str, scope: str, limit: Dated[Limit]) -> Operation:
    return Operation(
        name=name,
        method="POST",
        path=f"/client/{path}/",
        tag=TAG,
        description=description,
        scopes=(scope,),
        limit=limit,
        statuses=ACCEPTED,
        parameters=(COMPANY_ID,),
        is_public=True,
    )


OPERATIONS: Final = (
    _create("create_client_event", "events", "Keep one event.", "events:write", XL),
    _create("bulk_create_client_events", "event-bulk-create", "Keep events of one profile.", "events:write", M),
    _create("create_client_profile", "profiles", "Make or change a profile.", "profiles:write", XL),
    _create(
        "create_client_subscription",
        "subscriptions",
        "Subscribe a profile to channels.",
        "subscriptions:write",
        SUBSCRIPTION_LIMIT,
    ),
)
