"""Random letters and digits, for ids and keys."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from eventkeep.clock import Randomness

ALPHABET: Final = digits + ascii_uppercase + ascii_lowercase


def random_text(characters: int, randomness: Randomness) -> str:
    """Letters and digits, each as likely as any other."""
    text = ""
    while len(text) < characters:
        # 248 is the greatest multiple of 62 in a byte: bytes above it would favour the first characters.
        text += "".join(ALPHABET[byte % 62] for byte in randomness.token_bytes(characters) if byte < 248)
    return text[:characters]
