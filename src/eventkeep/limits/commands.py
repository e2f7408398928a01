"""The command line."""

from __future__ import annotations

from typing import Final

# eventkeep doctor.
READY_DISK_BYTES_MIN: Final = 200_000_000
"""Free bytes of the disk below which eventkeep doctor reports a fault."""
ROOMY_DISK_BYTES_MIN: Final = 2_000_000_000
"""Free bytes of the disk below which eventkeep doctor warns."""
READY_INODES_MIN: Final = 1_000
"""Free inodes below which eventkeep doctor reports a fault."""
ROOMY_INODES_MIN: Final = 50_000
"""Free inodes below which eventkeep doctor warns."""
READY_OPEN_FILES_MIN: Final = 256
"""Allowed open files of a process below which eventkeep doctor reports a fault."""
ROOMY_OPEN_FILES_MIN: Final = 4_096
"""Allowed open files of a process below which eventkeep doctor warns: one per connection, some hundred for stores."""
QUICK_SYNC_SECONDS_MAX: Final = 0.02
"""Seconds until a write is on disk above which eventkeep doctor warns; each commit waits for it."""
CLOCK_SECONDS_MAX: Final = 5.0
"""The difference of two clocks above which eventkeep doctor warns, in seconds."""

# Commands that read.
READING_RETRIES_MAX: Final = 2
"""Retries of a request by an interactive command."""
LISTED_MAX: Final = 100_000
"""The most rows that a listing command prints; use eventkeep export for more."""
FOLLOW_OUTAGE_SECONDS_MAX: Final = 600.0
"""Seconds that eventkeep tail waits for a server that does not respond."""
FOLLOW_PAUSE_SECONDS: Final = 1.0
"""Seconds between two tries of eventkeep tail to reach a server that does not respond."""
COMPLETION_SECONDS_MAX: Final = 2.0
"""Seconds that a shell waits for the names of metrics to complete a command."""
