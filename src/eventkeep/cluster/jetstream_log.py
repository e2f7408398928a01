"""The replicated transport of the log: a stream of JetStream with one message for each record.

A record's position is its message's sequence. Each append names the sequence that has to be the last one: JetStream
refuses it if another leader has appended. An append without a response is repeated as it is, because the expected
sequence lets it in at most once; then the message at the position decides the outcome.

Records are read without a consumer, by asking any replica for the next ones. A replica may be behind, and one with a
damaged file may leave a message out: each record is checked against the one before it, and one that does not follow is
requested again, from whichever replica comes next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import structlog

from eventkeep.clock import Randomness, SystemRandomness
from eventkeep.cluster.address import LogAddress
from eventkeep.cluster.chain import Chain
from eventkeep.cluster.link import Link
from eventkeep.cluster.message import Part, PartList, compress, decompress, part_list, split
from eventkeep.cluster.server_checks import check_servers
from eventkeep.cluster.streams import StreamInfo, StreamState, open_bucket, open_stream, stream_info, stream_names
from eventkeep.errors import LogError, LogTrimmed, LogUnreachable
from eventkeep.limits import (
    CLUSTER_APPEND_SECONDS_MAX,
    CLUSTER_FETCH_BYTES,
    CLUSTER_LAG_SECONDS_MAX,
    CLUSTER_MESSAGE_SPARE_BYTES,
    CLUSTER_POLL_SECONDS,
    CLUSTER_READ_SECONDS_MAX,
    CLUSTER_SHORT_SECONDS_MAX,
    CLUSTER_START_SECONDS_MAX,
)
from eventkeep.log.record import EncodedRecord, checked_header
from eventkeep.log.transport import KEPT, AppendResult, Outcome

logger = structlog.get_logger(__name__)

WRONG_LAST_SEQUENCE: Final = 10071
TRIM_STEPS_MAX: Final = 20
"""Steps in which the streams are brought down to a size."""
RETRY_SECONDS: Final = 0.05
EXPECTED_SEQUENCE: Final = "Nats-Expected-Last-Sequence"


class AppendCounts(msgspec.Struct):
    """Counts of this process's appends since it started."""

    kept: int = 0
    failed: int = 0
    seconds: float = 0.0


