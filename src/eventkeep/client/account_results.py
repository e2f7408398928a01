"""The results of the operations on accounts."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.json_api import read_document, single_resource, values_of
from eventkeep.client.results import Resource


class Account(Resource, frozen=True, kw_only=True):
    """An account. Everything but ``id`` is None if the revision lacks it, or it was not asked for."""

    contact_information: dict[str, Any] | None = None
    industry: str | None = None
    timezone: str | None = None
    preferred_currency: str | None = None
    public_api_key: str | None = None
    test_account: bool | None = None
    locale: str | None = None

    def _shown(self) -> list[tuple[str, object]]:
        name = (self.contact_information or {}).get("organization_name")
        return [("id", self.id), ("organization_name", name), ("timezone", self.timezone)]


def read_account(response: httpx.Response) -> Account:
    """Read one account. Raises msgspec.DecodeError."""
    return read_account_resource(single_resource(read_document(response)))


def read_account_resource(raw: Raw) -> Account:
    """Return an account. Raises msgspec.DecodeError."""
    return msgspec.structs.replace(msgspec.convert(values_of(raw), type=Account), raw=raw)
