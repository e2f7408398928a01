"""Connections, and requests and responses while they are on their way."""

from __future__ import annotations

from typing import Final

# Connections.
CONNECTIONS_MAX: Final = 1_024
"""Connections that are served at once. If none of them is idle, others wait to be accepted."""
CONNECTIONS_PER_HOST_MAX: Final = 512
"""Connections of one client address, by default; an IPv6 address counts with its network of 64 bits."""
ACCEPTED_AT_ONCE_MAX: Final = 100
"""Connections that are accepted in one step."""
LISTEN_BACKLOG: Final = 1_024
"""Connections that may wait to be accepted."""

# The head of a request.
HEADER_BYTES_MAX: Final = 65_536
"""Bytes of a request's line and headers."""
HEADERS_MAX: Final = 100
"""Headers of a request."""
HEADER_SECONDS_MAX: Final = 15.0
"""Seconds in which a request's headers must have arrived, and that an idle connection stays open."""
HEADS_REMEMBERED_MAX: Final = 10_000
"""Parsed heads of creates in the cache, by their bytes; they differ in their keys and their lengths."""
HEADS_BYTES_REMEMBERED_MAX: Final = 30_000_000
"""Bytes of memory of these heads together, approximately."""
HEAD_BYTES_REMEMBERED_MAX: Final = 2_000
"""Bytes of a head from which on it is not cached."""

# Bodies and responses.
BODY_SECONDS_MAX: Final = 30.0
"""Seconds in which a whole request body must have arrived."""
BODIES_BYTES_MAX: Final = 250_000_000
"""Bytes of all request bodies in memory, by their announced and their decompressed size; past it: 503."""
GZIP_BYTES_MIN: Final = 50_000
"""Bytes of a response from which on it is compressed for a client that accepts gzip."""
READING_SECONDS_MAX: Final = 30.0
"""Seconds in which a client must read some of its response."""
UNSENT_BYTES_MAX: Final = 200_000_000
"""Bytes of all responses that clients have not read yet; past it those with the most are cut off."""
LINGER_SECONDS_MAX: Final = 2.0
"""Seconds that the server reads from a client after its last response, or works on a page after the client has left."""
