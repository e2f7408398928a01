"""Rounds of faults, one after another: ``python -m tests.cluster.rounds [ROUNDS] [SEED] [FAULT…]``.

After each round everything acknowledged has to be applied by all nodes, once and in order; the longest time without an
acknowledged write is printed for each kind of fault.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.errors import ServerUnreachable
from tests.cluster.network import CUT, Condition
from tests.cluster.processes import NodeProcess, Processes
from tests.cluster.servers import server_name

SLOW: Final = Condition(delay_seconds=0.2)
Fault = Callable[[Processes, random.Random], None]


def stream_leader(running: Processes) -> int:
    """The place of the server that leads the stream of the log; 0 if none does."""
    stream = f"eventkeep-{running.log}-log"
    for server in running.servers.local.address().servers:
        url = f"{server.monitor_url}/jsz?streams=true"
        with contextlib.suppress(OSError, ValueError, KeyError), urllib.request.urlopen(url, timeout=2) as response:
            for account in json.load(response)["account_details"]:
                for detail in account["stream_detail"]:
                    if detail["name"] == stream and detail["cluster"].get("leader"):
                        return int(detail["cluster"]["leader"].removeprefix("nats-")) - 1
    return 0


def kill_leading_node(running: Processes, chance: random.Random) -> None:
    running.nodes[running.leader()].end()
    time.sleep(chance.uniform(2, 4))


def kill_following_node(running: Processes, chance: random.Random) -> None:
    running.nodes[(running.leader() + 1) % 3].end()
    time.sleep(chance.uniform(1, 3))


def kill_own_server(running: Processes, chance: random.Random) -> None:
    running.servers.local.kill(running.leader())
    time.sleep(chance.uniform(1, 3))


def kill_node_and_server(running: Processes, chance: random.Random) -> None:
    place = running.leader()
    running.nodes[place].end()
    running.servers.local.kill(place)
    time.sleep(chance.uniform(2, 4))


def kill_stream_leader(running: Processes, chance: random.Random) -> None:
    running.servers.local.kill(stream_leader(running))
    time.sleep(chance.uniform(1, 3))


def pause_leading_node(running: Processes, chance: random.Random) -> None:
    node = running.nodes[running.leader()]
    node.pause()
    time.sleep(chance.uniform(1, 5))
    node.resume()


def pause_stream_leader(running: Processes, chance: random.Random) -> None:
    place = stream_leader(running)
    running.servers.local.signal(place, signal.SIGSTOP)
    time.sleep(chance.uniform(2, 6))
    running.servers.local.signal(place, signal.SIGCONT)


def cut_leading_node(running: Processes, chance: random.Random) -> None:
    running.servers.network.set(CUT, running.nodes[running.leader()].name)
    time.sleep(chance.uniform(2, 6))


def cut_server(running: Processes, chance: random.Random) -> None:
    running.servers.network.set(CUT, server_name(chance.choice([stream_leader(running), chance.randrange(3)])))
    time.sleep(chance.uniform(3, 8))


def cut_server_from_servers(running: Processes, chance: random.Random) -> None:
    """The leading node still reaches its server, which reaches no other."""
    others = tuple(server_name(place) for place in range(3))
    running.servers.network.set(CUT, server_name(running.leader()), between=others)
    time.sleep(chance.uniform(3, 8))


def cut_one_way(running: Processes, chance: random.Random) -> None:
    condition = chance.choice([Condition(forward=False), Condition(backward=False)])
    name = chance.choice([running.nodes[running.leader()].name, server_name(stream_leader(running))])
    running.servers.network.set(condition, name)
    time.sleep(chance.uniform(2, 6))


def slow_link(running: Processes, chance: random.Random) -> None:
    running.servers.network.set(SLOW, chance.choice([running.nodes[running.leader()].name, server_name(0)]))
    time.sleep(chance.uniform(2, 4))


def kill_all_servers(running: Processes, chance: random.Random) -> None:
    for place in chance.sample(range(3), 3):
        running.servers.local.kill(place)
    time.sleep(chance.uniform(0, 2))


def kill_everything(running: Processes, chance: random.Random) -> None:
    for node in running.nodes:
        node.end()
    kill_all_servers(running, chance)


def restart_one_after_the_other(running: Processes, chance: random.Random) -> None:
    for place in range(3):
        running.servers.local.kill(place)
        running.nodes[place].end()
        time.sleep(chance.uniform(0.5, 1.5))
        running.repair()
        running.wait_for_writes()


def lose_the_events_of_a_follower(running: Processes, chance: random.Random) -> None:
    """Its segments are gone: it replays the log, or joins anew if the log no longer has every record."""
    node = running.nodes[(running.leader() + 1) % 3]
    node.end()
    shutil.rmtree(node.data / "events")
    time.sleep(chance.uniform(0, 1))


def fall_out_of_the_log(running: Processes, chance: random.Random) -> None:
    """A follower is away for longer than the log keeps records: it joins anew, sometimes killed on the way."""
    place = (running.leader() + 1) % 3
    node, others = running.nodes[place], [each for at, each in enumerate(running.nodes) if at != place]
    if chance.random() < 0.5:
        node.end()
        running.wait_for_writes(20)
    else:
        # A client waits for a while each time that it asks the node that is paused.
        node.pause()
        running.wait_for_writes(2)
    address = running.servers.address(running.log, "trimmer")
    with contextlib.closing(JetStreamLog.open(address, "trimmer")) as log:
        log.trim(min(each.position() for each in others) - 1)
    if node.is_running():
        node.resume()
        time.sleep(chance.uniform(0, 2))
    elif chance.random() < 0.5:
        kill_while_it_starts(node, chance)


def kill_while_it_starts(node: NodeProcess, chance: random.Random) -> None:
    """Kill a node at any step of its start, also while it loads a snapshot."""
    starting = threading.Thread(target=start_in_vain, args=(node,))
    starting.start()
    time.sleep(chance.uniform(0.3, 4))
    node.end()
    starting.join()


def start_in_vain(node: NodeProcess) -> None:
    with contextlib.suppress(ServerUnreachable):
        node.start()


def flip_a_byte(running: Processes, chance: random.Random) -> None:
    place = chance.choice([stream_leader(running), chance.randrange(3)])
    running.servers.local.kill(place)
    folder = running.servers.local.server_folder(place)
    (*_, path) = sorted(folder.glob(f"store/**/streams/eventkeep-{running.log}-log/msgs/*.blk"))
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        kill_leading_node,
        kill_following_node,
        kill_own_server,
        kill_node_and_server,
        kill_stream_leader,
        pause_leading_node,
        pause_stream_leader,
        cut_leading_node,
        cut_server,
        cut_server_from_servers,
        cut_one_way,
        slow_link,
        kill_all_servers,
        kill_everything,
        restart_one_after_the_other,
        lose_the_events_of_a_follower,
        fall_out_of_the_log,
        flip_a_byte,
    )
}


def run_round(running: Processes, fault: Fault, chance: random.Random) -> float:
    """Cause a fault, repair it and check; returns the longest time without an acknowledged write, in seconds."""
    started = time.monotonic()
    fault(running, chance)
    running.repair()
    running.wait_for_writes()
    running.check()
    running.raise_failures()
    return running.longest_gap(started)


def main(rounds: int, seed: int, names: Sequence[str]) -> None:
    """Run the rounds in a temporary folder, which stays if one of them fails."""
    chance = random.Random(seed)
    gaps: dict[str, list[float]] = {name: [] for name in names}
    folder = Path(tempfile.mkdtemp(prefix="rounds-"))
    print(f"logs are in {folder}", flush=True)
    with Processes(folder) as running:
        for number in range(rounds):
            name = names[number % len(names)]
            gaps[name].append(run_round(running, FAULTS[name], chance))
            print(f"{number + 1:4} {name:30} {gaps[name][-1]:6.1f} s  {running.kept:7} kept", flush=True)
        kept = running.check()
    shutil.rmtree(folder)
    print(f"{rounds} rounds, {kept:,} acknowledged writes: none lost, none doubled, all nodes alike")
    print_gaps(gaps, "rounds")


def print_gaps(gaps: Mapping[str, Sequence[float]], rounds: str) -> None:
    """Print the median and the longest time without writes, in seconds, for each fault that there was."""
    for name, seconds in gaps.items():
        if seconds:
            middle, longest = statistics.median(seconds), max(seconds)
            print(f"{name:30} {len(seconds):3} {rounds}, {middle:5.1f} s, at most {longest:5.1f} s")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else len(FAULTS),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
        sys.argv[3:] or list(FAULTS),
    )
