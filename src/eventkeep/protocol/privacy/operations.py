"""The operation that asks for the deletion of a person's data.

Source: the ``x-klaviyo-scopes`` and rate limits of the Data Privacy API's OpenAPI documents.
"""

from __future__ import annotations

from typing import Final

from eventkeep.protocol.operation import ACCEPTED, Operation, S

OPERATIONS: Final = (
    Operation(
        name="request_profile_deletion",
        method="POST",
        path="/api/data-privacy-deletion-jobs/",
        tag="Data Privacy",
        description="Ask for the deletion of all profiles that one identifier means.",
        scopes=("data-privacy:write",),
        limit=S,
        statuses=ACCEPTED,
    ),
)
