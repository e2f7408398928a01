"""Every limit, by name, with its unit. Nothing in eventkeep is unbounded.

The first block has the limits of the Klaviyo Events API (from its guides and OpenAPI documents); the others are ours.
"""

from __future__ import annotations

from typing import Final

# The wire: sizes of a request.
BODY_BYTES_MAX: Final = 5_000_000
"""Bytes of a request body, counted after decompression."""
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
IDENTIFIER_CHARACTERS_MAX: Final = 255
"""Characters of an external_id, anonymous_id, _kx."""
EMAIL_CHARACTERS_MAX: Final = 254
"""Characters of an email address."""
PROFILE_ATTRIBUTE_CHARACTERS_MAX: Final = 10_000
"""Characters of a plain profile attribute such as first_name or image."""
PROFILE_PROPERTIES_MAX: Final = 400
"""Keys of one profile's properties after a merge."""
PROFILE_PROPERTIES_BYTES_MAX: Final = 1_000_000
"""Bytes of one profile's properties as JSON after a merge."""
PROFILE_PAYLOAD_BYTES_MAX: Final = 100_000
"""Bytes of the body that creates, updates or imports one profile, and of one profile of a bulk import."""
BULK_IMPORT_PROFILES_MAX: Final = 10_000
"""Profiles of one bulk import job."""
IDENTIFIERS_PATCHED_MAX: Final = 100
"""Secondary email addresses that one request adds to a profile, or removes."""
JOB_PROFILES_MAX: Final = 100
"""Profiles of one job that unsubscribes, suppresses or unsuppresses."""
SUBSCRIBED_PROFILES_MAX: Final = 1_000
"""Profiles of one job that subscribes, from revision 2024-07-15 on; JOB_PROFILES_MAX before."""
JOB_PUSH_TOKENS_MAX: Final = 100
"""Push tokens of one profile in a job."""
IMPORT_SLICE_PROFILES: Final = 500
"""Profiles of a bulk import that are written in one commit."""
PARSED_IN_LOOP_BYTES_MAX: Final = 20_000
"""Bytes of a body about profiles up to which it is parsed in the event loop; larger ones are parsed in a thread."""
JOB_DAYS_KEPT: Final = 30
"""Days after which a job can't be read any more."""
JOB_LISTS_MAX: Final = 100
"""Lists that one bulk import job may name."""
PAGE_PROFILES_DEFAULT: Final = 20
"""Profiles on a page if the request gives no size."""
PAGE_PROFILES_MAX: Final = 100
"""Profiles on a page, at the most."""
EVENT_YEAR_MIN: Final = 2000
"""Events are at or after the first second of this year (UTC)."""
EVENT_FUTURE_SECONDS_MAX: Final = 366 * 24 * 3600
"""The most that an event's time may be in the future, in seconds."""
PAGE_EVENTS_DEFAULT: Final = 200
"""Events on a page if the request or the revision gives no size."""
PAGE_BYTES_MAX: Final = 10_000_000
"""Bytes of properties, and of included profiles, at which a page ends early; two of the largest events fit."""
ATTRIBUTION_WINDOW_SECONDS_MAX: Final = 30 * 86_400
"""How long a window of attribution is at the most, as in the service."""
RETURN_METRICS_MAX: Final = 20
"""Metrics of refunds and cancellations of an account."""
PREDICTIONS_FIT_HOURS: Final = 24
"""Hours from one fit of an account's predictions to the next, unless the server's settings say otherwise."""
PREDICTIONS_FIT_HOURS_MAX: Final = 24 * 366
"""The most hours that the setting may have."""
PREDICTIONS_CHECK_SECONDS: Final = 60.0
"""How often the server looks whether a fit is due."""
PREDICTIONS_FIT_SECONDS_MAX: Final = 600.0
"""How long one fit may take; after that it is given up until the next one is due."""
ATTRIBUTION_WINDOWS_MAX: Final = 100
"""Metrics of an account whose windows differ from the defaults."""
PAGE_EVENTS_MAX: Final = 1_000
"""The most events on a page, if the revision has ``page[size]``."""

