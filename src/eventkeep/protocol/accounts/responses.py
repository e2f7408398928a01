"""Whole responses of the operations on accounts, in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eventkeep.errors import NotFound
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.protocol.accounts.operations import ADDRESS, CONTACT, account_fields
from eventkeep.protocol.frames import Frame

_encode = msgspec.json.Encoder().encode


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about an account that a response shows.

    ``id`` is its public id, which is its public API key too; ``details`` are by name, see `AccountDetails.all`.
    """

    id: str
    details: Mapping[str, str]


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
    names, details = account_fields(frame.revision), facts.details
    contact, address = "contact_information", "contact_information.street_address"
    # Details that were not set are empty: several revisions allow no null here.
    attributes: dict[str, Any] = {
        "test_account": details["test_account"] == "true",
        contact: {
            **{name: details[f"{contact}.{name}"] for name in CONTACT},
            "street_address": {name: details[f"{address}.{name}"] for name in ADDRESS},
        },
        "industry": details["industry"],
        "timezone": details["timezone"],
        "preferred_currency": details["preferred_currency"],
        "public_api_key": facts.id,
        "locale": details["locale"],
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
