"""Several nodes over one log in NATS JetStream."""

from __future__ import annotations

from typing import Final

# Connections to NATS.
CLUSTER_CONNECT_SECONDS_MAX: Final = 2.0
"""Seconds in which a connection to a server of NATS has to be made before the next server is tried."""
CLUSTER_PING_SECONDS: Final = 1.0
"""Seconds between two checks that the server of NATS still responds."""
CLUSTER_REQUEST_SECONDS_MAX: Final = 1.0
"""Seconds in which a server of NATS has to respond before the request is repeated."""
CLUSTER_USELESS_SECONDS_MAX: Final = 2.0
"""Seconds after which a server of NATS through which nothing got done is left for the next one."""
CLUSTER_START_SECONDS_MAX: Final = 30.0
"""Seconds that a start waits for the servers of NATS."""
CLUSTER_MONITOR_SECONDS_MAX: Final = 2.0
"""Seconds in which the monitoring of a server of NATS has to respond."""
CLUSTER_MONITOR_BYTES_MAX: Final = 4_000_000
"""Bytes of a document of the monitoring that are read."""

# Records.
CLUSTER_FETCH_RECORDS: Final = 256
"""Records that are asked for at once."""
CLUSTER_FETCH_BYTES: Final = 8_000_000
"""Bytes of messages that are asked for at once, and one message more."""
CLUSTER_FETCH_SECONDS_MAX: Final = 5.0
"""Seconds in which the next of the records that were asked for has to arrive."""
CLUSTER_LINK_BYTES_PER_SECOND_MIN: Final = 2_000_000
"""Bytes a second that a link to a server of NATS is expected to carry: larger messages are given more time."""
CLUSTER_MESSAGE_SPARE_BYTES: Final = 4_096
"""Bytes of a message that are left for its headers."""
CLUSTER_APPEND_SECONDS_MAX: Final = 10.0
"""Seconds that an append is tried before its requests are refused and the leader gives way."""
CLUSTER_READ_SECONDS_MAX: Final = 10.0
"""Seconds that a record that has to be there is asked for, from one replica after the other."""
CLUSTER_LAG_SECONDS_MAX: Final = 1.0
"""Seconds that a replica may be behind a record that is known to be kept before another one is asked."""
CLUSTER_SHORT_SECONDS_MAX: Final = 30.0
"""Seconds that a stream may seem to end before a record that was applied, as servers that are cut off tell."""
CLUSTER_POLL_SECONDS: Final = 0.5
"""Seconds after which a follower looks for new records although it was not told of any."""

# Leaders and followers.
CLUSTER_LEASE_SECONDS: Final = 2.0
"""Seconds that a lease holds after it was renewed."""
CLUSTER_RENEW_SECONDS: Final = 0.4
"""Seconds between two renewals of the lease, and between two looks at another node's."""
CLUSTER_BEHIND_SECONDS_MAX: Final = 3.0
"""Seconds since a node had applied all records after which it leaves a free lease to others."""
CLUSTER_BEHIND_WAIT_SECONDS: Final = 10.0
"""Seconds after which a node that is behind takes a free lease all the same."""
CLUSTER_TELL_SECONDS: Final = 1.0
"""Seconds between two times that a node tells of itself."""
CLUSTER_CHECK_SECONDS: Final = 30.0
"""Seconds between two looks at the settings of the servers of NATS."""

# Shards.
SHARDS_MAX: Final = 1_000
"""Shards of a log."""
ACCOUNT_BITS: Final = 21
"""Bits of the number of an account that count those of a shard; the 10 above are the shard in which it was made."""
SHARD_MAP_ENTRIES_MAX: Final = 1_000_000
"""Accounts, their names, and keys, in the map of the shards; some 200 bytes of memory in each node for each."""
SHARD_MAP_SECONDS: Final = 1.0
"""Seconds between two looks at the map by a node that was told of no change."""
SHARD_MAP_WRITES_AT_ONCE: Final = 64
"""Entries of the map that a leader writes at the same time."""
ACCOUNT_MOVES_MAX: Final = 999
"""How often an account may be moved to another shard."""
MOVE_ROWS: Final = 2_000
"""Rows of the directory, or events, in one record of a move."""
MOVE_BYTES: Final = 2_000_000
"""Bytes of one record of a move, unless one row or one event has more."""
MOVE_BODY_BYTES_MAX: Final = 16_000_000
"""Bytes of a message from shard to shard about a move."""
MOVE_BEHIND_RECORDS: Final = 50
"""Records that may be left to copy when the account is closed for the rest of its move."""
MOVE_LOOK_SECONDS: Final = 0.3
"""Seconds between two looks at the moves of a shard."""
MOVE_RESPONSE_SECONDS_MAX: Final = 12.0
"""Seconds in which the leader of the other shard has to respond."""
MOVE_CLOSED_SECONDS_MAX: Final = 15.0
"""Seconds after which a closed account whose rest could not be copied is opened again."""
MOVE_IDLE_SECONDS_MAX: Final = 600.0
"""Seconds without progress after which a move is abandoned."""
SHARD_HOPS_MAX: Final = 3
"""Nodes that pass a request on to one of another shard, one after the other."""

# Requests that are passed on.
CLUSTER_POSITION_SECONDS_MAX: Final = 5.0
"""Seconds that a request waits until its node has applied the position that it asks for."""
CLUSTER_FORWARD_SECONDS_MAX: Final = 12.0
"""Seconds that a node waits for the leader's response to a request that it has passed on."""
CLUSTER_FORWARD_CONNECT_SECONDS_MAX: Final = 1.0
"""Seconds in which a connection to the leader has to be made."""
CLUSTER_CONNECTIONS_KEPT_MAX: Final = 64
"""Idle connections to another node that are kept."""
CLUSTER_SESSIONS_MAX: Final = 10_000
"""API keys whose last write through a node that does not lead is remembered, so that their reads see it."""

CLUSTER_COMMAND_SECONDS_MAX: Final = 15.0
"""Seconds that a command is tried while no node leads its shard, or the map of the shards can't be written."""

# Joining.
CLUSTER_SILENT_SECONDS: Final = 10.0
"""Seconds since a node told of itself after which it counts as gone, and is not asked for a snapshot."""
CLUSTER_SNAPSHOTS_MAX: Final = 2
"""Snapshots that a node holds for others at the same time."""
CLUSTER_SNAPSHOT_SHARED_SECONDS: Final = 60.0
"""Seconds since a snapshot was begun in which it is given to other nodes too."""
CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX: Final = 60.0
"""Seconds without a request after which a snapshot is removed."""
CLUSTER_SNAPSHOT_PIECE_BYTES: Final = 4_194_304
"""Bytes of a file of a snapshot that one request gets."""
CLUSTER_SNAPSHOT_SECONDS_MAX: Final = 30.0
"""Seconds in which a node has to respond to one that loads its snapshot."""
CLUSTER_SNAPSHOT_TAKEN_SECONDS_MAX: Final = 3_600.0
"""Seconds that a node waits for another one to take a snapshot."""
CLUSTER_JOIN_SECONDS_MAX: Final = 120.0
"""Seconds without a byte of a snapshot after which a node that joins gives up."""
CLUSTER_JOINS_MAX: Final = 10
"""How often one process joins its cluster anew before it ends."""