# Errors of a refused request.
FAULTS_MAX: Final = 100
"""Errors reported for one request; further ones are left out."""
ECHO_CHARACTERS_MAX: Final = 100
"""Characters of an invalid value that a message repeats."""

# Query strings and headers.
QUERY_BYTES_MAX: Final = 16_384
"""Bytes of a query string, as it is sent."""
FILTER_CHARACTERS_MAX: Final = 8_192
"""Characters of a filter."""
FILTER_CONDITIONS_MAX: Final = 32
"""Conditions in one filter."""
FILTER_NESTING_MAX: Final = 8
"""Levels of and(…) in one filter."""
CURSOR_CHARACTERS_MAX: Final = 1_024
"""Characters of a cursor."""

# The body while it arrives.
BODY_SECONDS_MAX: Final = 30.0
"""Seconds in which a whole request body must have arrived."""
GZIP_MEMBERS_MAX: Final = 100
"""Members of a gzip body; compressors that work in blocks write several."""
JSON_NESTING_MAX: Final = 64
"""Levels of a whole request document; deeper ones are refused before parsing."""

# Ingest.
QUEUE_EVENTS_MAX: Final = 200_000
"""Events that may wait for their commit; past it: 503."""
QUEUE_BYTES_MAX: Final = 200_000_000
"""Body bytes that may wait for their commit; past it: 503."""
BATCH_EVENTS_MAX: Final = 50_000
"""Events in one commit."""
BATCH_BYTES_MAX: Final = 50_000_000
"""Body bytes in one commit: it holds its events as columns and once more as a record of the log."""
RETRY_AFTER_SECONDS: Final = 1
"""The `Retry-After` of a request that is refused because the queue is full, in seconds."""

