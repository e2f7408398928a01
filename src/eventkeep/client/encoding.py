"""Python values as JSON: one rule for every value that the SDK sends.

==========================================  ======================================================
Python                                      JSON
==========================================  ======================================================
str, int, float, bool, None                 the same, subclasses too (``SafeString``, ``np.float64``)
``decimal.Decimal``                         a number with all its digits
an enum                                     its value
datetime, date, time, timedelta, UUID       ISO 8601 text; the text of a UUID
bytes                                       text in base64
a mapping                                   an object
list, tuple, set, deque                     an array
dataclass, attrs class, ``msgspec.Struct``  an object of its fields
a scalar or an array of NumPy               the number, or an array
==========================================  ======================================================

NaN and infinities do not exist in JSON; they are refused wherever they stand.
"""

from __future__ import annotations

import datetime
import enum
import math
import operator
import uuid
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, Final

import msgspec

from eventkeep.client.errors import ArgumentError

_KEPT: Final = (Decimal, datetime.datetime, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, bytes)
"""Types that the encoder writes and that ``_plain`` therefore leaves as they are."""
_SUSPICIOUS: Final = (b"null", b"NaN", b"Infinity")
"""The encoder writes one of these for a number that is not finite."""

encode_json: Final = msgspec.json.Encoder(decimal_format="number").encode
"""Encodes values of exact types. It writes null for a number that is not finite."""


def encoded(name: str, value: Any, *, is_checked: bool = False) -> bytes:
    """Return the value as JSON. Raises ArgumentError, which names the argument.

    ``is_checked`` says that the value's parts were encoded by this function before.
    """
    try:
        try:
            content = encode_json(value)
        except TypeError:
            # The encoder knows exact types. Most events need no more, so the slower rules come second.
            return encode_json(_plain(value, name))
        if not is_checked and any(text in content for text in _SUSPICIOUS):
            _plain(value, name)
        return content
    except RecursionError as exc:
        raise ArgumentError(f"{name}: can't be written as JSON: it is nested too deeply") from exc
    except ArgumentError:
        raise
    except (TypeError, ValueError, OverflowError) as exc:
        raise ArgumentError(f"{name}: can't be written as JSON: {exc}") from exc


def exact_text(value: str) -> str:
    """Return the text of a str or of a subclass as a plain str."""
    return str.__str__(value)


def _plain(value: Any, name: str) -> Any:
    """Return the value made of types that the encoder knows. Raises ArgumentError for a number that is not finite."""
    kind = type(value)
    if value is None or kind is str or kind is bool or kind is int:
        return value
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise ArgumentError(f"{name}: expected finite numbers, got {value}")
        return value if isinstance(value, Decimal) else float(value)
    if isinstance(value, enum.Enum):
        return _plain(value.value, name)
    if isinstance(value, str):
        return exact_text(value)
    if isinstance(value, int):
        return operator.index(value)
    if isinstance(value, Mapping):
        return {_plain(key, name): _plain(member, name) for key, member in value.items()}
    if isinstance(value, list | tuple | deque | AbstractSet):
        return [_plain(member, name) for member in value]
    return _other(value, name)


def _other(value: Any, name: str) -> Any:
    if type(value) in _KEPT:
        return value
    if isinstance(value, datetime.date | datetime.time):
        if value != value:
            # NaT of pandas is a datetime that equals nothing, itself included.
            raise ArgumentError(f"{name}: expected a time, got {value}")
        return value.isoformat()
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist(), name)
    return _plain(
        msgspec.to_builtins(value, builtin_types=_KEPT, enc_hook=lambda each: _plain_or_refuse(each, name)), name
    )


def _plain_or_refuse(value: Any, name: str) -> Any:
    """Return a member that ``msgspec.to_builtins`` does not know as a plain value. Raises TypeError."""
    if isinstance(value, str | int | float | Mapping | deque | AbstractSet | datetime.date | datetime.time):
        return _plain(value, name)
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist(), name)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")
