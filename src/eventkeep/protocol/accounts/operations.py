"""The operations on accounts. Programs call them to test a key.

Source: the accounts paths of the OpenAPI documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from eventkeep.protocol.operation import XS, Operation
from eventkeep.protocol.parameters import fields

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

TAG: Final = "Accounts"
ADDRESS: Final = ("address1", "address2", "city", "region", "country", "zip")
CONTACT: Final = ("default_sender_name", "default_sender_email", "website_url", "organization_name")


def account_fields(revision: Revision) -> Sequence[str]:
    """``fields[account]``: the attributes of an account, dotted if nested."""
    address = "contact_information.street_address"
    names = [
        "contact_information",
        *(f"contact_information.{name}" for name in CONTACT),
        address,
        *(f"{address}.{name}" for name in ADDRESS),
        "industry",
        "timezone",
        "preferred_currency",
        "public_api_key",
    ]
    later = (("test_account", "2024-02-15"), ("locale", "2024-05-15"), ("id", "2026-04-15"))
    return (*names, *(name for name, since in later if since <= revision.date))


OPERATIONS: Final = (
    Operation(
        name="get_accounts",
        method="GET",
        path="/api/accounts/",
        tag=TAG,
        description="The account of the key, as a list of one.",
        scopes=("accounts:read",),
        limit=XS,
        parameters=(fields("account", account_fields),),
    ),
    Operation(
        name="get_account",
        method="GET",
        path="/api/accounts/{id}/",
        tag=TAG,
        description="The account of the key.",
        scopes=("accounts:read",),
        limit=XS,
        parameters=(fields("account", account_fields),),
    ),
)
