"""The journal of requests: the newest ones of each account, with headers, bodies, responses and faults.

API keys are masked before an entry is kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from eventkeep.limits import JOURNAL_BODY_BYTES_MAX, JOURNAL_BYTES_MAX, JOURNAL_ENTRIES_MAX

KEY: Final = re.compile(r"pk_[0-9A-Za-z]{4,}")
MASKED_HEADERS: Final = frozenset(("authorization", "cookie", "proxy-authorization"))
MASK: Final = "***"
ENTRY_BYTES: Final = 500
"""About the bytes of an entry without its texts."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request with its response; ``time`` is in Unix seconds of the account's clock.

    ``status`` is None if there was no response. ``fault`` is the number of the rule that decided, ``kind`` its fault.
    ``stored`` and ``repeated`` count the events of a create.
    """

    number: int
    time: float
    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int | None
    response: str = ""
    fault: int | None = None
    kind: str | None = None
    stored: int | None = None
    repeated: int | None = None


def masked(text: str) -> str:
    """The text with every API key masked, the beginning of the key kept."""
    return KEY.sub(lambda match: match[0][:7] + MASK, text)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with secrets masked."""
    return {
        name: masked(value) if name.lower() not in MASKED_HEADERS or KEY.search(value) else MASK
        for name, value in headers.items()
    }


def kept_body(body: bytes) -> str:
    """The start of a body as text, with keys masked."""
    return masked(body[:JOURNAL_BODY_BYTES_MAX].decode("utf-8", "replace"))


class Journal:
    """The newest requests of one account: JOURNAL_ENTRIES_MAX and about JOURNAL_BYTES_MAX bytes at the most."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._number = self._bytes = 0

    def add(self, **values: Any) -> Entry:
        """Keep a request; the arguments are the fields of `Entry` other than ``number``."""
        self._number += 1
        entry = Entry(number=self._number, **values)
        self._entries.append(entry)
        self._bytes += size_of(entry)
        while len(self._entries) > JOURNAL_ENTRIES_MAX or self._bytes > JOURNAL_BYTES_MAX:
            self._bytes -= size_of(self._entries.popleft())
        return entry

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
        self._bytes = 0

    def listed(self, operation: str | None = None, status: int | None = None, after: int = 0) -> list[Entry]:
        """The entries with numbers above ``after`` that match, oldest first."""
        return [
            entry
            for entry in self._entries
            if entry.number > after and operation in (None, entry.operation) and status in (None, entry.status)
        ]


def size_of(entry: Entry) -> int:
    """About the bytes that an entry takes."""
    headers = sum(len(name) + len(value) for name, value in entry.headers.items())
    return ENTRY_BYTES + headers + len(entry.path) + len(entry.body) + len(entry.response)


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values that an expected event has; ``profile`` is any identifier, ``properties`` are some of the event's."""

    metric: str
    profile: str | None = None
    value: float | None = None
    unique_id: str | None = None
    properties: dict[str, Any] = {}

    def wanted(self) -> dict[str, Any]:
        """The values by name, those of properties behind ``properties.``."""
        named = {"metric": self.metric, "profile": self.profile, "value": self.value, "unique_id": self.unique_id}
        own = {f"properties.{name}": value for name, value in self.properties.items()}
        return {name: value for name, value in named.items() if value is not None} | own


class Miss(msgspec.Struct, frozen=True):
    """An event that was expected and not found, with the closest event and its differences."""

    closest: dict[str, Any] | None
    differences: list[str]

    def __str__(self) -> str:
        if self.closest is None:
            return "no event was received"
        return "the closest event differs: " + "; ".join(self.differences)


def near_miss(wanted: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Miss:
    """The event with the fewest differences from ``wanted``, the newest of equals, and the differences."""
    closest: Mapping[str, Any] | None = None
    fewest: list[str] = []
    for event in events:
        differences = [
            f"{name} is {event.get(name)!r}, not {value!r}"
            for name, value in wanted.items()
            if event.get(name) != value
        ]
        if closest is None or len(differences) <= len(fewest):
            closest, fewest = event, differences
    return Miss(None if closest is None else dict(closest), fewest)
