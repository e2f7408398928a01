"""Imports and exports."""

from __future__ import annotations

from typing import Final

# Imports.
IMPORT_LINE_BYTES_MAX: Final = 5_000_000
"""Bytes of one line of JSON Lines, and of one field of CSV."""
IMPORT_TIMES_REMEMBERED_MAX: Final = 100_000
"""Distinct parsed times in the cache of an import."""
IMPORT_REQUESTS_AT_ONCE_MAX: Final = 64
"""Concurrent requests of an import."""
IMPORT_FAULTS_SHOWN_MAX: Final = 20
"""Errors of a refused request that are shown, each with its row."""
IMPORT_PROFILES_REMEMBERED_MAX: Final = 20_000
"""Profiles of an export whose documents are in the cache of an import."""
IMPORT_OVERLAP_SECONDS: Final = 3_600
"""The default overlap of the second pass of an import from a server with the first, in seconds."""

# Exports, and imports from another server.
EXPORT_GIVE_UP_SECONDS: Final = 600.0
"""The time after which an export, or an import from another server, gives up one request, in seconds."""
EXPORT_TIES_MAX: Final = 100_000
"""Events of one second that an export holds to sort them; more of them are exported in pieces."""
EXPORT_TIMES_REMEMBERED_MAX: Final = 100_000
"""Distinct times in the cache of texts of an export."""
EXPORT_LOCATIONS_REMEMBERED_MAX: Final = 10_000
"""Distinct locations of profiles in the cache of an export."""
EXPORT_ROW_GROUP_ROWS: Final = 50_000
"""Rows in one row group of a Parquet file, which is held in memory."""
EXPORT_ROW_GROUP_BYTES: Final = 64_000_000
"""Bytes of rows at which a row group is written before it has all its rows."""
