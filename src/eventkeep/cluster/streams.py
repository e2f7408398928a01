"""The streams of a replicated log: how they have to be set up, made if they are missing.

``eventkeep-NAME-log`` has one message for each record, ``eventkeep-NAME-parts`` the parts of records that are larger
than a message, and ``KV_eventkeep-NAME`` is the key-value bucket of the lease and of the states that nodes report.
The shards other than 0 have ``NAME-shard-1`` and so on in place of NAME. ``KV_eventkeep-NAME-map`` is the map of all
shards of a log.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from eventkeep.cluster.link import Link
from eventkeep.cluster.server_checks import REPLICAS
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable

NO_STREAM: Final = 10059
STREAM_EXISTS: Final = 10058
IDENTITY: Final = "eventkeep-log"
NEVER_REMOVED: Final[dict[str, Any]] = {
    "retention": "limits",
    "storage": "file",
    "num_replicas": REPLICAS,
    "max_msgs": -1,
    "max_bytes": -1,
    "max_age": 0,
    "max_consumers": -1,
    "discard": "new",
    "allow_direct": True,
}
"""The settings that each of our streams must have, so that no server removes a record by itself."""


class StreamNames(msgspec.Struct, frozen=True):
    """The names of the streams and subjects of one log."""

    log: str
    log_subject: str
    parts: str
    parts_subject: str
    bucket: str
    key_subject: str
    tip_subject: str
    map: str
    map_subject: str


def stream_names(log: str, shard: int = 0) -> StreamNames:
    """The names of the streams of a shard of the log called ``log``."""
    name = f"{log}-shard-{shard}" if shard else log
    return StreamNames(
        log=f"eventkeep-{name}-log",
        log_subject=f"eventkeep.{name}.log",
        parts=f"eventkeep-{name}-parts",
        parts_subject=f"eventkeep.{name}.parts",
        bucket=f"KV_eventkeep-{name}",
        key_subject=f"$KV.eventkeep-{name}",
        tip_subject=f"eventkeep.{name}.tip",
        map=f"KV_eventkeep-{log}-map",
        map_subject=f"$KV.eventkeep-{log}-map",
    )


class StreamState(msgspec.Struct, frozen=True):
    """The sequences of a stream's oldest and newest message; ``first_seq`` is 0 if there was never one."""

    first_seq: int
    last_seq: int
    messages: int = 0
    bytes: int = 0


class Replica(msgspec.Struct, frozen=True):
    """A server that holds a copy of a stream, and how many changes it is behind the leader."""

    name: str
    current: bool = False
    offline: bool = False
    lag: int = 0


class StreamCluster(msgspec.Struct, frozen=True):
    """The servers of a stream."""

    leader: str = ""
    replicas: tuple[Replica, ...] = ()


class StreamInfo(msgspec.Struct, frozen=True):
    """A stream as JetStream tells of it."""

    config: dict[str, Any]
    state: StreamState
    cluster: StreamCluster = StreamCluster()

    @property
    def identity(self) -> int | None:
        """The identity of the log that was noted when the stream was made."""
        text = str((self.config.get("metadata") or {}).get(IDENTITY, ""))
        return int(text, 16) if text else None


async def stream_info(link: Link, stream: str) -> StreamInfo | None:
    """A stream's settings and state, None if there is none. Raises LogUnreachable, LogError."""
    reply = await link.api(f"STREAM.INFO.{stream}")
    if reply.fault is None:
        return msgspec.convert(reply.document, StreamInfo)
    if reply.fault.err_code == NO_STREAM:
        return None
    raise LogError(f"the stream {stream} can't be looked at: {reply.fault.description}")


async def open_stream(link: Link, stream: str, subject: str, identity: int) -> StreamInfo:
    """The stream, which is made with ``identity`` if it is missing.

    Raises ConfigurationError if it is set up in a way that would lose records.
    """
    wanted = {"name": stream, "subjects": [subject], "metadata": {IDENTITY: f"{identity:016x}"}, **NEVER_REMOVED}
    info = await make_or_find(link, stream, wanted)
    if (wrong := wrong_setting(info)) is not None:
        setting, value, expected = wrong
        raise ConfigurationError(
            f"the stream {stream} has {setting} {value!r}, expected {expected!r}: "
            f"change it with 'nats stream edit {stream}'"
        )
    if info.identity is None:
        raise ConfigurationError(f"the stream {stream} was not made by eventkeep: choose another name for the log")
    return info


def wrong_setting(info: StreamInfo) -> tuple[str, Any, Any] | None:
    """A setting with which a stream would lose records, its value, and the expected one; None if there is none."""
    for setting, expected in NEVER_REMOVED.items():
        if (value := info.config.get(setting)) != expected:
            return setting, value, expected
    return None


async def open_bucket(link: Link, stream: str, subject: str) -> None:
    """Make the key-value bucket if it is missing, as the tools of NATS make one with a history of 1."""
    wanted: dict[str, Any] = {
        "name": stream,
        "subjects": [f"{subject}.>"],
        **NEVER_REMOVED,
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
    }
    await make_or_find(link, stream, wanted)


async def make_or_find(link: Link, stream: str, wanted: dict[str, Any]) -> StreamInfo:
    """The stream, made with the settings ``wanted`` if it is missing."""
    if (info := await stream_info(link, stream)) is not None:
        return info
    reply = await link.api(f"STREAM.CREATE.{stream}", wanted)
    if reply.fault is not None and reply.fault.err_code != STREAM_EXISTS:
        if reply.fault.code >= 500 or "peers" in reply.fault.description:
            raise LogUnreachable(f"the stream {stream} can't be made now: {reply.fault.description}")
        raise ConfigurationError(f"the stream {stream} can't be made: {reply.fault.description}")
    if (info := await stream_info(link, stream)) is None:
        raise LogUnreachable(f"the stream {stream} was made and is not there yet")
    return info