# The stores.
PROFILE_CACHE_ENTRIES_MAX: Final = 200_000
"""Profiles kept in memory beside the directory."""
PROFILE_CACHE_BYTES_MAX: Final = 300_000_000
"""Bytes of memory of these profiles together, approximately."""
SETTLED_WRITES_MAX: Final = 1_000_000
"""Profile writes that are known to change nothing; some 250 bytes of memory each."""
CHANGED_PROFILES_MAX: Final = 1_000_000
"""Profiles whose last change is kept in memory, to tell such writes from others; some 90 bytes each."""
CONSENT_LISTS_MAX: Final = 1_000
"""Lists whose latest statement one profile's consent keeps."""
METRICS_PER_PAGE: Final = 200
"""Metrics on a page of get_metrics."""
METRIC_PROPERTY_EVENTS_MAX: Final = 1_000
"""Newest events of a metric in which its properties are looked for."""
METRIC_PROPERTIES_MAX: Final = 1_000
"""Properties of one metric that are told."""
METRIC_PROPERTY_SAMPLES_MAX: Final = 10
"""Sample values of one property that are told."""
METRIC_PROPERTY_SAMPLE_CHARACTERS_MAX: Final = 200
"""Characters of a sample value; longer ones are not told."""
AGGREGATE_RANGE_DAYS_MAX: Final = 366
"""Days of the time range of one query for aggregates."""
AGGREGATE_FILTERS_MAX: Final = 32
"""Filters of one query for aggregates."""
AGGREGATE_DIMENSIONS_MAX: Final = 16
"""Dimensions by which one query for aggregates groups."""
AGGREGATE_ROWS_DEFAULT: Final = 500
"""Rows on a page of aggregates if the query does not say how many."""
AGGREGATE_ROWS_MAX: Final = 1_000
"""Rows on a page of aggregates, at most."""
AGGREGATE_GROUPS_MAX: Final = 100_000
"""Groups of one query for aggregates, over all its pages."""
AGGREGATE_GROUPED_EVENTS_MAX: Final = 20_000_000
"""Events of one query for aggregates that groups or filters by dimensions."""
AGGREGATE_PROFILES_HELD_MAX: Final = 16_000_000
"""Profile numbers held while unique profiles are counted; more are made distinct first."""
METRICS_PER_ACCOUNT_MAX: Final = 10_000
"""Metrics of one account; a request that would make more is refused."""
METRIC_CACHE_ENTRIES_MAX: Final = 100_000
"""Metrics kept in memory beside the directory."""
ACCOUNT_SETTING_CACHE_ENTRIES_MAX: Final = 10_000
"""Settings of accounts kept in memory."""
KEY_CACHE_ENTRIES_MAX: Final = 1_000
"""Keys in the cache of look-ups."""
KEY_CACHE_SECONDS_MAX: Final = 0.5
"""Seconds that a key's look-up stays in the cache; a revocation takes effect within them."""
SQL_PARAMETERS_MAX: Final = 5_000
"""Values bound in one IN list; longer lists are sent in pieces."""
READER_THREADS: Final = 4
"""Threads that read the event log, each on a connection of its own."""
PAGES_REMEMBERED_BYTES_MAX: Final = 50_000_000
"""Bytes of the cache of pages, which is valid until the event log's table changes."""
EVENTS_REMEMBERED_BYTES_MAX: Final = 20_000_000
"""Bytes of the cache of recently read events by id; it may exceed this by one page for a moment."""
PAGE_QUERY_BYTES_MAX: Final = 100_000_000
"""Bytes of memory that the engine may use for a page before it is asked for the size of the page's events."""
STORE_DESCRIPTORS_MAX: Final = 256
"""Files of the event store that are open at once, beside those being read at the moment."""
BLOCK_TABLES_BYTES_MAX: Final = 64_000_000
"""Bytes of memory for the tables of document files: 1.5 for each document in full blocks."""
SEGMENT_ROWS_MAX: Final = 1 << 24
"""Events in one segment."""
SEGMENT_FLUSH_BYTES: Final = 100_000_000
"""Bytes of events in memory at which they are flushed to a segment, before they are FLUSH_EVENTS."""
SEGMENT_FLUSH_SECONDS: Final = 60.0
"""The longest time that events wait in memory for their flush, in seconds; the log has them meanwhile."""
TAIL_PART_EVENTS: Final = 65_536
"""Events up to which parts of the event store's tail are joined: so many are sorted at once for a read."""
MERGE_ROWS: Final = 16_384
"""Rows of each segment that a merge has in memory, and rows that a flush writes at once."""
MERGE_RESERVE_BYTES: Final = 256_000_000
"""Free bytes that a merge leaves on the disk beside its output, for the log and for flushes."""
REPACKED_ROWS_MAX: Final = 65_536
"""Rows up to which a merge packs the documents anew; those of larger segments stay in place."""
REPACKED_BYTES_MAX: Final = 64_000_000
"""Bytes of document files up to which a merge packs the documents anew."""
SHARED_BLOCK_ROWS_MAX: Final = 1_024
"""Rows of a segment below which documents of several accounts share a block."""
PACKED_AT_ONCE_EVENTS: Final = 32_768
"""Documents that are packed into blocks at once."""
PACKED_AT_ONCE_BYTES: Final = 16_000_000
"""Bytes of documents that are packed into blocks at once, unless one document has more."""
DOCUMENTS_AT_ONCE_BYTES: Final = 32_000_000
"""Bytes of blocks that are decompressed at once, unless the block of one document has more."""
SCAN_ROWS: Final = 4_096
"""Rows of each segment that a scan has in memory."""
LOOK_BACK_ROWS: Final = 65_536
"""Rows of a segment that a look-back reads at once."""
LOOK_BACK_RANGES_MAX: Final = 8
"""Time ranges in which a look-back searches every segment; further ones are joined with their neighbours."""
KEYS_AT_ONCE: Final = 2_048
"""Keys that are looked up in the segments at once."""
FILTER_RETRY_SECONDS: Final = 5.0
"""The pause after an error while the filter of known keys is built, in seconds."""
READS_WAITING_MAX: Final = 1_000
"""Reads that may wait for a reader thread; past it: 503."""

