"""A create from its parsed head to its commit."""

from __future__ import annotations

from typing import Final

# Single creates that are parsed together.
GATHERING_SECONDS_MAX: Final = 0.005
"""The longest time for which arriving single creates are gathered for one commit, in seconds."""
GATHERED_SINGLES_MAX: Final = 500
"""Single creates that are parsed together."""
GATHERED_BYTES_MAX: Final = 4_000_000
"""Bytes of the bodies of single creates that are parsed together."""

# Parsing.
PARSER_THREADS: Final = 2
"""Threads that parse, in full, the create bodies that the native parser leaves."""
PARSED_AHEAD_BYTES_MAX: Final = 16_000_000
"""Body bytes of bulk creates that are parsed while the commit thread is busy."""
PARSER_BYTES_MAX: Final = 100_000_000
"""Bytes of the bodies that may wait for these threads; past it: 503."""
PARSED_IN_LOOP_BYTES_MAX: Final = 20_000
"""Bytes of a body about profiles up to which it is parsed in the event loop; larger ones are parsed in a thread."""
PROFILES_REMEMBERED_MAX: Final = 50_000
"""Parsed profiles of create bodies in the cache, by their bytes."""
PROFILE_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a profile in a create body from which on it is not cached."""
METRIC_NAMES_REMEMBERED_MAX: Final = 2_000
"""Parsed metrics of create bodies in the cache, by their bytes."""
METRIC_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a metric in a create body from which on it is not cached."""
PHONE_NUMBERS_REMEMBERED_MAX: Final = 65_536
"""Distinct phone numbers in the cache of E.164 forms."""

# The queue and the commit.
QUEUE_EVENTS_MAX: Final = 200_000
"""Events that may wait for their commit; past it: 503."""
QUEUE_BYTES_MAX: Final = 200_000_000
"""Body bytes that may wait for their commit; past it: 503."""
RETRY_AFTER_SECONDS: Final = 1
"""The `Retry-After` of a request that is refused because the queue is full, in seconds."""
BATCH_EVENTS_MAX: Final = 50_000
"""Events in one commit."""
BATCH_BYTES_MAX: Final = 50_000_000
"""Body bytes in one commit: it holds its events as columns and once more as a record of the log."""
IMPORT_SLICE_PROFILES: Final = 500
"""Profiles of a bulk import that are written in one commit."""
TAIL_WAIT_SECONDS_MAX: Final = 10.0
"""Seconds that a commit waits for room in the tail before its requests are refused."""

# A disk that is full or fails.
DISK_RESERVE_BYTES: Final = 200_000_000
"""Free bytes of the disk below which creates are refused, so that acknowledged events can still be written."""
DISK_RESERVE_SHARE: Final = 10
"""On a small disk the reserve is this part of it at the most: a tenth."""
DISK_LOOK_SECONDS: Final = 0.2
"""How long a measurement of the free disk may be used, in seconds."""
FAILURE_SECONDS: Final = 1.0
"""How long creates are refused after one could not be written, before the next try, in seconds."""
