"""The memory of a server under any load, added up from the limits of its parts."""

from __future__ import annotations

from typing import Final

from eventkeep.limits.connections import BODIES_BYTES_MAX, CONNECTIONS_MAX, HEADER_BYTES_MAX, UNSENT_BYTES_MAX
from eventkeep.limits.directory import KNOWN_IDS_MAX, PROFILE_CACHE_BYTES_MAX
from eventkeep.limits.event_store import BLOCK_TABLES_BYTES_MAX, DOCUMENTS_AT_ONCE_BYTES, TAIL_BYTES_MAX
from eventkeep.limits.ingest import (
    BATCH_BYTES_MAX,
    PARSED_AHEAD_BYTES_MAX,
    PARSER_BYTES_MAX,
    PARSER_THREADS,
    QUEUE_BYTES_MAX,
)
from eventkeep.limits.payloads import BODY_BYTES_MAX
from eventkeep.limits.reads import PAGE_BYTES_MAX, READER_THREADS

RESTING_BYTES: Final = 500_000_000
"""Bytes of memory of an idle server: the interpreter, the engine, and their mapped files."""
READING_BYTES_MAX: Final = (
    # Pages in blocks, as events and as bytes; each thread keeps the memory for the next page.
    READER_THREADS * (DOCUMENTS_AT_ONCE_BYTES + 4 * PAGE_BYTES_MAX) + BLOCK_TABLES_BYTES_MAX
)
"""The most bytes of memory that pages take, approximately, while they are read and after."""
MEMORY_BYTES_MAX: Final = (
    RESTING_BYTES
    + CONNECTIONS_MAX * 2 * HEADER_BYTES_MAX
    + UNSENT_BYTES_MAX
    # Bodies: as received pieces, as a whole, and as Python values; and the parsed ones that wait.
    + 3 * BODIES_BYTES_MAX
    + QUEUE_BYTES_MAX
    # Columns of bodies that were parsed ahead, and those of the native parser itself.
    + 3 * PARSED_AHEAD_BYTES_MAX
    # Bodies that wait for the full parser, and those that it has as Python values.
    + PARSER_BYTES_MAX
    + PARSER_THREADS * 20 * BODY_BYTES_MAX
    # A commit: columns, rows and record; then the tail, which one commit may overfill, and its move into the table.
    + 3 * BATCH_BYTES_MAX
    + 3 * (TAIL_BYTES_MAX + BATCH_BYTES_MAX)
    + READING_BYTES_MAX
    + PROFILE_CACHE_BYTES_MAX
    + 26 * KNOWN_IDS_MAX
)
"""Bytes of memory that a server takes under any load, approximately; measured values are lower.

It does not include the seen filter, which takes 4 to 16 bytes per stored event.
"""
