"""Moves of an account with faults, one after another: ``python -m tests.cluster.move_rounds [ROUNDS] [SEED] [FAULT…]``.

An account with some thousand events moves from shard to shard while clients write and read it. In each round a
fault comes at some moment of the move. Then everything acknowledged has to be at every node of both shards, once; the
longest time without an acknowledged write is printed for each kind of fault.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from subprocess import Popen
from typing import Final

import httpx

from tests.cluster.clients import Client
from tests.cluster.rounds import print_gaps
from tests.cluster.servers import ServersInNetwork
from tests.cluster.shards import Shards, clients, headers, wait_for_writes, wait_until
from tests.contract.api import bulk_body

NAME: Final = "moved"
EVENTS: Final = 5_000
EVENTS_AT_ONCE: Final = 1_000
MOMENT_SECONDS_MAX: Final = 2.0
Fault = Callable[[Shards, "Popen[str]", int, random.Random], None]


def no_fault(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    pass


def kill_command(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    command.kill()


def kill_source_leader(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    shards.leader(source).end()


def kill_target_leader(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    shards.leader(1 - source).end()


def kill_both_leaders(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    for shard in (source, 1 - source):
        shards.leader(shard).end()


def kill_all_nodes(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    for node in shards.all:
        node.end()


def pause_source_leader(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    pause(shards, source, chance)


def pause_target_leader(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    pause(shards, 1 - source, chance)


def pause(shards: Shards, shard: int, chance: random.Random) -> None:
    node = shards.leader(shard)
    node.pause()
    time.sleep(chance.uniform(0.5, 5))
    node.resume()


def abandon(shards: Shards, command: Popen[str], source: int, chance: random.Random) -> None:
    shards.move(NAME, "--abandon").communicate()


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        no_fault,
        kill_command,
        kill_source_leader,
        kill_target_leader,
        kill_both_leaders,
        kill_all_nodes,
        pause_source_leader,
        pause_target_leader,
        abandon,
    )
}


def fill(shards: Shards, key: str) -> set[str]:
    """Store EVENTS events, each of a profile of its own; returns their unique ids."""
    filled: set[str] = set()
    url = f"{shards.all[0].url}/api/event-bulk-create-jobs/"
    for start in range(0, EVENTS, EVENTS_AT_ONCE):
        ids = [f"filled-{number}" for number in range(start, start + EVENTS_AT_ONCE)]
        events = [("Filled", {"email": f"{id}@example.com"}, {"unique_id": id, "properties": {"of": id}}) for id in ids]
        httpx.post(url, json=bulk_body(events), headers=headers(key), timeout=60).raise_for_status()
        filled.update(ids)
    return filled


def run_round(shards: Shards, using: Sequence[Client], fault: Fault, to: int, chance: random.Random) -> float:
    """Move the account to a shard with a fault; returns the longest time without an acknowledged write."""
    started = time.monotonic()
    command = shards.move(NAME, "--to", str(to))
    # The command needs about a second before it begins the move.
    time.sleep(0.8 + chance.uniform(0, MOMENT_SECONDS_MAX))
    fault(shards, command, 1 - to, chance)
    shards.ensure()
    command.communicate()

    def is_moved() -> bool:
        done, _ = shards.move(NAME, "--to", str(to)).communicate()
        return f"shard {to}" in done

    wait_until(is_moved)
    wait_for_writes(using)
    return max(longest_gap(client, started) for client in using)


def longest_gap(client: Client, since: float) -> float:
    times = [since, *(at for at in client.acknowledged_at if at > since)]
    return max((after - before for before, after in pairwise(times)), default=0.0)


def main(rounds: int, seed: int, names: Sequence[str]) -> None:
    """Run the rounds in a temporary folder, which stays if one of them fails."""
    chance = random.Random(seed)
    gaps: dict[str, list[float]] = {name: [] for name in names}
    folder = Path(tempfile.mkdtemp(prefix="moves-"))
    print(f"logs are in {folder}", flush=True)
    with ServersInNetwork(folder) as servers, Shards(servers, folder, "moves") as shards:
        key = shards.nodes[0][0].make_key(NAME)
        with clients(shards, key) as using:
            filled = fill(shards, key)
            for number in range(rounds):
                name = names[number % len(names)]
                gaps[name].append(run_round(shards, using, FAULTS[name], 1 - number % 2, chance))
                shards.check(key, using, filled)
                print(f"{number + 1:4} {name:22} {gaps[name][-1]:6.1f} s", flush=True)
            kept = shards.check(key, using, filled)
    shutil.rmtree(folder)
    print(f"{rounds} moves, {kept:,} events: none lost, none doubled, all nodes alike")
    print_gaps(gaps, "moves")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else len(FAULTS),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
        sys.argv[3:] or list(FAULTS),
    )
