"""The SDK and its batches."""

from __future__ import annotations

from typing import Final

# Requests.
CLIENT_TIMEOUT_SECONDS: Final = 30.0
"""The SDK's default timeout for a connection, and then for each piece of a response, in seconds."""
CLIENT_RETRIES_MAX: Final = 5
"""The SDK's default number of retries of a request."""
CLIENT_RETRY_SECONDS_MAX: Final = 60.0
"""The default time for all tries of a request together, in seconds."""
CLIENT_BACKOFF_SECONDS_MIN: Final = 0.25
"""The wait before the first retry, before jitter, in seconds; each later one is twice as long."""
CLIENT_BACKOFF_SECONDS_MAX: Final = 10.0
"""The longest wait before a retry that the server did not ask for, in seconds."""
CLIENT_CONNECTIONS_MAX: Final = 100
"""Connections that one client keeps open."""
CLIENT_IDLE_SECONDS_MAX: Final = 5.0
"""Seconds for which the SDK reuses an idle connection: many servers and proxies close it soon after."""
RESPONSE_HEAD_BYTES_MAX: Final = 100_000
"""Bytes of the status line and the headers of a response that the SDK reads."""
METRIC_NAMES_SECONDS_MAX: Final = 60.0
"""Seconds for which the SDK remembers the ids of the metrics of a name."""

# Batches.
BATCH_BUFFER_EVENTS_MAX: Final = 20_000
"""Events that a batch holds, by default, until they have a response."""
BATCH_BUFFER_BYTES_MAX: Final = 50_000_000
"""Bytes of events that a batch holds, by default, until they have a response."""
BATCH_DELAY_SECONDS: Final = 0.5
"""The default time that an event waits for others to fill its request, in seconds."""
BATCH_GIVE_UP_SECONDS: Final = 300.0
"""The default time for which a batch tries to send a request, in seconds."""
BATCH_CLOSE_SECONDS_MAX: Final = 60.0
"""The default time for which the end of a batch tries to send the remaining events, in seconds."""
BATCH_PAUSE_SECONDS: Final = 5.0
"""The pause of a batch with a spool file after it gave up on a request and before it starts over, in seconds."""
BATCH_REQUESTS_AT_ONCE_MAX: Final = 64
"""Concurrent requests of one batch."""
BATCH_REFUSALS_REMEMBERED_MAX: Final = 20
"""Refused events that the error at the end of a batch holds."""
SPOOL_COMPACT_BYTES: Final = 64_000_000
"""Bytes of a spool file at which it is rewritten, with only the events that have no response yet."""
