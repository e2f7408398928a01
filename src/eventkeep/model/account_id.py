"""The public id of an account: 6 letters and digits that stand for its number.

Client routes are called with it as ``company_id``, and it is the ``public_api_key`` of an
account. It is computed: number * a + b modulo 62 ** 6, with a and b from the directory's
secret. So no two numbers have one id, the number follows from the id, and an id says
nothing of how many accounts there are.
"""

from __future__ import annotations

import hashlib
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHARACTERS: Final = 6
COUNT: Final = len(ALPHABET) ** CHARACTERS


def account_id(number: int, secret: bytes) -> str:
    """The id of the account of that number, below COUNT. ``secret`` has 1 to 64 bytes."""
    factor, offset = _constants(secret)
    mixed = (number * factor + offset) % COUNT
    characters = ""
    for _ in range(CHARACTERS):
        mixed, place = divmod(mixed, len(ALPHABET))
        characters += ALPHABET[place]
    return characters


def account_number(id: str, secret: bytes) -> int | None:
    """The number that the id stands for, whether there is such an account or not; None for a text that is no id."""
    if len(id) != CHARACTERS or not all(character in ALPHABET for character in id):
        return None
    mixed = 0
    for character in reversed(id):
        mixed = mixed * len(ALPHABET) + ALPHABET.index(character)
    factor, offset = _constants(secret)
    return (mixed - offset) * pow(factor, -1, COUNT) % COUNT


def _constants(secret: bytes) -> tuple[int, int]:
    """A factor that has no divisor in common with COUNT, whose prime factors are 2 and 31, and an offset."""
    digest = hashlib.blake2b(b"account id", key=secret, digest_size=16).digest()
    factor = int.from_bytes(digest[:8]) % COUNT | 1
    while factor % 31 == 0:
        factor += 2
    return factor, int.from_bytes(digest[8:]) % COUNT
