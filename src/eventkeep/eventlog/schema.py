"""The event log's table, in ClickHouse SQL, and the statements that bring an older one up to date.

Why the columns are as they are:

- The primary order is (account, time, id), so that a page by time is a range read and
  so is one event by its public id, which is made of time and id.
- ``id`` and ``key_low`` are the two halves of the event's 128-bit key. They are as
  good as random: no codec makes them smaller, so none is tried.
- The numbers in ``profile`` need few bits of their 64. Leaving out the others is
  quicker than the engine's default, which takes them for text, and no larger.
- ``by_key`` is a narrow copy of the keys in key order with a fine index: the exact
  look-up of a possible repeat reads a few hundred rows of it.
- ``by_profile`` and ``by_metric`` hold only the sort columns and the row's place in
  its part; the rows themselves are then read from the primary order, which has the id.

A granule is 512 rows, not the engine's 8,192: a page of 200 events reads a granule or two
of each column and part, and nearly all that it reads of larger ones is for nothing. The
index takes about a byte an event more. Likewise a block, the piece of a column that is
decompressed at once, has 8 KiB of numbers and not the engine's 64: events that lie far
apart, as those of one profile do, take half the time.

Parts of less than 256 MiB keep their columns in one file: a part with a file for each
column and projection is sixty files, to be made, synced and soon removed again.

What was merged into a larger part may go after some seconds, for the larger one is on disk
by then, and is looked for every three or four seconds, not every half a minute to five as by
default: until it is removed it takes the same room again.

A part that is broken is not set aside, as the engine would by default: then its events
would be missing, and nobody would know.

Nothing is partitioned: one insert has to become one part, for a part is what the
engine keeps or loses as a whole.
"""

from __future__ import annotations

from typing import Final

DATABASE: Final = "eventkeep"
TABLE: Final = f"{DATABASE}.event"

LATER_SETTINGS: Final = (
    "min_compress_block_size = 8192, old_parts_lifetime = 5, "
    "cleanup_delay_period = 3, max_cleanup_delay_period = 4, cleanup_delay_period_random_add = 0"
)
"""Settings that a table lacks which an older program made, and may be given.

The size of a block holds for what is written from then on; when merged parts are removed, in
seconds, from when the table is opened the next time.
"""

CREATE_EVENT_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    account    UInt32,
    time       UInt32 CODEC(Delta, LZ4),
    id         UInt64 CODEC(NONE),
    key_low    UInt64 CODEC(NONE),
    profile    UInt64 CODEC(T64, LZ4),
    metric     UInt32,
    unique_id  String,
    value      Nullable(Float64),
    currency   LowCardinality(String),
    properties String CODEC(ZSTD(1)),
    PROJECTION by_key (SELECT id, key_low ORDER BY id, key_low) WITH SETTINGS (index_granularity = 256),
    PROJECTION by_profile (SELECT _part_offset ORDER BY account, profile, time),
    PROJECTION by_metric (SELECT _part_offset ORDER BY account, metric, time)
)
ENGINE = MergeTree
ORDER BY (account, time, id)
SETTINGS
    index_granularity = 512,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 0,
    min_bytes_for_wide_part = 268435456,
    {LATER_SETTINGS}
"""

CREATE_FORMAT_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.format (version UInt32) ENGINE = MergeTree ORDER BY version
"""

CHANGES: Final[tuple[tuple[str, ...], ...]] = ((CREATE_EVENT_TABLE,),)
"""The statements of each format version, in order; a new version appends one tuple."""
