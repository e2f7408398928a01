"""Commits while operations of the disk fail; ``python -m tests.faults.commit_faults`` tries every one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.faults.commit_faults import run_with_fault
from tests.unit.log.faulty_files import KINDS

STEP: Final = 24
"""Every so many operations one fails; each kind starts at another, so that together they try every sixth."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_operation_loses_and_repeats_nothing(tmp_path: Path, kind: str) -> None:
    fails_at = STEP // len(KINDS) * KINDS.index(kind)
    while run_with_fault(tmp_path / f"at-{fails_at}", fails_at, kind):
        fails_at += STEP
    assert fails_at > 8 * STEP
