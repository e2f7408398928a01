"""Lots: the rows of an export as they come, from a scan or from pages of the API."""

from __future__ import annotations

from typing import NamedTuple


class Lot(NamedTuple):
    """Some rows of an export, as JSON Lines."""

    rows: int
    lines: bytes
