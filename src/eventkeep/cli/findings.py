"""The result of a check: all is well, or a fault and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Status = Literal["ok", "warning", "fault"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. ``advice`` names the remedy; it is "" if there is nothing to do."""

    check: str
    status: Status
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, "ok", found)


def warning(check: str, found: str, advice: str) -> Finding:
    return Finding(check, "warning", found, advice)


def fault(check: str, found: str, advice: str) -> Finding:
    return Finding(check, "fault", found, advice)


def graded(check: str, found: str, advice: str, *, amount: float, ready: float, roomy: float) -> Finding:
    """A finding about an amount: a fault below ``ready``, a warning below ``roomy``."""
    if amount >= roomy:
        return ok(check, found)
    return (fault if amount < ready else warning)(check, found, advice)


def worst(findings: Iterable[Finding]) -> Status:
    """The status of all of them together."""
    statuses = {finding.status for finding in findings}
    return "fault" if "fault" in statuses else "warning" if "warning" in statuses else "ok"
