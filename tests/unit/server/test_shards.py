"""Where accounts live, by the directory of a node and the map of the shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep.cluster.address import parse_log_address
from eventkeep.cluster.shard_map import AccountEntry
from eventkeep.cluster.streams import stream_names
from eventkeep.directory import Directory
from eventkeep.directory.moves import AccountMove, Home, MoveState, move_change
from eventkeep.limits import ACCOUNT_BITS
from eventkeep.server.node_settings import NodeSettings
from eventkeep.server.shards import Shards, host_of, key_id
from tests.unit.directory.held import LOG, keep

OWN = 3
ACCOUNT = (OWN << ACCOUNT_BITS) + 1
FOREIGN = 1


class NoLink:
    """A link over which nothing comes."""

    def start(self, work: object) -> None:
        work.close()  # type: ignore[attr-defined]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with Directory.open(tmp_path, LOG) as opened:
        keep(opened, opened.first_changes(OWN, bytes(32).hex()))
        yield opened


@pytest.fixture
def shards(directory: Directory) -> Shards:
    address = parse_log_address(f"nats://db1/shop?shard={OWN}")
    link = NoLink()
    made = Shards(NodeSettings(address, "db1", "http://db1", "secret"), link, stream_names("shop", OWN))  # type: ignore[arg-type]
    made.map._is_loaded.set()
    made.start(directory)
    return made


def moved(state: MoveState, moves: int, shard: int) -> AccountMove:
    return AccountMove(id="m", state=state, shard=shard, moves=moves, name="shop")


def test_an_account_that_was_made_here_lives_here(shards: Shards) -> None:
    assert shards.home(ACCOUNT) == Home(0, OWN)
    assert shards.has_applied(ACCOUNT)
    assert shards.home(FOREIGN) is None
    assert shards.has_applied(FOREIGN)


def test_the_newer_one_of_map_and_directory_counts(shards: Shards, directory: Directory) -> None:
    shards.map.accounts[ACCOUNT] = AccountEntry(1, 5, "shop")
    assert shards.home(ACCOUNT) == Home(1, 5)
    keep(directory, [move_change(ACCOUNT, moved(MoveState.MOVED, 2, 6))])
    assert shards.home(ACCOUNT) == Home(2, 6)
    shards.map.accounts[FOREIGN] = AccountEntry(0, 0, "default")
    assert shards.home(FOREIGN) == Home(0, 0)


def test_an_account_that_the_map_sees_arrive_first_is_waited_for(shards: Shards, directory: Directory) -> None:
    keep(directory, [move_change(FOREIGN, moved(MoveState.ARRIVING, 1, 0))])
    assert shards.home(FOREIGN) == Home(0, 0)
    assert shards.has_applied(FOREIGN)
    shards.map.accounts[FOREIGN] = AccountEntry(1, OWN, "default")
    # Its keys are not here yet: to look them up would refuse its clients.
    assert not shards.has_applied(FOREIGN)
    keep(directory, [move_change(FOREIGN, moved(MoveState.ARRIVED, 1, 0))])
    assert shards.home(FOREIGN) == Home(1, OWN)
    assert shards.has_applied(FOREIGN)


def test_positions_are_shown_with_the_home_in_which_they_are_of_use(shards: Shards, directory: Directory) -> None:
    assert shards.shown_home(ACCOUNT) == Home(0, OWN)
    keep(directory, [move_change(ACCOUNT, moved(MoveState.GONE, 1, 5))])
    # The response to a write that was stored just before the account has left.
    assert shards.shown_home(ACCOUNT) == Home(0, OWN)
    shards.map.accounts[ACCOUNT] = AccountEntry(2, 6, "shop")
    assert shards.shown_home(ACCOUNT) is None


@pytest.mark.parametrize(
    ("header", "id"),
    [
        (None, None),
        ("", None),
        ("Klaviyo-API-Key pk_abcdefghijkl", "abcdefgh"),
        ("bearer  pk_abcdefghijkl ", "abcdefgh"),
        ("Basic pk_abcdefghijkl", None),
        ("Bearer sk_abcdefghijkl", None),
    ],
)
def test_the_id_of_a_key_is_found_in_its_header(header: str | None, id: str | None) -> None:
    assert key_id(header) == id


def test_hosts_of_urls() -> None:
    assert host_of("http://db1:8340") == "db1"
    assert host_of("http://[") is None
