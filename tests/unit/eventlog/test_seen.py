"""The seen filter never forgets a key, and rarely remembers one that was not added."""

from __future__ import annotations

import numpy as np
import pytest

from eventkeep.eventlog.seen import MIX, Layer, SeenFilter
from eventkeep.native.library import is_built
from eventkeep.native.native_bloom import NativeBloom


def random_keys(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def test_every_added_key_looks_seen() -> None:
    seen = SeenFilter()
    keys = random_keys(50_000, seed=1)
    seen.add(keys)
    assert seen.perhaps_seen(keys).all()


def test_few_other_keys_look_seen() -> None:
    seen = SeenFilter(100_000)
    seen.add(random_keys(100_000, seed=1))
    assert seen.perhaps_seen(random_keys(100_000, seed=2)).mean() < 0.005


def test_next_to_none_look_seen_however_the_filter_has_grown() -> None:
    seen = SeenFilter()
    for seed in range(30):
        seen.add(random_keys(100_000, seed))
    assert seen.perhaps_seen(random_keys(200_000, seed=100)).mean() < 0.0001


def test_keys_that_share_a_word_in_one_call_are_all_kept() -> None:
    layer = Layer(places_power=4)
    keys = random_keys(16 * 2, seed=3)
    layer.add(keys)
    seen = SeenFilter()
    same_word = (keys & np.uint64(0xFFFFFF)) | np.uint64(1 << 63)
    seen.add(same_word)
    assert seen.perhaps_seen(same_word).all()


@pytest.mark.skipif(not is_built(), reason="the compiled part is not built")
@pytest.mark.parametrize("places_power", [1, 5, 16])
def test_the_compiled_layer_and_the_other_hold_the_same(places_power: int) -> None:
    compiled, other = Layer(places_power), Layer(places_power)
    other._compiled = None
    keys, asked = random_keys(20_000, seed=7)[::2], random_keys(20_000, seed=8)
    for some in (keys[:1], keys[1:700], keys[700:]):
        compiled.add(some)
        other.add(some)
    assert (compiled.words == other.words).all()
    assert (compiled.holds(asked) == other.holds(asked)).all()
    assert compiled.holds(keys).all()


def test_a_filter_works_without_the_compiled_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NativeBloom, "of", classmethod(lambda *_: None))
    seen = SeenFilter()
    keys = random_keys(50_000, seed=9)
    seen.add(keys)
    assert seen.perhaps_seen(keys).all()
    assert seen.perhaps_seen(random_keys(50_000, seed=10)).mean() < 0.005


def test_places_that_are_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 8 places of 4 words"):
        NativeBloom(np.zeros((7, 4), dtype=np.uint64), 3, MIX)


def test_it_grows_by_layers_and_keeps_what_it_had() -> None:
    seen = SeenFilter()
    first = random_keys(600_000, seed=4)
    second = random_keys(600_000, seed=5)
    before = seen.memory_bytes
    seen.add(first)
    seen.add(second)
    assert seen.memory_bytes > before
    assert seen.count == 1_200_000
    assert seen.perhaps_seen(first).all()
    assert seen.perhaps_seen(second).all()


def test_an_empty_filter_has_seen_nothing() -> None:
    assert not SeenFilter().perhaps_seen(random_keys(1_000, seed=6)).any()
