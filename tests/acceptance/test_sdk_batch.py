"""Batches against a real server that is sometimes down; without and with asyncio."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import eventkeep
from eventkeep import BatchedEvent, Client, ClientError
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.sdk import Place, place
from tests.fault_proxy import Fault, FaultProxy

ADA = {"email": "ada@shop.example"}


@pytest.fixture(scope="module", params=["sync", "async"])
def here(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with place(request.param, server, tmp_path_factory.mktemp("unused")) as found:
        yield found


@pytest.fixture
def client(here: Place) -> Iterator[Client]:
    """A client of an account of the test's own."""
    with here.connect_new(uuid.uuid4().hex) as found:
        yield found


class Refusals:
    """The events that a batch reports as undelivered."""

    def __init__(self) -> None:
        self.found: list[tuple[str, ClientError]] = []

    def __call__(self, event: BatchedEvent, error: ClientError) -> None:
        self.found.append((event.unique_id, error))

    @property
    def unique_ids(self) -> list[str]:
        return [unique_id for unique_id, _ in self.found]


def stored(client: Client) -> list[str]:
    """The unique ids of all events, sorted."""
    return sorted(str(event.unique_id) for event in client.events.iterate(fields_event=["event_properties"]))


def unreachable(here: Place, **options: Any) -> Client:
    """A client of a server that does not run."""
    return here.connect("pk_any", f"http://127.0.0.1:{free_port()}", **options)


def test_all_events_are_sent_at_the_end(client: Client) -> None:
    with client.batch() as batch:
        for number in range(2_500):
            batch.track("Tick", {"external_id": f"c{number % 10}"}, unique_id=f"{number:05}")
    assert stored(client) == [f"{number:05}" for number in range(2_500)]
    counts = batch.counts
    assert (counts.tracked, counts.sent, counts.stored, counts.repeated, counts.refused) == (2_500, 2_500, 2_500, 0, 0)


def test_flush_waits_until_all_is_kept(client: Client) -> None:
    with client.batch(delay_seconds=60) as batch:
        for number in range(5):
            batch.track("Tick", ADA, unique_id=str(number))
        assert batch.counts.sent == 0
        batch.flush()
        assert stored(client) == list("01234")
        batch.track("Tick", ADA, unique_id="5")
    assert stored(client) == list("012345")


def test_requests_may_be_under_way_side_by_side(client: Client) -> None:
    with client.batch(requests_at_once=4, buffer_events_max=3_000) as batch:
        for number in range(10_000):
            batch.track("Tick", ADA, unique_id=f"{number:05}")
    assert batch.counts.stored == 10_000


def test_changes_to_a_profile_are_applied_in_their_order(client: Client) -> None:
    with client.batch() as batch:
        for number in range(1_500):
            batch.track("Tick", ADA | {"title": f"t{number}"})
    (event,) = client.events.get_events(include="profile").events[:1]
    assert event.profile.title == "t1499"


def test_refused_events_are_reported_and_the_others_are_stored(client: Client) -> None:
    refusals = Refusals()
    with client.batch(on_refused=refusals) as batch:
        for number in range(300):
            # More of them are invalid than one response can name.
            time = "never" if number % 2 else None
            batch.track("Tick", {"external_id": f"c{number % 7}"}, unique_id=f"{number:05}", time=time)
        batch.track("Tick", {"email": "no address"}, unique_id="profile")
    assert sorted(refusals.unique_ids) == [*(f"{number:05}" for number in range(1, 300, 2)), "profile"]
    assert all(isinstance(error, eventkeep.InvalidRequestError) for _, error in refusals.found)
    assert stored(client) == [f"{number:05}" for number in range(0, 300, 2)]
    assert (batch.counts.refused, batch.counts.stored) == (151, 150)


def test_without_a_callback_refused_events_are_an_error(client: Client) -> None:
    with (
        pytest.raises(
            eventkeep.EventsRefusedError, match="2 events were not delivered; the first is 'Tick' of"
        ) as told,
        client.batch() as batch,
    ):
        batch.track("Tick", ADA, time="never", unique_id="wrong")
        batch.track("Tick", ADA, time="later", unique_id="wrong too")
        batch.track("Tick", ADA, unique_id="right")
    assert [event.unique_id for event, _ in told.value.refusals] == ["wrong", "wrong too"]
    assert stored(client) == ["right"]