# Imports.
IMPORT_LINE_BYTES_MAX: Final = 5_000_000
"""Bytes of one line of JSON Lines, and of one field of CSV."""
IMPORT_TIMES_REMEMBERED_MAX: Final = 100_000
"""Distinct parsed times in the cache of an import."""
IMPORT_REQUESTS_AT_ONCE_MAX: Final = 64
"""Concurrent requests of an import."""
IMPORT_FAULTS_SHOWN_MAX: Final = 20
"""Errors of a refused request that are shown, each with its row."""

# The directory.
PROFILES_SORTED_MAX: Final = 4_000
"""Profiles within the bounds of a filter that are sorted for a page; with more, the order is walked."""
IDENTIFIER_CACHE_ENTRIES_MAX: Final = 400_000
"""Identifiers kept in memory beside the directory."""
ACCOUNT_NAME_CHARACTERS_MAX: Final = 100
"""Characters of an account's name."""
KEY_LABEL_CHARACTERS_MAX: Final = 200
"""Characters of a key's label."""
KEY_CHARACTERS_MAX: Final = 200
"""Characters of an API key as sent; longer ones are invalid."""
KEY_LAST_USED_SECONDS: Final = 60.0
"""The interval at which the time of a key's last use is stored, in seconds."""
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

# The log of all changes.
DISK_RESERVE_BYTES: Final = 200_000_000
"""Free bytes of the disk below which creates are refused, so that acknowledged events can still be written."""
DISK_RESERVE_SHARE: Final = 10
"""On a small disk the reserve is this part of it at the most: a tenth."""
DISK_LOOK_SECONDS: Final = 0.2
"""How long a measurement of the free disk may be used, in seconds."""
FAILURE_SECONDS: Final = 1.0
"""How long creates are refused after one could not be written, before the next try, in seconds."""
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
CONTROL_REQUEST_BYTES_MAX: Final = 65_536
"""Bytes of one request to the control socket."""
CONTROL_SECONDS_MAX: Final = 30.0
"""How long a command and the control socket wait for each other, in seconds."""

# The tail of the event store.
FLUSH_EVENTS: Final = 200_000
"""Events in the tail at which they are moved to the table immediately."""
FAILURE_LOG_SECONDS: Final = 60.0
"""Seconds until the same failure of a flush or merge is logged again."""
FLUSH_RETRY_SECONDS: Final = 1.0
"""Seconds between tries to flush the tail or to merge segments after a failure."""
TAIL_EVENTS_MAX: Final = 500_000
"""Events in the tail at which a commit waits for room."""
TAIL_BYTES_MAX: Final = 300_000_000
"""Bytes of events in the tail at which a commit waits for room."""
TAIL_WAIT_SECONDS_MAX: Final = 10.0
"""Seconds that a commit waits for room in the tail before its requests are refused."""

# The server's process.
REFUSALS_LOGGED_PER_SECOND_MAX: Final = 5
"""Refused requests that the server's log has a line of in one second; more are counted."""
TRAFFIC_SUMMARY_SECONDS: Final = 60.0
"""Seconds between two lines of the log that sum up the requests."""
GZIP_BYTES_MIN: Final = 50_000
"""Bytes of a response from which on it is compressed for a client that accepts gzip."""
DRAIN_SECONDS_MAX: Final = 15.0
"""Seconds that a stopping server waits for open requests."""
CLOSE_SECONDS_MAX: Final = 5.0
"""Seconds that a stopping server continues to send responses to slow clients."""
HEADER_BYTES_MAX: Final = 65_536
"""Bytes of a request's line and headers."""
HEADERS_MAX: Final = 100
"""Headers of a request."""
HEADER_SECONDS_MAX: Final = 15.0
"""Seconds in which a request's headers must have arrived, and that an idle connection stays open."""
READING_SECONDS_MAX: Final = 30.0
"""Seconds in which a client must read some of its response."""
LINGER_SECONDS_MAX: Final = 2.0
"""Seconds that the server reads from a client after its last response, or works on a page after the client has left."""
UNSENT_BYTES_MAX: Final = 200_000_000
"""Bytes of all responses that clients have not read yet; past it those with the most are cut off."""
ACCEPTED_AT_ONCE_MAX: Final = 100
"""Connections that are accepted in one step."""
CONNECTIONS_PER_HOST_MAX: Final = 512
"""Connections of one client address, by default; an IPv6 address counts with its network of 64 bits."""
CONNECTIONS_MAX: Final = 1_024
"""Connections that are served at once. If none of them is idle, others wait to be accepted."""
OPEN_FILES_WANTED: Final = 65_536
"""The server's limit of open files, if the system allows it: its connections and the parts of the table."""
LISTEN_BACKLOG: Final = 1_024
"""Connections that may wait to be accepted."""

