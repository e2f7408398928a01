"""Programs that fork while they use the SDK; see ``test_sdk_forks``.

    forking_program.py SCENE URL KEY EVENTS [SPOOL]

Each scene stores EVENTS events in all, and ends with 0 if all that it saw was right.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from eventkeep import AsyncClient, Batch, Client, InvalidRequestError

CHILDREN: Final = 4
PROFILE: Final = {"email": "ada@shop.example"}


def track(batch: Batch, name: str, events: int) -> None:
    for number in range(events):
        batch.track("Tick", PROFILE, unique_id=f"{name}-{number}")


def forked(work: Callable[[], object], code: int = 0) -> int:
    """Run something in a child that then ends as a program does that was not told to clean up."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as exc:
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(code)
    return pid


def wait_for(pid: int, code: int = 0) -> None:
    found = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if found != code:
        raise SystemExit(f"a child ended with {found}")


def client_in_both(client: Client, events: int) -> None:
    """The parent creates events, the child refused ones, on a client that has connections already."""
    client.track("Tick", PROFILE, unique_id="first")

    def refused() -> None:
        for _ in range(events):
            try:
                client.track("Tick", {"email": "no address"})
            except InvalidRequestError:
                continue
            raise SystemExit("a response of the parent")

    child = forked(refused)
    for number in range(events - 1):
        assert client.track("Tick", PROFILE, unique_id=f"parent-{number}").stored == 1
    wait_for(child)


def batch_in_children(client: Client, events: int) -> None:
    """A batch that is open in the parent is used by its children, which nobody closes."""
    batch = client.batch(delay_seconds=0.05).open()
    share = events // (CHILDREN + 1)
    track(batch, "parent", share)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=track, args=(batch, f"child {each}", share)) for each in range(CHILDREN)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    batch.close()


def flush_in_child(client: Client, events: int) -> None:
    """The events that wait in the parent are not the child's to send; those of the child are."""
    batch = client.batch(delay_seconds=600).open()
    track(batch, "parent", events // 2)

    def flush() -> None:
        assert batch.counts.tracked == 0
        batch.flush()
        track(batch, "child", events - events // 2)
        batch.flush()
        assert batch.counts.stored == events - events // 2

    wait_for(forked(flush))
    batch.close()


def sigterm_in_child(client: Client, events: int) -> None:
    """SIGTERM sends the events that wait in the child."""
    batch = client.batch(delay_seconds=600).open()

    def sleep() -> None:
        track(batch, "child", events)
        os.kill(os.getppid(), signal.SIGUSR1)
        time.sleep(600)

    signal.signal(signal.SIGUSR1, lambda number, frame: os.kill(child, signal.SIGTERM))
    child = forked(sleep)
    wait_for(child, -signal.SIGTERM)
    batch.close()


def spool_in_children(client: Client, events: int) -> None:
    """Children that die leave their events in files of their own, which the next batch takes over."""
    path = Path(sys.argv[5])
    batch = client.batch(spool=path, delay_seconds=600).open()

    def die(name: str) -> None:
        track(batch, name, events // 4)
        os.kill(os.getpid(), signal.SIGKILL)

    for name in ("a", "b"):
        wait_for(forked(lambda name=name: die(name)), -signal.SIGKILL)  # type: ignore[misc]
    track(batch, "parent", events // 4)
    batch.close()
    with client.batch(spool=path, delay_seconds=600) as again:
        track(again, "again", events - 3 * (events // 4))
    assert [each.name for each in path.parent.glob(f"{path.name}*")] == [path.name]


def asyncio_in_child(client: Client, events: int) -> None:
    """A client for asyncio that was used in the parent is used in the child."""
    settings = client.settings
    used = AsyncClient(settings.api_key, settings.base_url)

    async def create(name: str) -> None:
        await asyncio.gather(
            *(used.track("Tick", PROFILE, unique_id=f"{name}-{number}") for number in range(events // 2))
        )

    asyncio.run(create("parent"))
    wait_for(forked(lambda: asyncio.run(create("child"))))
    asyncio.run(used.aclose())


SCENES: Final[dict[str, Any]] = {
    each.__name__: each
    for each in (
        client_in_both,
        batch_in_children,
        flush_in_child,
        sigterm_in_child,
        spool_in_children,
        asyncio_in_child,
    )
}


if __name__ == "__main__":
    with Client(sys.argv[3], sys.argv[2]) as made:
        SCENES[sys.argv[1]](made, int(sys.argv[4]))