class JetStreamLog:
    """A log in the streams of NATS; see `eventkeep.log.transport.Transport`.

    ``last`` is the newest record that this process has read or appended: other processes append too. One thread
    appends, polls and trims.
    """

    def __init__(self, link: Link, address: LogAddress, identity: int) -> None:
        self.link, self.names = link, stream_names(address.name, address.shard)
        self._chain = Chain(identity)
        self._first = 1
        self._told = 0
        self._short_since: float | None = None
        self._news = threading.Event()
        self.append_counts = AppendCounts()
        self.may_append: Callable[[], bool] = lambda: True
        """Whether an append may still be sent; a leader that lost its lease says no."""

    @classmethod
    def open(
        cls, address: LogAddress, node: str, randomness: Randomness | None = None, applied: int = 0
    ) -> JetStreamLog:
        """Check the servers, make the streams if they are missing, and find the newest record.

        ``applied`` is the position that the node has applied; a server that tells of an earlier end is behind.

        Raises ConfigurationError if the servers or streams are not safe, LogUnreachable if they can't be reached, and
        LogError if the newest record is damaged.
        """
        wait_for_servers(address)
        link = Link(address, node)
        try:
            identity = int.from_bytes((randomness or SystemRandomness()).token_bytes(8)) or 1
            return link.run(cls._open(link, address, identity, applied))
        except BaseException:
            link.close()
            raise

    @classmethod
    async def _open(cls, link: Link, address: LogAddress, identity: int, applied: int) -> JetStreamLog:
        names = stream_names(address.name, address.shard)
        deadline = asyncio.get_running_loop().time() + CLUSTER_START_SECONDS_MAX
        while True:
            try:
                await link.wait_connected(RETRY_SECONDS)
                info = await open_stream(link, names.log, names.log_subject, identity)
                await open_stream(link, names.parts, f"{names.parts_subject}.*", identity)
                await open_bucket(link, names.bucket, names.key_subject)
                await open_bucket(link, names.map, names.map_subject)
                log = cls(link, address, info.identity or identity)
                await link.subscribe(names.tip_subject, log._take_tip)
                await log._find_tip(info)
                if log.last >= applied:
                    return log
                link.leave(f"its stream ends with record {log.last}, before record {applied}")
                raise LogUnreachable(f"the stream ends with record {log.last}, before record {applied}")
            except LogUnreachable as exc:
                if asyncio.get_running_loop().time() > deadline:
                    raise LogError(f"the log can't be used: {exc}") from exc
                await asyncio.sleep(RETRY_SECONDS)

    async def _find_tip(self, info: StreamInfo) -> None:
        """Start behind the newest record of the stream."""
        self._first = max(info.state.first_seq, 1)
        if (last := info.state.last_seq) == 0:
            return
        content = await self._record_of_leader(last)
        if content is None:
            raise LogUnreachable(f"record {last} can't be read yet")
        self._chain = Chain(self.identity, last - 1, checksum=None)
        self._chain.add(content, f"the stream {self.names.log}")

    @property
    def identity(self) -> int:
        return self._chain.log

    @property
    def first(self) -> int:
        return self._first

    @property
    def last(self) -> int:
        return self._chain.position

    @property
    def last_checksum(self) -> int:
        return self._chain.checksum or 0

    @property
    def epoch(self) -> int:
        """The number of the leader that appended the newest record; 0 if there is no record."""
        return self._chain.epoch

    @property
    def lag(self) -> int:
        """How many records are known to be in the log that this process has not read."""
        return max(self._told - self.last, 0)

    def append(self, record: EncodedRecord) -> AppendResult:
        """Append a record; takes up to CLUSTER_APPEND_SECONDS_MAX.

        After CONFLICT and UNKNOWN nothing may be appended before ``poll`` has read the contents of the log.
        """
        if (record.position, record.previous) != (self.last + 1, self.last_checksum):
            return AppendResult(
                Outcome.CONFLICT, f"record {record.position} can't follow record {self.last} of the log"
            )
        started = time.monotonic()
        message = compress(record.content)
        result = self.link.run(self._append(record, message))
        self.append_counts.seconds += time.monotonic() - started
        if result.outcome is Outcome.KEPT:
            self._chain.add(record.content, "the record that was appended")
            self.append_counts.kept += 1
        else:
            self.append_counts.failed += 1
        return result

    async def _append(self, record: EncodedRecord, message: bytes) -> AppendResult:
        """Send the message until its fate is certain, or the time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLUSTER_APPEND_SECONDS_MAX
        was_sent, reason, is_first = False, "", True
        while is_first or loop.time() < deadline:
            if not self.may_append():
                reason = "another node may lead now"
                break
            if not is_first:
                await asyncio.sleep(RETRY_SECONDS)
            is_first = False
            try:
                if len(message) > self._message_bytes_max:
                    message = await self._put_parts(record.position, message)
                headers = {EXPECTED_SEQUENCE: str(record.position - 1)}
                reply = await self.link.request(self.names.log_subject, message, headers)
            except LogUnreachable as exc:
                was_sent, reason = was_sent or exc.was_sent, str(exc)
                continue
            if reply.fault is None:
                await self.link.tell(self.names.tip_subject, str(record.position).encode())
                return KEPT
            reason = reply.fault.description
            if reply.fault.err_code != WRONG_LAST_SEQUENCE:
                if not was_sent:
                    return AppendResult(Outcome.REFUSED, f"JetStream refuses the record: {reason}")
                continue
            if (result := await self._look(record)) is not None:
                return result
        return AppendResult(Outcome.UNKNOWN if was_sent else Outcome.REFUSED, f"the record was not kept: {reason}")

    @property
    def _message_bytes_max(self) -> int:
        return self.link.max_payload - CLUSTER_MESSAGE_SPARE_BYTES

    async def _look(self, record: EncodedRecord) -> AppendResult | None:
        """The outcome by the message at a record's position; None if it can't be read yet."""
        try:
            content = await self._record_of_leader(record.position, 2 * len(record.content))
        except LogUnreachable:
            return None
        if content is None:
            return None
        standing = checked_header(content, f"the stream {self.names.log}, record {record.position}")
        if standing.checksum == record.checksum:
            return KEPT
        return AppendResult(
            Outcome.CONFLICT, f"leader {standing.epoch} has appended another record at position {record.position}"
        )

    async def _put_parts(self, position: int, message: bytes) -> bytes:
        """Store a message in parts and return the message that lists them."""
        parts: list[Part] = []
        for piece in split(message, self._message_bytes_max):
            reply = await self.link.request(f"{self.names.parts_subject}.{position}", piece)
            if reply.fault is not None:
                raise LogUnreachable(f"JetStream refuses a part of a record: {reply.fault.description}")
            parts.append(Part(int(reply.document["seq"]), len(piece)))
        return part_list(parts)

    def read(self, start: int) -> Iterator[bytes]:
        """The records from ``start`` up to ``last``; see `eventkeep.log.transport.Transport.read`.

        Raises LogUnreachable if they can't be reached.
        """
        end = self.last
        if start < self._first:
            self._first = max(self._info().state.first_seq, 1)
        if start < self._first:
            raise trimmed(start, self._first)
        chain = Chain(self.identity, start - 1, checksum=0 if start == 1 else None)
        while chain.position < end:
            records = self.link.run(self._next(chain, end, CLUSTER_READ_SECONDS_MAX))
            newer = max(chain.position - end, 0)
            yield from records[: len(records) - newer]

    def poll(self, seconds: float) -> list[bytes]:
        """The records that follow ``last``, which they move on; [] if there are none within ``seconds``.

        Raises LogUnreachable, and LogError if a record is damaged or missing, or if the stream ends before ``last``.
        """
        if self._told <= self.last:
            self._news.wait(min(seconds, CLUSTER_POLL_SECONDS))
        self._news.clear()
        return self.link.run(self._poll())

    async def _poll(self) -> list[bytes]:
        before = self.last
        records = await self._next(self._chain, self._told, CLUSTER_LAG_SECONDS_MAX)
        if not records and self._told <= before:
            info = await self._checked_info()
            self._check_end(info.state.last_seq)
            # Records that nobody told of.
            self._told = max(self._told, info.state.last_seq)
        return records

    def _check_end(self, end: int) -> None:
        """Raises LogError if the stream has ended before ``last`` for so long that records must be lost.

        A server that is cut off goes on telling the end that it knows, until it notices that it leads no more.
        """
        now = asyncio.get_running_loop().time()
        if end >= self.last:
            self._short_since = None
            return
        self._short_since = now if self._short_since is None else self._short_since
        self.link.leave(f"its stream ends with record {end}, before record {self.last}")
        if now - self._short_since > CLUSTER_SHORT_SECONDS_MAX:
            raise LogError(
                f"the stream {self.names.log} ends with record {end}, and this node has applied record {self.last}: "
                "the servers of NATS have lost records. Don't delete the data of this node"
            )

    async def _next(self, chain: Chain, known: int, patience: float) -> list[bytes]:
        """The next records behind ``chain``. If a record up to ``known`` is not there, other replicas are asked.

        ``patience`` is for how many seconds it is tried if the log can't be reached.

        Raises LogError if no replica has a record that follows, LogUnreachable if there is no response.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        ask_others_at = started + CLUSTER_LAG_SECONDS_MAX
        wrong: LogError | None = None
        servers_asked = 0
        while True:
            records, doubt = await self._fetch(chain)
            if records or (doubt is None and chain.position >= known):
                return records
            is_unreachable = isinstance(doubt, LogUnreachable)
            if doubt is not None and not is_unreachable:
                await self._raise_trimmed(chain)
                wrong, ask_others_at, servers_asked = doubt, started, servers_asked + 1
            has_all_said_so = servers_asked > len(self.link.address.servers)
            if has_all_said_so or loop.time() > started + (patience if is_unreachable else CLUSTER_READ_SECONDS_MAX):
                await self._raise_missing(chain, wrong or doubt)
                return []
            if not is_unreachable and loop.time() > ask_others_at:
                if records := await self._fetch_elsewhere(chain):
                    return records
                ask_others_at = loop.time() + CLUSTER_LAG_SECONDS_MAX
                await self.link.wait_connected(CLUSTER_LAG_SECONDS_MAX)
            await asyncio.sleep(RETRY_SECONDS)

    async def _fetch_elsewhere(self, chain: Chain) -> list[bytes]:
        """The next record from the stream's leader; [] if it has none that follows.

        Then the connection is left: a server asks its own replica first, so that only another server asks another.
        """
        source = f"the stream {self.names.log}, record {chain.position + 1}"
        try:
            if (content := await self._record_of_leader(chain.position + 1)) is not None:
                chain.add(content, source)
                return [content]
        except LogUnreachable:
            return []
        except LogError as exc:
            logger.error("the leader of the stream has a record that does not follow", cause=str(exc))
        self.link.leave("its replica of the log has not the next record")
        return []

    async def _fetch(self, chain: Chain) -> tuple[list[bytes], LogError | None]:
        """The records that one replica has after ``chain``, and the error of the record after those."""
        records: list[bytes] = []
        source = f"the stream {self.names.log}, record {chain.position + 1}"
        try:
            for fetched in await self.link.fetch(self.names.log, chain.position + 1):
                source = f"the stream {self.names.log}, record {chain.position + 1}"
                content = await self._content(fetched.content, source)
                chain.add(content, source)
                records.append(content)
        except LogUnreachable as exc:
            return records, exc
        except LogError as exc:
            logger.error("a replica of the log handed out a record that does not follow", cause=str(exc))
            return records, exc
        return records, None

    async def _raise_missing(self, chain: Chain, doubt: LogError | None) -> None:
        """Raise the error of a record that could not be read for a long time; return if it was never there."""
        info = await self._raise_trimmed(chain)
        if doubt is not None:
            raise doubt
        if info.state.last_seq > chain.position:
            raise LogError(f"the stream {self.names.log} has lost record {chain.position + 1} on all servers asked")
        self._told = min(self._told, info.state.last_seq)

    async def _raise_trimmed(self, chain: Chain) -> StreamInfo:
        """Raises LogTrimmed if the record behind ``chain`` was removed in good order."""
        info = await self._checked_info()
        if chain.position + 1 < info.state.first_seq:
            raise trimmed(chain.position + 1, info.state.first_seq)
        return info

    async def _content(self, message: bytes, source: str) -> bytes:
        """The record in a message, put together if it is in parts."""
        content = decompress(message, source)
        if isinstance(content, bytes):
            return content
        joined = decompress(await self._join(content, source), source)
        if isinstance(joined, PartList):
            raise LogError(f"{source}: its parts hold a list of parts")
        return joined

    async def _join(self, found: PartList, source: str) -> bytes:
        """The message whose parts are stored."""
        pieces: list[bytes] = []
        for part in found.parts:
            fetched = await self.link.fetch(self.names.parts, part.sequence, 1)
            if not fetched or fetched[0].sequence != part.sequence or len(fetched[0].content) != part.size:
                raise LogError(f"{source}: its part {part.sequence} is missing")
            pieces.append(fetched[0].content)
        return b"".join(pieces)

    async def _record_of_leader(self, position: int, response_bytes: int = CLUSTER_FETCH_BYTES) -> bytes | None:
        """A record as the leader of the stream has it, which sees every append that was acknowledged."""
        message = await self.link.message(self.names.log, position, response_bytes)
        if message is None:
            return None
        return await self._content(message.content, f"the stream {self.names.log}, record {position}")

    async def _checked_info(self) -> StreamInfo:
        if (info := await stream_info(self.link, self.names.log)) is None:
            raise LogError(f"the stream {self.names.log} was removed. Restore it, or start with another name")
        if info.identity != self.identity:
            raise LogError(f"the stream {self.names.log} is that of another log: it was made anew")
        return info

    def _info(self) -> StreamInfo:
        return self.link.run(self._checked_info())

    def _take_tip(self, payload: bytes) -> None:
        """Note the position that a leader has told: in the link's thread."""
        if payload.isdigit():
            self._told = max(self._told, int(payload))
            self._news.set()

    def wake(self) -> None:
        """Have ``poll`` return soon."""
        self._news.set()

    def trim(self, up_to: int) -> None:
        """Remove the records up to ``up_to`` from the stream; the newest one stays. Raises LogUnreachable, LogError."""
        if (up_to := min(up_to, self.last - 1)) >= self._first:
            self.link.run(self._trim(up_to))
            self._first = up_to + 1

    def trim_to_size(self, bytes_max: int, up_to: int) -> int:
        """Remove the oldest records, up to ``up_to`` at most, until the streams have at most ``bytes_max`` bytes.

        Returns the first position that is left. Raises LogUnreachable, LogError.
        """
        up_to = min(up_to, self.last - 1)
        for _ in range(TRIM_STEPS_MAX):
            state, size = self.link.run(self._size())
            self._first = max(state.first_seq, 1)
            if size <= bytes_max or self._first > up_to:
                break
            # The sizes of single records are not known: half of the estimate at a time does not remove too many.
            estimate = state.messages * (size - bytes_max) / size / 2
            self.trim(min(self._first + int(estimate), up_to))
        return self._first

    async def _size(self) -> tuple[StreamState, int]:
        """The state of the stream of records, and the bytes of all records with their parts on each server."""
        info, parts = await self._checked_info(), await stream_info(self.link, self.names.parts)
        return info.state, info.state.bytes + (0 if parts is None else parts.state.bytes)

    async def _trim(self, up_to: int) -> None:
        await self._purge(self.names.log, up_to + 1)
        # The parts of a position have it in their subject.
        while (part := await self.link.first_message(self.names.parts)) is not None:
            if int(part.subject.rpartition(".")[2]) > up_to:
                return
            await self._purge(self.names.parts, part.sequence + 1)

    async def _purge(self, stream: str, before: int) -> None:
        reply = await self.link.api(f"STREAM.PURGE.{stream}", {"seq": before})
        if reply.fault is not None:
            raise LogError(f"the stream {stream} can't be trimmed: {reply.fault.description}")

    def status(self) -> StreamInfo:
        """The state of the stream in JetStream. Raises LogUnreachable, LogError."""
        return self._info()

    def close(self) -> None:
        self.link.close()


def wait_for_servers(address: LogAddress) -> None:
    """Check the servers of NATS, which may just be starting. Raises ConfigurationError, LogUnreachable."""
    deadline = time.monotonic() + CLUSTER_START_SECONDS_MAX
    while True:
        try:
            check_servers(address)
            return
        except LogUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def trimmed(position: int, first: int) -> LogTrimmed:
    return LogTrimmed(f"record {position} is no longer in the log, which begins with record {first}")
