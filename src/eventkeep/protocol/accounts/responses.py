"""Whole responses of the operations on accounts, in bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from eventkeep.errors import NotFound
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.protocol.accounts.operations import ADDRESS, account_fields
from eventkeep.protocol.frames import Frame

_encode = msgspec.json.Encoder().encode


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about an account that a response shows. ``id`` is its public id, which is its public API key too."""

    id: str
    name: str


def accounts_document(frame: Frame, facts: AccountFacts) -> bytes:
    """The response of get_accounts."""
    return b'{"data":[%b],"links":%b}' % (_account(frame, facts), frame.collection_links())


def account_document(frame: Frame, facts: AccountFacts) -> bytes:
    """The response of get_account."""
    return b'{"data":%b,"links":{"self":%b}}' % (_account(frame, facts), frame.link())


def account_not_found(id: str) -> NotFound:
    """The error for an account that is not the key's."""
    return NotFound(f"Account with id {id[:ECHO_CHARACTERS_MAX]} does not exist.")


def _account(frame: Frame, facts: AccountFacts) -> bytes:
    names = account_fields(frame.revision)
    # Unknown attributes are empty: several revisions allow no null here.
    attributes: dict[str, Any] = {
        "test_account": False,
        "contact_information": {
            "default_sender_name": facts.name,
            "default_sender_email": "",
            "website_url": "",
            "organization_name": facts.name,
            "street_address": dict.fromkeys(ADDRESS, ""),
        },
        "industry": "",
        "timezone": "UTC",
        "preferred_currency": "USD",
        "public_api_key": facts.id,
        "locale": "en-US",
    }
    known = {name: value for name, value in attributes.items() if name in names}
    return _encode(
        {
            "type": "account",
            "id": facts.id,
            "attributes": frame.query.fieldset("account", names).select(known),
            "links": {"self": f"{frame.base_url}/api/accounts/{facts.id}/"},
        }
    )
