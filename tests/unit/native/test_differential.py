"""The native and the full parser agree about mutated bodies. ``tests.unit.native.differential`` is for longer runs."""

from __future__ import annotations

from typing import Final

import pytest

from eventkeep.native.library import is_built
from tests.unit.native.differential import compare

SEED: Final = 17
BODIES: Final = 100_000


@pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")
def test_parsers_agree_about_mutated_bodies() -> None:
    outcomes = compare(SEED, BODIES, refused_share=0.3)
    # Otherwise they would hardly be compared.
    assert outcomes["accepted by both"] > BODIES // 10
    assert outcomes["refused"] > BODIES // 20
    assert outcomes["accepted by the full parser alone"] > 0
