"""The details of an account: its time zone, currency and contact information, as far as they were set."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.model.currency import normal_currency
from eventkeep.model.identifiers import normal_email

SETTING: Final = "details"
"""The name of the account's setting."""
DETAIL_CHARACTERS_MAX: Final = 255
"""Characters of one detail of an account."""
_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_CONTACT: Final = ("default_sender_name", "default_sender_email", "website_url", "organization_name")
_ADDRESS: Final = ("address1", "address2", "city", "region", "country", "zip")

DEFAULTS: Final[Mapping[str, str]] = {
    **{f"contact_information.{name}": "" for name in _CONTACT},
    **{f"contact_information.street_address.{name}": "" for name in _ADDRESS},
    "industry": "",
    "timezone": "UTC",
    "preferred_currency": "USD",
    "locale": "en-US",
    "test_account": "false",
}
"""The details by the names of the attributes, with their defaults. No text for a name is that of the account."""


class AccountDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The details that differ from the defaults."""

    values: dict[str, str] = {}

    def all(self, account_name: str) -> dict[str, str]:
        """Every detail of an account of that name."""
        named = {f"contact_information.{name}": account_name for name in ("default_sender_name", "organization_name")}
        return {**DEFAULTS, **named, **self.values}


def changed_details(details: AccountDetails, change: Mapping[str, str]) -> AccountDetails:
    """The details after a change; an empty text sets one back to its default. Raises ConfigurationError."""
    values = dict(details.values)
    for name, text in change.items():
        if name not in DEFAULTS:
            raise ConfigurationError(
                f"no detail of an account is called {shown(name)}; there are {', '.join(DEFAULTS)}"
            )
        if text == "":
            values.pop(name, None)
        else:
            values[name] = checked(name, text)
    return AccountDetails({name: values[name] for name in DEFAULTS if name in values})


def checked(name: str, text: str) -> str:
    """The value of a detail in its normal form. Raises ConfigurationError."""
    if len(text) > DETAIL_CHARACTERS_MAX or not text.isprintable():
        raise ConfigurationError(f"{name}: expected at most {DETAIL_CHARACTERS_MAX} printable characters")
    if name not in _RULES:
        return text
    normal, expected = _RULES[name]
    value = normal(text)
    if value is None:
        raise ConfigurationError(f"{name}: expected {expected}, got {shown(text)}")
    return value


def normal_zone(text: str) -> str | None:
    """The name of a time zone, None if there is no such zone."""
    return text if text in zoneinfo.available_timezones() else None


def shown(text: str) -> str:
    return repr(text[:ECHO_CHARACTERS_MAX])


_RULES: Final[Mapping[str, tuple[Callable[[str], str | None], str]]] = {
    "timezone": (normal_zone, "an IANA time zone such as Europe/Paris"),
    "preferred_currency": (normal_currency, "an ISO 4217 code such as EUR"),
    "locale": (lambda text: text if _LOCALE.fullmatch(text) else None, "a locale such as fr-FR"),
    "test_account": (lambda text: text if text in ("true", "false") else None, "true or false"),
    "contact_information.default_sender_email": (normal_email, "an email address"),
}
