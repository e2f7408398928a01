"""Accounts spread over two shards: every node serves all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.clients import create_body, post
from tests.cluster.processes import NodeProcess, text_of
from tests.cluster.servers import ServersInNetwork
from tests.cluster.shards import Shards, clients, headers, read, wait_for_writes, wait_until


@pytest.fixture(scope="module")
def shards(servers: ServersInNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    with Shards(servers, tmp_path_factory.mktemp("shards"), "shards") as running:
        yield running


def create(node: NodeProcess, key: str, id: str) -> httpx.Response:
    return post(f"{node.url}/api/events/", create_body(f"{id}@example.com", id), headers(key))


def test_an_account_is_written_and_read_through_the_nodes_of_any_shard(shards: Shards) -> None:
    for shard in shards.nodes:
        key = shards.account(shard, f"of shard {shard}")
        seen = 0
        for number, node in enumerate(shards.all):
            created = create(node, key, f"any-{shard}-{number}")
            assert created.status_code == httpx.codes.ACCEPTED
            assert int(created.headers["eventkeep-position"]) > seen
            seen = int(created.headers["eventkeep-position"])
            assert seen // 10**12 == shard
            for reader in shards.all:
                page = read(reader, key, **{"eventkeep-position": str(seen)})
                assert len(page.json()["data"]) == number + 1
                assert page.json()["links"]["self"].startswith(reader.url)
                assert int(page.headers["eventkeep-position"]) >= seen
            # Without the position too, through the node that has passed the write on.
            assert len(read(node, key).json()["data"]) == number + 1


def test_all_nodes_respond_alike(shards: Shards) -> None:
    key = shards.account(1, "alike")
    for number in range(3):
        position = create(shards.all[0], key, f"alike-{number}").headers["eventkeep-position"]
    texts = [read(node, key, **{"eventkeep-position": position}).text.replace(node.url, "") for node in shards.all]
    assert len(set(texts)) == 1


def test_client_routes_and_other_routes_find_their_shard(shards: Shards) -> None:
    key = shards.account(1, "routes")
    for number, node in enumerate(shards.all):
        account = httpx.get(f"{node.url}/api/accounts/", headers=headers(key)).json()["data"][0]["id"]
        url = f"{node.url}/client/events/?company_id={account}"
        created = post(url, create_body("c@example.com", f"client-{number}"), headers(key))
        assert created.status_code == httpx.codes.ACCEPTED
        assert created.headers.get_list("access-control-allow-origin") == ["*"]
        assert len(created.headers.get_list("x-request-id")) == 1
        position = created.headers["eventkeep-position"]
        metrics = httpx.get(f"{node.url}/api/metrics/", headers=headers(key, **{"eventkeep-position": position}))
        assert [each["attributes"]["name"] for each in metrics.json()["data"]] == ["Wrote"]
        assert httpx.head(f"{node.url}/api/metrics/", headers=headers(key)).status_code == httpx.codes.OK
        assert httpx.get(f"{node.url}/eventkeep/metrics", headers=headers(key)).status_code == httpx.codes.OK


def test_an_export_through_a_node_of_another_shard_reads_pages(shards: Shards) -> None:
    key = shards.account(1, "exported")
    for number in range(3):
        create(shards.all[0], key, f"exported-{number}")
    for node in (shards.nodes[0][0], shards.nodes[1][0]):
        done = eventkeep("export", "-", "--url", node.url, "--api-key", key, "--format", "jsonl")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 3


def test_a_key_that_no_shard_knows_is_refused_without_a_position(shards: Shards) -> None:
    for node in shards.all:
        refused = read(node, f"pk_{'a' * 40}")
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        assert "eventkeep-position" not in refused.headers


def test_a_position_of_another_shard_is_not_waited_for(shards: Shards) -> None:
    key = shards.account(0, "positions")
    other = create(shards.all[0], shards.account(1, "other positions"), "other").headers["eventkeep-position"]
    for node in shards.all:
        assert read(node, key, **{"eventkeep-position": other}).status_code == httpx.codes.OK


def test_commands_about_an_account_go_to_its_shard(shards: Shards) -> None:
    (zero, _), (one, _) = shards.nodes.values()
    first = one.make_key("one name")
    # The name is taken at once, whichever node is asked.
    others = [node.make_key("one name") for node in (zero, one)]
    for key in (first, *others):
        for node in shards.all:
            wait_until(lambda node=node, key=key: read(node, key).status_code == httpx.codes.OK)  # type: ignore[misc]
    ids = {
        httpx.get(f"{node.url}/api/accounts/", headers=headers(key)).json()["data"][0]["id"]
        for node in shards.all
        for key in (first, *others)
    }
    assert len(ids) == 1
    assert "one name" not in accounts(zero)
    assert "one name" in accounts(one)
    done = eventkeep("keys", "revoke", others[1][3:11], "--data", str(zero.data))
    assert done.returncode == 0, done.stderr
    for node in shards.all:
        wait_until(
            lambda node=node: read(node, others[1]).status_code == httpx.codes.UNAUTHORIZED  # type: ignore[misc]
        )


def test_the_default_account_is_in_shard_0(shards: Shards) -> None:
    (zero, _), (one, _) = shards.nodes.values()
    key = one.make_key()
    wait_until(lambda: read(one, key).status_code == httpx.codes.OK)
    assert "default" in accounts(zero)
    assert "default" not in accounts(one)


def test_the_status_shows_the_shards_and_their_accounts(shards: Shards) -> None:
    shards.account(1, "shown")
    address = text_of(shards.servers.address(shards.log, "status"))
    found = json.loads(eventkeep("cluster", "status", "--log", address, "--json").stdout)
    assert [row["shard"] for row in found["shards"]] == [0, 1]
    assert [row["nodes"] for row in found["shards"]] == [2, 2]
    assert all(row["leader"] for row in found["shards"])
    assert "default" in found["shards"][0]["names"]
    assert any(name.startswith("shown") for name in found["shards"][1]["names"])
    text = eventkeep("cluster", "status", "--log", f"{address}&shard=1").stdout
    assert "shards, shard 1 (" in text
    assert "default" in text


def test_an_account_moves_while_clients_use_it(shards: Shards) -> None:
    key = moving(shards, "moving")
    with clients(shards, key) as using:
        for to in (1, 0, 1):
            done, errors = shards.move("moving", "--to", str(to)).communicate()
            assert f"to shard {to}" in done, errors
            wait_for_writes(using)
        assert shards.check(key, using) > 0
    assert "moving" in accounts(shards.nodes[1][0])
    assert "moving" not in accounts(shards.nodes[0][0])
    again = shards.move("moving", "--to", "1").communicate()[0]
    assert "lives in shard 1" in again


def test_pages_and_cursors_are_the_same_after_a_move(shards: Shards) -> None:
    key = moving(shards, "still")
    position = "0"
    for number in range(8):
        position = create(shards.all[number % 4], key, f"still-{number}").headers["eventkeep-position"]
    before = pages(shards.all[0], key, position)
    assert len(before) == 4
    assert "to shard 1" in shards.move("still", "--to", "1").communicate()[0]
    # Each page by the cursor that the other shard gave.
    for node in shards.all:
        assert pages(node, key, position) == before
        assert [page(node, key, position, url)[0] for url, _ in before] == [text for _, text in before]
    later = create(shards.all[0], key, "later").headers["eventkeep-position"]
    assert int(later) > int(position)
    for node in shards.all:
        assert len(read(node, key, **{"eventkeep-position": later}).json()["data"]) == 9


@pytest.mark.parametrize("shard", [0, 1])
def test_a_move_goes_on_without_the_node_that_led(shards: Shards, shard: int) -> None:
    """The leader of the shard that the account leaves, and of the other one; and the command ends before."""
    key = moving(shards, f"kill {shard}")
    with clients(shards, key) as using:
        command = shards.move(f"kill {shard}", "--to", "1")
        wait_until(lambda: "copying" in (command.stderr.readline() if command.stderr else ""))
        command.kill()
        command.communicate()
        shards.leader(shard).end()
        done, errors = shards.move(f"kill {shard}", "--to", "1").communicate()
        assert "shard 1" in done, errors
        shards.ensure()
        wait_for_writes(using)
        assert shards.check(key, using) > 0


def moving(shards: Shards, name: str) -> str:
    """A key of a new account of that name in shard 0, once every node lets it in."""
    key = shards.nodes[0][0].make_key(name)
    for node in shards.all:
        wait_until(lambda node=node: read(node, key).status_code == httpx.codes.OK)  # type: ignore[misc]
    return key


def pages(node: NodeProcess, key: str, position: str) -> list[tuple[str, str]]:
    """The target and the text of each page of an account, without the node's URL."""
    found: list[tuple[str, str]] = []
    url: str | None = "/api/events/?page[size]=2&sort=datetime&include=profile,metric"
    while url is not None:
        text, following = page(node, key, position, url)
        found.append((url, text))
        url = following
    return found


def page(node: NodeProcess, key: str, position: str, url: str) -> tuple[str, str | None]:
    """The text of a page, and the target of the next one, both without the node's URL."""
    response = httpx.get(f"{node.url}{url}", headers=headers(key, **{"eventkeep-position": position}))
    following = response.raise_for_status().json()["links"]["next"]
    return response.text.replace(node.url, ""), None if following is None else following.replace(node.url, "")


def accounts(node: NodeProcess) -> set[str]:
    """The names of the accounts in the folder of a node."""
    lines = eventkeep("accounts", "list", "--data", str(node.data), "--json").stdout.splitlines()
    return {json.loads(line)["account"] for line in lines}


def eventkeep(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run([sys.executable, "-m", "eventkeep", *arguments], capture_output=True, text=True, check=False)
