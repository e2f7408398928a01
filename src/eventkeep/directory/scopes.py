"""The rights of an API key: ``full``, or some of ``resource:read`` and ``resource:write``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from eventkeep.errors import ConfigurationError

FULL: Final = "full"
RESOURCES: Final = (
    "accounts",
    "data-privacy",
    "events",
    "flows",
    "lists",
    "metrics",
    "profiles",
    "segments",
    "subscriptions",
)
"""The resources that operations need scopes of; each has its own read and write scope."""
SCOPES: Final = tuple(f"{resource}:{right}" for resource in RESOURCES for right in ("read", "write"))


def parse_scopes(text: str) -> frozenset[str]:
    """The scopes in ``text``: ``full``, or a comma-separated list such as ``events:read,events:write``.

    Raises ConfigurationError that names the unknown scope.
    """
    return checked_scopes(part.strip() for part in text.split(","))


def checked_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes, once it is sure that each is known and that there are any."""
    given = frozenset(scopes)
    unknown = sorted(given - {FULL, *SCOPES})
    if unknown or not given:
        named = ", ".join(repr(scope) for scope in unknown) if unknown else "none"
        raise ConfigurationError(f"Expected the scope {FULL!r} or some of {', '.join(SCOPES)}; got {named}.")
    if FULL in given and len(given) > 1:
        raise ConfigurationError(f"The scope {FULL!r} holds all others: give it alone.")
    return given


def write_scopes(scopes: frozenset[str]) -> str:
    """The text that ``parse_scopes`` reads back."""
    return ",".join(sorted(scopes))
