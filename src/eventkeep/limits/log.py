"""The log of all changes."""

from __future__ import annotations

from typing import Final

RECORD_BYTES_MAX: Final = 2_000_000_000
"""Bytes of one record; a commit that would need more is refused."""
LOG_FILE_BYTES_MIN: Final = 4_194_304
"""Bytes of the first file of the log; each later file is four times as large as the one before, up to the maximum."""
LOG_FILE_BYTES_MAX: Final = 67_108_864
"""Bytes of a file of the log, except for a file with one record that needs more."""
LOG_ZEROED_BYTES: Final = 1_048_576
"""Bytes that are filled with zeros ahead of small records, so that their sync changes no metadata of the file."""
LOG_SMALL_RECORD_BYTES: Final = 65_536
"""Bytes of a record up to which zeros are written ahead; a larger one would wait longer for them than it gains."""
LOG_TRIM_SECONDS: Final = 60.0
"""How often records that both stores have durably are removed from the log, in seconds."""
LOG_READS_MAX: Final = 50
"""How often the end of a log is read that a server appends to, until it does not change meanwhile."""
LOG_READ_AGAIN_SECONDS: Final = 0.1
"""Seconds between two such reads."""
