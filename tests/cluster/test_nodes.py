"""Real nodes: three servers of eventkeep that follow one log on three servers of NATS."""

from __future__ import annotations

import json
import shutil
import time
from typing import Final

import httpx

from tests.cluster.clients import create_body, post
from tests.cluster.processes import LIMIT, REVISION, NodeProcess, Processes

WAIT_SECONDS: Final = 60.0


def headers(running: Processes, **more: str) -> dict[str, str]:
    return {"Authorization": f"Klaviyo-API-Key {running.key}", "revision": REVISION, **more}


def followers(running: Processes) -> list[NodeProcess]:
    running.wait_for_writes()
    leader = running.leader()
    return [node for place, node in enumerate(running.nodes) if place != leader]


def test_a_write_through_any_node_is_read_through_any_node(running: Processes) -> None:
    for number, node in enumerate(running.nodes):
        id = f"any-{number}"
        running.sent_beside.add(id)
        created = post(f"{node.url}/api/events/", create_body(f"{id}@x.com", id), headers(running))
        assert created.status_code == httpx.codes.ACCEPTED
        position = created.headers["eventkeep-position"]
        for reader in running.nodes:
            page = httpx.get(
                f"{reader.url}/api/events/",
                params={"sort": "-datetime", "page[size]": "100"},
                headers=headers(running, **{"eventkeep-position": position}),
            )
            assert int(page.headers["eventkeep-position"]) >= int(position)
            assert id in page.text
        # Without the position too, through the node that has passed the write on.
        assert id in httpx.get(f"{node.url}/api/events/", params={"sort": "-datetime"}, headers=headers(running)).text
    running.check()


def test_a_node_that_is_behind_what_is_asked_for_says_so(running: Processes) -> None:
    (node, _) = followers(running)
    ahead = headers(running, **{"eventkeep-position": "999999999"})
    response = httpx.get(f"{node.url}/api/events/", headers=ahead, timeout=30)
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert response.headers["retry-after"] == "1"
    wrong = httpx.get(f"{node.url}/api/events/", headers=headers(running, **{"eventkeep-position": "soon"}))
    assert wrong.status_code == httpx.codes.BAD_REQUEST


def test_followers_tell_how_stale_they_are(running: Processes) -> None:
    (node, _) = followers(running)
    fresh = httpx.get(f"{node.url}/api/events/", headers=headers(running, **{"eventkeep-max-staleness": "30"}))
    assert fresh.status_code == httpx.codes.OK
    assert float(fresh.headers["eventkeep-staleness"]) < 30


def test_keys_made_at_a_follower_hold_at_every_node(running: Processes) -> None:
    (node, other) = followers(running)
    key = node.make_key("another")
    deadline = time.monotonic() + WAIT_SECONDS
    for reader in (node, other, running.nodes[running.leader()]):
        while True:
            response = httpx.get(
                f"{reader.url}/api/events/", headers={"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}
            )
            if response.status_code == httpx.codes.OK:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_key_is_made_while_another_node_begins_to_lead(running: Processes) -> None:
    follower, _ = followers(running)
    leading = running.nodes[running.leader()]
    leading.kill()
    try:
        key = follower.make_key("between two leaders")
    finally:
        leading.start()
    own = {**headers(running), "Authorization": f"Klaviyo-API-Key {key}"}
    body = create_body("between@x.com", "between-1")
    assert post(f"{follower.url}/api/events/", body, own).status_code == httpx.codes.ACCEPTED


def test_rate_limits_of_writes_hold_for_all_nodes_and_of_reads_for_each(running: Processes) -> None:
    follower, other = followers(running)
    nodes = (follower, running.nodes[running.leader()], other)
    own = {**headers(running), "Authorization": f"Klaviyo-API-Key {follower.make_account('limited')}"}
    # A minute may end between two calls, and the counts begin anew.
    calls = 2 * LIMIT + 1
    written: list[httpx.Response] = []
    for number in range(calls):
        document = {"data": {"type": "profile", "attributes": {"email": f"limited-{number}@example.com"}}}
        written.append(post(f"{nodes[number % 3].url}/api/profiles/", json.dumps(document).encode(), own))
    statuses = [each.status_code for each in written]
    assert statuses[:LIMIT] == [httpx.codes.CREATED] * LIMIT
    assert httpx.codes.TOO_MANY_REQUESTS in statuses
    own["eventkeep-position"] = written[0].headers["eventkeep-position"]
    for node in nodes:
        statuses = [httpx.get(f"{node.url}/api/metrics/", headers=own).status_code for _ in range(calls)]
        assert statuses[:LIMIT] == [httpx.codes.OK] * LIMIT
        assert httpx.codes.TOO_MANY_REQUESTS in statuses


def test_nobody_but_a_node_may_change_keys(running: Processes) -> None:
    url = f"{running.nodes[running.leader()].url}/cluster/control"
    refused = httpx.post(url, content=b'{"do": "create_key"}', headers={"eventkeep-node-secret": "guessed"})
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def test_a_node_joins_with_a_copy_of_the_folder_of_another(running: Processes) -> None:
    (source, _) = followers(running)
    source.stop()
    joined = NodeProcess(running.servers, running.log, 3, running.folder, ())
    try:
        shutil.copytree(source.data, joined.data)
    finally:
        source.start()
    running.wait_for_writes()
    with joined:
        # A client counts an event just before it notes its position.
        kept = running.kept - len(running.clients)
        position = max(client.position for client in running.clients)
        found, _ = joined.events(running.key, position)
        assert len(found) >= kept
    running.check()
