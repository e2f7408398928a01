"""Writes that are known to change nothing are left out, and everything ends as if each were applied."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventkeep.cache import Cache
from eventkeep.directory.settled_writes import SettledWrites, WriteKey
from eventkeep.ingest.commit import Outcome
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.protocol.revisions import REVISIONS
from tests.contract.api import bulk_body, single_body
from tests.faults.commit_faults import NOW, Shop
from tests.unit.log.faulty_files import FaultyFiles

profiles: Final = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["ada@shop.example", "bob@shop.example"]),
        "external_id": st.just("1"),
        "first_name": st.sampled_from(["Ada", "Bob", None]),
        "properties": st.sampled_from([{"size": 1}, {"size": 2}, {"colour": "red"}]),
    },
).filter(lambda profile: "email" in profile or "external_id" in profile)
requests: Final = st.lists(profiles, min_size=1, max_size=3)
"""The profiles of one bulk create, or the one of a single create."""
batches: Final = st.lists(st.lists(requests, min_size=1, max_size=4), min_size=1, max_size=6)


class Forgetful(SettledWrites):
    """Knows of no write that it changes nothing."""

    def find_all(self, keys: Sequence[WriteKey]) -> list[int | None]:
        return [None] * len(keys)


def queued(profiles: list[dict[str, Any]], name: str, ticket: Future[Any]) -> QueuedCreates:
    if len(profiles) == 1:
        body: Any = single_body(unique_id=name, profile=profiles[0])
    else:
        body = bulk_body([("Order", profile, {"unique_id": f"{name}-{n}"}) for n, profile in enumerate(profiles)])
    return QueuedCreates(
        account=1,
        revision=REVISIONS[-1],
        is_bulk=len(profiles) > 1,
        bodies=[json.dumps(body).encode()],
        received_at=NOW,
        tickets=[ticket],
    )


@contextmanager
def new_shop() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), FaultyFiles())
        yield shop
        shop.committer.stop()
        shop.stores.close()


def outcomes(shop: Shop, groups: list[list[tuple[str, list[dict[str, Any]]]]]) -> list[Outcome]:
    """The outcomes of requests of which each group is one batch."""
    futures: list[Future[Any]] = []
    for group in groups:
        for name, given_profiles in group:
            futures.append(Future())
            shop.committer.offer(queued(given_profiles, name, futures[-1]))
        shop.committer.run_once()
    return [future.result(timeout=10) for future in futures]


def stored(shop: Shop) -> list[tuple[Any, ...]]:
    """The profiles in the order of their numbers, of which a batch that is resolved twice uses up some."""
    return [
        (each.email, each.external_id, each.first_name, each.properties)
        for each in shop.stores.directory.profiles.list(1, count=100)
    ]


ADA: Final = {"email": "ada@shop.example", "first_name": "Ada"}
BOB: Final = {"email": "ada@shop.example", "first_name": "Bob"}


@example([[[ADA]], [[ADA]], [[BOB], [ADA]]])
@example([[[ADA]], [[ADA]], [[ADA], [BOB]]])
@example([[[ADA]], [[ADA]], [[BOB, ADA]], [[ADA]]])
@example([[[ADA], [BOB]], [[ADA]]])
@example([[[BOB, ADA]], [[ADA]], [[BOB]], [[ADA]]])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches)
def test_batches_end_as_requests_one_by_one_without_a_memory(sent: list[list[list[dict[str, Any]]]]) -> None:
    groups = [[(f"{b}-{r}", request) for r, request in enumerate(batch)] for b, batch in enumerate(sent)]
    with new_shop() as shop, new_shop() as slow:
        slow.stores.directory.profiles._settled = Forgetful()
        assert outcomes(shop, groups) == outcomes(slow, [[request] for group in groups for request in group])
        assert stored(shop) == stored(slow)


def test_write_is_settled_until_its_profile_changes() -> None:
    writes = SettledWrites()
    writes.note_changed([7])
    writes.note_applied([((1, b"a"), 7), ((1, b"b"), 8)])
    assert writes.find_all([(1, b"a"), (1, b"b"), (2, b"a")]) == [7, 8, None]
    writes.note_changed([7])
    assert writes.find_all([(1, b"a"), (1, b"b")]) == [None, 8]
    writes.note_applied([((1, b"a"), 7)])
    assert writes.find_all([(1, b"a")]) == [7]


def test_nothing_is_settled_once_there_were_too_many_changes() -> None:
    writes = SettledWrites(changed_max=2)
    writes.note_applied([((1, b"a"), 7)])
    writes.note_changed([1, 2])
    assert writes.find_all([(1, b"a")]) == [7]
    writes.note_changed([3])
    assert writes.find_all([(1, b"a")]) == [None]


def test_known_profile_with_the_same_data_is_not_loaded() -> None:
    profile = {"email": "ada@shop.example", "external_id": "1", "first_name": "Ada"}
    with new_shop() as shop:
        outcomes(shop, [[("first", [profile])]])
        directory = shop.stores.directory.profiles
        directory._profiles = Cache(10)
        assert outcomes(shop, [[("second", [profile])], [("third", [profile, profile])]]) == [
            Outcome(1, 0),
            Outcome(2, 0),
        ]
        assert len(directory._profiles) == 0
