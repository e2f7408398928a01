"""The server's process and its own routes."""

from __future__ import annotations

from typing import Final

# The process.
OPEN_FILES_WANTED: Final = 65_536
"""The server's limit of open files, if the system allows it: its connections and the parts of the table."""
DRAIN_SECONDS_MAX: Final = 15.0
"""Seconds that a stopping server waits for open requests."""
CLOSE_SECONDS_MAX: Final = 5.0
"""Seconds that a stopping server continues to send responses to slow clients."""
COLLECTOR_ALLOCATIONS: Final = 100_000
"""Objects that are created and not freed before the garbage collector looks for cycles."""
SWITCH_SECONDS: Final = 0.002
"""The time after which a thread that waits for the interpreter's lock requests it, in seconds."""
REFUSALS_LOGGED_PER_SECOND_MAX: Final = 5
"""Refused requests that the server's log has a line of in one second; more are counted."""
TRAFFIC_SUMMARY_SECONDS: Final = 60.0
"""Seconds between two lines of the log that sum up the requests."""
CONTROL_REQUEST_BYTES_MAX: Final = 65_536
"""Bytes of one request to the control socket."""
CONTROL_SECONDS_MAX: Final = 30.0
"""How long a command and the control socket wait for each other, in seconds."""

# Predictions.
PREDICTIONS_FIT_HOURS: Final = 24
"""Hours from one fit of an account's predictions to the next, unless the server's settings say otherwise."""
PREDICTIONS_FIT_HOURS_MAX: Final = 24 * 366
"""The most hours that the setting may have."""
PREDICTIONS_CHECK_SECONDS: Final = 60.0
"""How often the server looks whether a fit is due."""
PREDICTIONS_FIT_SECONDS_MAX: Final = 600.0
"""How long one fit may take; after that it is given up until the next one is due."""

# Our own routes.
ADMIN_READER_THREADS: Final = 2
"""Threads that count and list for our own routes, separate from those of the API's reads."""
ADMIN_READS_WAITING_MAX: Final = 100
"""Requests to our own routes that may wait for such a thread; past it: 503."""
STATS_METRICS_MAX: Final = 1_000
"""Metrics in the stats of an account: those with the most events."""
FEED_WAIT_SECONDS_MAX: Final = 30
"""The longest wait for the next event that a reader may request, in seconds."""
FEED_ATTENTION_SECONDS: Final = 60.0
"""Seconds after the last read, or after the start, for which events are held for readers."""
FEED_EVENTS_MAX: Final = 50_000
"""Events that are held for readers; the oldest go first."""
FEED_BYTES_MAX: Final = 50_000_000
"""Bytes of events that are held for readers; the oldest go first."""
FEED_READERS_MAX: Final = 20
"""Readers of one account that may wait for events at once; past it: 503."""
