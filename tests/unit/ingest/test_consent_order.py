"""The same statements about consent, by jobs and by events, in any order and any batches, end in the same state."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.ingest.commit import Outcome
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.model.consent import Channel, Consent
from eventkeep.model.consent_changes import ConsentChange, subscription, suppression, unsubscription
from eventkeep.model.consent_submission import consent_submission
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.protocol.revisions import REVISIONS
from tests.contract.api import bulk_body, iso
from tests.faults.commit_faults import NOW, Shop
from tests.unit.log.faulty_files import FaultyFiles

START: Final = NOW - 1_000
SECOND_US: Final = 1_000_000
BY_API: Final = {"Method": "API"}

Did = Literal["subscribe", "unsubscribe", "suppress", "unsuppress"]

CHANNELS: Final[dict[str, Channel]] = {"Email": "email.marketing", "SMS": "sms.marketing"}
METRICS: Final[dict[tuple[Did, str], str]] = {
    **{("subscribe", name): f"Subscribed to {name} Marketing" for name in CHANNELS},
    **{("unsubscribe", name): f"Unsubscribed from {name} Marketing" for name in CHANNELS},
    ("suppress", "Email"): "Manually Suppressed from Email Marketing",
    ("unsuppress", "Email"): "Manually Unsuppressed from Email Marketing",
}

numbers: Final = itertools.count()


class Statement(msgspec.Struct, frozen=True):
    """One of METRICS, so many seconds after the start."""

    did: Did
    channel: str
    second: int


class Sent(msgspec.Struct, frozen=True):
    """A statement on its way: made by a job, or the event of an import."""

    statement: Statement
    by_job: bool
    ends_batch: bool


statements: Final = st.lists(
    st.builds(
        lambda kind, second: Statement(kind[0], kind[1], second),
        st.sampled_from(sorted(METRICS)),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop(tmp_path_factory.mktemp("consent"), FaultyFiles())
    yield opened
    opened.committer.stop()
    opened.stores.close()


def change_of(statement: Statement, email: str) -> ConsentChange:
    now_us = (START + statement.second) * SECOND_US
    channel, write = CHANNELS[statement.channel], ProfileWrite(email=email)
    if statement.did == "subscribe":
        return subscription(write, [(channel, now_us)], now_us)
    if statement.did == "unsubscribe":
        return unsubscription(write, [channel], now_us, None)
    return suppression(email, statement.did == "suppress", now_us)


def queued(sent: Sent, email: str, ticket: Future[Any]) -> QueuedCreates:
    statement = sent.statement
    metric = METRICS[statement.did, statement.channel]
    event = {"time": iso(START + statement.second), "properties": BY_API, "unique_id": f"{next(numbers)}"}
    body = json.dumps(bulk_body([(metric, {"email": email}, event)])).encode()
    return QueuedCreates(
        account=1,
        revision=REVISIONS[-1],
        is_bulk=True,
        bodies=[b""] if sent.by_job else [body],
        received_at=NOW,
        tickets=[ticket],
        submission=consent_submission([change_of(statement, email)]) if sent.by_job else None,
    )


def consent_after(shop: Shop, arrivals: Sequence[Sent]) -> Consent:
    """The consent of a new profile after these have arrived."""
    email = f"{next(numbers)}@shop.example"
    futures: list[Future[Any]] = []
    for sent in arrivals:
        futures.append(Future())
        shop.committer.offer(queued(sent, email, futures[-1]))
        if sent.ends_batch:
            shop.committer.run_once()
    if not arrivals[-1].ends_batch:
        shop.committer.run_once()
    assert all(isinstance(future.result(timeout=10), Outcome) for future in futures)
    profiles = shop.stores.directory.profiles
    number = profiles.find_identifier(1, "email", email)
    assert number is not None
    return profiles.by_numbers(1, [number])[number].consent


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(statements, st.data())
def test_neither_order_nor_way_nor_batch_matters(shop: Shop, made: list[Statement], data: st.DataObject) -> None:
    flags = st.lists(st.booleans(), min_size=len(made), max_size=len(made))

    def arrivals(order: Sequence[Statement]) -> list[Sent]:
        jobs, ends = data.draw(flags, label="by jobs"), data.draw(flags, label="ends of batches")
        return [Sent(*each) for each in zip(order, jobs, ends, strict=True)]

    in_order = consent_after(shop, arrivals(sorted(made, key=lambda each: each.second)))
    shuffled = data.draw(st.permutations(made), label="order of arrival")
    # Some arrive twice.
    assert consent_after(shop, arrivals(shuffled) + arrivals(shuffled)[::2]) == in_order