# Caches of parsed values, and lengths of texts that are parsed.
PHONE_NUMBER_CHARACTERS_MAX: Final = 40
"""Characters of a phone number as it is sent, with its separators."""
PHONE_NUMBERS_REMEMBERED_MAX: Final = 65_536
"""Distinct phone numbers in the cache of E.164 forms."""
TIME_CHARACTERS_MAX: Final = 64
"""Characters of an event's time; a fraction of a second may be of any length up to it."""
COLLECTOR_ALLOCATIONS: Final = 100_000
"""Objects that are created and not freed before the garbage collector looks for cycles."""
SWITCH_SECONDS: Final = 0.002
"""The time after which a thread that waits for the interpreter's lock requests it, in seconds."""
PROFILES_REMEMBERED_MAX: Final = 50_000
"""Parsed profiles of create bodies in the cache, by their bytes."""
PROFILE_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a profile in a create body from which on it is not cached."""
METRIC_NAMES_REMEMBERED_MAX: Final = 2_000
"""Parsed metrics of create bodies in the cache, by their bytes."""
METRIC_BYTES_REMEMBERED_MAX: Final = 1_000
"""Bytes of a metric in a create body from which on it is not cached."""

# The SDK.
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
COMPLETION_SECONDS_MAX: Final = 2.0
"""Seconds that a shell waits for the names of metrics to complete a command."""
METRIC_NAMES_SECONDS_MAX: Final = 60.0
"""Seconds for which the SDK remembers the ids of the metrics of a name."""
RESPONSE_HEAD_BYTES_MAX: Final = 100_000
"""Bytes of the status line and the headers of a response that the SDK reads."""
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
PARSER_THREADS: Final = 2
"""Threads that parse, in full, the create bodies that the native parser leaves."""
PARSER_BYTES_MAX: Final = 100_000_000
"""Bytes of the bodies that may wait for these threads; past it: 503."""
HEADS_REMEMBERED_MAX: Final = 10_000
"""Parsed heads of creates in the cache, by their bytes; they differ in their keys and their lengths."""
HEADS_BYTES_REMEMBERED_MAX: Final = 30_000_000
"""Bytes of memory of these heads together, approximately."""
HEAD_BYTES_REMEMBERED_MAX: Final = 2_000
"""Bytes of a head from which on it is not cached."""
GATHERING_SECONDS_MAX: Final = 0.005
"""The longest time for which arriving single creates are gathered for one commit, in seconds."""
GATHERED_SINGLES_MAX: Final = 500
"""Single creates that are parsed together."""
GATHERED_BYTES_MAX: Final = 4_000_000
"""Bytes of the bodies of single creates that are parsed together."""
BODIES_BYTES_MAX: Final = 250_000_000
"""Bytes of all request bodies in memory, by their announced and their decompressed size; past it: 503."""

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

# The commands that read.
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
READING_RETRIES_MAX: Final = 2
"""Retries of a request by an interactive command."""
LISTED_MAX: Final = 100_000
"""The most rows that a listing command prints; use eventkeep export for more."""
FOLLOW_OUTAGE_SECONDS_MAX: Final = 600.0
"""Seconds that eventkeep tail waits for a server that does not respond."""
FOLLOW_PAUSE_SECONDS: Final = 1.0
"""Seconds between two tries of eventkeep tail to reach a server that does not respond."""
IMPORT_PROFILES_REMEMBERED_MAX: Final = 20_000
"""Profiles of an export whose documents are in the cache of an import."""
IMPORT_OVERLAP_SECONDS: Final = 3_600
"""The default overlap of the second pass of an import from a server with the first, in seconds."""

# Many machines.
CLUSTER_CONNECT_SECONDS_MAX: Final = 2.0
"""Seconds in which a connection to a server of NATS has to be made before the next server is tried."""
CLUSTER_PING_SECONDS: Final = 1.0
"""Seconds between two checks that the server of NATS still responds."""
CLUSTER_REQUEST_SECONDS_MAX: Final = 1.0
"""Seconds in which a server of NATS has to respond before the request is repeated."""
CLUSTER_USELESS_SECONDS_MAX: Final = 2.0
"""Seconds after which a server of NATS through which nothing got done is left for the next one."""
CLUSTER_START_SECONDS_MAX: Final = 30.0
"""Seconds that a start waits for the servers of NATS."""
CLUSTER_MONITOR_SECONDS_MAX: Final = 2.0
"""Seconds in which the monitoring of a server of NATS has to respond."""
CLUSTER_MONITOR_BYTES_MAX: Final = 4_000_000
"""Bytes of a document of the monitoring that are read."""
CLUSTER_FETCH_RECORDS: Final = 256
"""Records that are asked for at once."""
CLUSTER_FETCH_BYTES: Final = 8_000_000
"""Bytes of messages that are asked for at once, and one message more."""
CLUSTER_FETCH_SECONDS_MAX: Final = 5.0
"""Seconds in which the next of the records that were asked for has to arrive."""
CLUSTER_LINK_BYTES_PER_SECOND_MIN: Final = 2_000_000
"""Bytes a second that a link to a server of NATS is expected to carry: larger messages are given more time."""
CLUSTER_MESSAGE_SPARE_BYTES: Final = 4_096
"""Bytes of a message that are left for its headers."""
CLUSTER_APPEND_SECONDS_MAX: Final = 10.0
"""Seconds that an append is tried before its requests are refused and the leader gives way."""
CLUSTER_READ_SECONDS_MAX: Final = 10.0
"""Seconds that a record that has to be there is asked for, from one replica after the other."""
CLUSTER_LAG_SECONDS_MAX: Final = 1.0
"""Seconds that a replica may be behind a record that is known to be kept before another one is asked."""
CLUSTER_SHORT_SECONDS_MAX: Final = 30.0
"""Seconds that a stream may seem to end before a record that was applied, as servers that are cut off tell."""
CLUSTER_LEASE_SECONDS: Final = 2.0
"""Seconds that a lease holds after it was renewed."""
CLUSTER_RENEW_SECONDS: Final = 0.4
"""Seconds between two renewals of the lease, and between two looks at another node's."""
CLUSTER_BEHIND_SECONDS_MAX: Final = 3.0
"""Seconds since a node had applied all records after which it leaves a free lease to others."""
CLUSTER_BEHIND_WAIT_SECONDS: Final = 10.0
"""Seconds after which a node that is behind takes a free lease all the same."""
CLUSTER_TELL_SECONDS: Final = 1.0
"""Seconds between two times that a node tells of itself."""
CLUSTER_CHECK_SECONDS: Final = 30.0
"""Seconds between two looks at the settings of the servers of NATS."""
CLUSTER_FORGET_SECONDS: Final = 24 * 3600.0
"""Seconds after which no record is kept any more for a node that told nothing of itself."""
CLUSTER_POSITION_SECONDS_MAX: Final = 5.0
"""Seconds that a request waits until its node has applied the position that it asks for."""
CLUSTER_FORWARD_SECONDS_MAX: Final = 12.0
"""Seconds that a node waits for the leader's response to a request that it has passed on."""
CLUSTER_FORWARD_CONNECT_SECONDS_MAX: Final = 1.0
"""Seconds in which a connection to the leader has to be made."""
CLUSTER_CONNECTIONS_KEPT_MAX: Final = 64
"""Idle connections to another node that are kept."""
CLUSTER_SESSIONS_MAX: Final = 10_000
"""API keys whose last write through a node that does not lead is remembered, so that their reads see it."""
CLUSTER_POLL_SECONDS: Final = 0.5
"""Seconds after which a follower looks for new records although it was not told of any."""

