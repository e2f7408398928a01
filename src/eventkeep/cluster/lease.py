"""The lease: the right of one node to try to append, kept as one key of a key-value bucket.

The holder renews the key again and again, each time on condition that nobody else has changed it. Another node takes
the lease when it has seen the key unchanged for the whole time to live, on the same condition. Each node measures with
its own monotonic clock, so that clocks need not agree. The lease is there to have one leader at a time and a new one
soon; the expected sequence makes appends safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from eventkeep.cluster.link import Link
from eventkeep.errors import LogError, LogUnreachable
from eventkeep.limits import CLUSTER_LEASE_SECONDS, CLUSTER_RENEW_SECONDS

logger = structlog.get_logger(__name__)

KEY: Final = "leader"
EXPECTED_REVISION: Final = "Nats-Expected-Last-Subject-Sequence"


class Holder(msgspec.Struct, frozen=True):
    """The node that has the lease and the URL at which the other nodes reach it; "" if nobody has it.

    ``run`` tells apart the processes that had the same name one after the other. ``not_again`` is the node that gave
    the lease back, or had to: another one shall take it.
    """

    node: str
    url: str = ""
    run: str = ""
    not_again: str = ""


NOBODY: Final = Holder("")


class Seen(msgspec.Struct, frozen=True):
    """A state of the key, and the monotonic time at which it was first seen."""

    revision: int
    holder: Holder
    since: float


class Lease:
    """This node's part in the lease. All that changes is changed in the link's loop."""

    def __init__(self, link: Link, stream: str, subject: str, own: Holder, monotonic: Callable[[], float]) -> None:
        self._link, self._stream, self._subject, self._own = link, stream, f"{subject}.{KEY}", own
        self._monotonic = monotonic
        self._seen: Seen | None = None
        self._valid_until = float("-inf")
        self.may_take: Callable[[], bool] = lambda: True
        """Whether this node wants the lease if it is free."""
        self.on_change: Callable[[], None] = lambda: None
        """Called in the link's loop when another node has the lease, or this one has got or lost it."""

    @property
    def is_held(self) -> bool:
        """Whether this node has the lease now."""
        return self._monotonic() < self._valid_until

    @property
    def age_seconds(self) -> float:
        """Seconds since the key was seen to change; infinite if it was never seen."""
        return float("inf") if self._seen is None else self._monotonic() - self._seen.since

    @property
    def leader(self) -> Holder | None:
        """The node that has the lease as far as is known here; None if nobody has."""
        if self.is_held:
            return self._own
        if (
            self._seen is None
            or self._seen.holder == self._own
            or not self._seen.holder.node
            or self.age_seconds > CLUSTER_LEASE_SECONDS
        ):
            return None
        return self._seen.holder

    async def keep(self) -> None:
        """Renew the lease while this node has it and watch it otherwise, without an end."""
        while True:
            started = self._monotonic()
            before = self.leader
            try:
                async with asyncio.timeout(CLUSTER_LEASE_SECONDS / 2):
                    await self._step()
            except (LogUnreachable, TimeoutError) as exc:
                logger.debug("the lease could not be looked at", cause=str(exc))
            except LogError as exc:
                logger.error("the lease can't be kept", cause=str(exc))
            if self.leader != before:
                self.on_change()
            await asyncio.sleep(max(CLUSTER_RENEW_SECONDS - (self._monotonic() - started), 0.05))

    async def _step(self) -> None:
        """Renew, take or look at the key. Raises LogUnreachable, LogError."""
        seen = self._seen
        if seen is not None and self.is_held and await self._write(self._own, seen.revision):
            return
        seen = self._seen = await self._look()
        if seen.holder == self._own:
            # A renewal whose response got lost, or the time was up and nobody took the lease meanwhile.
            await self._write(self._own, seen.revision)
            return
        self._valid_until = float("-inf")
        is_given_back = not seen.holder.node and seen.holder.not_again != self._own.node
        is_free = is_given_back or self._monotonic() - seen.since > CLUSTER_LEASE_SECONDS
        if is_free and self.may_take():
            await self._write(self._own, seen.revision)

    async def give_back(self) -> None:
        """Let another node take the lease at once. Raises LogUnreachable."""
        if self._seen is not None and self.is_held:
            await self._write(Holder("", not_again=self._own.node), self._seen.revision)
            self.on_change()

    async def take_away(self) -> str | None:
        """Have the node that leads give way to another one; returns its name, None if none leads.

        Raises LogUnreachable. The node notices when it renews the lease.
        """
        seen = await self._look()
        if not seen.holder.node:
            return None
        return seen.holder.node if await self._write(Holder("", not_again=seen.holder.node), seen.revision) else None

    async def holder(self) -> Holder:
        """The holder in the key, whether or not its time is up. Raises LogUnreachable, LogError."""
        return (await self._look()).holder

    async def _write(self, holder: Holder, revision: int) -> bool:
        """Write the key on condition that it has this revision; returns whether it had."""
        # The lease begins before the request: a response that takes long makes it shorter, not longer.
        started = self._monotonic()
        headers = {EXPECTED_REVISION: str(revision)}
        reply = await self._link.request(self._subject, msgspec.json.encode(holder), headers)
        if reply.fault is not None:
            return False
        self._seen = Seen(int(reply.document["seq"]), holder, started)
        self._valid_until = started + CLUSTER_LEASE_SECONDS if holder == self._own else float("-inf")
        return True

    async def _look(self) -> Seen:
        """The key as it is now; ``since`` stays if it has not changed. Raises LogUnreachable, LogError."""
        message = await self._link.last_message(self._stream, self._subject)
        now = self._monotonic()
        if message is None:
            return Seen(0, NOBODY, now)
        if self._seen is not None and self._seen.revision == message.sequence:
            return self._seen
        return Seen(message.sequence, decode_holder(message.content), now)


def decode_holder(content: bytes) -> Holder:
    """The holder in a message; NOBODY if it is no holder, so that the lease can be taken."""
    try:
        return msgspec.json.decode(content, type=Holder)
    except msgspec.MsgspecError:
        return NOBODY
