"""Normal forms of the identifiers that find a profile: two that mean the same are equal in their normal form.

``external_id``, ``anonymous_id`` and ``_kx`` are opaque and are compared as they are
sent; an ``id`` is a ULID (see ``eventkeep.model.ulid``).
"""

from __future__ import annotations

import functools
import re
from typing import Final

from eventkeep.limits import EMAIL_CHARACTERS_MAX, PHONE_NUMBER_CHARACTERS_MAX, PHONE_NUMBERS_REMEMBERED_MAX

EMAIL_LOCAL_CHARACTERS_MAX: Final = 64
"""Characters before the @. Source: RFC 5321, 4.5.3.1.1."""

LABEL_CHARACTERS_MAX: Final = 63
"""Characters between two dots of a domain. Source: RFC 1035, 2.3.4."""

# Not the whole of RFC 5321, which allows quoted blanks and addresses without a domain:
# no address of a person looks like that, and an address that does is a mistake.
_LOCAL: Final = r"[^\s@\"(),:;<>\[\\\]\x00-\x20\x7f]++"
_LABEL: Final = r"[^\W_]++(?:-++[^\W_]++)*+"
_USUAL_EMAIL: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]++@(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)+[a-z]++")
"""Part of the next, in half its time: it need not ask of any letter whether Unicode has it for one."""
_EMAIL: Final = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")

_PHONE_NUMBER: Final = re.compile(r"\+[0-9 ().\-/]+", re.ASCII)


def normal_email(text: str) -> str | None:
    """The address trimmed and in lower case; None if it is no address of the form ``name@domain.tld``."""
    email = text.strip().lower()
    if len(email) > EMAIL_CHARACTERS_MAX or not (_USUAL_EMAIL.fullmatch(email) or _EMAIL.fullmatch(email)):
        return None
    if len(email) > LABEL_CHARACTERS_MAX and not _parts_fit(email):
        return None
    return email


def _parts_fit(email: str) -> bool:
    local, _, domain = email.partition("@")
    longest_label = max(map(len, domain.split(".")))
    return len(local) <= EMAIL_LOCAL_CHARACTERS_MAX and longest_label <= LABEL_CHARACTERS_MAX


def normal_phone_number(text: str) -> str | None:
    """The number in E.164 form (``+15005550006``); None if it is none.

    It has to begin with + and a country calling code, may hold the usual separators,
    and has to have a length that its country uses. Whether anybody has the number is
    not asked: numbering plans change more often than this program is updated.
    Source: ITU-T E.164, by the library phonenumbers.
    """
    # The texts that are remembered below have to be short.
    text = text.strip()
    if len(text) > PHONE_NUMBER_CHARACTERS_MAX or _PHONE_NUMBER.fullmatch(text) is None:
        return None
    return _e164(text)


@functools.lru_cache(maxsize=PHONE_NUMBERS_REMEMBERED_MAX)
def _e164(text: str) -> str | None:
    # Imported only now: its tables cost more than all the rest of a start, and most accounts send no numbers.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