# Totals.
RESTING_BYTES: Final = 500_000_000
"""Bytes of memory of an idle server: the interpreter, the engine, and their mapped files."""
READING_BYTES_MAX: Final = (
    # Pages in the engine, as rows, as events and as bytes; each thread keeps the memory for the next page.
    READER_THREADS * (PAGE_QUERY_BYTES_MAX + 4 * PAGE_BYTES_MAX)
    + PAGES_REMEMBERED_BYTES_MAX
    + EVENTS_REMEMBERED_BYTES_MAX
)
"""The most bytes of memory that pages take, approximately, while they are read and after."""
MEMORY_BYTES_MAX: Final = (
    RESTING_BYTES
    + CONNECTIONS_MAX * 2 * HEADER_BYTES_MAX
    + UNSENT_BYTES_MAX
    # Bodies: as received pieces, as a whole, and as Python values; and the parsed ones that wait.
    + 3 * BODIES_BYTES_MAX
    + QUEUE_BYTES_MAX
    # Bodies that wait for the full parser, and those that it has as Python values.
    + PARSER_BYTES_MAX
    + PARSER_THREADS * 20 * BODY_BYTES_MAX
    # A commit: columns, rows and record; then the tail, which one commit may overfill, and its move into the table.
    + 3 * BATCH_BYTES_MAX
    + 3 * (TAIL_BYTES_MAX + BATCH_BYTES_MAX)
    + READING_BYTES_MAX
    + PROFILE_CACHE_BYTES_MAX
)
"""Bytes of memory that a server takes under any load, approximately; measured values are lower.

It does not include the seen filter, which takes 4 to 16 bytes per stored event.
"""

