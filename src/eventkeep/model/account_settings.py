"""Settings of an account as texts: JSON, and no text for the defaults."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Settings = TypeVar("Settings", bound=msgspec.Struct)


def read_settings(text: str | None, kind: type[Settings]) -> Settings:
    """The settings in the text that was stored; the defaults if there is none."""
    return kind() if text is None else msgspec.json.decode(text, type=kind)


def write_settings(settings: msgspec.Struct) -> str | None:
    """The text to store, None for the defaults."""
    return None if settings == type(settings)() else msgspec.json.encode(settings).decode()
