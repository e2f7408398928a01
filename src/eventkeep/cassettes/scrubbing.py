"""Replacing keys and personal data before anything reaches the disk.

Equal values get equal replacements, so that a recorded program flow stays coherent. Replacements keep the form of the
value: an email stays an email, a phone number a phone number, another text gets a text of the same kind.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection
from typing import Any, Final

import msgspec

KEY: Final = re.compile(r"\bpk_[0-9A-Za-z_]+")
MASKED_KEY: Final = "pk_masked"
PERSONAL: Final = (
    *("email", "phone_number", "first_name", "last_name", "external_id", "anonymous_id", "organization"),
    *("address1", "address2", "city", "zip", "latitude", "longitude", "ip"),
)
"""The members that are replaced unless others are chosen."""
DIGITS: Final = 10**7


class Scrubber:
    """Replaces API keys everywhere, and the values of the named members of JSON bodies.

    ``secret`` makes replacements unpredictable: with a random one a replacement can't be traced back.
    """

    def __init__(self, members: Collection[str], secret: bytes) -> None:
        self._members, self._secret = frozenset(members), secret
        self._replaced: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text with every key masked and every value that was replaced before replaced."""
        text = KEY.sub(MASKED_KEY, text)
        for value, replacement in self._replaced.items():
            if value in text:
                text = text.replace(value, replacement)
        return text

    def body(self, body: bytes) -> str:
        """A body as text; members of JSON objects are replaced at any depth."""
        text = body.decode("utf-8", "replace")
        try:
            value = msgspec.json.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return self.text(text)
        return self.text(msgspec.json.encode(self._value(value)).decode())

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self._replacement(name, member) if name in self._members else self._value(member)
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._value(member) for member in value]
        return value

    def _replacement(self, name: str, value: Any) -> Any:
        if isinstance(value, dict | list):
            return self._value(value)
        if value is None or isinstance(value, bool) or value == "":
            return value
        text = str(value)
        number = int.from_bytes(hmac.digest(self._secret, text.encode(), hashlib.sha256)[:8]) % DIGITS
        if not isinstance(value, str):
            return number
        if "@" in text:
            made = f"person-{number:07d}@example.com"
        elif text.startswith("+"):
            made = f"+1500{number:07d}"
        else:
            made = f"{name}-{number:07d}"
        # Short texts could stand inside other words.
        if len(text) >= 5:
            self._replaced[text] = made
        return made
