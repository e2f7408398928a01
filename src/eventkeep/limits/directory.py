"""The directory: accounts, keys, metrics and profiles."""

from __future__ import annotations

from typing import Final

# Caches beside the directory.
PROFILE_CACHE_ENTRIES_MAX: Final = 200_000
"""Profiles kept in memory beside the directory."""
PROFILE_CACHE_BYTES_MAX: Final = 300_000_000
"""Bytes of memory of these profiles together, approximately."""
IDENTIFIER_CACHE_ENTRIES_MAX: Final = 400_000
"""Identifiers kept in memory beside the directory."""
METRIC_CACHE_ENTRIES_MAX: Final = 100_000
"""Metrics kept in memory beside the directory."""
ACCOUNT_SETTING_CACHE_ENTRIES_MAX: Final = 10_000
"""Settings of accounts kept in memory."""
KEY_CACHE_ENTRIES_MAX: Final = 1_000
"""Keys in the cache of look-ups."""
KEY_CACHE_SECONDS_MAX: Final = 0.5
"""Seconds that a key's look-up stays in the cache; a revocation takes effect within them."""
KEY_LAST_USED_SECONDS: Final = 60.0
"""The interval at which the time of a key's last use is stored, in seconds."""
KNOWN_IDS_MAX: Final = 4_194_304
"""Profiles whose public ids are kept in memory, in all accounts together; 26 bytes of memory each."""
SETTLED_WRITES_MAX: Final = 1_000_000
"""Profile writes that are known to change nothing; some 250 bytes of memory each."""
CHANGED_PROFILES_MAX: Final = 1_000_000
"""Profiles whose last change is kept in memory, to tell such writes from others; some 90 bytes each."""

# The database.
SQL_PARAMETERS_MAX: Final = 5_000
"""Values bound in one IN list; longer lists are sent in pieces."""
DIRECTORY_BUSY_SECONDS_MAX: Final = 20.0
"""The longest wait of a process for another's directory transaction, in seconds."""
DIRECTORY_READERS_MAX: Final = 20
"""Connections of one process that read the directory at the same time."""
DIRECTORY_WRITER_CACHE_BYTES: Final = 64_000_000
"""Page cache of the connection that writes to SQLite."""
DIRECTORY_READER_CACHE_BYTES: Final = 8_000_000
"""Page cache of each connection that reads from SQLite."""
DIRECTORY_WAL_BYTES: Final = 64_000_000
"""Bytes of SQLite's write-ahead log before they are copied into the database file."""
DIRECTORY_UNNOTED_RECORDS_MAX: Final = 16
"""Records without changes that the directory takes before it notes its position; after a crash they are read again."""
