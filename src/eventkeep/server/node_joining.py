"""Joining the cluster with the snapshot of another node, and reading one for a backup.

A node needs a snapshot if the log no longer has the records that follow its own. It asks the other nodes for one, those
that follow first and the one that leads last, over the routes of `eventkeep.server.node_routes`. It tells of
itself in the cluster meanwhile, so that the records behind the snapshot stay in the log.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import msgspec
import structlog

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.member import Role
from eventkeep.cluster.registry import JOINING, NodeState, Registry
from eventkeep.directory.reader import applied_position
from eventkeep.errors import LogError, LogUnreachable, ServerUnreachable, SnapshotDamaged
from eventkeep.files import Files
from eventkeep.ingest.joining import Fetch, load_snapshot, prepare_folder, views_position
from eventkeep.ingest.snapshot import Snapshot, SnapshotFile
from eventkeep.limits import (
    CLUSTER_JOIN_SECONDS_MAX,
    CLUSTER_SILENT_SECONDS,
    CLUSTER_SNAPSHOT_SECONDS_MAX,
    CLUSTER_SNAPSHOT_TAKEN_SECONDS_MAX,
    CLUSTER_TELL_SECONDS,
)
from eventkeep.server.node_settings import SECRET, SNAPSHOTS_PATH, NodeSettings
from eventkeep.server.node_snapshots import SnapshotState

logger = structlog.get_logger(__name__)

TRIES: Final = 5
"""How often a request to another node is made before another snapshot is begun."""
RETRY_SECONDS: Final = 0.5
POLL_SECONDS: Final = 0.2
"""Seconds between two looks at a snapshot that is being taken."""


class JoinProgress(msgspec.Struct, frozen=True):
    """How far a snapshot is loaded; ``position`` is None until the other node has taken it."""

    peer: str
    position: int | None = None
    done_bytes: int = 0
    whole_bytes: int = 0

    @property
    def text(self) -> str:
        if self.position is None:
            return f"{self.peer} takes a snapshot"
        share = self.done_bytes / self.whole_bytes if self.whole_bytes else 1.0
        return f"record {self.position} of {self.peer}, {share:.0%} of {self.whole_bytes:,} bytes"


Show = Callable[[JoinProgress], None]


def no_progress(_: JoinProgress) -> None:
    """Show nothing."""


class Peer:
    """Another node that is asked for a snapshot."""

    def __init__(self, state: NodeState, secret: str) -> None:
        self.name, self.url = state.node, state.url
        self._http = httpx.Client(
            base_url=state.url, headers={SECRET: secret}, timeout=CLUSTER_SNAPSHOT_SECONDS_MAX, trust_env=False
        )

    def close(self) -> None:
        self._http.close()

    def snapshot(self, least: int, wait: Callable[[], None]) -> SnapshotState:
        """Have the node take a snapshot at ``least`` or later, and call ``wait`` until it is there.

        Raises ServerUnreachable.
        """
        state = self._state("POST", f"{SNAPSHOTS_PATH}?least={least}")
        deadline = time.monotonic() + CLUSTER_SNAPSHOT_TAKEN_SECONDS_MAX
        while state.snapshot is None:
            if state.error or time.monotonic() > deadline:
                raise ServerUnreachable(f"{self.name} could not take a snapshot: {state.error or 'it takes too long'}")
            wait()
            state = self._state("GET", f"{SNAPSHOTS_PATH}/{state.id}")
        return state

    def piece(self, id: str, name: str, offset: int) -> bytes:
        """Bytes of a file of a snapshot. Raises ServerUnreachable."""
        return self._request("GET", f"{SNAPSHOTS_PATH}/{id}", {"file": name, "offset": str(offset)}).content

    def _state(self, method: str, path: str) -> SnapshotState:
        response = self._request(method, path)
        try:
            return msgspec.json.decode(response.content, type=SnapshotState)
        except msgspec.MsgspecError as exc:
            raise ServerUnreachable(f"{self.name} at {self.url} responds like no node: {exc}") from exc

    def _request(self, method: str, path: str, query: dict[str, str] | None = None) -> httpx.Response:
        """Make a request, some times if it gets lost. Raises ServerUnreachable."""
        for tries in range(1, TRIES + 1):
            try:
                response = self._http.request(method, path, params=query)
            except httpx.HTTPError as exc:
                if tries == TRIES or isinstance(exc, httpx.ConnectError):
                    raise ServerUnreachable(f"{self.name} at {self.url} can't be reached: {exc!r}") from exc
                time.sleep(RETRY_SECONDS)
                continue
            if response.is_success:
                return response
            raise ServerUnreachable(f"{self.name} at {self.url} refuses: {response.status_code} {detail(response)}")
        raise AssertionError


class SnapshotReader:
    """Reads a snapshot at the position ``least`` or later from whichever node can give one.

    ``name`` is that of this node, which is not asked.
    """

    def __init__(self, log: JetStreamLog, secret: str, name: str | None, least: int, show: Show = no_progress) -> None:
        self._log, self._secret, self._name, self._least, self._show = log, secret, name, least, show
        self.registry = Registry(log.link, log.names.bucket, log.names.key_subject)
        self._progress_at = time.monotonic()

    def read(self, load: Callable[[Snapshot, Fetch, Callable[[int], None]], None]) -> Snapshot:
        """Have ``load`` write a snapshot that the log follows, given functions that fetch and that count bytes.

        Raises LogUnreachable if no node gives one in time, and StoreError if it can't be written.
        """
        self._progress_at = time.monotonic()
        while True:
            reasons: list[str] = []
            for peer in self._peers():
                with closing(peer):
                    try:
                        return self._read_from(peer, load)
                    except ServerUnreachable as exc:
                        logger.warning("a node gave no snapshot", node=peer.name, cause=str(exc))
                        reasons.append(str(exc))
            if time.monotonic() - self._progress_at > CLUSTER_JOIN_SECONDS_MAX:
                told = "; ".join(reasons) or "no node of the cluster tells of itself"
                raise LogUnreachable(f"no node gives a snapshot of the cluster: {told}")
            time.sleep(RETRY_SECONDS)

    def _peers(self) -> Iterator[Peer]:
        """The nodes to ask, the best one first. Raises LogError."""
        states = [
            each.state
            for each in self._log.link.run(self.registry.nodes())
            if each.age_seconds < CLUSTER_SILENT_SECONDS
        ]
        usable = [
            state
            for state in states
            if state.node != self._name and state.url and state.role in (Role.FOLLOWING.value, Role.LEADING.value)
        ]
        for state in sorted(usable, key=lambda state: (state.role == Role.LEADING.value, -state.position)):
            yield Peer(state, self._secret)

    def _read_from(self, peer: Peer, load: Callable[[Snapshot, Fetch, Callable[[int], None]], None]) -> Snapshot:
        """Raises ServerUnreachable if this node can't give a whole snapshot, StoreError if it can't be written."""
        self._show(JoinProgress(peer.name))

        def wait() -> None:
            time.sleep(POLL_SECONDS)
            self._progress_at = time.monotonic()
            self._show(JoinProgress(peer.name))

        state = peer.snapshot(self._least, wait)
        snapshot = state.snapshot
        assert snapshot is not None
        self._check(peer, snapshot)
        whole, done = sum(each.size for each in snapshot.files), 0

        def seen(size: int) -> None:
            nonlocal done
            done += size
            self._progress_at = time.monotonic()
            self._show(JoinProgress(peer.name, snapshot.position, done, whole))

        def fetch(file: SnapshotFile, offset: int) -> bytes:
            return peer.piece(state.id, file.name, offset)

        self._show(JoinProgress(peer.name, snapshot.position, 0, whole))
        try:
            load(snapshot, fetch, seen)
        except SnapshotDamaged as exc:
            raise ServerUnreachable(f"{peer.name} has sent something else: {exc}") from exc
        return snapshot

    def _check(self, peer: Peer, snapshot: Snapshot) -> None:
        """Raises ServerUnreachable if the log does not follow a snapshot."""
        if snapshot.log != self._log.identity:
            raise ServerUnreachable(f"{peer.name} follows another log, {snapshot.log:016x}")
        # The log may have been trimmed meanwhile.
        least = max(self._least, self._log.status().state.first_seq - 1)
        if snapshot.position < least:
            raise ServerUnreachable(f"{peer.name} is at record {snapshot.position}, and record {least} is needed")


def open_log(
    folder: Path, settings: NodeSettings, show: Show = no_progress, files: Files | None = None, anew: bool = False
) -> tuple[JetStreamLog, int]:
    """The log for the stores of a folder, whose lock is held. A folder that can't follow it gets a snapshot before.

    Also one that could gets a snapshot if ``anew``. Returns the log, and the position of the snapshot that was loaded,
    0 if none was. Raises ConfigurationError, LogError and StoreError.
    """
    prepare_folder(folder, files)
    log = JetStreamLog.open(settings.address, settings.name, applied=0 if anew else applied_position(folder))
    try:
        if not anew:
            position = views_position(folder, files)
            if position >= log.first - 1:
                return log, 0
            logger.warning(
                "this node has fallen out of the log, or is new: it joins with a snapshot of another node",
                position=position,
                log_begins=log.first,
            )
        joined = join(folder, log, settings, show, files)
    except BaseException:
        log.close()
        raise
    # Opened again, it waits until the end of the stream is known to be behind the snapshot.
    log.close()
    return JetStreamLog.open(settings.address, settings.name, applied=joined), joined


def join(folder: Path, log: JetStreamLog, settings: NodeSettings, show: Show, files: Files | None = None) -> int:
    """Load a snapshot into a folder, whose lock is held, in place of its views; returns its position.

    Raises LogError and StoreError.
    """
    version = importlib.metadata.version("eventkeep")
    # Until the snapshot is there, every record that the log has may be needed.
    durable, told_at = log.first - 1, float("-inf")

    def tell(progress: JoinProgress) -> None:
        nonlocal durable, told_at
        show(progress)
        is_new = progress.position is not None and progress.position != durable
        if is_new or time.monotonic() - told_at > CLUSTER_TELL_SECONDS:
            durable, told_at = progress.position or durable, time.monotonic()
            state = NodeState(settings.name, settings.url, JOINING, durable, durable, version, progress.text)
            with contextlib.suppress(LogError):
                log.link.run(reader.registry.tell(state))

    reader = SnapshotReader(log, settings.secret, settings.name, log.first - 1, tell)
    started = time.monotonic()
    tell(JoinProgress("another node"))
    snapshot = reader.read(lambda snapshot, fetch, seen: load_snapshot(folder, snapshot, fetch, seen, files))
    logger.info(
        "loaded the snapshot of another node",
        position=snapshot.position,
        bytes=sum(each.size for each in snapshot.files),
        seconds=round(time.monotonic() - started, 2),
    )
    return snapshot.position


def detail(response: httpx.Response) -> str:
    """The first fault that a response names, or the start of its text."""
    with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
        return str(response.json()["errors"][0]["detail"])
    return response.text[:200]
