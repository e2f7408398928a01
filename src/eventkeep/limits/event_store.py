"""The event store: its tail in memory and its segments."""

from __future__ import annotations

from typing import Final

# The tail.
FLUSH_EVENTS: Final = 200_000
"""Events in the tail at which they are moved to the table immediately."""
SEGMENT_FLUSH_BYTES: Final = 100_000_000
"""Bytes of events in memory at which they are flushed to a segment, before they are FLUSH_EVENTS."""
SEGMENT_FLUSH_SECONDS: Final = 60.0
"""The longest time that events wait in memory for their flush, in seconds; the log has them meanwhile."""
TAIL_EVENTS_MAX: Final = 500_000
"""Events in the tail at which a commit waits for room."""
TAIL_BYTES_MAX: Final = 300_000_000
"""Bytes of events in the tail at which a commit waits for room."""
TAIL_PART_EVENTS: Final = 65_536
"""Events up to which parts of the event store's tail are joined: so many are sorted at once for a read."""
FLUSH_RETRY_SECONDS: Final = 1.0
"""Seconds between tries to flush the tail or to merge segments after a failure."""
FAILURE_LOG_SECONDS: Final = 60.0
"""Seconds until the same failure of a flush or merge is logged again."""

# Segments and merges.
SEGMENT_ROWS_MAX: Final = 1 << 24
"""Events in one segment."""
MERGE_ROWS: Final = 16_384
"""Rows of each segment that a merge has in memory, and rows that a flush writes at once."""
MERGE_RESERVE_BYTES: Final = 256_000_000
"""Free bytes that a merge leaves on the disk beside its output, for the log and for flushes."""
REPACKED_ROWS_MAX: Final = 65_536
"""Rows up to which a merge packs the documents anew; those of larger segments stay in place."""
REPACKED_BYTES_MAX: Final = 64_000_000
"""Bytes of document files up to which a merge packs the documents anew."""
SHARED_BLOCK_ROWS_MAX: Final = 1_024
"""Rows of a segment below which documents of several accounts share a block."""
PACKED_AT_ONCE_EVENTS: Final = 32_768
"""Documents that are packed into blocks at once."""
PACKED_AT_ONCE_BYTES: Final = 16_000_000
"""Bytes of documents that are packed into blocks at once, unless one document has more."""

# Reads.
STORE_DESCRIPTORS_MAX: Final = 256
"""Files of the event store that are open at once, beside those being read at the moment."""
BLOCK_TABLES_BYTES_MAX: Final = 64_000_000
"""Bytes of memory for the tables of document files: 1.5 for each document in full blocks."""
DOCUMENTS_AT_ONCE_BYTES: Final = 32_000_000
"""Bytes of blocks that are decompressed at once, unless the block of one document has more."""
SCAN_ROWS: Final = 4_096
"""Rows of each segment that a scan has in memory."""
LOOK_BACK_ROWS: Final = 65_536
"""Rows of a segment that a look-back reads at once."""
LOOK_BACK_RANGES_MAX: Final = 8
"""Time ranges in which a look-back searches every segment; further ones are joined with their neighbours."""

# The filter of known keys.
KEYS_AT_ONCE: Final = 2_048
"""Keys that are looked up in the segments at once."""
FILTER_RETRY_SECONDS: Final = 5.0
"""The pause after an error while the filter of known keys is built, in seconds."""