# The stand-in's controls.
FAULT_RULES_MAX: Final = 1_000
"""Fault rules of one account."""
FAULT_TEXT_CHARACTERS_MAX: Final = 1_000
"""Characters of a text in a condition of a fault rule."""
FAULT_DELAY_SECONDS_MAX: Final = 120.0
"""The longest latency that a fault rule adds, in seconds."""
SEED_ACCOUNTS_MAX: Final = 1_000
"""Accounts of a seed file."""
SEED_CUSTOMERS_MAX: Final = 1_000_000
"""Customers that a seed generates for one account."""
SEED_DAYS_MAX: Final = 3_650
"""Days over which a seed spreads generated events."""
SEED_EVENTS_MAX: Final = 10_000_000
"""Events that a seed makes for one account."""
CLOCK_RATE_MAX: Final = 1_000_000.0
"""The highest speed of a controlled clock, as a multiple of the system's clock."""
CLOCK_SECONDS_MAX_CONTROLLED: Final = 32_503_680_000.0
"""The latest time that a controlled clock shows, in Unix seconds: the year 3000."""
JOURNAL_ENTRIES_MAX: Final = 1_000
"""Requests in the journal of one account."""
JOURNAL_BYTES_MAX: Final = 4_000_000
"""Bytes that the journal of one account takes, approximately."""
SEED_DUMPED_MAX: Final = 100_000
"""Events, and profiles, of an account that can be dumped as a seed."""
WEBHOOKS_MAX: Final = 10
"""Webhooks of one account, as at the hosted service."""
WEBHOOKS_WAITING_MAX: Final = 10_000
"""Deliveries to webhooks that wait; further events are not delivered."""
JOURNAL_BODY_BYTES_MAX: Final = 10_000
"""Bytes of a request's or response's body that the journal keeps."""
CASSETTE_EXCHANGES_MAX: Final = 100_000
"""Exchanges of one cassette."""
CASSETTE_UPSTREAM_SECONDS_MAX: Final = 60.0
"""Seconds that a recorder waits for the server that it forwards to."""
