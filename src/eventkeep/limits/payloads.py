"""What a request body may have, most of it as the hosted service says in its guides and OpenAPI documents."""

from __future__ import annotations

from typing import Final

# The body.
BODY_BYTES_MAX: Final = 5_000_000
"""Bytes of a request body, counted after decompression."""
GZIP_MEMBERS_MAX: Final = 100
"""Members of a gzip body; compressors that work in blocks write several."""
JSON_NESTING_MAX: Final = 64
"""Levels of a whole request document; deeper ones are refused before parsing."""
PROFILE_PAYLOAD_BYTES_MAX: Final = 100_000
"""Bytes of the body that creates, updates or imports one profile, and of one profile of a bulk import."""

# Events.
BULK_EVENTS_MAX: Final = 1_000
"""Events in one bulk request, over all its profiles."""
PROPERTIES_MAX: Final = 300
"""Top-level properties of one event, up to revision 2025-01-15."""
PROPERTIES_MAX_SINCE_2025_04_15: Final = 400
"""Top-level properties of one event, from revision 2025-04-15 on."""
PROPERTY_STRING_BYTES_MAX: Final = 100_000
"""UTF-8 bytes of one string in the properties."""
PROPERTY_ARRAY_ELEMENTS_MAX: Final = 4_000
"""Elements of one array in the properties."""
PROPERTY_LEVELS_MAX: Final = 10
"""Nested levels of the properties; the properties object itself is level 1."""
METRIC_NAME_CHARACTERS_MAX: Final = 127
"""Characters of a metric's name."""
SERVICE_NAME_CHARACTERS_MAX: Final = 127
"""Characters of a metric's service."""
UNIQUE_ID_CHARACTERS_MAX: Final = 255
"""Characters of an event's unique_id."""
TIME_CHARACTERS_MAX: Final = 64
"""Characters of an event's time; a fraction of a second may be of any length up to it."""
EVENT_YEAR_MIN: Final = 2000
"""Events are at or after the first second of this year (UTC)."""
EVENT_FUTURE_SECONDS_MAX: Final = 366 * 24 * 3600
"""The most that an event's time may be in the future, in seconds."""

# Profiles.
IDENTIFIER_CHARACTERS_MAX: Final = 255
"""Characters of an external_id, anonymous_id, _kx."""
EMAIL_CHARACTERS_MAX: Final = 254
"""Characters of an email address."""
PHONE_NUMBER_CHARACTERS_MAX: Final = 40
"""Characters of a phone number as it is sent, with its separators."""
PROFILE_ATTRIBUTE_CHARACTERS_MAX: Final = 10_000
"""Characters of a plain profile attribute such as first_name or image."""
PROFILE_PROPERTIES_MAX: Final = 400
"""Keys of one profile's properties after a merge."""
PROFILE_PROPERTIES_BYTES_MAX: Final = 1_000_000
"""Bytes of one profile's properties as JSON after a merge."""
IDENTIFIERS_PATCHED_MAX: Final = 100
"""Secondary email addresses that one request adds to a profile, or removes."""
CONSENT_LISTS_MAX: Final = 1_000
"""Lists whose latest statement one profile's consent keeps."""

# Jobs.
BULK_IMPORT_PROFILES_MAX: Final = 10_000
"""Profiles of one bulk import job."""
JOB_LISTS_MAX: Final = 100
"""Lists that one bulk import job may name."""
JOB_PROFILES_MAX: Final = 100
"""Profiles of one job that unsubscribes, suppresses or unsuppresses."""
SUBSCRIBED_PROFILES_MAX: Final = 1_000
"""Profiles of one job that subscribes, from revision 2024-07-15 on; JOB_PROFILES_MAX before."""
JOB_PUSH_TOKENS_MAX: Final = 100
"""Push tokens of one profile in a job."""
JOB_DAYS_KEPT: Final = 30
"""Days after which a job can't be read any more."""

# Accounts and keys.
ACCOUNT_NAME_CHARACTERS_MAX: Final = 100
"""Characters of an account's name."""
KEY_LABEL_CHARACTERS_MAX: Final = 200
"""Characters of a key's label."""
KEY_CHARACTERS_MAX: Final = 200
"""Characters of an API key as sent; longer ones are invalid."""
METRICS_PER_ACCOUNT_MAX: Final = 10_000
"""Metrics of one account; a request that would make more is refused."""
ATTRIBUTION_WINDOW_SECONDS_MAX: Final = 30 * 86_400
"""How long a window of attribution is at the most, as in the service."""
ATTRIBUTION_WINDOWS_MAX: Final = 100
"""Metrics of an account whose windows differ from the defaults."""
RETURN_METRICS_MAX: Final = 20
"""Metrics of refunds and cancellations of an account."""

# Errors of a refused request.
FAULTS_MAX: Final = 100
"""Errors reported for one request; further ones are left out."""
ECHO_CHARACTERS_MAX: Final = 100
"""Characters of an invalid value that a message repeats."""