def test_error_in_the_block_is_not_hidden(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.batch() as batch:
        batch.track("Tick", ADA, time="never")
        batch.track("Tick", ADA, unique_id="kept")
        _ = 1 // 0
    assert stored(client) == ["kept"]


def test_error_of_the_callback_is_reported_and_loses_nothing(client: Client) -> None:
    def broken(event: BatchedEvent, error: ClientError) -> None:
        raise LookupError(event.unique_id)

    with pytest.raises(LookupError, match="first"), client.batch(on_refused=broken) as batch:
        batch.track("Tick", ADA, time="never", unique_id="first")
        batch.track("Tick", ADA, time="never", unique_id="second")
        batch.track("Tick", ADA, unique_id="right")
    assert batch.counts.refused == 2
    assert stored(client) == ["right"]


def test_refused_key_refuses_every_event(here: Place) -> None:
    refusals = Refusals()
    with here.connect("pk_wrong") as client, client.batch(on_refused=refusals) as batch:
        for number in range(3):
            batch.track("Tick", ADA, unique_id=str(number))
    assert refusals.unique_ids == list("012")
    assert {type(error) for _, error in refusals.found} == {eventkeep.AuthenticationError}


def test_events_are_refused_when_the_server_stays_away(here: Place) -> None:
    refusals = Refusals()
    with unreachable(here) as client, client.batch(on_refused=refusals, give_up_seconds=0.5) as batch:
        batch.track("Tick", ADA, unique_id="lost")
    assert [type(error) for _, error in refusals.found] == [eventkeep.ConnectionFailedError]


def test_end_of_a_batch_is_bounded(here: Place) -> None:
    refusals = Refusals()
    with unreachable(here) as client, client.batch(on_refused=refusals, close_seconds_max=0.3) as batch:
        for number in range(2_100):
            batch.track("Tick", ADA, unique_id=f"{number:05}")
    assert len(refusals.found) == 2_100


def test_full_batch_refuses_if_it_is_set_to(here: Place) -> None:
    with (
        unreachable(here) as client,
        pytest.raises(eventkeep.BufferFullError, match="the batch is full: 10 events"),
        client.batch(
            when_full="refuse", buffer_events_max=10, close_seconds_max=0, on_refused=Refusals(), delay_seconds=60
        ) as batch,
    ):
        for _ in range(11):
            batch.track("Tick", ADA)
    assert batch.counts.tracked == 10


def test_full_batch_waits_for_room(here: Place, client: Client) -> None:
    with (
        FaultProxy(here.server.url, chance=1.0, faults=[Fault.DELAY]) as proxy,
        here.connect(client.settings.api_key, proxy.url) as slow,
        slow.batch(buffer_events_max=100, delay_seconds=0) as batch,
    ):
        for number in range(500):
            batch.track("Tick", ADA, unique_id=f"{number:05}")
            assert batch.counts.tracked - batch.counts.sent <= 101
    assert len(stored(client)) == 500


def test_small_buffer_does_not_make_events_wait_for_others(client: Client) -> None:
    with client.batch(buffer_events_max=10, delay_seconds=600) as batch:
        for number in range(100):
            batch.track("Tick", ADA, unique_id=str(number))
    assert batch.counts.stored == 100


def test_closed_batch_takes_nothing(client: Client) -> None:
    batch = client.batch()
    with pytest.raises(eventkeep.ClosedError, match="the batch is not open"):
        batch.track("Tick", ADA)
    with batch:
        batch.track("Tick", ADA)
    with pytest.raises(eventkeep.ClosedError, match="the batch is closed"):
        batch.track("Tick", ADA)
    with pytest.raises(eventkeep.ClosedError, match="open already"):
        batch.open()
    batch.close()


def test_event_that_fits_no_request_is_refused_at_once(client: Client) -> None:
    with client.batch() as batch, pytest.raises(eventkeep.ArgumentError, match="larger than a request may be"):
        batch.track("Tick", ADA, properties={"text": "x" * 5_000_000})


def test_large_events_fill_requests_by_their_bytes(client: Client) -> None:
    with client.batch() as batch:
        for number in range(120):
            batch.track("Tick", ADA, unique_id=f"{number:05}", properties={"text": "x" * 90_000})
    assert batch.counts.stored == 120


# With a spool file


def test_spool_is_empty_when_all_is_kept(client: Client, tmp_path: Path) -> None:
    with client.batch(spool=tmp_path / "spool") as batch:
        for number in range(1_200):
            batch.track("Tick", ADA, unique_id=f"{number:05}")
    assert len(stored(client)) == 1_200
    assert (tmp_path / "spool").read_bytes() == b""


def test_spooled_events_outlive_a_server_that_is_away(here: Place, client: Client, tmp_path: Path) -> None:
    refusals = Refusals()
    with (
        unreachable(here) as away,
        away.batch(spool=tmp_path / "spool", close_seconds_max=0.1, on_refused=refusals) as batch,
    ):
        for number in range(1_200):
            batch.track("Tick", {"external_id": f"c{number % 3}"}, unique_id=f"{number:05}")
    assert refusals.found == []
    with client.batch(spool=tmp_path / "spool") as batch:
        batch.track("Tick", ADA, unique_id="later")
    assert (batch.counts.tracked, batch.counts.stored) == (1_201, 1_201)
    assert stored(client) == [*(f"{number:05}" for number in range(1_200)), "later"]
    assert (tmp_path / "spool").read_bytes() == b""


def test_refused_key_stops_a_batch_and_keeps_its_spool(here: Place, client: Client, tmp_path: Path) -> None:
    with here.connect("pk_wrong") as stranger:
        batch = stranger.batch(spool=tmp_path / "spool", delay_seconds=0).open()
        batch.track("Tick", ADA, unique_id="kept")
        with pytest.raises(eventkeep.ClosedError, match=r"the batch has stopped: .*Missing or invalid private key"):
            batch.flush()
        with pytest.raises(eventkeep.ClosedError, match="has stopped"):
            batch.track("Tick", ADA, unique_id="not taken")
        with pytest.raises(eventkeep.AuthenticationError):
            batch.close()
    with client.batch(spool=tmp_path / "spool"):
        pass
    assert stored(client) == ["kept"]


def test_events_that_the_server_refuses_leave_the_spool(client: Client, tmp_path: Path) -> None:
    refusals = Refusals()
    with client.batch(spool=tmp_path / "spool", on_refused=refusals) as batch:
        batch.track("Tick", ADA, unique_id="wrong", time="never")
        batch.track("Tick", ADA, unique_id="right")
    assert (refusals.unique_ids, stored(client)) == (["wrong"], ["right"])
    assert (tmp_path / "spool").read_bytes() == b""


def test_spool_of_another_batch_is_refused(client: Client, tmp_path: Path) -> None:
    second = client.batch(spool=tmp_path / "spool")
    with client.batch(spool=tmp_path / "spool"), pytest.raises(eventkeep.SpoolError, match="in use by another batch"):
        second.open()
    with second:
        pass
